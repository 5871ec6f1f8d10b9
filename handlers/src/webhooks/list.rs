//! `webhooks_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::receivers::{SORTING, webhooks};
use inventory_domain::webhook::Webhook;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<Webhook>(&SORTING)?;
    let items = webhooks::list(context.app(), listing.page.clone()).await?;
    let total = listing.total(webhooks::count(context.app())).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Webhooks by id, without their secrets.",
        &[],
        &SORTING,
        &examples::webhook(),
    )
}
