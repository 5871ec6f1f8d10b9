//! AMQP values, as far as they are needed without a schema.

use bytes::Bytes;
use uuid::Uuid;

/// A value of AMQP's type system (part 1 of the specification). Decimals are kept as their bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Ubyte(u8),
    Ushort(u16),
    Uint(u32),
    Ulong(u64),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Decimal(Bytes),
    Char(char),
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
    Uuid(Uuid),
    Binary(Bytes),
    String(String),
    Symbol(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Array(Vec<Value>),
    /// Descriptor and value.
    Described(Box<(Value, Value)>),
}

impl Value {
    pub(super) fn symbol(text: &str) -> Self {
        Self::Symbol(text.to_owned())
    }

    pub(super) fn string(text: &str) -> Self {
        Self::String(text.to_owned())
    }

    /// A composite value: its descriptor's code and its fields.
    pub(super) fn composite(code: u64, fields: Vec<Value>) -> Self {
        Self::Described(Box::new((Self::Ulong(code), Self::List(fields))))
    }

    /// A string or symbol.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// Any unsigned integer.
    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Ubyte(n) => Some(u64::from(*n)),
            Self::Ushort(n) => Some(u64::from(*n)),
            Self::Uint(n) => Some(u64::from(*n)),
            Self::Ulong(n) => Some(*n),
            _ => None,
        }
    }

    /// Any unsigned integer of at most 32 bits.
    pub(super) fn as_u32(&self) -> Option<u32> {
        self.as_u64().and_then(|n| u32::try_from(n).ok())
    }

    /// Any integer of at most 64 bits with a sign.
    pub(super) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Byte(n) => Some(i64::from(*n)),
            Self::Short(n) => Some(i64::from(*n)),
            Self::Int(n) => Some(i64::from(*n)),
            Self::Long(n) => Some(*n),
            other => other.as_u64().and_then(|n| i64::try_from(n).ok()),
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements of a list or array.
    pub(super) fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a map's string or symbol key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(k, _)| k.as_str() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// A composite's code and fields.
    pub(super) fn as_composite(&self) -> Option<(u64, &[Value])> {
        match self {
            Self::Described(described) => match &**described {
                (Self::Ulong(code), Self::List(fields)) => Some((*code, fields)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A message id as text: SDKs send strings, integers, UUIDs or bytes.
    pub(super) fn to_id(&self) -> Option<String> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text.clone()),
            Self::Uuid(id) => Some(id.to_string()),
            Self::Binary(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            other => other.as_u64().map(|n| n.to_string()),
        }
    }
}

/// Field `index` of a composite; what is left out at the end is null.
pub(super) fn field(fields: &[Value], index: usize) -> &Value {
    fields.get(index).unwrap_or(&Value::Null)
}
