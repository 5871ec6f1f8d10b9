use crate::client::Api;
use http::Method;
use serde_json::json;

const TRANSFERS: &str = "/api/v1/transfers";

#[tokio::test]
async fn stock_goes_from_one_place_to_another() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    let place = api
        .post("/api/v1/locations", &json!({ "name": "Warehouse A" }))
        .await
        .expect(201);
    let new = json!({
        "from_location": "MAIN",
        "to_location_id": place.number("id"),
        "lines": [{ "sku": "TEA", "quantity": 4 }],
    });
    let draft = api.post(TRANSFERS, &new).await.expect(201);
    let path = draft.header("location").unwrap().to_owned();
    assert_eq!(draft.body()["status"], "draft");
    assert_eq!(draft.body()["to_location"], "Warehouse A");
    let changes = json!({ "note": "by van", "lines": [{ "product_id": product, "quantity": 6 }] });
    let stale = api.json(Method::PATCH, &path, &[("if-match", "\"9\"")], &changes).await;
    stale.problem(412, "version_mismatch");
    let changed = api.json(Method::PATCH, &path, &[], &changes).await.expect(200);
    assert_eq!(
        (changed.body()["note"].as_str(), changed.number("version")),
        (Some("by van"), 2)
    );

    api.post(&format!("{path}/receive"), &json!({}))
        .await
        .problem(409, "transfer_state");
    let sent = api
        .send(Method::POST, &format!("{path}/dispatch"), &[], "")
        .await
        .expect(200);
    assert_eq!(sent.body()["status"], "in_transit");
    assert_eq!(
        api.get(&format!("/api/v1/inventory/{item}")).await.number("quantity"),
        4
    );
    assert_eq!(
        api.get("/api/v1/inventory").await.items().len(),
        1,
        "nowhere while in transit"
    );
    let receive = format!("{path}/receive");
    let over = api
        .post(&receive, &json!({ "lines": [{ "line": 1, "quantity": 7 }] }))
        .await;
    assert_eq!(over.problem(422, "invalid").pointers(), ["/lines/0/quantity"]);
    let received = api
        .post(&receive, &json!({ "lines": [{ "line": 1, "quantity": 5 }] }))
        .await
        .expect(200);
    assert_eq!(received.body()["lines"][0]["lost"], 1);
    api.send(Method::POST, &format!("{path}/cancel"), &[], "")
        .await
        .problem(409, "transfer_state");
    assert_eq!(api.get(&path).await.body(), received.body());
    let there = api.get("/api/v1/inventory?location_id=2").await.items();
    assert_eq!(there[0]["quantity"], 5);
    let ledger = api
        .get(&format!("/api/v1/inventory/{}/movements", there[0]["id"]))
        .await
        .items();
    let told: Vec<_> = ledger
        .iter()
        .map(|row| (row["on_hand_delta"].clone(), row["reason"].clone()))
        .collect();
    assert_eq!(told, [(json!(6), json!("transfer")), (json!(-1), json!("loss"))]);
    let listed = api
        .get(&format!("{TRANSFERS}?status=received&to_location_id=2&count=true"))
        .await;
    assert_eq!(listed.header("x-total-count"), Some("1"));
    assert_eq!(listed.items(), [received.body()]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused() {
    let api = Api::new().await;
    api.product("TEA", 10, 0).await;
    api.post("/api/v1/locations", &json!({ "name": "Warehouse A" }))
        .await
        .expect(201);
    let line = json!([{ "sku": "TEA", "quantity": 11 }]);
    for (body, pointers) in [
        (json!({ "lines": line }), &["/from_location", "/to_location"][..]),
        (
            json!({ "from_location": "MAIN", "to_location": "main", "lines": line }),
            &["/to_location"],
        ),
        (
            json!({ "from_location": "MAIN", "to_location": "x", "lines": line }),
            &["/to_location"],
        ),
        (
            json!({ "from_location_id": 1, "to_location_id": 1, "lines": line }),
            &["/to_location_id"],
        ),
        (
            json!({ "from_location_id": 1, "to_location_id": 2, "lines": [] }),
            &["/lines"],
        ),
    ] {
        let answer = api.post(TRANSFERS, &body).await.problem(422, "invalid");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    let new = json!({ "from_location_id": 1, "to_location_id": 2, "lines": line });
    let path = api
        .post(TRANSFERS, &new)
        .await
        .expect(201)
        .header("location")
        .unwrap()
        .to_owned();
    let answer = api.send(Method::POST, &format!("{path}/dispatch"), &[], "").await;
    let answer = answer.problem(409, "insufficient_stock");
    assert!(
        answer.body()["detail"]
            .as_str()
            .unwrap()
            .contains("10 are available at MAIN")
    );
    let cancelled = api
        .send(Method::POST, &format!("{path}/cancel"), &[], "")
        .await
        .expect(200);
    assert_eq!(cancelled.body()["status"], "cancelled");
    api.get(&format!("{TRANSFERS}/99")).await.problem(404, "not_found");
}
