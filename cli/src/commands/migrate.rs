//! `inventory migrate`

use crate::{
    ALL_WELL,
    backup::{Backup, Place},
    database,
    failure::Failure,
    output::Output,
    progress,
};
use serde_json::json;
use std::path::Path;

pub(crate) async fn run(
    url: Option<&str>,
    backup: Option<&Path>,
    environment: Option<&str>,
    output: Output,
) -> Result<u8, Failure> {
    let app = database::open_new(url).await?;
    // Nothing is migrated that could not be brought back.
    let backup = match backup {
        Some(path) => back_up(&Place::of(&app)?, path, environment).await?,
        None => None,
    };
    let spinner = progress::spinner("bringing the schema up to date");
    let done = app.migrate().await;
    spinner.finish_and_clear();
    app.shutdown().await;
    let hint = backup.as_ref().map(hint);
    if let (Err(_), Some(hint)) = (&done, &hint) {
        Output::note(&format!(
            "the database is as it was before, or can be brought back: {hint}"
        ));
    }
    done?;
    output.result(&json!({ "migrated": true, "backup": backup, "restore": hint }), || {
        let hint = hint
            .as_ref()
            .map(|hint| format!("\nto go back: {hint}"))
            .unwrap_or_default();
        format!("the schema is up to date{hint}")
    })?;
    Ok(ALL_WELL)
}

/// How the database becomes again what it was.
pub(super) fn hint(backup: &Backup) -> String {
    format!("inventory restore --overwrite {}", backup.file.display())
}

/// A backup; `None` where there is nothing yet to lose.
async fn back_up(place: &Place, path: &Path, environment: Option<&str>) -> Result<Option<Backup>, Failure> {
    if place.is_empty().await? {
        Output::note("the database is new: there is nothing to back up");
        return Ok(None);
    }
    let spinner = progress::spinner("backing up");
    let made = place.back_up(path, environment).await;
    spinner.finish_and_clear();
    let made = made?;
    Output::note(&format!("backup: {} ({} bytes)", made.file.display(), made.bytes));
    Ok(Some(made))
}
