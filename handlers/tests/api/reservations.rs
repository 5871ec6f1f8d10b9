use crate::client::Api;
use http::Method;
use serde_json::json;

const RESERVATIONS: &str = "/api/v1/reservations";

#[tokio::test]
async fn units_are_held_extended_and_ordered() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    let new = json!({
        "reference": "cart-7",
        "expires_in_seconds": 900,
        "lines": [{ "product_id": product, "quantity": 6 }],
    });
    let keyed = [("idempotency-key", "cart-7")];
    let held = api.json(Method::POST, RESERVATIONS, &keyed, &new).await.expect(201);
    let path = held.header("location").unwrap().to_owned();
    assert_eq!(held.body()["lines"][0]["stock_item_id"], item);
    // The same again is the same reservation, not another six units.
    let replayed = api.json(Method::POST, RESERVATIONS, &keyed, &new).await.expect(201);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.body(), held.body());
    let level = api.get(&format!("/api/v1/inventory/{item}")).await;
    assert_eq!((level.number("reserved"), level.number("available")), (6, 4));
    api.post(RESERVATIONS, &new).await.problem(409, "insufficient_stock");

    let tag = held.header("etag").unwrap().to_owned();
    let more = json!({ "expires_in_seconds": 3_600 });
    let extend = format!("{path}/extend");
    let extended = api
        .json(Method::POST, &extend, &[("if-match", &tag)], &more)
        .await
        .expect(200);
    assert!(extended.body()["expires_at"].as_str() > held.body()["expires_at"].as_str());
    let stale = api.json(Method::POST, &extend, &[("if-match", &tag)], &more).await;
    stale.problem(412, "version_mismatch");
    let cached = api.send(Method::GET, &path, &[("if-none-match", "\"2\"")], "").await;
    cached.expect(304);

    let commit = format!("{path}/commit");
    api.post(&commit, &json!({ "customer": "" }))
        .await
        .problem(422, "invalid");
    let order = api.post(&commit, &json!({ "customer": "C-1" })).await.expect(201);
    let order_path = order.header("location").unwrap().to_owned();
    assert_eq!(order.body()["status"], "confirmed");
    assert_eq!(order.body()["id"], held.body()["id"]);
    let again = api.post(&commit, &json!({ "customer": "C-1" })).await.expect(200);
    assert_eq!(again.body(), api.get(&order_path).await.expect(200).body());
    api.send(Method::POST, &format!("{path}/release"), &[], "")
        .await
        .problem(409, "reservation_state");
    assert_eq!(api.get(&path).await.body()["status"], "committed");
    let listed = api
        .get(&format!("{RESERVATIONS}?status=committed&reference=cart-7&count=true"))
        .await;
    assert_eq!(listed.items().len(), 1);
    assert_eq!(listed.header("x-total-count"), Some("1"));
}

#[tokio::test]
async fn a_reservation_ends_by_itself_or_by_request() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    let of =
        |seconds: i64| json!({ "expires_in_seconds": seconds, "lines": [{ "product_id": product, "quantity": 5 }] });
    let path = |answer: &crate::client::Answer| answer.header("location").unwrap().to_owned();
    let first = path(&api.post(RESERVATIONS, &of(60)).await.expect(201));
    let second = path(&api.post(RESERVATIONS, &of(60)).await.expect(201));
    let ticked = api.tick("reservations_expire").await.expect(200).body();
    assert_eq!(ticked["Logs"], json!(["expired: 0"]));
    let released = api
        .send(Method::POST, &format!("{first}/release"), &[], "")
        .await
        .expect(200);
    assert_eq!(released.body()["status"], "released");
    let extend = api
        .post(&format!("{first}/extend"), &json!({ "expires_in_seconds": 60 }))
        .await;
    extend.problem(409, "reservation_state");
    let level = api.get(&format!("/api/v1/inventory/{item}")).await;
    assert_eq!(level.number("available"), 5);
    assert_eq!(api.get(&second).await.body()["status"], "active");
    for (body, pointer) in [
        (of(0), "/expires_in_seconds"),
        (of(2_592_001), "/expires_in_seconds"),
        (json!({ "lines": [] }), "/lines"),
        (json!({ "lines": [{ "sku": "nope", "quantity": 1 }] }), "/lines/0/sku"),
        (
            json!({ "lines": [{ "sku": "TEA", "quantity": 1 }], "location": "Nowhere" }),
            "/location",
        ),
        (
            json!({ "lines": [{ "sku": "TEA", "quantity": 1 }], "location_id": 99 }),
            "/location_id",
        ),
    ] {
        let answer = api.post(RESERVATIONS, &body).await.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let nobody = format!("{RESERVATIONS}/00000000-0000-0000-0000-000000000000");
    api.get(&nobody).await.problem(404, "not_found");
    api.post(&format!("{nobody}/commit"), &json!({ "customer": "C-1" }))
        .await
        .problem(404, "not_found");
}
