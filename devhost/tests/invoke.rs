//! `devhost invoke`: every kind of trigger from the command line.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{App, Host};

fn command(app: &App, host: &Host, arguments: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_devhost"));
    command
        .args(["invoke", "--script-root"])
        .arg(app.path())
        .args(arguments);
    if !arguments.contains(&"--port") {
        command.args(["--port", &host.port.to_string()]);
    }
    command
}

/// What the command ends with: success, standard output, standard error.
async fn invoke(app: &App, host: &Host, arguments: &[&str]) -> (bool, String, String) {
    let output = command(app, host, arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn every_trigger_is_called() {
    let app = App::new()
        .http("things_get", &["get", "put"], "things/{id}")
        .http("things_list", &["post"], "things")
        .function(
            "tick",
            json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 0 1 1 *"}]),
        )
        .queue("process", "things", json!({}))
        .queue("park", "things/$deadletterqueue", json!({}))
        .function("stored", json!([{"type": "blobTrigger", "name": "b", "path": "x"}]));
    let examples = app.path().join("tests/examples/process");
    std::fs::create_dir_all(&examples).unwrap();
    std::fs::write(examples.join("normal.json"), r#"[{"body": "one"}, {"body": "two"}]"#).unwrap();
    let mut host = app.start().await;

    let (done, answer, said) = invoke(
        &app,
        &host,
        &["things_get", "--path", "/api/things/7?a=1", "--header", "X-A: b"],
    )
    .await;
    assert!(done && said.contains("GET /api/things/7?a=1: 200 OK"), "{said}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (&answer["target"], &answer["headers"]["x-a"]),
        (&json!("/api/things/7?a=1"), &json!("b"))
    );
    let (done, answer, _) = invoke(&app, &host, &["things_list", "--body", "{}"]).await;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert!(done && answer["method"] == "POST" && answer["headers"]["content-type"] == "application/json");
    let (done, _, said) = invoke(&app, &host, &["things_get"]).await;
    assert!(!done && said.contains("its route is /api/things/{id}"), "{said}");

    let (done, answer, said) = invoke(&app, &host, &["process"]).await;
    assert!(done && answer.starts_with("Sent 2 to things."), "{answer}{said}");
    // In whichever order: they run at the same time.
    let mut bodies = Vec::new();
    for _ in 0..2 {
        bodies.push(host.envelope("process").await["envelope"]["Data"]["m"].to_string());
    }
    bodies.sort();
    assert_eq!(bodies, [r#""\"one\"""#, r#""\"two\"""#]);
    for (arguments, function, binding, value) in [
        (vec!["tick"], "tick", "t", None),
        (vec!["park", "--body", "dead"], "park", "m", Some("\"dead\"")),
        (vec!["stored", "--body", "text"], "stored", "b", Some("\"text\"")),
    ] {
        let (done, _, said) = invoke(&app, &host, &arguments).await;
        assert!(done, "{said}");
        let data = host.envelope(function).await["envelope"]["Data"][binding].clone();
        assert!(value.is_none_or(|value| data == value), "{data}");
    }
}

#[tokio::test]
async fn what_cannot_be_called_is_said() {
    let app = App::new().queue("process", "things", json!({})).function(
        "bad",
        json!([{"type": "timerTrigger", "name": "no_good", "schedule": "* * * * *"}]),
    );
    let host = app.start().await;
    for (arguments, words) in [
        (vec!["none"], "there is no function none"),
        (vec!["bad"], "bad does not load"),
        (vec!["process"], "say which message"),
        (vec!["process", "--example", "x"], "process has no examples"),
        (vec!["process", "--data-file", "no-such-file"], "no-such-file"),
        (vec!["process", "--port", "1"], "no devhost listens on port 1"),
    ] {
        let (done, _, said) = invoke(&app, &host, &arguments).await;
        assert!(!done && said.contains(words), "{arguments:?}: {said}");
    }
    let (done, answer, _) = invoke(&app, &host, &[]).await;
    assert!(done);
    assert_eq!(answer, "process: \n");
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let app = App::new().queue("process", "things", json!({}));
    let host = app.start().await;
    for arguments in [&[][..], &["process", "--body", "one"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(&app, &host, arguments).stdout(writer).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stderr, b"");
    }
}
