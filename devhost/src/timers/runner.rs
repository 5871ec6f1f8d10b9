//! Waits for a timer's occurrences and calls its function.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;

use super::{Schedule, ScheduleStatus, StatusStore, TimerBoard, TimerEntry, timer_call};
use crate::config::{Function, TimerTrigger};
use crate::invocation::Invoker;

/// The longest single sleep. The system's clock may be set while it lasts; it is looked at again after each.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// What one timer needs.
pub struct TimerRunner {
    /// The function.
    pub function: Arc<Function>,
    /// What its trigger says.
    pub trigger: TimerTrigger,
    /// The trigger's schedule, read.
    pub schedule: Schedule,
    /// Calls.
    pub invoker: Invoker,
    /// What is remembered.
    pub store: StatusStore,
    /// Where it says how it stands.
    pub board: TimerBoard,
    /// Stops it between calls.
    pub stop: CancellationToken,
}

/// Runs a timer until it is told to stop. Calls of one timer never overlap.
pub async fn run(timer: TimerRunner) {
    let monitored = timer.trigger.use_monitor && !timer.schedule.is_sub_minute();
    let mut status = if monitored { timer.remembered().await } else { None };
    let now = OffsetDateTime::now_utc();
    let mut next = match &status {
        Some(status) => Some(status.next),
        None => timer.schedule.next_after(now),
    };
    // What was missed is made up for once, and before a call at start-up, which it replaces.
    let mut at_once = match &status {
        Some(status) if status.next < now => Some(true),
        _ if timer.trigger.run_on_startup => Some(false),
        _ => None,
    };
    loop {
        timer.show(status.as_ref(), next, false);
        let past_due = if let Some(past_due) = at_once.take() {
            past_due
        } else {
            let Some(next) = next else {
                timer.invoker.console().warn(format_args!(
                    "Functions.{}: its schedule '{}' never comes again.",
                    timer.function.name, timer.trigger.schedule
                ));
                return;
            };
            tokio::select! {
                () = until(next) => false,
                () = timer.stop.cancelled() => return,
            }
        };
        tokio::select! {
            ready = timer.invoker.handler().ready_at_last() => if ready.is_none() { return },
            () = timer.stop.cancelled() => return,
        }
        timer.show(status.as_ref(), next, true);
        let fired = OffsetDateTime::now_utc();
        let reason = format!("Timer fired at {}", fired.format(&Rfc3339).unwrap_or_default());
        let call = timer_call(&timer.function, &timer.schedule, status.as_ref(), past_due, reason);
        // A failure has been told; the schedule goes on.
        let _ = timer.invoker.invoke(&timer.function, call).await;
        let now = OffsetDateTime::now_utc();
        if monitored {
            // Reckoned from the call's beginning: an occurrence that fell into it is due at once, once.
            next = timer.schedule.next_after(fired);
            if let Some(next) = next {
                let updated = ScheduleStatus {
                    schedule: timer.trigger.schedule.clone(),
                    last: Some(fired),
                    next,
                    last_updated: now,
                };
                timer.remember(&updated).await;
                status = Some(updated);
            }
        } else {
            next = timer.schedule.next_after(now);
        }
    }
}

impl TimerRunner {
    /// The status from before; where there is none, or of another schedule, a new one is begun.
    async fn remembered(&self) -> Option<ScheduleStatus> {
        let (store, name) = (self.store.clone(), self.function.name.clone());
        let known = tokio::task::spawn_blocking(move || store.load(&name))
            .await
            .ok()
            .flatten();
        if let Some(known) = known.filter(|known| known.schedule == self.trigger.schedule) {
            return Some(known);
        }
        let now = OffsetDateTime::now_utc();
        let begun = ScheduleStatus {
            schedule: self.trigger.schedule.clone(),
            last: None,
            next: self.schedule.next_after(now)?,
            last_updated: now,
        };
        self.remember(&begun).await;
        Some(begun)
    }

    async fn remember(&self, status: &ScheduleStatus) {
        let (store, name, status) = (self.store.clone(), self.function.name.clone(), status.clone());
        let saved = tokio::task::spawn_blocking(move || store.save(&name, &status)).await;
        if let Ok(Err(error)) = saved {
            self.invoker.console().error(format_args!(
                "Functions.{}: its schedule cannot be remembered: {error}",
                self.function.name
            ));
        }
    }

    fn show(&self, status: Option<&ScheduleStatus>, next: Option<OffsetDateTime>, running: bool) {
        let last = status.and_then(|status| status.last);
        let schedule = self.trigger.schedule.clone();
        self.board.set(
            &self.function.name,
            TimerEntry {
                schedule,
                last,
                next,
                running,
            },
        );
    }
}

async fn until(instant: OffsetDateTime) {
    loop {
        let left = instant - OffsetDateTime::now_utc();
        match Duration::try_from(left) {
            Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(LONGEST_SLEEP)).await,
            _ => return,
        }
    }
}
