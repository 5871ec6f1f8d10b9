//! What the handler answers: vectors 12 to 17, 19 to 22 and 39.

use http::{StatusCode, header};
use serde_json::{Value, json};

use super::support::{Answer, App, Host};

fn response(more: &Value) -> Value {
    let mut bindings = vec![
        json!({"type": "httpTrigger", "direction": "in", "name": "req", "route": "fn"}),
        json!({"type": "http", "direction": "out", "name": "res"}),
    ];
    bindings.extend(more.as_array().cloned().unwrap_or_default());
    json!(bindings)
}

/// An app of one function that gets envelopes.
fn app() -> App {
    App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .function("fn", response(&json!([])))
}

/// Calls the function and has it answer `reply`.
async fn answer(host: &Host, reply: Value) -> Answer {
    host.post("/api/fn", json!({"reply": reply}).to_string()).await
}

/// The invocation fails, its caller gets a bare 500, and the console says why.
async fn fails(host: &mut Host, reply: Value, words: &str) {
    let answer = answer(host, reply).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, ""),
        "{words}"
    );
    host.line(words).await;
}

#[tokio::test]
async fn vector_12_outputs_logs_and_return_value() {
    let queue = |name: &str| json!({"type": "serviceBus", "direction": "out", "name": name, "queueName": name, "connection": "SB"});
    let app = App::new().function("fn", response(&json!([queue("output1"), queue("output2")])));
    let mut host = app.start().await;
    let body = json!({"Outputs": {"output1": "output1Value", "output2": "output two"},
        "Logs": ["invocation log1", "invocation log2"], "ReturnValue": "Hello return"});
    assert_eq!(answer(&host, json!({"body": body})).await.status, StatusCode::OK);
    host.line("invocation log1").await;
    host.line("invocation log2").await;
    // Its note: the first value is base64, too.
    host.line("the text for 'output1' can be read as base64").await;
    for name in ["output1", "output2"] {
        assert_eq!(host.counts(name).await, (1, 0), "{name}");
    }
}

#[tokio::test]
async fn vector_13_a_status_and_a_body() {
    let app = app();
    let mut host = app.start().await;
    let body = json!({"Outputs": {"res": {"statusCode": "201", "body": "my world"}}, "Logs": ["one", "two"]});
    let answer = answer(&host, json!({"body": body})).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (StatusCode::CREATED, "my world")
    );
    host.line("]     two").await;
}

#[tokio::test]
async fn vector_14_unknown_keys_are_a_success() {
    let app = app();
    let host = app.start().await;
    let answer = answer(&host, json!({"body": {"key1": "value1", "key2": "value2"}})).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn vector_15_a_body_that_is_no_json_fails() {
    let app = app();
    fails(
        &mut app.start().await,
        json!({"body": "Hello World"}),
        "StatusCode: 200, Content: Hello World",
    )
    .await;
}

#[tokio::test]
async fn vector_16_another_media_type_fails() {
    let app = app();
    let reply = json!({"type": "text/plain", "body": "TestMessage"});
    fails(&mut app.start().await, reply, "UnsupportedMediaTypeException").await;
}

#[tokio::test]
async fn vector_17_another_status_than_2xx_fails_as_500() {
    let app = app();
    let reply = json!({"status": 400, "body": {"Logs": ["thrown away"]}});
    let mut host = app.start().await;
    fails(&mut host, reply, "does not indicate success: 400").await;
    assert!(!host.has_seen("] thrown away"));
}

/// What the return value becomes, which is the body here.
#[tokio::test]
async fn vector_19_base64_is_decoded_unless_the_binding_is_binary() {
    for (data_type, body) in [(Value::Null, "output1Value"), (json!("binary"), "b3V0cHV0MVZhbHVl")] {
        let app = App::new()
            .host("/customHandler/enableProxyingHttpRequest", json!(false))
            .function(
                "fn",
                json!([
                    {"type": "httpTrigger", "direction": "in", "name": "req", "route": "fn"},
                    {"type": "http", "direction": "out", "name": "$return", "dataType": data_type}
                ]),
            );
        let host = app.start().await;
        let answer = answer(&host, json!({"body": {"ReturnValue": "b3V0cHV0MVZhbHVl"}})).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, body));
    }
}

#[tokio::test]
async fn vector_20_the_response_is_mapped() {
    let app = app();
    let host = app.start().await;
    for (res, status, text) in [
        (json!({"statusCode": "204"}), 204, ""),
        (json!({}), 200, ""),
        (json!({"body": "hello"}), 200, "hello"),
        (json!({"body": "hello", "statusCode": "300"}), 300, "hello"),
    ] {
        let answer = answer(&host, json!({"body": {"Outputs": {"res": res}}})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (status, text),
            "{res}"
        );
    }
    let res = json!({"statusCode": 301, "headers": {"header1": "value1", "header2": "value2"}, "body": {"a": 1}});
    let answer = answer(&host, json!({"body": {"Outputs": {"res": res}}})).await;
    assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(answer.headers["header1"], "value1");
    assert_eq!(answer.headers["header2"], "value2");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(answer.text(), "{\n  \"a\": 1\n}");
}

#[tokio::test]
async fn vector_21_a_bare_text_is_no_response() {
    let app = app();
    let reply = json!({"body": {"Outputs": {"res": "SomeBlah"}}});
    fails(&mut app.start().await, reply, "InvalidOperationException").await;
}

#[tokio::test]
async fn vector_22_status_codes_are_numbers_in_some_way() {
    let app = app();
    let host = app.start().await;
    for (res, status) in [
        (json!({"statusCode": "202"}), 202),
        (json!({"statusCode": 202}), 202),
        (json!({"statusCode": "invalid"}), 200),
        (json!({"statusCode": ""}), 200),
        (json!({"statusCode": null}), 200),
        (json!({"code": 202, "status": 202}), 200),
    ] {
        let answer = answer(&host, json!({"body": {"Outputs": {"res": res}}})).await;
        assert_eq!(answer.status.as_u16(), status, "{res}");
    }
}

/// Where the host would hang until `functionTimeout`, this one fails at once and says why.
#[tokio::test]
async fn vector_39_an_empty_reply_fails_loudly() {
    let app = app();
    let mut host = app.start().await;
    for body in [Value::Null, json!("null")] {
        fails(&mut host, json!({"body": body}), "always answer JSON").await;
    }
}
