//! `devhost check`: every misconfiguration has its word, without a start.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::App;

/// What `check` says of an app whose files are written.
async fn check(app: &App, arguments: &[&str]) -> (bool, Value) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_devhost"));
    command
        .args(["check", "--json", "--script-root"])
        .arg(app.path())
        .args(arguments);
    let output = command.env_remove("FUNCTIONS_WORKER_RUNTIME").output().await.unwrap();
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)));
    (output.status.success(), json)
}

/// An app of which nothing is wrong, in Azure neither.
fn sound() -> App {
    App::new()
        .http("things", &["get"], "things/{id:int}")
        .queue("one", "orders", json!({}))
        .host(
            "/extensionBundle",
            json!({"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}),
        )
        .setting("FUNCTIONS_WORKER_RUNTIME", "custom")
        .setting("AzureWebJobsStorage", "UseDevelopmentStorage=true")
}

/// The findings hold one of this severity whose place and message hold these words; and the exit code fits.
async fn says(app: &App, severity: &str, place: &str, words: &str) {
    app.write();
    let (succeeded, report) = check(app, &["--no-ports"]).await;
    let has = |key: &str, finding: &Value, words: &str| finding[key].as_str().unwrap().contains(words);
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().any(|finding| {
        finding["severity"] == severity && has("place", finding, place) && has("message", finding, words)
    });
    assert!(found, "{severity} {place} {words}: {report:#}");
    assert_eq!(
        succeeded,
        !findings.iter().any(|finding| finding["severity"] == "error")
    );
    assert_eq!(report["sound"], succeeded);
}

fn timer(schedule: &str) -> Value {
    json!([{"type": "timerTrigger", "name": "t", "schedule": schedule}])
}

#[tokio::test]
async fn of_a_sound_app_nothing_is_said() {
    let app = sound();
    app.write();
    let (succeeded, report) = check(&app, &["--no-ports"]).await;
    assert!(succeeded, "{report:#}");
    assert_eq!(report, json!({"sound": true, "functions": 2, "findings": []}));
}

#[tokio::test]
async fn wrong_functions_are_named_with_file_and_key() {
    for (name, bindings, words) in [
        (
            "x",
            json!([{"type": "httpTrigger", "name": "my_req"}]),
            "bindings[0] (httpTrigger): the name \"my_req\" is not valid",
        ),
        (
            "x",
            json!([{"type": "serviceBusTrigger", "name": "m", "queueName": "%Nowhere%"}]),
            "'%Nowhere%' in \"queueName\" does not resolve",
        ),
        (
            "x",
            json!([{"type": "httpTriger", "name": "req"}]),
            "did you mean 'httpTrigger'?",
        ),
        (
            "x",
            timer("0 0 25 * * *"),
            "bindings.t.schedule: '25' is no hour of a schedule",
        ),
        ("x", timer("25:00:00"), "bindings.t.schedule: '25:00:00' is no duration"),
        (
            "x",
            json!([{"type": "httpTrigger", "name": "req", "route": "a/{id:none}"}, {"type": "http", "direction": "out", "name": "res"}]),
            "'none' is no constraint",
        ),
        (
            "x",
            json!([{"type": "httpTrigger", "name": "req"}, {"type": "cosmosDB", "direction": "out", "name": "doc", "databaseName": "d"}]),
            "has no \"containerName\"",
        ),
        ("1x", timer("0 * * * * *"), "'1x' is not a valid function name"),
        ("x", json!([]), "At least one binding"),
    ] {
        let app = sound().function(name, bindings);
        says(&app, "error", &format!("functions/{name}/function.json"), words).await;
    }
}

#[tokio::test]
async fn several_mistakes_are_all_told_at_once() {
    let app = sound()
        .function(
            "a",
            json!([{"type": "httpTrigger", "name": "a_b"}, {"type": "http", "direction": "up", "name": "res"}]),
        )
        .function("b", timer("never"))
        .host("/functionTimeout", json!("soon"))
        .host("/extensions/http/maxConcurrentRequests", json!("many"));
    app.write();
    let (succeeded, report) = check(&app, &["--no-ports"]).await;
    assert!(!succeeded);
    // host.json is read before schedules can be.
    for words in ["a_b", "direction \"up\"", "functionTimeout", "maxConcurrentRequests"] {
        assert!(
            report.to_string().contains(&words.replace('"', "\\\"")),
            "{words}: {report:#}"
        );
    }
}

#[tokio::test]
async fn malformed_files_are_named() {
    for (file, text) in [
        ("host.json", "{"),
        ("local.settings.json", "["),
        ("functions/one/function.json", "nonsense"),
    ] {
        let app = sound();
        app.write();
        std::fs::write(app.path().join(file), text).unwrap();
        let (succeeded, report) = check(&app, &["--no-ports"]).await;
        assert!(!succeeded);
        let finding = &report["findings"][0];
        assert!(
            finding["message"].as_str().unwrap().contains("is not valid JSON"),
            "{report:#}"
        );
        assert_eq!(finding["place"], file);
    }
    let app = sound();
    let (succeeded, report) = check(&app, &["--no-ports"]).await;
    assert!(!succeeded);
    assert!(report.to_string().contains("host.json is not there"), "{report:#}");
}

#[tokio::test]
async fn two_functions_on_one_path_are_told() {
    for (first, second, path) in [
        ("things/{id:int}", "things/{name}", None),
        (
            "things/{id}",
            "things/low",
            Some("GET /api/things/low is taken by 'a_first'"),
        ),
        (
            "things/{id:long}",
            "things/{number:int}",
            Some("GET /api/things/1 is taken by 'a_first'"),
        ),
        ("things/low", "things/{id}", None),
        ("{*path}", "things", Some("GET /api/things is taken by 'a_first'")),
    ] {
        let app = sound()
            .http("a_first", &["get"], first)
            .http("b_second", &["get", "post"], second);
        // Its route would take part.
        std::fs::remove_dir_all(app.path().join("functions/things")).unwrap();
        if let Some(words) = path {
            says(&app, "error", "functions/b_second/function.json: route", words).await;
        } else {
            app.write();
            let (succeeded, report) = check(&app, &["--no-ports"]).await;
            assert!(succeeded, "{first} {second}: {report:#}");
        }
    }
}

#[tokio::test]
async fn an_envelope_that_is_called_raw_is_told() {
    let both = json!([
        {"type": "httpTrigger", "direction": "in", "name": "req", "route": "full"},
        {"type": "http", "direction": "out", "name": "res"},
        {"type": "serviceBus", "direction": "out", "name": "out", "queueName": "results", "connection": "SB"}
    ]);
    says(
        &sound().function("full", both),
        "warning",
        "functions/full/function.json: bindings",
        "as an envelope to POST /full",
    )
    .await;
    let app = sound()
        .host("/extensions/http/routePrefix", json!(""))
        .http("zz_all", &[], "{*path}");
    says(
        &app,
        "warning",
        "functions/zz_all/function.json: route",
        "callers can reach /one",
    )
    .await;
}

#[tokio::test]
async fn the_program_is_looked_at() {
    let place = "host.json: customHandler.description.defaultExecutablePath";
    let app = sound().host(
        "/customHandler/description/defaultExecutablePath",
        json!("no-such-program"),
    );
    says(
        &app,
        "error",
        place,
        "there is no 'no-such-program' in the app's folder",
    )
    .await;
    let app = sound().host("/customHandler/description/defaultExecutablePath", json!("handler"));
    let file = app.path().join("handler");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    says(&app, "error", place, "is not executable; run chmod +x").await;
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (succeeded, report) = check(&app, &["--no-ports"]).await;
    assert!(succeeded, "{report:#}");
    std::fs::write(&file, "MZ").unwrap();
    says(&app, "error", place, "is a program for Windows").await;
    let app = sound().host("/customHandler/description/workingDirectory", json!("nowhere"));
    says(&app, "error", "workingDirectory", "is not a folder").await;
}

#[tokio::test]
async fn settings_that_are_missing_or_wrong_are_told() {
    let app = sound().queue("two", "orders", json!({"connection": "Other"}));
    says(
        &app,
        "error",
        "functions/two/function.json: m.connection",
        "there is no setting 'Other'",
    )
    .await;
    let app = sound().setting("WEBSITE_TIME_ZONE", "Nowhere");
    says(&app, "error", "local.settings.json", "which is no time zone").await;
    let app = sound().setting("FUNCTIONS_WORKER_RUNTIME", "node");
    says(&app, "warning", "FUNCTIONS_WORKER_RUNTIME", "set it to \"custom\"").await;
    let app = sound().host("/extensionBundle", Value::Null);
    says(
        &app,
        "warning",
        "host.json: extensionBundle",
        "in Azure only HTTP and timers work without",
    )
    .await;
    let app = sound().queue(
        "two",
        "orders",
        json!({"cardinality": "many", "autoCompleteMessages": false}),
    );
    says(
        &app,
        "warning",
        "functions/two/function.json: m.dataType",
        "fails a whole batch",
    )
    .await;
    says(&app, "warning", "m.autoCompleteMessages", "cannot settle messages").await;
    let app = sound().function("blob", json!([{"type": "blobTrigger", "name": "b", "path": "x"}]));
    says(
        &app,
        "warning",
        "functions/blob/function.json: b.type",
        "no source for the trigger 'blobTrigger'",
    )
    .await;
    let policy = json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:01"});
    says(
        &sound().host("/retry", policy),
        "warning",
        "m.retry",
        "does not support a retry policy",
    )
    .await;
    let app = sound();
    std::fs::write(app.path().join("servicebus.json"), "{").unwrap();
    says(&app, "error", "servicebus.json", "").await;
}

#[tokio::test]
async fn busy_ports_are_told() {
    let app = sound();
    app.write();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flag, other) in [("--port", "--amqp-port"), ("--amqp-port", "--port")] {
        let (succeeded, report) = check(&app, &[flag, &port, other, "0"]).await;
        assert!(!succeeded);
        let finding = &report["findings"][0];
        assert_eq!(finding["place"], format!("127.0.0.1:{port}"));
        let words = format!("another port can be given with {flag}");
        assert!(finding["message"].as_str().unwrap().contains(&words), "{report:#}");
    }
}

#[tokio::test]
async fn people_read_lines_and_a_start_says_the_same() {
    let app = sound().queue("two", "orders", json!({"connection": "Other"}));
    app.write();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_devhost"));
    let output = command
        .args(["check", "--no-ports", "--script-root"])
        .arg(app.path())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    let sentence = "functions/two/function.json: m.connection: there is no setting 'Other' for its connection";
    assert!(text.contains(&format!("error: {sentence}")), "{text}");
    assert!(text.ends_with("3 functions, 1 errors, 0 warnings\n"), "{text}");
    let mut host = app.launch(&[]).await;
    host.earlier_line(sentence).await;
}
