use crate::client::Api;
use http::Method;
use serde_json::json;

const INVENTORY: &str = "/api/v1/inventory";

#[tokio::test]
async fn adding_stock_as_the_seed_does() {
    let api = Api::new().await;
    let new = json!({ "sku": "TEA", "name": "Tea", "reorder_point": 5 });
    assert_eq!(api.post("/api/v1/products", &new).await.expect(201).number("id"), 1);

    let add = json!({ "product_id": 1, "quantity": 100 });
    let first = api.post(INVENTORY, &add).await.expect(201);
    let id = first.number("id");
    assert_eq!(first.header("location"), Some(format!("{INVENTORY}/{id}").as_str()));
    assert_eq!(first.number("quantity"), 100);
    for name in [
        "reserved",
        "available",
        "reorder_point",
        "location",
        "version",
        "updated_at",
    ] {
        assert!(!first.body()[name].is_null(), "{name}");
    }
    let second = api.post(INVENTORY, &add).await.expect(200);
    assert_eq!((second.number("id"), second.number("quantity")), (id, 200));
    assert_eq!(second.header("location"), None);
    assert_ne!(second.header("etag"), first.header("etag"));

    let elsewhere = json!({ "product_id": 1, "quantity": 7, "location": "Warehouse A" });
    let third = api.post(INVENTORY, &elsewhere).await.expect(201);
    assert_eq!(third.body()["location"], "Warehouse A");
    assert_eq!(third.number("quantity"), 7);
    assert_eq!(api.get("/api/v1/locations").await.items().len(), 2);
}

#[tokio::test]
async fn what_is_not_right_changes_nothing() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 100, 5).await;
    let before = api.get(&format!("{INVENTORY}/{item}")).await.body();
    for (body, pointer) in [
        (json!({ "product_id": product, "quantity": -1 }), "/quantity"),
        (json!({ "product_id": product, "quantity": 10_001 }), "/quantity"),
        (json!({ "product_id": product, "quantity": "x" }), "/quantity"),
        (json!({ "product_id": product, "quantity": 9e99 }), "/quantity"),
        (json!({ "product_id": product, "quantity": 1.5 }), "/quantity"),
        (json!({ "product_id": product, "quantity": null }), "/quantity"),
        (json!({ "product_id": product }), "/quantity"),
        (json!({ "product_id": 4711, "quantity": 1 }), "/product_id"),
        (
            json!({ "product_id": product, "quantity": 1, "colour": "red" }),
            "/colour",
        ),
        (
            json!({ "product_id": product, "quantity": 1, "location_id": 99 }),
            "/location_id",
        ),
        (
            json!({ "product_id": product, "quantity": 1, "location": "a\u{0}b" }),
            "/location",
        ),
        (json!([]), ""),
    ] {
        let answer = api.post(INVENTORY, &body).await.problem(422, "invalid");
        assert!(
            answer.pointers().contains(&pointer.to_owned()),
            "{body}: {:?}",
            answer.pointers()
        );
    }
    for body in ["", "{", "nonsense", "{\"product_id\": 1, \"quantity\": }"] {
        let json = [("content-type", "application/json")];
        api.send(Method::POST, INVENTORY, &json, body)
            .await
            .problem(400, "malformed_json");
    }
    assert_eq!(api.get(&format!("{INVENTORY}/{item}")).await.body(), before);
    assert_eq!(api.get(INVENTORY).await.items().len(), 1);
}

#[tokio::test]
async fn adjusting_overwriting_and_the_ledger() {
    let api = Api::new().await;
    let (_, item) = api.product("TEA", 100, 5).await;
    let path = format!("{INVENTORY}/{item}");
    let adjust = format!("{path}/adjust");

    let body = json!({ "delta": -3, "reason": "damage", "note": "wet" });
    assert_eq!(api.post(&adjust, &body).await.expect(200).number("quantity"), 97);
    let answer = api.post(&adjust, &json!({ "delta": -98, "reason": "loss" })).await;
    answer.problem(409, "insufficient_stock");
    let answer = api.post(&adjust, &json!({ "delta": 1, "reason": "magic" })).await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["/reason"]);

    // An absolute quantity needs the version it starts from; a reorder point does not.
    let count = json!({ "quantity": 90 });
    api.json(Method::PATCH, &path, &[], &count)
        .await
        .problem(428, "version_required");
    let tag = api.get(&path).await.header("etag").unwrap().to_owned();
    let stale = api.json(Method::PUT, &path, &[("if-match", "\"1\"")], &count).await;
    stale.problem(412, "version_mismatch");
    let counted = api
        .json(Method::PUT, &path, &[("if-match", &tag)], &count)
        .await
        .expect(200);
    assert_eq!(counted.number("quantity"), 90);
    let stale = api.json(Method::PATCH, &path, &[("if-match", &tag)], &count).await;
    stale.problem(412, "version_mismatch");
    let own = json!({ "reorder_point": 91 });
    let changed = api.json(Method::PATCH, &path, &[], &own).await.expect(200);
    assert_eq!(changed.number("reorder_point"), 91);

    let ledger = api.get(&format!("{path}/movements")).await.items();
    let sum: i64 = ledger.iter().map(|row| row["on_hand_delta"].as_i64().unwrap()).sum();
    assert_eq!(sum, 90, "the levels are the sums of the ledger");
    let page = api.get(&format!("{path}/movements?limit=1")).await;
    assert_eq!(page.items().len(), 1);
    assert!(page.header("link").is_some());
    api.get(&format!("{INVENTORY}/99/movements"))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn what_is_low_and_what_all_is_worth() {
    let api = Api::new().await;
    api.product("FULL", 100, 5).await;
    let (_, low) = api.product("LOW", 4, 5).await;
    let found = api.get(&format!("{INVENTORY}/low-stock")).await.items();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], low);
    assert_eq!(
        api.get(&format!("{INVENTORY}/low-stock?threshold=3"))
            .await
            .items()
            .len(),
        0
    );
    assert_eq!(
        api.get(&format!("{INVENTORY}/low-stock?threshold=100"))
            .await
            .items()
            .len(),
        2
    );
    let answer = api.get(&format!("{INVENTORY}/low-stock?threshold=few")).await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["threshold"]);
    let value = api.get(&format!("{INVENTORY}/value")).await.body();
    assert_eq!(
        value,
        json!([{ "currency": "USD", "value_minor": 10_400, "quantity": 104, "items": 2 }])
    );

    let filtered = api.get(&format!("{INVENTORY}?sku=LOW")).await.items();
    assert_eq!(filtered.len(), 1);
    assert_eq!(filtered[0]["id"], low);
}

#[tokio::test]
async fn reasons_and_what_stock_was() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 100, 5).await;
    let morning = api.get(&format!("{INVENTORY}/{item}/movements")).await.items()[0]["created_at"].clone();
    let found = json!({ "product_id": product, "quantity": 2, "reason": "found" });
    api.post(INVENTORY, &found).await.expect(200);
    let adjust = format!("{INVENTORY}/{item}/adjust");
    api.post(&adjust, &json!({ "delta": -1, "reason": "theft" }))
        .await
        .expect(200);
    let answer = api.post(&adjust, &json!({ "delta": 1, "reason": "theft" })).await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["/reason"]);
    let answer = api.post(&adjust, &json!({ "delta": 1 })).await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["/reason"]);

    let at = |time: &str| format!("{INVENTORY}/at?product_id={product}&time={time}");
    let then = api.get(&at(morning.as_str().unwrap())).await.expect(200).items();
    assert_eq!((then[0]["quantity"].as_i64(), then.len()), (Some(100), 1));
    let now = api.get(&at("2099-01-01T00:00:00Z")).await.expect(200).items();
    assert_eq!(now[0]["quantity"], 101);
    assert!(
        api.get(&at("2000-01-01T00:00:00Z"))
            .await
            .expect(200)
            .items()
            .is_empty()
    );
    let answer = api.get(&format!("{INVENTORY}/at")).await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["time"]);
    let answer = api.get(&at("noon")).await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["time"]);

    let worth = json!({ "currency": "USD", "value_minor": 10_100, "quantity": 101, "items": 1 });
    let mut by_location = worth.clone();
    (by_location["location_id"], by_location["location"]) = (json!(1), json!("MAIN"));
    let answer = api.get(&format!("{INVENTORY}/value?by=location")).await;
    assert_eq!(answer.body(), json!([by_location]));
    let mut by_category = worth;
    by_category["category"] = json!(null);
    let answer = api.get(&format!("{INVENTORY}/value?by=category")).await;
    assert_eq!(answer.body(), json!([by_category]));
}

#[tokio::test]
async fn alerts_are_raised_acknowledged_and_cleared() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 100, 10).await;
    let adjust = format!("{INVENTORY}/{item}/adjust");
    api.post(&adjust, &json!({ "delta": -95, "reason": "sale" }))
        .await
        .expect(200);

    let open = api
        .get(&format!("/api/v1/alerts?status=open&product_id={product}"))
        .await
        .items();
    assert_eq!(open.len(), 1);
    let path = format!("/api/v1/alerts/{}", open[0]["id"]);
    assert_eq!(api.get(&path).await.expect(200).body(), open[0]);
    let taken = api
        .send(Method::POST, &format!("{path}/acknowledge"), &[], "")
        .await
        .expect(200);
    assert_eq!(taken.body()["status"], "acknowledged");
    assert_eq!(taken.body()["acknowledged_by"], "anonymous");

    api.post(&adjust, &json!({ "delta": 90, "reason": "receipt" }))
        .await
        .expect(200);
    assert_eq!(api.get(&path).await.body()["status"], "cleared");
    let again = api.send(Method::POST, &format!("{path}/acknowledge"), &[], "").await;
    again.problem(409, "alert_cleared");
    // What the changes have done, the safety net leaves alone.
    let swept = api.tick("stock_sweep").await.expect(200).body();
    assert_eq!(swept["Logs"], json!([r#"sweep: {"settled":0}"#]));
}
