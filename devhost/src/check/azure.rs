//! What this host does without and others need.

use super::Finding;
use crate::config::{App, Trigger};

pub(super) fn findings(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    match app.settings.get("FUNCTIONS_WORKER_RUNTIME") {
        Some(runtime) if runtime.eq_ignore_ascii_case("custom") => {}
        Some(runtime) => findings.push(Finding::warning(
            "local.settings.json: Values.FUNCTIONS_WORKER_RUNTIME",
            format!("it is \"{runtime}\"; for a custom handler set it to \"custom\""),
        )),
        None => findings.push(Finding::warning(
            "local.settings.json: Values.FUNCTIONS_WORKER_RUNTIME",
            "it is not set; `func start` asks for it: set it to \"custom\"",
        )),
    }
    let needs_storage = app
        .functions
        .iter()
        .any(|function| !matches!(function.trigger, Trigger::Http(_)));
    if needs_storage && app.settings.connection("AzureWebJobsStorage").is_none() {
        findings.push(Finding::warning(
            "local.settings.json: Values.AzureWebJobsStorage",
            "it is not set; `func start` and Azure want a storage account for timers and messages: set it to \
             \"UseDevelopmentStorage=true\" here",
        ));
    }
    findings
}
