//! Who delivers: each receiver has a task of its own while something is due to it, so that one that is slow or away delays no other.

use super::{export, outbound::Sent, payload::payload, signature::signatures, telling, vault};
use crate::{App, Error, clock, pause};
use futures_util::{StreamExt as _, stream};
use inventory_domain::{Timestamp, channel::ChannelKind, delivery};
use inventory_store::{
    StoreError,
    notifications::{self as store, Due, DueReceiver, Exported, Outcome, Tried},
    outbox::Destination,
    receivers::{self, Receiver, ReceiverKind},
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// Deliveries taken on at a time, for one receiver.
const BATCH: i64 = 16;
/// Events in one file of an export.
const FILE_EVENTS_MAX: i64 = 5_000;
/// The longest pause before a file is tried again.
const FILE_PAUSE_SECONDS_MAX: i64 = 1_800;
/// Requests to one receiver at once.
const AT_ONCE: usize = 4;
/// How long what is taken on is nobody else's: longer than a batch can take with every request running into its time limit.
const LEASE_SECONDS: i64 = 120;
/// Wait after the database was away.
const RETRY: Duration = Duration::from_secs(5);
/// The longest wait: other instances spread events, too.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Deliveries forgotten at a time.
const PRUNE_BATCH: i64 = 5_000;

/// Who is at work, and whether there is any.
#[derive(Default)]
pub(crate) struct Works {
    notify: Notify,
    /// Receivers that somebody here delivers to.
    busy: Mutex<HashSet<i64>>,
    /// Whether anybody wants events: what it was when the database was asked last.
    is_wanted: AtomicBool,
}

impl Works {
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// Whether anybody wants events: without, the relay asks the database for none.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn note_wanted(&self, is_wanted: bool) {
        self.is_wanted.store(is_wanted, Ordering::Relaxed);
    }

    fn take(&self, id: i64) -> bool {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }

    fn give_back(&self, id: i64) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Starts what delivers until the program stops.
    pub(crate) fn spawn(app: &App, tasks: &TaskTracker, stop: &CancellationToken) {
        let (app, stop) = (app.clone(), stop.clone());
        tasks.spawn(async move {
            loop {
                let wait = dispatch(&app).await.unwrap_or_else(|error| {
                    tracing::warn!(error = %error.reason(), "deliveries wait for the database");
                    RETRY
                });
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = app.works().notify.notified() => {}
                    () = stop.cancelled() => return,
                }
            }
        });
    }
}

/// Asks the database whether anybody wants events, here or in another instance.
pub(crate) async fn refresh(app: &App) -> Result<(), StoreError> {
    let is_wanted = receivers::is_subscribed(app.store(), Destination::Receivers).await?;
    app.works().note_wanted(is_wanted);
    app.works().wake();
    Ok(())
}

/// Forgets deliveries that ended before `before`.
pub(crate) async fn prune(app: &App, before: Timestamp) -> Result<(), StoreError> {
    store::prune(app.store(), before, PRUNE_BATCH).await.map(drop)
}

/// Starts a task for each receiver that something is due to; gives how long nothing more is to be done.
async fn dispatch(app: &App) -> Result<Duration, StoreError> {
    let now = clock();
    for due in store::due_receivers(app.store(), now).await? {
        let id = due.id;
        if !app.works().take(id) {
            continue;
        }
        let here = app.clone();
        app.spawn(async move {
            let delivered = serve(&here, due, clock).await;
            here.works().give_back(id);
            match delivered {
                // What came in the meantime is found.
                Ok(_) => here.works().wake(),
                Err(error) => tracing::warn!(error = %error.reason(), id, "deliveries wait for the database"),
            }
        });
    }
    let busy = !app
        .works()
        .busy
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_empty();
    let next = store::next_due(app.store()).await?;
    let wait = next.map_or(WAIT_MAX, |at| {
        let micros = at.micros().saturating_sub(clock().micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    });
    // Whoever is busy wakes us.
    let least = if busy {
        Duration::from_secs(1)
    } else {
        Duration::from_millis(50)
    };
    Ok(wait.clamp(least, WAIT_MAX))
}

/// What was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Deliveries that arrived.
    pub delivered: usize,
    /// Those that are tried again.
    pub waiting: usize,
    /// Those that were given up.
    pub failed: usize,
}

impl DeliveryReport {
    const fn add(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            waiting: self.waiting + other.waiting,
            failed: self.failed + other.failed,
        }
    }
}

/// Delivers everything that is due at `now`, as the tasks do; the clock stands still meanwhile.
pub async fn deliver_at(app: &App, now: Timestamp) -> Result<DeliveryReport, Error> {
    let mut all = DeliveryReport::default();
    for due in store::due_receivers(app.store(), now).await? {
        all = all.add(serve(app, due, || now).await?);
    }
    Ok(all)
}

/// Delivers to one receiver until nothing is due.
async fn serve(app: &App, due: DueReceiver, now: impl Fn() -> Timestamp) -> Result<DeliveryReport, StoreError> {
    if due.is_export {
        write_files(app, due.id, now).await
    } else {
        send_all(app, due.id, now).await
    }
}

/// Writes files until nothing is due to an export, or one cannot be written.
async fn write_files(app: &App, id: i64, now: impl Fn() -> Timestamp) -> Result<DeliveryReport, StoreError> {
    let mut report = DeliveryReport::default();
    while !app.stop().is_cancelled() {
        let began = now();
        let lease = began.plus_seconds(LEASE_SECONDS);
        let Some(batch) = store::claim_batch(app.store(), id, Uuid::now_v7(), began, lease, FILE_EVENTS_MAX).await?
        else {
            break;
        };
        // When the program ends meanwhile, whoever comes next writes the same file.
        let sent = tokio::select! {
            sent = export::write(app, &batch) => sent,
            () = app.stop().cancelled() => break,
        };
        let at = now();
        let tries = batch
            .events
            .iter()
            .map(|event| event.due.tries)
            .max()
            .unwrap_or_default();
        let later = sent.problem.as_ref().map(|problem| {
            tracing::warn!(id, name = batch.receiver.name, %problem, "a file of events is not stored");
            // It is tried until it works: its events are nowhere else.
            let seconds = delivery::pause_seconds(tries + 1).unwrap_or(FILE_PAUSE_SECONDS_MAX);
            let pause = pause::around(Duration::from_secs(
                seconds.clamp(1, FILE_PAUSE_SECONDS_MAX).unsigned_abs(),
            ));
            Timestamp::from_micros(at.micros().saturating_add(pause.as_micros() as i64))
        });
        let tried = |event: &Exported| Tried {
            id: event.due.id,
            attempt: sent.attempt(event.due.attempts + 1, at),
            outcome: later.map_or(Outcome::Delivered, Outcome::Later),
        };
        let tried: Vec<Tried> = batch.events.iter().map(tried).collect();
        store::settle_batch(app.store(), &batch, &tried, at).await?;
        let step = DeliveryReport {
            delivered: if later.is_none() { tried.len() } else { 0 },
            waiting: if later.is_some() { tried.len() } else { 0 },
            failed: 0,
        };
        app.metrics().tried_to_deliver(&batch.receiver, step);
        report = report.add(step);
        if later.is_some() {
            break;
        }
    }
    Ok(report)
}

/// Sends everything that is due to one receiver.
async fn send_all(app: &App, id: i64, now: impl Fn() -> Timestamp) -> Result<DeliveryReport, StoreError> {
    let mut report = DeliveryReport::default();
    while !app.stop().is_cancelled() {
        let owner = Uuid::now_v7();
        let began = now();
        let lease = began.plus_seconds(LEASE_SECONDS);
        let Some((receiver, due)) = store::claim(app.store(), id, owner, began, lease, BATCH).await? else {
            break;
        };
        let trying = stream::iter(due)
            .map(|due| one(app, &receiver, due, now()))
            .buffer_unordered(AT_ONCE)
            .collect();
        let tried: Vec<Tried> = tokio::select! {
            tried = trying => tried,
            () = app.stop().cancelled() => {
                // Whoever comes next tries again; what has arrived comes a second time with the same id.
                store::release(app.store(), owner, began).await?;
                break;
            }
        };
        let mut step = DeliveryReport::default();
        for one in &tried {
            match one.outcome {
                Outcome::Delivered => step.delivered += 1,
                Outcome::Later(_) => step.waiting += 1,
                Outcome::Exhausted | Outcome::Gone => step.failed += 1,
            }
        }
        app.metrics().tried_to_deliver(&receiver, step);
        report = report.add(step);
        if store::settle(app.store(), id, owner, &tried, now()).await? {
            tracing::warn!(id, name = receiver.name, "a receiver is switched off");
            app.nudge().wake();
            break;
        }
    }
    Ok(report)
}

/// One try.
async fn one(app: &App, receiver: &Receiver, due: Due, at: Timestamp) -> Tried {
    let (sent, is_there) = match &due.body {
        Some(body) => (send(app, receiver, due.event_id, body, at).await, true),
        None => (Sent::not_at_all("the event is no longer kept".to_owned()), false),
    };
    let outcome = match sent.status {
        _ if sent.problem.is_none() => Outcome::Delivered,
        Some(410) => Outcome::Gone,
        _ => match delivery::pause_seconds(due.tries + 1).filter(|_| is_there) {
            Some(seconds) => {
                let pause = pause::around(Duration::from_secs(seconds.unsigned_abs()));
                let pause = pause.max(sent.retry_after.unwrap_or_default());
                Outcome::Later(Timestamp::from_micros(
                    at.micros().saturating_add(pause.as_micros() as i64),
                ))
            }
            None => Outcome::Exhausted,
        },
    };
    Tried {
        id: due.id,
        attempt: sent.attempt(due.attempts + 1, at),
        outcome,
    }
}

async fn send(app: &App, receiver: &Receiver, event_id: Uuid, event: &str, at: Timestamp) -> Sent {
    let sent = match receiver.kind {
        ReceiverKind::Channel(ChannelKind::Webhook) => webhook(app, receiver, event_id, event, at).await,
        ReceiverKind::Channel(kind) => telling::tell(app, receiver, kind, event_id, event).await,
        ReceiverKind::Export => Err("events of an export are written together".to_owned()),
    };
    sent.unwrap_or_else(Sent::not_at_all)
}

/// Where a webhook is, or a channel that is one.
#[derive(Deserialize)]
struct Address {
    url: String,
}

/// A request as Standard Webhooks has it: the event's id stays the same, the time is that of the try.
async fn webhook(app: &App, receiver: &Receiver, event_id: Uuid, event: &str, at: Timestamp) -> Result<Sent, String> {
    let Address { url } = receiver.details().map_err(|_| "the webhook cannot be read")?;
    let secrets = vault::open(app, receiver)?;
    let body = payload(event).ok_or("the event cannot be read")?;
    let seconds = at.micros().div_euclid(1_000_000);
    let id = event_id.to_string();
    let signatures = signatures(secrets.signing(at), &id, seconds, &body).ok_or("there is no secret to sign with")?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HeaderName::from_static("webhook-id"), id),
        (HeaderName::from_static("webhook-timestamp"), seconds.to_string()),
        (HeaderName::from_static("webhook-signature"), signatures),
    ] {
        headers.insert(
            name,
            HeaderValue::try_from(value).map_err(|_| "a header cannot be written")?,
        );
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(app.outbound().post(&url, headers, body).await)
}
