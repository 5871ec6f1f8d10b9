//! `local.settings.json`: made from the example where it is not there, read where it is.

use crate::failure::{Context as _, Result};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

const FILE: &str = "local.settings.json";
const EXAMPLE: &str = "local.settings.json.example";

/// Makes the file from the example; says whether it had to.
pub(crate) fn make(root: &Path) -> Result<bool> {
    let example = fs::read(root.join(EXAMPLE)).context(EXAMPLE)?;
    match OpenOptions::new().write(true).create_new(true).open(root.join(FILE)) {
        Ok(mut file) => {
            file.write_all(&example).context(FILE)?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).context(FILE),
    }
}

/// A setting of the file, where it has one.
pub(crate) fn read(root: &Path, name: &str) -> Result<Option<String>> {
    let text = fs::read_to_string(root.join(FILE)).context(FILE)?;
    let file: Value = serde_json::from_str(&text).context(FILE)?;
    let value = file["Values"][name].as_str();
    Ok(value.filter(|value| !value.is_empty()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_never_overwritten() {
        let root = std::env::temp_dir().join(format!("inventory-settings-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join(EXAMPLE), r#"{"Values": {"A": "1", "B": ""}}"#).unwrap();
        assert!(make(&root).unwrap());
        assert_eq!(read(&root, "A").unwrap().as_deref(), Some("1"));
        assert_eq!(read(&root, "B").unwrap(), None);
        fs::write(root.join(FILE), r#"{"Values": {"A": "2"}}"#).unwrap();
        assert!(!make(&root).unwrap());
        assert_eq!(read(&root, "A").unwrap().as_deref(), Some("2"));
        fs::remove_dir_all(&root).unwrap();
    }
}
