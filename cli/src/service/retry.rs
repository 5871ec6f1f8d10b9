//! Trying again until it works or the time is over.

use inventory_app::pause;
use std::time::Duration;
use tokio::time::Instant;

/// The longest first wait between two tries; doubles up to [`WAIT_MAX`].
const WAIT: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Tries until `is_good` says so, or another try would begin later than `within` after the first. Gives the last result and
/// how often it was tried.
pub(crate) async fn retry<T>(
    within: Duration,
    mut attempt: impl AsyncFnMut() -> T,
    is_good: impl Fn(&T) -> bool,
) -> (T, u32) {
    let deadline = Instant::now() + within;
    let mut tries = 0;
    loop {
        let result = attempt().await;
        tries += 1;
        let wait = pause::after(tries, WAIT, WAIT_MAX);
        if is_good(&result) || Instant::now() + wait > deadline {
            return (result, tries);
        }
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_first_success_or_with_the_time() {
        let mut calls = 0;
        let count = async || {
            calls += 1;
            calls
        };
        assert_eq!(retry(Duration::from_mins(5), count, |calls| *calls == 3).await, (3, 3));
        assert_eq!(retry(Duration::ZERO, async || (), |()| false).await, ((), 1));
        let (started, within) = (Instant::now(), Duration::from_mins(1));
        let ((), tries) = retry(within, async || (), |()| false).await;
        assert!(started.elapsed() <= within, "no try begins after the end");
        assert!(tries >= 7, "waits grow to ten seconds and no further: {tries}");
    }
}
