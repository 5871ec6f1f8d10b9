//! What the route constraint `datetime` takes: the usual forms of .NET's invariant culture.

use time::{Date, Month};

/// Whether `text` is a date, a time, or both: `2026-01-31`, `2026/1/31`, `1/31/2026`, each with a time behind a blank or
/// `T`, or a time alone.
pub(super) fn is_date_time(text: &str) -> bool {
    let text = text.trim();
    if is_date(text) || is_time(text) {
        return true;
    }
    text.split_once([' ', 'T', 't'])
        .is_some_and(|(date, time)| is_date(date) && is_time(time.trim_start()))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, second, third] = parts.as_slice() else {
        return false;
    };
    let (year, month, day) = if first.len() == 4 {
        (first, second, third)
    } else {
        (third, first, second)
    };
    let number = |text: &str, most: usize| -> Option<u16> {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let month = u8::try_from(month).ok().and_then(|month| Month::try_from(month).ok());
    let day = u8::try_from(day).unwrap_or(0);
    // .NET's first year is 1.
    year >= 1 && month.is_some_and(|month| Date::from_calendar_date(i32::from(year), month, day).is_ok())
}

fn is_time(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let (clock, most) = match lower.strip_suffix("am").or_else(|| lower.strip_suffix("pm")) {
        Some(clock) => (clock.trim_end(), 12),
        None => (without_zone(&lower), 23),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let part = |text: &str, most: u8| {
        (1..=2).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u8>().is_ok_and(|value| value <= most)
    };
    let second = |text: &str| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        part(whole, 59) && (1..=7).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit())
    };
    match parts.as_slice() {
        [hour] => most == 12 && part(hour, most),
        [hour, minute] => part(hour, most) && part(minute, 59),
        [hour, minute, last] => part(hour, most) && part(minute, 59) && second(last),
        _ => false,
    }
}

/// `…Z`, `…+01:00`, `…-0130`.
fn without_zone(text: &str) -> &str {
    if let Some(clock) = text.strip_suffix('z') {
        return clock.trim_end();
    }
    match text.rfind(['+', '-']) {
        Some(at)
            if text[at + 1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
                && (2..=5).contains(&text[at + 1..].len()) =>
        {
            text[..at].trim_end()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_forms_and_nothing_else() {
        for text in [
            "2026-01-31",
            "2026/1/31",
            "1/31/2026",
            "2026-01-31T05:06:07",
            "2026-01-31T05:06:07.1234567Z",
            "2026-01-31 05:06+01:00",
            "1/31/2026 5:06 PM",
            "05:06",
            "5 pm",
            "2024-02-29",
        ] {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "",
            "x",
            "5",
            "2026-02-29",
            "2026-13-01",
            "31/31/2026",
            "2026-01-31T25:00",
            "13:00 PM",
            "2026-01-31T",
            "T05:06",
            "2026-01-31-05",
            "0000-01-01",
            "2026-01-31T05:06:07.12345678",
            "é:é",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }
}
