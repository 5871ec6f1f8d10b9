//! `users_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed},
};
use axum::extract::State;
use inventory_app::identity::accounts;
use inventory_domain::account::AccountKind;

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    let listing = query.listing()?;
    let items = accounts::list(context.app(), AccountKind::User, listing.page).await?;
    let total = if listing.is_counted {
        Some(accounts::count(context.app(), AccountKind::User).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list("Users by id.", &[], true, &examples::user())
}
