//! `inventory settings`

use crate::{ALL_WELL, args::Settings as Command, failure::Failure, output::Output};
use inventory_app::{Settings, settings};
use serde_json::json;

pub(crate) fn run(url: Option<&str>, command: &Command, output: Output) -> Result<u8, Failure> {
    match command {
        Command::Check => {
            Settings::for_handler(url)?;
            output.result(&json!({ "valid": true }), || "the settings are valid".to_owned())?;
        }
        Command::Document => {
            let text = settings::document();
            output.result(&json!({ "markdown": text }), || text.clone())?;
        }
    }
    Ok(ALL_WELL)
}
