//! The last invocations, for whoever looks afterwards.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::config::Function;

const KEPT: usize = 1_000;

/// One invocation that is over.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// What was called.
    pub function: Arc<Function>,
    /// When it ended.
    pub ended: OffsetDateTime,
    /// How long it took.
    pub duration: Duration,
    /// The status that a raw HTTP call was answered with.
    pub status: Option<u16>,
    /// Why it failed; `None`: it succeeded.
    pub error: Option<String>,
}

/// The records, the newest last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<VecDeque<Record>>>);

impl History {
    /// Adds one, in place of the oldest where there are too many.
    pub fn add(&self, record: Record) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(record);
    }

    /// The last `count` as JSON, the newest first.
    pub fn last(&self, count: usize) -> Value {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().rev().take(count).map(Record::to_json).collect()
    }
}

impl Record {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "function": self.function.name,
            "trigger": self.function.trigger_kind(),
            "ended": self.ended.format(&Rfc3339).unwrap_or_default(),
            "durationMs": self.duration.as_secs_f64() * 1_000.0,
            "succeeded": self.error.is_none(),
            "status": self.status,
            "error": self.error,
        })
    }
}
