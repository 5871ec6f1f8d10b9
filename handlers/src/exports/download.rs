//! `exports_download`

use crate::http::{
    Answer, Context, Id, Query, Viewer,
    document::Document,
    problem::{self, conflict_code},
};
use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use inventory_app::{access_log::Shown, exports};
use inventory_domain::Conflict;
use serde_json::json;

pub(crate) async fn handle(State(context): State<Context>, Id(id): Id<i64>, viewer: Viewer, query: Query) -> Answer {
    query.finish()?;
    let (export, contents) = exports::download(context.app(), id).await?;
    if export.request.kind.is_personal() {
        viewer.sees([Shown::Customers]);
    }
    let mut response = Response::new(Body::from_stream(contents));
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    headers.insert(header::CONTENT_TYPE, media_type);
    if let Some(bytes) = export.size_bytes {
        headers.insert(header::CONTENT_LENGTH, bytes.into());
    }
    let name = format!("attachment; filename=\"{}-{id}.csv\"", export.request.kind);
    if let Ok(name) = HeaderValue::try_from(name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

pub(crate) fn document() -> Document {
    Document::new("The file of an export that is done. Who fetches one with personal data is recorded in the access log.")
        .other(
            200,
            "The file.",
            "text/csv",
            json!("sku,name,category,barcode,unit_price_minor,currency,on_hand,reorder_point,reorder_quantity,discontinued\r\n…"),
        )
        .problems(&[conflict_code(Conflict::ExportNotDone), problem::NOT_CONFIGURED])
}
