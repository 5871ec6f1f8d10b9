use crate::client::{Answer, Api};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use inventory_app::clock;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Write as _;

const ORDERS: &str = "/api/v1/orders";
const WEBHOOK: &str = "/api/v1/payments/webhook";
pub const SECRET: &str = "whsec_0123456789abcdef";
const NEXT_SECRET: &str = "whsec_fedcba9876543210";

fn signature(secret: &str, time: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    mac.finalize()
        .into_bytes()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn now() -> i64 {
    clock().micros() / 1_000_000
}

async fn api() -> Api {
    let secrets = format!("{SECRET} {NEXT_SECRET}");
    let api = Api::unstarted(&[("PAYMENT_WEBHOOK_SECRETS", &secrets)]);
    api.app.start().await;
    api
}

/// The header of a message that is signed now.
pub fn header(body: &str) -> String {
    let time = now();
    format!("t={time},v1={}", signature(SECRET, time, body))
}

/// Sends a message as Stripe does.
async fn tell(api: &Api, message: &Value) -> Answer {
    let body = message.to_string();
    let header = header(&body);
    let headers = [
        ("stripe-signature", header.as_str()),
        ("content-type", "application/json; charset=utf-8"),
    ];
    api.send(Method::POST, WEBHOOK, &headers, body).await
}

fn paid(message: &str, order: &Value, minor: i64) -> Value {
    json!({ "id": message, "object": "event", "type": "payment_intent.succeeded", "data": { "object": {
        "id": format!("pi_{}", order["id"].as_str().unwrap()), "object": "payment_intent", "amount": minor, "amount_received": minor,
        "currency": "eur", "metadata": { "order_id": order["id"] } } } })
}

fn refunded(message: &str, order: &Value, minor: i64, back: i64) -> Value {
    json!({ "id": message, "object": "event", "type": "charge.refunded", "data": { "object": {
        "id": "ch_1", "object": "charge", "amount": minor, "amount_captured": minor, "amount_refunded": back, "currency": "eur",
        "payment_intent": format!("pi_{}", order["id"].as_str().unwrap()),
        "billing_details": { "email": "jane@example.com", "name": "Jane Doe" } } } })
}

/// An order that waits for its payment under its hold.
async fn awaiting(api: &Api, product: i64) -> (Value, String) {
    let new = json!({ "customer": "C-1", "hold_minutes": 30, "payment": "required", "lines": [{ "product_id": product, "quantity": 4 }] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    assert_eq!(order["payment"]["status"], "required");
    // As the relay sends it.
    let event = json!({ "specversion": "1.0", "id": "x", "data": order });
    let id = order["id"].as_str().unwrap();
    api.deliver("orders_process", &[(id, &event.to_string())])
        .await
        .expect(200);
    let path = format!("{ORDERS}/{id}");
    assert_eq!(api.get(&path).await.body()["status"], "confirmed");
    (order, path)
}

#[tokio::test]
async fn an_order_waits_for_its_payment() {
    let api = api().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    let (order, path) = awaiting(&api, product).await;
    api.send(Method::POST, &format!("{path}/ship"), &[], "")
        .await
        .problem(409, "payment_missing");
    for outcome in ["noted", "repeated"] {
        let answer = tell(&api, &paid("evt_1", &order, 106_250)).await.expect(200);
        assert_eq!(answer.body(), json!({ "outcome": outcome }));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let now = api.get(&path).await.body();
    assert_eq!((&now["version"], &now["expires_at"]), (&json!(3), &Value::Null));
    let payment = json!({ "status": "paid", "currency": "EUR", "paid_minor": 106_250, "refunded_minor": 0, "is_refund_due": false });
    assert_eq!(now["payment"], payment);
    api.send(Method::POST, &format!("{path}/ship"), &[], "")
        .await
        .expect(200);
    let back = json!({ "lines": [{ "line": 1, "quantity": 1, "disposition": "restock", "reason": "defective" }] });
    api.post(&format!("{path}/returns"), &back).await.expect(201);
    tell(&api, &refunded("evt_2", &order, 106_250, 26_562))
        .await
        .expect(200);
    assert_eq!(api.get(&path).await.body()["payment"]["status"], "partly_refunded");

    let timeline = api.get(&format!("{path}/timeline")).await.expect(200).items();
    let what: Vec<_> = timeline.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["placed", "confirmed", "paid", "shipped", "returned", "refunded"]);
    assert_eq!(timeline[1]["lines"], json!([{ "line": 1, "quantity": 4 }]));
    assert_eq!(timeline[2]["payment"]["paid_minor"], 106_250);
    assert_eq!(
        timeline[3]["shipment"],
        api.get(&format!("{path}/shipments")).await.items()[0]
    );
    assert_eq!(
        timeline[4]["returned"],
        api.get(&format!("{path}/returns")).await.items()[0]
    );
    let page = api.get(&format!("{path}/timeline?skip=2&limit=2")).await.expect(200);
    assert_eq!(page.items(), timeline[2..4]);
    assert!(!json!(timeline).to_string().contains("C-1"), "nothing of the customer");
    api.get(&format!("{ORDERS}/{}/timeline", uuid::Uuid::nil()))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn money_that_comes_after_the_end_is_due_back() {
    let api = api().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    let (order, path) = awaiting(&api, product).await;
    // The refund is told first.
    tell(&api, &refunded("evt_r", &order, 500, 100)).await.expect(200);
    assert_eq!(
        api.get(&path).await.body()["payment"]["status"],
        "required",
        "nobody has said which order that is"
    );
    let less = json!({ "lines": [{ "line": 1, "quantity": 1 }] });
    api.post(&format!("{path}/cancel"), &less).await.expect(200);
    api.send(Method::POST, &format!("{path}/cancel"), &[], "")
        .await
        .expect(200);
    tell(&api, &paid("evt_p", &order, 500)).await.expect(200);
    let payment = api.get(&path).await.body()["payment"].clone();
    assert_eq!(
        (&payment["refunded_minor"], &payment["is_refund_due"]),
        (&json!(100), &json!(true))
    );
    tell(&api, &refunded("evt_r2", &order, 500, 500)).await.expect(200);
    let payment = api.get(&path).await.body()["payment"].clone();
    assert_eq!(
        (&payment["status"], &payment["is_refund_due"]),
        (&json!("refunded"), &json!(false))
    );
    let timeline = api.get(&format!("{path}/timeline")).await.expect(200).items();
    let what: Vec<_> = timeline.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(
        what,
        [
            "placed",
            "confirmed",
            "cancelled",
            "cancelled",
            "paid",
            "refunded",
            "refund_due",
            "refunded"
        ]
    );
    assert_eq!(
        (
            &timeline[2]["lines"][0]["quantity"],
            &timeline[3]["lines"][0]["quantity"]
        ),
        (&json!(1), &json!(3))
    );
    let due = api.get("/api/v1/audit?action=inventory.order.refund_due").await.items();
    assert_eq!(due.len(), 1);
}

#[tokio::test]
async fn what_is_not_signed_is_not_believed() {
    let api = api().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    let (order, path) = awaiting(&api, product).await;
    let body = paid("evt_1", &order, 500).to_string();
    let time = now();
    let good = signature(SECRET, time, &body);
    let old = time - 600;
    for header in [
        String::new(),
        "nonsense".to_owned(),
        format!("t={time}"),
        format!("v1={good}"),
        format!("t={time},v0={good}"),
        format!("t={time},v1={}", signature("whsec_somebody_elses_", time, &body)),
        format!("t={},v1={good}", time + 1),
        format!("t={old},v1={}", signature(SECRET, old, &body)),
    ] {
        let headers = [("stripe-signature", header.as_str())];
        api.send(Method::POST, WEBHOOK, &headers, body.clone())
            .await
            .problem(400, "bad_signature");
    }
    let header = format!("t={time},v1={good}");
    let headers = [("stripe-signature", header.as_str())];
    let other = paid("evt_1", &order, 5).to_string();
    api.send(Method::POST, WEBHOOK, &headers, other)
        .await
        .problem(400, "bad_signature");
    assert_eq!(api.get(&path).await.body()["payment"]["status"], "required");
    // While the secret is replaced there are two.
    let both = format!(
        "t={time},v1={},v1={}",
        signature("whsec_not_here_yet_", time, &body),
        signature(NEXT_SECRET, time, &body)
    );
    let headers = [("stripe-signature", both.as_str())];
    api.send(Method::POST, WEBHOOK, &headers, body).await.expect(200);
    assert_eq!(api.get(&path).await.body()["payment"]["status"], "paid");
}

#[tokio::test]
async fn messages_that_make_no_sense_are_told_so() {
    let api = api().await;
    let sign = |body: &str| {
        let time = now();
        format!("t={time},v1={}", signature(SECRET, time, body))
    };
    for (body, status, code) in [
        ("not json", 400, "malformed_json"),
        ("", 400, "malformed_json"),
        ("[]", 422, "invalid"),
        ("{}", 422, "invalid"),
    ] {
        let header = sign(body);
        let headers = [("stripe-signature", header.as_str())];
        api.send(Method::POST, WEBHOOK, &headers, body)
            .await
            .problem(status, code);
    }
    let other = json!({ "id": "evt_1", "type": "customer.created", "data": { "object": { "id": "cus_1" } } });
    assert_eq!(
        tell(&api, &other).await.expect(200).body(),
        json!({ "outcome": "ignored" })
    );
    let unknown = json!({ "id": "00000000-0000-0000-0000-000000000001" });
    assert_eq!(
        tell(&api, &paid("evt_2", &unknown, 5)).await.expect(200).body(),
        json!({ "outcome": "parked" })
    );
    let parked = api.get("/api/v1/parked").await.items();
    assert_eq!(
        (&parked[0]["source"], &parked[0]["reason"]),
        (&json!("payments"), &json!("unknown_order"))
    );
    let path = format!("/api/v1/parked/{}/replay", parked[0]["id"]);
    api.send(Method::POST, &path, &[], "")
        .await
        .problem(409, "not_replayable");
}

#[tokio::test]
async fn without_a_secret_there_is_nothing() {
    let api = Api::new().await;
    api.post(WEBHOOK, &json!({})).await.problem(404, "not_found");
}
