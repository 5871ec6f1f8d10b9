//! How long to wait before the next attempt.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// The longest pause before the second attempt.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause of all.
const LONGEST: Duration = Duration::from_secs(10);

/// A random pause up to a bound that doubles with every failure ("full jitter"): instances that lost the same service
/// do not come back at the same moment.
pub(super) fn pause(failures: u32) -> Duration {
    let bound = FIRST
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(LONGEST);
    bound.mul_f64(random_fraction())
}

/// A number from 0 to 1. Hash maps are seeded from the system's randomness, which is all that jitter needs.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        for (failures, bound) in [
            (1, FIRST),
            (2, FIRST * 2),
            (5, FIRST * 16),
            (40, LONGEST),
            (u32::MAX, LONGEST),
        ] {
            assert!((0..100).all(|_| pause(failures) <= bound), "{failures}");
        }
        let longest = (0..1_000).map(|_| pause(40)).max().unwrap_or_default();
        assert!(longest > LONGEST / 2, "{longest:?}");
    }
}
