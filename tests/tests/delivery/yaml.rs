//! YAML files, as JSON values.

use inventory_tests::running::root;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The documents of a text.
pub(crate) fn parse(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The only document of the file at this path from the root.
pub(crate) fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files under a folder whose names end so, by their paths from the root.
pub(crate) fn files_under(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().unwrap_or_default() == extension {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Every mapping in a document, outer ones first.
pub(crate) fn mappings(document: &Value) -> Vec<&serde_json::Map<String, Value>> {
    match document {
        Value::Object(map) => std::iter::once(map).chain(map.values().flat_map(mappings)).collect(),
        Value::Array(items) => items.iter().flat_map(mappings).collect(),
        _ => Vec::new(),
    }
}
