//! Who calls, as far as the host knows.

use http::HeaderMap;

use super::Keys;
use crate::config::AuthLevel;
use crate::http::query_pairs;

const HEADER: &str = "x-functions-key";
const PARAMETER: &str = "code";

/// What a request's key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub level: AuthLevel,
    /// The name of its key; `None`: it has none, or nobody asks.
    pub key: Option<String>,
}

impl Caller {
    /// The caller of a host that asks nobody: it may do everything.
    pub fn everybody() -> Self {
        Self {
            level: AuthLevel::Admin,
            key: None,
        }
    }

    /// Who sends a request, to `function` or to the host itself. The key is the header's, else the query's.
    pub fn of(keys: &Keys, headers: &HeaderMap, query: Option<&str>, function: Option<&str>) -> Self {
        if !keys.are_required() {
            return Self::everybody();
        }
        let key = match headers.get(HEADER) {
            Some(key) => key.to_str().ok().map(str::to_owned),
            None => query_pairs(query.unwrap_or_default())
                .into_iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(PARAMETER))
                .map(|(_, key)| key),
        };
        match key.and_then(|key| keys.find(&key, function)) {
            Some((level, name)) => Self { level, key: Some(name) },
            None => Self {
                level: AuthLevel::Anonymous,
                key: None,
            },
        }
    }
}
