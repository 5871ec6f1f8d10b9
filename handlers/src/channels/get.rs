//! `channels_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::receivers::channels;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let channel = channels::get(context.app(), id).await?;
    known.answer(channel.version, &channel)
}

pub(crate) fn document() -> Document {
    Document::one("One channel, without its secret.", &examples::channel())
}
