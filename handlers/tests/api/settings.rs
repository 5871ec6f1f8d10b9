//! One truth about settings: what the program reads, the example and the documentation are equal.

use inventory_app::settings::Kind;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn example() -> serde_json::Map<String, Value> {
    let example: Value = serde_json::from_str(&read("local.settings.json.example")).unwrap();
    assert_eq!(example["IsEncrypted"], false);
    example["Values"].as_object().unwrap().clone()
}

#[test]
fn the_example_names_every_setting() {
    let known: BTreeSet<_> = inventory_app::settings::all()
        .filter(|setting| setting.kind != Kind::Platform)
        .map(|setting| setting.name.to_owned())
        .collect();
    let in_example: BTreeSet<_> = example().keys().cloned().collect();
    assert_eq!(in_example, known);
}

#[test]
fn the_documentation_is_what_the_settings_say() {
    assert!(
        read("docs/settings.md") == inventory_app::settings::document(),
        "docs/settings.md is old: write it with `inventory settings document`"
    );
}

#[test]
fn the_example_is_valid_and_says_the_defaults() {
    let values = example()
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
        // As a Functions host on a desk sets it.
        .chain([("AZURE_FUNCTIONS_ENVIRONMENT".to_owned(), "Development".to_owned())])
        .collect();
    let given = inventory_app::Settings::from_values(&values).unwrap();
    let only_needed = values
        .into_iter()
        .filter(|(name, _)| {
            [
                "DATABASE_URL",
                "ServiceBusConnection",
                "FILES_DIRECTORY",
                "MIGRATE_ON_START",
                "AZURE_FUNCTIONS_ENVIRONMENT",
            ]
            .contains(&name.as_str())
        })
        .collect();
    let default = inventory_app::Settings::from_values(&only_needed).unwrap();
    assert_eq!(format!("{given:?}"), format!("{default:?}"));
}
