//! `inventory import`

use crate::{ALL_WELL, NEEDS_ATTENTION, database, failure::Failure, output::Output, progress};
use inventory_app::catalogue::{self, CatalogueFile, ImportReport};
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

pub(crate) async fn run(url: Option<&str>, path: &Path, output: Output) -> Result<u8, Failure> {
    let bytes = read(path)?;
    let file = CatalogueFile::new(&bytes).map_err(Failure::Input)?;
    if !file.ignored().is_empty() {
        Output::note(&format!("columns that are not used: {}", file.ignored().join(", ")));
    }
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for line in file {
        match line {
            Ok(row) => rows.push(row),
            Err(line) => refused.push(line),
        }
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

/// The file at `path`, or standard input for `-`.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    Ok(bytes)
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
