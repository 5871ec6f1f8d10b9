//! How long to wait, with some chance in it: instances that lost the same service do not come back at the same moment.

use std::{collections::hash_map::RandomState, hash::BuildHasher as _, time::Duration};

/// After so many failures in a row: anything from half of a bound to all of it. The bound doubles with each failure.
pub fn after(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(longest).mul_f64(0.5 + random_fraction() / 2.0)
}

/// About so long: up to a tenth more or less.
pub fn around(time: Duration) -> Duration {
    time.mul_f64(0.9 + random_fraction() / 5.0)
}

/// A number from 0 to 1. Hash maps are seeded from the system's randomness, which is all that this needs.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_stay_within_their_bounds_and_differ() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(10));
        for (failures, bound) in [(1, first), (2, first * 2), (40, longest), (u32::MAX, longest)] {
            assert!((0..100).all(|_| (bound / 2..=bound).contains(&after(failures, first, longest))));
        }
        let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| around(longest)).collect();
        assert!(pauses.len() > 1);
        assert!(
            pauses
                .iter()
                .all(|pause| (longest * 9 / 10..=longest * 11 / 10).contains(pause))
        );
    }
}
