//! The time zone that timers live in, and how their schedules pass its changes of the clock.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::Cron;
use crate::config::Settings;

/// Settings that name the zone; the first that is there counts.
const SETTINGS: [&str; 2] = ["WEBSITE_TIME_ZONE", "TZ"];
/// How often a time of day may fall into a repeated hour before a schedule is given up.
const MOST_REPEATS: u32 = 10_000;

/// A time zone. UTC where nothing else is said, as in Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// Universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone that the settings name. The error says which is wrong.
    pub fn of(settings: &Settings) -> Result<Self, String> {
        let named = SETTINGS
            .iter()
            .find_map(|name| Some((name, settings.get(name)?.trim())).filter(|(_, value)| !value.is_empty()));
        let Some((name, value)) = named else {
            return Ok(Self::utc());
        };
        Self::named(value).ok_or_else(|| {
            if is_of_windows(value) {
                return format!(
                    "{name} is \"{value}\", which is Windows' name of a time zone. On Linux, where Azure runs custom \
                     handlers like this one, only names of the IANA database count, such as \"Europe/Berlin\""
                );
            }
            format!(
                "{name} is \"{value}\", which is no time zone of the IANA database, such as \"Europe/Berlin\" (on Linux \
                 Azure knows no others)"
            )
        })
    }

    /// A name such as `Europe/Berlin`, a rule such as `EST5EDT,M3.2.0,M11.1.0`, or a file, the last two as `TZ` may hold.
    fn named(value: &str) -> Option<Self> {
        let value = value.strip_prefix(':').unwrap_or(value);
        if value.starts_with('/') {
            let bytes = std::fs::read(value).ok()?;
            return TimeZone::tzif(value, &bytes).ok().map(Self);
        }
        TimeZone::get(value).or_else(|_| TimeZone::posix(value)).ok().map(Self)
    }

    /// `instant` with the zone's offset at that time.
    pub fn local(&self, instant: OffsetDateTime) -> OffsetDateTime {
        let offset =
            timestamp(instant).and_then(|at| UtcOffset::from_whole_seconds(self.0.to_offset(at).seconds()).ok());
        instant.to_offset(offset.unwrap_or(UtcOffset::UTC))
    }

    /// The first occurrence of `cron` after `start`. Where the clock is put forward, times that are left out move by as
    /// much; where it is put back, a time of day comes once, the first time, and what repeats within a day goes on through
    /// both hours.
    pub(super) fn next(&self, cron: &Cron, start: OffsetDateTime) -> Option<OffsetDateTime> {
        let from = timestamp(start)?;
        let mut civil = self.0.to_datetime(from);
        for _ in 0..MOST_REPEATS {
            civil = next_civil(cron, civil)?;
            let found = self.0.to_ambiguous_timestamp(civil);
            // In a gap this is later by the gap, else the first of the two, or the only one.
            let first = found.compatible().ok()?;
            let second = found.later().ok()?;
            let next = if first > from {
                first
            } else if cron.is_interval() && second > from {
                second
            } else {
                continue;
            };
            return instant(self.in_second_pass(cron, from, next).unwrap_or(next));
        }
        None
    }

    /// An occurrence in an hour that comes again between `from` and `next`, which the walk over the times of day has
    /// passed by.
    fn in_second_pass(&self, cron: &Cron, from: Timestamp, next: Timestamp) -> Option<Timestamp> {
        if !cron.is_interval() {
            return None;
        }
        let change = self
            .0
            .following(from)
            .next()
            .filter(|change| change.timestamp() < next)?;
        let before = self.0.to_offset(
            change
                .timestamp()
                .checked_sub(jiff::SignedDuration::from_nanos(1))
                .ok()?,
        );
        if change.offset() >= before {
            return None;
        }
        let again = self.0.to_datetime(change.timestamp());
        let civil = next_civil(cron, again.checked_sub(jiff::SignedDuration::from_nanos(1)).ok()?)?;
        let found = self.0.to_ambiguous_timestamp(civil).later().ok()?;
        (found >= change.timestamp() && found < next).then_some(found)
    }
}

/// Whether this reads like the names that Windows gives its zones, such as `W. Europe Standard Time`.
fn is_of_windows(value: &str) -> bool {
    value.contains(' ') && (value.ends_with(" Time") || value.ends_with(" Time (Mexico)"))
}

fn next_civil(cron: &Cron, after: DateTime) -> Option<DateTime> {
    let date = time::Date::from_calendar_date(
        i32::from(after.year()),
        time::Month::try_from(u8::try_from(after.month()).ok()?).ok()?,
        u8::try_from(after.day()).ok()?,
    );
    let number = |value: i8| u8::try_from(value).ok();
    let nanosecond = u32::try_from(after.subsec_nanosecond()).ok()?;
    let time = time::Time::from_hms_nano(
        number(after.hour())?,
        number(after.minute())?,
        number(after.second())?,
        nanosecond,
    );
    let next = cron.next_after(PrimitiveDateTime::new(date.ok()?, time.ok()?))?;
    DateTime::new(
        i16::try_from(next.year()).ok()?,
        u8::from(next.month()) as i8,
        next.day() as i8,
        next.hour() as i8,
        next.minute() as i8,
        next.second() as i8,
        0,
    )
    .ok()
}

fn timestamp(instant: OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(instant.unix_timestamp_nanos()).ok()
}

fn instant(timestamp: Timestamp) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(timestamp.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LocalSettings;
    use time::macros::datetime;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::merge(env, &LocalSettings::default(), &mut Vec::new())
    }

    fn berlin() -> Zone {
        Zone::of(&settings(&[("WEBSITE_TIME_ZONE", "Europe/Berlin"), ("TZ", "UTC")])).unwrap()
    }

    /// The occurrences between two instants, in local time.
    fn between(cron: &str, start: OffsetDateTime, end: OffsetDateTime) -> Vec<String> {
        let (zone, cron) = (berlin(), Cron::parse(cron).unwrap());
        let mut found = Vec::new();
        let mut at = start;
        while let Some(next) = zone.next(&cron, at).filter(|next| *next <= end) {
            assert!(next > at);
            let local = zone.local(next);
            found.push(format!("{:02}:{:02}{}", local.hour(), local.minute(), local.offset()));
            at = next;
        }
        found
    }

    #[test]
    fn the_zone_is_a_setting() {
        assert_eq!(Zone::of(&settings(&[])).unwrap(), Zone::utc());
        assert_eq!(Zone::of(&settings(&[("TZ", "")])).unwrap(), Zone::utc());
        let noon = datetime!(2026-07-01 12:00:00 UTC);
        for (value, offset) in [
            ("Europe/Berlin", 2),
            (":America/New_York", -4),
            ("EST5EDT,M3.2.0,M11.1.0", -4),
            ("Etc/UTC", 0),
        ] {
            let zone = Zone::of(&settings(&[("TZ", value)])).unwrap();
            assert_eq!(zone.local(noon).offset().whole_hours(), offset, "{value}");
        }
        let error = Zone::of(&settings(&[("WEBSITE_TIME_ZONE", "W. Europe Standard Time")])).unwrap_err();
        assert!(error.contains("WEBSITE_TIME_ZONE is \"W. Europe"), "{error}");
        assert!(error.contains("Windows' name") && error.contains("IANA"), "{error}");
        let error = Zone::of(&settings(&[("TZ", "Europe/Atlantis")])).unwrap_err();
        assert!(!error.contains("Windows"), "{error}");
        assert!(Zone::of(&settings(&[("TZ", "/no/such/file")])).is_err());
    }

    #[test]
    fn a_day_begins_where_the_zone_says() {
        let zone = berlin();
        let cron = Cron::parse("0 30 9 * * *").unwrap();
        assert_eq!(
            zone.next(&cron, datetime!(2026-01-15 08:30:00 UTC)),
            Some(datetime!(2026-01-16 08:30:00 UTC))
        );
        assert_eq!(
            zone.next(&cron, datetime!(2026-07-15 07:29:59.9 UTC)),
            Some(datetime!(2026-07-15 07:30:00 UTC))
        );
    }

    /// On 2026-03-29 at 2:00 it is 3:00.
    #[test]
    fn in_spring_what_is_left_out_moves_forward() {
        let (start, end) = (datetime!(2026-03-29 00:00:00 UTC), datetime!(2026-03-29 02:00:00 UTC));
        assert_eq!(between("0 30 2 * * *", start, end), ["03:30+02:00:00"]);
        assert_eq!(
            between("0 */30 * * * *", start, end),
            ["01:30+01:00:00", "03:00+02:00:00", "03:30+02:00:00", "04:00+02:00:00"]
        );
        // The next day it is itself again.
        let (start, end) = (datetime!(2026-03-29 02:00:00 UTC), datetime!(2026-03-30 02:00:00 UTC));
        assert_eq!(between("0 30 2 * * *", start, end), ["02:30+02:00:00"]);
    }

    /// On 2026-10-25 at 3:00 it is 2:00 again.
    #[test]
    fn in_autumn_a_time_of_day_comes_once_and_an_interval_goes_on() {
        let (start, end) = (datetime!(2026-10-24 23:00:00 UTC), datetime!(2026-10-25 02:30:00 UTC));
        assert_eq!(between("0 30 2 * * *", start, end), ["02:30+02:00:00"]);
        assert_eq!(
            between("0 */30 * * * *", start, end),
            [
                "01:30+02:00:00",
                "02:00+02:00:00",
                "02:30+02:00:00",
                "02:00+01:00:00",
                "02:30+01:00:00",
                "03:00+01:00:00",
                "03:30+01:00:00",
            ]
        );
        assert_eq!(
            between("0 15 2-3 * * *", start, end),
            ["02:15+02:00:00", "02:15+01:00:00", "03:15+01:00:00"]
        );
        // Begun within the second pass, what was due in the first is over.
        let start = datetime!(2026-10-25 01:10:00 UTC);
        assert!(between("0 30 2 * * *", start, end).is_empty());
    }

    #[test]
    fn what_never_comes_is_nothing() {
        let never = Cron::parse("0 0 0 30 2 *").unwrap();
        assert_eq!(berlin().next(&never, datetime!(2026-01-01 00:00:00 UTC)), None);
    }
}
