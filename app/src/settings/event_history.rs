//! Where events are kept for long, and how long.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use inventory_azure::{
    EventHistoryOptions, TokenCredential,
    event_history::{Access, Endpoint, Secret},
};
use inventory_domain::event::EventType;
use std::{sync::Arc, time::Duration};

static ENDPOINT: Setting = Setting::text(
    "COSMOS_ENDPOINT",
    None,
    "The Cosmos DB account (API for NoSQL) that keeps events for long: `https://ACCOUNT.documents.azure.com/`. Without it the \
     outbox is all the history there is. The program's identity needs the role *Cosmos DB Built-in Data Contributor*. Every \
     program that writes to the database should have the same.",
);
static KEY: Setting = Setting::text(
    "COSMOS_KEY",
    None,
    "The account's key, for emulators and tests. Without it access is by managed identity.",
);
static DATABASE: Setting = Setting::text("COSMOS_DATABASE", Some("inventory"), "The database in the account.");
static CONTAINER: Setting = Setting::text(
    "COSMOS_CONTAINER",
    Some("events"),
    "The container in the database, partitioned by `/subject`, with its time to live switched on (`DefaultTimeToLive` -1).",
);
static TTL_DAYS: Setting = Setting::number(
    "EVENT_HISTORY_TTL_DAYS",
    730,
    0..=TTL_DAYS_MAX,
    "How long the event history keeps an event; 0 is for ever.",
);
static TTL_DAYS_BY_TYPE: Setting = Setting::text(
    "EVENT_HISTORY_TTL_DAYS_BY_TYPE",
    None,
    "The same for some types of events, instead: `inventory.stock.*=90,inventory.order.placed=0`. A type wins over a `.*`, a \
     longer `.*` over a shorter one.",
);

pub(super) static GROUP: Group = Group {
    title: "Event history",
    about: "",
    settings: &[&ENDPOINT, &KEY, &DATABASE, &CONTAINER, &TTL_DAYS, &TTL_DAYS_BY_TYPE],
};

/// A time to live is a positive 32-bit number of seconds.
const TTL_DAYS_MAX: u32 = 24_855;
const SECONDS_OF_A_DAY: u32 = 24 * 60 * 60;
/// How long a read may take: a caller waits for it.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long writing a batch of events may take: shorter than the relay's lease on their subjects.
const RECORD_TIMEOUT: Duration = Duration::from_secs(25);

/// Where events are kept for long, and how long.
#[derive(Clone, Debug)]
pub struct EventHistory {
    endpoint: Endpoint,
    key: Option<Secret>,
    database: String,
    container: String,
    /// How long events are kept.
    pub retention: EventRetention,
}

impl EventHistory {
    /// How to reach it; `credential` gives access where there is no key.
    pub(crate) fn options(&self, credential: &Arc<dyn TokenCredential>) -> EventHistoryOptions {
        EventHistoryOptions {
            endpoint: self.endpoint.clone(),
            access: match &self.key {
                Some(key) => Access::Key(key.clone()),
                None => Access::Entra(credential.clone()),
            },
            database: self.database.clone(),
            container: self.container.clone(),
            read_timeout: READ_TIMEOUT,
            record_timeout: RECORD_TIMEOUT,
        }
    }
}

/// How long the event history keeps events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRetention {
    /// Days, of types that are not among the others; 0 is for ever.
    days: u32,
    /// Types, or their beginnings up to and including a `.`, the longest first.
    by_type: Vec<(String, u32)>,
}

impl EventRetention {
    /// Seconds until an event of this type is deleted; `None`: never.
    pub fn seconds(&self, event_type: &str) -> Option<u32> {
        let is_meant =
            |pattern: &str| pattern == event_type || (pattern.ends_with('.') && event_type.starts_with(pattern));
        let days = self
            .by_type
            .iter()
            .find(|(pattern, _)| is_meant(pattern))
            .map_or(self.days, |(_, days)| *days);
        (days > 0).then(|| days * SECONDS_OF_A_DAY)
    }

    fn parse(days: u32, text: &str) -> Result<Self, String> {
        let mut by_type = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, count) = part.split_once('=').ok_or("must be TYPE=DAYS, separated by commas")?;
            let (name, count) = (name.trim(), count.trim());
            let pattern = name.strip_suffix('*').unwrap_or(name);
            let is_known = if pattern.len() < name.len() {
                pattern.ends_with('.') && EventType::ALL.iter().any(|known| known.as_str().starts_with(pattern))
            } else {
                EventType::parse(name).is_some()
            };
            if !is_known {
                return Err("names a type of events that there is not".to_owned());
            }
            let count = count
                .parse()
                .ok()
                .filter(|days| *days <= TTL_DAYS_MAX)
                .ok_or_else(|| format!("must have whole numbers of days from 0 to {TTL_DAYS_MAX}"))?;
            by_type.push((pattern.to_owned(), count));
        }
        by_type.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
        if by_type.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err("names a type twice".to_owned());
        }
        Ok(Self { days, by_type })
    }
}

pub(super) fn read(source: &mut Source<'_>) -> Option<EventHistory> {
    let endpoint = source.text(&ENDPOINT).and_then(|text| match text.parse::<Endpoint>() {
        Ok(endpoint) => Some(endpoint),
        Err(error) => {
            source.wrong(&ENDPOINT, error);
            None
        }
    });
    let key = source.text(&KEY).map(Secret::from);
    let database = source.text(&DATABASE).unwrap_or_default();
    let container = source.text(&CONTAINER).unwrap_or_default();
    let days = source.number(&TTL_DAYS);
    let by_type = source.text(&TTL_DAYS_BY_TYPE).unwrap_or_default();
    let retention = EventRetention::parse(days, &by_type).unwrap_or_else(|what| {
        source.wrong(&TTL_DAYS_BY_TYPE, what);
        EventRetention::default()
    });
    Some(EventHistory {
        endpoint: endpoint?,
        key,
        database,
        container,
        retention,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_time() {
        let retention = EventRetention::parse(
            10,
            "inventory.stock.*=2, inventory.stock.low=0,inventory.*=5,inventory.order.placed=1",
        );
        let retention = retention.unwrap();
        for (event_type, days) in [
            ("inventory.stock.adjusted", Some(2)),
            ("inventory.stock.low", None),
            ("inventory.order.placed", Some(1)),
            ("inventory.order.confirmed", Some(5)),
            ("else", Some(10)),
        ] {
            assert_eq!(
                retention.seconds(event_type),
                days.map(|days| days * 86_400),
                "{event_type}"
            );
        }
        assert_eq!(EventRetention::parse(0, "").unwrap().seconds("x"), None);
        // The longest time fits what Cosmos DB takes.
        let most = EventRetention::parse(TTL_DAYS_MAX, "").unwrap().seconds("x");
        assert!(most.is_some_and(|seconds| i32::try_from(seconds).is_ok()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "inventory.stock.low",
            "inventory.stock.lows=1",
            "inventory.stocks.*=1",
            "inventory.sto*=1",
            "inventory.stock.low=-1",
            "inventory.stock.low=24856",
            "inventory.stock.low=1,inventory.stock.low=2",
        ] {
            assert!(EventRetention::parse(1, text).is_err(), "{text}");
        }
    }
}
