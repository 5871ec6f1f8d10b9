//! `channels_deliveries`

use crate::{
    deliveries, examples,
    http::{Answer, Context, Id, Query, document::Document, query::DELIVERY_STATE},
};
use axum::extract::State;
use inventory_app::receivers::{DELIVERIES_SORTING, Resource};

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, query: Query) -> Answer {
    deliveries::page(&context, Resource::Channels, id, query).await
}

pub(crate) fn document() -> Document {
    Document::list(
        "What was and is to be sent to a channel, the newest first, with every try.",
        &[DELIVERY_STATE],
        &DELIVERIES_SORTING,
        &examples::channel_delivery(),
    )
}
