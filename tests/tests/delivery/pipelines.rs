//! Pipelines: templates get what they ask for, and what steps call is there.

use crate::yaml;
use inventory_tests::running::root;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

const CI: &str = "azure-pipelines.yml";

/// All pipeline files by their path from the root.
fn files() -> BTreeMap<PathBuf, Value> {
    yaml::files_under(".azuredevops", "yml")
        .into_iter()
        .chain([PathBuf::from(CI)])
        .map(|path| {
            let document = yaml::read(&path);
            (path, document)
        })
        .collect()
}

/// The scripts of all steps, with the file each stands in.
pub(crate) fn scripts() -> Vec<(PathBuf, String)> {
    let mut scripts = Vec::new();
    for (path, document) in files() {
        for mapping in yaml::mappings(&document) {
            for key in ["bash", "script", "inlineScript"] {
                if let Some(script) = mapping.get(key).and_then(Value::as_str) {
                    scripts.push((path.clone(), script.to_owned()));
                }
            }
        }
    }
    scripts
}

/// A template's parameters, and whether each must be passed.
fn parameters(document: &Value) -> BTreeMap<&str, bool> {
    let declared = document["parameters"].as_array().into_iter().flatten();
    declared
        .map(|parameter| (parameter["name"].as_str().unwrap(), parameter.get("default").is_none()))
        .collect()
}

/// The names of parameters that the file's expressions read.
fn read_parameters(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    text.split("parameters.")
        .skip(1)
        .map(|rest| {
            let end = rest
                .find(|letter: char| !letter.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            rest[..end].to_owned()
        })
        .collect()
}

#[test]
fn every_template_gets_what_it_asks_for() {
    let files = files();
    let mut used = BTreeSet::new();
    for (path, document) in &files {
        let declared: BTreeSet<_> = parameters(document).keys().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            declared,
            read_parameters(path),
            "{}: parameters declared and read",
            path.display()
        );

        for mapping in yaml::mappings(document) {
            let Some(template) = mapping.get("template").and_then(Value::as_str) else {
                continue;
            };
            let target = path.parent().unwrap().join(template);
            let asked = files
                .get(&target)
                .unwrap_or_else(|| panic!("{}: there is no {}", path.display(), target.display()));
            used.insert(target.clone());
            let empty = serde_json::Map::new();
            let passed = mapping.get("parameters").and_then(Value::as_object).unwrap_or(&empty);
            let asked = parameters(asked);
            for name in passed.keys() {
                assert!(
                    asked.contains_key(name.as_str()),
                    "{}: {template} asks for no {name}",
                    path.display()
                );
            }
            for (name, _) in asked.iter().filter(|(_, is_needed)| **is_needed) {
                assert!(
                    passed.contains_key(*name),
                    "{}: {template} needs {name}",
                    path.display()
                );
            }
        }
    }
    let unused: Vec<_> = files
        .keys()
        .filter(|path| path.starts_with(".azuredevops/templates") && !used.contains(*path))
        .collect();
    assert!(unused.is_empty(), "nothing uses {unused:?}");
}

#[test]
fn every_script_is_there() {
    let mut found = BTreeSet::new();
    for (path, script) in scripts() {
        for word in script.split(|letter: char| letter.is_whitespace() || letter == '"') {
            // What stands before it: the folder of the sources, or an assignment.
            let start = [".azuredevops/", ".ci/"]
                .into_iter()
                .find_map(|folder| word.find(folder));
            if let Some(word) = start.map(|start| &word[start..]) {
                assert!(root().join(word).is_file(), "{}: there is no {word}", path.display());
                found.insert(word.to_owned());
            }
        }
    }
    let there: BTreeSet<_> = std::fs::read_dir(root().join(".azuredevops/scripts"))
        .unwrap()
        .map(|entry| format!(".azuredevops/scripts/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    let lost: Vec<_> = there.difference(&found).collect();
    assert!(lost.is_empty(), "no pipeline calls {lost:?}");
    assert!(found.contains(".ci/run"));
}

#[test]
fn stages_wait_for_stages_that_are_there() {
    let expand = |document: &Value, names: &mut BTreeSet<String>, waits: &mut BTreeSet<String>| {
        for mapping in yaml::mappings(document) {
            // A stage, or a template that is one and is called by its environment.
            let name = mapping.get("stage").or_else(|| mapping.get("environment"));
            names.extend(name.and_then(Value::as_str).map(str::to_owned));
            let on = mapping.get("dependsOn").into_iter();
            waits.extend(on.flat_map(|on| match on {
                Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                Value::String(one) => vec![one.clone()],
                _ => Vec::new(),
            }));
        }
    };
    for path in [CI, ".azuredevops/deploy.yml", ".azuredevops/infrastructure.yml"] {
        let (mut names, mut waits) = (BTreeSet::new(), BTreeSet::new());
        expand(&yaml::read(Path::new(path)), &mut names, &mut waits);
        let lost: Vec<_> = waits.difference(&names).collect();
        assert!(lost.is_empty(), "{path}: no stage {lost:?}");
    }
}

#[test]
fn production_gets_its_requests_in_steps_and_can_go_back() {
    let deploy = yaml::read(Path::new(".azuredevops/deploy.yml"));
    let production = yaml::mappings(&deploy)
        .into_iter()
        .find(|mapping| mapping.get("environment").is_some_and(|name| name == "production"))
        .unwrap();
    assert_eq!(production["shares"], serde_json::json!([10, 25, 50, 100]));
    assert_eq!(production["backup"], true);

    // After each share the alerts are asked; the shares are gone before the swap; a failure anywhere goes back.
    let template = yaml::read(Path::new(".azuredevops/templates/deploy-slots.yml"));
    let run = &template["stages"][0]["jobs"][0]["strategy"]["runOnce"];
    let steps = run["deploy"]["steps"].as_array().unwrap();
    let text = |step: &Value| step.to_string();
    let at = |what: &str| {
        steps
            .iter()
            .position(|step| text(step).contains(what))
            .unwrap_or_else(|| panic!("no {what}"))
    };
    let each = &steps[at("scripts/share")]["${{ each share in parameters.shares }}"];
    assert!(text(&each[0]).contains(" ${{ share }}"));
    assert_eq!(each[1]["template"], "watch.yml");
    assert!(at("fetch.yml") < at("migrate.yml") && at("migrate.yml") < at("verify.yml"));
    assert!(at("verify.yml") < at("scripts/share") && at("scripts/share") < at("scripts/swap"));
    assert!(at("scripts/swap") < at("accept.yml") && at("accept.yml") < at("record.yml"));
    assert!(text(&run["on"]["failure"]).contains("roll-back"));
}

#[test]
fn what_pipelines_use_is_provisioned() {
    let provisioned: String = yaml::files_under("terraform/azuredevops", "tf")
        .iter()
        .map(|path| std::fs::read_to_string(root().join(path)).unwrap())
        .collect();
    let mut read = BTreeSet::new();
    for path in files().keys() {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        assert!(
            provisioned.contains(path.to_str().unwrap()) || path.starts_with(".azuredevops/templates"),
            "{path:?} is no pipeline"
        );
        // Before a variable group stands what is read from it.
        for (comment, group) in text.lines().zip(text.lines().skip(1)) {
            if let (Some(names), true) = (comment.trim().strip_prefix("# "), group.contains("- group: ")) {
                let names = names.split(' ').map(|word| word.trim_end_matches(','));
                read.extend(names.take_while(|word| word.contains('_')).map(str::to_owned));
            }
        }
    }
    assert!(read.len() > 8, "{read:?}");
    for name in &read {
        assert!(
            provisioned.contains(&format!("{name} ")) || provisioned.contains(&format!("\"{name}\"")),
            "{name}"
        );
    }
    for pipeline in ["deploy", "infrastructure"] {
        assert!(provisioned.contains(&format!("{pipeline} ")), "{pipeline}");
    }
}

#[test]
fn versions_are_those_of_the_workspace() {
    let variables = yaml::read(Path::new(".azuredevops/templates/variables.yml"));
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = variables["variables"]["RUST_VERSION"].as_str().unwrap();
    assert!(manifest.contains(&format!("rust-version = \"{version}\"")), "{version}");
}
