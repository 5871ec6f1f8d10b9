//! `inventory import`

use crate::{
    ALL_WELL, NEEDS_ATTENTION, database,
    failure::Failure,
    file::{self, Contents},
    output::Output,
    progress,
};
use inventory_app::catalogue::{self, ImportReport};
use std::{fmt::Write as _, path::Path};

pub(crate) async fn run(url: Option<&str>, path: &Path, output: Output) -> Result<u8, Failure> {
    let Contents { rows, refused, ignored } = file::read(path)?;
    if !ignored.is_empty() {
        Output::note(&format!("columns that are not used: {}", ignored.join(", ")));
    }
    let app = database::open(url).await?;
    let bar = progress::bar("importing", rows.len());
    let done = catalogue::import(&app, &database::caller(), &rows, |rows| bar.set_position(rows as u64)).await;
    bar.finish_and_clear();
    let mut report = done?;
    app.shutdown().await;
    report.refused.extend(refused);
    report.refused.sort_by_key(|refused| refused.line);
    output.result(&report, || text(&report))?;
    Ok(if report.refused.is_empty() {
        ALL_WELL
    } else {
        NEEDS_ATTENTION
    })
}

fn text(report: &ImportReport) -> String {
    let mut text = String::new();
    for refused in &report.refused {
        let _ = writeln!(text, "line {}: {}", refused.line, refused.detail);
    }
    let ImportReport {
        created,
        updated,
        unchanged,
        stock_changed,
        refused,
    } = report;
    let _ = writeln!(
        text,
        "products: {created} created, {updated} updated, {unchanged} unchanged; stock: {stock_changed} changed; lines refused: {}",
        refused.len()
    );
    text
}
