//! `docs/functions.md` and `docs/problems.md`, made from what they describe:
//! `cargo run --package inventory-handlers --example reference functions > docs/functions.md`. A test holds them together.

use crate::{
    http::problem::{CODES, Code, conflict_code},
    operations::{OPERATIONS, Operation, Trigger},
};
use inventory_domain::Conflict;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

const FUNCTIONS: &str = "\
# Functions

What the Functions host runs. `functions/<name>/function.json` is what Azure reads, `handlers/src/<resource>/<verb>.rs` the code, and
the name is the operation's id in `/openapi.json`, which says what each takes and answers. A GET answers HEAD too. The role is what a
caller must be at least; who may invoke a queue or timer function is the host alone.

This file is made by `cargo run --package inventory-handlers --example reference functions`.
";

const PROBLEMS: &str = "\
# Problems

Every error of the API is a problem document (RFC 9457, `application/problem+json`). Programs look at `code`, which is stable and the
last part of `type`; people read `detail`; `errors` points at each value that is wrong; `request_id` finds the request in our logs.
What the Functions host answers itself, before it asks us, is a bare status: 404 for a path or method it does not know.

This file is made by `cargo run --package inventory-handlers --example reference problems`.
";

/// As many functions are named; where more answer with a code, it is what every request can meet.
const NAMED_MAX: usize = 6;

/// The text of `docs/functions.md`.
pub fn functions() -> String {
    let mut text = FUNCTIONS.to_owned();
    let mut resource = "";
    for operation in OPERATIONS {
        if operation.resource() != resource {
            resource = operation.resource();
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "\n## {resource}\n\n| Function | Runs on | Role | What it does |\n|---|---|---|---|\n"
            );
        }
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {}. |",
            operation.name,
            runs_on(operation),
            role(operation),
            operation.summary
        );
    }
    text
}

fn runs_on(operation: &Operation) -> String {
    match operation.trigger {
        Trigger::Http { methods, route } => format!("{} `{route}`", methods.join(", ")),
        Trigger::Queue(queue) => format!("messages of `{queue}`"),
        Trigger::Timer(schedule) => format!("timer `{schedule}`"),
    }
}

fn role(operation: &Operation) -> &'static str {
    if operation.trigger.is_http() {
        operation.role.as_str()
    } else {
        "-"
    }
}

/// The text of `docs/problems.md`.
pub fn problems() -> String {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes() {
        by_status.entry(code.status).or_default().push(code);
    }
    let answered = crate::openapi::functions_by_problem();
    let mut text = PROBLEMS.to_owned();
    for (status, codes) in by_status {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n## {status}\n\n{}\n\n| Code | Title | Answered by |\n|---|---|---|\n",
            what_to_do(status)
        );
        for code in codes {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} |",
                code.word,
                code.title,
                answered_by(answered.get(code.word))
            );
        }
    }
    text
}

/// The text of `docs/openapi.json`: the API document, a line for each thing, so that a change is seen where it is.
pub fn openapi() -> String {
    let mut text = serde_json::to_string_pretty(&crate::openapi::document()).unwrap_or_default();
    text.push('\n');
    text
}

/// Every code.
pub(crate) fn codes() -> Vec<Code> {
    let conflicts = Conflict::ALL.iter().map(|conflict| conflict_code(*conflict));
    CODES.iter().copied().chain(conflicts).collect()
}

fn answered_by(functions: Option<&BTreeSet<&str>>) -> String {
    match functions {
        Some(functions) if functions.len() > NAMED_MAX => format!("{} functions", functions.len()),
        Some(functions) => {
            let names: Vec<_> = functions.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        }
        None => "the program, before a function runs".to_owned(),
    }
}

/// What a caller does about it.
pub(crate) fn what_to_do(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read. Mend the client; sending the same again gives the same.",
        401 => {
            "Get a token (`POST /token`) or use another key, and ask again. The header `WWW-Authenticate` says what is wrong."
        }
        403 => "The caller is known and may not do this. Another role is needed; asking again does not help.",
        404 => "Look at the path and the id.",
        405 => "The header `Allow` says which methods there are.",
        408 => "The connection is too slow for a body of this size, or broke: send it again.",
        409 => {
            "The request is good, and what is there now does not allow it. Read the present state and decide anew. Only \
             `idempotency_in_progress` goes away by itself: ask again after `Retry-After`."
        }
        412 => "Somebody else was faster. Read the resource again, and send the change with its new `ETag`.",
        413 => "Send less at once.",
        414 => "Ask for less at once: fewer filters, shorter values.",
        415 => "Say `Content-Type: application/json`.",
        422 => "`errors` lists every value that is wrong, by JSON pointer. Nothing was done.",
        428 => "Send `If-Match` with the `ETag` that was read.",
        429 => "Wait as many seconds as `Retry-After` says.",
        500 => "The fault is ours. It was logged under `request_id`; nothing was half done.",
        503 => {
            "Ask again after `Retry-After`, with growing pauses. With an `Idempotency-Key` a POST can be sent again without being \
             done twice."
        }
        _ => "See `detail`.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_says_what_to_do() {
        for code in codes() {
            assert_ne!(what_to_do(code.status), what_to_do(0), "{}", code.status);
        }
    }
}
