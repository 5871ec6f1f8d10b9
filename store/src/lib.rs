//! How inventory is kept: SQL over PostgreSQL and SQLite, migrations, transactions.
//!
//! [`Store`] reads, [`Tx`] writes. Every write goes through a [`Tx`], which gathers the movements, audit rows and events of
//! the change and writes them with it (invariant I6). One module per aggregate holds its SQL, the same text for both engines.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod accounts;
pub mod alerts;
pub mod api_keys;
pub mod audit;
pub mod backorders;
pub mod catalogue;
pub mod census;
mod changes;
pub mod counts;
pub mod customers;
mod db;
pub mod erasure;
pub mod events;
pub mod exports;
pub mod file_jobs;
mod filter;
pub mod fulfilment;
pub mod holds;
pub mod idempotency;
pub mod kpis;
pub mod levels;
pub mod locations;
pub mod migrations;
pub mod movements;
mod names;
pub mod notifications;
pub mod orders;
pub mod outbox;
mod paging;
pub mod parked;
pub mod payments;
pub mod processing;
pub mod products;
pub mod purchases;
pub mod receivers;
pub mod reconcile;
pub mod replenishment;
pub mod returns;
pub mod shipments;
pub mod sign_in;
pub mod stock;
pub mod suppliers;
pub mod sweep;
pub mod timeline;
mod trace;
pub mod transfers;

pub use changes::Kept;
pub use db::{
    AccessError, Authentication, Caller, Engine, Logged, Observer, Options, PoolStatus, Store, StoreError, Tx, clock,
};
pub use paging::{Column, Key, KeyKind, Page, Sort, Sorting};
pub use trace::{NotATraceParent, TraceParent};
