//! `keys_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::identity::accounts;
use inventory_domain::account::ApiKey;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<ApiKey>(&accounts::KEYS_SORTING)?;
    let items = accounts::list_keys(context.app(), listing.page.clone()).await?;
    let total = listing.total(accounts::count_keys(context.app())).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "API keys, the newest first.",
        &[],
        &accounts::KEYS_SORTING,
        &examples::api_key(),
    )
}
