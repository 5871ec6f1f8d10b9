//! What Terraform sets up and what the program knows, held against each other. Reads the files; needs no Terraform.
#![allow(clippy::unwrap_used)]

use hcl::{Attribute, Block, Body, Expression, Structure, expr::ObjectKey, structure::BlockLabel};
use inventory_app::settings::{self, Kind, Settings};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Settings of the program that no function app in Azure has, and why.
const NOT_IN_AZURE: &[(&str, &str)] = &[
    (
        "CONNECTIONS_MAX",
        "its default is right: the Functions host in front keeps far fewer",
    ),
    (
        "METRICS_TOKEN",
        "a secret, and behind Azure's front end no scraper reaches each instance",
    ),
    (
        "BLOB_STORAGE_CONNECTION_STRING",
        "a secret: the account is opened by identity",
    ),
    ("FILES_DIRECTORY", "files are in Blob storage"),
    (
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "the provider sets it (application_insights_connection_string)",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry goes to Application Insights"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "telemetry goes to Application Insights"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "its default is right"),
    (
        "OTEL_RESOURCE_ATTRIBUTES",
        "the environment and the version are said without it",
    ),
    (
        "DATABASE_PASSWORD",
        "a secret, and nobody has one: tokens of the app's identity",
    ),
    ("JWT_KEYS", "a secret: in the Key Vault"),
    ("WEBHOOK_MASTER_KEY", "a secret: in the Key Vault"),
    ("PAYMENT_WEBHOOK_SECRETS", "a secret: in the Key Vault"),
    ("WEBHOOK_ALLOW_LOOPBACK", "for work on one machine"),
    ("DELIVERIES_RETENTION_DAYS", "its default is right"),
    (
        "SMTP_URL",
        "a secret: whoever has a mail server sets it, by a reference to the Key Vault",
    ),
    ("SMTP_FROM", "as SMTP_URL"),
    ("TWILIO_URL", "its default is right"),
    ("ServiceBusConnection", "a secret: the namespace is opened by identity"),
    ("COSMOS_KEY", "a secret: the account is opened by identity"),
    (
        "EVENT_HISTORY_TTL_DAYS_BY_TYPE",
        "its default, one time for all events, is right",
    ),
    ("ENTRA_JWKS_URL", "Entra ID says it itself"),
    (
        "FUNCTIONS_WORKER_RUNTIME",
        "the provider sets it (use_custom_runtime, runtime_name)",
    ),
    (
        "AzureWebJobsStorage",
        "the host's storage is opened by identity (AzureWebJobsStorage__accountName)",
    ),
];

/// Settings that only some environments have.
const IN_SOME: &[&str] = &[
    "ENTRA_ISSUER",
    "ENTRA_AUDIENCE",
    "ENTRA_ROLE_MAP",
    "REDIS_URL",
    "REDIS_AUTHENTICATION",
    "REDIS_TIMEOUT_MILLISECONDS",
];

/// What stands for values that Terraform knows when it applies.
const APPLIED: &[(&str, &str)] = &[
    ("BLOB_STORAGE_ENDPOINT", "https://st.blob.core.windows.net/"),
    ("BLOB_STORAGE_CONTAINER", "files"),
    ("FILES_RETENTION_DAYS", "90"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    (
        "DATABASE_URL",
        "postgres://id-inventory-prd-wh1@psql.postgres.database.azure.com:6432/inventory?sslmode=verify-full",
    ),
    ("DATABASE_POOL_MAX", "30"),
    ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-0000000000c1"),
    ("AZURE_KEYVAULT_URL", "https://kv.vault.azure.net"),
    (
        "ServiceBusConnection__fullyQualifiedNamespace",
        "sbns.servicebus.windows.net",
    ),
    ("ServiceBusConnection__clientId", "00000000-0000-0000-0000-0000000000c1"),
    ("LOW_STOCK_SCHEDULE", "0 */5 * * * *"),
    ("COSMOS_ENDPOINT", "https://cosmos.documents.azure.com:443/"),
    ("COSMOS_DATABASE", "inventory"),
    ("COSMOS_CONTAINER", "events"),
    ("EVENT_HISTORY_TTL_DAYS", "730"),
    ("JWT_AUDIENCE", "inventory-production"),
    ("RATE_LIMIT_REQUESTS", "100"),
    ("RATE_LIMIT_WINDOW", "60"),
    ("CLIENT_IP_HEADER", "X-Azure-ClientIP"),
    ("ENVIRONMENT", "production"),
    (
        "REDIS_URL",
        "rediss://00000000-0000-0000-0000-0000000000b1@redis.westeurope.redis.azure.net:10000",
    ),
    ("LOG_LEVEL", "info"),
    (
        "ENTRA_ISSUER",
        "https://login.microsoftonline.com/00000000-0000-0000-0000-0000000000a1/v2.0",
    ),
    ("ENTRA_AUDIENCE", "00000000-0000-0000-0000-0000000000d1"),
    ("ENTRA_ROLE_MAP", "Inventory.Read=viewer"),
];

/// Resources that Azure has no tags for.
const UNTAGGED: &[&str] = &[
    "azurerm_cdn_frontdoor_custom_domain",
    "azurerm_cdn_frontdoor_origin",
    "azurerm_cdn_frontdoor_origin_group",
    "azurerm_cdn_frontdoor_route",
    "azurerm_cdn_frontdoor_security_policy",
    "azurerm_consumption_budget_resource_group",
    "azurerm_cosmosdb_sql_container",
    "azurerm_cosmosdb_sql_database",
    "azurerm_cosmosdb_sql_role_assignment",
    "azurerm_federated_identity_credential",
    "azurerm_managed_redis_access_policy_assignment",
    "azurerm_monitor_diagnostic_setting",
    "azurerm_nat_gateway_public_ip_association",
    "azurerm_postgresql_flexible_server_active_directory_administrator",
    "azurerm_postgresql_flexible_server_configuration",
    "azurerm_postgresql_flexible_server_database",
    "azurerm_postgresql_flexible_server_firewall_rule",
    "azurerm_role_assignment",
    "azurerm_servicebus_queue",
    "azurerm_servicebus_subscription",
    "azurerm_servicebus_subscription_rule",
    "azurerm_servicebus_topic",
    "azurerm_storage_container",
    "azurerm_storage_management_policy",
    "azurerm_subnet",
    "azurerm_subnet_nat_gateway_association",
    "azurerm_subnet_network_security_group_association",
];

fn terraform() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform")
}

fn parse(path: &Path) -> Body {
    let text = fs::read_to_string(path).unwrap();
    hcl::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder whose name ends so, without what Terraform puts there.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with(".terraform") {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn blocks<'b>(body: &'b Body, kind: &'b str) -> impl Iterator<Item = &'b Block> {
    body.blocks().filter(move |block| block.identifier.as_str() == kind)
}

fn label(block: &Block, index: usize) -> &str {
    block.labels.get(index).map(BlockLabel::as_str).unwrap()
}

fn attribute<'b>(body: &'b Body, name: &str) -> Option<&'b Expression> {
    body.attributes()
        .find(|attribute| attribute.key.as_str() == name)
        .map(Attribute::expr)
}

/// The members of all maps that an expression can give: `merge(…)`, `condition ? … : …`.
fn members<'e>(expression: &'e Expression, found: &mut Vec<(String, &'e Expression)>) {
    match expression {
        Expression::Object(object) => {
            for (key, value) in object {
                let ObjectKey::Identifier(name) = key else {
                    panic!("a setting's name is a word, not {key:?}");
                };
                found.push((name.to_string(), value));
            }
        }
        Expression::FuncCall(call) => {
            assert_eq!(call.name.name.as_str(), "merge", "settings are maps and merge()");
            for argument in &call.args {
                members(argument, found);
            }
        }
        Expression::Conditional(conditional) => {
            members(&conditional.true_expr, found);
            members(&conditional.false_expr, found);
        }
        Expression::Parenthesis(inner) => members(inner, found),
        other => panic!("settings.tf has maps of settings and nothing else, not {other:?}"),
    }
}

/// What `settings.tf` says: names, and values where they are plain text.
fn set() -> BTreeMap<String, Option<String>> {
    let body = parse(&terraform().join("settings.tf"));
    let mut found = Vec::new();
    for structure in &body {
        let Structure::Block(Block { identifier, body, .. }) = structure else {
            panic!("settings.tf has locals and nothing else");
        };
        assert_eq!(identifier.as_str(), "locals");
        for attribute in body.attributes() {
            members(&attribute.expr, &mut found);
        }
    }
    let count = found.len();
    let set: BTreeMap<_, _> = found
        .into_iter()
        .map(|(name, value)| {
            (
                name,
                if let Expression::String(text) = value {
                    Some(text.clone())
                } else {
                    None
                },
            )
        })
        .collect();
    assert_eq!(set.len(), count, "a setting is set twice");
    set
}

#[test]
fn terraform_sets_the_settings_that_the_program_knows() {
    let set = set();
    let known: BTreeMap<_, _> = settings::all().map(|setting| (setting.name, setting.kind)).collect();
    let left_out: BTreeSet<_> = NOT_IN_AZURE.iter().map(|(name, _)| *name).collect();
    for name in set.keys() {
        let kind = known.get(name.as_str());
        assert!(kind.is_some(), "{name} is no setting of the program");
        assert_ne!(kind, Some(&Kind::Platform), "{name} is the platform's to set");
        assert!(!left_out.contains(name.as_str()), "{name} is both set and left out");
    }
    for (name, kind) in &known {
        assert!(
            *kind == Kind::Platform || set.contains_key(*name) || left_out.contains(name),
            "{name} is neither in terraform/settings.tf nor, with a reason, in NOT_IN_AZURE"
        );
    }
    for name in left_out {
        assert!(known.contains_key(name), "{name} is left out and does not exist");
    }
}

#[test]
fn the_program_starts_with_what_terraform_sets() {
    let set = set();
    let applied: BTreeMap<_, _> = APPLIED.iter().copied().collect();
    for name in applied.keys() {
        assert!(
            matches!(set.get(*name), Some(None)),
            "{name} is not computed by Terraform"
        );
    }
    let value = |name: &str, text: &Option<String>| match text {
        Some(text) => text.clone(),
        None => (*applied.get(name).unwrap_or_else(|| panic!("APPLIED lacks {name}"))).to_owned(),
    };
    let mut values: BTreeMap<_, _> = set
        .iter()
        .map(|(name, text)| (name.clone(), value(name, text)))
        .collect();
    Settings::from_values(&values).unwrap();
    values.retain(|name, _| !IN_SOME.contains(&name.as_str()));
    Settings::from_values(&values).unwrap();
}

#[test]
fn the_record_of_functions_is_right() {
    let functions: BTreeMap<String, String> = files(&terraform().join("../functions"), "function.json")
        .iter()
        .map(|path| {
            let file: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            let name = path
                .parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            (name, file["bindings"][0]["type"].as_str().unwrap().to_owned())
        })
        .collect();
    let recorded = fs::read_to_string(terraform().join("functions.json")).unwrap();
    let expected = serde_json::to_string_pretty(&functions).unwrap() + "\n";
    assert!(recorded == expected, "terraform/functions.json must be:\n{expected}");
}

#[test]
fn every_resource_that_can_has_tags() {
    let untagged: BTreeSet<_> = UNTAGGED.iter().copied().collect();
    let mut met = BTreeSet::new();
    let mut count = 0;
    for path in files(&terraform(), ".tf") {
        for resource in blocks(&parse(&path), "resource") {
            let kind = label(resource, 0);
            if !kind.starts_with("azurerm_") {
                continue;
            }
            count += 1;
            let is_tagged = attribute(&resource.body, "tags").is_some();
            match untagged.get(kind) {
                Some(kind) => {
                    assert!(!is_tagged, "{kind} has tags after all");
                    met.insert(*kind);
                }
                None => assert!(
                    is_tagged,
                    "{}: {kind}.{} has no tags",
                    path.display(),
                    label(resource, 1)
                ),
            }
        }
    }
    assert_eq!(met, untagged, "UNTAGGED lists what does not exist");
    assert!(count > 40, "{count}");
}

#[test]
fn every_variable_and_output_is_explained() {
    let mut count = 0;
    for path in files(&terraform(), ".tf") {
        let body = parse(&path);
        for block in blocks(&body, "variable").chain(blocks(&body, "output")) {
            let about = attribute(&block.body, "description");
            let is_explained = match about {
                Some(Expression::String(text)) => text.ends_with('.'),
                Some(Expression::TemplateExpr(_)) => true,
                _ => false,
            };
            assert!(
                is_explained,
                "{}: {} has no description",
                path.display(),
                label(block, 0)
            );
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

/// Terraform's tests cannot be given a tfvars file: they hand over its variables one by one.
#[test]
fn tests_of_environments_hand_over_every_variable() {
    let root = parse(&terraform().join("variables.tf"));
    let variables: BTreeSet<_> = blocks(&root, "variable")
        .map(|block| label(block, 0).to_owned())
        .collect();
    let environments = files(&terraform().join("environments"), ".tfvars");
    assert_eq!(environments.len(), 4);
    for path in environments {
        let environment = path.file_stem().unwrap().to_string_lossy().into_owned();
        for attribute in parse(&path).attributes() {
            assert!(
                variables.contains(attribute.key()),
                "{}: {} is no variable",
                path.display(),
                attribute.key()
            );
        }
        let test = parse(&terraform().join(format!("tests/{environment}.tftest.hcl")));
        let plan = blocks(&test, "run").find(|run| label(run, 0) == "plan").unwrap();
        let handed = blocks(&plan.body, "variables").next().unwrap();
        let handed: BTreeSet<_> = handed
            .body
            .attributes()
            .map(|attribute| attribute.key().to_owned())
            .collect();
        assert_eq!(handed, variables, "{environment}");
    }
}

/// The members of a map, by name.
fn object(expression: &Expression) -> BTreeMap<String, &Expression> {
    let Expression::Object(object) = expression else {
        panic!("a map, not {expression:?}");
    };
    object
        .iter()
        .map(|(key, value)| match key {
            ObjectKey::Identifier(name) => (name.to_string(), value),
            key => panic!("a word, not {key:?}"),
        })
        .collect()
}

/// What a file's `locals` say under a name.
fn local(body: &Body, name: &str) -> Expression {
    blocks(body, "locals")
        .find_map(|locals| attribute(&locals.body, name))
        .cloned()
        .unwrap_or_else(|| panic!("no local {name}"))
}

/// Every alert's description has the address of a page; the table of pages says how bad each is.
#[test]
fn every_alert_has_its_runbook() {
    let body = parse(&terraform().join("modules/monitoring/alerts.tf"));
    let mut alerts = BTreeMap::new();
    for group in ["query_alerts", "metric_alerts"] {
        for (name, alert) in object(&local(&body, group)) {
            let Expression::Number(severity) = object(alert)["severity"] else {
                panic!("{name}: the severity is a number");
            };
            alerts.insert(name, severity.as_u64().unwrap());
        }
    }
    // No rule of Azure Monitor, so it has no severity there: the budget.
    alerts.insert("budget".to_owned(), 3);

    let runbooks = terraform().join("../docs/runbooks");
    let index = fs::read_to_string(runbooks.join("README.md")).unwrap();
    let mut listed = BTreeMap::new();
    for row in index.lines().filter(|line| line.starts_with("| [")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [page, _, severity] = cells[..] else { continue };
        let name = page.split_once(']').unwrap().0.trim_start_matches('[');
        assert_eq!(page, format!("[{name}]({name}.md)"));
        assert!(runbooks.join(format!("{name}.md")).is_file(), "{name}");
        listed.insert(name.to_owned(), severity.parse::<u64>().unwrap());
    }
    assert_eq!(listed, alerts);
}

fn word<'b>(body: &'b Body, name: &str) -> &'b str {
    match attribute(body, name) {
        Some(Expression::String(text)) => text,
        other => panic!("{name} is a text, not {other:?}"),
    }
}

/// No schema was at hand for the provider of this folder, so what it must say is read from it.
#[test]
fn the_repository_is_guarded() {
    let folder = terraform().join("azuredevops");
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder, ".tf") {
        for resource in blocks(&parse(&path), "resource") {
            let kind = label(resource, 0);
            let says = |name: &str| attribute(&resource.body, name).cloned();
            *met.entry(kind.to_owned()).or_default() += 1;
            if kind.starts_with("azuredevops_branch_policy_") {
                for name in ["enabled", "blocking"] {
                    assert_eq!(says(name), Some(Expression::Bool(true)), "{kind}: {name}");
                }
                let settings = blocks(&resource.body, "settings").next().unwrap();
                let scope = blocks(&settings.body, "dynamic").next().unwrap();
                assert_eq!(label(scope, 0), "scope", "{kind} holds for all protected branches");
            }
            match kind {
                "azuredevops_branch_policy_min_reviewers" => {
                    let settings = &blocks(&resource.body, "settings").next().unwrap().body;
                    assert_eq!(attribute(settings, "reviewer_count"), Some(&Expression::from(2)));
                    assert_eq!(
                        attribute(settings, "submitter_can_vote"),
                        Some(&Expression::Bool(false))
                    );
                    assert_eq!(
                        attribute(settings, "last_pusher_cannot_approve"),
                        Some(&Expression::Bool(true))
                    );
                }
                "azuredevops_git_permissions" => {
                    let permissions = says("permissions").unwrap();
                    for name in ["ForcePush", "PolicyExempt", "PullRequestBypassPolicy"] {
                        assert_eq!(object(&permissions)[name], &Expression::from("Deny"), "{name}");
                    }
                }
                "azuredevops_check_approval" => {
                    assert_eq!(says("requester_can_approve"), Some(Expression::Bool(false)));
                }
                "azuredevops_serviceendpoint_azurerm" => {
                    assert_eq!(
                        word(&resource.body, "service_endpoint_authentication_scheme"),
                        "WorkloadIdentityFederation"
                    );
                    let credentials = &blocks(&resource.body, "credentials").next().unwrap().body;
                    assert!(attribute(credentials, "serviceprincipalkey").is_none());
                }
                "azuredevops_variable_group" => assert_eq!(says("allow_access"), Some(Expression::Bool(false))),
                _ => {}
            }
        }
    }
    for kind in [
        "azuredevops_branch_policy_min_reviewers",
        "azuredevops_branch_policy_work_item_linking",
        "azuredevops_branch_policy_build_validation",
        "azuredevops_git_permissions",
        "azuredevops_environment",
        "azuredevops_check_approval",
        "azuredevops_serviceendpoint_azurerm",
        "azuredevops_variable_group",
        "azuredevops_build_definition",
    ] {
        assert!(met.contains_key(kind), "{kind} is missing");
    }
}

/// Alerts, workbook and dashboard ask for metrics that the program has.
#[test]
fn queries_ask_for_metrics_that_exist() {
    let documented = fs::read_to_string(terraform().join("../docs/telemetry.md")).unwrap();
    let mut asked = BTreeSet::new();
    for path in files(&terraform().join("modules/monitoring"), ".tf") {
        let text = fs::read_to_string(&path).unwrap();
        for quoted in text.split("name == '").skip(1) {
            asked.insert(quoted.split('\'').next().unwrap().to_owned());
        }
    }
    assert!(asked.len() >= 4, "{asked:?}");
    for metric in asked {
        assert!(documented.contains(&format!("| `{metric}` |")), "{metric} is no metric");
    }
}

/// What the project's pipelines are made from is there, and the variables they read are given.
#[test]
fn pipelines_find_their_files_and_variables() {
    let folder = terraform().join("azuredevops");
    let root = terraform().join("..");
    let variables = parse(&folder.join("variables.tf"));
    let pipelines = blocks(&variables, "variable")
        .find(|variable| label(variable, 0) == "pipelines")
        .unwrap();
    let paths = object(attribute(&pipelines.body, "default").unwrap());
    assert!(paths.len() >= 3);
    for (name, path) in paths {
        let Expression::String(path) = path else {
            panic!("{name}")
        };
        assert!(root.join(path).is_file(), "{name}: there is no {path}");
    }

    // A deployment says in a comment which variables of the environment's group it reads.
    let given = fs::read_to_string(folder.join("pipelines.tf")).unwrap();
    let mut count = 0;
    for template in files(&root.join(".azuredevops/templates"), ".yml") {
        let text = fs::read_to_string(&template).unwrap();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            let Some(names) = line.strip_prefix("# ").filter(|_| {
                lines
                    .clone()
                    .next()
                    .is_some_and(|next| next.starts_with("- group: inventory-"))
            }) else {
                continue;
            };
            let names = names.split('(').next().unwrap();
            for name in names.split(", ").map(str::trim) {
                assert!(given.contains(name), "{}: nobody gives {name}", template.display());
                count += 1;
            }
        }
    }
    assert!(count > 10, "{count}");
}
