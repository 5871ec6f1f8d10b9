//! Calls that lie beside an app, ready to be sent: `tests/examples/<function>/<name>.json` under its root.
//!
//! | trigger | content |
//! |---|---|
//! | HTTP | `{"method"?, "path"?, "headers"?, "body"?}` |
//! | a queue or topic | a message as `POST /_devhost/servicebus/{entity}` takes it, or a list of them |
//! | anything else | `{"input": "…"}` |
//!
//! `$uuid` in a text becomes a new UUID, the same one everywhere in the file, and `{"$repeat": TEXT, "times": N}` becomes
//! that text so many times.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use uuid::Uuid;

/// Where examples lie, under the app's root.
pub const FOLDER: &str = "tests/examples";
/// Most bytes that `$repeat` makes: more is a mistake, and would be memory.
const REPEATED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The names of a function's examples, sorted; `normal` first.
pub fn names(root: &Path, function: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder(root, function))
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort_by_key(|name| (name != "normal", name.clone()));
    names
}

/// One of them, filled. The error is for people.
pub fn read(root: &Path, function: &str, name: &str) -> Result<Value, String> {
    let known = names(root, function);
    if !known.iter().any(|known| known == name) {
        return Err(if known.is_empty() {
            format!("{function} has no examples ({})", folder(root, function).display())
        } else {
            format!("{function} has no example {name}; it has: {}", known.join(", "))
        });
    }
    from_file(&folder(root, function).join(format!("{name}.json")))
}

/// All of them by name, filled.
pub fn all(root: &Path, function: &str) -> Result<Vec<(String, Value)>, String> {
    let names = names(root, function);
    names
        .into_iter()
        .map(|name| read(root, function, &name).map(|content| (name, content)))
        .collect()
}

/// Any file of the kind.
pub fn from_file(path: &Path) -> Result<Value, String> {
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| said(&error))?;
    let content = serde_json::from_str(&text).map_err(|error| said(&error))?;
    fill(content, &Uuid::new_v4().to_string()).map_err(|error| said(&error))
}

fn folder(root: &Path, function: &str) -> PathBuf {
    root.join(FOLDER).join(function)
}

/// Puts values where an example leaves places for them.
fn fill(value: Value, uuid: &str) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(text.replace("$uuid", uuid)),
        Value::Array(values) => {
            let values: Result<Vec<_>, _> = values.into_iter().map(|value| fill(value, uuid)).collect();
            Value::Array(values?)
        }
        Value::Object(object) => match (object.get("$repeat"), object.get("times")) {
            (Some(Value::String(text)), Some(times)) if object.len() == 2 => {
                let times = times.as_u64().and_then(|times| usize::try_from(times).ok());
                let times = times
                    .filter(|times| times.saturating_mul(text.len()) <= REPEATED_BYTES_MAX)
                    .ok_or_else(|| format!("$repeat makes at most {REPEATED_BYTES_MAX} bytes"))?;
                Value::String(text.repeat(times))
            }
            _ => {
                let filled: Result<Map<_, _>, String> = object
                    .into_iter()
                    .map(|(name, value)| fill(value, uuid).map(|value| (name, value)))
                    .collect();
                Value::Object(filled?)
            }
        },
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use serde_json::json;

    #[test]
    fn places_are_filled() {
        let example = json!([{"body": {"$repeat": "ab", "times": 2}, "messageId": "m-$uuid", "n": 1}]);
        assert_eq!(
            fill(example, "U").unwrap(),
            json!([{"body": "abab", "messageId": "m-U", "n": 1}])
        );
        for times in [json!(u64::MAX), json!(-1), json!("2")] {
            assert!(fill(json!({"$repeat": "ab", "times": times}), "U").is_err());
        }
    }

    #[test]
    fn what_is_not_there_or_no_json_is_named() {
        let root = TempDir::new();
        assert!(
            read(root.path(), "tick", "normal")
                .unwrap_err()
                .contains("has no examples")
        );
        let folder = folder(root.path(), "tick");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("a", "{"), ("normal", "{}"), ("b", "[]")] {
            std::fs::write(folder.join(format!("{name}.json")), text).unwrap();
        }
        assert_eq!(names(root.path(), "tick"), ["normal", "a", "b"]);
        assert_eq!(read(root.path(), "tick", "normal").unwrap(), json!({}));
        assert!(read(root.path(), "tick", "a").unwrap_err().contains("a.json"));
        assert_eq!(
            read(root.path(), "tick", "../x").unwrap_err(),
            "tick has no example ../x; it has: normal, a, b"
        );
    }
}
