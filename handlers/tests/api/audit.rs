//! Who did what, who saw whom, and how often a client may ask.

use crate::{client::Api, files::Folder};
use http::Method;
use inventory_handlers::{OPERATIONS, Trigger};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FROM: (&str, &str) = ("client-ip", "192.0.2.7:4711");

async fn api() -> Api {
    let api = Api::unstarted(&[("CLIENT_IP_HEADER", "Client-IP")]);
    api.app.start().await;
    api
}

/// Does everything that can be written, each under a request id that is the operation's name.
struct Writer {
    api: Api,
    done: BTreeSet<&'static str>,
}

impl Writer {
    async fn write(&mut self, operation: &'static str, path: &str, more: &[(&str, &str)], body: Value) -> Value {
        let Some(Trigger::Http { methods, .. }) = OPERATIONS
            .iter()
            .find(|known| known.name == operation)
            .map(|known| known.trigger)
        else {
            panic!("{operation} is not in the table")
        };
        let method: Method = methods[0].parse().unwrap();
        let mut headers = vec![("x-request-id", operation), FROM];
        headers.extend_from_slice(more);
        let answer = self.api.json(method, path, &headers, &body).await;
        assert!(answer.status.is_success(), "{operation}: {answer:?}");
        self.done.insert(operation);
        answer.body()
    }
}

/// What is ordered from suppliers, and counted.
async fn supply(writer: &mut Writer, product: &Value, item: &Value) {
    let supplies = json!({ "product_id": product, "lead_time_days": 7 });
    let new = json!({ "name": "Northwind", "products": [supplies] });
    let supplier = writer.write("suppliers_create", "/api/v1/suppliers", &[], new).await["id"].clone();
    let path = format!("/api/v1/suppliers/{supplier}");
    writer
        .write("suppliers_update", &path, &[], json!({ "name": "Northwind Traders" }))
        .await;
    let ask = json!({ "items": [{ "stock_item_id": item }] });
    let path = "/api/v1/replenishment/orders";
    let draft = writer.write("replenishment_order", path, &[], ask).await[0]["id"].clone();
    let path = format!("/api/v1/purchase-orders/{draft}");
    writer
        .write("purchases_cancel", &format!("{path}/cancel"), &[], json!({}))
        .await;
    let lines = json!([{ "product_id": product, "quantity": 2 }]);
    let new = json!({ "supplier_id": supplier, "lines": lines });
    let purchase = writer
        .write("purchases_create", "/api/v1/purchase-orders", &[], new)
        .await["id"]
        .clone();
    let path = format!("/api/v1/purchase-orders/{purchase}");
    writer
        .write("purchases_update", &path, &[], json!({ "note": "in a hurry" }))
        .await;
    writer
        .write("purchases_order", &format!("{path}/order"), &[], json!({}))
        .await;
    let receipt = json!({ "lines": lines });
    writer
        .write("purchases_receive", &format!("{path}/receive"), &[], receipt)
        .await;
    for ending in ["counts_post", "counts_cancel"] {
        let count = writer
            .write("counts_create", "/api/v1/counts", &[], json!({ "name": "All" }))
            .await["id"]
            .clone();
        let path = format!("/api/v1/counts/{count}");
        let record = json!({ "lines": [{ "stock_item_id": item, "counted": 1 }] });
        writer
            .write("counts_record", &format!("{path}/record"), &[], record)
            .await;
        let (_, verb) = ending.split_once('_').unwrap();
        writer.write(ending, &format!("{path}/{verb}"), &[], json!({})).await;
    }
}

/// Who is told of alerts.
async fn channels(writer: &mut Writer) {
    let path = "/api/v1/channels";
    let new = json!({ "kind": "slack", "name": "Chat", "url": "https://127.0.0.1:9/" });
    let channel = writer.write("channels_create", path, &[], new).await["channel"]["id"].clone();
    let one = format!("{path}/{channel}");
    let delivery = writer
        .write("channels_test", &format!("{one}/test"), &[], json!({}))
        .await["id"]
        .clone();
    let again = format!("{path}/deliveries/{delivery}/redeliver");
    writer.write("channels_redeliver", &again, &[], json!({})).await;
    writer
        .write("channels_update", &one, &[], json!({ "enabled": false }))
        .await;
    writer.write("channels_delete", &one, &[], json!({})).await;
}

/// Who is sent events.
async fn webhooks(writer: &mut Writer) {
    let path = "/api/v1/webhooks";
    // Nobody is asked: there is nothing that it wants to hear of before it is tried.
    let new = json!({ "name": "Shop", "url": "https://127.0.0.1:9/", "events": ["inventory.product.archived"] });
    let webhook = writer.write("webhooks_create", path, &[], new).await["webhook"]["id"].clone();
    let one = format!("{path}/{webhook}");
    writer
        .write("webhooks_rotate", &format!("{one}/rotate"), &[], json!({}))
        .await;
    let delivery = writer
        .write("webhooks_test", &format!("{one}/test"), &[], json!({}))
        .await["id"]
        .clone();
    let again = format!("{path}/deliveries/{delivery}/redeliver");
    writer.write("webhooks_redeliver", &again, &[], json!({})).await;
    writer
        .write("webhooks_update", &one, &[], json!({ "enabled": false }))
        .await;
    writer
        .write("webhooks_enable", &format!("{one}/enable"), &[], json!({}))
        .await;
    writer.write("webhooks_delete", &one, &[], json!({})).await;
}

async fn hold_and_transfer(writer: &mut Writer) {
    writer.api.product("COFFEE", 9, 0).await;
    let lines = json!([{ "sku": "COFFEE", "quantity": 1 }]);
    for (step, operation, body) in [
        ("release", "reservations_release", json!({})),
        ("commit", "reservations_commit", json!({ "customer": "C-1" })),
    ] {
        let new = json!({ "lines": lines });
        let held = writer
            .write("reservations_create", "/api/v1/reservations", &[], new)
            .await;
        let path = format!("/api/v1/reservations/{}", held["id"].as_str().unwrap());
        let more = json!({ "expires_in_seconds": 60 });
        writer
            .write("reservations_extend", &format!("{path}/extend"), &[], more)
            .await;
        writer.write(operation, &format!("{path}/{step}"), &[], body).await;
    }
    for (step, operation) in [("receive", "transfers_receive"), ("cancel", "transfers_cancel")] {
        let new = json!({ "from_location": "MAIN", "to_location": "A", "lines": lines });
        let draft = writer.write("transfers_create", "/api/v1/transfers", &[], new).await;
        let path = format!("/api/v1/transfers/{}", draft["id"]);
        writer
            .write("transfers_update", &path, &[], json!({ "note": "by van" }))
            .await;
        writer
            .write("transfers_dispatch", &format!("{path}/dispatch"), &[], json!({}))
            .await;
        writer.write(operation, &format!("{path}/{step}"), &[], json!({})).await;
    }
}

#[tokio::test]
async fn every_write_is_in_the_audit_trail() {
    let folder = Folder::new();
    let files = ("FILES_DIRECTORY", folder.0.to_str().unwrap());
    let webhooks_are_set_up = [
        ("WEBHOOK_MASTER_KEY", "a master key of these tests"),
        ("WEBHOOK_ALLOW_LOOPBACK", "true"),
    ];
    let settings = [&[("CLIENT_IP_HEADER", "Client-IP"), files][..], &webhooks_are_set_up].concat();
    let api = Api::unstarted(&settings);
    api.app.start().await;
    let mut writer = Writer {
        api,
        done: BTreeSet::new(),
    };
    let new = json!({ "sku": "TEA", "name": "Tea", "reorder_point": 3 });
    let product = writer.write("products_create", "/api/v1/products", &[], new).await["id"].clone();
    let path = format!("/api/v1/products/{product}");
    writer
        .write("products_update", &path, &[], json!({ "name": "Green tea" }))
        .await;
    let other = json!({ "sku": "OLD", "name": "Old" });
    let other = writer.api.post("/api/v1/products", &other).await.number("id");
    let path = format!("/api/v1/products/{other}");
    writer.write("products_archive", &path, &[], json!({})).await;
    let new = json!({ "code": "A", "name": "Warehouse A" });
    let location = writer.write("locations_create", "/api/v1/locations", &[], new).await["id"].clone();
    let path = format!("/api/v1/locations/{location}");
    writer
        .write("locations_update", &path, &[], json!({ "priority": 7 }))
        .await;
    let add = json!({ "product_id": product, "quantity": 10 });
    let item = writer.write("inventory_add", "/api/v1/inventory", &[], add).await["id"].clone();
    let path = format!("/api/v1/inventory/{item}");
    let tag = writer.api.get(&path).await.header("etag").unwrap().to_owned();
    let version = [("if-match", tag.as_str())];
    writer
        .write("inventory_update", &path, &version, json!({ "quantity": 20 }))
        .await;
    let adjust = json!({ "delta": -19, "reason": "damage" });
    writer
        .write("inventory_adjust", &format!("{path}/adjust"), &[], adjust)
        .await;
    let alert = writer.api.get("/api/v1/alerts").await.items()[0]["id"].clone();
    let path = format!("/api/v1/alerts/{alert}/acknowledge");
    writer.write("alerts_acknowledge", &path, &[], json!({})).await;
    let path = format!("/api/v1/alerts/{alert}/snooze");
    writer
        .write("alerts_snooze", &path, &[], json!({ "minutes": 60 }))
        .await;
    let order = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 1 }] });
    for (ending, operation) in [("cancel", "orders_cancel"), ("ship", "orders_ship")] {
        let placed = writer
            .write("orders_create", "/api/v1/orders", &[], order.clone())
            .await;
        let message =
            json!({ "order_id": placed["id"], "customer_id": placed["customer_id"], "lines": order["lines"] });
        let decided = writer
            .api
            .deliver("orders_process", &[("m", &message.to_string())])
            .await;
        assert!(decided.body()["Logs"][0].as_str().unwrap().contains(r#""decided":1"#));
        let path = format!("/api/v1/orders/{}/{ending}", placed["id"].as_str().unwrap());
        writer.write(operation, &path, &[], json!({})).await;
        if operation == "orders_ship" {
            let path = format!("/api/v1/orders/{}/returns", placed["id"].as_str().unwrap());
            let back =
                json!({ "lines": [{ "line": 1, "quantity": 1, "disposition": "write_off", "reason": "other" }] });
            writer.write("returns_create", &path, &[], back).await;
        }
    }
    supply(&mut writer, &product, &item).await;
    channels(&mut writer).await;
    webhooks(&mut writer).await;
    hold_and_transfer(&mut writer).await;
    let bad = json!({ "customer": "C-1", "lines": [{ "sku": "NOPE", "quantity": 1 }] }).to_string();
    writer.api.deliver("orders_process", &[("m", &bad)]).await.expect(200);
    let parked = writer.api.get("/api/v1/parked").await.items()[0]["id"].clone();
    let path = format!("/api/v1/parked/{parked}/replay");
    writer.write("parked_replay", &path, &[], json!({})).await;

    let customer = writer.api.get("/api/v1/customers?reference=C-1").await.items()[0]["id"].clone();
    let path = format!("/api/v1/customers/{customer}");
    let erased = writer.write("customers_erase", &path, &[], json!({})).await;
    assert_eq!(erased["reference"], format!("erased-{customer}"));

    for (kind, new) in [
        ("clients", json!({ "name": "web-shop", "role": "clerk" })),
        (
            "users",
            json!({ "name": "mary", "role": "clerk", "password": "correct horse battery staple" }),
        ),
    ] {
        let operation = |verb: &str| {
            let name = format!("{kind}_{verb}");
            OPERATIONS.iter().find(|known| known.name == name).unwrap().name
        };
        let path = format!("/api/v1/{kind}");
        let made = writer.write(operation("create"), &path, &[], new).await;
        let account = made["client"].get("id").unwrap_or(&made["id"]);
        let path = format!("{path}/{account}");
        if kind == "clients" {
            writer
                .write("clients_rotate", &format!("{path}/rotate"), &[], json!({}))
                .await;
        }
        let role = json!({ "role": "viewer" });
        writer.write(operation("update"), &path, &[], role).await;
        writer.write(operation("delete"), &path, &[], json!({})).await;
    }
    let new = json!({ "name": "Scanner", "role": "clerk", "expires_in_days": 90 });
    let key = writer.write("keys_create", "/api/v1/api-keys", &[], new).await["key"]["id"].clone();
    let path = format!("/api/v1/api-keys/{key}");
    writer.write("keys_revoke", &path, &[], json!({})).await;
    let new = json!({ "kind": "products" });
    writer.write("exports_create", "/api/v1/exports", &[], new).await;
    let headers = [("content-type", "text/csv"), ("x-request-id", "imports_create"), FROM];
    let file = "sku,name,unit_price_minor,currency,on_hand\n";
    writer
        .api
        .send(Method::POST, "/api/v1/imports", &headers, file)
        .await
        .expect(202);
    writer.done.insert("imports_create");

    for operation in OPERATIONS {
        let is_write = matches!(operation.trigger, Trigger::Http { methods, .. } if methods != ["GET"])
            // Signing in and out changes nothing that anybody keeps; a lock that it brings about is in the trail.
            && operation.resource() != "token"
            // Who takes the money signs its messages; its own tests look for their rows.
            && operation.resource() != "payments";
        assert_eq!(
            writer.done.contains(operation.name),
            is_write,
            "{} writes: let this test do so, and its audit row be found",
            operation.name
        );
    }
    for operation in writer.done {
        let found = writer
            .api
            .get(&format!("/api/v1/audit?action={operation}"))
            .await
            .items();
        let row = found.iter().find(|row| row["request_id"] == operation);
        let row = row.unwrap_or_else(|| panic!("{operation} leaves no row of its own: {found:?}"));
        assert_eq!(row["actor"], "anonymous", "{row}");
        assert_eq!(row["address"], "192.0.2.7", "{row}");
        assert_eq!(row["after"].is_object(), !operation.ends_with("_delete"), "{row}");
        let is_new = operation.ends_with("_create") || operation.ends_with("_replay");
        let is_new = is_new
            || matches!(
                operation,
                "channels_test" | "inventory_add" | "replenishment_order" | "webhooks_test"
            );
        // What was erased must not be kept there.
        let is_new = is_new || operation == "customers_erase";
        assert_eq!(row["before"].is_null(), is_new, "{row}");
    }
    // What the program does by itself has no address.
    let decided = &writer
        .api
        .get("/api/v1/audit?actor=orders_process&action=orders_process")
        .await
        .items()[0];
    assert_eq!(
        (&decided["action"], &decided["address"]),
        (&json!("orders_process"), &Value::Null)
    );
}

#[tokio::test]
async fn the_trail_is_asked_by_actor_entity_action_and_time() {
    let api = api().await;
    let (product, _) = api.product("TEA", 5, 0).await;
    let change = json!({ "name": "Green tea" });
    let path = format!("/api/v1/products/{product}");
    let before = api.json(Method::PATCH, &path, &[], &change).await.expect(200).body()["updated_at"].clone();
    let at = before.as_str().unwrap();
    let count = async |query: &str| {
        let answer = api.get(&format!("/api/v1/audit?count=true&{query}")).await.expect(200);
        let items = answer.items();
        assert_eq!(answer.header("x-total-count"), Some(items.len().to_string().as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let ids: Vec<_> = items.iter().map(|item| item["id"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "the newest first: {ids:?}");
        items.len()
    };
    let all = count("").await;
    assert_eq!(count(&format!("entity=products/{product}")).await, 2);
    assert_eq!(count("action=products_update").await, 1);
    assert_eq!(count("actor=anonymous").await, all);
    assert_eq!(count("actor=nobody").await, 0);
    assert_eq!(count(&format!("from={at}")).await, 1);
    assert_eq!(count(&format!("until={at}")).await, all - 1);
    assert_eq!(api.get("/api/v1/audit?limit=1&skip=1").await.items().len(), 1);
    let row = &api.get("/api/v1/audit?action=products_update").await.items()[0];
    assert_eq!(
        (&row["before"]["name"], &row["after"]["name"]),
        (&json!("TEA"), &json!("Green tea"))
    );
    let wrong = api
        .get("/api/v1/audit?from=yesterday&actor=")
        .await
        .problem(422, "invalid");
    assert_eq!(wrong.pointers(), ["actor", "from"]);
}

#[tokio::test]
async fn who_is_shown_personal_data_is_recorded() {
    let api = api().await;
    let (product, _) = api.product("TEA", 5, 0).await;
    let mut orders = Vec::new();
    for customer in ["C-1", "C-2"] {
        let new = json!({ "customer": customer, "lines": [{ "product_id": product, "quantity": 1 }] });
        orders.push(api.post("/api/v1/orders", &new).await.expect(202).body());
    }
    let path = format!("/api/v1/orders/{}", orders[0]["id"].as_str().unwrap());
    for id in ["r-1", "r-2"] {
        api.send(Method::GET, &path, &[("x-request-id", id), FROM], "")
            .await
            .expect(200);
    }
    api.get("/api/v1/orders").await.expect(200);
    api.deliver("orders_process", &[("m", r#"{"customer":"C-3"}"#)])
        .await
        .expect(200);
    let parked = api.get("/api/v1/parked").await.items()[0]["id"].clone();
    api.get(&format!("/api/v1/parked/{parked}")).await.expect(200);
    // What holds no personal data leaves no trace, and neither does what is not there.
    api.get("/api/v1/products").await.expect(200);
    api.get(&format!("/api/v1/orders/{}", uuid::Uuid::nil()))
        .await
        .expect(404);
    api.app.write_accesses().await.unwrap();

    let answer = api.get("/api/v1/audit/accesses?count=true").await.expect(200);
    let mut told: Vec<_> = answer
        .items()
        .iter()
        .map(|row| {
            format!(
                "{} {} {}",
                row["action"].as_str().unwrap(),
                row["entity"].as_str().unwrap(),
                row["times"]
            )
        })
        .collect();
    told.sort();
    let (one, two) = (&orders[0]["customer_id"], &orders[1]["customer_id"]);
    let mut expected = [
        format!("orders_get customers/{one} 2"),
        format!("orders_list customers/{one} 1"),
        format!("orders_list customers/{two} 1"),
        format!("parked_get parked/{parked} 1"),
        format!("parked_list parked/{parked} 1"),
    ];
    expected.sort();
    assert_eq!(told, expected);
    let row = &api
        .get(&format!(
            "/api/v1/audit/accesses?entity=customers/{one}&action=orders_get"
        ))
        .await
        .items()[0];
    assert_eq!(
        (&row["actor"], &row["address"], &row["request_id"]),
        (&json!("anonymous"), &json!("192.0.2.7"), &json!("r-2"))
    );
}

#[tokio::test]
async fn a_person_is_erased_over_http() {
    let api = api().await;
    let (product, _) = api.product("TEA", 5, 0).await;
    let new = json!({ "customer": "Jane-77", "lines": [{ "product_id": product, "quantity": 1 }] });
    let key = [("idempotency-key", "k-1")];
    let order = api
        .json(Method::POST, "/api/v1/orders", &key, &new)
        .await
        .expect(202)
        .body();
    let found = api.get("/api/v1/customers?reference=Jane-77&count=true").await;
    assert_eq!(found.header("x-total-count"), Some("1"));
    let id = found.items()[0]["id"].clone();
    assert_eq!(id, order["customer_id"]);
    let path = format!("/api/v1/customers/{id}");
    let tag = api.get(&path).await.expect(200).header("etag").unwrap().to_owned();
    let erased = api.send(Method::DELETE, &path, &[], "").await.expect(200);
    assert_ne!(erased.header("etag"), Some(tag.as_str()));
    let again = api.send(Method::DELETE, &path, &[], "").await.expect(200);
    assert_eq!(erased.bytes, again.bytes);
    assert_eq!(api.get(&path).await.expect(200).bytes, erased.bytes);
    // The request that placed the order, sent once more, is answered as it was, without who it was.
    let replayed = api.json(Method::POST, "/api/v1/orders", &key, &new).await.expect(202);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.body()["customer"], erased.body()["reference"]);
    assert_eq!(replayed.body()["id"], order["id"]);
    for list in [
        "/api/v1/orders",
        "/api/v1/customers",
        "/api/v1/audit",
        "/api/v1/audit/accesses",
    ] {
        api.app.write_accesses().await.unwrap();
        let text = String::from_utf8(api.get(list).await.expect(200).bytes).unwrap();
        assert!(!text.contains("Jane"), "{list}: {text}");
    }
    api.send(Method::DELETE, "/api/v1/customers/4711", &[], "")
        .await
        .problem(404, "not_found");
    let reserved = json!({ "customer": "erased-1", "lines": new["lines"] });
    let refused = api.post("/api/v1/orders", &reserved).await.problem(422, "invalid");
    assert_eq!(refused.pointers(), ["/customer"]);
}

#[tokio::test]
async fn nothing_is_recorded_where_nobody_wants_it() {
    let api = Api::unstarted(&[("ACCESS_LOG_RETENTION_DAYS", "0")]);
    api.app.start().await;
    let (product, _) = api.product("TEA", 5, 0).await;
    let new = json!({ "customer": "C", "lines": [{ "product_id": product, "quantity": 1 }] });
    api.post("/api/v1/orders", &new).await.expect(202);
    api.get("/api/v1/orders").await.expect(200);
    api.app.write_accesses().await.unwrap();
    assert_eq!(api.get("/api/v1/audit/accesses").await.items().len(), 0);
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let limits = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REQUESTS", "3"),
        ("RATE_LIMIT_WINDOW", "3600"),
        ("CLIENT_IP_HEADER", "Client-IP"),
    ];
    let api = Api::unstarted(&limits);
    api.app.start().await;
    let ask = async |address| {
        api.send(Method::GET, "/api/v1/products", &[("client-ip", address)], "")
            .await
    };
    for left in [2, 1, 0] {
        let answer = ask("192.0.2.1").await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some(r#""default";q=3;w=3600"#));
        assert_eq!(
            answer.header("ratelimit").unwrap().split(";t=").next(),
            Some(format!(r#""default";r={left}"#).as_str())
        );
    }
    let refused = ask("192.0.2.1").await.problem(429, "rate_limited");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2 * 3600).contains(&seconds), "{seconds}");
    assert!(refused.header("ratelimit").unwrap().starts_with(r#""default";r=0;t="#));
    // Others are served, and so are the host and whoever looks after the process.
    ask("192.0.2.2").await.expect(200);
    for _ in 0..10 {
        api.send(Method::GET, "/health", &[("client-ip", "192.0.2.1")], "")
            .await
            .expect(200);
        let answer = api.tick("stock_sweep").await.expect(200);
        assert_eq!(answer.header("ratelimit"), None);
    }
    // One IPv6 network is one client.
    for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
        ask(address).await.expect(200);
    }
    ask("2001:db8::4").await.problem(429, "rate_limited");
}

#[tokio::test]
async fn answers_say_how_a_browser_is_to_take_them() {
    let api = Api::new().await;
    for (path, cache) in [
        ("/api/v1/orders", Some("no-store")),
        ("/api/v1/parked/1", Some("no-store")),
        ("/api/v1/products", Some("private, no-cache")),
        ("/health", None),
        ("/nowhere", None),
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cache-control"), cache, "{path}");
    }
}
