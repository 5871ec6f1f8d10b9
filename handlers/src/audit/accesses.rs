//! `audit_accesses`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed, query},
};
use axum::extract::State;
use inventory_app::audit;
use inventory_domain::audit::AccessEntry;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = query.audit_filter();
    let listing = query.list::<AccessEntry>(&audit::SORTING)?;
    let items = audit::accesses(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(audit::count_accesses(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Who was shown personal data, the newest first. One row stands for what one actor saw of one customer by one operation \
         within a few seconds; it is written up to five seconds later.",
        &query::AUDIT,
        &audit::SORTING,
        &examples::access_entry(),
    )
}
