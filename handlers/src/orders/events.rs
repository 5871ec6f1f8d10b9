//! `orders_events`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::{Sorting, events};
use inventory_domain::event::Event;
use serde_json::Value;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, query: Query) -> Answer {
    let listing = query.list::<Event<'static, Value>>(&Sorting::BY_PLACE)?;
    let items = events::of_order(context.app(), id, listing.page.clone()).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What happened to an order, oldest first: CloudEvents as they were sent (see `events_list`).",
        &[],
        &Sorting::BY_PLACE,
        &examples::event(),
    )
}
