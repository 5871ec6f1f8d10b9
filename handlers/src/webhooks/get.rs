//! `webhooks_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::receivers::webhooks;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let webhook = webhooks::get(context.app(), id).await?;
    known.answer(webhook.version, &webhook)
}

pub(crate) fn document() -> Document {
    Document::one("One webhook, without its secret.", &examples::webhook())
}
