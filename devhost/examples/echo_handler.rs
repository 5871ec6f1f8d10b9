//! A custom handler for trying the host out, and for its tests. It answers raw requests with what it got, and every
//! envelope by what the call asks for:
//!
//! | data | answer |
//! |---|---|
//! | text or body with `fail` | 500 |
//! | with `empty` | 200 without a body |
//! | with `plain` | 200 as text |
//! | with `stay` | no answer at all |
//! | with `exit:<code>` | the process ends with that code |
//! | a JSON object with `reply` | just that: `status`, `type`, `body` (text, or JSON), `location` |
//! | a JSON object with `replies` | the one for the called path, in the same form |
//! | with `slow:<milliseconds>` | as everything else, after that time |
//! | with `say-json` | as everything else, after a line of JSON that names the invocation |
//! | everything else | `Outputs` with a response that holds the envelope |
//!
//! It listens once the file `ECHO_WAIT_FOR` is there, where that is set. Each envelope is also printed, as one line of JSON after `ENVELOPE `.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

/// What the host tells of the port and of itself, each under two names.
const PORTS_AND_IDS: [&str; 4] = [
    "FUNCTIONS_CUSTOMHANDLER_PORT",
    "FUNCTIONS_HTTPWORKER_PORT",
    "FUNCTIONS_CUSTOMHANDLER_WORKER_ID",
    "FUNCTIONS_HTTPWORKER_ID",
];

type Answer = Response<Full<Bytes>>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let code = std::env::var("ECHO_EXIT_AT_START")
        .ok()
        .and_then(|text| text.parse().ok());
    if let Some(code) = code {
        println!("error on standard output");
        eprintln!("Warning: the end is near");
        eprintln!("told to end at once");
        std::process::exit(code);
    }
    if let Some(file) = std::env::var_os("ECHO_WAIT_FOR") {
        while !std::path::Path::new(&file).exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    let port: u16 = std::env::var("FUNCTIONS_CUSTOMHANDLER_PORT")?.parse()?;
    // Some handlers take a port of their own.
    let port = if std::env::var_os("ECHO_LISTEN").is_some() {
        0
    } else {
        port
    };
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let port = listener.local_addr()?.port();
    println!("echo handler on {port}");
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
            drop(served);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Answer, Failure> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET && head.uri.path() == "/" && !head.headers.contains_key("x-ms-invocation-id") {
        let status = std::env::var("ECHO_PROBE_STATUS")
            .ok()
            .and_then(|text| text.parse().ok());
        return Ok(reply(status.unwrap_or(StatusCode::OK), "text/plain", "ready"));
    }
    let body = body.collect().await?.to_bytes();
    let raw = head.headers.contains_key("x-ms-invocation-id") || head.uri.path().starts_with("/api/");
    if raw || head.method != Method::POST {
        let headers: serde_json::Map<String, Value> = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
            .collect();
        let echo = json!({
            "method": head.method.as_str(),
            "target": head.uri.to_string(),
            "headers": headers,
            "body": String::from_utf8_lossy(&body),
            "pid": std::process::id(),
            "directory": std::env::current_dir()?,
            "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
            "environment": PORTS_AND_IDS.map(|name| std::env::var(name).unwrap_or_default()),
        });
        let status = head
            .headers
            .get("x-answer")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        return Ok(reply(
            status.unwrap_or(StatusCode::OK),
            "application/json",
            &echo.to_string(),
        ));
    }
    let envelope: Value = serde_json::from_slice(&body)?;
    let line = json!({
        "function": head.uri.path().trim_start_matches('/'),
        "agent": head.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()),
        "version": head.headers.get("x-azure-functions-hostversion").and_then(|value| value.to_str().ok()),
        "id": head.headers.get("x-azure-functions-invocationid").and_then(|value| value.to_str().ok()),
        "envelope": envelope,
    });
    println!("ENVELOPE {line}");
    if envelope["Data"].to_string().contains("say-json") {
        println!("{}", json!({"message": "said in JSON", "invocation_id": line["id"]}));
    }
    match script(head.uri.path(), &envelope) {
        Some(script) => scripted(&script),
        None => enveloped(&envelope).await,
    }
}

/// The answer that a call itself asks for.
fn script(path: &str, envelope: &Value) -> Option<Value> {
    let data = envelope["Data"].as_object()?;
    data.values().find_map(|value| {
        let text = value["Body"].as_str().or(value.as_str())?;
        let mut parsed: Value = serde_json::from_str(text).ok()?;
        if let Value::String(inner) = &parsed {
            parsed = serde_json::from_str(inner).ok()?;
        }
        let one = parsed.get("replies").and_then(|replies| replies.get(path));
        one.or(parsed.get("reply")).cloned()
    })
}

fn scripted(script: &Value) -> Result<Answer, Failure> {
    let body = match &script["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let status = script["status"].as_u64().unwrap_or(200);
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status)?)?;
    let kind = script["type"].as_str().unwrap_or("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind.parse()?);
    if let Some(location) = script["location"].as_str() {
        response.headers_mut().insert(header::LOCATION, location.parse()?);
    }
    Ok(response)
}

async fn enveloped(envelope: &Value) -> Result<Answer, Failure> {
    let data = envelope["Data"].to_string();
    let retries = envelope["Metadata"]["RetryContext"]["RetryCount"].as_i64();
    let most = envelope["Metadata"]["RetryContext"]["MaxRetryCount"].as_i64();
    if data.contains("stay") {
        std::future::pending::<()>().await;
    }
    if let Some(code) = number_after(&data, "exit:") {
        std::process::exit(code.parse()?);
    }
    if let Some(milliseconds) = number_after(&data, "slow:") {
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds.parse()?)).await;
    }
    if data.contains("fail") || (data.contains("retry") && retries < most) {
        return Ok(reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            "application/json",
            "{\"Logs\":[\"thrown away\"]}",
        ));
    }
    if data.contains("empty") {
        return Ok(reply(StatusCode::OK, "application/json", ""));
    }
    if data.contains("plain") {
        return Ok(reply(StatusCode::OK, "text/plain", "TestMessage"));
    }
    let body = match (retries, most) {
        (Some(count), Some(most)) => json!(format!("Retry Count:{count} Max Retry Count:{most}")),
        _ => envelope.clone(),
    };
    let answer = json!({
        "Outputs": {
            "res": {"statusCode": "201", "body": body, "headers": {"x-echo": "yes"}},
            "out": ["first message", {"second": true}],
        },
        "Logs": ["a line from the function"],
    });
    Ok(reply(
        StatusCode::OK,
        "application/json; charset=utf-8",
        &answer.to_string(),
    ))
}

fn number_after(data: &str, word: &str) -> Option<String> {
    let (_, rest) = data.split_once(word)?;
    Some(rest.chars().take_while(char::is_ascii_digit).collect())
}

fn reply(status: StatusCode, content_type: &'static str, body: &str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
