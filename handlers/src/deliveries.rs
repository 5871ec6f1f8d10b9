//! What was and is to be sent to a webhook or a channel.

use crate::http::{Answer, Context, Query, listed};
use inventory_app::receivers::{self, DeliveryFilter, Resource};
use inventory_domain::delivery::{Delivery, DeliveryState};

/// A page of the deliveries of one of them.
pub(crate) async fn page(context: &Context, resource: Resource, id: i64, mut query: Query) -> Answer {
    let filter = DeliveryFilter {
        resource,
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
