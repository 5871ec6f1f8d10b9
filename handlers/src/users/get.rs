//! `users_get`

use crate::{
    examples,
    http::{Answer, Context, Id, Known, document::Document},
};
use axum::extract::State;
use inventory_app::identity::accounts;
use inventory_domain::account::AccountKind;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, known: Known) -> Answer {
    let account = accounts::get(context.app(), AccountKind::User, id).await?;
    known.answer(account.version, &account)
}

pub(crate) fn document() -> Document {
    Document::one("One user.", &examples::user())
}
