//! Reading AMQP values from bytes that anybody may have sent.
//!
//! Every length is checked against what is there, nesting is limited, and nothing is allocated for a count that the
//! bytes do not back: arrays of values that take no bytes at all are limited too.

use bytes::{Buf, Bytes};
use uuid::Uuid;

use super::value::Value;

/// The deepest nesting that is read. SDKs need about five; a limit keeps hostile bytes off the stack.
const DEPTH_MAX: usize = 32;
/// The longest array whose elements take no bytes (nulls, trues). Arrays can be in arrays, so this is also how many times more
/// values than bytes there can be, about.
const EMPTY_ELEMENTS_MAX: usize = 16;

/// The bytes are not an AMQP value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the value ends too early")]
    Truncated,
    #[error("there is no type with constructor {0:#04x}")]
    UnknownType(u8),
    #[error("text is not UTF-8")]
    NotUtf8,
    #[error("a value is nested too deeply")]
    TooDeep,
    #[error("a size, count or value is wrong")]
    Invalid,
}

/// Takes one value off the front.
pub(super) fn decode(bytes: &mut Bytes) -> Result<Value, DecodeError> {
    value(bytes, 0)
}

fn value(bytes: &mut Bytes, depth: usize) -> Result<Value, DecodeError> {
    if depth > DEPTH_MAX {
        return Err(DecodeError::TooDeep);
    }
    match byte(bytes)? {
        0x00 => {
            let descriptor = value(bytes, depth + 1)?;
            let described = value(bytes, depth + 1)?;
            Ok(Value::Described(Box::new((descriptor, described))))
        }
        code => payload(code, bytes, depth),
    }
}

/// What follows a constructor.
fn payload(code: u8, bytes: &mut Bytes, depth: usize) -> Result<Value, DecodeError> {
    Ok(match code {
        0x40 => Value::Null,
        0x41 => Value::Bool(true),
        0x42 => Value::Bool(false),
        0x56 => match byte(bytes)? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err(DecodeError::Invalid),
        },
        0x50 => Value::Ubyte(byte(bytes)?),
        0x60 => Value::Ushort(u16::from_be_bytes(fixed(bytes)?)),
        0x70 => Value::Uint(u32::from_be_bytes(fixed(bytes)?)),
        0x52 => Value::Uint(u32::from(byte(bytes)?)),
        0x43 => Value::Uint(0),
        0x80 => Value::Ulong(u64::from_be_bytes(fixed(bytes)?)),
        0x53 => Value::Ulong(u64::from(byte(bytes)?)),
        0x44 => Value::Ulong(0),
        0x51 => Value::Byte(byte(bytes)?.cast_signed()),
        0x61 => Value::Short(i16::from_be_bytes(fixed(bytes)?)),
        0x71 => Value::Int(i32::from_be_bytes(fixed(bytes)?)),
        0x54 => Value::Int(i32::from(byte(bytes)?.cast_signed())),
        0x81 => Value::Long(i64::from_be_bytes(fixed(bytes)?)),
        0x55 => Value::Long(i64::from(byte(bytes)?.cast_signed())),
        0x72 => Value::Float(f32::from_be_bytes(fixed(bytes)?)),
        0x82 => Value::Double(f64::from_be_bytes(fixed(bytes)?)),
        0x73 => Value::Char(char::from_u32(u32::from_be_bytes(fixed(bytes)?)).ok_or(DecodeError::Invalid)?),
        0x83 => Value::Timestamp(i64::from_be_bytes(fixed(bytes)?)),
        0x98 => Value::Uuid(Uuid::from_bytes(fixed(bytes)?)),
        0x74 => Value::Decimal(take(bytes, 4)?),
        0x84 => Value::Decimal(take(bytes, 8)?),
        0x94 => Value::Decimal(take(bytes, 16)?),
        0xa0 | 0xb0 => Value::Binary(variable(code, bytes)?),
        0xa1 | 0xb1 => Value::String(text(&variable(code, bytes)?)?),
        0xa3 | 0xb3 => Value::Symbol(text(&variable(code, bytes)?)?),
        0x45 => Value::List(Vec::new()),
        0xc0 | 0xd0 => {
            let (mut inner, count) = compound(code, bytes)?;
            Value::List(items(&mut inner, count, depth)?)
        }
        0xc1 | 0xd1 => {
            let (mut inner, count) = compound(code, bytes)?;
            let mut items = items(&mut inner, count, depth)?.into_iter();
            let mut entries = Vec::new();
            while let Some(key) = items.next() {
                entries.push((key, items.next().ok_or(DecodeError::Invalid)?));
            }
            Value::Map(entries)
        }
        0xe0 | 0xf0 => {
            let (mut inner, count) = compound(code, bytes)?;
            Value::Array(elements(&mut inner, count, depth)?)
        }
        other => return Err(DecodeError::UnknownType(other)),
    })
}

fn items(inner: &mut Bytes, count: usize, depth: usize) -> Result<Vec<Value>, DecodeError> {
    // Every item takes a byte at least.
    if count > inner.len() {
        return Err(DecodeError::Invalid);
    }
    let items = (0..count).map(|_| value(inner, depth + 1)).collect::<Result<_, _>>()?;
    if inner.is_empty() {
        Ok(items)
    } else {
        Err(DecodeError::Invalid)
    }
}

/// The elements of an array: one constructor, then payloads.
fn elements(inner: &mut Bytes, count: usize, depth: usize) -> Result<Vec<Value>, DecodeError> {
    if depth >= DEPTH_MAX {
        return Err(DecodeError::TooDeep);
    }
    let code = byte(inner)?;
    if code == 0x00 {
        // Nothing that is understood here uses arrays of described values; they are valid, and read as none.
        inner.clear();
        return Ok(Vec::new());
    }
    let empty = code & 0xf0 == 0x40;
    if count > if empty { EMPTY_ELEMENTS_MAX } else { inner.len() } {
        return Err(DecodeError::Invalid);
    }
    let elements = (0..count)
        .map(|_| payload(code, inner, depth + 1))
        .collect::<Result<_, _>>()?;
    if inner.is_empty() {
        Ok(elements)
    } else {
        Err(DecodeError::Invalid)
    }
}

/// The inside of a list, map or array, and how many values it says are there.
fn compound(code: u8, bytes: &mut Bytes) -> Result<(Bytes, usize), DecodeError> {
    let narrow = matches!(code, 0xc0 | 0xc1 | 0xe0);
    let size = length(bytes, narrow)?;
    let mut inner = take(bytes, size)?;
    let count = length(&mut inner, narrow)?;
    Ok((inner, count))
}

fn variable(code: u8, bytes: &mut Bytes) -> Result<Bytes, DecodeError> {
    let size = length(bytes, code & 0xf0 == 0xa0)?;
    take(bytes, size)
}

fn length(bytes: &mut Bytes, narrow: bool) -> Result<usize, DecodeError> {
    if narrow {
        return byte(bytes).map(usize::from);
    }
    usize::try_from(u32::from_be_bytes(fixed(bytes)?)).map_err(|_| DecodeError::Invalid)
}

fn text(bytes: &Bytes) -> Result<String, DecodeError> {
    std::str::from_utf8(bytes)
        .map(ToOwned::to_owned)
        .map_err(|_| DecodeError::NotUtf8)
}

fn byte(bytes: &mut Bytes) -> Result<u8, DecodeError> {
    bytes.try_get_u8().map_err(|_| DecodeError::Truncated)
}

fn fixed<const N: usize>(bytes: &mut Bytes) -> Result<[u8; N], DecodeError> {
    let mut array = [0; N];
    bytes
        .try_copy_to_slice(&mut array)
        .map_err(|_| DecodeError::Truncated)?;
    Ok(array)
}

fn take(bytes: &mut Bytes, size: usize) -> Result<Bytes, DecodeError> {
    if size > bytes.len() {
        return Err(DecodeError::Truncated);
    }
    Ok(bytes.split_to(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servicebus::amqp::encode::encode;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Result<Value, DecodeError> {
        decode(&mut Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn reads_what_it_writes() {
        let value = Value::composite(
            0x1d,
            vec![
                Value::symbol("amqp:not-found"),
                Value::Null,
                Value::Map(vec![
                    (Value::string("k"), Value::Long(-1)),
                    (Value::Ulong(300), Value::Bool(true)),
                ]),
                Value::Array(vec![Value::Long(1), Value::Long(i64::MAX)]),
                Value::Array(vec![Value::symbol("PLAIN"), Value::symbol("ANONYMOUS")]),
                Value::Array(Vec::new()),
                Value::Binary(Bytes::from(vec![7; 300])),
                Value::String("x".repeat(300)),
                Value::Timestamp(1_700_000_000_000),
                Value::Uuid(Uuid::from_u128(7)),
                Value::Double(0.5),
                Value::Float(0.5),
                Value::Char('é'),
                Value::List((0..300).map(Value::Int).collect()),
            ],
        );
        let mut bytes = BytesMut::new();
        encode(&value, &mut bytes);
        assert_eq!(decode(&mut bytes.freeze()), Ok(value));
    }

    #[test]
    fn refuses_nesting_that_would_overflow_the_stack() {
        assert_eq!(read(&vec![0x00; 1_000_000]), Err(DecodeError::TooDeep));
        let mut nested = vec![0x40];
        for _ in 0..10_000 {
            let size = (nested.len() as u32 + 4).to_be_bytes();
            nested = [&[0xd0][..], &size, &[0, 0, 0, 1], &nested].concat();
        }
        assert_eq!(read(&nested), Err(DecodeError::TooDeep));
        let mut arrays = vec![0x40];
        for _ in 0..1_000 {
            let size = (arrays.len() as u32 + 4).to_be_bytes();
            arrays = [&[0xf0][..], &size, &[0, 0, 0, 1], &arrays].concat();
        }
        assert!(read(&arrays).is_err());
    }

    #[test]
    fn refuses_counts_without_bytes_behind_them() {
        assert_eq!(
            read(&[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]),
            Err(DecodeError::Invalid)
        );
        assert_eq!(
            read(&[0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]),
            Err(DecodeError::Invalid)
        );
        assert_eq!(read(&[0xb0, 0xff, 0xff, 0xff, 0xff]), Err(DecodeError::Truncated));
    }

    /// How many values there are, with those within.
    fn count(value: &Value) -> usize {
        1 + match value {
            Value::List(items) | Value::Array(items) => items.iter().map(count).sum(),
            Value::Map(entries) => entries.iter().map(|(key, value)| count(key) + count(value)).sum(),
            Value::Described(described) => count(&described.0) + count(&described.1),
            _ => 0,
        }
    }

    /// Ten bytes must not become a thousand values.
    #[test]
    fn arrays_of_nothing_in_an_array_stay_small() {
        const ARRAYS: u32 = 1_000;
        for elements in [16_u32, 17, 1_024] {
            let inner = [&6_u32.to_be_bytes()[..], &elements.to_be_bytes(), &[0x40]].concat();
            let inner = [&5_u32.to_be_bytes()[..], &inner[4..]].concat();
            let inside = [&ARRAYS.to_be_bytes()[..], &[0xf0], &inner.repeat(ARRAYS as usize)].concat();
            let bytes = [&[0xf0][..], &(inside.len() as u32).to_be_bytes(), &inside].concat();
            match read(&bytes) {
                Ok(value) => assert!(elements <= 16 && count(&value) <= 2 * bytes.len(), "{elements}"),
                Err(error) => assert!(elements > 16 && error == DecodeError::Invalid, "{elements}"),
            }
        }
    }

    proptest! {
        /// Whatever the bytes are, there is an answer, and not many more values than bytes.
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(value) = read(&bytes) {
                prop_assert!(count(&value) <= EMPTY_ELEMENTS_MAX * bytes.len());
            }
        }

        /// What can be read is the same after it was written and read again, as long as nothing is in it that is not a number
        /// or is left out.
        #[test]
        fn what_was_read_can_be_written(value in value_tree()) {
            let mut bytes = BytesMut::new();
            encode(&value, &mut bytes);
            prop_assert_eq!(decode(&mut bytes.freeze()), Ok(value));
        }

        /// A value with some bytes changed, or its end missing, is a value or an error.
        #[test]
        fn a_broken_value_is_answered(
            value in value_tree(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = BytesMut::new();
            encode(&value, &mut bytes);
            let mut bytes = bytes.to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = read(&bytes);
            let _ = read(&bytes[..end.index(bytes.len())]);
        }
    }

    fn value_tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<u8>().prop_map(Value::Ubyte),
            any::<u32>().prop_map(Value::Uint),
            any::<u64>().prop_map(Value::Ulong),
            any::<i64>().prop_map(Value::Long),
            any::<char>().prop_map(Value::Char),
            any::<u128>().prop_map(|n| Value::Uuid(Uuid::from_u128(n))),
            ".{0,40}".prop_map(Value::String),
            "[a-z:-]{0,20}".prop_map(Value::Symbol),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Binary(bytes.into())),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..6).prop_map(Value::List),
                prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
                prop::collection::vec(any::<i32>(), 1..9)
                    .prop_map(|numbers| Value::Array(numbers.into_iter().map(Value::Int).collect())),
                (any::<u64>(), inner).prop_map(|(code, value)| Value::Described(Box::new((Value::Ulong(code), value)))),
            ]
        })
    }

    #[test]
    fn garbage_is_an_error_and_nothing_else() {
        // A fixed pseudo-random sequence: every run tries the same bytes.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..64)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    (state >> 32) as u8
                })
                .collect();
            let _ = read(&bytes);
        }
    }
}
