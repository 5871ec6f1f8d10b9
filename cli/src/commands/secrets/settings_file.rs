//! Values of a `local.settings.json`, changed in place.

use crate::failure::Failure;
use inventory_app::secrets::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::{RawValue, to_raw_value};
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// A larger one is not a settings file.
const FILE_BYTES_MAX: u64 = 1 << 20;
const VALUES: &str = "Values";

/// The members of a JSON object, each as it was written and where it was.
#[derive(Debug, Default)]
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| &**value)
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(member) => member.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Puts these values into the file: all of them or none. Gives the names of those that were others before.
pub(super) fn write(file: &Path, values: &[(String, SecretString)]) -> Result<Vec<String>, Failure> {
    let wrong = |what: String| Failure::Input(format!("{}: {what}", file.display()));
    let metadata = fs::metadata(file).map_err(|error| wrong(error.to_string()))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(wrong("too large for settings".to_owned()));
    }
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    // What it says of a wrong text may quote it, and secrets with it.
    let parsed = |text: &str| {
        serde_json::from_str::<Members>(text).map_err(|error| {
            wrong(format!(
                "not a JSON object (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    };
    let mut settings = parsed(text.trim_start_matches('\u{feff}'))?;
    let mut members = settings
        .get(VALUES)
        .map_or_else(|| Ok(Members::default()), |values| parsed(values.get()))?;
    let mut changed = Vec::new();
    for (name, value) in values {
        let value = raw(value.expose_secret())?;
        if members.get(name).is_none_or(|known| known.get() != value.get()) {
            members.set(name, value);
            changed.push(name.clone());
        }
    }
    if !changed.is_empty() {
        // As it is indented within the whole.
        let values = serde_json::to_string_pretty(&members)
            .map_err(internal)?
            .replace('\n', "\n  ");
        settings.set(VALUES, RawValue::from_string(values).map_err(internal)?);
    }
    let text = serde_json::to_string_pretty(&settings).map_err(internal)?;
    replace(file, &text).map_err(|error| Failure::Unavailable(format!("{}: {error}", file.display())))?;
    Ok(changed)
}

fn raw(text: &str) -> Result<Box<RawValue>, Failure> {
    to_raw_value(text).map_err(internal)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn internal(error: serde_json::Error) -> Failure {
    Failure::Internal(error.to_string())
}

/// Replaces the file as a whole, for its owner's eyes only.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let partial = file.with_extension(format!("{}.partial", uuid::Uuid::now_v7()));
    let written = || {
        let mut new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial)?;
        new.set_permissions(fs::Permissions::from_mode(0o600))?;
        new.write_all(text.as_bytes())?;
        new.write_all(b"\n")?;
        new.sync_all()?;
        fs::rename(&partial, file)
    };
    written().inspect_err(|_| drop(fs::remove_file(&partial)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, values: &[(&str, &str)]) -> Result<(String, Vec<String>), Failure> {
        let directory = crate::backup::Directory::new().unwrap();
        let file = directory.path().join("local.settings.json");
        fs::write(&file, text).unwrap();
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), SecretString::from(*value)))
            .collect();
        let changed = write(&file, &values)?;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        Ok((fs::read_to_string(&file).unwrap(), changed))
    }

    #[test]
    fn other_values_stay_as_and_where_they_are() {
        let text = "{\n  \"IsEncrypted\": false,\n  \"Values\": {\n    \"B\": \"1\",\n    \"REDIS_URL\": \"redis://old\",\n    \"A\": \"2\"\n  },\n  \"Host\": {}\n}\n";
        let (after, changed) = written(text, &[("REDIS_URL", "redis://new"), ("JWT_KEYS", "line\nbreak")]).unwrap();
        assert_eq!(changed, ["REDIS_URL", "JWT_KEYS"]);
        let expected = text
            .replace("redis://old", "redis://new")
            .replace("\"A\": \"2\"", "\"A\": \"2\",\n    \"JWT_KEYS\": \"line\\nbreak\"");
        assert_eq!(after, expected);
        let (same, changed) = written(&after, &[("REDIS_URL", "redis://new")]).unwrap();
        assert_eq!((same.as_str(), changed.len()), (after.as_str(), 0));
    }

    #[test]
    fn what_is_no_settings_file_is_not_touched_nor_shown() {
        for text in ["", "[]", "{\"Values\": [\"hunter2\"]}", "hunter2"] {
            let Err(Failure::Input(why)) = written(text, &[("A", "b")]) else {
                panic!("{text}");
            };
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
