//! What `kubectl apply -k` would send, for each environment.

use crate::{
    tools::{said, succeed, tool},
    yaml,
};
use inventory_tests::running::{Directory, program, root};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};

const ENVIRONMENTS: [&str; 4] = ["dev", "qa", "staging", "production"];

/// The text that kustomize makes.
fn build(environment: &str) -> String {
    succeed(tool("kubectl").args(["kustomize", &format!("kubernetes/overlays/{environment}")]))
}

/// The objects by their kinds; there is one of each.
fn objects(environment: &str) -> BTreeMap<String, Value> {
    let mut objects = BTreeMap::new();
    for object in yaml::parse(&build(environment)) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        assert!(objects.insert(kind, object).is_none(), "two of a kind");
    }
    objects
}

#[test]
fn what_kubernetes_knows_fits_its_schemas() {
    let directory = Directory::new();
    let file = directory.path().join("objects.yaml");
    let validate = |text: &str| {
        std::fs::write(&file, text).unwrap();
        tool("kubernetes-validate").arg("--strict").arg(&file).output().unwrap()
    };
    for environment in ENVIRONMENTS {
        let built = build(environment);
        let output = validate(&built);
        assert!(output.status.success(), "{environment}: {}", said(&output));
    }
    let output = validate(&build("dev").replace("serviceAccountName:", "serviceAccount_name:"));
    assert!(!output.status.success(), "{}", said(&output));
}

// Custom resources, with every field that their references document for what is used here, and no other.
// https://keda.sh/docs/latest/reference/scaledobject-spec/ and .../scalers/azure-service-bus/, .../scalers/external-push/
// https://keda.sh/http-add-on/latest/reference/httpscaledobject/
// https://keda.sh/docs/latest/concepts/authentication/
// https://azure.github.io/secrets-store-csi-driver-provider-azure/docs/getting-started/usage/

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Resource<T> {
    #[serde(rename = "apiVersion")]
    version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "metadata")]
    _metadata: Metadata,
    spec: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read to see that nothing else is there")]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ScaledObject {
    scale_target_ref: ScaleTarget,
    polling_interval: u32,
    cooldown_period: u32,
    min_replica_count: u32,
    max_replica_count: u32,
    fallback: Fallback,
    triggers: Vec<Trigger>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleTarget {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Fallback {
    failure_threshold: u32,
    replicas: u32,
}

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Trigger {
    #[serde(rename = "azure-servicebus", rename_all = "camelCase")]
    ServiceBus {
        metadata: QueueLength,
        authentication_ref: ScaleTarget,
    },
    #[serde(rename = "external-push")]
    Push { metadata: Push },
}

/// Trigger metadata are strings, all of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct QueueLength {
    queue_name: String,
    namespace: String,
    message_count: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Push {
    http_scaled_object: String,
    scaler_address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HttpScaledObject {
    hosts: Vec<String>,
    scale_target_ref: HttpTarget,
    replicas: Replicas,
    scaledown_period: u32,
    scaling_metric: ScalingMetric,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HttpTarget {
    name: String,
    kind: String,
    api_version: String,
    service: String,
    port: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replicas {
    min: u32,
    max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalingMetric {
    concurrency: Concurrency,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Concurrency {
    target_value: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TriggerAuthentication {
    pod_identity: PodIdentity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PodIdentity {
    provider: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SecretProviderClass {
    provider: String,
    parameters: VaultParameters,
    secret_objects: Vec<SecretObject>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct VaultParameters {
    use_pod_identity: String,
    #[serde(rename = "clientID")]
    client_id: String,
    tenant_id: String,
    keyvault_name: String,
    objects: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SecretObject {
    secret_name: String,
    #[serde(rename = "type")]
    kind: String,
    data: Vec<SecretData>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SecretData {
    object_name: String,
    key: String,
}

fn read<T: serde::de::DeserializeOwned>(objects: &BTreeMap<String, Value>, kind: &str, version: &str) -> T {
    let object: Resource<T> =
        serde_json::from_value(objects[kind].clone()).unwrap_or_else(|error| panic!("{kind}: {error}"));
    assert_eq!(object.version, version);
    object.spec
}

#[test]
fn scaling_follows_what_one_instance_takes() {
    let host: Value = serde_json::from_str(&std::fs::read_to_string(root().join("host.json")).unwrap()).unwrap();
    let batch = host["extensions"]["serviceBus"]["maxMessageBatchSize"]
        .as_u64()
        .unwrap();
    // The host's limit on requests at once, where it has one, or the handler's.
    let context = std::fs::read_to_string(root().join("handlers/src/http/context.rs")).unwrap();
    let (_, limit) = context.split_once("CONCURRENT_REQUESTS_MAX: usize = ").unwrap();
    let limit: u64 = limit.split(';').next().unwrap().replace('_', "").parse().unwrap();
    let limit = host["extensions"]["http"]["maxConcurrentRequests"]
        .as_u64()
        .unwrap_or(limit);

    for environment in ENVIRONMENTS {
        let objects = objects(environment);
        let by_queue: ScaledObject = read(&objects, "ScaledObject", "keda.sh/v1alpha1");
        let by_http: HttpScaledObject = read(&objects, "HTTPScaledObject", "http.keda.sh/v1alpha1");
        let authentication: TriggerAuthentication = read(&objects, "TriggerAuthentication", "keda.sh/v1alpha1");

        let [
            Trigger::ServiceBus {
                metadata: queue,
                authentication_ref,
            },
            Trigger::Push { metadata: push },
        ] = by_queue.triggers.as_slice()
        else {
            panic!("{environment}: other triggers");
        };
        assert_eq!(queue.queue_name, "orders");
        assert_eq!(
            queue.message_count.parse::<u64>().unwrap(),
            batch,
            "a pod for each full batch"
        );
        assert!(
            by_http.scaling_metric.concurrency.target_value <= limit / 2,
            "more pods before one says no"
        );
        assert_eq!(authentication.pod_identity.provider, "azure-workload");

        // They speak of the same things.
        assert_eq!(
            authentication_ref.name,
            objects["TriggerAuthentication"]["metadata"]["name"]
        );
        assert_eq!(push.http_scaled_object, objects["HTTPScaledObject"]["metadata"]["name"]);
        assert!(push.scaler_address.ends_with(":9090"));
        let deployment = &objects["Deployment"]["metadata"]["name"];
        assert_eq!(by_queue.scale_target_ref.name, *deployment);
        let target = &by_http.scale_target_ref;
        assert_eq!(
            (target.kind.as_str(), target.api_version.as_str()),
            ("Deployment", "apps/v1")
        );
        assert_eq!(target.name, *deployment);
        assert_eq!(target.service, objects["Service"]["metadata"]["name"]);
        assert_eq!(target.port, objects["Service"]["spec"]["ports"][0]["port"]);

        // One of them scales, in the bounds of both.
        assert_eq!(
            objects["HTTPScaledObject"]["metadata"]["annotations"]["httpscaledobject.keda.sh/skip-scaledobject-creation"],
            "true"
        );
        assert_eq!(
            (by_http.replicas.min, by_http.replicas.max),
            (by_queue.min_replica_count, by_queue.max_replica_count)
        );
        assert!(objects["Deployment"]["spec"].get("replicas").is_none());
        assert!(
            by_queue.min_replica_count < by_queue.max_replica_count
                && by_queue.fallback.replicas <= by_queue.max_replica_count
        );
        assert!(by_queue.fallback.failure_threshold > 1 && by_queue.polling_interval <= 30);
        assert_eq!(by_queue.cooldown_period, by_http.scaledown_period);
        assert_eq!(by_http.hosts.len(), 1);

        let namespace = objects["ConfigMap"]["data"]["ServiceBusConnection__fullyQualifiedNamespace"]
            .as_str()
            .unwrap();
        assert_eq!(namespace, format!("{}.servicebus.windows.net", queue.namespace));
    }
    let production: ScaledObject = read(&objects("production"), "ScaledObject", "keda.sh/v1alpha1");
    assert!(production.min_replica_count >= 3, "one in each zone");
}

#[test]
fn secrets_come_from_the_vault_by_the_pods_identity() {
    for environment in ENVIRONMENTS {
        let objects = objects(environment);
        let class: SecretProviderClass = read(&objects, "SecretProviderClass", "secrets-store.csi.x-k8s.io/v1");
        assert_eq!(
            (class.provider.as_str(), class.parameters.use_pod_identity.as_str()),
            ("azure", "false")
        );
        assert!(!class.parameters.tenant_id.is_empty());
        let account = &objects["ServiceAccount"]["metadata"]["annotations"];
        assert_eq!(account["azure.workload.identity/client-id"], class.parameters.client_id);
        let vault = objects["ConfigMap"]["data"]["AZURE_KEYVAULT_URL"].as_str().unwrap();
        assert_eq!(
            vault,
            format!("https://{}.vault.azure.net", class.parameters.keyvault_name)
        );
        let [secret] = class.secret_objects.as_slice() else {
            panic!("one secret");
        };
        assert_eq!(secret.kind, "Opaque");
        for data in &secret.data {
            // The program's own names: docs/settings.md.
            assert_eq!(data.object_name, data.key.to_lowercase().replace('_', "-"));
            assert!(
                class
                    .parameters
                    .objects
                    .contains(&format!("objectName: {}", data.object_name))
            );
        }
        let pod = &objects["Deployment"]["spec"]["template"]["spec"];
        assert_eq!(
            pod["containers"][0]["envFrom"][1]["secretRef"]["name"],
            secret.secret_name
        );
        assert_eq!(pod["serviceAccountName"], objects["ServiceAccount"]["metadata"]["name"]);
        // No secret stands here.
        assert!(!objects.contains_key("Secret"));
    }
}

#[test]
fn the_program_takes_the_settings() {
    let documented = std::fs::read_to_string(root().join("docs/settings.md")).unwrap();
    for environment in ENVIRONMENTS {
        let objects = objects(environment);
        let settings: BTreeMap<String, String> = serde_json::from_value(objects["ConfigMap"]["data"].clone()).unwrap();
        for name in settings.keys() {
            let is_hosts = name.starts_with("AzureWebJobsStorage__");
            assert!(is_hosts || documented.contains(&format!("| `{name}` |")), "{name}");
        }
        // What outlives a pod is kept outside it, and what pods share is counted in one place.
        for name in ["DATABASE_URL", "COSMOS_ENDPOINT", "BLOB_STORAGE_ENDPOINT"] {
            assert!(settings.contains_key(name), "{environment}: {name}");
        }
        assert_eq!(settings.contains_key("REDIS_URL"), environment != "dev");
        assert_eq!(settings["ENVIRONMENT"], environment);
        assert_eq!(settings["MIGRATE_ON_START"], "false");
        let mut check = Command::new(program("inventory"));
        check
            .args(["settings", "check"])
            .env_clear()
            .envs(&settings)
            .env("JWT_KEYS", "a-key-for-a-test-of-32-bytes-or-more");
        succeed(&mut check);
    }
}

#[test]
fn pods_may_do_little_and_go_one_by_one() {
    for environment in ENVIRONMENTS {
        let objects = objects(environment);
        let deployment = &objects["Deployment"]["spec"];
        let pod = &deployment["template"]["spec"];
        let container = &pod["containers"][0];
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
        let user = pod["securityContext"]["runAsUser"].as_u64().unwrap();
        let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
        assert!(dockerfile.contains(&format!("USER {user}:")), "the image's user");
        assert_eq!(deployment["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
        for probe in ["startupProbe", "livenessProbe"] {
            assert_eq!(container[probe]["httpGet"]["path"], "/live");
        }
        assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/ready");
        assert!(container["resources"]["limits"]["memory"].is_string());
        assert!(
            container["image"].as_str().unwrap().contains("/inventory:"),
            "{}",
            container["image"]
        );

        let labels = &deployment["template"]["metadata"]["labels"];
        assert_eq!(labels["azure.workload.identity/use"], "true");
        for selector in [
            &deployment["selector"]["matchLabels"],
            &objects["Service"]["spec"]["selector"],
            &objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            &objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        ] {
            let selector = selector.as_object().unwrap();
            assert!(
                !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value),
                "{selector:?}"
            );
        }
        assert_eq!(
            objects["NetworkPolicy"]["spec"]["policyTypes"],
            serde_json::json!(["Ingress", "Egress"])
        );
        assert_eq!(
            objects["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
            "restricted"
        );
    }
}

#[test]
fn every_manifest_is_part_of_the_base() {
    let base = yaml::read(Path::new("kubernetes/base/kustomization.yaml"));
    let mut named: Vec<_> = base["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    named.push("kustomization.yaml".to_owned());
    named.sort();
    let there: Vec<_> = yaml::files_under("kubernetes/base", "yaml")
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(named, there);
}
