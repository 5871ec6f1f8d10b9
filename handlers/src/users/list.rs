//! `users_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::identity::accounts;
use inventory_domain::account::{Account, AccountKind};

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<Account>(&accounts::SORTING)?;
    let items = accounts::list(context.app(), AccountKind::User, listing.page.clone()).await?;
    let total = listing.total(accounts::count(context.app(), AccountKind::User)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list("Users by id.", &[], &accounts::SORTING, &examples::user())
}
