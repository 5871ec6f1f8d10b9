//! `orders_timeline`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::{Sorting, orders};
use inventory_domain::timeline::TimelineEntry;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, query: Query) -> Answer {
    let listing = query.list::<TimelineEntry>(&Sorting::BY_PLACE)?;
    let items = orders::timeline(context.app(), id, listing.page.clone()).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What happened to an order, oldest first: placed, decided, filled, shipped, cancelled, returned, paid. Events (`orders_events`) \
         say the same to others and are forgotten after a while; this is not.",
        &[],
        &Sorting::BY_PLACE,
        &examples::timeline_entry(),
    )
}
