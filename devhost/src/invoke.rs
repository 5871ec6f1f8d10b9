//! `devhost invoke`: calls a function of a host that runs, whatever its trigger.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::client::{self, Client};
use crate::examples;
use crate::output;

/// How long an answer may take: as long as a function may run unless somebody says otherwise.
const PATIENCE: Duration = Duration::from_mins(30);

/// The options of `invoke`.
#[derive(Debug, Clone, Args)]
pub struct InvokeArgs {
    /// The function; without one: shows all of them with their examples.
    pub function: Option<String>,
    /// Which of its examples to send [default: normal, where it is there].
    #[arg(long, value_name = "NAME", conflicts_with_all = ["data_file", "body"])]
    pub example: Option<String>,
    /// A file to send, in the form of an example.
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    pub data_file: Option<PathBuf>,
    /// The body of the request or the message, or the input of any other function.
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// The method of the request [default: the example's, else the first that the function takes].
    #[arg(long)]
    pub method: Option<String>,
    /// The path of the request with its query [default: the example's, else the route].
    #[arg(long)]
    pub path: Option<String>,
    /// A header of the request, "Name: value". May be given several times.
    #[arg(long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// The HTTP port of the host that runs [default: that of local.settings.json, else 7071].
    #[arg(short, long)]
    pub port: Option<u16>,
    /// The folder with host.json, where examples lie in `tests/examples/<function>`.
    #[arg(long, visible_alias = "prefix", value_name = "DIR", default_value = ".")]
    pub script_root: PathBuf,
}

/// Does what is asked. What goes wrong is said on standard error; so is a request's status, and its answer on standard
/// output.
pub fn run(args: &InvokeArgs) -> ExitCode {
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(invoke(args)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn invoke(args: &InvokeArgs) -> Result<bool, String> {
    let client = Client::new(client::port(args.port, &args.script_root)?, PATIENCE);
    let app = client.own(Method::GET, "/app", Bytes::new()).await?;
    let functions = app["functions"].as_array().cloned().unwrap_or_default();
    let Some(name) = &args.function else {
        for function in &functions {
            let name = function["name"].as_str().unwrap_or_default();
            let examples = examples::names(&args.script_root, name).join(", ");
            output::print(&format!("{name}: {examples}\n"))?;
        }
        return Ok(true);
    };
    let known = |function: &&Value| {
        function["name"]
            .as_str()
            .is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    let function = functions.iter().find(known).ok_or_else(|| {
        let problems = app["problems"].as_array().into_iter().flatten();
        let mut problems = problems.filter(|problem| problem["name"] == name.as_str());
        match problems.next() {
            Some(problem) => format!(
                "{name} does not load: {}",
                problem["reason"].as_str().unwrap_or_default()
            ),
            None => format!("there is no function {name}; `devhost invoke` shows them"),
        }
    })?;
    let name = function["name"].as_str().unwrap_or_default();
    let content = content(args, name)?;
    match Way::of(function) {
        Way::Request => request(args, &client, function, &content).await,
        Way::Send(entity) => send(&client, entity, content).await.map(|()| true),
        Way::Call => call(&client, name, content).await.map(|()| true),
    }
}

/// How a function is set off.
#[derive(Debug, PartialEq, Eq)]
enum Way<'a> {
    /// By a request.
    Request,
    /// By a message to this queue or topic.
    Send(&'a str),
    /// By the host's own call. Timers are; and a dead-letter queue, to which nobody can send.
    Call,
}

impl<'a> Way<'a> {
    fn of(function: &'a Value) -> Self {
        let text = |name: &str| function[name].as_str();
        let dead_letters = text("entity").is_some_and(|name| name.to_ascii_lowercase().ends_with("/$deadletterqueue"));
        if text("trigger").is_some_and(|kind| kind.eq_ignore_ascii_case("httpTrigger")) {
            return Self::Request;
        }
        match text("sendsTo") {
            Some(entity) if !dead_letters => Self::Send(entity),
            _ => Self::Call,
        }
    }
}

/// What to send, in the form of an example; null where nothing is said and there is no example.
fn content(args: &InvokeArgs, name: &str) -> Result<Value, String> {
    if let Some(body) = &args.body {
        return Ok(json!({"body": body}));
    }
    if let Some(file) = &args.data_file {
        return examples::from_file(file);
    }
    match &args.example {
        Some(example) => examples::read(&args.script_root, name, example),
        None if examples::names(&args.script_root, name)
            .iter()
            .any(|known| known == "normal") =>
        {
            examples::read(&args.script_root, name, "normal")
        }
        None => Ok(Value::Null),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn request(args: &InvokeArgs, client: &Client, function: &Value, content: &Value) -> Result<bool, String> {
    let method = args.method.as_deref().or(content["method"].as_str());
    let method = method
        .or(function["methods"][0].as_str())
        .unwrap_or("GET")
        .to_uppercase();
    let path = match args
        .path
        .as_deref()
        .or(content["path"].as_str())
        .or(function["route"].as_str())
    {
        Some(path) if !path.contains(['{', '}']) => format!("/{}", path.trim_start_matches('/')),
        Some(path) => return Err(format!("its route is {path}: say which with --path")),
        None => return Err("it has no route".to_owned()),
    };
    let mut request = Request::builder().method(method.as_str()).uri(client.address(&path));
    let mut typed = false;
    for (name, value) in content["headers"].as_object().into_iter().flatten() {
        typed |= name.eq_ignore_ascii_case("content-type");
        request = request.header(name, text(value));
    }
    for header in &args.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| format!("'{header}' is not \"Name: value\""))?;
        typed |= name.trim().eq_ignore_ascii_case("content-type");
        request = request.header(name.trim(), value.trim());
    }
    let body = text(&content["body"]);
    if !body.is_empty() && !typed {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(Full::from(body)).map_err(|error| error.to_string())?;
    let (status, body) = client.exchange(request).await?;
    eprintln!("{method} {path}: {status}");
    output::print(&format!("{}\n", String::from_utf8_lossy(&body)))?;
    Ok(!status.is_client_error() && !status.is_server_error())
}

async fn send(client: &Client, entity: &str, content: Value) -> Result<(), String> {
    let messages = match content {
        Value::Null => return Err("say which message: --body, --example or --data-file".to_owned()),
        Value::Array(messages) => messages,
        message => vec![message],
    };
    let count = messages.len();
    let path = format!("/servicebus/{entity}");
    client
        .own(Method::POST, &path, Value::Array(messages).to_string().into())
        .await?;
    output::print(&format!(
        "Sent {count} to {entity}. The console of devhost shows what comes of it.\n"
    ))
}

async fn call(client: &Client, name: &str, content: Value) -> Result<(), String> {
    let inputs = match content {
        Value::Array(inputs) => inputs,
        one => vec![one],
    };
    for input in &inputs {
        // A message of an example stands for its body: only that reaches a function called by hand.
        let input = text(input.get("body").unwrap_or(&input["input"]));
        let body = json!({"input": input}).to_string();
        client
            .own(Method::POST, &format!("/functions/{name}"), body.into())
            .await?;
    }
    output::print(&format!(
        "Called {name}. The console of devhost shows what comes of it.\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_says_how_it_is_set_off() {
        let of = |entity: &str| json!({"trigger": "serviceBusTrigger", "entity": entity, "sendsTo": "orders"});
        assert_eq!(Way::of(&of("orders")), Way::Send("orders"));
        assert_eq!(Way::of(&of("orders/$DeadLetterQueue")), Way::Call);
        assert_eq!(Way::of(&json!({"trigger": "timerTrigger"})), Way::Call);
        assert_eq!(Way::of(&json!({"trigger": "HttpTrigger"})), Way::Request);
    }
}
