//! Every command of ours that a pipeline, a script or a document names is one that the program knows, with those options.

use crate::{
    pipelines,
    shell::{self, Call},
    yaml,
};
use inventory_tests::running::{program, root};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

/// What is called, and where.
type Calls = BTreeMap<Call, BTreeSet<PathBuf>>;

fn add(calls: &mut Calls, path: &Path, text: &str) {
    for call in shell::calls(text) {
        calls.entry(call).or_default().insert(path.to_owned());
    }
}

/// Shell blocks of a page, and code within its lines.
fn shell_in(page: &str) -> String {
    let mut text = String::new();
    let mut is_shell = false;
    for event in Parser::new_ext(page, pulldown_cmark::Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => is_shell = language.as_ref() == "sh",
            Event::End(TagEnd::CodeBlock) => is_shell = false,
            Event::Text(code) if is_shell => text.push_str(&code),
            Event::Code(code) => {
                text.push_str(&code);
                text.push('\n');
            }
            _ => {}
        }
    }
    text
}

/// What is wrong with a call, if anything is.
fn fault(call: &Call) -> Option<String> {
    if call.words.is_empty() && call.options.is_empty() {
        return None;
    }
    let output = Command::new(program(call.program))
        .args(&call.words)
        .arg("--help")
        .output()
        .unwrap();
    if !output.status.success() {
        return Some(
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    let help = String::from_utf8(output.stdout).unwrap();
    let known: BTreeSet<_> = help
        .split(|letter: char| letter.is_whitespace() || [',', '=', '[', ']', '`'].contains(&letter))
        .collect();
    let unknown: Vec<_> = call
        .options
        .iter()
        .filter(|option| !known.contains(option.as_str()))
        .collect();
    (!unknown.is_empty()).then(|| format!("no option {unknown:?}"))
}

#[test]
fn every_command_is_known() {
    let mut calls = Calls::new();
    for (path, script) in pipelines::scripts() {
        add(&mut calls, &path, &script);
    }
    for path in yaml::files_under(".azuredevops/scripts", "")
        .into_iter()
        .chain([PathBuf::from(".ci/run")])
    {
        add(&mut calls, &path, &std::fs::read_to_string(root().join(&path)).unwrap());
    }
    for path in yaml::files_under("docs", "md")
        .into_iter()
        .chain(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from))
    {
        let page = std::fs::read_to_string(root().join(&path)).unwrap();
        add(&mut calls, &path, &shell_in(&page));
    }
    let faults: Vec<_> = calls
        .iter()
        .filter_map(|(call, paths)| Some(format!("{call:?} in {paths:?}: {}", fault(call)?)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for program in ["inventory", "xtask"] {
        assert!(
            calls.keys().any(|call| call.program == program),
            "no call of {program} found"
        );
    }
}

#[test]
fn unknown_commands_are_found() {
    for (text, is_known) in [
        ("inventory parked list --reason invalid", true),
        ("inventory clients rotate shop --overlap-hours 0", true),
        ("inventory sweep", false),
        ("inventory parked list --reasons invalid", false),
        ("cargo xtask deploy", false),
    ] {
        let call = shell::calls(text).remove(0);
        assert_eq!(fault(&call).is_none(), is_known, "{text}: {:?}", fault(&call));
    }
}
