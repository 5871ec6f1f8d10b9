//! `audit_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed, query},
};
use axum::extract::State;
use inventory_app::audit;
use inventory_domain::audit::AuditEntry;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = query.audit_filter();
    let listing = query.list::<AuditEntry>(&audit::SORTING)?;
    let items = audit::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(audit::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Changes, the newest first: who did what to what, when and from where, and the thing before and after.",
        &query::AUDIT,
        &audit::SORTING,
        &examples::audit_entry(),
    )
}
