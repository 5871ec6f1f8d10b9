//! How fast orders come and are decided.

use crate::Timestamp;
use serde::Serialize;

/// A minute in microseconds.
pub const MINUTE: i64 = 60_000_000;

/// The orders that were placed in one minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrdersMinute {
    /// When the minute began.
    pub minute: Timestamp,
    /// Orders placed in it.
    pub placed: i64,
    /// Those of them that are decided by now.
    pub decided: i64,
    /// From being placed to being decided, on average, in microseconds; `null` where none is decided.
    pub decision_micros_average: Option<i64>,
    /// The longest of them, in microseconds.
    pub decision_micros_max: Option<i64>,
}

impl OrdersMinute {
    /// A minute without orders.
    pub const fn empty(minute: Timestamp) -> Self {
        Self {
            minute,
            placed: 0,
            decided: 0,
            decision_micros_average: None,
            decision_micros_max: None,
        }
    }
}

/// All minutes up to the one of `now`, `count` of them, those without orders too. `found` is in the order of time.
pub fn all_minutes(found: Vec<OrdersMinute>, now: Timestamp, count: i64) -> Vec<OrdersMinute> {
    let last = now.micros().div_euclid(MINUTE);
    let mut found = found.into_iter().peekable();
    (last - count + 1..=last)
        .map(|minute| {
            let minute = Timestamp::from_micros(minute * MINUTE);
            while found.next_if(|next| next.minute < minute).is_some() {}
            found
                .next_if(|next| next.minute == minute)
                .unwrap_or_else(|| OrdersMinute::empty(minute))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_without_orders_are_there_too() {
        let at = |minute: i64| Timestamp::from_micros(minute * MINUTE);
        let some = |minute, placed| OrdersMinute {
            placed,
            ..OrdersMinute::empty(at(minute))
        };
        let now = Timestamp::from_micros(10 * MINUTE + 5);
        let all = all_minutes(vec![some(6, 1), some(8, 2), some(10, 3)], now, 4);
        let told: Vec<_> = all.iter().map(|row| (row.minute, row.placed)).collect();
        assert_eq!(told, [(at(7), 0), (at(8), 2), (at(9), 0), (at(10), 3)]);
    }
}
