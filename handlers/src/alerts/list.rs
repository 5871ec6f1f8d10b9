//! `alerts_list`

use crate::{
    examples,
    http::{
        Answer, Context, Query,
        document::Document,
        listed,
        query::{Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::alerts::{self, AlertFilter};
use inventory_domain::{
    alert::{Alert, AlertStatus},
    low_stock::Severity,
};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = AlertFilter {
        status: query.word("status", AlertStatus::parse, AlertStatus::ALL),
        severity: query.word("severity", Severity::parse, Severity::ALL),
        product_id: query.id("product_id"),
        location_id: query.id("location_id"),
    };
    let listing = query.list::<Alert>(&alerts::SORTING)?;
    let items = alerts::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(alerts::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "status",
            description: "With this status.",
            kind: Kind::Words(|| AlertStatus::ALL.iter().map(|word| word.as_str()).collect()),
            example: "open",
        },
        Parameter {
            name: "severity",
            description: "With this severity.",
            kind: Kind::Words(|| Severity::ALL.iter().map(|word| word.as_str()).collect()),
            example: "low",
        },
        Parameter {
            name: "product_id",
            description: "Of this product.",
            kind: Kind::Number(1, i64::MAX),
            example: "1",
        },
        Parameter {
            name: "location_id",
            description: "At this location.",
            kind: Kind::Number(1, i64::MAX),
            example: "2",
        },
    ];
    Document::list(
        "Low-stock alerts, the newest first.",
        &filters,
        &alerts::SORTING,
        &examples::alert(),
    )
}
