//! Durations as Azure writes them: ISO 8601, days and below (`PT1M`, `P14D`, `P1DT2H30M5.5S`).

use std::time::Duration;

/// Parses a duration. Years and months are refused: their length depends on the calendar.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = sum(date, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let time = sum(time, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    date.checked_add(time)
}

/// Adds up `number unit` pairs, whose units must come in the order given.
fn sum(mut text: &str, mut units: &[(char, u64)]) -> Option<Duration> {
    let mut total = Duration::ZERO;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit = text[end..].chars().next()?;
        let position = units.iter().position(|(name, _)| *name == unit)?;
        let seconds = units[position].1;
        total = total.checked_add(number(&text[..end], seconds)?)?;
        units = &units[position + 1..];
        text = &text[end + unit.len_utf8()..];
    }
    Some(total)
}

/// A number of units of so many seconds; only seconds may have a fraction.
fn number(digits: &str, seconds: u64) -> Option<Duration> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = Duration::from_secs(whole.parse::<u64>().ok()?.checked_mul(seconds)?);
    if fraction.is_empty() {
        return (!digits.contains('.')).then_some(whole);
    }
    if seconds != 1 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9.9}").parse().ok()?;
    whole.checked_add(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_azure_writes() {
        for (text, seconds) in [
            ("PT1M", 60.0),
            ("PT10M", 600.0),
            ("PT1H", 3_600.0),
            ("P14D", 1_209_600.0),
            ("P1W", 604_800.0),
            ("P1DT2H30M5.5S", 95_405.5),
            ("PT0.25S", 0.25),
        ] {
            assert_eq!(parse_duration(text).map(|d| d.as_secs_f64()), Some(seconds), "{text}");
        }
        assert!(parse_duration("P10675199DT2H48M5.4775807S").is_some());
    }

    #[test]
    fn what_is_no_duration() {
        for text in [
            "", "P", "PT", "1M", "PT1", "P1M", "P1Y", "PT1.5M", "PT1S1M", "PT1.S", "PT.S", "PT1.5.5S", "PTé",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration("P99999999999999999999D"), None);
        assert_eq!(parse_duration("P999999999999999999D"), None);
    }
}
