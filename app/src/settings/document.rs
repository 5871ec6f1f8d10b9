//! `docs/settings.md`, made from the settings themselves.

use super::{
    GROUPS,
    setting::{Kind, Setting},
};
use std::fmt::Write as _;

const HEAD: &str = "\
# Settings

The handler reads its settings from the environment, where the Functions host puts the app settings (in Azure) or the `Values`
of `local.settings.json` (on a desk; `local.settings.json.example` is the one to copy). All of them are checked before anything
starts: what is wrong ends the process with exit code 78 and every reason on stderr. No value is ever shown, since it may be a
secret. A variable that is already set in the shell wins over the file. `inventory settings check` checks them without starting
anything.

This file is made by `inventory settings document`.
";

/// The text of `docs/settings.md`.
pub fn document() -> String {
    let mut text = HEAD.to_owned();
    for group in GROUPS {
        // Writing to a string does not fail.
        let _ = write!(text, "\n## {}\n\n", group.title);
        if !group.about.is_empty() {
            let _ = write!(text, "{}\n\n", group.about);
        }
        text.push_str("| Setting | Default | What it is |\n|---|---|---|\n");
        for setting in group.settings {
            let _ = writeln!(
                text,
                "| `{}` | {} | {}{} |",
                setting.name,
                default(setting),
                setting.about,
                bounds(setting)
            );
        }
    }
    text
}

fn default(setting: &Setting) -> String {
    match setting.kind {
        Kind::Text(None) => "-".to_owned(),
        Kind::Needed => "needed".to_owned(),
        Kind::Platform => "the platform's".to_owned(),
        Kind::Text(Some(text)) => format!("`{text}`"),
        Kind::Number { default, .. } => format!("`{default}`"),
        Kind::Flag(flag) => format!("`{flag}`"),
        Kind::Word(words) => format!("`{}`", words.first().copied().unwrap_or_default()),
    }
}

fn bounds(setting: &Setting) -> String {
    match setting.kind {
        Kind::Number { min, max, .. } => format!(" {min} to {max}."),
        Kind::Word(words) => format!(" One of `{}`.", words.join("`, `")),
        _ => String::new(),
    }
}
