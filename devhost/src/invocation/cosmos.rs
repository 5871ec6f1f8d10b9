//! Cosmos DB outputs: documents in files.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::config::Binding;

/// What Cosmos DB takes of one document.
const LARGEST_DOCUMENT: usize = 2 * 1024 * 1024;
const LONGEST_ID: usize = 1_023;
const LONGEST_NAME: usize = 255;

/// The files `<folder>/<database>/<container>.jsonl`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CosmosFiles(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    /// The keys of the documents that each file has by now.
    known: Mutex<HashMap<PathBuf, HashSet<String>>>,
}

/// Where a binding writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosmosTarget {
    database: String,
    container: String,
    /// The path of the partition key, where the binding names it: documents of the same id with another key are others.
    partition_key: Option<String>,
}

impl CosmosTarget {
    /// What a `cosmosDB` output says.
    pub fn of(binding: &Binding) -> Result<Self, String> {
        let named = |key: &str| -> Result<String, String> {
            let name = binding
                .text(key)?
                .filter(|name| !name.is_empty())
                .ok_or_else(|| format!("the cosmosDB output '{}' has no \"{key}\"", binding.name))?;
            let is_valid = name.len() <= LONGEST_NAME
                && !name.contains(['/', '\\', '?', '#'])
                && !name.contains(char::is_control)
                && !matches!(name.as_str(), "." | "..");
            if is_valid {
                Ok(name)
            } else {
                Err(format!(
                    "{key} \"{name}\" of the cosmosDB output '{}' is not valid: at most {LONGEST_NAME} characters, none of \
                     / \\ ? #",
                    binding.name
                ))
            }
        };
        Ok(Self {
            database: named("databaseName")?,
            container: named("containerName")?,
            partition_key: binding.text("partitionKey")?.filter(|path| !path.is_empty()),
        })
    }
}

impl CosmosFiles {
    /// Files under `folder`, which is made when the first document comes.
    pub fn new(folder: PathBuf) -> Self {
        Self(Arc::new(Inner {
            folder,
            known: Mutex::default(),
        }))
    }

    /// Appends `documents`, one line each, all or none. A line is the document as it came with `_ts` (seconds) and
    /// `_operation`: `create`, or `replace` where one of its id was there; the last line of an id is what counts.
    pub fn upsert(&self, target: &CosmosTarget, documents: Vec<Value>) -> Result<(), String> {
        let path = self
            .0
            .folder
            .join(&target.database)
            .join(format!("{}.jsonl", target.container));
        let said = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(&path) {
            known.insert(path.clone(), read_keys(&path, target).map_err(said)?);
        }
        let keys = known.entry(path.clone()).or_default();
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let mut lines = Vec::new();
        let mut new = HashSet::new();
        for document in documents {
            let mut document = checked(document)?;
            let key = key(&document, target);
            let is_known = keys.contains(&key) || !new.insert(key);
            document.insert("_ts".to_owned(), json!(now));
            document.insert(
                "_operation".to_owned(),
                json!(if is_known { "replace" } else { "create" }),
            );
            serde_json::to_writer(&mut lines, &document).map_err(|error| error.to_string())?;
            lines.push(b'\n');
        }
        append(&path, &lines).map_err(said)?;
        keys.extend(new);
        Ok(())
    }
}

/// A document that Cosmos DB would take.
fn checked(document: Value) -> Result<Map<String, Value>, String> {
    let document = match document {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    };
    let Value::Object(document) = document else {
        return Err("a Cosmos DB document must be a JSON object".to_owned());
    };
    let Some(Value::String(id)) = document.get("id") else {
        return Err("Cosmos DB refuses a document without a text \"id\" (400 BadRequest)".to_owned());
    };
    if id.is_empty() || id.len() > LONGEST_ID || id.contains(['/', '\\']) {
        return Err(format!(
            "Cosmos DB refuses the id \"{}\": 1 to {LONGEST_ID} bytes without / and \\",
            id.chars().take(80).collect::<String>()
        ));
    }
    let size = serde_json::to_string(&document).map_or(usize::MAX, |text| text.len());
    if size > LARGEST_DOCUMENT {
        return Err(format!(
            "Cosmos DB refuses a document of {size} bytes: {LARGEST_DOCUMENT} at most (413)"
        ));
    }
    Ok(document)
}

/// What tells one document from another: its id and, where its path is known, its partition key.
fn key(document: &Map<String, Value>, target: &CosmosTarget) -> String {
    let partition = target.partition_key.as_deref().and_then(|path| {
        path.split('/')
            .filter(|part| !part.is_empty())
            .try_fold(None, |at: Option<&Value>, part| {
                at.map_or_else(|| document.get(part), |value| value.get(part)).map(Some)
            })
            .flatten()
    });
    json!([document.get("id"), partition]).to_string()
}

fn read_keys(path: &Path, target: &CosmosTarget) -> std::io::Result<HashSet<String>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(error) => return Err(error),
    };
    let mut keys = HashSet::new();
    for line in BufReader::new(file).lines() {
        // A line that somebody broke by hand is nobody's document.
        if let Ok(document) = serde_json::from_str::<Map<String, Value>>(&line?) {
            keys.insert(key(&document, target));
        }
    }
    Ok(keys)
}

/// What was written is on the disk afterwards. A line that a killed host left half is ended first.
fn append(path: &Path, lines: &[u8]) -> std::io::Result<()> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut all = Vec::with_capacity(lines.len() + 1);
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            all.push(b'\n');
        }
    }
    all.extend_from_slice(lines);
    file.write_all(&all)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn target(partition_key: Option<&str>) -> CosmosTarget {
        CosmosTarget {
            database: "shop".to_owned(),
            container: "events".to_owned(),
            partition_key: partition_key.map(str::to_owned),
        }
    }

    fn lines(folder: &TempDir) -> Vec<Value> {
        let text = std::fs::read_to_string(folder.path().join("shop/events.jsonl")).unwrap();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn operations(folder: &TempDir) -> Vec<Value> {
        lines(folder).iter().map(|line| line["_operation"].clone()).collect()
    }

    #[test]
    fn an_id_that_was_there_is_replaced_over_restarts() {
        let folder = TempDir::new();
        let files = CosmosFiles::new(folder.path().to_path_buf());
        files
            .upsert(&target(None), vec![json!({"id": "a", "n": 1}), json!("{\"id\":\"b\"}")])
            .unwrap();
        files.upsert(&target(None), vec![json!({"id": "a", "n": 2})]).unwrap();
        let again = CosmosFiles::new(folder.path().to_path_buf());
        again
            .upsert(
                &target(None),
                vec![json!({"id": "b"}), json!({"id": "c"}), json!({"id": "c"})],
            )
            .unwrap();
        assert_eq!(
            operations(&folder),
            ["create", "create", "replace", "replace", "create", "replace"]
        );
        assert_eq!(lines(&folder)[2]["n"], 2);
    }

    #[test]
    fn another_partition_is_another_document() {
        let folder = TempDir::new();
        let files = CosmosFiles::new(folder.path().to_path_buf());
        let of = |customer: &str| json!({"id": "a", "order": {"customer": customer}});
        files
            .upsert(&target(Some("/order/customer")), vec![of("x"), of("y"), of("x")])
            .unwrap();
        assert_eq!(operations(&folder), ["create", "create", "replace"]);
    }

    #[test]
    fn one_bad_document_and_none_is_written() {
        let folder = TempDir::new();
        let files = CosmosFiles::new(folder.path().to_path_buf());
        for bad in [
            json!({"n": 1}),
            json!({"id": 5}),
            json!({"id": ""}),
            json!({"id": "a/b"}),
            json!("text"),
            json!([1]),
            json!({"id": "a", "text": "x".repeat(LARGEST_DOCUMENT)}),
        ] {
            assert!(files.upsert(&target(None), vec![json!({"id": "good"}), bad]).is_err());
        }
        assert!(!folder.path().join("shop").exists());
        files.upsert(&target(None), vec![json!({"id": "good"})]).unwrap();
        assert_eq!(operations(&folder), ["create"]);
    }

    #[test]
    fn half_a_line_of_a_killed_host_spoils_nothing() {
        let folder = TempDir::new();
        std::fs::create_dir_all(folder.path().join("shop")).unwrap();
        std::fs::write(folder.path().join("shop/events.jsonl"), "{\"id\": \"a\"}\n{\"id\": \"b").unwrap();
        let files = CosmosFiles::new(folder.path().to_path_buf());
        files
            .upsert(&target(None), vec![json!({"id": "a"}), json!({"id": "b"})])
            .unwrap();
        let written: Vec<_> = lines(&folder).split_off(1);
        assert_eq!(written.len(), 2);
        assert_eq!(
            (&written[0]["_operation"], &written[1]["_operation"]),
            (&json!("replace"), &json!("create"))
        );
    }

    #[test]
    fn names_stay_in_their_folder() {
        for (database, is_valid) in [
            ("shop", true),
            ("..", false),
            ("a/b", false),
            ("", false),
            ("a\u{0}", false),
        ] {
            let json = json!({"bindings": [{"type": "httpTrigger", "name": "req"},
                {"type": "cosmosDB", "direction": "out", "name": "out", "databaseName": database, "containerName": "c"}]});
            let function =
                crate::config::parse_function("fn", Path::new("."), &json, &crate::config::Settings::default())
                    .unwrap();
            assert_eq!(
                CosmosTarget::of(&function.bindings[1]).is_ok(),
                is_valid,
                "{database:?}"
            );
        }
    }
}
