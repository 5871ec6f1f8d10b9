//! What the tests of the Service Bus share.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use devhost::servicebus::{Broker, BrokerMessage, Delivery, Entities, QueueOptions};
use uuid::Uuid;

/// A directory of its own for a test, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("servicebus-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where the broker's file goes.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("servicebus.db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A broker without entities.
pub(crate) fn open(scratch: &Scratch) -> Broker {
    Broker::open(&scratch.file(), Entities::default()).unwrap()
}

/// A broker with a queue `q`.
pub(crate) fn queue(options: QueueOptions) -> (Broker, Scratch) {
    let scratch = Scratch::new();
    let broker = open(&scratch);
    broker.ensure_queue("q", options).unwrap();
    (broker, scratch)
}

pub(crate) fn message(id: &str) -> BrokerMessage {
    BrokerMessage {
        message_id: id.to_owned(),
        body: "{}".into(),
        ..BrokerMessage::default()
    }
}

pub(crate) async fn receive(broker: &Broker, entity: &str, max: usize) -> Vec<Delivery> {
    tokio::time::timeout(Duration::from_secs(10), broker.receive(entity, max))
        .await
        .unwrap()
        .unwrap()
}

pub(crate) fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .map(|delivery| delivery.message.message_id.as_str())
        .collect()
}

pub(crate) fn tokens(deliveries: &[Delivery]) -> Vec<Uuid> {
    deliveries.iter().map(|delivery| delivery.lock_token).collect()
}

/// A tool that `cargo xtask test` installs. Skipping the test without it would hide that nothing was tested.
pub(crate) fn tool(path: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target"),
        PathBuf::from,
    );
    let path = target.join("tools").join(path);
    assert!(
        path.exists(),
        "{} is missing: run cargo xtask test, which installs it",
        path.display()
    );
    path
}
