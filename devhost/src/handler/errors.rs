//! How many errors of the handler the host bears.

use std::time::{Duration, Instant};

const MOST: usize = 3;
const FORGET_AFTER: Duration = Duration::from_mins(30);

/// The errors that count at the moment. The third stops the host; one that comes more than half an hour after the one
/// before it counts as the first again.
#[derive(Debug, Default)]
pub(super) struct Errors {
    times: Vec<Instant>,
}

impl Errors {
    /// Takes down an error. True: the host must stop.
    pub(super) fn add(&mut self, now: Instant) -> bool {
        if self
            .times
            .last()
            .is_some_and(|last| now.duration_since(*last) > FORGET_AFTER)
        {
            self.times.clear();
        }
        self.times.push(now);
        self.times.len() >= MOST
    }

    pub(super) fn count(&self) -> usize {
        self.times.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector 35, its last part.
    #[test]
    fn the_third_error_is_too_many() {
        let (mut errors, now) = (Errors::default(), Instant::now());
        assert!(!errors.add(now));
        assert!(!errors.add(now));
        assert!(errors.add(now));
    }

    #[test]
    fn old_errors_are_forgotten() {
        let (mut errors, now) = (Errors::default(), Instant::now());
        errors.add(now);
        errors.add(now);
        assert!(!errors.add(now + FORGET_AFTER + Duration::from_secs(1)));
        assert_eq!(errors.count(), 1);
    }
}
