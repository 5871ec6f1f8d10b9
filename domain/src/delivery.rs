//! Deliveries: one event on its way to one receiver (a webhook or a channel), and when it is tried again.

use crate::Timestamp;
use serde::Serialize;
use uuid::Uuid;

words! {
    /// How far a delivery is.
    pub enum DeliveryState {
        /// It is tried, now or later.
        Pending = "pending",
        /// The receiver has it.
        Delivered = "delivered",
        /// It was tried as often as the schedule says, or its receiver was switched off.
        Failed = "failed",
    }
}

words! {
    /// Why a receiver gets nothing any more.
    pub enum DisabledReason {
        /// Somebody has switched it off.
        Asked = "asked",
        /// It answered 410: it does not want to be told again.
        Gone = "gone",
        /// It failed for as long as the whole schedule takes.
        Failing = "failing",
    }
}

/// Seconds before each try, counted from the one before it: that of Standard Webhooks
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub const SCHEDULE_SECONDS: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Seconds to wait after so many tries that failed; `None`: that was the last.
pub fn pause_seconds(tries: i64) -> Option<i64> {
    SCHEDULE_SECONDS.get(usize::try_from(tries).ok()?).copied()
}

/// One try to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// Its number, from 1.
    pub attempt: i64,
    /// When.
    pub at: Timestamp,
    /// Milliseconds until the answer, or until none came.
    pub duration_ms: i64,
    /// The receiver's status (HTTP, or SMTP's reply code), where it answered.
    pub status: Option<i64>,
    /// Why it failed, where it did.
    pub problem: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
}

/// An event on its way to a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Positive, given by us.
    pub id: i64,
    /// The webhook or channel.
    pub receiver_id: i64,
    /// The event; also the `webhook-id`, the same in every try.
    pub event_id: Uuid,
    /// The event's type.
    pub event_type: String,
    /// How far it is.
    pub state: DeliveryState,
    /// When it is tried next; `null` where it is not.
    pub next_at: Option<Timestamp>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
    /// The tries so far, the first one first.
    pub attempts: Vec<Attempt>,
}

/// A pattern of event types: a type, or the beginning of types and `*` (`inventory.order.*`, `*`).
#[derive(Clone, Copy, Debug)]
pub struct EventPattern<'a>(pub &'a str);

impl EventPattern<'_> {
    /// Whether `event_type` is one of them.
    pub fn matches(self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => event_type.starts_with(prefix),
            None => event_type == self.0,
        }
    }

    /// What all of its types begin with.
    pub fn prefix(self) -> String {
        self.0.strip_suffix('*').unwrap_or(self.0).to_owned()
    }

    /// Whether there are such types.
    pub fn is_known(self) -> bool {
        let is_pattern = match self.0.strip_suffix('*') {
            Some(prefix) => prefix.is_empty() || prefix.ends_with('.'),
            None => true,
        };
        is_pattern
            && crate::event::EventType::ALL
                .iter()
                .any(|known| known.is_told() && self.matches(known.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_follow_the_published_schedule_and_end() {
        let pauses: Vec<_> = (0..).map_while(pause_seconds).collect();
        assert_eq!(pauses, SCHEDULE_SECONDS);
        assert_eq!(
            SCHEDULE_SECONDS.iter().sum::<i64>(),
            272_105,
            "a little more than three days"
        );
        assert_eq!(pause_seconds(-1), None);
    }

    #[test]
    fn patterns_are_types_or_beginnings_of_types() {
        let matches = |pattern, event_type| EventPattern(pattern).matches(event_type);
        assert!(matches("inventory.order.*", "inventory.order.placed"));
        assert!(!matches("inventory.order.*", "inventory.orders"));
        assert!(matches("*", "inventory.stock.low"));
        assert!(matches("inventory.stock.low", "inventory.stock.low"));
        assert!(!matches("inventory.stock.low", "inventory.stock.lower"));
        for known in ["*", "inventory.*", "inventory.order.*", "inventory.stock.low"] {
            assert!(EventPattern(known).is_known(), "{known}");
        }
        for unknown in [
            "",
            "inventory.ord*",
            "inventory.nothing.*",
            "orders.*",
            "inventory.message.resent",
        ] {
            assert!(!EventPattern(unknown).is_known(), "{unknown}");
        }
    }
}
