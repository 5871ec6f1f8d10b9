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
use inventory_domain::limits;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let threshold = query.number("threshold", 0, limits::ON_HAND_MAX);
    let listing = query.page()?;
    let items = inventory::low_stock(context.app(), threshold, listing.page).await?;
    listed(&listing, &items, None)
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
        false,
        &examples::low_item(),
    )
}
