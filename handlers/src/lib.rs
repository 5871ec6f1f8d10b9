//! The custom handler: one small file per Azure function.
//!
//! A function's name is `<resource>_<verb>`; its code is `src/<resource>/<verb>.rs`, its trigger `functions/<name>/function.json`,
//! its OpenAPI operation id the same name. [`OPERATIONS`] is the one table of all of them: the router and the API document are
//! made from it, and a test holds the other two against it.
//!
//! A handler extracts, calls one use case of `inventory_app` and maps the result. What is the same for all of them (request
//! id, limits, readiness, problems, …) is in the edge, one layer around each.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod deliveries;
mod examples;
mod http;
mod openapi;
mod operations;
pub mod reference;
mod router;
mod security;

mod products {
    pub(crate) mod archive;
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod update;
}

mod locations {
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod update;
}

mod inventory {
    pub(crate) mod add;
    pub(crate) mod adjust;
    pub(crate) mod at;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod low_stock;
    pub(crate) mod movements;
    pub(crate) mod update;
    pub(crate) mod value;
}

mod orders {
    pub(crate) mod backfill;
    pub(crate) mod cancel;
    pub(crate) mod create;
    pub(crate) mod deadletter;
    pub(crate) mod events;
    pub(crate) mod expire;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod pace;
    pub(crate) mod process;
    pub(crate) mod ship;
    pub(crate) mod shipments;
    pub(crate) mod timeline;
}

mod returns {
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
}

mod reservations {
    pub(crate) mod commit;
    pub(crate) mod create;
    pub(crate) mod expire;
    pub(crate) mod extend;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod release;
}

mod transfers {
    pub(crate) mod cancel;
    pub(crate) mod create;
    pub(crate) mod dispatch;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod receive;
    pub(crate) mod update;
}

mod events {
    pub(crate) mod list;
}

mod alerts {
    pub(crate) mod acknowledge;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod snooze;
}

mod suppliers {
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod update;
}

mod purchases {
    pub(crate) mod cancel;
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod order;
    pub(crate) mod receive;
    pub(crate) mod update;
}

mod replenishment {
    pub(crate) mod order;
    pub(crate) mod suggestions;
}

mod counts {
    pub(crate) mod cancel;
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod post;
    pub(crate) mod record;
}

mod audit {
    pub(crate) mod accesses;
    pub(crate) mod list;
}

mod exports {
    pub(crate) mod create;
    pub(crate) mod download;
    pub(crate) mod get;
    pub(crate) mod list;
}

mod imports {
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
}

mod files {
    pub(crate) mod work;
}

mod customers {
    pub(crate) mod erase;
    pub(crate) mod get;
    pub(crate) mod list;
}

mod parked {
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod replay;
}

mod payments {
    pub(crate) mod webhook;
}

mod token {
    pub(crate) mod create;
    pub(crate) mod keys;
    pub(crate) mod revoke;
}

mod channels {
    pub(crate) mod create;
    pub(crate) mod delete;
    pub(crate) mod deliveries;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod redeliver;
    pub(crate) mod test;
    pub(crate) mod update;
}

mod clients {
    pub(crate) mod create;
    pub(crate) mod delete;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod rotate;
    pub(crate) mod update;
}

mod users {
    pub(crate) mod create;
    pub(crate) mod delete;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod update;
}

mod keys {
    pub(crate) mod create;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod revoke;
}

mod webhooks {
    pub(crate) mod create;
    pub(crate) mod delete;
    pub(crate) mod deliveries;
    pub(crate) mod enable;
    pub(crate) mod get;
    pub(crate) mod list;
    pub(crate) mod redeliver;
    pub(crate) mod rotate;
    pub(crate) mod test;
    pub(crate) mod update;
}

mod stock {
    pub(crate) mod reconcile;
    pub(crate) mod sweep;
}

mod outbox {
    pub(crate) mod relay;
}

mod system {
    pub(crate) mod assets;
    pub(crate) mod dashboard;
    pub(crate) mod health;
    pub(crate) mod live;
    pub(crate) mod metrics;
    pub(crate) mod ready;
}

mod docs {
    pub(crate) mod assets;
    pub(crate) mod openapi;
    pub(crate) mod problem;
    pub(crate) mod redoc;
    pub(crate) mod ui;
}

pub use crate::{
    http::{
        activity::log_context,
        problem::{CODES, Code},
    },
    openapi::document as openapi_document,
    operations::{OPERATIONS, Operation, Trigger},
    router::{Handler, handler},
};
pub use inventory_domain::Role;
