//! What is done: one module per resource with its use cases, over domain, store and Azure. No HTTP.
//!
//! [`App::build`] is the same in production, development and tests. Reads take the [`App`]; writes take a [`Work`], which is one
//! transaction with its idempotency key, begun by [`App::begin`] and ended by [`Work::commit`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access_log;
pub mod alerts;
mod application;
pub mod audit;
pub mod backorders;
pub mod catalogue;
mod catalogue_cache;
pub mod census;
pub mod counts;
pub mod csv_text;
pub mod customers;
mod database_token;
mod destinations;
mod error;
pub mod events;
pub mod exports;
pub mod files;
mod health;
pub mod holds;
pub mod identity;
pub mod imports;
pub mod inventory;
pub mod kpis;
pub mod locations;
pub mod metrics;
pub mod migrations;
pub mod orders;
pub mod outbox;
pub mod parked;
pub mod pause;
pub mod payments;
pub mod products;
pub mod purchases;
pub mod rate_limit;
mod readiness;
pub mod receivers;
mod redis_token;
pub mod replenishment;
pub mod returns;
pub mod secrets;
pub mod settings;
pub mod stock;
pub mod suppliers;
pub mod telemetry;
pub mod transfers;
mod work;

pub use application::{App, Azure};
pub use error::Error;
pub use identity::Identity;
pub use inventory_store::{Caller, Key, KeyKind, Page, Sort, Sorting, TraceParent, clock};
pub use metrics::Metrics;
pub use readiness::{CheckResult, Checks, Readiness};
pub use secrets::Secrets;
pub use settings::{Settings, SettingsError};
pub use work::{Begun, Call, Idempotency, Reply, Work};
