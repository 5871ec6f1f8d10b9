//! `audit_accesses`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed, query},
};
use axum::extract::State;
use inventory_app::audit;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = query.audit_filter();
    let listing = query.listing()?;
    let items = audit::accesses(context.app(), &filter, listing.page).await?;
    let total = if listing.is_counted {
        Some(audit::count_accesses(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Who was shown personal data, the newest first. One row stands for what one actor saw of one customer by one operation \
         within a few seconds; it is written up to five seconds later.",
        &query::AUDIT,
        true,
        &examples::access_entry(),
    )
}
