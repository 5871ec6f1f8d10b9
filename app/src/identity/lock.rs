//! How failed attempts to sign in are slowed down.

use inventory_domain::Timestamp;
use inventory_store::sign_in::Failures;

/// Failures that a name has free.
const NAME_FREE: i64 = 5;
/// Failures that an address has free: a whole office may share it.
const ADDRESS_FREE: i64 = 20;
/// The first delay; each further failure doubles it.
const DELAY_SECONDS: i64 = 30;
/// The longest delay: who really has forgotten a password need not wait for ever, and a name cannot be locked for long by
/// somebody else.
const DELAY_SECONDS_MAX: i64 = 900;
/// Failures are forgotten when there was none for so long.
pub(super) const FORGOTTEN_SECONDS: i64 = 3_600;

/// Who is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    Name,
    Address,
}

/// Until when a subject with these failures is locked.
pub(super) fn until(failures: &Failures, counted: Counted) -> Timestamp {
    let free = match counted {
        Counted::Name => NAME_FREE,
        Counted::Address => ADDRESS_FREE,
    };
    let beyond = failures.count - free;
    if beyond < 0 {
        return failures.last_at;
    }
    // Ten doublings are beyond the longest delay.
    let delay = (DELAY_SECONDS << beyond.min(10)).min(DELAY_SECONDS_MAX);
    failures.last_at.plus_seconds(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_to_its_limit() {
        let delay = |count, counted| {
            let failures = Failures {
                subject: String::new(),
                count,
                last_at: Timestamp::from_micros(0),
            };
            until(&failures, counted).micros() / 1_000_000
        };
        let delays: Vec<_> = (4..12).map(|count| delay(count, Counted::Name)).collect();
        assert_eq!(delays, [0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(delay(i64::MAX, Counted::Name), 900);
        assert_eq!((delay(19, Counted::Address), delay(20, Counted::Address)), (0, 30));
    }
}
