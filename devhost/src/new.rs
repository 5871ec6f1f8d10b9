//! `devhost new`: a small function app to begin with.

use std::fs;
use std::io::Write as _;
use std::path::Path;

/// The template's name of itself, as a package and as a crate.
const NAMES: [&str; 2] = ["new-app", "new_app"];

/// The template's files. Three lie there under another name: Cargo and Git would take them for their own.
const FILES: &[(&str, &str)] = &[
    (".funcignore", include_str!("../template/funcignore.txt")),
    (".gitignore", include_str!("../template/gitignore.txt")),
    ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
    ("README.md", include_str!("../template/README.md")),
    ("greet/function.json", include_str!("../template/greet/function.json")),
    ("host.json", include_str!("../template/host.json")),
    ("local.settings.json", include_str!("../template/local.settings.json")),
    (
        "process/function.json",
        include_str!("../template/process/function.json"),
    ),
    ("servicebus.json", include_str!("../template/servicebus.json")),
    ("src/envelope.rs", include_str!("../template/src/envelope.rs")),
    ("src/greet.rs", include_str!("../template/src/greet.rs")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
    ("src/main.rs", include_str!("../template/src/main.rs")),
    ("src/process.rs", include_str!("../template/src/process.rs")),
    ("src/tick.rs", include_str!("../template/src/tick.rs")),
    (
        "tests/examples/greet/normal.json",
        include_str!("../template/tests/examples/greet/normal.json"),
    ),
    (
        "tests/examples/process/normal.json",
        include_str!("../template/tests/examples/process/normal.json"),
    ),
    (
        "tests/examples/process/refused.json",
        include_str!("../template/tests/examples/process/refused.json"),
    ),
    (
        "tests/examples/tick/normal.json",
        include_str!("../template/tests/examples/tick/normal.json"),
    ),
    ("tests/functions.rs", include_str!("../template/tests/functions.rs")),
    ("tick/function.json", include_str!("../template/tick/function.json")),
];

/// Names that Cargo refuses for a package, or that clash with what every crate knows.
const TAKEN: [&str; 12] = [
    "alloc",
    "axum",
    "build",
    "core",
    "deps",
    "examples",
    "proc-macro",
    "serde",
    "serde_json",
    "std",
    "test",
    "tokio",
];
/// Rust's own words, which no crate can be called.
const KEYWORDS: [&str; 40] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "pub", "ref", "return", "self", "static", "struct", "trait", "true", "type", "use",
];

/// Writes an app into `folder`, which must be empty or not there; its name is the folder's. Gives that name.
pub fn write(folder: &Path) -> Result<String, String> {
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    check_name(name)?;
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    let mut there = fs::read_dir(&folder).map_err(|error| failed(&folder, error))?;
    if there.next().is_some() {
        return Err(format!("{} is not empty", folder.display()));
    }
    for (path, text) in FILES {
        let path = folder.join(path);
        let text = text.replace(NAMES[0], name).replace(NAMES[1], &name.replace('-', "_"));
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            // What somebody else writes here at the same time is theirs.
            .and_then(|()| fs::File::create_new(&path))
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| failed(&path, error))?;
    }
    Ok(name.to_owned())
}

fn check_name(name: &str) -> Result<(), String> {
    let sound = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if !sound {
        return Err(format!(
            "'{name}' cannot be an app's name: a small letter, then small letters, digits, \"-\" and \"_\", at most 64"
        ));
    }
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        return Err(format!(
            "'{name}' is a word of Rust's or a library's: choose another name"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn names() {
        for name in ["my-app", "a", "app_2"] {
            check_name(name).unwrap();
        }
        for name in [
            "",
            "My-app",
            "2app",
            "a b",
            "../a",
            "test",
            "match",
            "tokio",
            &"a".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = TempDir::new();
        let app = folder.path().join("my-app");
        assert_eq!(write(&app).unwrap(), "my-app");
        assert!(
            fs::read_to_string(app.join("src/main.rs"))
                .unwrap()
                .contains("my_app::app()")
        );
        assert!(
            fs::read_to_string(app.join("host.json"))
                .unwrap()
                .contains("\"my-app\"")
        );
        assert!(write(&app).unwrap_err().contains("is not empty"));
    }

    #[test]
    fn every_file_of_the_template_is_part_of_it() {
        fn count(folder: &Path) -> usize {
            let entries = fs::read_dir(folder).unwrap().flatten();
            entries
                .map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 })
                .sum()
        }
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template");
        assert_eq!(count(&template), FILES.len());
    }
}
