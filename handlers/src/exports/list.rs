//! `exports_list`

use crate::{
    examples,
    http::{
        Answer, Context, Query,
        document::Document,
        listed,
        query::{FILE_STATUS, Kind, Parameter},
    },
};
use axum::extract::State;
use inventory_app::exports::{self, FileJobFilter};
use inventory_domain::file_job::{Export, ExportKind, FileStatus};

pub(crate) async fn handle(State(context): State<Context>, mut query: Query) -> Answer {
    let filter = FileJobFilter {
        kind: query.word("kind", ExportKind::parse, ExportKind::ALL),
        status: query.word("status", FileStatus::parse, FileStatus::ALL),
    };
    let listing = query.list::<Export>(&exports::SORTING)?;
    let items = exports::list(context.app(), &filter, listing.page.clone()).await?;
    let total = listing.total(exports::count(context.app(), &filter)).await?;
    listed(&listing, &items, total)
}

pub(crate) fn document() -> Document {
    let kind = Parameter {
        name: "kind",
        description: "Of this kind.",
        kind: Kind::Words(|| ExportKind::ALL.iter().map(|word| word.as_str()).collect()),
        example: "products",
    };
    Document::list(
        "Exports, the newest first.",
        &[kind, FILE_STATUS],
        &exports::SORTING,
        &examples::export(),
    )
}
