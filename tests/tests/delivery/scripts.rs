//! The pipelines' scripts, with an Azure CLI that answers what the test says and notes what it was asked.

use crate::yaml;
use inventory_tests::running::{Directory, root};
use serde_json::{Value, json};
use std::{
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

/// An Azure CLI of our own.
struct Azure(Directory);

impl Azure {
    /// `answers`: the body of a shell `case` over the command line.
    fn new(answers: &str) -> Self {
        let directory = Directory::new();
        let path = directory.path().join("az");
        let script = format!(
            "#!/usr/bin/env bash\nprintf '%s\\n' \"$*\" >> \"${{0%/*}}/asked\"\ncase \"$*\" in\n{answers}\nesac\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, script: &str, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        Command::new(root().join(".azuredevops/scripts").join(script))
            .args(arguments)
            .env("PATH", path)
            .env("WATCH_PAUSE_SECONDS", "0")
            .output()
            .unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let asked = std::fs::read_to_string(self.0.path().join("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }
}

/// A resource group with one alert rule, whose query answers `app` for the app and `slot` for its slot.
fn watched(app: &str, slot: &str) -> Azure {
    let rules = json!({ "value": [{
        "name": "alert-error-rate",
        "properties": { "windowSize": "PT5M", "criteria": { "allOf": [{
            "query": "requests\n| where cloud_RoleName =~ 'shop' and isnotempty(url)\n| project percent_failed = 1",
            "metricMeasureColumn": "percent_failed", "threshold": 5, "operator": "GreaterThan",
        }] } },
    }] });
    let table = |value: &str| {
        let rows: Value = serde_json::from_str(value).unwrap();
        json!({ "tables": [{ "columns": [{ "name": "other" }, { "name": "percent_failed" }], "rows": rows }] })
    };
    Azure::new(&format!(
        "config*) ;;\n\
         \"group show --name rg \"*) echo /subscriptions/1/resourceGroups/rg ;;\n\
         *scheduledQueryRules*) echo '{}' ;;\n\
         *\"'shop'\"*) echo '{}' ;;\n\
         *\"'shop-next'\"*) echo '{}' ;;\n\
         *) exit 1 ;;",
        rules.to_string().replace('\'', "'\\''"),
        table(app),
        table(slot)
    ))
}

#[test]
fn the_watch_asks_for_app_and_slot_and_lets_go_on() {
    let azure = watched("[[9, 4.9]]", "[]");
    let output = azure.run("watch", &["rg", "insights", "2", "shop", "shop-next"]);
    assert!(output.status.success(), "{output:?}");
    let asked = azure.asked().join("\n");
    assert_eq!(asked.matches("--apps insights --start-time 2").count(), 4, "{asked}");
    assert_eq!(asked.matches("=~ 'shop-next' and").count(), 2, "{asked}");
}

#[test]
fn the_watch_ends_with_the_first_rule_that_is_over() {
    for (app, slot, role) in [("[[0, 5.1]]", "[]", "(shop)"), ("[[0, 0]]", "[[0, 50]]", "(shop-next)")] {
        let azure = watched(app, slot);
        let output = azure.run("watch", &["rg", "insights", "9", "shop", "shop-next"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(&format!("alert-error-rate {role}: percent_failed")),
            "{said}"
        );
        assert_eq!(
            azure
                .asked()
                .iter()
                .filter(|line| line.contains("scheduledQueryRules"))
                .count(),
            1
        );
    }
}

#[test]
fn the_watch_does_not_go_on_blindly() {
    for answers in [
        "config*|group*) ;;\n*) exit 1 ;;",
        "config*|group*) ;;\n*) echo '{\"value\": []}' ;;",
    ] {
        let azure = Azure::new(answers);
        let output = azure.run("watch", &["rg", "insights", "9", "shop"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let tries = azure
            .asked()
            .iter()
            .filter(|line| line.contains("scheduledQueryRules"))
            .count();
        assert_eq!(tries, 5);
    }
}

#[test]
fn going_back_swaps_only_what_was_swapped() {
    for (running, is_swapped) in [("https://packages/new.zip", true), ("https://packages/old.zip", false)] {
        let azure = Azure::new(&format!("*appsettings*) echo {running} ;;"));
        let output = azure.run("roll-back", &["rg", "shop", "next", "https://packages/new.zip"]);
        assert!(output.status.success(), "{output:?}");
        let outcome = if is_swapped { "rolled-back\n" } else { "failed\n" };
        assert!(output.stdout.ends_with(outcome.as_bytes()), "{output:?}");
        let asked = azure.asked();
        assert!(asked[0].starts_with("webapp traffic-routing clear --resource-group rg --name shop"));
        assert_eq!(
            asked.iter().any(|line| line.contains("slot swap")),
            is_swapped,
            "{asked:?}"
        );
    }
}

#[test]
fn only_what_was_signed_passes() {
    // A vault with one key, which signs a digest and gives its public half away.
    let azure = Azure::new(
        "*\"key sign\"*) echo \"$*\" | sed 's/.*--digest \\([^ ]*\\).*/\\1/' | base64 --decode |\n\
         openssl pkeyutl -sign -inkey \"${0%/*}/private.pem\" -pkeyopt digest:sha256 | base64 --wrap=0 ;;\n\
         *\"key download\"*) cp \"${0%/*}/public.pem\" \"$(echo \"$*\" | sed 's/.*--file \\([^ ]*\\).*/\\1/')\" ;;",
    );
    let (private, public) = (azure.file("private.pem", ""), azure.file("public.pem", ""));
    for arguments in [
        vec!["genpkey", "-algorithm", "RSA", "-out", &private],
        vec!["pkey", "-in", &private, "-pubout", "-out", &public],
    ] {
        let made = Command::new("openssl").args(arguments).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let file = azure.file("package.zip", "what was built");
    let signed = azure.run("sign", &["vault", "key", &file]);
    assert!(signed.status.success(), "{signed:?}");
    let passed = azure.run("check-signature", &["vault", "key", &file]);
    assert!(passed.status.success(), "{passed:?}");

    azure.file("package.zip", "something else");
    let refused = azure.run("check-signature", &["vault", "key", &file]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    std::fs::remove_file(format!("{file}.sig")).unwrap();
    assert!(!azure.run("check-signature", &["vault", "key", &file]).status.success());
}

#[test]
fn drift_is_every_change_but_the_one_that_is_none() {
    let flex = "module.function_app.azurerm_function_app_flex_consumption.main[0]";
    let change = |address: &str, actions: Value, before: Value, after: Value| json!({ "address": address, "change": { "actions": actions, "before": before, "after": after } });
    let settings =
        |value: &str, level: &str| json!({ "app_settings": { "AzureWebJobsStorage": value, "LOG_LEVEL": level } });
    for (changes, is_drift) in [
        (json!([]), false),
        (json!([change("a.b", json!(["no-op"]), json!({}), json!({}))]), false),
        (
            json!([change("data.a", json!(["read"]), Value::Null, json!({}))]),
            false,
        ),
        (
            json!([change(
                flex,
                json!(["update"]),
                settings("x", "info"),
                settings("", "info")
            )]),
            false,
        ),
        (
            json!([change(
                flex,
                json!(["update"]),
                settings("x", "info"),
                settings("", "debug")
            )]),
            true,
        ),
        (
            json!([change(
                flex,
                json!(["delete", "create"]),
                settings("x", "info"),
                settings("", "info")
            )]),
            true,
        ),
        (
            json!([change(
                "a.b",
                json!(["update"]),
                settings("x", "info"),
                settings("", "info")
            )]),
            true,
        ),
    ] {
        let azure = Azure::new("");
        let plan = azure.file("plan.json", &json!({ "resource_changes": changes }).to_string());
        let output = azure.run("drift", &[&plan]);
        assert_eq!(output.status.code(), Some(i32::from(is_drift)), "{changes}: {output:?}");
    }
}

#[test]
fn the_scripts_are_clean() {
    let mut scripts = yaml::files_under(".azuredevops/scripts", "");
    scripts.push(".ci/run".into());
    let output = Command::new("shellcheck")
        .args(&scripts)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
