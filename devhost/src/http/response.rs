//! The HTTP response that an envelope's reply stands for.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};
use serde_json::{Map, Value};

use super::HostBody;
use crate::config::Function;
use crate::invocation::{InvokeError, OutputValue, Reply, interpret_output, named_outputs};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Maps the reply of `function`.
pub(crate) fn map(function: &Function, reply: &Reply) -> Result<Response<HostBody>, InvokeError> {
    let Some(binding) = function.outputs().find(|binding| binding.is("http")) else {
        return Ok(super::empty(StatusCode::NO_CONTENT));
    };
    let failed = |reason: String| InvokeError::Output {
        name: binding.name.clone(),
        reason,
    };
    if binding.name == "$return" {
        return match &reply.return_value {
            Value::Object(object) if member(object, "body").is_some() => from_object(object).map_err(failed),
            value => match interpret_output(value, binding.data_type.as_deref()) {
                OutputValue::Bytes(bytes) => Ok(Response::new(Either::Left(Full::new(bytes.into())))),
                OutputValue::Json(value) => Ok(with_body(Response::builder(), &value).map_err(failed)?),
            },
        };
    }
    let outputs = named_outputs(function, reply);
    match outputs.get(&binding.name).filter(|value| !value.is_null()) {
        Some(Value::Object(object)) => from_object(object).map_err(failed),
        Some(other) => Err(failed(format!(
            "an HTTP response must be an object with statusCode, headers and body, not {other} (InvalidOperationException)"
        ))),
        None if reply.outputs.is_some() => with_body(Response::builder(), &Value::Object(Map::new())).map_err(failed),
        None => Ok(super::empty(StatusCode::OK)),
    }
}

fn from_object(object: &Map<String, Value>) -> Result<Response<HostBody>, String> {
    let status = status_code(member(object, "statusCode"));
    let status = StatusCode::from_u16(status).map_err(|_| format!("{status} is not an HTTP status"))?;
    let mut builder = Response::builder().status(status);
    match member(object, "headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(headers)) => {
            for (name, value) in headers {
                builder = add_header(builder, name, value)?;
            }
        }
        Some(other) => return Err(format!("headers must be an object, not {other}")),
    }
    with_body(builder, member(object, "body").unwrap_or(&Value::Null))
}

fn add_header(builder: http::response::Builder, name: &str, value: &Value) -> Result<http::response::Builder, String> {
    let known = name
        .parse::<HeaderName>()
        .map_err(|_| format!("'{name}' is not a header's name"))?;
    let text = match value {
        Value::Null if known == header::CONTENT_TYPE => return Err("the header content-type is null".to_owned()),
        Value::Null => return Ok(builder),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => dotnet_bool(*flag).to_owned(),
        other => other.to_string(),
    };
    // The host frames the answer itself.
    if known == header::CONTENT_LENGTH || known == header::TRANSFER_ENCODING || known == header::CONNECTION {
        return Ok(builder);
    }
    let text = if known == header::CONTENT_TYPE && !text.to_ascii_lowercase().contains("charset=") {
        format!("{text}; charset=utf-8")
    } else {
        text
    };
    let value = HeaderValue::from_str(&text).map_err(|_| format!("the value of the header '{name}' is not valid"))?;
    Ok(builder.header(known, value))
}

fn with_body(builder: http::response::Builder, body: &Value) -> Result<Response<HostBody>, String> {
    let text = match body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => dotnet_bool(*flag).to_owned(),
        Value::Number(number) => number.to_string(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let has_body = !body.is_null();
    let mut response = builder
        .body(Either::Left(Full::new(text.into())))
        .map_err(|error| error.to_string())?;
    if has_body && !response.headers().contains_key(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    }
    Ok(response)
}

/// A number, or its text; everything else is 200. `status` never counts.
fn status_code(value: Option<&Value>) -> u16 {
    let number = match value {
        Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    number.unwrap_or(200)
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn dotnet_bool(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, parse_function};
    use http_body_util::BodyExt as _;
    use serde_json::json;
    use std::path::Path;

    async fn answer(reply: Value) -> Result<(u16, http::HeaderMap, String), InvokeError> {
        answer_to("res", reply).await
    }

    async fn answer_to(name: &str, reply: Value) -> Result<(u16, http::HeaderMap, String), InvokeError> {
        let json = json!({"bindings": [{"type": "httpTrigger", "name": "req"},
            {"type": "http", "direction": "out", "name": name}]});
        let function = parse_function("fn", Path::new("."), &json, &Settings::default()).unwrap();
        let reply = Reply::accept(200, Some("application/json"), reply.to_string().as_bytes()).unwrap();
        let (head, body) = map(&function, &reply)?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok((
            head.status.as_u16(),
            head.headers,
            String::from_utf8_lossy(&body).into_owned(),
        ))
    }

    /// Vectors 13 and 20.
    #[tokio::test]
    async fn status_body_and_headers_are_mapped() {
        for (res, status, body) in [
            (json!({"statusCode": "201", "body": "my world"}), 201, "my world"),
            (json!({"statusCode": "204"}), 204, ""),
            (json!({}), 200, ""),
            (json!({"body": "hello"}), 200, "hello"),
            (json!({"body": "hello", "statusCode": "300"}), 300, "hello"),
            (json!({"BODY": true, "StatusCode": 202}), 202, "True"),
            (json!({"body": {"a": [1]}}), 200, "{\n  \"a\": [\n    1\n  ]\n}"),
        ] {
            let (got, headers, text) = answer(json!({"Outputs": {"res": res}})).await.unwrap();
            assert_eq!((got, text.as_str()), (status, body), "{res}");
            if !body.is_empty() {
                assert_eq!(headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
            }
        }
        let res = json!({"statusCode": 301, "headers": {"header1": "a", "header2": [1, "b"], "Content-Type": "application/json"}});
        let (status, headers, _) = answer(json!({"Outputs": {"res": res}})).await.unwrap();
        assert_eq!(status, 301);
        assert_eq!(
            (&headers["header1"], &headers["header2"]),
            (&"a".parse().unwrap(), &"[1,\"b\"]".parse().unwrap())
        );
        assert_eq!(headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
    }

    /// Vector 21.
    #[tokio::test]
    async fn a_bare_text_is_no_response() {
        let error = answer(json!({"Outputs": {"res": "SomeBlah"}})).await.unwrap_err();
        assert!(error.to_string().contains("InvalidOperationException"));
    }

    /// Vector 22.
    #[test]
    fn status_codes_are_numbers_in_some_way() {
        for (value, status) in [
            (Some(json!("202")), 202),
            (Some(json!(202)), 202),
            (Some(json!("invalid")), 200),
            (Some(json!("")), 200),
            (Some(Value::Null), 200),
            (None, 200),
        ] {
            assert_eq!(status_code(value.as_ref()), status);
        }
        assert_eq!(
            status_code(member(json!({"code": 202}).as_object().unwrap(), "statusCode")),
            200
        );
    }

    #[tokio::test]
    async fn a_missing_response_is_an_empty_one() {
        assert_eq!(answer(json!({"Outputs": {}})).await.unwrap().2, "{}");
        assert_eq!(answer(json!({})).await.unwrap().2, "");
        let (status, _, body) = answer(json!({"ReturnValue": {"res": {"statusCode": 418, "body": "x"}}}))
            .await
            .unwrap();
        assert_eq!((status, body.as_str()), (418, "x"));
    }

    #[tokio::test]
    async fn the_return_value_may_be_the_response() {
        assert_eq!(
            answer_to("$return", json!({"ReturnValue": {"body": "x", "statusCode": 201}}))
                .await
                .unwrap()
                .0,
            201
        );
        assert_eq!(
            answer_to("$return", json!({"ReturnValue": "a word"})).await.unwrap().2,
            "a word"
        );
        // Vector 12, its note: the word can be read as base64.
        assert_eq!(
            answer_to("$return", json!({"ReturnValue": "aGk="})).await.unwrap().2,
            "hi"
        );
    }
}
