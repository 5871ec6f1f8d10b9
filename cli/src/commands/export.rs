//! `inventory export`

use crate::{ALL_WELL, args::Export, database, failure::Failure, output::Output, progress};
use inventory_app::{
    App,
    exports::{self, NotWritten},
};
use inventory_domain::file_job::NewExport;
use serde::Serialize;
use std::path::Path;
use tokio::{
    fs,
    io::{self, AsyncWrite},
};

#[derive(Serialize)]
struct Written {
    rows: i64,
}

pub(crate) async fn run(url: Option<&str>, asked: &Export, output: Output) -> Result<u8, Failure> {
    let new = NewExport {
        kind: asked.kind,
        category: asked.category.clone(),
        location: asked.location.clone(),
        from: asked.from,
        until: asked.until,
    };
    let app = database::open(url).await?;
    if asked.file == Path::new("-") {
        write(&app, &new, &asked.file, &mut io::stdout()).await?;
        app.shutdown().await;
        return Ok(ALL_WELL);
    }
    // There as a whole, or as it was.
    let mut unfinished = asked.file.clone().into_os_string();
    unfinished.push(".part");
    let there = |error| not_written(&asked.file, &error);
    let mut file = fs::File::create(&unfinished).await.map_err(there)?;
    let written = write(&app, &new, &asked.file, &mut file).await;
    app.shutdown().await;
    let renamed = match &written {
        Ok(_) => fs::rename(&unfinished, &asked.file).await.map_err(there),
        Err(_) => fs::remove_file(&unfinished).await.map_err(there),
    };
    let rows = written?;
    renamed?;
    output.result(&Written { rows }, || format!("{rows} rows"))?;
    Ok(ALL_WELL)
}

async fn write(app: &App, new: &NewExport, path: &Path, out: &mut (impl AsyncWrite + Unpin)) -> Result<i64, Failure> {
    let sign = progress::spinner("exporting");
    let written = exports::write_to(app, &database::caller(), new, out, |rows| {
        sign.set_position(rows as u64);
    })
    .await;
    sign.finish_and_clear();
    written.map_err(|error| match error {
        NotWritten::Rows(error) => error.into(),
        NotWritten::There(error) => not_written(path, &error),
    })
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::Input(format!("{}: {error}", path.display()))
}
