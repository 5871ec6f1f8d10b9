//! Frames: what goes over the wire (part 2 of the specification, section 2.3).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::decode::{DecodeError, decode};
use super::encode::encode;
use super::value::Value;

/// The largest frame that is accepted, in bytes; longer messages take several.
pub(super) const FRAME_BYTES_MAX: u32 = 64 * 1024;

/// Descriptor codes of the performatives and of what they contain.
pub(super) mod code {
    pub(crate) const OPEN: u64 = 0x10;
    pub(crate) const BEGIN: u64 = 0x11;
    pub(crate) const ATTACH: u64 = 0x12;
    pub(crate) const FLOW: u64 = 0x13;
    pub(crate) const TRANSFER: u64 = 0x14;
    pub(crate) const DISPOSITION: u64 = 0x15;
    pub(crate) const DETACH: u64 = 0x16;
    pub(crate) const END: u64 = 0x17;
    pub(crate) const CLOSE: u64 = 0x18;
    pub(crate) const ERROR: u64 = 0x1d;
    pub(crate) const RECEIVED: u64 = 0x23;
    pub(crate) const ACCEPTED: u64 = 0x24;
    pub(crate) const REJECTED: u64 = 0x25;
    pub(crate) const RELEASED: u64 = 0x26;
    pub(crate) const MODIFIED: u64 = 0x27;
    pub(crate) const SASL_MECHANISMS: u64 = 0x40;
    pub(crate) const SASL_INIT: u64 = 0x41;
    pub(crate) const SASL_OUTCOME: u64 = 0x44;
}

/// The type in a frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Amqp,
    Sasl,
}

impl FrameKind {
    fn byte(self) -> u8 {
        match self {
            Self::Amqp => 0,
            Self::Sasl => 1,
        }
    }
}

/// A frame that arrived.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) channel: u16,
    /// Descriptor code and fields; nothing in a frame that only keeps the connection alive.
    pub(super) performative: Option<(u64, Vec<Value>)>,
    /// What follows the performative: the content of a transfer.
    pub(super) payload: Bytes,
}

impl Frame {
    /// Whether the peer ends a link, a session or the connection.
    pub(super) fn ends_something(&self) -> bool {
        let code = self.performative.as_ref().map(|(code, _)| *code);
        matches!(code, Some(code::DETACH | code::END | code::CLOSE))
    }
}

/// Takes one frame off the front of what was read, if it is complete.
pub(super) fn take_frame(buffer: &mut BytesMut, kind: FrameKind) -> Result<Option<Frame>, DecodeError> {
    let Some(header) = buffer.first_chunk::<8>() else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
    let offset = usize::from(header[4]) * 4;
    let channel = u16::from_be_bytes([header[6], header[7]]);
    if !(8..=FRAME_BYTES_MAX).contains(&size) || offset < 8 || offset > size as usize || header[5] != kind.byte() {
        return Err(DecodeError::Invalid);
    }
    if buffer.len() < size as usize {
        return Ok(None);
    }
    let mut body = buffer.split_to(size as usize).freeze();
    body.advance(offset);
    if body.is_empty() {
        return Ok(Some(Frame {
            channel,
            performative: None,
            payload: body,
        }));
    }
    let Value::Described(described) = decode(&mut body)? else {
        return Err(DecodeError::Invalid);
    };
    let (Value::Ulong(code), Value::List(fields)) = *described else {
        return Err(DecodeError::Invalid);
    };
    Ok(Some(Frame {
        channel,
        performative: Some((code, fields)),
        payload: body,
    }))
}

/// Appends a frame. Nulls at the end of the fields are left out.
pub(super) fn put_frame(
    out: &mut BytesMut,
    kind: FrameKind,
    channel: u16,
    code: u64,
    mut fields: Vec<Value>,
    payload: &[u8],
) {
    while fields.last() == Some(&Value::Null) {
        fields.pop();
    }
    let start = out.len();
    out.put_slice(&[0, 0, 0, 0, 2, kind.byte()]);
    out.put_u16(channel);
    encode(&Value::composite(code, fields), out);
    out.put_slice(payload);
    let size = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// Appends the frame that only keeps the connection alive.
pub(super) fn put_heartbeat(out: &mut BytesMut) {
    out.put_slice(&[0, 0, 0, 8, 2, 0, 0, 0]);
}

/// An error as peers understand it. It always has its third field: one SDK reads it without looking.
pub(super) fn error(condition: &str, description: &str) -> Value {
    Value::composite(
        code::ERROR,
        vec![
            Value::symbol(condition),
            Value::string(description),
            Value::Map(Vec::new()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        let mut out = BytesMut::new();
        put_heartbeat(&mut out);
        put_frame(
            &mut out,
            FrameKind::Amqp,
            7,
            code::CLOSE,
            vec![error("c", "d"), Value::Null],
            b"rest",
        );
        let mut partial = BytesMut::from(&out[..out.len() - 1]);
        let heartbeat = take_frame(&mut partial, FrameKind::Amqp)
            .expect("valid")
            .expect("complete");
        assert!(heartbeat.performative.is_none());
        assert!(take_frame(&mut partial, FrameKind::Amqp).expect("valid").is_none());
        out.advance(8);
        let frame = take_frame(&mut out, FrameKind::Amqp).expect("valid").expect("complete");
        assert_eq!(frame.channel, 7);
        assert_eq!(frame.performative, Some((code::CLOSE, vec![error("c", "d")])));
        assert_eq!(&frame.payload[..], b"rest");
    }

    #[test]
    fn impossible_headers_are_errors() {
        for header in [
            [0, 0, 0, 7, 2, 0, 0, 0],
            [0, 0, 0, 8, 1, 0, 0, 0],
            [0, 0, 0, 8, 3, 0, 0, 0],
            [0xff, 0, 0, 0, 2, 0, 0, 0],
            [0, 0, 0, 8, 2, 9, 0, 0],
        ] {
            assert!(
                take_frame(&mut BytesMut::from(&header[..]), FrameKind::Amqp).is_err(),
                "{header:?}"
            );
        }
    }
}
