//! The keys, in one file that only its owner may read.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::config::AuthLevel;

const KEY_BYTES: usize = 40;
/// The name of the key that every function and the host itself have from the start.
const DEFAULT: &str = "default";
/// The name of the one key that may do everything.
pub(crate) const MASTER: &str = "_master";

/// Whose keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope<'a> {
    /// Those good for every function.
    Host,
    /// Those of extensions.
    System,
    /// Those of one function.
    Function(&'a str),
}

/// All keys. Cheap to clone; says nothing of itself to `Debug`.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    path: PathBuf,
    required: bool,
    stored: Mutex<Stored>,
}

type Named = BTreeMap<String, String>;

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    master_key: String,
    function_keys: Named,
    system_keys: Named,
    /// By the functions' names in lower case.
    functions: BTreeMap<String, Named>,
    /// Whether the file has them.
    #[serde(skip)]
    is_saved: bool,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("required", &self.0.required)
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads the file; where there is none, new keys are made, which are written once somebody needs them: at once where
    /// callers are asked for keys (`required`).
    pub fn open(path: &Path, required: bool) -> std::io::Result<Self> {
        let stored = match std::fs::read(path) {
            Ok(bytes) => Stored {
                is_saved: true,
                ..serde_json::from_slice(&bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error))?
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Stored {
                master_key: new_key()?,
                function_keys: Named::from([(DEFAULT.to_owned(), new_key()?)]),
                system_keys: Named::new(),
                functions: BTreeMap::new(),
                is_saved: false,
            },
            Err(error) => return Err(error),
        };
        Ok(Self(Arc::new(Inner {
            path: path.to_path_buf(),
            required,
            stored: Mutex::new(stored),
        })))
    }

    /// Whether callers are asked for keys.
    pub fn are_required(&self) -> bool {
        self.0.required
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Writes new keys; the master key and the host's default key where they were not in the file before, to be told once.
    pub fn settle(&self) -> std::io::Result<Option<(String, String)>> {
        let mut new = None;
        self.change(|stored| {
            if !stored.is_saved {
                let default = stored.function_keys.get(DEFAULT).cloned().unwrap_or_default();
                new = Some((stored.master_key.clone(), default));
            }
            Ok(())
        })?;
        Ok(new)
    }

    /// What `key` is good for at `function`, or at the host itself, and its name.
    pub fn find(&self, key: &str, function: Option<&str>) -> Option<(AuthLevel, String)> {
        let stored = self.0.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if same(key, &stored.master_key) {
            return Some((AuthLevel::Admin, "master".to_owned()));
        }
        let named = |keys: &Named| {
            keys.iter()
                .find(|(_, known)| same(key, known))
                .map(|(name, _)| name.clone())
        };
        if let Some(name) = named(&stored.system_keys) {
            return Some((AuthLevel::System, name));
        }
        let own = function.and_then(|function| stored.functions.get(&function.to_ascii_lowercase()));
        own.and_then(named)
            .or_else(|| named(&stored.function_keys))
            .map(|name| (AuthLevel::Function, name))
    }

    /// Every key of `scope` by name. A function's default key is made when it is first asked for.
    pub fn list(&self, scope: KeyScope<'_>) -> std::io::Result<Vec<(String, String)>> {
        self.change(|stored| {
            if let KeyScope::Function(_) = scope {
                let keys = stored.keys(scope);
                if keys.is_empty() {
                    keys.insert(DEFAULT.to_owned(), new_key()?);
                }
            }
            Ok(stored.keys(scope).clone().into_iter().collect())
        })
    }

    /// One key, in any case of its name; the master key is there under every scope of the host.
    pub fn get(&self, scope: KeyScope<'_>, name: &str) -> std::io::Result<Option<String>> {
        if is_master(scope, name) {
            return self.change(|stored| Ok(Some(stored.master_key.clone())));
        }
        let keys = self.list(scope)?;
        Ok(keys
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value))
    }

    /// Sets a key, to a new value where none is given. The value, and whether the key is new.
    pub fn set(&self, scope: KeyScope<'_>, name: &str, value: Option<String>) -> std::io::Result<(String, bool)> {
        let value = value.map_or_else(new_key, Ok)?;
        self.change(|stored| {
            if is_master(scope, name) {
                stored.master_key.clone_from(&value);
                return Ok((value, false));
            }
            let keys = stored.keys(scope);
            let known = known_name(keys, name);
            let is_new = known.is_none();
            keys.insert(known.unwrap_or_else(|| name.to_owned()), value.clone());
            Ok((value, is_new))
        })
    }

    /// Takes a key away. False: there was none.
    pub fn delete(&self, scope: KeyScope<'_>, name: &str) -> std::io::Result<bool> {
        self.change(|stored| {
            let keys = stored.keys(scope);
            Ok(known_name(keys, name).is_some_and(|known| keys.remove(&known).is_some()))
        })
    }

    /// Changes the keys and the file; where that fails, neither.
    fn change<T>(&self, change: impl FnOnce(&mut Stored) -> std::io::Result<T>) -> std::io::Result<T> {
        let mut stored = self.0.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = stored.clone();
        let result = change(&mut changed)?;
        let text = serde_json::to_string_pretty(&changed)?;
        if !stored.is_saved || text != serde_json::to_string_pretty(&*stored)? {
            save(&self.0.path, &text)?;
            changed.is_saved = true;
        }
        *stored = changed;
        Ok(result)
    }
}

impl Stored {
    fn keys(&mut self, scope: KeyScope<'_>) -> &mut Named {
        match scope {
            KeyScope::Host => &mut self.function_keys,
            KeyScope::System => &mut self.system_keys,
            KeyScope::Function(name) => self.functions.entry(name.to_ascii_lowercase()).or_default(),
        }
    }
}

fn is_master(scope: KeyScope<'_>, name: &str) -> bool {
    !matches!(scope, KeyScope::Function(_)) && name.eq_ignore_ascii_case(MASTER)
}

fn known_name(keys: &Named, name: &str) -> Option<String> {
    keys.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned()
}

fn new_key() -> std::io::Result<String> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(Error::other)?;
    Ok(base64::engine::general_purpose::URL_SAFE.encode(bytes))
}

/// Takes as long for a wrong key as for the right one.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Whole or not at all.
fn save(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension("draft");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    std::fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn keys_are_good_for_what_they_are_for() {
        let folder = TempDir::new();
        let keys = Keys::open(&folder.path().join("keys.json"), true).unwrap();
        let (master, default) = keys.settle().unwrap().unwrap();
        assert_eq!(keys.settle().unwrap(), None);
        let own = keys.get(KeyScope::Function("One"), "DEFAULT").unwrap().unwrap();
        let (system, is_new) = keys.set(KeyScope::System, "events", None).unwrap();
        assert!(is_new && system.len() >= KEY_BYTES);
        let level = |key: &str, function: Option<&str>| keys.find(key, function).map(|(level, _)| level);
        assert_eq!(level(&master, Some("one")), Some(AuthLevel::Admin));
        assert_eq!(level(&default, Some("two")), Some(AuthLevel::Function));
        assert_eq!(level(&own, Some("one")), Some(AuthLevel::Function));
        assert_eq!(level(&own, Some("two")), None);
        assert_eq!(level(&own, None), None);
        assert_eq!(level(&system, None), Some(AuthLevel::System));
        assert_eq!(level("", Some("one")), None);
        assert_eq!(format!("{keys:?}"), "Keys { required: true, .. }");
    }

    #[test]
    fn they_survive_and_only_their_owner_reads_them() {
        let folder = TempDir::new();
        let path = folder.path().join("keys.json");
        let keys = Keys::open(&path, false).unwrap();
        assert!(!path.exists());
        assert_eq!(
            keys.set(KeyScope::Host, "mine", Some("v1".to_owned())).unwrap(),
            ("v1".to_owned(), true)
        );
        assert_eq!(
            keys.set(KeyScope::Host, "MINE", Some("v2".to_owned())).unwrap(),
            ("v2".to_owned(), false)
        );
        let (master, _) = keys.set(KeyScope::Host, MASTER, None).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = Keys::open(&path, true).unwrap();
        assert_eq!(again.get(KeyScope::Host, "mine").unwrap().as_deref(), Some("v2"));
        assert_eq!(again.get(KeyScope::System, MASTER).unwrap(), Some(master));
        assert!(again.delete(KeyScope::Host, "Mine").unwrap());
        assert!(!again.delete(KeyScope::Host, "mine").unwrap());
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Keys::open(&path, true).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
