//! .NET's text form of a duration: `[-][d.]hh:mm[:ss[.fffffff]]`, or a bare number of days.

use std::time::Duration;

/// Reads a `TimeSpan`. `None` where the text is none, or is negative (the host uses negative values for "no limit";
/// callers treat that case by themselves).
pub fn parse_timespan(text: &str) -> Option<Duration> {
    const DAY: u64 = 86_400;
    let text = text.trim();
    if !text.contains(':') {
        return text
            .parse::<u64>()
            .ok()
            .and_then(|days| days.checked_mul(DAY))
            .map(Duration::from_secs);
    }
    let (head, rest) = text.split_once(':')?;
    let (days, hours) = match head.split_once('.') {
        Some((days, hours)) => (number(days, 10_675_199)?, hours),
        None => (0, head),
    };
    let hours = number(hours, 23)?;
    let (minutes, seconds) = match rest.split_once(':') {
        Some((minutes, seconds)) => (minutes, Some(seconds)),
        None => (rest, None),
    };
    let minutes = number(minutes, 59)?;
    let (seconds, ticks) = match seconds {
        None => (0, 0),
        Some(text) => match text.split_once('.') {
            None => (number(text, 59)?, 0),
            Some((whole, fraction)) => (number(whole, 59)?, fraction_to_ticks(fraction)?),
        },
    };
    let total = days * DAY + hours * 3_600 + minutes * 60 + seconds;
    Some(Duration::from_secs(total) + Duration::from_nanos(ticks * 100))
}

fn number(text: &str, max: u64) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= max)
}

fn fraction_to_ticks(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 7 {
        return None;
    }
    number(&format!("{text:0<7}"), 9_999_999)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_dotnet_writes() {
        for (text, millis) in [
            ("00:00:30", 30_000),
            ("00:05", 300_000),
            ("1.00:00:00", 86_400_000),
            ("00:00:00.80", 800),
            ("00:00:00.0010000", 1),
            ("2", 172_800_000),
        ] {
            assert_eq!(parse_timespan(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "x",
            "24:00:00",
            "00:60:00",
            "00:00:60",
            "-00:00:01",
            "1:2:3:4",
            "00:00:00.",
            "0 0 * * * *",
        ] {
            assert_eq!(parse_timespan(text), None, "{text}");
        }
    }
}
