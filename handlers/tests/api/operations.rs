//! Every operation, as the API document shows it: its example works, its answer is one of those that are documented, a request that
//! is sent again changes nothing, a write is in the audit trail, and what is wrong is refused in documented words. (Who may do
//! what: `tokens::every_operation_takes_its_role`.)

use crate::{
    client::{Answer, Api},
    consistency::violations,
    files::Folder,
    payments,
};
use http::Method;
use inventory_handlers::{OPERATIONS, Role, openapi_document};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Something that was there before an example was sent.
#[derive(Clone, Copy)]
enum Step {
    /// The example of this operation was sent.
    Example(&'static str),
    /// And what it made is what the path names.
    Named(&'static str),
    /// Another request.
    Sent(&'static str, &'static str, &'static str),
    /// A message on the queue `orders`.
    Message(&'static str),
    /// A timer was due.
    Timer(&'static str),
    /// A user who may sign in.
    User(&'static str),
}

use Step::{Example, Message, Named, Sent, Timer, User};

const PRODUCT: &[Step] = &[Example("products_create")];
/// A hundred units at the second location, as in the document's story.
const STOCK: &[Step] = &[
    Sent("POST", "/api/v1/locations", r#"{ "code": "MAIN", "name": "Main" }"#),
    Example("products_create"),
    Example("inventory_add"),
];
/// The document's order, decided; what is left is low.
const ORDER: &[Step] = &[Message(
    r#"{ "order_id": "019b8d7a-7c00-7000-8000-000000000001", "customer": "C-1", "hold_minutes": 60, "lines": [{ "product_id": 1, "quantity": 85 }] }"#,
)];
const SHIPPED: &[Step] = &[Example("orders_ship")];
const SUPPLIER: &[Step] = &[Example("suppliers_create")];
const PURCHASE: &[Step] = &[Example("purchases_create")];
const COUNT: &[Step] = &[Example("counts_create")];
const CHANNEL: &[Step] = &[Example("channels_create")];
const WEBHOOK: &[Step] = &[Example("webhooks_create")];
const RESERVATION: &[Step] = &[Named("reservations_create")];
/// Something to send off from the first location.
const TRANSFER: &[Step] = &[
    Sent(
        "POST",
        "/api/v1/inventory",
        r#"{ "product_id": 1, "location": "MAIN", "quantity": 50 }"#,
    ),
    Example("transfers_create"),
];
const EXPORT: &[Step] = &[Example("exports_create"), Timer("files_work")];
const IMPORT: &[Step] = &[Example("imports_create"), Timer("files_work")];
const PARKED: &[Step] = &[Message(
    r#"{ "customer": "C-1", "lines": [{ "sku": "NOPE", "quantity": 1 }] }"#,
)];
const CLIENT: &[Step] = &[Example("clients_create")];
const USER: &[Step] = &[Example("users_create")];
const KEY: &[Step] = &[Example("keys_create")];

/// What each operation's example needs.
#[rustfmt::skip]
const NEEDS: &[(&str, &[&[Step]])] = &[
    ("products_list", &[]),
    ("products_create", &[]),
    ("products_get", &[PRODUCT]),
    ("products_update", &[&[Sent("POST", "/api/v1/products", r#"{ "sku": "TEA", "name": "Tea", "unit_price_minor": 1250, "currency": "USD" }"#)]]),
    ("products_archive", &[PRODUCT]),
    ("locations_list", &[]),
    ("locations_create", &[]),
    ("locations_get", &[&[Example("locations_create")]]),
    ("locations_update", &[&[Sent("POST", "/api/v1/locations", r#"{ "name": "Warehouse A" }"#)]]),
    ("inventory_list", &[]),
    ("inventory_add", &[PRODUCT]),
    ("inventory_get", &[STOCK]),
    ("inventory_update", &[STOCK, &[Example("inventory_adjust")]]),
    ("inventory_adjust", &[STOCK]),
    ("inventory_movements", &[STOCK]),
    ("inventory_low_stock", &[]),
    ("inventory_value", &[]),
    ("inventory_at", &[]),
    ("transfers_list", &[STOCK, TRANSFER]),
    ("transfers_create", &[STOCK]),
    ("transfers_get", &[STOCK, TRANSFER]),
    ("transfers_update", &[STOCK, &[Sent("POST", "/api/v1/transfers", r#"{ "from_location": "MAIN", "to_location_id": 2, "lines": [{ "product_id": 1, "quantity": 30 }] }"#)]]),
    ("transfers_dispatch", &[STOCK, TRANSFER]),
    ("transfers_receive", &[STOCK, TRANSFER, &[Example("transfers_dispatch")]]),
    ("transfers_cancel", &[STOCK, TRANSFER]),
    ("reservations_list", &[STOCK, RESERVATION]),
    ("reservations_create", &[STOCK]),
    ("reservations_get", &[STOCK, RESERVATION]),
    ("reservations_extend", &[STOCK, RESERVATION]),
    ("reservations_release", &[STOCK, RESERVATION]),
    ("reservations_commit", &[STOCK, RESERVATION]),
    ("orders_list", &[]),
    ("orders_create", &[STOCK]),
    ("orders_get", &[STOCK, ORDER]),
    ("orders_cancel", &[STOCK, ORDER]),
    ("orders_ship", &[STOCK, ORDER]),
    ("orders_pace", &[]),
    ("orders_events", &[STOCK, ORDER]),
    ("orders_shipments", &[STOCK, ORDER, SHIPPED]),
    ("orders_timeline", &[STOCK, ORDER, SHIPPED]),
    ("returns_list", &[STOCK, ORDER, SHIPPED, &[Example("returns_create")]]),
    ("returns_create", &[STOCK, ORDER, SHIPPED]),
    ("returns_get", &[STOCK, ORDER, SHIPPED, &[Named("returns_create")]]),
    ("payments_webhook", &[STOCK, ORDER]),
    ("events_list", &[STOCK, ORDER]),
    ("alerts_list", &[]),
    ("alerts_get", &[STOCK, ORDER]),
    ("alerts_acknowledge", &[STOCK, ORDER]),
    ("alerts_snooze", &[STOCK, ORDER]),
    ("channels_list", &[CHANNEL]),
    ("channels_create", &[]),
    ("channels_get", &[CHANNEL]),
    ("channels_update", &[CHANNEL]),
    ("channels_delete", &[CHANNEL]),
    ("channels_test", &[CHANNEL]),
    ("channels_deliveries", &[CHANNEL, &[Example("channels_test")]]),
    ("channels_redeliver", &[CHANNEL, &[Named("channels_test")]]),
    ("webhooks_list", &[WEBHOOK]),
    ("webhooks_create", &[]),
    ("webhooks_get", &[WEBHOOK]),
    ("webhooks_update", &[WEBHOOK]),
    ("webhooks_delete", &[WEBHOOK]),
    ("webhooks_rotate", &[WEBHOOK]),
    ("webhooks_enable", &[WEBHOOK, &[Sent("PATCH", "/api/v1/webhooks/1", r#"{ "enabled": false }"#)]]),
    ("webhooks_test", &[WEBHOOK]),
    ("webhooks_deliveries", &[WEBHOOK, &[Example("webhooks_test")]]),
    ("webhooks_redeliver", &[WEBHOOK, &[Named("webhooks_test")]]),
    ("suppliers_list", &[PRODUCT, SUPPLIER]),
    ("suppliers_create", &[PRODUCT]),
    ("suppliers_get", &[PRODUCT, SUPPLIER]),
    ("suppliers_update", &[PRODUCT, SUPPLIER]),
    ("purchases_list", &[STOCK, SUPPLIER, PURCHASE]),
    ("purchases_create", &[STOCK, SUPPLIER]),
    ("purchases_get", &[STOCK, SUPPLIER, PURCHASE]),
    ("purchases_update", &[STOCK, SUPPLIER, PURCHASE]),
    ("purchases_order", &[STOCK, SUPPLIER, PURCHASE]),
    ("purchases_receive", &[STOCK, SUPPLIER, PURCHASE, &[Example("purchases_order")]]),
    ("purchases_cancel", &[STOCK, SUPPLIER, PURCHASE]),
    ("replenishment_suggestions", &[STOCK, SUPPLIER, ORDER]),
    ("replenishment_order", &[STOCK, SUPPLIER, ORDER]),
    ("counts_list", &[STOCK, COUNT]),
    ("counts_create", &[STOCK]),
    ("counts_get", &[STOCK, COUNT]),
    ("counts_record", &[STOCK, COUNT]),
    ("counts_post", &[STOCK, COUNT, &[Example("counts_record")]]),
    ("counts_cancel", &[STOCK, COUNT]),
    ("exports_list", &[STOCK, EXPORT]),
    ("exports_create", &[STOCK]),
    ("exports_get", &[STOCK, EXPORT]),
    ("exports_download", &[STOCK, EXPORT]),
    ("imports_list", &[IMPORT]),
    ("imports_create", &[]),
    ("imports_get", &[IMPORT]),
    ("parked_list", &[PARKED]),
    ("parked_get", &[PARKED]),
    ("parked_replay", &[PARKED]),
    ("token_create", &[&[User("mary")]]),
    ("token_revoke", &[]),
    ("token_keys", &[]),
    ("clients_list", &[CLIENT]),
    ("clients_create", &[]),
    ("clients_get", &[CLIENT]),
    ("clients_update", &[CLIENT]),
    ("clients_rotate", &[CLIENT]),
    ("clients_delete", &[CLIENT]),
    ("users_list", &[USER]),
    ("users_create", &[]),
    ("users_get", &[USER]),
    ("users_update", &[USER]),
    ("users_delete", &[USER]),
    ("keys_list", &[KEY]),
    ("keys_create", &[]),
    ("keys_get", &[KEY]),
    ("keys_revoke", &[KEY]),
    ("customers_list", &[STOCK, ORDER]),
    ("customers_get", &[STOCK, ORDER]),
    ("customers_erase", &[STOCK, ORDER]),
    ("audit_list", &[PRODUCT]),
    ("audit_accesses", &[]),
    ("system_health", &[]),
    ("system_ready", &[]),
    ("system_live", &[]),
    ("system_metrics", &[]),
    ("system_dashboard", &[]),
    ("system_assets", &[]),
    ("docs_openapi", &[]),
    ("docs_ui", &[]),
    ("docs_redoc", &[]),
    ("docs_problem", &[]),
    ("docs_assets", &[]),
];

/// A method of a path, as the document has it.
struct Described<'a> {
    document: &'a Value,
    path: &'a str,
    method: Method,
    operation: &'a Value,
}

/// All of them.
fn described(document: &Value) -> Vec<Described<'_>> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push(Described {
                document,
                path,
                method: method.to_uppercase().parse().unwrap(),
                operation,
            });
        }
    }
    all
}

/// The first method of a function.
fn by_name<'a>(document: &'a Value, name: &str) -> Described<'a> {
    let found = described(document).into_iter().find(|described| described.id() == name);
    found.unwrap_or_else(|| panic!("{name} is not in the document"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Described<'_> {
    fn id(&self) -> &str {
        self.operation["operationId"].as_str().unwrap()
    }

    /// The function that it is a method of.
    fn function(&self) -> &'static str {
        let of = |name: &&str| self.id() == *name || self.id() == format!("{name}_{}", self.method).to_lowercase();
        OPERATIONS.iter().map(|operation| operation.name).find(of).unwrap()
    }

    fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.operation["parameters"].as_array().into_iter().flatten()
    }

    fn has(&self, parameter: &str) -> bool {
        self.parameters().any(|known| known["name"] == parameter)
    }

    fn writes(&self) -> bool {
        self.method != Method::GET
    }

    /// The path with what it names (else its example) and what its query needs.
    fn address(&self, named: Option<&str>) -> String {
        let mut path = self.path.to_owned();
        let mut query = Vec::new();
        for parameter in self.parameters() {
            let (name, example) = (parameter["name"].as_str().unwrap(), text(&parameter["example"]));
            if parameter["in"] == "path" {
                path = path.replace(&format!("{{{name}}}"), named.unwrap_or(&example));
            } else if parameter["in"] == "query" && parameter["required"] == true {
                query.push(format!("{name}={example}"));
            }
        }
        if !query.is_empty() {
            path += "?";
            path += &query.join("&");
        }
        path
    }

    /// The media type and the text of the body, where there is one.
    fn body(&self) -> Option<(String, String)> {
        let content = self.operation["requestBody"]["content"].as_object()?;
        let (media_type, content) = content.iter().next().unwrap();
        let example = &content["example"];
        let body = match media_type.as_str() {
            "application/x-www-form-urlencoded" => {
                let members = example.as_object().unwrap().iter();
                let pairs: Vec<_> = members.map(|(name, value)| format!("{name}={}", text(value))).collect();
                pairs.join("&").replace(' ', "+")
            }
            _ => text(example),
        };
        Some((media_type.clone(), body))
    }

    /// Sends the example.
    async fn send(&self, api: &Api, named: Option<&str>, more: &[(&str, &str)]) -> Answer {
        let body = self.body();
        let signature = body
            .as_ref()
            .map(|(_, body)| payments::header(body))
            .unwrap_or_default();
        let mut headers = more.to_vec();
        if let Some((media_type, _)) = &body {
            headers.push(("content-type", media_type));
        }
        if self.has("Stripe-Signature") {
            headers.push(("stripe-signature", &signature));
        }
        // Where it must start from a version, it starts from what is there.
        let mut version = None;
        if self.operation["responses"].get("428").is_some() {
            let now = api.get(&self.address(named)).await;
            version = now.header("etag").map(str::to_owned);
        }
        if let Some(version) = &version {
            headers.push(("if-match", version));
        }
        let body = body.as_ref().map(|(_, body)| body.clone()).unwrap_or_default();
        api.send(self.method.clone(), &self.address(named), &headers, body)
            .await
    }

    /// What of this answer is not as it is documented.
    fn undocumented(&self, answer: &Answer) -> Result<(), String> {
        let status = answer.status.as_str();
        let said = || String::from_utf8_lossy(&answer.bytes).into_owned();
        let Some(response) = self.operation["responses"].get(status) else {
            return Err(format!("{status} is not documented: {}", said()));
        };
        let Some(media_type) = answer.header("content-type") else {
            return if response["content"].as_object().is_none_or(serde_json::Map::is_empty) && answer.bytes.is_empty() {
                Ok(())
            } else {
                Err(format!("{status} without a content type"))
            };
        };
        let media_type = media_type.split(';').next().unwrap_or_default();
        let content = &response["content"][media_type];
        if content.is_null() {
            return Err(format!("{status} as {media_type} is not documented: {}", said()));
        }
        if media_type == "application/problem+json" {
            let code = answer.body()["code"].as_str().unwrap().to_owned();
            return match content["examples"].get(&code) {
                Some(_) => Ok(()),
                None => Err(format!("{status} {code} is not documented: {}", said())),
            };
        }
        if media_type == "application/json" {
            let found = violations(self.document, &content["schema"], &answer.body());
            if !found.is_empty() {
                return Err(format!("{status} is not as its schema says: {found:?}"));
            }
        }
        Ok(())
    }
}

/// A program that has everything set up, and what stood in its way.
async fn prepare(document: &Value, function: &str, folder: &Folder) -> Result<(Api, Option<String>), String> {
    let Some((_, needs)) = NEEDS.iter().find(|(name, _)| *name == function) else {
        return Err(format!(
            "{function} is new: add to NEEDS in handlers/tests/api/operations.rs what must be there before the example of its \
             document works (`&[]`: nothing)"
        ));
    };
    let mut settings = vec![
        ("CLIENT_IP_HEADER", "Client-IP"),
        ("FILES_DIRECTORY", folder.0.to_str().unwrap()),
        ("WEBHOOK_MASTER_KEY", "a master key of these tests"),
        ("PAYMENT_WEBHOOK_SECRETS", payments::SECRET),
    ];
    let signs_in = needs.iter().copied().flatten().any(|step| matches!(step, User(_)));
    if signs_in {
        settings.push(("JWT_KEYS", crate::accounts::SHARED_KEY));
    }
    let api = Api::unstarted(&settings);
    api.app.start().await;
    let mut named = None;
    for (index, step) in needs.iter().copied().flatten().enumerate() {
        let answer = match *step {
            Example(name) | Named(name) => by_name(document, name).send(&api, None, &[]).await,
            Sent(method, path, body) => {
                let body: Value = serde_json::from_str(body).unwrap();
                api.json(method.parse().unwrap(), path, &[], &body).await
            }
            Message(body) => api.deliver("orders_process", &[(&format!("m-{index}"), body)]).await,
            Timer(name) => api.tick(name).await,
            User(name) => {
                api.user(name, Role::Clerk).await;
                continue;
            }
        };
        if !answer.status.is_success() {
            let said = String::from_utf8_lossy(&answer.bytes).into_owned();
            return Err(format!("step {index}: {} {said}", answer.status));
        }
        if let Named(_) = step {
            named = Some(text(&answer.body()["id"]));
        }
    }
    Ok((api, named))
}

/// The answer without what is told once.
fn without_secrets(answer: &Answer) -> Value {
    let mut body = answer.body();
    for name in ["api_key", "client_secret", "secret"] {
        if let Some(secret) = body.get_mut(name) {
            *secret = Value::Null;
        }
    }
    body
}

/// Sends the example of an operation to a program that has what it needs, and holds what comes against the document.
async fn works(described: &Described<'_>) -> Result<(), String> {
    let folder = Folder::new();
    let (api, named) = prepare(described.document, described.function(), &folder).await?;
    let headers = [
        ("x-request-id", described.id()),
        ("client-ip", "192.0.2.7:4711"),
        ("idempotency-key", "k-1"),
    ];
    let headers = if described.has("Idempotency-Key") {
        &headers[..]
    } else {
        &headers[..2]
    };
    let answer = described.send(&api, named.as_deref(), headers).await;
    if !answer.status.is_success() {
        let said = String::from_utf8_lossy(&answer.bytes).into_owned();
        return Err(format!("its example does not work: {} {said}", answer.status));
    }
    described.undocumented(&answer)?;
    // Signing in and out changes nothing that anybody keeps; and the tests of payments look for their rows themselves.
    let is_recorded =
        described.writes() && !matches!(described.operation["tags"][0].as_str(), Some("token" | "payments"));
    if is_recorded {
        recorded(described, &api).await?;
    }
    if described.has("Idempotency-Key") {
        repeated(described, &api, named.as_deref(), headers, &answer).await?;
    }
    Ok(())
}

/// Rows of the audit trail by this caller.
async fn trail(api: &Api, query: &str) -> (Vec<Value>, String) {
    let path = format!("/api/v1/audit?actor=anonymous&count=true&{query}");
    let answer = api.get(&path).await.expect(200);
    (answer.items(), answer.header("x-total-count").unwrap().to_owned())
}

/// A write leaves a row of its own.
async fn recorded(described: &Described<'_>, api: &Api) -> Result<(), String> {
    let function = described.function();
    let (rows, _) = trail(api, &format!("action={function}")).await;
    let Some(row) = rows.iter().find(|row| row["request_id"] == described.id()) else {
        return Err(format!("it leaves no row of its own in the audit trail: {rows:?}"));
    };
    let is_new = function.ends_with("_create")
        || function.ends_with("_replay")
        || matches!(
            function,
            // What was erased must not be kept there.
            "channels_test" | "customers_erase" | "inventory_add" | "replenishment_order" | "webhooks_test"
        );
    let is_right = row["actor"] == "anonymous"
        && row["address"] == "192.0.2.7"
        && row["after"].is_object() != function.ends_with("_delete")
        && row["before"].is_null() == is_new;
    if is_right {
        Ok(())
    } else {
        Err(format!("its row in the audit trail: {row}"))
    }
}

/// The same request with the same key does nothing and answers the same; another one with that key is refused.
async fn repeated(
    described: &Described<'_>,
    api: &Api,
    named: Option<&str>,
    headers: &[(&str, &str)],
    first: &Answer,
) -> Result<(), String> {
    // Of this function only: an import that it began may be at work.
    let query = format!("action={}", described.function());
    let (_, before) = trail(api, &query).await;
    let again = described.send(api, named, headers).await;
    let (_, after) = trail(api, &query).await;
    if before != after {
        return Err(format!(
            "sent again it changed something: {before} rows in the audit trail, then {after}"
        ));
    }
    if again.header("idempotency-replayed") != Some("true") || again.status != first.status {
        return Err(format!("sent again it was not answered as before: {again:?}"));
    }
    if without_secrets(&again) != without_secrets(first) {
        return Err(format!(
            "sent again it was answered otherwise: {} {}",
            first.body(),
            again.body()
        ));
    }
    for name in ["etag", "location"] {
        if again.header(name) != first.header(name) {
            return Err(format!("sent again it has another {name}"));
        }
    }
    if described.method == Method::POST && described.body().is_some_and(|(kind, _)| kind == "application/json") {
        let path = described.address(named);
        let other = api
            .json(Method::POST, &path, headers, &json!({ "another": "request" }))
            .await;
        if other.status != 422 {
            return Err(format!("another request with the same key: {other:?}"));
        }
        described.undocumented(&other)?;
    }
    Ok(())
}

#[tokio::test]
async fn every_operation_does_what_its_document_shows() {
    let document = serde_json::to_value(openapi_document()).unwrap();
    let mut wrong = Vec::new();
    for described in described(&document) {
        if let Err(what) = works(&described).await {
            wrong.push(format!("{}: {what}", described.id()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let known: BTreeSet<_> = described(&document).iter().map(Described::function).collect();
    for (name, _) in NEEDS {
        assert!(known.contains(name), "{name} is gone: take it out of NEEDS");
    }
}

#[tokio::test]
async fn every_operation_refuses_in_documented_words() {
    const NOWHERE: &str = "4711";
    const NOBODY: &str = "00000000-0000-0000-0000-000000000000";
    let document = serde_json::to_value(openapi_document()).unwrap();
    let folder = Folder::new();
    let (api, _) = prepare(&document, "token_keys", &folder).await.unwrap();
    let mut wrong = Vec::new();
    for described in described(&document) {
        let mut refused = Vec::new();
        let id = described.parameters().find(|parameter| parameter["in"] == "path");
        if let Some(id) = id {
            let missing = match id["schema"]["format"].as_str() {
                Some("uuid") => NOBODY,
                Some(_) => NOWHERE,
                None => "nothing",
            };
            refused.push((
                "what is not there",
                None,
                described.send(&api, Some(missing), &[]).await,
            ));
        }
        let path = described.address(None);
        let send = async |headers: &[(&str, &str)], body: &str| {
            api.send(described.method.clone(), &path, headers, body.to_owned())
                .await
        };
        let is_json = described.body().is_some_and(|(kind, _)| kind == "application/json");
        if is_json && !described.has("Stripe-Signature") {
            let version = ("if-match", "\"1\"");
            let json = ("content-type", "application/json");
            let unread = send(&[json, version], "{").await;
            refused.push(("what is no JSON", Some("malformed_json"), unread));
            let plain = send(&[("content-type", "text/plain"), version], "{}").await;
            refused.push(("another media type", Some("unsupported_media_type"), plain));
            let unknown = send(&[json, version], r#"{ "not_a_member": 1 }"#).await;
            refused.push(("an unknown member", Some("invalid"), unknown));
        }
        if described.has("Idempotency-Key") {
            let (kind, body) = described.body().unwrap_or_default();
            let key = send(&[("content-type", &kind), ("idempotency-key", &"k".repeat(300))], &body).await;
            refused.push(("a key that is none", Some("malformed_header"), key));
        }
        for (what, code, answer) in refused {
            let has = || serde_json::from_slice::<Value>(&answer.bytes).is_ok_and(|body| body["code"] == code.unwrap());
            if !answer.status.is_client_error() && described.id() != "token_revoke" {
                wrong.push(format!("{}: {what} is not refused: {answer:?}", described.id()));
            } else if let Err(said) = described.undocumented(&answer) {
                wrong.push(format!("{}: {what}: {said}", described.id()));
            } else if code.is_some() && !has() {
                wrong.push(format!("{}: {what}: {answer:?}", described.id()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
