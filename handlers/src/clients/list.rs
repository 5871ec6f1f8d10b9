//! `clients_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::identity::accounts;
use inventory_domain::account::{Account, AccountKind};

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.list::<Account>(&accounts::SORTING)?;
    let items = accounts::list(context.app(), AccountKind::Client, listing.page.clone()).await?;
    let total = listing
        .total(accounts::count(context.app(), AccountKind::Client))
        .await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list("Clients by id.", &[], &accounts::SORTING, &examples::client())
}
