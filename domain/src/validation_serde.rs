//! Serde help for optional members.

use serde::{Deserialize, Deserializer};

/// Tells "absent" (`None`, by `#[serde(default)]`) from "`null`" (`Some(None)`) in a merge patch.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
