//! Bodies that are kept while they pass.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Value, json};

/// Most bytes that are kept of a body.
pub const KEPT_BYTES: usize = 16 * 1024;

/// The beginning of a body, growing while that passes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Beginning>>);

#[derive(Debug, Default)]
struct Beginning {
    bytes: Vec<u8>,
    /// Of the whole body, as far as it has passed.
    length: u64,
}

impl Kept {
    /// The beginning of a body that is there as a whole.
    pub fn of(body: &[u8]) -> Self {
        let kept = Self::default();
        kept.add(body);
        kept
    }

    fn add(&self, data: &[u8]) {
        let mut beginning = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beginning.length += data.len() as u64;
        let room = KEPT_BYTES - beginning.bytes.len();
        // A copy: a piece of the reader's buffer would keep all of that.
        beginning.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// `{"text" or "base64", "length", "truncated"}`; null for an empty body.
    pub fn to_json(&self) -> Value {
        let beginning = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if beginning.length == 0 {
            return Value::Null;
        }
        let truncated = beginning.length > beginning.bytes.len() as u64;
        let mut json = json!({"length": beginning.length, "truncated": truncated});
        match text(&beginning.bytes, truncated) {
            Some(text) => json["text"] = json!(text),
            None => json["base64"] = json!(base64::engine::general_purpose::STANDARD.encode(&beginning.bytes)),
        }
        json
    }
}

/// The bytes as text, where they are one. A cut may go through a character.
fn text(bytes: &[u8], truncated: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if truncated && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// A body that passes as it is, while its beginning is kept.
#[derive(Debug)]
pub struct Tap<B> {
    body: B,
    kept: Kept,
}

impl<B> Tap<B> {
    /// Keeps the beginning of `body` in `kept`.
    pub fn new(body: B, kept: Kept) -> Self {
        Self { body, kept }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Tap<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.kept.add(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, Full};

    #[tokio::test]
    async fn a_body_passes_whole_and_its_beginning_stays() {
        let long = "ä".repeat(KEPT_BYTES);
        let kept = Kept::default();
        let body = Tap::new(Full::new(Bytes::from(long.clone())), kept.clone());
        assert_eq!(body.size_hint().exact(), Some(long.len() as u64));
        assert_eq!(kept.to_json(), Value::Null);
        assert_eq!(body.collect().await.unwrap().to_bytes(), long);
        let json = kept.to_json();
        assert_eq!(json["text"].as_str().unwrap().len(), KEPT_BYTES);
        assert_eq!(
            (json["length"].as_u64().unwrap(), &json["truncated"]),
            (long.len() as u64, &json!(true))
        );
    }

    #[test]
    fn what_is_no_text_is_base64_and_a_cut_character_is_left_out() {
        assert_eq!(
            Kept::of(b"\xff").to_json(),
            json!({"base64": "/w==", "length": 1, "truncated": false})
        );
        let cut = format!("a{}", "ä".repeat(KEPT_BYTES));
        let json = Kept::of(cut.as_bytes()).to_json();
        assert_eq!(json["text"].as_str().unwrap().len(), KEPT_BYTES - 1);
    }
}
