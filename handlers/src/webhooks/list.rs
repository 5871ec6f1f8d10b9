//! `webhooks_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::receivers::webhooks;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.listing()?;
    let items = webhooks::list(context.app(), listing.page).await?;
    let total = if listing.is_counted {
        Some(webhooks::count(context.app()).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Webhooks by id, without their secrets.",
        &[],
        true,
        &examples::webhook(),
    )
}
