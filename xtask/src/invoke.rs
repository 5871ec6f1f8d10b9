//! `cargo xtask invoke`: calls queue and timer functions of a running `cargo xtask dev`.
//!
//! Examples are `tests/examples/<function>/<name>.json`; `tests/examples/README.md` says what they may hold.

use crate::failure::{Context as _, Failure, Result};
use crate::{http, workspace};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The function, by its folder's name.
    #[arg(required_unless_present = "list")]
    function: Option<String>,
    /// Which of its examples to send.
    #[arg(long, value_name = "NAME", default_value = "normal")]
    example: String,
    /// A file to send instead: one message or an array of them, or any text for a function of another kind.
    #[arg(long, value_name = "FILE", conflicts_with = "example")]
    data_file: Option<PathBuf>,
    /// The port of `cargo xtask dev`.
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// Show the functions and their examples.
    #[arg(long)]
    list: bool,
}

/// How a function is set off.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// By a message to this queue or topic.
    Send(String),
    /// By the host's own call. Timers are; and a dead-letter queue, to which nobody can send.
    Call,
}

pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root();
    let Some(function) = options.function.as_ref().filter(|_| !options.list) else {
        list(&root)?;
        return Ok(ExitCode::SUCCESS);
    };
    let way = way(&root, function)?;
    let file = match &options.data_file {
        Some(file) => file.clone(),
        None => example(&root, function, &options.example)?,
    };
    let text = fs::read_to_string(&file).context(file.display())?;
    let data: Value = serde_json::from_str(&text).context(file.display())?;
    let data = fill(data, &uuid()?);
    match way {
        Way::Send(entity) => send(options.port, &entity, data).await?,
        Way::Call => call(options.port, function, data).await?,
    }
    println!("The terminal of `cargo xtask dev` shows what comes of it.");
    Ok(ExitCode::SUCCESS)
}

async fn send(port: u16, entity: &str, data: Value) -> Result<()> {
    let messages = match data {
        Value::Array(messages) => messages,
        message => vec![message],
    };
    let count = messages.len();
    let path = format!("/_devhost/servicebus/{entity}");
    let answer = http::request(port, "POST", &path, Some(&Value::Array(messages))).await?;
    match answer.status {
        200..300 => {
            println!("Sent {count} to {entity}.");
            Ok(())
        }
        status => Err(Failure(format!("{entity} is not sent to ({status}): {}", answer.body))),
    }
}

async fn call(port: u16, function: &str, data: Value) -> Result<()> {
    // A message of an example stands for its body: only that reaches a function called by hand.
    let inputs: Vec<Value> = match data {
        Value::Array(messages) => messages,
        one => vec![one],
    };
    for input in inputs {
        let input = match input.get("body").cloned().unwrap_or_else(|| input["input"].clone()) {
            Value::String(text) => text,
            Value::Null => String::new(),
            value => value.to_string(),
        };
        let path = format!("/admin/functions/{function}");
        let answer = http::request(port, "POST", &path, Some(&json!({ "input": input }))).await?;
        if answer.status != 202 {
            return Err(Failure(format!(
                "{function} is not called ({}): {}",
                answer.status, answer.body
            )));
        }
    }
    println!("Called {function}.");
    Ok(())
}

fn way(root: &Path, function: &str) -> Result<Way> {
    let file = root.join("functions").join(function).join("function.json");
    let text = fs::read_to_string(&file).map_err(|_| {
        Failure(format!(
            "there is no function {function}; `cargo xtask invoke --list` shows them"
        ))
    })?;
    let parsed: Value = serde_json::from_str(&text).context(file.display())?;
    way_of(&parsed).ok_or_else(|| Failure(format!("{function} has no queue and no timer: call its URL instead")))
}

fn way_of(function: &Value) -> Option<Way> {
    function["bindings"]
        .as_array()?
        .iter()
        .find_map(|binding| match binding["type"].as_str()? {
            "timerTrigger" => Some(Way::Call),
            "serviceBusTrigger" => {
                let entity = binding["queueName"]
                    .as_str()
                    .or_else(|| binding["topicName"].as_str())?;
                let dead_letters = entity.to_ascii_lowercase().ends_with("/$deadletterqueue");
                Some(if dead_letters {
                    Way::Call
                } else {
                    Way::Send(entity.to_owned())
                })
            }
            _ => None,
        })
}

fn example(root: &Path, function: &str, name: &str) -> Result<PathBuf> {
    let known = examples(root, function);
    if known.iter().any(|known| known == name) {
        Ok(folder(root, function).join(format!("{name}.json")))
    } else {
        Err(Failure(format!(
            "{function} has no example {name}; it has: {}",
            known.join(", ")
        )))
    }
}

fn folder(root: &Path, function: &str) -> PathBuf {
    root.join("tests/examples").join(function)
}

/// The names of a function's examples, sorted.
fn examples(root: &Path, function: &str) -> Vec<String> {
    let files = fs::read_dir(folder(root, function)).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

/// The functions that can be invoked, sorted.
fn functions(root: &Path) -> Result<Vec<String>> {
    let functions = root.join("functions");
    let mut names: Vec<String> = fs::read_dir(&functions)
        .context(functions.display())?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| way(root, name).is_ok())
        .collect();
    names.sort();
    Ok(names)
}

fn list(root: &Path) -> Result<()> {
    for function in functions(root)? {
        println!("{function}: {}", examples(root, &function).join(", "));
    }
    Ok(())
}

/// Puts values where an example leaves places for them: `$uuid` in a text becomes `uuid`, and
/// `{"$repeat": TEXT, "times": N}` becomes that text so many times.
fn fill(value: Value, uuid: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("$uuid", uuid)),
        Value::Array(values) => values.into_iter().map(|value| fill(value, uuid)).collect(),
        Value::Object(object) => match (object.get("$repeat"), object.get("times")) {
            (Some(Value::String(text)), Some(Value::Number(times))) if object.len() == 2 => {
                Value::String(text.repeat(times.as_u64().unwrap_or_default() as usize))
            }
            _ => object
                .into_iter()
                .map(|(name, value)| (name, fill(value, uuid)))
                .collect::<Map<_, _>>()
                .into(),
        },
        other => other,
    }
}

/// A random UUID, version 4.
fn uuid() -> Result<String> {
    let mut bytes = [0_u8; 16];
    let mut random = fs::File::open("/dev/urandom")?;
    std::io::Read::read_exact(&mut random, &mut bytes)?;
    let bits = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_and_timer_function_has_examples_that_can_be_read() {
        let root = workspace::root();
        let functions = functions(&root).unwrap();
        assert!(functions.iter().any(|name| name == "orders_process"), "{functions:?}");
        for function in functions {
            let names = examples(&root, &function);
            assert!(
                names.iter().any(|name| name == "normal"),
                "{function} has no example `normal`"
            );
            for name in names {
                let text = fs::read_to_string(example(&root, &function, &name).unwrap()).unwrap();
                serde_json::from_str::<Value>(&text).unwrap();
            }
        }
        for name in ["normal", "duplicate", "poison", "oversized", "unknown_product", "batch"] {
            assert!(example(&root, "orders_process", name).is_ok(), "{name}");
        }
    }

    #[test]
    fn places_are_filled() {
        let filled = fill(
            json!([{"body": {"$repeat": "ab", "times": 2}, "messageId": "m-$uuid", "n": 1}]),
            "U",
        );
        assert_eq!(filled, json!([{"body": "abab", "messageId": "m-U", "n": 1}]));
    }

    #[test]
    fn a_trigger_says_how_it_is_set_off() {
        let service_bus = |name: &str| json!({"bindings": [{"type": "serviceBusTrigger", "queueName": name}]});
        assert_eq!(way_of(&service_bus("orders")), Some(Way::Send("orders".to_owned())));
        assert_eq!(way_of(&service_bus("orders/$DeadLetterQueue")), Some(Way::Call));
        assert_eq!(
            way_of(&json!({"bindings": [{"type": "timerTrigger"}]})),
            Some(Way::Call)
        );
        assert_eq!(way_of(&json!({"bindings": [{"type": "httpTrigger"}]})), None);
    }

    #[test]
    fn uuids_are_of_version_4() {
        let uuid = uuid().unwrap();
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
    }
}
