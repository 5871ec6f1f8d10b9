//! `audit_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed, query},
};
use axum::extract::State;
use inventory_app::audit;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = query.audit_filter();
    let listing = query.listing()?;
    let items = audit::list(context.app(), &filter, listing.page).await?;
    let total = if listing.is_counted {
        Some(audit::count(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Changes, the newest first: who did what to what, when and from where, and the thing before and after.",
        &query::AUDIT,
        true,
        &examples::audit_entry(),
    )
}
