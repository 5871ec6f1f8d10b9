//! Where in which trace something happens, as it is handed from hand to hand.

use std::{fmt, str::FromStr};

/// The position in a trace: `traceparent` of W3C Trace Context (<https://www.w3.org/TR/trace-context/#traceparent-header>). Its text
/// is `00-<trace>-<span>-<flags>`, each in lower-case hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// A text that is no position in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct NotATraceParent;

impl TraceParent {
    /// The characters of its text.
    const CHARS: usize = 55;
    /// The flag of a trace that is recorded.
    const SAMPLED: u8 = 1;

    /// A position; `None` where an id is zero, which stands for none.
    pub const fn new(trace_id: u128, span_id: u64, is_sampled: bool) -> Option<Self> {
        if trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(Self {
            trace_id,
            span_id,
            flags: if is_sampled { Self::SAMPLED } else { 0 },
        })
    }

    /// The trace.
    pub const fn trace_id(self) -> u128 {
        self.trace_id
    }

    /// The span of it.
    pub const fn span_id(self) -> u64 {
        self.span_id
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

impl FromStr for TraceParent {
    type Err = NotATraceParent;

    /// Reads what a caller sent. Of versions after ours what we know is read, as the standard asks.
    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let bytes = text.as_bytes();
        let known = bytes.get(..Self::CHARS).ok_or(NotATraceParent)?;
        let is_separated = [2, 35, 52].into_iter().all(|at| known[at] == b'-');
        let version = hexadecimal(&known[..2]).ok_or(NotATraceParent)?;
        let is_whole = match version {
            0 => bytes.len() == Self::CHARS,
            0xff => false,
            _ => matches!(bytes.get(Self::CHARS), None | Some(b'-')),
        };
        if !is_separated || !is_whole {
            return Err(NotATraceParent);
        }
        let ids = (
            hexadecimal(&known[3..35]),
            hexadecimal(&known[36..52]),
            hexadecimal(&known[53..]),
        );
        let (Some(trace_id), Some(span_id), Some(flags)) = ids else {
            return Err(NotATraceParent);
        };
        // Flags that we do not know are not handed on.
        Self::new(trace_id, span_id as u64, flags as u8 & Self::SAMPLED != 0).ok_or(NotATraceParent)
    }
}

/// Lower case only: the standard knows no other.
fn hexadecimal(bytes: &[u8]) -> Option<u128> {
    bytes.iter().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl serde::Serialize for TraceParent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_position_is_read_and_written() {
        let trace: TraceParent = TEXT.parse().unwrap();
        assert_eq!(trace.to_string(), TEXT);
        assert!(trace.is_sampled());
        assert_eq!(format!("{:032x}", trace.trace_id()), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(format!("{:016x}", trace.span_id()), "b7ad6b7169203331");
        let unsampled: TraceParent = TEXT.replace("-01", "-00").parse().unwrap();
        assert!(!unsampled.is_sampled());
        assert_eq!(serde_json::to_value(trace).unwrap(), TEXT);
    }

    #[test]
    fn later_versions_and_flags_are_read_as_far_as_they_are_known() {
        let trace: TraceParent = TEXT.parse().unwrap();
        for text in [
            TEXT.replace("00-0", "01-0"),
            TEXT.replace("00-0", "fe-0") + "-what-comes-then",
            TEXT.replace("-01", "-ff"),
        ] {
            assert_eq!(text.parse(), Ok(trace), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            String::new(),
            "x".repeat(55),
            "é".repeat(55),
            TEXT[..54].to_owned(),
            TEXT.to_owned() + "-",
            TEXT.to_owned() + "0",
            TEXT.to_uppercase(),
            TEXT.replace("00-0", "ff-0"),
            TEXT.replace("00-0", "01-0") + "x",
            TEXT.replace("00-0", "0g-0"),
            TEXT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            TEXT.replace("b7ad6b7169203331", &"0".repeat(16)),
            TEXT.replace('-', "_"),
            TEXT.replace("b7ad", "b7-d"),
            TEXT.replace("-01", "-1 "),
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(NotATraceParent), "{text}");
        }
    }
}
