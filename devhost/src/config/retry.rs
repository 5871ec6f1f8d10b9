//! `retry`: how often a failed invocation is tried again before it counts as failed.

use std::time::Duration;

use super::Section;

/// A retry policy, of one function or of the whole app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Retries after the first attempt; `None`: without end.
    pub max_retries: Option<u32>,
    /// The pause before the first retry, and before every one of `fixedDelay`.
    pub first_pause: Duration,
    /// The longest pause; equal to `first_pause` for `fixedDelay`.
    pub longest_pause: Duration,
}

impl RetryPolicy {
    /// Reads the section; `None` where there is none.
    pub(super) fn parse(section: &Section<'_>) -> Result<Option<Self>, String> {
        if !section.exists() {
            return Ok(None);
        }
        let say = |error: super::ConfigError| error.to_string();
        let pause = |key: &str| {
            section
                .get(key)
                .timespan()
                .map_err(say)?
                .ok_or_else(|| format!("the retry policy has no \"{key}\""))
        };
        let max_retries = match section.get("maxRetryCount").integer().map_err(say)? {
            Some(-1) => None,
            Some(count) => Some(u32::try_from(count).map_err(|_| "maxRetryCount is out of range".to_owned())?),
            None => return Err("the retry policy has no \"maxRetryCount\"".to_owned()),
        };
        let strategy = section.get("strategy").text().map_err(say)?.unwrap_or_default();
        let (first_pause, longest_pause) = match strategy.to_ascii_lowercase().as_str() {
            "fixeddelay" => {
                let delay = pause("delayInterval")?;
                (delay, delay)
            }
            "exponentialbackoff" => (pause("minimumInterval")?, pause("maximumInterval")?),
            other => {
                return Err(format!(
                    "the retry strategy \"{other}\" is not fixedDelay or exponentialBackoff"
                ));
            }
        };
        Ok(Some(Self {
            max_retries,
            first_pause,
            longest_pause,
        }))
    }

    /// The pause before retry number `retry`, counted from 1.
    pub fn pause(&self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_pause
            .saturating_mul(factor)
            .clamp(self.first_pause, self.longest_pause.max(self.first_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_both_strategies() {
        let fixed = json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:10"});
        let fixed = RetryPolicy::parse(&Section::new(&fixed, "retry")).unwrap().unwrap();
        assert_eq!(
            (fixed.pause(1), fixed.pause(2)),
            (Duration::from_secs(10), Duration::from_secs(10))
        );
        let growing = json!({"strategy": "exponentialBackoff", "maxRetryCount": -1,
            "minimumInterval": "00:00:01", "maximumInterval": "00:00:05"});
        let growing = RetryPolicy::parse(&Section::new(&growing, "retry")).unwrap().unwrap();
        assert_eq!(growing.max_retries, None);
        let pauses: Vec<_> = (1..=5).map(|retry| growing.pause(retry).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_missing_interval_is_an_error() {
        for json in [
            json!({"strategy": "fixedDelay", "maxRetryCount": 2}),
            json!({"strategy": "other", "maxRetryCount": 2}),
            json!({"strategy": "fixedDelay", "delayInterval": "00:00:10"}),
        ] {
            assert!(RetryPolicy::parse(&Section::new(&json, "retry")).is_err());
        }
    }
}
