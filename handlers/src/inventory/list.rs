//! `inventory_list`

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
use inventory_domain::{limits, stock::StockItem};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = StockFilter {
        product_id: query.id("product_id"),
        location_id: query.id("location_id"),
        sku: query.text("sku", limits::SKU_CHARS_MAX),
    };
    let listing = query.list::<StockItem>(&inventory::SORTING)?;
    let items = inventory::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(inventory::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let filters = [
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
        "Stock items by id.",
        &filters,
        &inventory::SORTING,
        &examples::stock_item(),
    )
}
