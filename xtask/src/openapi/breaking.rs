//! Changes that a client would not survive.

use super::schema::{Direction, Schemas};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// From the least to the most: what an operation's `x-role` may say.
const ROLES: [&str; 5] = ["public", "viewer", "clerk", "manager", "admin"];

/// The version that a document says it is of.
pub(super) fn version(document: &Value) -> &str {
    document["info"]["version"].as_str().unwrap_or("0.0.0")
}

/// Whether a new version may break what an old one promised (Semantic Versioning 2.0.0, sections 4 and 8).
pub(super) fn may_break(was: &str, is: &str) -> bool {
    let parts = |text: &str| -> (u64, u64) {
        let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    let (was, is) = (parts(was), parts(is));
    is.0 > was.0 || (was.0 == 0 && is.0 == 0 && is.1 > was.1)
}

/// What of `base` is not there any more, or asks for more, in `now`; a line each.
pub(super) fn changes(base: &Value, now: &Value) -> Vec<String> {
    let schemas = Schemas { base, now };
    let none = Map::new();
    let mut found = Vec::new();
    for (path, item) in base["paths"].as_object().unwrap_or(&none) {
        for (method, was) in item.as_object().unwrap_or(&none) {
            let name = format!("{} {path}", method.to_uppercase());
            match now["paths"].get(path).and_then(|item| item.get(method)) {
                Some(is) => operation(&schemas, &name, was, is, &mut found),
                None => found.push(format!("{name} is gone")),
            }
        }
    }
    found
}

fn operation<'a>(schemas: &Schemas<'a>, name: &str, was: &'a Value, is: &'a Value, found: &mut Vec<String>) {
    if was["operationId"] != is["operationId"] {
        // Programs that were made from the document call it by its id.
        found.push(format!(
            "{name}: its id was {} and is {}",
            was["operationId"], is["operationId"]
        ));
    }
    let rank = |operation: &Value| ROLES.iter().position(|role| operation["x-role"] == *role);
    if let (Some(had), Some(has)) = (rank(was), rank(is))
        && has > had
    {
        found.push(format!(
            "{name}: takes the role {}, {} was enough",
            ROLES[has], ROLES[had]
        ));
    }
    parameters(schemas, name, was, is, found);
    body(schemas, name, was, is, found);
    answers(schemas, name, was, is, found);
}

fn parameters<'a>(schemas: &Schemas<'a>, name: &str, was: &'a Value, is: &'a Value, found: &mut Vec<String>) {
    let all = |operation: &'a Value| operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let same = |a: &Value, b: &Value| a["name"] == b["name"] && a["in"] == b["in"];
    let called = |parameter: &Value| {
        format!(
            "{name}: {} {}",
            parameter["in"].as_str().unwrap_or_default(),
            parameter["name"].as_str().unwrap_or_default()
        )
    };
    for had in all(was) {
        match all(is).iter().find(|has| same(had, has)) {
            Some(has) => {
                if has["required"] == true && had["required"] != true {
                    found.push(format!("{} must be sent", called(had)));
                }
                found.extend(schemas.compare(Direction::Sent, &called(had), &had["schema"], &has["schema"]));
            }
            // Unknown ones are refused.
            None => found.push(format!("{} is gone", called(had))),
        }
    }
    for has in all(is) {
        if has["required"] == true && !all(was).iter().any(|had| same(had, has)) {
            found.push(format!("{} must be sent", called(has)));
        }
    }
}

fn body<'a>(schemas: &Schemas<'a>, name: &str, was: &'a Value, is: &'a Value, found: &mut Vec<String>) {
    let (had, has) = (&was["requestBody"], &is["requestBody"]);
    if has["required"] == true && had["required"] != true {
        found.push(format!("{name}: a body must be sent"));
    }
    media_types(schemas, Direction::Sent, &format!("{name}: body"), had, has, found);
}

fn answers<'a>(schemas: &Schemas<'a>, name: &str, was: &'a Value, is: &'a Value, found: &mut Vec<String>) {
    let none = Map::new();
    for (status, had) in was["responses"].as_object().unwrap_or(&none) {
        // An error that does not come any more harms nobody.
        if !status.starts_with(['2', '3']) {
            continue;
        }
        let at = format!("{name}: {status}");
        let Some(has) = is["responses"].get(status) else {
            found.push(format!("{at} is gone"));
            continue;
        };
        media_types(schemas, Direction::Answered, &at, had, has, found);
        for (header, _) in had["headers"].as_object().unwrap_or(&none) {
            if has["headers"].get(header).is_none() {
                found.push(format!("{at}: header {header} is gone"));
            }
        }
    }
}

fn media_types<'a>(
    schemas: &Schemas<'a>,
    direction: Direction,
    at: &str,
    had: &'a Value,
    has: &'a Value,
    found: &mut Vec<String>,
) {
    let none = Map::new();
    for (media_type, had) in had["content"].as_object().unwrap_or(&none) {
        let mut at = at.to_owned();
        if media_type != "application/json" {
            // Writing to a string cannot fail.
            let _ = write!(at, " ({media_type})");
        }
        match has["content"].get(media_type) {
            Some(has) => found.extend(schemas.compare(direction, &at, &had["schema"], &has["schema"])),
            None => found.push(format!("{at} is gone")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A document with one operation, which takes and answers things.
    fn document() -> Value {
        json!({
            "info": { "version": "1.4.0" },
            "paths": { "/things": { "post": {
                "operationId": "things_create",
                "x-role": "clerk",
                "parameters": [
                    { "name": "limit", "in": "query", "required": false, "schema": { "type": "integer", "minimum": 1, "maximum": 1000 } },
                ],
                "requestBody": { "required": false, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/New" } } } },
                "responses": {
                    "201": {
                        "headers": { "ETag": {} },
                        "content": {
                            "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } } },
                            "text/csv": {},
                        },
                    },
                    "409": { "content": {} },
                },
            } } },
            "components": { "schemas": {
                "New": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": { "type": "string", "maxLength": 50 },
                        "kind": { "type": "string", "enum": ["big", "small"] },
                        "count": { "type": "number" },
                    },
                },
                "Thing": {
                    "type": "object",
                    "required": ["id", "name"],
                    "properties": {
                        "id": { "type": "integer" },
                        "name": { "type": "string" },
                        "parent": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Thing" }] },
                        "status": { "type": "string", "enum": ["new", "old"] },
                    },
                },
            } },
        })
    }

    const OPERATION: &str = "/paths/~1things/post";
    const NEW: &str = "/components/schemas/New";
    const THING: &str = "/components/schemas/Thing";

    /// What breaks when the value at `pointer` is another one; none: when it is taken out.
    fn broken(pointer: &str, value: impl Into<Option<Value>>) -> Vec<String> {
        let mut now = document();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        match (now.pointer_mut(parent).unwrap(), value.into()) {
            (Value::Object(members), Some(value)) => drop(members.insert(name, value)),
            (Value::Object(members), None) => drop(members.remove(&name).unwrap()),
            (other, _) => panic!("{pointer}: {other}"),
        }
        changes(&document(), &now)
    }

    #[test]
    fn nothing_breaks_where_nothing_changes_or_only_more_is_there() {
        assert_eq!(changes(&document(), &document()), Vec::<String>::new());
        assert_eq!(changes(&json!({}), &document()), Vec::<String>::new());
        for (pointer, value) in [
            ("/paths/~1others", json!({ "get": {} })),
            (&format!("{NEW}/properties/colour"), json!({ "type": "string" })),
            (&format!("{NEW}/properties/kind/enum"), json!(["big", "small", "tiny"])),
            (&format!("{NEW}/properties/name/maxLength"), json!(51)),
            (&format!("{NEW}/required"), json!([])),
            (&format!("{THING}/properties/colour"), json!({ "type": "string" })),
            (
                &format!("{THING}/properties/status/enum"),
                json!(["new", "old", "gone"]),
            ),
            (&format!("{THING}/required"), json!(["id", "name", "status"])),
            (&format!("{OPERATION}/responses/202"), json!({})),
            (&format!("{OPERATION}/x-role"), json!("viewer")),
            (
                &format!("{OPERATION}/parameters"),
                json!([
                    { "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 0 } },
                    { "name": "sort", "in": "query", "schema": { "type": "string" } },
                ]),
            ),
        ] {
            assert_eq!(broken(pointer, value), Vec::<String>::new(), "{pointer}");
        }
        assert_eq!(
            broken(&format!("{OPERATION}/responses/409"), None),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_gone_breaks() {
        for (pointer, expected) in [
            ("/paths/~1things", "POST /things is gone"),
            (OPERATION, "POST /things is gone"),
            (&format!("{OPERATION}/parameters"), "POST /things: query limit is gone"),
            (&format!("{OPERATION}/responses/201"), "POST /things: 201 is gone"),
            (
                &format!("{OPERATION}/responses/201/headers/ETag"),
                "POST /things: 201: header ETag is gone",
            ),
            (
                &format!("{OPERATION}/responses/201/content/text~1csv"),
                "POST /things: 201 (text/csv) is gone",
            ),
            (&format!("{OPERATION}/requestBody"), "POST /things: body is gone"),
            (&format!("{NEW}/properties/count"), "POST /things: body/count is gone"),
            (&format!("{THING}/properties/name"), "POST /things: 201/-/name is gone"),
        ] {
            assert_eq!(broken(pointer, None), [expected], "{pointer}");
        }
    }

    #[test]
    fn what_is_asked_or_answered_otherwise_breaks() {
        for (pointer, value, expected) in [
            (
                format!("{OPERATION}/operationId"),
                json!("things_make"),
                "POST /things: its id was \"things_create\" and is \"things_make\"",
            ),
            (
                format!("{OPERATION}/x-role"),
                json!("manager"),
                "POST /things: takes the role manager, clerk was enough",
            ),
            (
                format!("{OPERATION}/requestBody/required"),
                json!(true),
                "POST /things: a body must be sent",
            ),
            (
                format!("{NEW}/required"),
                json!(["name", "kind"]),
                "POST /things: body/kind must be sent",
            ),
            (
                format!("{NEW}/properties/count/type"),
                json!("integer"),
                "POST /things: body/count was number and is integer",
            ),
            (
                format!("{NEW}/properties/kind/enum"),
                json!(["big"]),
                "POST /things: body/kind does not take \"small\" any more",
            ),
            (
                format!("{NEW}/properties/name/maxLength"),
                json!(49),
                "POST /things: body/name: maxLength was 50 and is 49",
            ),
            (
                format!("{NEW}/properties/name/pattern"),
                json!("^a"),
                "POST /things: body/name: pattern was null and is \"^a\"",
            ),
            (
                format!("{NEW}/additionalProperties"),
                json!(false),
                "POST /things: body/* is gone",
            ),
            (
                format!("{THING}/required"),
                json!(["id"]),
                "POST /things: 201/-/name need not come any more",
            ),
            (
                format!("{THING}/properties/id/type"),
                json!(["integer", "null"]),
                "POST /things: 201/-/id was integer and is integer, null",
            ),
            (
                format!("{THING}/properties/parent/oneOf"),
                json!([{ "type": "null" }, { "$ref": "#/components/schemas/Thing" }, { "type": "string" }]),
                "POST /things: 201/-/parent was null and is string",
            ),
        ] {
            assert_eq!(broken(&pointer, value), [expected], "{pointer}");
        }
        let must = json!([
            { "name": "limit", "in": "query", "required": true, "schema": { "type": "integer", "minimum": 2, "maximum": 1000 } },
            { "name": "key", "in": "header", "required": true, "schema": { "type": "string" } },
        ]);
        let expected = [
            "POST /things: query limit must be sent",
            "POST /things: query limit: minimum was 1 and is 2",
            "POST /things: header key must be sent",
        ];
        assert_eq!(broken(&format!("{OPERATION}/parameters"), must), expected);
    }

    #[test]
    fn a_schema_that_is_not_there_any_more_takes_its_members_with_it() {
        let found = broken("/components/schemas/Thing", None);
        assert!(
            found.contains(&"POST /things: 201/-/id is gone".to_owned()),
            "{found:?}"
        );
    }

    #[test]
    fn versions_that_may_break() {
        for (was, is, expected) in [
            ("1.4.0", "2.0.0", true),
            ("1.4.0", "1.5.0", false),
            ("0.1.0", "0.2.0", true),
            ("0.1.0", "0.1.1", false),
            ("0.9.0", "1.0.0", true),
            ("2.0.0", "1.0.0", false),
            ("1.0.0", "2.0.0-rc.1", true),
        ] {
            assert_eq!(may_break(was, is), expected, "{was} to {is}");
        }
    }
}
