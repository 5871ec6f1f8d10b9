//! The relay: sends what the outbox holds. Each destination has a task of its own, so that one that is away stops no other.

use crate::{App, Error, clock, destinations::Sender, receivers};
use futures_util::future;
pub use inventory_store::outbox::Destination;
use inventory_store::{
    audit, events, idempotency,
    outbox::{self as store, Sent},
};
use serde::Serialize;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Events leased at a time.
const BATCH: i64 = 256;
/// How long a lease lasts: longer than one batch can take, short enough that a dead instance delays nobody for long.
const LEASE_SECONDS: i64 = 30;
/// First wait after a destination was away; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Events pruned at a time.
const PRUNE_BATCH: i64 = 5_000;
/// Events looked at in one step of handing them over to the event history.
const ADOPT_BATCH: i64 = 1_000;

/// Tells the relay that there is something to send.
#[derive(Default)]
pub(crate) struct Nudge([Notify; Destination::ALL.len()]);

impl Nudge {
    pub(crate) fn wake(&self) {
        for notify in &self.0 {
            notify.notify_one();
        }
    }
}

/// What a pass of the relay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RelayReport {
    /// Events that reached their destination.
    pub sent: usize,
    /// Events that wait for another try.
    pub waiting: usize,
    /// Events that their destination refuses for ever.
    pub refused: usize,
}

impl RelayReport {
    const fn add(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            waiting: self.waiting + other.waiting,
            refused: self.refused + other.refused,
        }
    }
}

/// Sends everything that is due, once, and forgets what is old: the timer's part, beside the tasks.
pub async fn relay(app: &App) -> Result<RelayReport, Error> {
    adopt(app, false).await?;
    receivers::refresh(app).await?;
    let mut report = RelayReport::default();
    for drained in future::join_all(Destination::ALL.map(|destination| relay_to(app, destination))).await {
        report = report.add(drained?);
    }
    let now = clock();
    let old = now.plus_minutes(-app.settings().work.outbox_retention_days * 24 * 60);
    store::prune(app.store(), old, PRUNE_BATCH).await?;
    let retention = app.settings().receivers.retention_days;
    receivers::prune(app, now.plus_minutes(-retention * 24 * 60)).await?;
    inventory_store::accounts::prune(app.store(), now).await?;
    inventory_store::sign_in::prune(app.store(), now.plus_minutes(-24 * 60)).await?;
    idempotency::prune(
        app.store(),
        now.plus_minutes(-app.settings().work.idempotency_retention_hours * 60),
    )
    .await?;
    let retention = app.settings().work.access_log_retention_days;
    audit::prune_accesses(app.store(), now.plus_minutes(-retention * 24 * 60)).await?;
    Ok(report)
}

/// Hands over to the event history what was written without it: by a program that does not know of it (the newest events
/// are looked at, as long as it lacks some of them), or, with `from_the_start`, before it was switched on.
async fn adopt(app: &App, from_the_start: bool) -> Result<(), Error> {
    if app.event_history().is_none() {
        return Ok(());
    }
    let is_all = from_the_start && events::history_lacks_the_oldest(app.store()).await?;
    let mut before = i64::MAX;
    loop {
        let step = events::adopt(app.store(), before, ADOPT_BATCH).await?;
        match step.before {
            Some(oldest) if is_all || step.added > 0 => before = oldest,
            _ => return Ok(()),
        }
    }
}

/// Sends what is due at one destination, batch by batch, until nothing is left or the destination is away.
pub async fn relay_to(app: &App, destination: Destination) -> Result<RelayReport, Error> {
    let mut report = RelayReport::default();
    loop {
        let step = step(app, destination).await?;
        app.metrics().relayed(destination, step);
        report = report.add(step);
        if step == RelayReport::default() || step.waiting > 0 {
            return Ok(report);
        }
    }
}

async fn step(app: &App, destination: Destination) -> Result<RelayReport, Error> {
    if destination == Destination::Receivers && !app.works().is_wanted() {
        return Ok(RelayReport::default());
    }
    let Some(sender) = Sender::of(app, destination) else {
        return Ok(RelayReport::default());
    };
    let owner = Uuid::now_v7();
    let now = clock();
    let events = store::claim(
        app.store(),
        destination,
        owner,
        now,
        now.plus_seconds(LEASE_SECONDS),
        BATCH,
    )
    .await?;
    if events.is_empty() {
        return Ok(RelayReport::default());
    }
    let mut ways = sender.ways(app.traces(), &events);
    let outcomes = match sender.send(&events, &ways).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            for way in &mut ways {
                way.failed(&error);
            }
            tracing::warn!(%error, ?destination, events = events.len(), "a destination is away");
            store::release(app.store(), destination, owner).await?;
            return Ok(RelayReport {
                waiting: events.len(),
                ..RelayReport::default()
            });
        }
    };
    for (way, outcome) in ways.iter_mut().zip(&outcomes) {
        if let Err(failure) = outcome {
            way.failed(failure);
        }
    }
    drop(ways);
    let mut report = RelayReport::default();
    let results: Vec<(i64, Sent)> = events
        .iter()
        .zip(outcomes)
        .map(|(event, outcome)| {
            let sent = match outcome {
                Ok(()) => {
                    report.sent += 1;
                    Sent::Yes
                }
                Err(error) if error.is_permanent => {
                    tracing::error!(%error, event_id = %event.event_id, "an event is refused for ever");
                    report.refused += 1;
                    Sent::Refused(error.to_string())
                }
                // A wrong key or a missing queue is no reason to forget an event either: somebody mends it.
                Err(error) => {
                    tracing::debug!(%error, ?destination, event_id = %event.event_id, "an event is sent again later");
                    report.waiting += 1;
                    let pause = 1 << event.attempts.clamp(0, 6);
                    let asked = error.retry_after.map_or(0, |wait| wait.as_secs() as i64 + 1);
                    Sent::Later(now.plus_seconds(pause.max(asked)))
                }
            };
            (event.seq, sent)
        })
        .collect();
    store::settle(app.store(), destination, owner, &results).await?;
    Ok(report)
}

/// The relay's tasks.
pub(crate) struct Relay;

impl Relay {
    pub(crate) fn spawn(app: &App, tasks: &TaskTracker, stop: &CancellationToken) {
        for (index, destination) in Destination::ALL.into_iter().enumerate() {
            if Sender::of(app, destination).is_none() {
                continue;
            }
            let (app, stop) = (app.clone(), stop.clone());
            tasks.spawn(async move {
                let mut wait = RETRY;
                let mut is_adopted = destination != Destination::EventHistory;
                // What an earlier process has left is sent first.
                app.nudge().0[index].notify_one();
                loop {
                    tokio::select! {
                        () = app.nudge().0[index].notified() => {}
                        () = stop.cancelled() => return,
                    }
                    // Only the first time: events from before the event history was switched on.
                    if !is_adopted {
                        is_adopted = adopt(&app, true).await.is_ok();
                    }
                    match relay_to(&app, destination).await {
                        Ok(report) if report.waiting == 0 && is_adopted => wait = RETRY,
                        _ => {
                            tokio::select! {
                                () = tokio::time::sleep(wait) => {}
                                () = stop.cancelled() => return,
                            }
                            wait = (wait * 2).min(RETRY_MAX);
                            app.nudge().0[index].notify_one();
                        }
                    }
                }
            });
        }
    }
}
