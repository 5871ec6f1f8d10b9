//! What all timers say of themselves, for whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One timer at the moment.
#[derive(Debug, Clone)]
pub struct TimerEntry {
    /// The schedule's text.
    pub schedule: String,
    /// The last occurrence that was called for.
    pub last: Option<OffsetDateTime>,
    /// The next one; `None`: there is none any more.
    pub next: Option<OffsetDateTime>,
    /// A call is under way.
    pub running: bool,
}

/// All timers of an app. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TimerBoard(Arc<Mutex<BTreeMap<String, TimerEntry>>>);

impl TimerBoard {
    /// Says how a timer is now.
    pub fn set(&self, function: &str, entry: TimerEntry) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(function.to_owned(), entry);
    }

    /// All of them as JSON.
    pub fn to_json(&self) -> Value {
        let text = |time: Option<OffsetDateTime>| time.and_then(|time| time.format(&Rfc3339).ok());
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .map(|(function, entry)| {
                json!({
                    "function": function,
                    "schedule": entry.schedule,
                    "last": text(entry.last),
                    "next": text(entry.next),
                    "running": entry.running,
                })
            })
            .collect()
    }
}
