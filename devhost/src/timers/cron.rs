//! NCRONTAB: `{second} {minute} {hour} {day} {month} {day of week}`, the second being optional.

use time::{Date, Duration, Month, PrimitiveDateTime, Time};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
/// The longest a combination of day, month and day of week can take to come round: February 29th on a given day of the
/// week, over a century without leap day.
const MOST_DAYS: u32 = 366 * 41;

/// A cron schedule. Day of month and day of week must both fit, other than in Unix cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    interval: bool,
}

impl Cron {
    /// Reads an expression of five or six fields. The error says which field is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, rest) = match fields.as_slice() {
            [minute, hour, day, month, weekday] => (None, [*minute, *hour, *day, *month, *weekday]),
            [second, minute, hour, day, month, weekday] => (Some(*second), [*minute, *hour, *day, *month, *weekday]),
            _ => {
                return Err(format!(
                    "'{text}' has {} fields; a schedule has five or six",
                    fields.len()
                ));
            }
        };
        let [minute, hour, day, month, weekday] = rest;
        let repeats = |field: &str| field.contains(['*', '-', '/']);
        Ok(Self {
            seconds: seconds.map_or(Ok(1), |field| parse_field(field, "second", 0, 59, &[]))?,
            minutes: parse_field(minute, "minute", 0, 59, &[])?,
            hours: parse_field(hour, "hour", 0, 23, &[])?,
            days: parse_field(day, "day", 1, 31, &[])?,
            months: parse_field(month, "month", 1, 12, &MONTHS)?,
            weekdays: parse_field(weekday, "day of week", 0, 6, &DAYS)?,
            interval: seconds.is_some_and(repeats) || repeats(minute) || repeats(hour),
        })
    }

    /// Whether it repeats within a day, which matters where clocks are put back.
    pub fn is_interval(&self) -> bool {
        self.interval
    }

    /// The first occurrence after `start` on a clock that is never put forward or back. `start` does not count itself;
    /// `None` where there is none, as on February 30th.
    pub fn next_after(&self, start: PrimitiveDateTime) -> Option<PrimitiveDateTime> {
        let start = start.replace_nanosecond(0).ok()?.checked_add(Duration::SECOND)?;
        let mut date = start.date();
        let mut earliest = start.time();
        for _ in 0..MOST_DAYS {
            if self.has_day(date)
                && let Some(time) = self.time_from(earliest)
            {
                return Some(PrimitiveDateTime::new(date, time));
            }
            earliest = Time::MIDNIGHT;
            date = date.next_day()?;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        has(self.months, Month::into(date.month()))
            && has(self.days, date.day())
            && has(self.weekdays, date.weekday().number_days_from_sunday())
    }

    fn time_from(&self, earliest: Time) -> Option<Time> {
        let (hour, minute, second) = earliest.as_hms();
        let first = |mask: u64, from: u8| -> Option<u8> {
            let rest = if from > 63 { 0 } else { mask & (u64::MAX << from) };
            (rest != 0).then(|| rest.trailing_zeros() as u8)
        };
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = first(self.seconds, second)
            {
                return Time::from_hms(hour, minute, second).ok();
            }
            if let Some(minute) = first(self.minutes, minute + 1) {
                return Time::from_hms(hour, minute, first(self.seconds, 0)?).ok();
            }
        }
        let hour = first(self.hours, hour + 1)?;
        Time::from_hms(hour, first(self.minutes, 0)?, first(self.seconds, 0)?).ok()
    }
}

fn has(mask: u64, bit: u8) -> bool {
    mask & (1 << bit) != 0
}

fn parse_field(field: &str, what: &str, low: u8, high: u8, names: &[&str]) -> Result<u64, String> {
    let mut mask = 0;
    for item in field.split(',') {
        let wrong = || format!("'{item}' is no {what} of a schedule ({low} to {high})");
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => (
                range,
                Some(step.parse::<u8>().ok().filter(|step| *step >= 1).ok_or_else(wrong)?),
            ),
        };
        let value = |text: &str| parse_value(text, low, high, names).ok_or_else(wrong);
        let (first, last) = if range == "*" {
            (low, high)
        } else if let Some((first, last)) = range.split_once('-') {
            let (first, last) = (value(first)?, value(last)?);
            (first.min(last), first.max(last))
        } else {
            let first = value(range)?;
            // `5/10` runs from 5 to the end.
            (first, if step.is_some() { high } else { first })
        };
        let mut at = u16::from(first);
        while at <= u16::from(last) {
            mask |= 1_u64 << at;
            at += u16::from(step.unwrap_or(1));
        }
    }
    Ok(mask)
}

/// A number, or the beginning of an English name.
fn parse_value(text: &str, low: u8, high: u8, names: &[&str]) -> Option<u8> {
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().filter(|value| (low..=high).contains(value));
    }
    let found = names.iter().position(|name| {
        name.get(..text.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(text))
    })?;
    Some(low + found as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn next(cron: &str, start: PrimitiveDateTime) -> PrimitiveDateTime {
        Cron::parse(cron).unwrap().next_after(start).unwrap()
    }

    #[test]
    fn the_start_itself_does_not_count() {
        let start = datetime!(2026-01-01 00:00:00);
        assert_eq!(next("0 */5 * * * *", start), datetime!(2026-01-01 00:05:00));
        assert_eq!(next("* * * * * *", start), datetime!(2026-01-01 00:00:01));
        assert_eq!(
            next("*/5 * * * *", start + Duration::milliseconds(1)),
            datetime!(2026-01-01 00:05:00)
        );
        assert_eq!(next("0 0 0 * * *", start - Duration::nanoseconds(1)), start);
    }

    #[test]
    fn lists_ranges_steps_and_names() {
        let start = datetime!(2026-01-01 00:00:00); // a Thursday
        assert_eq!(next("0 30 9-17/4 * * Mon-Fri", start), datetime!(2026-01-01 09:30:00));
        assert_eq!(next("0 30 9 * * SUN", start), datetime!(2026-01-04 09:30:00));
        assert_eq!(next("15,45 59 23 31 dec *", start), datetime!(2026-12-31 23:59:15));
        assert_eq!(next("0 50/5 * * * *", start), datetime!(2026-01-01 00:50:00));
        assert_eq!(next("0 0 0 1 mar,f *", start), datetime!(2026-02-01 00:00:00));
        assert_eq!(next("0 0 3-1 * * *", start), datetime!(2026-01-01 01:00:00));
    }

    #[test]
    fn day_of_month_and_day_of_week_must_both_fit() {
        // The next 13th that is a Friday.
        assert_eq!(
            next("0 0 0 13 * 5", datetime!(2026-01-01 00:00:00)),
            datetime!(2026-02-13 00:00:00)
        );
        assert_eq!(
            next("0 0 0 29 2 *", datetime!(2026-01-01 00:00:00)),
            datetime!(2028-02-29 00:00:00)
        );
        assert_eq!(
            Cron::parse("0 0 0 30 2 *")
                .unwrap()
                .next_after(datetime!(2026-01-01 00:00:00)),
            None
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * * *",
            "60 * * * * *",
            "0 0 0 * * 7",
            "0 0 0 L * *",
            "0 0 0 ? * *",
            "*/0 * * * *",
            "a * * * *",
        ] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
    }

    /// Vector 34.
    #[test]
    fn intervals_repeat_within_a_day() {
        for text in ["0 0 * * * *", "* * * * *", "0 0-15 * * * *"] {
            assert!(Cron::parse(text).unwrap().is_interval(), "{text}");
        }
        for text in ["0 0 0 * * *", "0 0 * * 1"] {
            assert!(!Cron::parse(text).unwrap().is_interval(), "{text}");
        }
    }
}
