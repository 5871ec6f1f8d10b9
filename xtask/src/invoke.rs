//! `cargo xtask invoke`: calls a function of a running `cargo xtask dev`, whatever its trigger.
//!
//! `devhost invoke` does it, with the examples in `tests/examples/<function>`. HTTP functions need none there: their examples
//! are those of the API's document.

use crate::failure::{Failure, Result};
use crate::http;
use crate::workspace::{self, Profile};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The function, by its folder's name.
    #[arg(required_unless_present = "list")]
    function: Option<String>,
    /// Which of its examples to send [default: normal; of an HTTP function, the one of the API's document].
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// A file to send instead: one message or an array of them, or {"method", "path", "headers", "body"} of a request.
    #[arg(long, value_name = "FILE", conflicts_with = "example")]
    data_file: Option<PathBuf>,
    /// The path of a request with its query, in place of the document's example.
    #[arg(long)]
    path: Option<String>,
    /// A header of a request, "Name: value". May be given several times.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The port of `cargo xtask dev`.
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// Show the functions and their examples.
    #[arg(long)]
    list: bool,
}

pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let program = [Profile::Debug, Profile::Release].map(|profile| workspace::program(profile, "devhost"));
    let Some(program) = program.iter().find(|program| program.is_file()) else {
        return Err(Failure::new("devhost is not built: is `cargo xtask dev` running?"));
    };
    let mut command = Command::new(program);
    command
        .args(["invoke", "--port", &options.port.to_string(), "--script-root"])
        .arg(workspace::root());
    if let Some(function) = options.function.as_ref().filter(|_| !options.list) {
        command.arg(function);
        if let Some(example) = &options.example {
            command.args(["--example", example]);
        } else if let Some(file) = &options.data_file {
            command.arg("--data-file").arg(file);
        } else if let Some(request) = documented(options.port, function).await? {
            command.args(["--method", &request.method]);
            if options.path.is_none() {
                command.args(["--path", &request.path]);
            }
            for header in &request.headers {
                command.args(["--header", header]);
            }
            if let Some(body) = &request.body {
                command.args(["--body", body]);
            }
        }
        if let Some(path) = &options.path {
            command.args(["--path", path]);
        }
        for header in &options.headers {
            command.args(["--header", header]);
        }
    }
    Ok(if command.status()?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The example of a request that the running app's document holds; `None` where the function is not in it.
async fn documented(port: u16, function: &str) -> Result<Option<Request>> {
    let answer = http::request(port, "GET", "/openapi.json", None).await?;
    let document = answer
        .json()
        .ok_or_else(|| Failure(format!("GET /openapi.json answers {}", answer.status)))?;
    Ok(Request::of(&document, function))
}

/// A request that is ready to be sent.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: String,
    path: String,
    headers: Vec<String>,
    body: Option<String>,
}

impl Request {
    /// The example of an operation: what it needs, and nothing that may be left out.
    fn of(document: &Value, operation_id: &str) -> Option<Self> {
        let paths = document["paths"].as_object()?;
        let (path, item, method, operation) = paths.iter().find_map(|(path, item)| {
            let operations = item.as_object()?;
            let (method, operation) = operations.iter().find(|(_, one)| one["operationId"] == operation_id)?;
            Some((path, item, method, operation))
        })?;
        let mut request = Self {
            method: method.to_uppercase(),
            path: path.clone(),
            headers: Vec::new(),
            body: None,
        };
        let mut query = Vec::new();
        let listed = [&item["parameters"], &operation["parameters"]];
        for parameter in listed.into_iter().filter_map(Value::as_array).flatten() {
            let parameter = resolved(document, parameter);
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = text(example(parameter).unwrap_or(&Value::Null));
            match (parameter["in"].as_str(), parameter["required"] == true) {
                (Some("path"), _) => request.path = request.path.replace(&format!("{{{name}}}"), &value),
                (Some("query"), true) => query.push(format!("{name}={value}")),
                (Some("header"), true) => request.headers.push(format!("{name}: {value}")),
                _ => {}
            }
        }
        if !query.is_empty() {
            request.path = format!("{}?{}", request.path, query.join("&"));
        }
        let content = resolved(document, &operation["requestBody"])["content"].as_object();
        if let Some((kind, content)) = content.and_then(|content| content.iter().next()) {
            request.headers.push(format!("Content-Type: {kind}"));
            request.body = example(content).map(text);
        }
        Some(request)
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// The example of a parameter or a body, in each of the places where OpenAPI may have it.
fn example(of: &Value) -> Option<&Value> {
    of.get("example")
        .or_else(|| of["examples"].as_object()?.values().next()?.get("value"))
        .or_else(|| of["schema"].get("example"))
        .or_else(|| of["schema"]["examples"].as_array()?.first())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn every_queue_and_timer_function_has_examples_that_can_be_read() {
        let root = workspace::root();
        let names = |folder: &std::path::Path| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        };
        let mut seen = 0;
        for function in names(&root.join("functions")) {
            let text = fs::read_to_string(root.join("functions").join(&function).join("function.json")).unwrap();
            if text.contains("\"httpTrigger\"") {
                continue;
            }
            let folder = root.join("tests/examples").join(&function);
            let examples = names(&folder);
            assert!(
                examples.iter().any(|name| name == "normal.json"),
                "{function} has no example `normal`"
            );
            for name in examples {
                serde_json::from_str::<Value>(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
                seen += 1;
            }
        }
        assert!(seen > 6, "{seen}");
        let orders = names(&root.join("tests/examples/orders_process"));
        for name in ["normal", "duplicate", "poison", "oversized", "unknown_product", "batch"] {
            assert!(orders.contains(&format!("{name}.json")), "{name}");
        }
    }

    #[test]
    fn a_request_is_made_of_what_the_document_shows() {
        let document = json!({
            "paths": {"/things/{id}/parts": {
                "parameters": [{"$ref": "#/components/parameters/id"}],
                "post": {
                    "operationId": "things_divide",
                    "parameters": [
                        {"name": "by", "in": "query", "required": true, "schema": {"example": 2}},
                        {"name": "page", "in": "query", "example": 9},
                        {"name": "If-Match", "in": "header", "required": true, "example": "\"1\""}],
                    "requestBody": {"content": {"application/json": {"examples": {"one": {"value": {"a": 1}}}}}}
                }}},
            "components": {"parameters": {"id": {"name": "id", "in": "path", "required": true, "example": 7}}}
        });
        let expected = Request {
            method: "POST".to_owned(),
            path: "/things/7/parts?by=2".to_owned(),
            headers: vec![
                "If-Match: \"1\"".to_owned(),
                "Content-Type: application/json".to_owned(),
            ],
            body: Some("{\"a\":1}".to_owned()),
        };
        assert_eq!(Request::of(&document, "things_divide"), Some(expected));
        assert_eq!(Request::of(&document, "orders_process"), None);
    }
}
