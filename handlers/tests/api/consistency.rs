//! The table, the functions' folders, their triggers, the router and the API document are one thing said five times.

use crate::client::Api;
use axum::body::Body;
use http::Method;
use inventory_handlers::{CODES, OPERATIONS, Operation, Role, Trigger, openapi_document};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn http(operation: &Operation) -> Option<(&'static [&'static str], &'static str)> {
    match operation.trigger {
        Trigger::Http { methods, route } => Some((methods, route)),
        _ => None,
    }
}

/// The route without constraints, as the router and the document have it.
fn plain(route: &str) -> String {
    route.replace(":long}", "}").replace(":guid}", "}")
}

/// The document's id of an operation's method.
fn operation_id(operation: &Operation, index: usize, method: &str) -> String {
    if index == 0 {
        operation.name.to_owned()
    } else {
        format!("{}_{}", operation.name, method.to_lowercase())
    }
}

#[test]
fn names_say_where_the_code_is() {
    let mut files = BTreeSet::new();
    for operation in OPERATIONS {
        assert!(
            operation.name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{}",
            operation.name
        );
        let file = format!("{}/{}.rs", operation.resource(), operation.verb());
        let path = root().join("handlers/src").join(&file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(
            text.starts_with(&format!("//! `{}`", operation.name)),
            "{file} says another name"
        );
        assert!(!operation.summary.is_empty());
        assert!(files.insert(file), "{} twice", operation.name);
    }
    // And no file of a resource is left without a function.
    let resources: BTreeSet<_> = OPERATIONS.iter().map(Operation::resource).collect();
    for resource in resources {
        for entry in std::fs::read_dir(root().join("handlers/src").join(resource)).unwrap() {
            let file = format!("{resource}/{}", entry.unwrap().file_name().to_str().unwrap());
            assert!(files.contains(&file), "{file} belongs to no function");
        }
    }
}

#[test]
fn every_function_has_its_folder_with_its_trigger() {
    let folders: BTreeSet<_> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name.to_owned()).collect();
    assert_eq!(folders, names);

    for operation in OPERATIONS {
        let found = read_json(&root().join("functions").join(operation.name).join("function.json"));
        let expected = match operation.trigger {
            Trigger::Http { methods, route } => {
                let mut methods: Vec<_> = methods.iter().map(|method| method.to_lowercase()).collect();
                if methods == ["get"] {
                    methods.push("head".to_owned());
                }
                // The host forwards requests only to functions with exactly these two bindings.
                json!([
                    { "type": "httpTrigger", "direction": "in", "name": "request", "authLevel": "anonymous",
                      "methods": methods, "route": route.strip_prefix('/').unwrap() },
                    { "type": "http", "direction": "out", "name": "response" },
                ])
            }
            Trigger::Queue(queue) => json!([
                { "type": "serviceBusTrigger", "direction": "in", "name": "messages", "queueName": queue,
                  "connection": "ServiceBusConnection", "cardinality": "many", "dataType": "string" },
            ]),
            Trigger::Timer(schedule) => json!([
                { "type": "timerTrigger", "direction": "in", "name": "timer", "schedule": schedule, "runOnStartup": false },
            ]),
        };
        assert_eq!(found, json!({ "bindings": expected }), "{}", operation.name);
    }
}

/// A part of a path: text, or a parameter with its constraint.
fn parts(route: &str) -> Vec<(Option<&str>, &str)> {
    route
        .split('/')
        .skip(1)
        .map(
            |part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(parameter) => (None, parameter.split_once(':').map_or("", |(_, constraint)| constraint)),
                None => (Some(part), ""),
            },
        )
        .collect()
}

/// Whether some text fits both parts.
fn overlap(a: (Option<&str>, &str), b: (Option<&str>, &str)) -> bool {
    let fits = |text: &str, constraint: &str| match constraint {
        "long" => text.parse::<i64>().is_ok(),
        "guid" => uuid::Uuid::try_parse(text).is_ok(),
        _ => true,
    };
    match (a, b) {
        ((Some(a), _), (Some(b), _)) => a.eq_ignore_ascii_case(b),
        ((Some(text), _), (None, constraint)) | ((None, constraint), (Some(text), _)) => fits(text, constraint),
        // The shortest GUID has 32 digits, the longest 64-bit number 19.
        ((None, a), (None, b)) => a == b || a.is_empty() || b.is_empty(),
    }
}

#[test]
fn no_path_belongs_to_two_functions() {
    let all: Vec<_> = OPERATIONS
        .iter()
        .filter_map(|operation| Some((operation, http(operation)?)))
        .collect();
    for (index, (a, (a_methods, a_route))) in all.iter().enumerate() {
        for (b, (b_methods, b_route)) in &all[index + 1..] {
            let (a_parts, b_parts) = (parts(a_route), parts(b_route));
            let share_a_method = a_methods.iter().any(|method| b_methods.contains(method));
            let share_a_path =
                a_parts.len() == b_parts.len() && a_parts.iter().zip(&b_parts).all(|(a, b)| overlap(*a, *b));
            assert!(!(share_a_method && share_a_path), "{} and {}", a.name, b.name);
        }
        // The host sends invocations to these paths; a route there would open them to the world.
        for other in OPERATIONS {
            assert_ne!(*a_route, format!("/{}", other.name), "{}", a.name);
        }
        assert!(
            !a_route.contains('*'),
            "{}: a catch-all reaches the invocations' paths",
            a.name
        );
    }
}

#[tokio::test]
async fn the_router_has_every_function() {
    let api = Api::new().await;
    let mut expected: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for operation in OPERATIONS {
        match http(operation) {
            Some((methods, route)) => {
                let allowed = expected.entry(plain(route)).or_default();
                allowed.extend(methods);
                if methods.contains(&"GET") {
                    allowed.insert("HEAD");
                }
            }
            None => drop(expected.insert(format!("/{}", operation.name), BTreeSet::from(["POST"]))),
        }
    }
    for (path, methods) in expected {
        // TRACE is nobody's: the answer lists what is there.
        let concrete = path.replace("{id}", "1").replace("{file}", "x").replace("{code}", "x");
        let answer = api.send(Method::TRACE, &concrete, &[], Body::empty()).await;
        let answer = answer.problem(405, "method_not_allowed");
        let allowed: BTreeSet<_> = answer.header("allow").unwrap().split(',').collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[test]
fn the_document_has_every_http_function_and_no_other() {
    let document = serde_json::to_value(openapi_document()).unwrap();
    let mut expected = BTreeMap::new();
    for operation in OPERATIONS {
        let Some((methods, route)) = http(operation) else {
            continue;
        };
        for (index, method) in methods.iter().enumerate() {
            expected.insert(
                (plain(route), method.to_lowercase()),
                operation_id(operation, index, method),
            );
        }
    }
    let mut found = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            found.insert((path.clone(), method.clone()), id);
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn every_operation_is_described_with_examples_and_problems() {
    let document = serde_json::to_value(openapi_document()).unwrap();
    let conflicts: BTreeSet<_> = inventory_domain::Conflict::ALL
        .iter()
        .map(|conflict| conflict.as_str())
        .collect();
    let known: BTreeSet<_> = CODES
        .iter()
        .map(|code| code.word)
        .chain(conflicts.iter().copied())
        .collect();
    let mut documented = BTreeSet::new();
    for operation in OPERATIONS {
        let Some((methods, route)) = http(operation) else {
            continue;
        };
        for method in methods {
            let described = &document["paths"][plain(route)][method.to_lowercase()];
            let name = format!("{method} {}", operation.name);
            for text in ["summary", "description"] {
                assert!(
                    described[text].as_str().is_some_and(|text| !text.is_empty()),
                    "{name}: {text}"
                );
            }
            assert_eq!(described["tags"], json!([operation.resource()]), "{name}");
            assert_eq!(described["x-role"], operation.role.as_str(), "{name}");
            let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in &parameters {
                assert!(!parameter["example"].is_null(), "{name}: {parameter}");
            }
            let has = |wanted: &str| parameters.iter().any(|parameter| parameter["name"] == wanted);
            // OAuth has forms and errors of its own.
            let is_oauth = operation.resource() == "token" && *method == "POST";
            // Messages of others have ids of their own.
            let is_message = operation.name == "payments_webhook";
            assert_eq!(
                has("Idempotency-Key"),
                *method == "POST" && !is_oauth && !is_message,
                "{name}"
            );
            assert_eq!(has("id"), route.contains("{id"), "{name}");
            if let Some(body) = described.get("requestBody") {
                let media_type = match operation.name {
                    "imports_create" => "text/csv",
                    _ if is_oauth => "application/x-www-form-urlencoded",
                    _ => "application/json",
                };
                let json = &body["content"][media_type];
                assert!(!json["example"].is_null() && !json["schema"].is_null(), "{name}");
            }
            let responses = described["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{name}");
            assert!(responses.contains_key("500"), "{name}");
            for (status, response) in responses {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
                for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                    if media_type != "application/problem+json" {
                        assert!(!content["example"].is_null(), "{name} {status} has no example");
                        continue;
                    }
                    for (code, example) in content["examples"].as_object().unwrap() {
                        assert!(known.contains(code.as_str()), "{name} {status}: {code}");
                        assert_eq!(&example["value"]["status"].to_string(), status, "{name} {code}");
                        assert_eq!(&example["value"]["code"], code, "{name}");
                        documented.insert(code.clone());
                    }
                }
                if is_oauth && ["400", "401", "429"].contains(&status.as_str()) {
                    let example = &response["content"]["application/json"]["example"];
                    assert!(example["error"].is_string(), "{name} {status}");
                } else if status.starts_with('4') || status == "500" {
                    assert!(
                        response["content"]["application/problem+json"].is_object(),
                        "{name} {status}"
                    );
                }
            }
        }
    }
    // What no HTTP function can answer is only seen by the host, or before a function is found.
    let elsewhere = [
        "host_only",
        "malformed_envelope",
        "method_not_allowed",
        "incomplete_body",
        "order_id_taken",
    ];
    for code in known {
        assert!(documented.contains(code) != elsewhere.contains(&code), "{code}");
    }
}

/// What of `value` is not as `schema` says, as far as our document uses JSON Schema.
pub fn violations(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = document.pointer(target.strip_prefix('#').unwrap()).unwrap();
        return violations(document, target, value);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices
            .iter()
            .filter(|choice| violations(document, choice, value).is_empty());
        return if fitting.count() == 1 {
            Vec::new()
        } else {
            vec![format!("{value} fits not one of {choices:?}")]
        };
    }
    let mut found = Vec::new();
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_of = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    if !types.is_empty() && !types.iter().any(is_of) {
        found.push(format!("{value} is not {types:?}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{value} is not one of {words:?}"));
    }
    if let Some(members) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !members.contains_key(name) {
                found.push(format!("{name} is missing"));
            }
        }
        for (name, member) in members {
            match schema["properties"].get(name) {
                Some(schema) => found.extend(violations(document, schema, member)),
                None if types.is_empty() => {}
                None => found.push(format!("{name} is not in the schema")),
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(violations(document, &schema["items"], item));
    }
    found
}

#[test]
fn every_example_is_as_its_schema_says() {
    let document = serde_json::to_value(openapi_document()).unwrap();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap().values();
            let contents = answers
                .chain(operation.get("requestBody"))
                .filter_map(|part| part["content"].as_object());
            for content in contents.flat_map(|content| content.values()) {
                let several = content["examples"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(_, example)| &example["value"]);
                for example in several.chain(content.get("example")) {
                    let found = violations(&document, &content["schema"], example);
                    assert!(found.is_empty(), "{method} {path}: {found:?}");
                    checked += 1;
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let found = violations(&document, &parameter["schema"], &parameter["example"]);
                assert!(found.is_empty(), "{method} {path}: {found:?}");
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(target) if name == "$ref" => drop(found.insert(target)),
                        _ => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = serde_json::to_value(openapi_document()).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for target in found {
        assert!(
            document.pointer(target.strip_prefix('#').unwrap()).is_some(),
            "{target}"
        );
    }
}

#[tokio::test]
async fn documented_parameters_are_those_that_are_taken() {
    let api = Api::new().await;
    let document = serde_json::to_value(openapi_document()).unwrap();
    for operation in OPERATIONS {
        let Some((methods, route)) = http(operation) else {
            continue;
        };
        if methods != ["GET"] || !route.starts_with("/api/") {
            continue;
        }
        let path = plain(route);
        let concrete = path.replace(
            "{id}",
            if route.contains(":guid") {
                "00000000-0000-0000-0000-000000000000"
            } else {
                "1"
            },
        );
        let parameters = document["paths"][&path]["get"]["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let pair = |parameter: &Value| {
            let example = match &parameter["example"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("{}={example}", parameter["name"].as_str().unwrap())
        };
        let in_query = || parameters.iter().filter(|parameter| parameter["in"] == "query");
        let mut needed = String::new();
        for parameter in in_query().filter(|parameter| parameter["required"] == true) {
            needed += "&";
            needed += &pair(parameter);
        }
        for parameter in in_query() {
            let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
            let query = if parameter["required"] == true {
                needed[1..].to_owned()
            } else {
                format!("{}{needed}", pair(parameter))
            };
            let answer = api.get(&format!("{concrete}?{query}")).await;
            assert_ne!(
                answer.status,
                422,
                "{}: {name}={example}: {}",
                operation.name,
                answer.body()
            );
        }
        let answer = api
            .get(&format!("{concrete}?not_a_parameter=1{needed}"))
            .await
            .problem(422, "invalid");
        assert_eq!(answer.pointers(), ["not_a_parameter"], "{}", operation.name);
    }
}

#[test]
fn roles_are_as_wide_as_they_should_be() {
    for operation in OPERATIONS {
        let expected = match (operation.resource(), http(operation)) {
            // Some of them say how the business goes.
            ("system", _) if operation.name == "system_metrics" => Role::Viewer,
            ("system" | "docs" | "payments" | "token", _) => Role::Public,
            (_, None) | ("audit" | "clients" | "customers" | "keys" | "parked" | "users", _) => Role::Admin,
            // What they hold goes out of the house, or changes the whole catalogue.
            ("channels" | "exports" | "imports" | "webhooks", _) => Role::Manager,
            (_, Some((methods, _))) if methods == ["GET"] => Role::Viewer,
            ("inventory" | "orders" | "reservations" | "returns" | "transfers", _) => Role::Clerk,
            // Done with the goods in one's hands.
            _ if matches!(operation.name, "purchases_receive" | "counts_record") => Role::Clerk,
            _ => Role::Manager,
        };
        assert_eq!(operation.role, expected, "{}", operation.name);
    }
}

#[test]
fn the_host_is_set_up_for_the_table() {
    let host = read_json(&root().join("host.json"));
    assert_eq!(host["version"], "2.0");
    assert_eq!(
        host["extensions"]["http"]["routePrefix"], "",
        "the table's routes are whole paths"
    );
    assert_eq!(
        host["customHandler"]["description"]["defaultExecutablePath"],
        "inventory-handler"
    );
    // Only the proxy marks requests from outside so that invocations can be told from them.
    assert_eq!(host["customHandler"]["enableProxyingHttpRequest"], true);
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
}
