//! `system_dashboard`

use crate::{
    OPERATIONS,
    http::{Answer, document::Document, served},
};
use serde_json::json;
use std::{fmt::Write as _, sync::LazyLock};

const PAGE: &str = include_str!("../../assets/dashboard/page.html");

/// Nothing inline, nothing from elsewhere. Charts set styles from scripts, which is not "inline".
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                       connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The page with the role that each operation takes, so that it offers nobody what would be refused.
static WITH_ROLES: LazyLock<String> = LazyLock::new(|| {
    let mut roles = String::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.trigger.is_http()) {
        // Writing to a string does not fail.
        let _ = write!(roles, "{}={} ", operation.name, operation.role);
    }
    PAGE.replace("{roles}", roles.trim_end())
});

pub(crate) async fn handle() -> Answer {
    Ok(served::page(WITH_ROLES.as_str(), CONTENT_SECURITY_POLICY))
}

pub(crate) fn document() -> Document {
    Document::new(
        "A page for the warehouse manager and the operator: low stock and what to order, the stock of an item over time, orders per \
         minute, alerts, parked messages, health. It uses this API with the token of whoever signs in, and needs no internet.",
    )
    .other(200, "The page.", "text/html", json!("<!doctype html>…"))
}
