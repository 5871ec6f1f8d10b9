//! The last invocations, for whoever looks afterwards.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::config::Function;
use crate::tap::Kept;

const KEPT: usize = 1_000;
/// Most bytes that wait for the end of an invocation; what it says more is told at once.
const WAITING_BYTES: usize = 256 * 1024;
/// Most bytes that are kept of a head, and of all logs of an invocation.
const KEPT_TEXT_BYTES: usize = 16 * 1024;
/// Headers whose values nobody needs to see again.
const SECRET: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-functions-key",
];

/// What went to the handler, or came from it.
#[derive(Debug, Clone)]
pub struct Side {
    /// The request line or the status, then the headers, a line each.
    pub head: String,
    /// The body's beginning.
    pub body: Kept,
}

impl Side {
    /// What was asked.
    pub fn request(method: &Method, uri: &Uri, headers: &HeaderMap, body: Kept) -> Self {
        let mut head = format!("{method} {}", uri.path());
        if let Some(query) = uri.query() {
            // The platform's own parameter for keys.
            let shown: Vec<&str> = query
                .split('&')
                .map(|pair| if pair.starts_with("code=") { "code=…" } else { pair })
                .collect();
            let _ = write!(head, "?{}", shown.join("&"));
        }
        write_headers(&mut head, headers);
        Self { head, body }
    }

    /// What was answered.
    pub fn reply(status: StatusCode, headers: &HeaderMap, body: Kept) -> Self {
        let mut head = status.to_string();
        write_headers(&mut head, headers);
        Self { head, body }
    }

    fn to_json(&self) -> Value {
        json!({"head": self.head, "body": self.body.to_json()})
    }
}

fn write_headers(head: &mut String, headers: &HeaderMap) {
    for (name, value) in headers {
        let value = if SECRET.contains(&name.as_str()) {
            "…".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        let _ = write!(head, "\n{name}: {value}");
    }
}

/// Lets go of what is more than is kept.
fn shorten(lines: &mut Vec<String>) {
    let mut room = KEPT_TEXT_BYTES;
    let mut whole = 0;
    for line in lines.iter_mut() {
        if room == 0 {
            break;
        }
        cut(line, room);
        // An empty line is a line as well.
        room -= line.len().max(1).min(room);
        whole += 1;
    }
    lines.truncate(whole);
    lines.shrink_to_fit();
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = text.floor_char_boundary(most);
        text.truncate(end);
        text.shrink_to_fit();
    }
}

/// One invocation that is over.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id.
    pub id: Uuid,
    /// What was called.
    pub function: Arc<Function>,
    /// When it ended.
    pub ended: OffsetDateTime,
    /// How long it took.
    pub duration: Duration,
    /// The status that a raw HTTP call was answered with.
    pub status: Option<u16>,
    /// Why it failed; `None`: it succeeded.
    pub error: Option<String>,
    /// What the handler got.
    pub request: Option<Side>,
    /// What it answered; `None`: nothing.
    pub reply: Option<Side>,
    /// What it had to say.
    pub logs: Vec<String>,
}

/// The records, the newest last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Invocations>>);

#[derive(Debug, Default)]
struct Invocations {
    over: VecDeque<Record>,
    /// What those under way have said so far.
    under_way: HashMap<Uuid, Vec<String>>,
}

impl History {
    /// An invocation begins: lines that name it are its own from here on.
    pub fn begin(&self, id: Uuid) {
        self.lock().under_way.insert(id, Vec::new());
    }

    /// An invocation ends: what it has said.
    pub fn end(&self, id: Uuid) -> Vec<String> {
        self.lock().under_way.remove(&id).unwrap_or_default()
    }

    /// Takes in a line of the handler, if it names an invocation under way. One that comes after the end is kept with the
    /// invocation, but is not held back.
    pub(crate) fn hear(&self, line: &str) -> bool {
        let Some(id) = named_invocation(line) else {
            return false;
        };
        let mut invocations = self.lock();
        if let Some(said) = invocations.under_way.get_mut(&id) {
            let waiting: usize = said.iter().map(String::len).sum();
            let fits = waiting + line.len() <= WAITING_BYTES;
            if fits {
                said.push(line.to_owned());
            }
            return fits;
        }
        if let Some(record) = invocations.over.iter_mut().rev().find(|record| record.id == id) {
            record.logs.push(line.to_owned());
            shorten(&mut record.logs);
        }
        false
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Invocations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, in place of the oldest where there are too many.
    pub fn add(&self, mut record: Record) {
        shorten(&mut record.logs);
        for side in [&mut record.request, &mut record.reply].into_iter().flatten() {
            cut(&mut side.head, KEPT_TEXT_BYTES);
        }
        let mut invocations = self.lock();
        if invocations.over.len() == KEPT {
            invocations.over.pop_front();
        }
        invocations.over.push_back(record);
    }

    /// The last `count` as JSON, the newest first, without what they carried.
    pub fn last(&self, count: usize) -> Value {
        self.lock().over.iter().rev().take(count).map(Record::to_json).collect()
    }

    /// One of them with all that is known of it.
    pub fn get(&self, id: Uuid) -> Option<Value> {
        let invocations = self.lock();
        let record = invocations.over.iter().rev().find(|record| record.id == id)?;
        let mut json = record.to_json();
        json["request"] = record.request.as_ref().map_or(Value::Null, Side::to_json);
        json["reply"] = record.reply.as_ref().map_or(Value::Null, Side::to_json);
        json["logs"] = json!(record.logs);
        Some(json)
    }
}

/// The invocation that a line names, if it is a JSON object with `invocation_id`, itself or in a member such as `fields` or
/// `span`, where loggers put such things.
fn named_invocation(line: &str) -> Option<Uuid> {
    // Most lines need not be read.
    if !line.starts_with('{') || !line.to_ascii_lowercase().contains("invocation") {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(line).ok()?;
    let of = |object: &Map<String, Value>| {
        ["invocation_id", "invocationId", "InvocationId"]
            .iter()
            .find_map(|name| object.get(*name)?.as_str()?.parse().ok())
    };
    of(&object).or_else(|| object.values().filter_map(Value::as_object).find_map(of))
}

impl Record {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id.to_string(),
            "function": self.function.name,
            "trigger": self.function.trigger_kind(),
            "ended": self.ended.format(&Rfc3339).unwrap_or_default(),
            "durationMs": self.duration.as_secs_f64() * 1_000.0,
            "succeeded": self.error.is_none(),
            "status": self.status,
            "error": self.error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut lines = vec!["ä".to_owned(), "x".repeat(KEPT_TEXT_BYTES), "z".to_owned()];
        shorten(&mut lines);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().map(String::len).sum::<usize>() <= KEPT_TEXT_BYTES);
        let mut empty = vec![String::new(); 2 * KEPT_TEXT_BYTES];
        shorten(&mut empty);
        assert_eq!(empty.len(), KEPT_TEXT_BYTES);
    }

    #[test]
    fn a_line_belongs_to_the_invocation_it_names() {
        let (history, id) = (History::default(), Uuid::new_v4());
        let flat = json!({"level": "INFO", "invocation_id": id.to_string()}).to_string();
        let nested = json!({"fields": {"message": "m"}, "span": {"invocationId": id.to_string()}}).to_string();
        assert!(!history.hear(&flat), "it has not begun");
        history.begin(id);
        assert!(history.hear(&flat) && history.hear(&nested));
        let other = json!({"invocation_id": Uuid::new_v4().to_string()}).to_string();
        for line in ["plain", "{\"invocation_id\": \"x\"}", "{invocation", other.as_str()] {
            assert!(!history.hear(line), "{line}");
        }
        let long = json!({"invocation_id": id.to_string(), "message": "x".repeat(WAITING_BYTES)}).to_string();
        assert!(!history.hear(&long), "too much to wait");
        assert_eq!(history.end(id), [flat.clone(), nested]);
        assert!(!history.hear(&flat), "it is over");
    }

    #[test]
    fn secrets_are_not_kept() {
        let headers = HeaderMap::from_iter([
            (header::AUTHORIZATION, "Bearer t".parse().unwrap()),
            (header::ACCEPT, "*/*".parse().unwrap()),
        ]);
        let uri = "/api/x?a=1&code=secret".parse().unwrap();
        let side = Side::request(&Method::GET, &uri, &headers, Kept::default());
        assert_eq!(side.head, "GET /api/x?a=1&code=…\nauthorization: …\naccept: */*");
    }
}
