//! What comes before the first AMQP frame: protocol headers and SASL.
//!
//! Everybody is let in, as in Microsoft's emulator: the listener is for one's own machine.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::frame::{Frame, FrameKind, code, put_frame, take_frame};
use super::value::Value;

const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";
const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";

/// Python's SDK insists on `ANONYMOUS`; the first is Service Bus's own.
const MECHANISMS: [&str; 4] = ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"];

/// Brings a new connection to where AMQP frames begin. What was read beyond stays in `buffer`.
pub(super) async fn handshake(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    buffer: &mut BytesMut,
) -> io::Result<()> {
    let mut header = read_header(reader, buffer).await?;
    if header == SASL_HEADER {
        let mut out = BytesMut::from(&SASL_HEADER[..]);
        let mechanisms = Value::Array(MECHANISMS.map(Value::symbol).to_vec());
        put_frame(
            &mut out,
            FrameKind::Sasl,
            0,
            code::SASL_MECHANISMS,
            vec![mechanisms],
            &[],
        );
        writer.write_all(&out).await?;
        loop {
            let frame = read_frame(reader, buffer).await?;
            if matches!(frame.performative, Some((code::SASL_INIT, _))) {
                break;
            }
        }
        out.clear();
        put_frame(
            &mut out,
            FrameKind::Sasl,
            0,
            code::SASL_OUTCOME,
            vec![Value::Ubyte(0)],
            &[],
        );
        writer.write_all(&out).await?;
        header = read_header(reader, buffer).await?;
    }
    // Also the answer to whoever speaks something else: it says what is spoken here.
    writer.write_all(&AMQP_HEADER).await?;
    if header == AMQP_HEADER {
        Ok(())
    } else {
        Err(invalid("the peer does not speak AMQP 1.0"))
    }
}

async fn read_header(reader: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<[u8; 8]> {
    loop {
        if let Some(header) = buffer.first_chunk::<8>().copied() {
            buffer.advance(8);
            return Ok(header);
        }
        read_more(reader, buffer).await?;
    }
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<Frame> {
    loop {
        if let Some(frame) = take_frame(buffer, FrameKind::Sasl).map_err(|error| invalid(&error.to_string()))? {
            return Ok(frame);
        }
        read_more(reader, buffer).await?;
    }
}

async fn read_more(reader: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> io::Result<()> {
    match reader.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
