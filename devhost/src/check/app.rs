//! What can be said of an app that was read.

use std::path::Path;
use std::sync::Arc;

use super::{Finding, executable, routes};
use crate::config::{App, Binding, Function, FunctionProblem, Trigger};
use crate::http::Router;
use crate::timers::{Schedule, Zone};

/// Triggers that Azure supports retry policies for.
const RETRIED: [&str; 4] = ["timerTrigger", "cosmosDBTrigger", "eventHubTrigger", "kafkaTrigger"];
/// Outputs that this host writes.
const WRITTEN: [&str; 3] = ["http", "serviceBus", "cosmosDB"];
/// Types that need no extension bundle.
const BUILT_IN: [&str; 3] = ["httpTrigger", "http", "timerTrigger"];

/// Everything that can be said of the app as a whole and of functions that load.
pub(crate) fn findings(app: &App) -> Vec<Finding> {
    let mut findings: Vec<Finding> = app.warnings.iter().map(|text| warning(text)).collect();
    findings.extend(executable::findings(app));
    if let Err(reason) = Zone::of(&app.settings) {
        findings.push(Finding::error(
            "local.settings.json",
            format!("{reason}; timers go by UTC until it is"),
        ));
    }
    if !app.host.has_bundle && app.functions.iter().any(needs_bundle) {
        findings.push(Finding::warning(
            "host.json: extensionBundle",
            "there is none; this host does not need it, in Azure only HTTP and timers work without: add \
             {\"id\": \"Microsoft.Azure.Functions.ExtensionBundle\", \"version\": \"[4.*, 5.0.0)\"}",
        ));
    }
    for function in &app.functions {
        of_function(app, function, &mut findings);
    }
    findings.extend(routes::findings(app, &router(app, &mut Vec::new())));
    findings
}

/// The functions that do not load, and those whose route or schedule cannot be read.
pub(super) fn problems(app: &App) -> Vec<Finding> {
    let mut problems = app.problems.clone();
    router(app, &mut problems);
    let zone = Zone::of(&app.settings).unwrap_or_else(|_| Zone::utc());
    for function in &app.functions {
        if let Trigger::Timer(timer) = &function.trigger
            && let Err(reason) = Schedule::parse(&timer.schedule, &zone)
        {
            problems.push(FunctionProblem {
                name: function.name.clone(),
                reason: format!("bindings.{}.schedule: {reason}", function.trigger_name),
            });
        }
    }
    problems
        .into_iter()
        .map(|problem| Finding::error(place(&app.root, &problem.name), problem.reason))
        .collect()
}

/// A warning that was told while the files were read; its text begins with the place.
pub(super) fn warning(text: &str) -> Finding {
    match text.split_once(": ") {
        Some((place @ ("host.json" | "local.settings.json"), rest)) => Finding::warning(place, rest),
        _ => Finding::warning("local.settings.json", text),
    }
}

/// The file of a function, as seen from the app's folder.
pub(super) fn place(root: &Path, function: &str) -> String {
    for folder in ["functions/", ""] {
        let file = format!("{folder}{function}/function.json");
        if root.join(&file).is_file() {
            return file;
        }
    }
    "host.json".to_owned()
}

fn router(app: &App, problems: &mut Vec<FunctionProblem>) -> Router {
    let functions: Vec<Arc<Function>> = app.functions.iter().cloned().map(Arc::new).collect();
    Router::new(&functions, &app.host.http.route_prefix, problems)
}

fn of_function(app: &App, function: &Function, findings: &mut Vec<Finding>) {
    let place = |binding: &Binding, key: &str| format!("{}: {}.{key}", place(&app.root, &function.name), binding.name);
    for binding in &function.bindings {
        if binding.is("serviceBus") || binding.is("serviceBusTrigger") || binding.is("cosmosDB") {
            let connection = binding.connection().unwrap_or_default();
            if app.settings.connection(&connection).is_none() {
                findings.push(Finding::error(
                    place(binding, "connection"),
                    format!(
                        "there is no setting '{connection}' for its connection; this host does not need it, Azure does: \
                         add it to local.settings.json (and to the app's settings in Azure)"
                    ),
                ));
            }
        }
        if binding.is_output() && !binding.is_trigger() && !WRITTEN.iter().any(|kind| binding.is(kind)) {
            findings.push(Finding::warning(
                place(binding, "type"),
                format!(
                    "this host cannot write to the type '{}': an invocation that sets this output fails here",
                    binding.kind
                ),
            ));
        }
    }
    let Some(trigger) = function.bindings.iter().find(|binding| binding.is_trigger()) else {
        return;
    };
    match &function.trigger {
        Trigger::ServiceBus(bus) if bus.many && function.trigger_data_type.is_none() => {
            findings.push(Finding::warning(
                place(trigger, "dataType"),
                "cardinality \"many\" without \"dataType\" fails a whole batch for one body that is not JSON; set \
                 \"dataType\": \"string\"",
            ));
        }
        Trigger::Other(kind) => findings.push(Finding::warning(
            place(trigger, "type"),
            format!(
                "this host has no source for the trigger '{kind}'; call the function with POST /admin/functions/{}",
                function.name
            ),
        )),
        _ => {}
    }
    if let Trigger::ServiceBus(bus) = &function.trigger
        && bus.auto_complete == Some(false)
    {
        findings.push(Finding::warning(
            place(trigger, "autoCompleteMessages"),
            "a custom handler cannot settle messages by itself, so each comes again when its lock runs out; leave it out",
        ));
    }
    if function.retry.is_some() && !RETRIED.iter().any(|kind| trigger.is(kind)) {
        findings.push(Finding::warning(
            place(trigger, "retry"),
            format!(
                "Azure does not support a retry policy for the trigger '{}'; do not rely on it",
                trigger.kind
            ),
        ));
    }
}

fn needs_bundle(function: &Function) -> bool {
    function
        .bindings
        .iter()
        .any(|binding| !BUILT_IN.iter().any(|kind| binding.is(kind)))
}
