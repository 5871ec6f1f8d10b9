//! `inventory_low_stock`

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
use inventory_app::inventory;
use inventory_domain::{limits, stock::StockItem};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let threshold = query.number("threshold", 0, limits::ON_HAND_MAX);
    let sorting = inventory::low_sorting(threshold);
    let listing = query.list::<StockItem>(sorting)?;
    let items = inventory::low_stock(context.app(), threshold, listing.page.clone()).await?;
    let total = listing
        .total(inventory::count_low_stock(context.app(), threshold))
        .await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let threshold = Parameter {
        name: "threshold",
        description: "So many available units or fewer; each item's reorder point where it is not given.",
        kind: Kind::Number(0, limits::ON_HAND_MAX),
        example: "20",
    };
    Document::list(
        "Stock items with few units available.",
        &[threshold],
        inventory::low_sorting(None),
        &examples::low_item(),
    )
}
