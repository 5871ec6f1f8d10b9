//! `inventory_at`

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
use inventory_app::inventory::{self, StockFilter};
use inventory_domain::{limits, stock::StockAt};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let time = query.needed_time("time");
    let filter = StockFilter {
        product_id: query.id("product_id"),
        location_id: query.id("location_id"),
        sku: query.text("sku", limits::SKU_CHARS_MAX),
    };
    let listing = query.list::<StockAt>(&inventory::AT_SORTING)?;
    let items = inventory::at(context.app(), time, &filter, listing.page.clone()).await?;
    let total = listing.total(inventory::count_at(context.app(), time, &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
        Parameter {
            name: "time",
            description: "The moment.",
            kind: Kind::NeededTime,
            example: "2026-01-05T09:30:00Z",
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
        Parameter {
            name: "sku",
            description: "Of the product with this SKU.",
            kind: Kind::Text(limits::SKU_CHARS_MAX),
            example: "TEA-GREEN-100",
        },
    ];
    Document::list(
        "Stock as it was at a moment, from the ledger: what each item's last movement by then left. Items that had none are not \
         there.",
        &filters,
        &inventory::AT_SORTING,
        &examples::stock_at(),
    )
}
