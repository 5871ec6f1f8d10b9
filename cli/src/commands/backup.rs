//! `inventory backup`

use super::{migrate::hint, restore::Restored};
use crate::{
    ALL_WELL,
    args::Backup,
    backup::{Directory, Place},
    database,
    failure::Failure,
    output::Output,
    progress,
};
use inventory_app::Settings;
use std::path::Path;

pub(crate) async fn run(
    url: Option<&str>,
    command: &Backup,
    environment: Option<&str>,
    output: Output,
) -> Result<u8, Failure> {
    match command {
        Backup::Create { path } => create(url, path, environment, output).await,
        Backup::Verify { file } => Box::pin(verify(url, file, output)).await,
    }
}

async fn create(url: Option<&str>, path: &Path, environment: Option<&str>, output: Output) -> Result<u8, Failure> {
    let app = database::open(url).await?;
    let spinner = progress::spinner("backing up");
    let made = Place::of(&app)?.back_up(path, environment).await;
    spinner.finish_and_clear();
    app.shutdown().await;
    let made = made?;
    output.result(&made, || {
        let (file, bytes, seconds) = (made.file.display(), made.bytes, made.seconds);
        format!("{file}: {bytes} bytes in {seconds:.1} s\nto go back: {}", hint(&made))
    })?;
    Ok(ALL_WELL)
}

/// Restores into a database of its own beside the one named, which is not touched.
async fn verify(url: Option<&str>, file: &Path, output: Output) -> Result<u8, Failure> {
    let app = database::open_server(Settings::for_cli(url)?).await?;
    let directory = Directory::new()?;
    let scratch = Place::of(&app)?.scratch(&directory).await?;
    let spinner = progress::spinner("restoring into a database of its own");
    let restored = async {
        scratch.place.restore(file, false).await?;
        let restored = scratch.open(&app).await?;
        let found = Restored::look(&restored).await;
        restored.shutdown().await;
        found
    };
    let restored = restored.await;
    let destroyed = scratch.destroy().await;
    spinner.finish_and_clear();
    app.shutdown().await;
    let restored = restored?;
    destroyed?;
    output.result(&restored, || {
        format!("{} can be restored: {}", file.display(), restored.text())
    })?;
    Ok(restored.code())
}
