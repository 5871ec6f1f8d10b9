//! Finds the functions of an app.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::function::examine_function;
use super::{ConfigError, Function, Settings, read_json};

/// A function that does not load.
#[derive(Debug, Clone)]
pub struct FunctionProblem {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub reason: String,
}

/// What a scan found.
#[derive(Debug, Default)]
pub struct Scan {
    /// Functions that load, in the order of their names: the order in which routes are tried.
    pub functions: Vec<Function>,
    /// Functions that do not.
    pub problems: Vec<FunctionProblem>,
}

/// Looks for `<name>/function.json` directly under `root`, as the Functions host does, and under `root/functions/`,
/// where a source tree keeps them apart from its code. `only` limits the names, in any case; empty: no limit.
pub fn scan_functions(root: &Path, settings: &Settings, only: &[String]) -> Result<Scan, ConfigError> {
    let mut scan = Scan::default();
    let (folders, twins) = function_folders(root)?;
    scan.problems = twins;
    for (name, directory) in folders {
        if !is_wanted(&name, only) {
            continue;
        }
        let parsed = match read_json(&directory.join("function.json")) {
            Ok(json) => examine_function(&name, &directory, &json.unwrap_or_default(), settings),
            Err(error) => Err(vec![error.to_string()]),
        };
        scan.add(&name, parsed);
    }
    scan.name_missing(only);
    Ok(scan)
}

/// Whether `only` lets `name` through.
pub(super) fn is_wanted(name: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
}

impl Scan {
    pub(super) fn add(&mut self, name: &str, parsed: Result<Function, Vec<String>>) {
        match parsed {
            Ok(function) => self.functions.push(function),
            Err(reasons) => self.problems.extend(reasons.into_iter().map(|reason| FunctionProblem {
                name: name.to_owned(),
                reason,
            })),
        }
    }

    /// Names what is asked for and not there.
    pub(super) fn name_missing(&mut self, only: &[String]) {
        for wanted in only {
            let known = self.functions.iter().map(|function| &function.name);
            let mut known = known.chain(self.problems.iter().map(|problem| &problem.name));
            if !known.any(|name| name.eq_ignore_ascii_case(wanted)) {
                self.problems.push(FunctionProblem {
                    name: wanted.clone(),
                    reason: "is asked for and not there".to_owned(),
                });
            }
        }
    }
}

/// A function's name and its folder.
type Folder = (String, PathBuf);

/// The folders with a `function.json`, in the order of their names, and names that are there twice.
pub(super) fn function_folders(root: &Path) -> Result<(Vec<Folder>, Vec<FunctionProblem>), ConfigError> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let mut twins = Vec::new();
    for base in [root.to_path_buf(), root.join("functions")] {
        for directory in children(&base)? {
            if !directory.join("function.json").is_file() {
                continue;
            }
            let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some((_, first)) = folders.get(&name.to_ascii_lowercase()) {
                let reason = format!("is there twice: {} and {}", first.display(), directory.display());
                twins.push(FunctionProblem { name, reason });
                continue;
            }
            folders.insert(name.to_ascii_lowercase(), (name, directory));
        }
    }
    Ok((folders.into_values().collect(), twins))
}

fn children(base: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let read = |source| ConfigError::Read {
        path: base.to_path_buf(),
        source,
    };
    let entries = match std::fs::read_dir(base) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(read)?.path();
        if path.is_dir() {
            paths.push(path);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn app(functions: &[(&str, &str)]) -> TempDir {
        let root = TempDir::new();
        for (path, json) in functions {
            let folder = root.path().join(path);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("function.json"), json).unwrap();
        }
        root
    }

    const TIMER: &str = r#"{"bindings": [{"type": "timerTrigger", "name": "t", "schedule": "0 * * * * *"}]}"#;

    #[test]
    fn finds_both_places_in_the_order_of_names() {
        let root = app(&[
            ("zeta", TIMER),
            ("functions/alpha", TIMER),
            ("functions/Mid", TIMER),
            ("functions/bad", "{"),
        ]);
        let scan = scan_functions(root.path(), &Settings::default(), &[]).unwrap();
        let names: Vec<_> = scan.functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["alpha", "Mid", "zeta"]);
        assert_eq!(scan.problems.len(), 1);
        assert_eq!(scan.problems[0].name, "bad");
    }

    #[test]
    fn a_list_limits_and_names_what_is_missing() {
        let root = app(&[("one", TIMER), ("two", TIMER)]);
        let only = ["ONE".to_owned(), "three".to_owned()];
        let scan = scan_functions(root.path(), &Settings::default(), &only).unwrap();
        assert_eq!(scan.functions.len(), 1);
        assert_eq!(scan.problems[0].name, "three");
    }

    #[test]
    fn the_same_name_twice_is_told() {
        let root = app(&[("one", TIMER), ("functions/One", TIMER)]);
        let scan = scan_functions(root.path(), &Settings::default(), &[]).unwrap();
        assert_eq!((scan.functions.len(), scan.problems.len()), (1, 1));
    }
}
