//! The handler's process: vectors 1 to 3, 24 to 28, 35 and 36.

use http::StatusCode;
use serde_json::{Value, json};

use super::support::{App, echo_handler};

/// Refused is not yet: the program has bound no port when it is first asked. 404 is ready.
#[tokio::test]
async fn vector_01_any_answer_is_ready() {
    let app = App::new()
        .http("things", &[], "things")
        .setting("ECHO_PROBE_STATUS", "404");
    let host = app.start().await;
    assert_eq!(host.get("/api/things").await.status, StatusCode::OK);
}

#[tokio::test]
async fn vector_02_a_handler_that_never_answers_is_an_error() {
    let app = App::new()
        .host(
            "/customHandler/description",
            json!({"defaultExecutablePath": "sleep", "arguments": ["60"]}),
        )
        .host("/customHandler/initializationTimeout", json!("00:00:00.1"));
    let mut host = app.launch(&[]).await;
    host.line("Handler error 1 of 3: Initializing HttpWorker timed out. The handler runs and listens on no port")
        .await;
    host.line("Shutting down Functions Host").await;
    host.stop().await;
}

#[tokio::test]
async fn vector_03_the_handler_is_at_127_0_0_1() {
    let app = App::new()
        .host("/extensions/http/routePrefix", json!(""))
        .http("all", &[], "{*path}");
    let mut host = app.launch(&[]).await;
    let line = host.line("Worker process started and initialized.").await;
    let port = line
        .split(" port ")
        .nth(1)
        .unwrap()
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    for path in ["/", "/somePathValue"] {
        let echo = host.get(path).await.json();
        assert_eq!(echo["target"], path);
        assert_eq!(echo["headers"]["host"], format!("127.0.0.1:{port}"));
    }
}

/// A name is looked for in the app's folder, in `workerDirectory`, and then on PATH (as `sleep` in vector 2).
#[tokio::test]
async fn vector_24_the_executable_is_looked_for_where_the_host_looks() {
    for (folder, description) in [
        ("", json!({"defaultExecutablePath": "node"})),
        (
            "myWorkerDir",
            json!({"defaultExecutablePath": "node", "workerDirectory": "myWorkerDir"}),
        ),
        (
            "",
            json!({"defaultExecutablePath": "node", "workingDirectory": "myWorkingDir"}),
        ),
    ] {
        let app = App::new()
            .http("things", &[], "things")
            .host("/customHandler/description", description.clone());
        let folder = app.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(echo_handler(), folder.join("node")).unwrap();
        std::fs::create_dir_all(app.path().join("myWorkingDir")).unwrap();
        let host = app.start().await;
        let echo = host.get("/api/things").await.json();
        let wanted = app
            .path()
            .join(description["workingDirectory"].as_str().unwrap_or_default());
        let directory = std::path::Path::new(echo["directory"].as_str().unwrap());
        assert_eq!(directory.canonicalize().unwrap(), wanted.canonicalize().unwrap());
    }
}

#[tokio::test]
async fn vector_25_an_argument_with_a_space_is_two() {
    let description = json!({"defaultExecutablePath": echo_handler(), "arguments": ["--xTest1 --xTest2"]});
    let app = App::new()
        .http("things", &[], "things")
        .host("/customHandler/description", description);
    let host = app.start().await;
    assert_eq!(
        host.get("/api/things").await.json()["arguments"],
        json!(["--xTest1", "--xTest2"])
    );
}

#[tokio::test]
async fn vector_26_a_setting_takes_the_place_of_a_list() {
    let description = json!({"defaultExecutablePath": echo_handler(), "arguments": ["--xTest1", "--xTest2"]});
    let app = App::new()
        .host("/customHandler", Value::Null)
        .host("/httpWorker/description", description)
        .http("things", &[], "things")
        .setting(
            "AzureFunctionsJobHost:httpWorker:description:arguments",
            r#"["--xTest5","--xTest6","--xTest7"]"#,
        );
    let host = app.start().await;
    assert_eq!(
        host.get("/api/things?raw").await.json()["arguments"],
        json!(["--xTest5", "--xTest6", "--xTest7"])
    );
}

#[tokio::test]
async fn vector_27_a_port_may_be_fixed() {
    let kept = devhost::ports::KeptPort::choose().unwrap();
    let free = kept.number();
    let app = App::new()
        .http("things", &[], "things")
        .host("/customHandler/port", json!(free.to_string()));
    let host = app.start().await;
    let echo = host.get("/api/things").await.json();
    assert_eq!(echo["headers"]["host"], format!("127.0.0.1:{free}"));
    for port in [0, 1_234_567] {
        let app = App::new().host("/customHandler/port", json!(port));
        app.write();
        let output = app.command(&[]).output().await.unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("Unable to bind to port {port}")), "{said}");
    }
}

#[tokio::test]
async fn vector_28_port_and_id_have_two_names_each_whatever_was_there() {
    let app = App::new()
        .http("things", &[], "things")
        .setting("FUNCTIONS_CUSTOMHANDLER_PORT", "1")
        .setting("FUNCTIONS_HTTPWORKER_ID", "mine");
    let host = app.start().await;
    let echo = host.get("/api/things").await.json();
    let value = |index: usize| echo["environment"][index].as_str().unwrap().to_owned();
    assert_eq!(echo["headers"]["host"], format!("127.0.0.1:{}", value(0)));
    assert_eq!(value(0), value(1));
    assert_eq!(value(2), value(3));
    assert!(uuid::Uuid::parse_str(&value(2)).is_ok());
}

#[tokio::test]
async fn vector_35_exit_0_is_the_end_until_something_changes() {
    let app = App::new()
        .queue("leave", "leave", json!({}))
        .http("things", &[], "things");
    let mut host = app.start().await;
    host.message("leave", json!({"body": "exit:0"})).await;
    host.line("exit code 0").await;
    assert_eq!(host.get("/api/things").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    // The message that did it would do it again.
    app.write_function(
        "leave",
        &json!([{"type": "serviceBusTrigger", "name": "m", "queueName": "other"}]),
    );
    host.line("Restarting the host: the app's files have changed").await;
    host.ready().await;
    assert_eq!(host.get("/api/things").await.status, StatusCode::OK);
}

#[tokio::test]
async fn vector_35_exit_200_is_a_wish_and_no_error() {
    let app = App::new().queue("leave", "leave", json!({}));
    let mut host = app.start().await;
    host.message("leave", json!({"body": "exit:200"})).await;
    // Ten deliveries, ten ends, no more and no less, and the host goes on: none of them is an error.
    for _ in 0..10 {
        host.line("asks to be started again").await;
    }
    host.ready().await;
    assert!(!host.has_seen("Handler error"));
}

#[tokio::test]
async fn vector_35_the_third_error_stops_the_host() {
    let app = App::new()
        .queue("leave", "leave", json!({}))
        .http("things", &[], "things");
    // As many as the host bears: with more, the next handler would end too, under the request of this test.
    let entities = json!({"UserConfig": {"Namespaces": [{"Queues": [
        {"Name": "leave", "Properties": {"MaxDeliveryCount": 3}}]}]}});
    std::fs::write(app.path().join("servicebus.json"), entities.to_string()).unwrap();
    let mut host = app.start().await;
    host.message("leave", json!({"body": "exit:7"})).await;
    host.line("Handler error 1 of 3: the process exited with code 7").await;
    host.line("Handler error 3 of 3").await;
    host.line("Shutting down Functions Host").await;
    // The port is still there; the request waits for the next start.
    let answer = host.get("/api/things").await;
    host.line("Starting the Functions Host again").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(host.counts("leave").await, (0, 1));
}

/// All lines are told, and only what is an error explains the end.
#[tokio::test]
async fn vector_36_a_line_with_warn_is_no_error() {
    let app = App::new().setting("ECHO_EXIT_AT_START", "3");
    let mut host = app.launch(&[]).await;
    host.line("error on standard output").await;
    host.line("Warning: the end is near").await;
    let line = host.line("the process exited with code 3").await;
    assert!(line.ends_with("code 3: told to end at once"), "{line}");
}
