//! Suppliers, purchase orders, suggestions and counts.

use crate::client::{Answer, Api};
use http::Method;
use inventory_domain::Role;
use serde_json::{Value, json};

async fn supplier(api: &Api, product: i64) -> i64 {
    let new = json!({
        "name": "Northwind Traders",
        "products": [{ "product_id": product, "lead_time_days": 7, "pack_size": 12, "unit_cost_minor": 610 }],
    });
    api.post("/api/v1/suppliers", &new).await.expect(201).number("id")
}

#[tokio::test]
async fn a_low_item_is_ordered_and_received() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 15, 20).await;
    let supplier = supplier(&api, product).await;
    let got = api.get(&format!("/api/v1/suppliers/{supplier}")).await.expect(200);
    assert_eq!(got.header("etag"), Some("\"1\""));
    assert_eq!(got.body()["products"][0]["pack_size"], 12);
    assert!(api.get("/api/v1/suppliers").await.items()[0].get("products").is_none());

    let found = api.get("/api/v1/replenishment/suggestions").await.expect(200).items();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (
            &found[0]["stock_item_id"],
            &found[0]["quantity"],
            &found[0]["needs"]["reorder_point"]
        ),
        (&json!(item), &json!(12), &json!(20))
    );
    let ask = json!({ "items": [{ "stock_item_id": item }], "place": true });
    let key = [("idempotency-key", "order-1")];
    let path = "/api/v1/replenishment/orders";
    let ordered = api.json(Method::POST, path, &key, &ask).await.expect(200);
    let replayed = api.json(Method::POST, path, &key, &ask).await.expect(200);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.bytes, ordered.bytes);
    api.post(path, &ask).await.problem(409, "not_suggested");
    let purchase = ordered.items().remove(0);
    assert_eq!(
        (&purchase["status"], &purchase["quantity"]),
        (&json!("ordered"), &json!(12))
    );
    let stock = async || api.get(&format!("/api/v1/inventory/{item}")).await.expect(200).body();
    let before = stock().await;
    assert_eq!((&before["quantity"], &before["incoming"]), (&json!(15), &json!(12)));

    let path = format!("/api/v1/purchase-orders/{}", purchase["id"]);
    let receive = format!("{path}/receive");
    let too_much = json!({ "lines": [{ "product_id": product, "quantity": 13 }] });
    api.post(&receive, &too_much).await.problem(409, "over_receipt");
    let receipt = json!({ "lines": [{ "product_id": product, "quantity": 5 }] });
    let key = [("idempotency-key", "receipt-1")];
    let received = api.json(Method::POST, &receive, &key, &receipt).await.expect(200);
    assert_eq!(received.body()["status"], "partly_received");
    let again = api.json(Method::POST, &receive, &key, &receipt).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let after = stock().await;
    assert_eq!(
        (&after["quantity"], &after["incoming"]),
        (&json!(20), &json!(7)),
        "once"
    );
    api.json(Method::POST, &receive, &[("if-match", "\"1\"")], &receipt)
        .await
        .problem(412, "version_mismatch");
    let cancelled = api.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    assert_eq!(
        (&cancelled.body()["status"], &cancelled.body()["received"]),
        (&json!("cancelled"), &json!(5))
    );
    assert_eq!(stock().await["incoming"], 0);
    api.post(&format!("{path}/order"), &json!({}))
        .await
        .problem(409, "purchase_state");
    let listed = api
        .get("/api/v1/purchase-orders?status=cancelled&count=true")
        .await
        .expect(200);
    assert_eq!((listed.items().len(), listed.header("x-total-count")), (1, Some("1")));
    assert!(api.get("/api/v1/purchase-orders?status=draft").await.items().is_empty());
    let trail = api
        .get(&format!("/api/v1/audit?entity=purchases/{}", purchase["id"]))
        .await
        .items();
    let actions: Vec<_> = trail.iter().map(|row| row["action"].as_str().unwrap()).collect();
    for action in ["replenishment_order", "purchases_receive", "purchases_cancel"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
}

#[tokio::test]
async fn a_purchase_order_is_written_changed_and_ordered() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 15, 0).await;
    let supplier = supplier(&api, product).await;
    let new = json!({ "supplier_id": supplier, "lines": [{ "product_id": product, "quantity": 24 }] });
    let created = api.post("/api/v1/purchase-orders", &new).await.expect(201);
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(created.body()["cost_minor"], 24 * 610);
    let change = json!({ "lines": [{ "product_id": product, "quantity": 36, "unit_cost_minor": 600 }] });
    let changed = api
        .json(Method::PATCH, &path, &[("if-match", "\"1\"")], &change)
        .await
        .expect(200);
    assert_eq!(
        (changed.header("etag"), &changed.body()["cost_minor"]),
        (Some("\"2\""), &json!(36 * 600))
    );
    api.post(&format!("{path}/order"), &json!({})).await.expect(200);
    api.json(Method::PATCH, &path, &[], &change)
        .await
        .problem(409, "purchase_state");
    let note = json!({ "note": "by the back door" });
    let noted = api.json(Method::PATCH, &path, &[], &note).await.expect(200);
    assert_eq!(noted.body()["note"], "by the back door");
    for (body, pointers) in [
        (
            json!({ "supplier_id": 99, "lines": [{ "product_id": product, "quantity": 1 }] }),
            &["/supplier_id"][..],
        ),
        (
            json!({ "supplier_id": supplier, "lines": [{ "product_id": product, "quantity": 0 }, { "product_id": product, "quantity": 1 }] }),
            &["/lines/0/quantity", "/lines/1/product_id"],
        ),
    ] {
        let refused = api.post("/api/v1/purchase-orders", &body).await.problem(422, "invalid");
        assert_eq!(refused.pointers(), pointers);
    }
}

fn line(answer: &Answer) -> Value {
    answer.body()["lines"][0].clone()
}

#[tokio::test]
async fn a_blind_count_hides_what_is_expected_from_those_who_count() {
    let api = Api::with_accounts(&[]).await;
    let viewer = api.token_of(Role::Viewer).await;
    let clerk = api.token_of(Role::Clerk).await;
    let manager = api.token_of(Role::Manager).await;
    let product = json!({ "sku": "TEA", "name": "Tea", "unit_price_minor": 100 });
    let product = api
        .with(&manager, Method::POST, "/api/v1/products", &product)
        .await
        .expect(201)
        .number("id");
    let stock = json!({ "product_id": product, "quantity": 10 });
    let item = api
        .with(&clerk, Method::POST, "/api/v1/inventory", &stock)
        .await
        .expect(201)
        .number("id");
    let new = json!({ "name": "Aisle 4", "blind": true });
    api.with(&clerk, Method::POST, "/api/v1/counts", &new)
        .await
        .problem(403, "forbidden");
    let opened = api
        .with(&manager, Method::POST, "/api/v1/counts", &new)
        .await
        .expect(201);
    let path = opened.header("location").unwrap().to_owned();
    assert_eq!(line(&opened)["expected"], 10);
    let record = json!({ "lines": [{ "stock_item_id": item, "counted": 8 }] });
    api.with(&viewer, Method::POST, &format!("{path}/record"), &record)
        .await
        .problem(403, "forbidden");
    let recorded = api
        .with(&clerk, Method::POST, &format!("{path}/record"), &record)
        .await
        .expect(200);
    let told = |line: &Value| {
        (
            line["expected"].clone(),
            line["on_hand"].clone(),
            line["difference"].clone(),
            line["counted"].clone(),
        )
    };
    let hidden = (Value::Null, Value::Null, Value::Null, json!(8));
    assert_eq!(told(&line(&recorded)), hidden);
    assert_eq!(recorded.body()["accuracy"], Value::Null);
    let seen = api.read(&clerk, &path).await.expect(200);
    assert_eq!(told(&line(&seen)), hidden);
    let listed = api.read(&viewer, "/api/v1/counts?status=open").await.expect(200);
    assert_eq!(listed.items()[0]["accuracy"], Value::Null);
    let all = (json!(10), json!(10), json!(-2), json!(8));
    let seen = api.read(&manager, &path).await.expect(200);
    assert_eq!(told(&line(&seen)), all);
    let posted = api
        .with(&manager, Method::POST, &format!("{path}/post"), &json!({}))
        .await
        .expect(200);
    assert_eq!(
        (&line(&posted)["outcome"], &line(&posted)["adjusted"]),
        (&json!("adjusted"), &json!(-2))
    );
    let seen = api.read(&viewer, &path).await.expect(200);
    assert_eq!(told(&line(&seen)), all, "it is over");
    assert_eq!(seen.body()["accuracy"]["rate"], 0.0);
    api.with(&manager, Method::POST, &format!("{path}/cancel"), &json!({}))
        .await
        .problem(409, "count_state");
    let item = api.read(&viewer, &format!("/api/v1/inventory/{item}")).await;
    assert_eq!(item.expect(200).body()["quantity"], 8);
}
