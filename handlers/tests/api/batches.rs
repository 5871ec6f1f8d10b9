use crate::client::Api;
use http::Method;
use inventory_domain::limits;
use serde_json::json;

#[tokio::test]
async fn one_bad_message_fails_nothing() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 100, 0).await;
    let order = |quantity: i64| json!({ "customer": "C", "lines": [{ "product_id": product, "quantity": quantity }] });
    let good = order(1).to_string();
    let other = order(2).to_string();
    let oversized =
        json!({ "customer": "C", "pad": "x".repeat(limits::ORDER_MESSAGE_BYTES_MAX), "lines": [] }).to_string();
    let unknown = json!({ "customer": "C", "lines": [{ "sku": "NOPE", "quantity": 1 }] }).to_string();
    let empty = json!({ "customer": "C", "lines": [] }).to_string();
    let nul = json!({ "customer": "C\u{0}", "lines": [{ "product_id": product, "quantity": 1 }] }).to_string();
    let raw_nul = "not\u{0}json";
    let answer = api
        .deliver(
            "orders_process",
            &[
                ("m-1", &good),
                ("m-2", "not json"),
                ("m-3", &oversized),
                ("m-4", &unknown),
                ("m-5", &empty),
                ("m-6", &nul),
                ("m-7", raw_nul),
                ("m-1", &good),
                ("m-8", &other),
            ],
        )
        .await
        .expect(200);
    assert_eq!(
        answer.body()["Logs"],
        json!([r#"orders: {"decided":2,"repeated":1,"parked":6}"#])
    );
    assert_eq!(
        api.get(&format!("/api/v1/inventory/{item}")).await.number("reserved"),
        3
    );

    let parked = api.get("/api/v1/parked?count=true").await;
    assert_eq!(parked.header("x-total-count"), Some("6"));
    let mut reasons: Vec<_> = parked
        .items()
        .iter()
        .map(|message| {
            (
                message["message_id"].as_str().unwrap().to_owned(),
                message["reason"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    reasons.sort();
    let expected = [
        ("m-2", "not_json"),
        ("m-3", "too_large"),
        ("m-4", "unknown_product"),
        ("m-5", "invalid"),
        ("m-6", "invalid"),
        ("m-7", "not_json"),
    ];
    assert_eq!(reasons, expected.map(|(id, reason)| (id.to_owned(), reason.to_owned())));

    // A parked message can be seen and sent again, once.
    let message = &api.get("/api/v1/parked?reason=unknown_product").await.items()[0];
    let path = format!("/api/v1/parked/{}", message["id"]);
    assert_eq!(api.get(&path).await.expect(200).body()["body"], unknown);
    let replayed = api
        .send(Method::POST, &format!("{path}/replay"), &[], "")
        .await
        .expect(200);
    assert!(!replayed.body()["replayed_at"].is_null());
    let again = api.send(Method::POST, &format!("{path}/replay"), &[], "").await;
    again.problem(409, "already_replayed");
    assert_eq!(api.get("/api/v1/parked?replayed=true").await.items().len(), 1);
    assert_eq!(
        api.get("/api/v1/parked?source=orders&replayed=false")
            .await
            .items()
            .len(),
        5
    );
}

#[tokio::test]
async fn what_the_broker_gave_up_on_is_kept() {
    let api = Api::new().await;
    let reasons =
        json!([{ "DeadLetterReason": "MaxDeliveryCountExceeded", "DeadLetterErrorDescription": "ten times" }]);
    let envelope = json!({
        "Data": { "messages": json!(["{\"customer\":\"C\"}"]).to_string() },
        "Metadata": {
            "MessageIdArray": "[\"m-1\"]",
            "DeliveryCountArray": "[10]",
            "ApplicationPropertiesArray": reasons.to_string(),
        },
    });
    let answer = api.post("/orders_deadletter", &envelope).await.expect(200);
    assert_eq!(answer.body()["Logs"], json!(["parked: 1"]));
    let found = api.get("/api/v1/parked?reason=dead_lettered").await.items();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["message_id"], "m-1");
    assert_eq!(found[0]["delivery_count"], 10);
    assert_eq!(found[0]["detail"], "MaxDeliveryCountExceeded: ten times");
}

#[tokio::test]
async fn nobody_but_the_host_invokes() {
    let api = Api::new().await;
    let envelope = json!({ "Data": { "messages": "[\"{}\"]" }, "Metadata": {} });
    let functions = [
        "orders_process",
        "orders_deadletter",
        "orders_expire",
        "orders_backfill",
        "reservations_expire",
        "stock_sweep",
        "stock_reconcile",
        "outbox_relay",
    ];
    for function in functions {
        let path = format!("/{function}");
        for header in [
            "x-ms-invocation-id",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
        ] {
            let answer = api.json(Method::POST, &path, &[(header, "1")], &envelope).await;
            answer.problem(403, "host_only");
        }
        api.get(&path).await.problem(405, "method_not_allowed");
    }
    assert_eq!(api.get("/api/v1/parked").await.items().len(), 0);
}

#[tokio::test]
async fn an_invocation_that_cannot_be_read_is_not_taken_for_done() {
    let api = Api::new().await;
    for envelope in [json!({}), json!({ "Data": {} }), json!([])] {
        api.post("/orders_process", &envelope)
            .await
            .problem(400, "malformed_envelope");
    }
    let answer = api.deliver("orders_process", &[]).await.expect(200);
    assert_eq!(answer.body()["ReturnValue"], json!(null));
}

#[tokio::test]
async fn a_large_batch_passes_where_a_large_request_does_not() {
    let api = Api::new().await;
    let body = "x".repeat(200 * 1024);
    let messages: Vec<_> = ["1", "2", "3", "4"].iter().map(|id| (*id, body.as_str())).collect();
    let answer = api.deliver("orders_process", &messages).await.expect(200);
    assert_eq!(
        answer.body()["Logs"],
        json!([r#"orders: {"decided":0,"repeated":0,"parked":4}"#])
    );
}

#[tokio::test]
async fn a_database_that_stays_away_fails_the_batch() {
    let api = Api::unstarted(&[("ORDERS_RETRY_SECONDS_MAX", "1")]);
    api.app.start().await;
    api.app.shutdown().await;
    let answer = api.deliver("orders_process", &[("1", "{}")]).await;
    let answer = answer.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
}
