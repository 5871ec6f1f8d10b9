//! What the handler gets: vectors 4 to 11, 18, 30 to 33, 37 and 40.

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::support::{App, echo_handler};

const SECOND_OUTPUT: &str = r#"[
    {"type": "httpTrigger", "direction": "in", "name": "req", "route": "full/{id?}"},
    {"type": "http", "direction": "out", "name": "res"},
    {"type": "serviceBus", "direction": "out", "name": "out", "queueName": "results", "connection": "SB"}
]"#;

/// Vectors 9 and 10: the same request.
fn ink_and_toner(host: &super::support::Host, path: &str) -> Request<Full<Bytes>> {
    Request::get(host.url(&format!("{path}?id=149656222&name=Ink%20And%20Toner")))
        .header(header::ACCEPT, "text/plain")
        .header(header::ACCEPT_CHARSET, "UTF-8")
        .body(Full::new(Bytes::from_static(b"\"hello world\"")))
        .unwrap()
}

#[tokio::test]
async fn vector_04_an_envelope_goes_to_the_functions_name() {
    let app = App::new().queue("testFunctionName", "orders", json!({}));
    let mut host = app.start().await;
    host.message("orders", json!({"body": "x"})).await;
    let call = host.envelope("testFunctionName").await;
    assert!(call["agent"].as_str().unwrap().contains("Azure-Functions-Host/4."));
    assert!(call["version"].as_str().unwrap().starts_with("4."));
    let id = call["id"].as_str().unwrap();
    host.line(&format!("Executed 'Functions.testFunctionName' (Succeeded, Id={id}"))
        .await;
}

/// What the handler gets of a message.
async fn envelope_of(message: Value) -> Value {
    let app = App::new().queue("one", "orders", json!({}));
    let mut host = app.start().await;
    host.message("orders", message).await;
    host.envelope("one").await["envelope"].clone()
}

#[tokio::test]
async fn vector_05_a_text_is_json_in_a_string() {
    let envelope = envelope_of(json!({"body": "HelloWorld", "subject": "helloMetadata"})).await;
    assert_eq!(envelope["Data"], json!({"m": "\"HelloWorld\""}));
    assert_eq!(envelope["Metadata"]["Subject"], "\"helloMetadata\"");
}

/// No binding that is served here carries the number of the vector; one that is a number is written as it says.
#[tokio::test]
async fn vector_06_a_number_is_its_digits_in_a_string() {
    let envelope = envelope_of(json!({"body": "x"})).await;
    assert_eq!(envelope["Metadata"]["DeliveryCount"], "1");
    let sequence = envelope["Metadata"]["SequenceNumber"].as_str().unwrap();
    assert!(sequence.parse::<i64>().is_ok(), "{sequence}");
}

/// A time is now: its form is what can be seen here.
#[tokio::test]
async fn vector_07_a_time_is_bare_and_has_its_offset_where_it_has_one() {
    let envelope = envelope_of(json!({"body": "x"})).await;
    let text = |name: &str| envelope["Metadata"][name].as_str().unwrap().to_owned();
    let (date_time, offset) = (text("EnqueuedTimeUtc"), text("EnqueuedTime"));
    assert_eq!(date_time.len(), "2019-10-01T00:00:00".len());
    assert_eq!(offset, format!("{date_time}+00:00"));
}

#[tokio::test]
async fn vector_08_an_object_stays_one() {
    let properties = json!({"Name": "TestName", "Id": 1234});
    let envelope = envelope_of(json!({"body": "x", "applicationProperties": properties})).await;
    assert_eq!(envelope["Metadata"]["ApplicationProperties"], properties);
}

#[tokio::test]
async fn vector_09_a_request_is_a_plain_object() {
    let app = App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .http("ink", &[], "ink");
    let mut host = app.start().await;
    host.send(ink_and_toner(&host, "/api/ink")).await;
    let request = host.envelope("ink").await["envelope"]["Data"]["req"].clone();
    assert_eq!(request["Query"], json!({"id": "149656222", "name": "Ink And Toner"}));
    assert_eq!(request["Headers"]["Accept"], json!(["text/plain"]));
    assert_eq!(request["Headers"]["Accept-Charset"], json!(["UTF-8"]));
    assert_eq!(request["Body"], "\"hello world\"");
    assert_eq!(request["Method"], "GET");
    assert_eq!(
        request["Url"],
        format!(
            "http://127.0.0.1:{}/api/ink?id=149656222&name=Ink%20And%20Toner",
            host.port
        )
    );
    assert_eq!(request["Identities"][0]["Claims"][0]["Value"], "Admin");
}

/// The older section, for which vector 11 has the path, too.
#[tokio::test]
async fn vector_10_the_older_section_forwards_to_the_functions_name() {
    let app = App::new()
        .host("/customHandler", Value::Null)
        .host(
            "/httpWorker/description",
            json!({"defaultExecutablePath": echo_handler()}),
        )
        .http("testFunctionName", &[], "any/route");
    let host = app.start().await;
    let echo = host.send(ink_and_toner(&host, "/api/any/route")).await.json();
    assert_eq!(echo["method"], "GET");
    assert_eq!(echo["target"], "/testFunctionName?id=149656222&name=Ink%20And%20Toner");
    assert_eq!(echo["headers"]["accept"], "text/plain");
    assert_eq!(echo["headers"]["accept-charset"], "UTF-8");
    assert_eq!(echo["body"], "\"hello world\"");
}

#[tokio::test]
async fn vector_11_forwarding_keeps_the_path() {
    let app = App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .host("/customHandler/enableForwardingHttpRequest", json!(true))
        .http("hello", &[], "hello");
    let host = app.start().await;
    let request = Request::get(host.url("/api/hello?id=149656222&name=Ink%20And%20Toner&id=2"))
        .header(header::ACCEPT, "text/plain")
        .header(header::USER_AGENT, "me")
        .body(Full::<Bytes>::default())
        .unwrap();
    let echo = host.send(request).await.json();
    assert_eq!(echo["target"], "/api/hello?id=149656222%2C2&name=Ink%20And%20Toner");
    assert_eq!(echo["headers"]["accept"], "text/plain");
    assert_eq!(echo["headers"]["user-agent"], "me Azure-Functions-Host/4.1037.0");
    assert_eq!(echo["headers"]["host"], format!("127.0.0.1:{}", host.port));
    assert!(echo["headers"].get("x-forwarded-for").is_none());
}

#[tokio::test]
async fn vector_11_the_root_is_forwarded_as_the_root() {
    let app = App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .host("/customHandler/enableForwardingHttpRequest", json!(true))
        .host("/extensions/http/routePrefix", json!(""))
        .http("all", &[], "{*path}");
    let host = app.start().await;
    let request = Request::put(host.url("/")).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(host.send(request).await.json()["target"], "/");
}

#[tokio::test]
async fn vector_18_the_handlers_500_is_passed_on() {
    let app = App::new().http("things", &[], "things");
    let host = app.start().await;
    for method in ["GET", "PUT"] {
        let request = Request::builder()
            .method(method)
            .uri(host.url("/api/things"))
            .header("x-answer", "500");
        let answer = host.send(request.body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.json()["method"], method);
    }
    let last = &host.get("/_devhost/invocations?count=1").await.json()[0];
    assert_eq!(
        (last["succeeded"].as_bool(), last["status"].as_u64()),
        (Some(true), Some(500))
    );
}

#[tokio::test]
async fn vector_30_a_retry_policy_is_followed() {
    let app = App::new()
        .host("/customHandler/enableProxyingHttpRequest", json!(false))
        .host(
            "/retry",
            json!({"strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:00"}),
        )
        .http("again", &["post"], "again");
    let host = app.start().await;
    let answer = host.post("/api/again", "retry").await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.text(), "Retry Count:2 Max Retry Count:2");
}

#[tokio::test]
async fn vector_31_a_timer_is_a_plain_object() {
    let app = App::new().function(
        "fn",
        json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 3 * * *", "runOnStartup": true}]),
    );
    let mut host = app.start().await;
    let envelope = host.envelope("fn").await["envelope"].clone();
    let timer = &envelope["Data"]["t"];
    assert_eq!(timer["Schedule"], json!({"AdjustForDST": true}));
    assert_eq!(timer["IsPastDue"], false);
    assert_eq!(timer["ScheduleStatus"]["Last"], "0001-01-01T00:00:00");
    assert!(
        timer["ScheduleStatus"]["Next"]
            .as_str()
            .unwrap()
            .ends_with("T03:00:00+00:00")
    );
    assert!(
        timer["ScheduleStatus"]["LastUpdated"]
            .as_str()
            .unwrap()
            .ends_with("+00:00")
    );
    let metadata = envelope["Metadata"].as_object().unwrap();
    assert_eq!(metadata.keys().collect::<Vec<_>>(), ["sys"]);
    assert_eq!(metadata["sys"]["MethodName"], "fn");
    assert!(metadata["sys"]["UtcNow"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn vector_32_a_message_is_a_call() {
    let app = App::new().queue("one", "orders", json!({}));
    let mut host = app.start().await;
    host.message(
        "orders",
        json!({"body": {"number": 2}, "messageId": "m-1", "subject": "s", "applicationProperties": {"n": 1}}),
    )
    .await;
    let call = host.envelope("one").await;
    assert_eq!(call["envelope"]["Data"], json!({"m": "\"{\\\"number\\\":2}\""}));
    let metadata = &call["envelope"]["Metadata"];
    assert_eq!(metadata["MessageId"], "\"m-1\"");
    assert_eq!(metadata["Label"], "\"s\"");
    assert_eq!(metadata["DeliveryCount"], "1");
    assert_eq!(metadata["ApplicationProperties"], json!({"n": 1}));
    assert_eq!(metadata["number"], "\"2\"");
    host.line("Executed 'Functions.one' (Succeeded").await;
}

#[tokio::test]
async fn vector_33_several_messages_are_one_call() {
    let app = App::new().queue("many", "orders", json!({"cardinality": "many", "dataType": "string"}));
    let mut host = app.start().await;
    host.message(
        "orders",
        json!([{"body": "a", "messageId": "1"}, {"body": "b", "messageId": "2"}]),
    )
    .await;
    let call = host.envelope("many").await;
    assert_eq!(call["envelope"]["Data"], json!({"m": "[\"a\",\"b\"]"}));
    assert_eq!(call["envelope"]["Metadata"]["MessageIdArray"], "[\"1\",\"2\"]");
}

#[tokio::test]
async fn vector_37_functions_are_called_by_hand() {
    let app = App::new()
        .http("things", &["get"], "things")
        .function(
            "tick",
            json!([{"type": "timerTrigger", "name": "t", "schedule": "0 0 0 1 1 *"}]),
        )
        .queue("one", "orders", json!({}))
        .function("stored", json!([{"type": "blobTrigger", "name": "b", "path": "x"}]))
        .function(
            "bad",
            json!([{"type": "timerTrigger", "name": "no_good", "schedule": "* * * * *"}]),
        );
    let mut host = app.start().await;
    for (name, body, status) in [
        ("tick", r#"{"input":""}"#, StatusCode::ACCEPTED),
        ("tick", "{}", StatusCode::ACCEPTED),
        ("tick", "", StatusCode::BAD_REQUEST),
        ("tick", r#"{"input":5}"#, StatusCode::BAD_REQUEST),
        ("things", r#"{"input":""}"#, StatusCode::BAD_REQUEST),
        ("none", "{}", StatusCode::NOT_FOUND),
        ("bad", "{}", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(
            host.post(&format!("/admin/functions/{name}"), body).await.status,
            status,
            "{name} {body}"
        );
    }
    for _ in 0..2 {
        assert_eq!(host.envelope("tick").await["envelope"]["Data"]["t"]["IsPastDue"], false);
    }
    host.post("/admin/functions/one", r#"{"input":"{\"a\":1}"}"#).await;
    let call = host.envelope("one").await;
    assert_eq!(call["envelope"]["Data"]["m"], "\"{\\\"a\\\":1}\"");
    assert_eq!(call["envelope"]["Metadata"]["a"], "\"1\"");
    host.post("/admin/functions/stored", r#"{"input":"text"}"#).await;
    assert_eq!(host.envelope("stored").await["envelope"]["Data"]["b"], "\"text\"");
}

#[tokio::test]
async fn vector_40_one_more_output_and_it_is_an_envelope() {
    let app = App::new().function("full", serde_json::from_str(SECOND_OUTPUT).unwrap());
    let mut host = app.start().await;
    let answer = host.post("/api/full/7?page=2", r#"{"sku":"A"}"#).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers["x-echo"], "yes");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    let envelope = answer.json();
    assert_eq!(envelope["Data"]["req"]["Params"], json!({"id": "7"}));
    assert_eq!(envelope["Data"]["req"]["Body"], r#"{"sku":"A"}"#);
    assert_eq!(envelope["Metadata"]["sku"], "\"A\"");
    let call = host.envelope("full").await;
    assert_eq!(call["agent"], "Azure-Functions-Host/4.1037.0");
    assert!(uuid::Uuid::parse_str(call["id"].as_str().unwrap()).is_ok());
    host.line("a line from the function").await;
    assert_eq!(host.counts("results").await, (2, 0));
}
