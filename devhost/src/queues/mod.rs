//! `devhost queues`: what lies in the queues of a host that runs, from the command line.

mod args;
mod print;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

pub use args::QueuesArgs;
use args::{Action, SendArgs};
use http::Method;
use serde_json::{Map, Value, json};

use crate::client::{self, Client};
use crate::output;

/// How long a host may take. Deleting or sending again a hundred thousand messages takes it some seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// Does what is asked. What goes wrong is said on standard error.
pub fn run(args: &QueuesArgs) -> ExitCode {
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(answer(args)))
        .and_then(|text| output::print(&text));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn answer(args: &QueuesArgs) -> Result<String, String> {
    let client = Client::new(client::port(args.port, &args.script_root)?, PATIENCE);
    let ask =
        async |method, path: &str, body: String| client.told(method, &format!("/servicebus{path}"), body.into()).await;
    let get = async |path: &str| ask(Method::GET, path, String::new()).await;
    let (answer, words) = match args.action.as_ref().unwrap_or(&Action::List) {
        Action::List => {
            let answer = get("").await?;
            let words = print::entities(&answer);
            (answer, words)
        }
        Action::Peek(peek) => {
            let query = format!("state={}&skip={}&count={}", peek.state.name(), peek.skip, peek.count);
            let answer = get(&format!("{}/messages?{query}", path(&peek.entity))).await?;
            let words = print::messages(&answer);
            (answer, words)
        }
        Action::Purge { entity, state } => {
            let path = format!("{}/messages?state={}", path(entity), state.name());
            let answer = ask(Method::DELETE, &path, String::new()).await?;
            let words = format!("Deleted: {}.\n", answer["purged"]);
            (answer, words)
        }
        Action::Resubmit { entity, all, numbers } => {
            let which = if *all {
                json!({"all": true})
            } else {
                json!({"sequenceNumbers": numbers})
            };
            let answer = ask(Method::POST, &format!("{}/resubmit", path(entity)), which.to_string()).await?;
            let words = format!("Resubmitted: {}.\n", answer["resubmitted"]);
            (answer, words)
        }
        Action::Send(send) => {
            let answer = ask(Method::POST, &path(&send.entity), message(send)?.to_string()).await?;
            let words = format!("Sent: {}.\n", print::numbers(&answer["sequenceNumbers"]));
            (answer, words)
        }
    };
    Ok(if args.json { format!("{answer:#}\n") } else { words })
}

/// An entity within an address.
fn path(entity: &str) -> String {
    let mut path = String::from("/");
    for byte in entity.trim_matches('/').bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b'/' | b'$' => {
                path.push(char::from(byte));
            }
            // Writing into a text cannot fail.
            other => drop(write!(path, "%{other:02X}")),
        }
    }
    path
}

/// The message that the arguments describe.
fn message(args: &SendArgs) -> Result<Value, String> {
    if let Some(file) = &args.messages {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        return serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()));
    }
    let mut message = Map::new();
    message.insert("body".to_owned(), args.body.clone().unwrap_or_default().into());
    let texts = [
        ("messageId", &args.message_id),
        ("sessionId", &args.session_id),
        ("subject", &args.subject),
        ("contentType", &args.content_type),
        ("correlationId", &args.correlation_id),
        ("scheduledEnqueueTime", &args.at),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            message.insert(name.to_owned(), value.clone().into());
        }
    }
    let properties: Map<String, Value> = args.properties.iter().cloned().collect();
    if !properties.is_empty() {
        message.insert("applicationProperties".to_owned(), properties.into());
    }
    Ok(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_within_addresses() {
        assert_eq!(path("/orders/$deadletterqueue"), "/orders/$deadletterqueue");
        assert_eq!(path("t/Subscriptions/a b?ä"), "/t/Subscriptions/a%20b%3F%C3%A4");
    }
}
