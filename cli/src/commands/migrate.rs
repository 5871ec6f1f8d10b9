//! `inventory migrate`

use crate::{ALL_WELL, database, failure::Failure, output::Output, progress};
use serde_json::json;

pub(crate) async fn run(url: Option<&str>, output: Output) -> Result<u8, Failure> {
    let app = database::open_new(url).await?;
    let spinner = progress::spinner("bringing the schema up to date");
    let done = app.migrate().await;
    spinner.finish_and_clear();
    done?;
    app.shutdown().await;
    output.result(&json!({ "migrated": true }), || "the schema is up to date".to_owned())?;
    Ok(ALL_WELL)
}
