//! The body of a handler's answer on its way to the caller.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::throttle::Place;
use crate::config::Function;
use crate::handler::Called;
use crate::invocation::Invoker;
use crate::tap::{Kept, Tap};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The longest silence within an answer.
const LONGEST_SILENCE: Duration = Duration::from_mins(4);

/// A body that keeps its place among the requests that run, makes a polite restart of the handler wait, and breaks off
/// where it takes too long.
pub struct Held {
    body: Tap<Incoming>,
    place: Place,
    under_way: Option<TaskTrackerToken>,
    end: Option<End>,
    /// Made when the body first has to be waited for: most never are.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// When the whole must be over, and who is told if it is not.
struct End {
    at: Instant,
    invoker: Invoker,
    function: Arc<Function>,
    life: u64,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Held")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

impl Held {
    /// The head of an answer and, held, its body. `end` is when `functionTimeout` is over; the beginning of the body
    /// goes into `kept`.
    pub(super) fn response(
        called: Called,
        invoker: &Invoker,
        function: &Arc<Function>,
        end: Option<Instant>,
        kept: Kept,
    ) -> Response<Self> {
        let (response, life, under_way) = called.into_parts();
        response.map(|body| Self {
            body: Tap::new(body, kept),
            place: Place::default(),
            under_way: Some(under_way),
            end: end.map(|at| End {
                at,
                invoker: invoker.clone(),
                function: Arc::clone(function),
                life,
            }),
            alarm: None,
        })
    }

    /// Holds `place` until the body is through.
    pub(super) fn in_place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    fn alarm_at(&self) -> Instant {
        let silence = Instant::now() + LONGEST_SILENCE;
        self.end.as_ref().map_or(silence, |end| silence.min(end.at))
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.alarm = None;
            if frame.is_none() {
                self.place = Place::default();
                self.under_way = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let at = self.alarm_at();
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if alarm.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        if let Some(end) = self.end.take_if(|end| end.at <= Instant::now()) {
            let limit = end.invoker.timeout().unwrap_or_default();
            let error = end.invoker.too_long(&end.function, end.life, limit);
            end.invoker
                .console()
                .error(format_args!("Functions.{}: {error}", end.function.name));
            return Poll::Ready(Some(Err(error.into())));
        }
        Poll::Ready(Some(Err("the handler was silent for too long".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
