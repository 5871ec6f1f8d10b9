//! When a timer is due: a cron expression or an interval.

use time::{Duration, OffsetDateTime};

use super::{Cron, Zone};
use crate::config::parse_timespan;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// NCRONTAB, by the clocks of a zone.
    Cron(Box<Cron>, Zone),
    /// A `TimeSpan`: so long after the last time.
    Every(Duration),
}

impl Schedule {
    /// Reads either form, for the clocks of `zone`.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, String> {
        let text = text.trim();
        if text.contains(':') {
            let interval = parse_timespan(text).and_then(|interval| Duration::try_from(interval).ok());
            return interval
                .filter(|interval| interval.is_positive())
                .map(Self::Every)
                .ok_or_else(|| format!("'{text}' is no duration such as \"00:05:00\""));
        }
        Cron::parse(text).map(|cron| Self::Cron(Box::new(cron), zone.clone()))
    }

    /// The first occurrence after `start`.
    pub fn next_after(&self, start: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Cron(cron, zone) => zone.next(cron, start),
            Self::Every(interval) => start.checked_add(*interval),
        }
    }

    /// `AdjustForDST`.
    pub fn adjusts_for_dst(&self) -> bool {
        matches!(self, Self::Cron(..))
    }

    /// `instant` by the clocks of its zone.
    pub fn local(&self, instant: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Cron(_, zone) => zone.local(instant),
            Self::Every(_) => instant,
        }
    }

    /// Whether it comes more than once a minute: such timers are not remembered over restarts.
    pub fn is_sub_minute(&self) -> bool {
        let now = OffsetDateTime::now_utc();
        let mut at = now;
        // Two occurrences may straddle a pause, so a few are looked at.
        for _ in 0..5 {
            let Some(next) = self.next_after(at) else { return false };
            if at != now && next - at < Duration::MINUTE {
                return true;
            }
            at = next;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn parse(text: &str) -> Result<Schedule, String> {
        Schedule::parse(text, &Zone::utc())
    }

    #[test]
    fn both_forms_are_read() {
        let start = datetime!(2026-01-01 00:00:10 UTC);
        assert_eq!(
            parse("00:05:00").unwrap().next_after(start),
            Some(datetime!(2026-01-01 00:05:10 UTC))
        );
        assert_eq!(
            parse("0 * * * * *").unwrap().next_after(start),
            Some(datetime!(2026-01-01 00:01:00 UTC))
        );
        assert!(parse("00:00:00").is_err() && parse("x").is_err());
    }

    #[test]
    fn more_than_once_a_minute_is_sub_minute() {
        for (text, sub) in [
            ("*/10 * * * * *", true),
            ("0 * * * * *", false),
            ("00:00:30", true),
            ("00:01:00", false),
        ] {
            assert_eq!(parse(text).unwrap().is_sub_minute(), sub, "{text}");
        }
    }
}
