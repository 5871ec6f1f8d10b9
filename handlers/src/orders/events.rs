//! `orders_events`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::events;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, query: Query) -> Answer {
    let listing = query.page()?;
    let items = events::of_order(context.app(), id, listing.page).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What happened to an order, oldest first: CloudEvents as they were sent (see `events_list`).",
        &[],
        false,
        &examples::event(),
    )
}
