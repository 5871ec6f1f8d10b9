//! `imports_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed, query::FILE_STATUS},
};
use axum::extract::State;
use inventory_app::imports::{self, FileJobFilter};
use inventory_domain::file_job::FileStatus;

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = FileJobFilter {
        kind: None,
        status: query.word("status", FileStatus::parse, FileStatus::ALL),
    };
    let listing = query.listing()?;
    let items = imports::list(context.app(), &filter, listing.page).await?;
    let total = if listing.is_counted {
        Some(imports::count(context.app(), &filter).await?)
    } else {
        None
    };
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Imports, the newest first, without the lines that they have refused.",
        &[FILE_STATUS],
        true,
        &examples::queued_import(),
    )
}
