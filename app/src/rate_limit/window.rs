//! How requests are counted: a sliding window over two counters.
//!
//! A client's window begins with its first request. What it asked in the window before weighs as much of it as the last
//! `window` still covers, as if it had been spread evenly; so the end of a window gives nobody a second quota at once, and a
//! client costs three numbers.

use std::time::Duration;

/// How many requests a client may make, and in how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Requests in a window, at least 1.
    pub requests: u32,
    /// The window, at least a second.
    pub window: Duration,
}

impl Policy {
    pub(super) fn window_ms(&self) -> u64 {
        (self.window.as_millis() as u64).max(1)
    }

    fn quota(&self) -> u64 {
        u64::from(self.requests.max(1))
    }
}

/// Whether a request may be served, and what the client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may.
    pub is_allowed: bool,
    /// Requests left.
    pub remaining: u32,
    /// Seconds until the window ends or, for a request that is refused, until one like it is allowed; rounded up.
    pub reset_seconds: u32,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// When it began, in milliseconds since any fixed moment.
    pub(super) start_ms: u64,
    /// Requests allowed since.
    pub(super) current: u64,
    /// Requests allowed in the window before.
    pub(super) previous: u64,
}

impl Window {
    /// Counts a request at `now_ms`.
    pub(super) fn take(&mut self, now_ms: u64, policy: Policy) -> Decision {
        let now_ms = self.roll(now_ms, policy);
        let is_allowed = self.used(now_ms, policy) < policy.quota();
        self.current += u64::from(is_allowed);
        self.decision(is_allowed, now_ms, policy)
    }

    /// Moves on to the window that `now_ms` lies in; gives the moment, which is never before the window.
    fn roll(&mut self, now_ms: u64, policy: Policy) -> u64 {
        let window = policy.window_ms();
        // A clock that was set back must not refuse for ever what it counted.
        let now_ms = now_ms.max(self.start_ms);
        let elapsed = now_ms - self.start_ms;
        if elapsed >= 2 * window || (self.current == 0 && self.previous == 0) {
            *self = Self {
                start_ms: now_ms,
                ..Self::default()
            };
        } else if elapsed >= window {
            *self = Self {
                start_ms: self.start_ms + window,
                current: 0,
                previous: self.current,
            };
        }
        now_ms
    }

    fn used(&self, now_ms: u64, policy: Policy) -> u64 {
        let window = policy.window_ms();
        let left = window.saturating_sub(now_ms.saturating_sub(self.start_ms));
        self.current + (self.previous * left).div_ceil(window)
    }

    /// What to tell a client whose request was counted into this window or refused.
    pub(super) fn decision(&self, is_allowed: bool, now_ms: u64, policy: Policy) -> Decision {
        let (window, quota) = (policy.window_ms(), policy.quota());
        let elapsed = now_ms.saturating_sub(self.start_ms);
        // The first moment at which what weighs from before leaves room for one more.
        let room_at = |counted: u64, before: u64| {
            let room = (quota - 1).saturating_sub(counted);
            window - (room * window).checked_div(before).unwrap_or(window).min(window)
        };
        let wait_ms = if is_allowed {
            window.saturating_sub(elapsed)
        } else if self.current < quota {
            room_at(self.current, self.previous).saturating_sub(elapsed)
        } else {
            window.saturating_sub(elapsed) + room_at(0, self.current)
        };
        Decision {
            is_allowed,
            remaining: quota.saturating_sub(self.used(now_ms, policy)) as u32,
            reset_seconds: wait_ms.div_ceil(1_000).max(1) as u32,
        }
    }

    /// Whether forgetting it changes nothing.
    pub(super) fn is_over(&self, now_ms: u64, policy: Policy) -> bool {
        now_ms >= self.start_ms + 2 * policy.window_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        requests: 5,
        window: Duration::from_secs(10),
    };

    #[test]
    fn a_quota_is_given_and_no_more() {
        let mut window = Window::default();
        for left in (0..5).rev() {
            let decision = window.take(1_000, POLICY);
            assert_eq!((decision.is_allowed, decision.remaining), (true, left));
            assert_eq!(decision.reset_seconds, 10);
        }
        let refused = window.take(4_500, POLICY);
        // The window ends at 11 s; at 13 s a fifth of what weighs from before is gone.
        assert_eq!(
            (refused.is_allowed, refused.remaining, refused.reset_seconds),
            (false, 0, 9)
        );
        assert!(!window.take(12_999, POLICY).is_allowed);
        assert!(window.take(13_000, POLICY).is_allowed);
        assert!(!window.take(13_001, POLICY).is_allowed);
        assert_eq!(window.take(40_000, POLICY).remaining, 4, "all is forgotten");
    }

    #[test]
    fn what_is_said_to_help_helps_and_the_quota_holds_in_any_window() {
        for (requests, window_s, pace_ms) in [(1, 1, 100), (5, 10, 700), (100, 60, 13), (7, 3, 999)] {
            let policy = Policy {
                requests,
                window: Duration::from_secs(window_s),
            };
            let (mut window, mut now, mut allowed) = (Window::default(), 1_764_000_000_000, Vec::new());
            for _ in 0..20_000 {
                let decision = window.take(now, policy);
                if decision.is_allowed {
                    allowed.push(now);
                } else {
                    let mut later = window;
                    let then = now + u64::from(decision.reset_seconds) * 1_000;
                    assert!(later.take(then, policy).is_allowed, "{policy:?} at {now}");
                }
                now += pace_ms;
            }
            // What was asked before is taken as evenly spread: a client that was faster gets up to twice the quota in a
            // window, and over a long time never more than the quota a window, and one.
            let windows = (now - allowed[0]).div_ceil(policy.window_ms());
            assert!(
                allowed.len() as u64 <= (windows + 1) * u64::from(requests),
                "{policy:?}"
            );
            for (index, start) in allowed.iter().enumerate() {
                let within = allowed[index..]
                    .iter()
                    .take_while(|at| **at < start + policy.window_ms())
                    .count();
                assert!(within as u64 <= 2 * u64::from(requests), "{policy:?}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_back_refuses_nobody_for_ever() {
        let mut window = Window::default();
        assert!(window.take(1_000_000, POLICY).is_allowed);
        for _ in 0..4 {
            assert!(window.take(10, POLICY).is_allowed);
        }
        let refused = window.take(10, POLICY);
        assert!(!refused.is_allowed && refused.reset_seconds <= 20, "{refused:?}");
    }
}
