//! `channels_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::receivers::{SORTING, channels};
use inventory_domain::channel::Channel;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<Channel>(&SORTING)?;
    let items = channels::list(context.app(), listing.page.clone()).await?;
    let total = listing.total(channels::count(context.app())).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Channels by id, without their secrets.",
        &[],
        &SORTING,
        &examples::channel(),
    )
}
