//! `system_assets`: the files of the dashboard, carried in the program so that it needs no internet.

use crate::http::{
    Answer, Id, Problem,
    document::Document,
    problem,
    served::{self, CSS, JAVASCRIPT},
};
use http::HeaderMap;
use serde_json::json;

/// Our own files, as they are written.
const OURS: &[(&str, &str, &str)] = &[
    ("api.js", JAVASCRIPT, include_str!("../../assets/dashboard/api.js")),
    ("chart.js", JAVASCRIPT, include_str!("../../assets/dashboard/chart.js")),
    ("dom.js", JAVASCRIPT, include_str!("../../assets/dashboard/dom.js")),
    ("main.js", JAVASCRIPT, include_str!("../../assets/dashboard/main.js")),
    ("page.css", CSS, include_str!("../../assets/dashboard/page.css")),
    ("views.js", JAVASCRIPT, include_str!("../../assets/dashboard/views.js")),
];

/// See `assets/NOTICE` for where they are from.
const THEIRS: &[(&str, &str, &[u8])] = &[
    ("uplot.css", CSS, include_bytes!("../../assets/dashboard/uplot.css.gz")),
    (
        "uplot.js",
        JAVASCRIPT,
        include_bytes!("../../assets/dashboard/uplot.js.gz"),
    ),
];

pub(crate) async fn handle(Id(name): Id<String>, headers: HeaderMap) -> Answer {
    if let Some((_, media_type, text)) = OURS.iter().find(|(known, ..)| *known == name) {
        // Modules of a release before and after do not go together: they are asked for each time.
        return Ok(served::fresh(media_type, text, &headers));
    }
    match THEIRS.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, gzip)) => Ok(served::packed(media_type, gzip, &headers)?),
        None => Err(Problem::new(problem::NOT_FOUND, "there is no such file").into()),
    }
}

pub(crate) fn document() -> Document {
    Document::new("Scripts and styles of the dashboard.").other(200, "The file.", "text/css", json!("body {…}"))
}
