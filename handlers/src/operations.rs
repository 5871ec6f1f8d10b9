//! The one table of all functions.

use crate::{
    alerts, audit, channels, clients, counts, customers, docs, events, exports, files,
    http::{Context, document::Document},
    imports, inventory, keys, locations, orders, outbox, parked, payments, products, purchases, replenishment,
    reservations, returns, stock, suppliers, system, token, transfers, users, webhooks,
};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::HeaderValue;
use inventory_domain::Role;

/// What makes a function run, as its `function.json` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A request.
    Http {
        /// The methods; a function with GET answers HEAD too.
        methods: &'static [&'static str],
        /// The route template with the host's constraints, beginning with `/`.
        route: &'static str,
    },
    /// Messages of a Service Bus queue, in batches.
    Queue(&'static str),
    /// A schedule: six-field cron text, or `%SETTING%`.
    Timer(&'static str),
}

impl Trigger {
    /// Whether requests from outside reach the function.
    pub const fn is_http(&self) -> bool {
        matches!(self, Self::Http { .. })
    }
}

/// A function.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// `<resource>_<verb>`.
    pub name: &'static str,
    /// What makes it run.
    pub trigger: Trigger,
    /// What a caller must be at least; [`Role::Public`]: anybody, and no credentials are looked at.
    pub role: Role,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Its handler, for these methods.
    pub(crate) mount: fn(MethodFilter) -> MethodRouter<Context>,
    /// Its part of the API document.
    pub(crate) document: Option<fn() -> Document>,
}

impl Operation {
    /// The first part of the name.
    pub fn resource(&self) -> &'static str {
        self.name.split_once('_').map_or(self.name, |(resource, _)| resource)
    }

    /// The rest of the name.
    pub fn verb(&self) -> &'static str {
        self.name.split_once('_').map_or("", |(_, verb)| verb)
    }

    /// Whether it needs the application to be ready. The others must answer above all when it is not.
    pub(crate) fn needs_app(&self) -> bool {
        !matches!(self.resource(), "system" | "docs")
    }

    /// Whether requests to it are limited by client: not signs of life, which must be answered above all when much is asked,
    /// and not what the host invokes, which would be a failed delivery.
    pub(crate) fn is_limited(&self) -> bool {
        self.trigger.is_http() && self.resource() != "system"
    }

    /// Whether a scraper of metrics may read it with a token of its own.
    pub(crate) fn is_scraped(&self) -> bool {
        self.name == "system_metrics"
    }

    /// Whether its handler reads the body itself, as it comes: files, which are not held in memory.
    pub(crate) fn takes_its_body(&self) -> bool {
        self.name == "imports_create"
    }

    /// Whether its answers may hold secrets.
    pub(crate) fn has_secrets(&self) -> bool {
        matches!(self.resource(), "channels" | "clients" | "keys" | "token" | "webhooks")
    }

    /// Who may keep its answers: nobody what holds personal data or secrets, and only the caller itself, asking each time
    /// whether they are still so, what takes a role.
    pub(crate) fn cache_control(&self) -> Option<HeaderValue> {
        match self.resource() {
            _ if !self.trigger.is_http() => None,
            "audit" | "channels" | "clients" | "customers" | "exports" | "keys" | "orders" | "parked" | "payments"
            | "token" | "users" | "webhooks" => Some(HeaderValue::from_static("no-store")),
            _ if self.role == Role::Public => None,
            _ => Some(HeaderValue::from_static("private, no-cache")),
        }
    }

    /// The path that the router knows: the route without the host's constraints, or `/<name>` for an invocation.
    pub(crate) fn path(&self) -> String {
        match self.trigger {
            Trigger::Http { route, .. } => route.replace(":long}", "}").replace(":guid}", "}"),
            Trigger::Queue(_) | Trigger::Timer(_) => format!("/{}", self.name),
        }
    }

    /// The methods that the router knows.
    pub(crate) fn methods(&self) -> MethodFilter {
        let Trigger::Http { methods, .. } = self.trigger else {
            return MethodFilter::POST;
        };
        let filter = |method: &&str| match *method {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            // Answers HEAD too.
            _ => MethodFilter::GET,
        };
        methods
            .iter()
            .map(filter)
            .reduce(MethodFilter::or)
            .unwrap_or(MethodFilter::GET)
    }
}

/// A row: name, trigger, role, summary, and the module with `handle` and, for HTTP, `document`.
macro_rules! operation {
    ($name:ident, $($method:ident)|+ $route:literal, $role:ident, $summary:literal, $($module:ident)::+) => {
        Operation {
            name: stringify!($name),
            trigger: Trigger::Http { methods: &[$(stringify!($method)),+], route: $route },
            role: Role::$role,
            summary: $summary,
            mount: |methods| on(methods, $($module)::+::handle),
            document: Some($($module)::+::document),
        }
    };
    ($name:ident, $trigger:expr, $summary:literal, $($module:ident)::+) => {
        Operation {
            name: stringify!($name),
            trigger: $trigger,
            // Nobody from outside reaches it: see the edge.
            role: Role::Admin,
            summary: $summary,
            mount: |methods| on(methods, $($module)::+::handle),
            document: None,
        }
    };
}

/// All functions.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    operation!(products_list, GET "/api/v1/products", Viewer, "List products", products::list),
    operation!(products_create, POST "/api/v1/products", Manager, "Create a product", products::create),
    operation!(products_get, GET "/api/v1/products/{id:long}", Viewer, "Get a product", products::get),
    operation!(products_update, PATCH | PUT "/api/v1/products/{id:long}", Manager, "Change a product", products::update),
    operation!(products_archive, DELETE "/api/v1/products/{id:long}", Manager, "Archive a product", products::archive),

    operation!(locations_list, GET "/api/v1/locations", Viewer, "List locations", locations::list),
    operation!(locations_create, POST "/api/v1/locations", Manager, "Create a location", locations::create),
    operation!(locations_get, GET "/api/v1/locations/{id:long}", Viewer, "Get a location", locations::get),
    operation!(locations_update, PATCH | PUT "/api/v1/locations/{id:long}", Manager, "Change a location", locations::update),

    operation!(inventory_list, GET "/api/v1/inventory", Viewer, "List stock", inventory::list),
    operation!(inventory_add, POST "/api/v1/inventory", Clerk, "Add stock", inventory::add),
    operation!(inventory_get, GET "/api/v1/inventory/{id:long}", Viewer, "Get a stock item", inventory::get),
    operation!(inventory_update, PATCH | PUT "/api/v1/inventory/{id:long}", Clerk, "Overwrite a stock item", inventory::update),
    operation!(inventory_adjust, POST "/api/v1/inventory/{id:long}/adjust", Clerk, "Adjust a stock item", inventory::adjust),
    operation!(inventory_movements, GET "/api/v1/inventory/{id:long}/movements", Viewer, "List a stock item's movements", inventory::movements),
    operation!(inventory_low_stock, GET "/api/v1/inventory/low-stock", Viewer, "List what is low", inventory::low_stock),
    operation!(inventory_value, GET "/api/v1/inventory/value", Viewer, "Value all stock", inventory::value),
    operation!(inventory_at, GET "/api/v1/inventory/at", Viewer, "Say what stock was at a moment", inventory::at),

    operation!(transfers_list, GET "/api/v1/transfers", Viewer, "List transfers", transfers::list),
    operation!(transfers_create, POST "/api/v1/transfers", Clerk, "Plan a transfer", transfers::create),
    operation!(transfers_get, GET "/api/v1/transfers/{id:long}", Viewer, "Get a transfer", transfers::get),
    operation!(transfers_update, PATCH | PUT "/api/v1/transfers/{id:long}", Clerk, "Change a planned transfer", transfers::update),
    operation!(transfers_dispatch, POST "/api/v1/transfers/{id:long}/dispatch", Clerk, "Send a transfer off", transfers::dispatch),
    operation!(transfers_receive, POST "/api/v1/transfers/{id:long}/receive", Clerk, "Receive a transfer", transfers::receive),
    operation!(transfers_cancel, POST "/api/v1/transfers/{id:long}/cancel", Clerk, "Cancel a transfer", transfers::cancel),

    operation!(reservations_list, GET "/api/v1/reservations", Viewer, "List reservations", reservations::list),
    operation!(reservations_create, POST "/api/v1/reservations", Clerk, "Reserve units for a while", reservations::create),
    operation!(reservations_get, GET "/api/v1/reservations/{id:guid}", Viewer, "Get a reservation", reservations::get),
    operation!(reservations_extend, POST "/api/v1/reservations/{id:guid}/extend", Clerk, "Extend a reservation", reservations::extend),
    operation!(reservations_release, POST "/api/v1/reservations/{id:guid}/release", Clerk, "Release a reservation", reservations::release),
    operation!(reservations_commit, POST "/api/v1/reservations/{id:guid}/commit", Clerk, "Turn a reservation into an order", reservations::commit),
    operation!(reservations_expire, Trigger::Timer("15 * * * * *"), "Expire reservations whose time is up", reservations::expire),

    operation!(orders_list, GET "/api/v1/orders", Viewer, "List orders", orders::list),
    operation!(orders_create, POST "/api/v1/orders", Clerk, "Place an order", orders::create),
    operation!(orders_get, GET "/api/v1/orders/{id:guid}", Viewer, "Get an order", orders::get),
    operation!(orders_cancel, POST "/api/v1/orders/{id:guid}/cancel", Clerk, "Cancel an order", orders::cancel),
    operation!(orders_ship, POST "/api/v1/orders/{id:guid}/ship", Clerk, "Ship an order", orders::ship),
    operation!(orders_pace, GET "/api/v1/orders/pace", Viewer, "Say how fast orders come and are decided", orders::pace),
    operation!(orders_events, GET "/api/v1/orders/{id:guid}/events", Viewer, "List an order's events", orders::events),
    operation!(orders_shipments, GET "/api/v1/orders/{id:guid}/shipments", Viewer, "List an order's shipments", orders::shipments),
    operation!(orders_timeline, GET "/api/v1/orders/{id:guid}/timeline", Viewer, "Tell what happened to an order", orders::timeline),
    operation!(orders_process, Trigger::Queue("orders"), "Decide orders from the queue", orders::process),
    operation!(orders_deadletter, Trigger::Queue("orders/$deadletterqueue"), "Park what the broker gave up on", orders::deadletter),
    operation!(orders_expire, Trigger::Timer("0 * * * * *"), "Expire orders whose hold has run out", orders::expire),
    operation!(orders_backfill, Trigger::Timer("15 * * * * *"), "Give stock to orders that wait for it", orders::backfill),

    operation!(returns_list, GET "/api/v1/orders/{id:guid}/returns", Viewer, "List what came back of an order", returns::list),
    operation!(returns_create, POST "/api/v1/orders/{id:guid}/returns", Clerk, "Take units of an order back", returns::create),
    operation!(returns_get, GET "/api/v1/returns/{id:guid}", Viewer, "Get a return", returns::get),

    operation!(payments_webhook, POST "/api/v1/payments/webhook", Public, "Hear of payments", payments::webhook),

    operation!(events_list, GET "/api/v1/events", Viewer, "List what happened to something", events::list),

    operation!(alerts_list, GET "/api/v1/alerts", Viewer, "List alerts", alerts::list),
    operation!(alerts_get, GET "/api/v1/alerts/{id:long}", Viewer, "Get an alert", alerts::get),
    operation!(alerts_acknowledge, POST "/api/v1/alerts/{id:long}/acknowledge", Manager, "Acknowledge an alert", alerts::acknowledge),
    operation!(alerts_snooze, POST "/api/v1/alerts/{id:long}/snooze", Manager, "Let an alert rest", alerts::snooze),

    operation!(channels_list, GET "/api/v1/channels", Manager, "List channels of alerts", channels::list),
    operation!(channels_create, POST "/api/v1/channels", Manager, "Create a channel", channels::create),
    operation!(channels_get, GET "/api/v1/channels/{id:long}", Manager, "Get a channel", channels::get),
    operation!(channels_update, PATCH | PUT "/api/v1/channels/{id:long}", Manager, "Change a channel", channels::update),
    operation!(channels_delete, DELETE "/api/v1/channels/{id:long}", Manager, "Delete a channel", channels::delete),
    operation!(channels_test, POST "/api/v1/channels/{id:long}/test", Manager, "Try a channel out", channels::test),
    operation!(channels_deliveries, GET "/api/v1/channels/{id:long}/deliveries", Manager, "List a channel's deliveries", channels::deliveries),
    operation!(channels_redeliver, POST "/api/v1/channels/deliveries/{id:long}/redeliver", Manager, "Tell a channel again", channels::redeliver),

    operation!(webhooks_list, GET "/api/v1/webhooks", Manager, "List webhooks", webhooks::list),
    operation!(webhooks_create, POST "/api/v1/webhooks", Manager, "Create a webhook", webhooks::create),
    operation!(webhooks_get, GET "/api/v1/webhooks/{id:long}", Manager, "Get a webhook", webhooks::get),
    operation!(webhooks_update, PATCH | PUT "/api/v1/webhooks/{id:long}", Manager, "Change a webhook", webhooks::update),
    operation!(webhooks_delete, DELETE "/api/v1/webhooks/{id:long}", Manager, "Delete a webhook", webhooks::delete),
    operation!(webhooks_rotate, POST "/api/v1/webhooks/{id:long}/rotate", Manager, "Give a webhook another secret", webhooks::rotate),
    operation!(webhooks_enable, POST "/api/v1/webhooks/{id:long}/enable", Manager, "Switch a webhook on again", webhooks::enable),
    operation!(webhooks_test, POST "/api/v1/webhooks/{id:long}/test", Manager, "Try a webhook out", webhooks::test),
    operation!(webhooks_deliveries, GET "/api/v1/webhooks/{id:long}/deliveries", Manager, "List a webhook's deliveries", webhooks::deliveries),
    operation!(webhooks_redeliver, POST "/api/v1/webhooks/deliveries/{id:long}/redeliver", Manager, "Deliver to a webhook again", webhooks::redeliver),

    operation!(suppliers_list, GET "/api/v1/suppliers", Viewer, "List suppliers", suppliers::list),
    operation!(suppliers_create, POST "/api/v1/suppliers", Manager, "Create a supplier", suppliers::create),
    operation!(suppliers_get, GET "/api/v1/suppliers/{id:long}", Viewer, "Get a supplier", suppliers::get),
    operation!(suppliers_update, PATCH | PUT "/api/v1/suppliers/{id:long}", Manager, "Change a supplier", suppliers::update),

    operation!(purchases_list, GET "/api/v1/purchase-orders", Viewer, "List purchase orders", purchases::list),
    operation!(purchases_create, POST "/api/v1/purchase-orders", Manager, "Write a purchase order", purchases::create),
    operation!(purchases_get, GET "/api/v1/purchase-orders/{id:long}", Viewer, "Get a purchase order", purchases::get),
    operation!(purchases_update, PATCH | PUT "/api/v1/purchase-orders/{id:long}", Manager, "Change a purchase order", purchases::update),
    operation!(purchases_order, POST "/api/v1/purchase-orders/{id:long}/order", Manager, "Order a purchase order", purchases::order),
    operation!(purchases_receive, POST "/api/v1/purchase-orders/{id:long}/receive", Clerk, "Receive units of a purchase order", purchases::receive),
    operation!(purchases_cancel, POST "/api/v1/purchase-orders/{id:long}/cancel", Manager, "Cancel a purchase order", purchases::cancel),

    operation!(replenishment_suggestions, GET "/api/v1/replenishment/suggestions", Viewer, "Suggest what to order", replenishment::suggestions),
    operation!(replenishment_order, POST "/api/v1/replenishment/orders", Manager, "Order what is suggested", replenishment::order),

    operation!(counts_list, GET "/api/v1/counts", Viewer, "List counts", counts::list),
    operation!(counts_create, POST "/api/v1/counts", Manager, "Open a count", counts::create),
    operation!(counts_get, GET "/api/v1/counts/{id:long}", Viewer, "Get a count", counts::get),
    operation!(counts_record, POST "/api/v1/counts/{id:long}/record", Clerk, "Record what was counted", counts::record),
    operation!(counts_post, POST "/api/v1/counts/{id:long}/post", Manager, "Post a count", counts::post),
    operation!(counts_cancel, POST "/api/v1/counts/{id:long}/cancel", Manager, "Cancel a count", counts::cancel),

    operation!(exports_list, GET "/api/v1/exports", Manager, "List exports", exports::list),
    operation!(exports_create, POST "/api/v1/exports", Manager, "Ask for an export", exports::create),
    operation!(exports_get, GET "/api/v1/exports/{id:long}", Manager, "Get an export", exports::get),
    operation!(exports_download, GET "/api/v1/exports/{id:long}/file", Manager, "Download an export's file", exports::download),

    operation!(imports_list, GET "/api/v1/imports", Manager, "List imports", imports::list),
    operation!(imports_create, POST "/api/v1/imports", Manager, "Import a file of products", imports::create),
    operation!(imports_get, GET "/api/v1/imports/{id:long}", Manager, "Get an import", imports::get),

    operation!(parked_list, GET "/api/v1/parked", Admin, "List parked messages", parked::list),
    operation!(parked_get, GET "/api/v1/parked/{id:long}", Admin, "Get a parked message", parked::get),
    operation!(parked_replay, POST "/api/v1/parked/{id:long}/replay", Admin, "Replay a parked message", parked::replay),

    operation!(token_create, POST "/token", Public, "Sign in", token::create),
    operation!(token_revoke, POST "/token/revoke", Public, "Make a token void", token::revoke),
    operation!(token_keys, GET "/.well-known/jwks.json", Public, "Public keys of the tokens", token::keys),

    operation!(clients_list, GET "/api/v1/clients", Admin, "List clients", clients::list),
    operation!(clients_create, POST "/api/v1/clients", Admin, "Create a client", clients::create),
    operation!(clients_get, GET "/api/v1/clients/{id:long}", Admin, "Get a client", clients::get),
    operation!(clients_update, PATCH | PUT "/api/v1/clients/{id:long}", Admin, "Change a client", clients::update),
    operation!(clients_rotate, POST "/api/v1/clients/{id:long}/rotate", Admin, "Give a client another secret", clients::rotate),
    operation!(clients_delete, DELETE "/api/v1/clients/{id:long}", Admin, "Delete a client", clients::delete),

    operation!(users_list, GET "/api/v1/users", Admin, "List users", users::list),
    operation!(users_create, POST "/api/v1/users", Admin, "Create a user", users::create),
    operation!(users_get, GET "/api/v1/users/{id:long}", Admin, "Get a user", users::get),
    operation!(users_update, PATCH | PUT "/api/v1/users/{id:long}", Admin, "Change a user", users::update),
    operation!(users_delete, DELETE "/api/v1/users/{id:long}", Admin, "Delete a user", users::delete),

    operation!(keys_list, GET "/api/v1/api-keys", Admin, "List API keys", keys::list),
    operation!(keys_create, POST "/api/v1/api-keys", Admin, "Make an API key", keys::create),
    operation!(keys_get, GET "/api/v1/api-keys/{id:long}", Admin, "Get an API key", keys::get),
    operation!(keys_revoke, DELETE "/api/v1/api-keys/{id:long}", Admin, "Revoke an API key", keys::revoke),

    operation!(customers_list, GET "/api/v1/customers", Admin, "List customers", customers::list),
    operation!(customers_get, GET "/api/v1/customers/{id:long}", Admin, "Get a customer", customers::get),
    operation!(customers_erase, DELETE "/api/v1/customers/{id:long}", Admin, "Erase a customer", customers::erase),

    operation!(audit_list, GET "/api/v1/audit", Admin, "List changes", audit::list),
    operation!(audit_accesses, GET "/api/v1/audit/accesses", Admin, "List accesses to personal data", audit::accesses),

    operation!(stock_sweep, Trigger::Timer("%LOW_STOCK_SCHEDULE%"), "Raise and clear alerts that were missed", stock::sweep),
    operation!(stock_reconcile, Trigger::Timer("0 0 3 * * *"), "Hold stock levels against the ledger", stock::reconcile),
    operation!(outbox_relay, Trigger::Timer("*/10 * * * * *"), "Send events that wait", outbox::relay),

    operation!(files_work, Trigger::Timer("30 * * * * *"), "Do exports and imports that wait, delete old files", files::work),

    operation!(system_health, GET "/health", Public, "Say that the program runs, and which", system::health),
    operation!(system_ready, GET "/ready", Public, "Say whether requests can be served", system::ready),
    operation!(system_live, GET "/live", Public, "Say that the process is alive", system::live),
    operation!(system_metrics, GET "/metrics", Viewer, "Say what is counted and measured", system::metrics),

    operation!(system_dashboard, GET "/dashboard", Public, "A page for the warehouse manager and the operator", system::dashboard),
    operation!(system_assets, GET "/dashboard/assets/{file}", Public, "Files of the dashboard", system::assets),

    operation!(docs_openapi, GET "/openapi.json", Public, "This document", docs::openapi),
    operation!(docs_ui, GET "/docs", Public, "This document, to try out (Swagger UI)", docs::ui),
    operation!(docs_redoc, GET "/redoc", Public, "This document, to read (ReDoc)", docs::redoc),
    operation!(docs_problem, GET "/problems/{code}", Public, "Explain a problem", docs::problem),
    operation!(docs_assets, GET "/docs/assets/{file}", Public, "Files of the documentation pages", docs::assets),
];
