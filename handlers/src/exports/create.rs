//! `exports_create`

use crate::{
    examples,
    http::{Answer, Context, Write, document::Document, problem, write},
};
use axum::extract::State;
use inventory_app::exports;
use inventory_domain::file_job::NewExport;
use serde_json::json;

pub(crate) async fn handle(State(context): State<Context>, write: Write<NewExport>) -> Answer {
    let (mut work, new) = write.begin().await?;
    let export = exports::create(&mut work, &new).await?;
    let location = format!("/api/v1/exports/{}", export.id);
    let answer = write::accepted(work, location, export.version, &export).await?;
    exports::wake(context.app());
    Ok(answer)
}

pub(crate) fn document() -> Document {
    Document::new(
        "Asks for a CSV file (RFC 4180, UTF-8) of products, stock, movements or order lines. It is made in the background: watch \
         `Location` until it is `done`, then fetch `/api/v1/exports/{id}/file`. Text that a spreadsheet program might take for a formula \
         begins with `'`; an import takes that off again. Rows that change while the file is written may be in it as they were or as \
         they are.",
    )
    .body::<NewExport>(json!({ "kind": "movements", "location": "MAIN", "from": "2026-01-01T00:00:00Z" }))
    .versioned(202, "Taken.", &examples::queued_export())
    .problems(&[problem::NOT_CONFIGURED])
}
