//! `orders_shipments`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::{Sorting, orders};
use inventory_domain::shipment::Shipment;
use uuid::Uuid;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<Uuid>, query: Query) -> Answer {
    let listing = query.list::<Shipment>(&Sorting::BY_PLACE)?;
    let items = orders::shipments(context.app(), id, listing.page.clone()).await?;
    listed(&listing, &items, None)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What left of an order, when, from where and with whom, oldest first.",
        &[],
        &Sorting::BY_PLACE,
        &examples::shipment(),
    )
}
