//! `imports_list`

use crate::{
    examples,
    http::{Answer, Context, Query, document::Document, listed, query::FILE_STATUS},
};
use axum::extract::State;
use inventory_app::imports::{self, FileJobFilter};
use inventory_domain::file_job::{FileStatus, Import};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = FileJobFilter {
        kind: None,
        status: query.word("status", FileStatus::parse, FileStatus::ALL),
    };
    let listing = query.list::<Import>(&imports::SORTING)?;
    let items = imports::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(imports::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    Document::list(
        "Imports, the newest first, without the lines that they have refused.",
        &[FILE_STATUS],
        &imports::SORTING,
        &examples::queued_import(),
    )
}
