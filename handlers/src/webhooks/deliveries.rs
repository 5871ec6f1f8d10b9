//! `webhooks_deliveries`

use crate::{
    examples,
    http::{Answer, Context, Id, Query, document::Document, listed, query::DELIVERY_STATE},
};
use axum::extract::State;
use inventory_app::receivers::{self, DeliveryFilter, Resource};
use inventory_domain::delivery::DeliveryState;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, mut query: Query) -> Answer {
    let filter = DeliveryFilter {
        resource: Resource::Webhooks,
        receiver_id: id,
        state: query.word("state", DeliveryState::parse, DeliveryState::ALL),
    };
    let listing = query.listing()?;
    let items = receivers::deliveries(context.app(), &filter, listing.page).await?;
    let total = if listing.is_counted {
        Some(receivers::count_deliveries(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "What was and is to be sent to a webhook, the newest first, with every try.",
        &[DELIVERY_STATE],
        true,
        &examples::delivery(),
    )
}
