//! Writing AMQP values.

use bytes::{BufMut, BytesMut};

use super::value::Value;

/// Appends a value in its shortest common form.
pub(super) fn encode(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => out.put_u8(0x40),
        Value::Bool(true) => out.put_u8(0x41),
        Value::Bool(false) => out.put_u8(0x42),
        Value::Uint(0) => out.put_u8(0x43),
        Value::Uint(n) if *n < 256 => out.put_slice(&[0x52, *n as u8]),
        Value::Ulong(0) => out.put_u8(0x44),
        Value::Ulong(n) if *n < 256 => out.put_slice(&[0x53, *n as u8]),
        Value::Described(described) => {
            out.put_u8(0x00);
            encode(&described.0, out);
            encode(&described.1, out);
        }
        other => {
            out.put_u8(constructor(other));
            payload(other, out);
        }
    }
}

/// The constructor of a type's widest form.
fn constructor(value: &Value) -> u8 {
    match value {
        Value::Null => 0x40,
        Value::Bool(_) => 0x56,
        Value::Ubyte(_) => 0x50,
        Value::Ushort(_) => 0x60,
        Value::Uint(_) => 0x70,
        Value::Ulong(_) => 0x80,
        Value::Byte(_) => 0x51,
        Value::Short(_) => 0x61,
        Value::Int(_) => 0x71,
        Value::Long(_) => 0x81,
        Value::Float(_) => 0x72,
        Value::Double(_) => 0x82,
        Value::Decimal(bytes) => match bytes.len() {
            4 => 0x74,
            8 => 0x84,
            _ => 0x94,
        },
        Value::Char(_) => 0x73,
        Value::Timestamp(_) => 0x83,
        Value::Uuid(_) => 0x98,
        Value::Binary(_) => 0xb0,
        Value::String(_) => 0xb1,
        Value::Symbol(_) => 0xb3,
        Value::List(_) => 0xd0,
        Value::Map(_) => 0xd1,
        Value::Array(_) => 0xf0,
        Value::Described(_) => 0x00,
    }
}

/// What follows the constructor of a type's widest form.
fn payload(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.put_u8(u8::from(*value)),
        Value::Ubyte(n) => out.put_u8(*n),
        Value::Ushort(n) => out.put_u16(*n),
        Value::Uint(n) => out.put_u32(*n),
        Value::Ulong(n) => out.put_u64(*n),
        Value::Byte(n) => out.put_i8(*n),
        Value::Short(n) => out.put_i16(*n),
        Value::Int(n) => out.put_i32(*n),
        Value::Long(n) | Value::Timestamp(n) => out.put_i64(*n),
        Value::Float(n) => out.put_f32(*n),
        Value::Double(n) => out.put_f64(*n),
        Value::Char(c) => out.put_u32(u32::from(*c)),
        Value::Uuid(id) => out.put_slice(id.as_bytes()),
        Value::Decimal(bytes) => out.put_slice(bytes),
        Value::Binary(bytes) => variable(bytes, out),
        Value::String(text) | Value::Symbol(text) => variable(text.as_bytes(), out),
        Value::List(items) => compound(items.len(), out, |out| items.iter().for_each(|item| encode(item, out))),
        Value::Map(entries) => compound(entries.len() * 2, out, |out| {
            for (key, value) in entries {
                encode(key, out);
                encode(value, out);
            }
        }),
        // All elements have the type of the first. An empty array has the type of what it could hold.
        Value::Array(items) => compound(items.len(), out, |out| {
            let first = items.first().unwrap_or(&Value::Long(0));
            out.put_u8(constructor(first));
            for item in items {
                payload(item, out);
            }
        }),
        Value::Described(described) => {
            encode(&described.0, out);
            encode(&described.1, out);
        }
    }
}

fn variable(bytes: &[u8], out: &mut BytesMut) {
    out.put_u32(bytes.len() as u32);
    out.put_slice(bytes);
}

/// Size, count and content; the size is known only afterwards.
fn compound(count: usize, out: &mut BytesMut, content: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    out.put_u32(count as u32);
    content(out);
    let size = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}
