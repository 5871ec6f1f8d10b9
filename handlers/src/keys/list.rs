//! `keys_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::identity::accounts;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.listing()?;
    let items = accounts::list_keys(context.app(), listing.page).await?;
    let total = if listing.is_counted {
        Some(accounts::count_keys(context.app()).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list("API keys, the newest first.", &[], true, &examples::api_key())
}
