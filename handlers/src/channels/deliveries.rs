//! `channels_deliveries`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed, query::DELIVERY_STATE},
};
use axum::extract::State;
use inventory_app::receivers::{self, DeliveryFilter, Resource};
use inventory_domain::delivery::{Delivery, DeliveryState};

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, mut query: Query) -> Answer {
    let filter = DeliveryFilter {
        resource: Resource::Channels,
        receiver_id: id,
        state: query.word("state", DeliveryState::parse, DeliveryState::ALL),
    };
    let listing = query.list::<Delivery>(&receivers::DELIVERIES_SORTING)?;
    let items = receivers::deliveries(context.app(), &filter, listing.page.clone()).await?;
    let total = listing
        .total(receivers::count_deliveries(context.app(), &filter))
        .await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What was and is to be sent to a channel, the newest first, with every try.",
        &[DELIVERY_STATE],
        &receivers::DELIVERIES_SORTING,
        &examples::channel_delivery(),
    )
}
