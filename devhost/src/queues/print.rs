//! Answers as people read them.

use std::fmt::Write as _;

use serde_json::Value;

/// What of a message is shown, if it has it, beside its number, id, times and body.
const FIELDS: [(&str, &str); 14] = [
    ("subject", "subject"),
    ("sessionId", "session"),
    ("contentType", "content type"),
    ("correlationId", "correlation id"),
    ("partitionKey", "partition key"),
    ("to", "to"),
    ("replyTo", "reply to"),
    ("replyToSessionId", "reply to session"),
    ("timeToLiveSeconds", "time to live (s)"),
    ("applicationProperties", "properties"),
    ("lockedUntil", "locked until"),
    ("deadLetterReason", "reason"),
    ("deadLetterErrorDescription", "description"),
    ("deadLetterSource", "from"),
];

/// A table of entities.
pub(super) fn entities(answer: &Value) -> String {
    let columns = ["name", "active", "scheduled", "deferred", "deadLettered"];
    let mut rows = vec![["ENTITY", "ACTIVE", "SCHEDULED", "DEFERRED", "DEAD"].map(ToOwned::to_owned)];
    for entity in answer.as_array().into_iter().flatten() {
        rows.push(columns.map(|column| text(&entity[column])));
    }
    if rows.len() == 1 {
        return "There are none.\n".to_owned();
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut table = String::new();
    for [name, numbers @ ..] in &rows {
        let _ = write!(table, "{name:<0$}", widths[0]);
        for (number, width) in numbers.iter().zip(&widths[1..]) {
            let _ = write!(table, "  {number:>width$}");
        }
        table.push('\n');
    }
    table
}

/// One paragraph a message.
pub(super) fn messages(answer: &Value) -> String {
    let all = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let mut out = String::new();
    for message in all {
        let (number, id) = (text(&message["sequenceNumber"]), text(&message["messageId"]));
        let scheduled = &message["scheduledEnqueueTime"];
        let (when, at) = if scheduled.is_null() {
            ("since", &message["enqueuedTime"])
        } else {
            ("at", scheduled)
        };
        let _ = writeln!(out, "#{number} {id} {when} {}", text(at));
        if message["deliveryCount"].as_u64().is_some_and(|count| count > 0) {
            let _ = writeln!(out, "    deliveries: {}", message["deliveryCount"]);
        }
        for (name, label) in FIELDS {
            let value = &message[name];
            let is_empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
            if !is_empty {
                let _ = writeln!(out, "    {label}: {}", text(value));
            }
        }
        let cut = if message["bodyIsCut"] == true {
            ", its beginning"
        } else {
            ""
        };
        let (kind, body) = match &message["body"] {
            Value::Null => (", base64", &message["bodyBase64"]),
            body => ("", body),
        };
        let _ = writeln!(
            out,
            "    body ({} bytes{cut}{kind}): {}",
            message["bodyBytes"],
            text(body)
        );
    }
    let total = text(&answer["total"]);
    let _ = writeln!(out, "{} of {total} {}.", all.len(), text(&answer["state"]));
    out
}

/// A list of numbers.
pub(super) fn numbers(list: &Value) -> String {
    let numbers: Vec<String> = list.as_array().into_iter().flatten().map(text).collect();
    numbers.join(", ")
}

/// Texts without quotation marks. Control characters could play tricks on a terminal: they are escaped.
fn text(value: &Value) -> String {
    let plain = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    plain
        .chars()
        .flat_map(|c| {
            let escaped = c.is_control() && c != '\n' && c != '\t';
            let plain = (!escaped).then_some(c);
            escaped.then(|| c.escape_default()).into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_of_entities() {
        let answer = json!([
            {"name": "orders", "active": 1200, "scheduled": 0, "deferred": 1, "deadLettered": 22},
            {"name": "events/Subscriptions/all", "active": 0, "scheduled": 0, "deferred": 0, "deadLettered": 0},
        ]);
        let expected = "\
            ENTITY                    ACTIVE  SCHEDULED  DEFERRED  DEAD\n\
            orders                      1200          0         1    22\n\
            events/Subscriptions/all       0          0         0     0\n";
        assert_eq!(entities(&answer), expected);
        assert_eq!(entities(&json!([])), "There are none.\n");
    }

    #[test]
    fn a_message_and_what_is_known_of_it() {
        let answer = json!({"state": "deadletter", "total": 7, "messages": [{
            "sequenceNumber": 5, "messageId": "m", "enqueuedTime": "2026-01-01T00:00:00Z", "deliveryCount": 3,
            "applicationProperties": {"n": 1}, "deadLetterReason": "bad\u{1b}[2J", "body": "two\nlines", "bodyBytes": 9}]});
        let expected = "\
            #5 m since 2026-01-01T00:00:00Z\n    deliveries: 3\n    properties: {\"n\":1}\n    \
            reason: bad\\u{1b}[2J\n    body (9 bytes): two\nlines\n1 of 7 deadletter.\n";
        assert_eq!(messages(&answer), expected);
    }
}
