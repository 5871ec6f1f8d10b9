//! The functions, called through the router over a SQLite database of their own.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod accounts;
mod client;

mod audit;
mod batches;
mod catalogue;
mod channels;
mod consistency;
mod dashboard;
mod docs;
mod entra;
mod files;
mod forms;
mod lists;
mod metrics;
mod operations;
mod orders;
mod payments;
mod reservations;
mod settings;
mod sign_in;
mod stock;
mod supply;
mod system;
mod tokens;
mod transfers;
mod webhooks;
