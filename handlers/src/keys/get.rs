//! `keys_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::identity::accounts;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let key = accounts::get_key(context.app(), id).await?;
    known.answer(key.version, &key)
}

pub(crate) fn document() -> Document {
    Document::one("One API key, without the key.", &examples::api_key())
}
