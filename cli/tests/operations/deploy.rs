//! `deploy`, with the pipelines' own scripts, an Azure and a Terraform that note what they are told, and the running app.

use crate::support::{Done, inventory, inventory_with};
use inventory_tests::running::{Directory, Running, program, root};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

/// Blobs are files, alert rules answer what `alert` says, and all that is asked is noted.
const AZ: &str = r#"#!/usr/bin/env bash
here=${0%/*}
printf '%s\n' "$*" >> "$here/asked"
after() { local wanted=$1; shift; while [ "$1" != "$wanted" ]; do shift; done; printf '%s' "$2"; }
blob() { printf '%s/blobs/%s' "$here" "$(after --blob-url "$@" | sed 's/.*packages.//; s/\//_/g')"; }
case "$*" in
  "storage blob exists"*) [ -e "$(blob "$@")" ] && echo true || echo false ;;
  "storage blob upload"*) cp -r "$(after --file "$@")" "$(blob "$@")" ;;
  "storage blob download"*) cp "$(blob "$@")" "$(after --file "$@")" ;;
  "keyvault secret show"*"--vault-name kv --name smoke-client-secret"*) cat "$here/secret" ;;
  "functionapp config appsettings list"*) cat "$here/running" ;;
  "functionapp deployment slot swap"*) echo https://st/packages/inventory-$(git -C "$here/repository" rev-parse HEAD | cut -c 1-12).zip > "$here/running" ;;
  "group show"*) echo /subscriptions/1/resourceGroups/rg ;;
  "functionapp show"*) echo /subscriptions/1/app ;;
  *scheduledQueryRules*) echo '{"value": [{"name": "alert-error-rate", "properties": {"windowSize": "PT5M", "criteria": {"allOf": [{"query": "requests", "metricMeasureColumn": "percent", "threshold": 5}]}}}]}' ;;
  "monitor app-insights query"*) echo "{\"tables\": [{\"columns\": [{\"name\": \"percent\"}], \"rows\": [[$(cat "$here/alert")]]}]}" ;;
esac
"#;
const TERRAFORM: &str = r#"#!/usr/bin/env bash
here=${0%/*}
printf 'terraform %s\n' "$*" >> "$here/asked"
case $1 in
  output) cat "$here/outputs" ;;
  show) echo '{}' ;;
esac
"#;

struct Desk {
    directory: Directory,
    running: Running,
    database: String,
}

impl Desk {
    async fn new(hosting: &str) -> Self {
        let directory = Directory::new();
        let database = format!("sqlite:{}", directory.path().join("inventory.db").display());
        let running = Running::start_with(&database, &[("JWT_KEYS", &"k".repeat(32))]).await;
        let desk = Self {
            directory,
            running,
            database,
        };
        desk.program("az", AZ);
        desk.program("terraform", TERRAFORM);
        let added = inventory(
            &desk.database,
            &["--json", "clients", "add", "smoke", "--role", "manager"],
        )
        .expect(0)
        .json();
        desk.write("secret", added["secret"].as_str().unwrap());
        desk.write("alert", "0");
        desk.write("running", "https://st/packages/inventory-before.zip");
        fs::create_dir(desk.path("blobs")).unwrap();

        let output = |value: Value| json!({ "value": value });
        desk.write(
            "outputs",
            &json!({
                "resource_group_name": output("rg".into()), "function_app_name": output("shop".into()),
                "api_url": output(desk.url().into()), "packages_container_url": output("https://st/packages".into()),
                "key_vault_name": output("kv".into()), "application_insights_id": output("/ai".into()),
                "database_direct_url": output("postgres://id@server/inventory".into()),
                "hosting": output(hosting.into()), "slots": output(json!({ "next": "shop-next.azurewebsites.net" })),
            })
            .to_string(),
        );
        let repository = desk.path("repository");
        fs::create_dir_all(repository.join("terraform")).unwrap();
        symlink(root().join(".azuredevops"), repository.join(".azuredevops")).unwrap();
        for arguments in [
            "init -q",
            "-c user.name=a -c user.email=a@b commit -q --allow-empty -m first",
        ] {
            let made = Command::new("git")
                .args(arguments.split(' '))
                .current_dir(&repository)
                .status();
            assert!(made.unwrap().success());
        }
        fs::create_dir(desk.path("package")).unwrap();
        symlink(program("inventory-handler"), desk.path("package/inventory-handler")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }

    fn deploy(&self, more: &[&str]) -> Done {
        let path = format!("{}:{}", self.directory.path().display(), std::env::var("PATH").unwrap());
        let (package, repository) = (self.path("package"), self.path("repository"));
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (package, repository) = (text(&package), text(&repository));
        let arguments = [
            "--json",
            "deploy",
            "--env",
            "local",
            "--package",
            &package,
            "--repository",
            &repository,
            "--watch-minutes",
            "1",
        ];
        let settings = [
            ("PATH", path.as_str()),
            ("DATABASE_URL", &self.database),
            ("WATCH_PAUSE_SECONDS", "0"),
            ("HOME", "/nowhere"),
        ];
        inventory_with(&settings, &[&arguments[..], more].concat())
    }

    /// Runs a script as a pipeline does.
    fn script(&self, name: &str, arguments: &[&str]) -> std::process::Output {
        let programs = Path::new(env!("CARGO_BIN_EXE_inventory")).parent().unwrap();
        let (here, rest) = (self.directory.path().display(), std::env::var("PATH").unwrap());
        Command::new(root().join(".azuredevops/scripts").join(name))
            .args(arguments)
            .env("PATH", format!("{here}:{}:{rest}", programs.display()))
            .env("DATABASE_URL", &self.database)
            .output()
            .unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("asked")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The log of deployments.
    fn recorded(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("blobs/deployments.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn names(report: &Value) -> Vec<&str> {
    let steps = report["steps"].as_array().unwrap();
    steps.iter().map(|step| step["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_are_filled_tried_given_requests_and_swapped() {
    let desk = Desk::new("elastic_premium").await;
    let slot = desk.url();
    let more = ["--yes", "--shares", "10,100", "--slot-url", &slot];

    let rehearsed = desk.deploy(&[&more[..], &["--dry-run"]].concat()).expect(0).json();
    assert_eq!((&rehearsed["steps"], &rehearsed["outcome"]), (&json!([]), &Value::Null));
    assert!(
        desk.asked()
            .iter()
            .all(|line| line.starts_with("terraform init") || line == "terraform output -json")
    );

    let report = desk.deploy(&more).expect(0).json();
    assert_eq!(report["outcome"], "succeeded");
    assert_eq!(
        names(&report),
        [
            "terraform",
            "terraform",
            "migrate",
            "put-into-slot",
            "verify",
            "share",
            "watch",
            "share",
            "watch",
            "swap",
            "verify",
            "watch",
            "accept",
            "record-deployment"
        ]
    );
    let asked = desk.asked().join("\n");
    let at = |what: &str| asked.find(what).unwrap_or_else(|| panic!("{what} in {asked}"));
    assert!(at("terraform apply") < at("WEBSITE_RUN_FROM_PACKAGE=https://st/packages/inventory-"));
    assert!(at("next=10") < at("next=100") && at("next=100") < at("traffic-routing clear"));
    assert!(at("traffic-routing clear") < at("slot swap"));
    assert_eq!(desk.recorded()[0]["outcome"], "succeeded");
    // The main flow was tried, and what it was like is what the next one is held against.
    assert!(desk.path("blobs/baseline.json").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_leaves_production_as_it_was() {
    let desk = Desk::new("elastic_premium").await;
    let slot = desk.url();
    let more = ["--without-infrastructure", "--shares", "10", "--slot-url", &slot];

    // An alert fires while it has a tenth of the requests.
    desk.write("alert", "50");
    let report = desk.deploy(&more).expect(1).json();
    assert_eq!((&report["ok"], &report["outcome"]), (&false.into(), &"failed".into()));
    assert_eq!(names(&report).last(), Some(&"record-deployment"));
    assert!(report["reason"].as_str().unwrap().starts_with("watch failed"));
    let asked = desk.asked().join("\n");
    assert!(
        asked.contains("traffic-routing clear") && !asked.contains("slot swap") && !asked.contains("terraform apply")
    );

    // After the swap the main flow fails: it is swapped back.
    desk.write("alert", "0");
    desk.write("secret", "ics_00000000_wrong");
    let report = desk.deploy(&more).expect(1).json();
    assert_eq!(report["outcome"], "rolled-back");
    let asked = desk.asked().join("\n");
    assert_eq!(asked.matches("slot swap").count(), 2);
    let outcomes: Vec<_> = desk.recorded().iter().map(|record| record["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "rolled_back"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_slots_instances_are_replaced() {
    let desk = Desk::new("flex").await;
    let report = desk.deploy(&["--without-infrastructure"]).expect(0).json();
    assert_eq!(
        names(&report),
        [
            "migrate",
            "replace-instances",
            "verify",
            "watch",
            "accept",
            "record-deployment"
        ]
    );
    assert!(
        desk.asked()
            .iter()
            .any(|line| line.contains("siteUpdateStrategy.type=RollingUpdate"))
    );

    // Nobody is there to read a plan, the package is none of ours, there is no such environment.
    desk.deploy(&[]).expect(2);
    fs::remove_file(desk.path("package/inventory-handler")).unwrap();
    desk.deploy(&["--without-infrastructure"]).expect(2);
    inventory(&desk.database, &["deploy", "--without-infrastructure"]).expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_are_kept_and_figures_are_reported() {
    let desk = Desk::new("flex").await;
    let kept = desk.script("back-up", &["local", "https://st/packages"]);
    assert!(kept.status.success(), "{kept:?}");
    let blobs: Vec<_> = fs::read_dir(desk.path("blobs"))
        .unwrap()
        .map(|blob| blob.unwrap().path())
        .collect();
    let [backup] = &blobs[..] else { panic!("{blobs:?}") };
    assert!(backup.to_str().unwrap().contains("/backups_"), "{backup:?}");
    inventory(&desk.database, &["backup", "verify", backup.to_str().unwrap()]).expect(0);

    desk.write("blobs/deployments.jsonl", "");
    let folder = desk.path("report");
    let reported = desk.script("report", &["local", "https://st/packages", folder.to_str().unwrap()]);
    assert!(reported.status.success(), "{reported:?}");
    for name in ["kpis.json", "dora.json"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert!(
            serde_json::from_str::<Value>(&text).unwrap().is_object(),
            "{name}: {text}"
        );
    }
    // Without a log there are no figures, which is no success.
    fs::remove_file(desk.path("blobs/deployments.jsonl")).unwrap();
    assert!(
        !desk
            .script("report", &["local", "https://st/packages", folder.to_str().unwrap()])
            .status
            .success()
    );
}
