//! `parked_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, Viewer, document::Document},
};
use axum::extract::State;
use inventory_app::{access_log::Shown, parked};

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, viewer: Viewer, known: Known) -> Answer {
    let message = parked::get(context.app(), id).await?;
    viewer.sees([Shown::Parked(id)]);
    known.answer(message.version, &message)
}

pub(crate) fn document() -> Document {
    Document::one(
        "A parked message with its body and why it was parked.",
        &examples::parked_message(),
    )
}
