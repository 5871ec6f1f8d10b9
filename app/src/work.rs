//! A write with its idempotency key: begun, done, and answered in one transaction.

use crate::{App, Caller, Error, TraceParent};
use inventory_store::{
    Tx,
    idempotency::{self, KeyState},
};
use serde::{Deserialize, Serialize};
use std::{
    net::IpAddr,
    ops::{Deref, DerefMut},
};

/// A request to write something.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation (`products_create`): with the caller, the scope of the idempotency key.
    pub operation: &'static str,
    /// Who asks.
    pub actor: String,
    /// The request's id.
    pub request_id: String,
    /// The client's address, where the request came from one.
    pub address: Option<IpAddr>,
    /// Where in which trace it is asked, where there is one.
    pub trace: Option<TraceParent>,
    /// The key under which the reply is kept, where the caller gave one.
    pub idempotency: Option<Idempotency>,
}

/// An idempotency key and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// A hash of the request, to tell the same request from another one.
    pub fingerprint: String,
}

/// The reply to a write: what is kept with the idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The protocol's code for it.
    pub code: u16,
    /// Where the thing is.
    pub location: Option<String>,
    /// Its version.
    pub version: Option<i64>,
    /// Its JSON text.
    pub body: String,
}

/// How a write begins.
#[expect(
    clippy::large_enum_variant,
    reason = "one a request, moved once; a box would cost more than the move"
)]
pub enum Begun {
    /// Do it.
    Work(Work),
    /// It was done before; this was the reply.
    Replay(Reply),
}

/// A write in its transaction: dropped without [`Work::commit`] it has done nothing.
pub struct Work {
    app: App,
    tx: Tx,
    key: Option<(String, Idempotency)>,
    has_deliveries: bool,
    has_subscriptions: bool,
}

impl Deref for Work {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Work {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

pub(crate) async fn begin(app: &App, call: Call) -> Result<Begun, Error> {
    let scope = format!("{}\u{1f}{}", call.actor, call.operation);
    let caller = Caller::new(call.actor, call.request_id)
        .at(call.address)
        .within(call.trace);
    let mut tx = app.store().begin(caller);
    let key = match call.idempotency {
        None => None,
        Some(wanted) => match idempotency::claim(&mut tx, &scope, &wanted.key).await? {
            KeyState::New => Some((scope, wanted)),
            KeyState::InUse => return Err(Error::IdempotencyInUse),
            KeyState::Done { fingerprint, .. } if fingerprint != wanted.fingerprint => {
                return Err(Error::IdempotencyMismatch);
            }
            KeyState::Done { reply, .. } => {
                let reply = serde_json::from_str(&reply).map_err(|error| {
                    tracing::error!(%error, "a stored reply cannot be read");
                    Error::Internal
                })?;
                return Ok(Begun::Replay(reply));
            }
        },
    };
    Ok(Begun::Work(Work {
        app: app.clone(),
        tx,
        key,
        has_deliveries: false,
        has_subscriptions: false,
    }))
}

impl Work {
    /// The application that it is of.
    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    /// Committing will put something on its way to webhooks or channels.
    pub(crate) const fn has_deliveries(&mut self) {
        self.has_deliveries = true;
    }

    /// Committing will change who wants events.
    pub(crate) const fn has_subscriptions(&mut self) {
        self.has_subscriptions = true;
    }

    /// Keeps the reply with the idempotency key, commits, and nudges the relay.
    ///
    /// # Errors
    /// When the database is away or refuses; then nothing was done.
    pub async fn commit(mut self, reply: Reply) -> Result<Reply, Error> {
        if let Some((scope, Idempotency { key, fingerprint })) = &self.key {
            let text = serde_json::to_string(&reply).map_err(|_| Error::Internal)?;
            idempotency::keep(&mut self.tx, scope, key, fingerprint, &text)?;
        }
        let has_events = self.tx.has_events();
        match self.tx.commit().await {
            Ok(()) => {}
            // Somebody else with the same key was faster between our look-up and our commit.
            Err(error) if self.key.is_some() && error.is_unique_violation() => {
                return Err(Error::IdempotencyInUse);
            }
            // What it refers to has gone meanwhile (a customer was erased): the same request, sent again, finds out.
            Err(error) if error.is_missing_reference() => return Err(Error::Unavailable),
            Err(error) => return Err(error.into()),
        }
        if self.has_subscriptions {
            // Others hear of it by the timer.
            self.app.works().note_wanted(true);
        }
        if self.has_deliveries {
            self.app.works().wake();
        }
        if has_events {
            self.app.nudge().wake();
        }
        Ok(reply)
    }
}
