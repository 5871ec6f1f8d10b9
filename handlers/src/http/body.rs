//! Waiting for a request's body: how large it may be, how slow, and how many at once.

use super::{
    Context, Problem,
    context::Shared,
    problem::{self, BODY_TOO_LARGE, BODY_TOO_SLOW, INCOMPLETE_BODY},
};
use axum::{body::Body, extract::Request};
use bytes::{Bytes, BytesMut};
use futures_util::poll;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::{pin::pin, task::Poll, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of an invocation: a batch of 256 messages of 256 KiB, and what encoding adds to them, stays near the host's own
/// limit of 100 MiB.
const INVOCATION_BYTES_MAX: usize = 100 * 1024 * 1024;
/// How long an invocation may take to arrive from the host, which is on the same machine.
const INVOCATION_TIME_MAX: Duration = Duration::from_mins(1);
/// From here on an invocation takes room that there is little of.
const LARGE_BYTES: usize = 4 * 1024 * 1024;
/// What a caller is told to wait before it asks again, in seconds.
const RETRY_AFTER_SECONDS: u16 = 2;

/// A request's place among those that are worked on. Dropped, it is another's.
#[derive(Default)]
pub(crate) struct Place<'a> {
    request: Option<SemaphorePermit<'a>>,
    large: Option<SemaphorePermit<'a>>,
}

impl<'a> Place<'a> {
    /// A place for one more request, unless there are too many.
    pub(crate) fn take(shared: &'a Shared) -> Result<Self, Problem> {
        match shared.permits.try_acquire() {
            Ok(permit) => Ok(Self {
                request: Some(permit),
                large: None,
            }),
            Err(_) => Err(Problem::new(
                problem::OVERLOADED,
                "as many requests as can be served are being served",
            )
            .retry_after(RETRY_AFTER_SECONDS)),
        }
    }
}

/// Waits for the body of a request that has one, and puts it in whole. Whoever sends it slowly does not hold a place meanwhile
/// in which others could be served.
pub(crate) async fn arrive<'a>(
    context: &'a Context,
    request: Request,
    place: &mut Place<'a>,
) -> Result<Request, Problem> {
    if request.method().is_safe() || context.operation.takes_its_body() {
        return Ok(request);
    }
    let http = &context.app().settings().http;
    let is_http = context.operation.trigger.is_http();
    let (bytes_max, time_max, large) = if is_http {
        (http.body_bytes_max, http.request_timeout, None)
    } else {
        (INVOCATION_BYTES_MAX, INVOCATION_TIME_MAX, Some(&context.shared.large))
    };
    let (parts, body) = request.into_parts();
    check_length(&parts.headers, bytes_max)?;
    let mut reading = pin!(read(body, bytes_max, large));
    let bytes = match poll!(reading.as_mut()) {
        Poll::Ready(read) => {
            let (bytes, large) = read?;
            place.large = large;
            bytes
        }
        Poll::Pending => {
            let had_place = place.request.take().is_some();
            let (bytes, large) = tokio::time::timeout(time_max, reading)
                .await
                .map_err(|_| Problem::new(BODY_TOO_SLOW, "the body did not arrive in time"))??;
            if had_place {
                *place = Place::take(&context.shared)?;
            }
            place.large = large;
            bytes
        }
    };
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Reads a body of at most `bytes_max` bytes; a large one once there is room in `large`.
async fn read(
    body: Body,
    bytes_max: usize,
    large: Option<&Semaphore>,
) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Problem> {
    let mut body = Limited::new(body, bytes_max);
    let mut room = None;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| not_received(&*error, bytes_max))?;
        // Trailers say nothing to us.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = first.len() + all.len() + data.len();
        if room.is_none()
            && length > LARGE_BYTES
            && let Some(large) = large
        {
            // Never closed, so that this only waits.
            room = large.acquire().await.ok();
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    let whole = if all.is_empty() { first } else { all.freeze() };
    Ok((whole, room))
}

/// Refuses a body that says that it is too large.
pub(crate) fn check_length(headers: &HeaderMap, bytes_max: usize) -> Result<(), Problem> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > bytes_max) {
        Err(too_large(bytes_max))
    } else {
        Ok(())
    }
}

/// Why a body of at most `bytes_max` bytes was not read to its end.
pub(crate) fn not_received(error: &(dyn std::error::Error + Send + Sync + 'static), bytes_max: usize) -> Problem {
    if error.is::<LengthLimitError>() {
        return too_large(bytes_max);
    }
    tracing::debug!(error, "a body did not arrive whole");
    Problem::new(INCOMPLETE_BODY, "the connection ended before the body did")
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(BODY_TOO_LARGE, format!("the body may have {bytes_max} bytes at most"))
}

/// The body that [`arrive`] has put in.
pub(crate) async fn arrived(body: Body) -> Result<Bytes, Problem> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(inventory_app::Error::Internal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_in_pieces_is_one_body() {
        let pieces = |texts: &'static [&'static str]| {
            let pieces = texts
                .iter()
                .map(|text| Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes())));
            Body::from_stream(futures_util::stream::iter(pieces))
        };
        for (texts, whole) in [
            (&[][..], ""),
            (&["one"], "one"),
            (&["a", "", "bc", "d"], "abcd"),
            (&["", "a"], "a"),
        ] {
            assert_eq!(read(pieces(texts), 4, None).await.unwrap().0, whole);
        }
        let code = |read: Result<(Bytes, Option<SemaphorePermit<'_>>), Problem>| read.unwrap_err().code();
        assert_eq!(code(read(pieces(&["abcd", "e"]), 4, None).await), BODY_TOO_LARGE);
        let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("gone"))]);
        assert_eq!(code(read(Body::from_stream(broken), 4, None).await), INCOMPLETE_BODY);
    }

    #[tokio::test]
    async fn large_ones_wait_for_room_and_small_ones_do_not() {
        let large = Semaphore::new(1);
        let of = |length: usize| read(Body::from(vec![b'x'; length]), usize::MAX, Some(&large));
        let (_, room) = of(LARGE_BYTES + 1).await.unwrap();
        assert!(of(LARGE_BYTES).await.unwrap().1.is_none());
        let mut next = pin!(of(LARGE_BYTES + 1));
        assert!(poll!(next.as_mut()).is_pending());
        drop(room);
        assert!(next.await.unwrap().1.is_some());
    }
}
