use crate::client::Api;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const ORDERS: &str = "/api/v1/orders";

/// Delivers an order's message to `orders_process`, as the relay and the queue would.
async fn decide(api: &Api, order: &Value) -> Value {
    let id = order["id"].as_str().unwrap();
    let message = json!({ "order_id": id, "customer": order["customer"], "on_shortage": order["on_shortage"],
        "hold_minutes": order["hold_minutes"], "lines": order["lines"] });
    let answer = api
        .deliver("orders_process", &[(id, &message.to_string())])
        .await
        .expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    api.get(&format!("{ORDERS}/{id}")).await.expect(200).body()
}

#[tokio::test]
async fn an_order_is_taken_decided_and_shipped() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    let new = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 4 }] });
    let taken = api.post(ORDERS, &new).await.expect(202);
    let order = taken.body();
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    assert_eq!(taken.header("location"), Some(path.as_str()));
    assert_eq!(order["status"], "pending");
    assert_eq!(api.get(&path).await.body(), order);

    let decided = decide(&api, &order).await;
    assert_eq!(decided["status"], "confirmed");
    assert_eq!(
        api.get(&format!("/api/v1/inventory/{item}")).await.number("available"),
        6
    );
    // The same message again changes nothing.
    assert_eq!(decide(&api, &order).await, decided);

    let tag = api.get(&path).await.header("etag").unwrap().to_owned();
    let stale = api
        .send(Method::POST, &format!("{path}/ship"), &[("if-match", "\"1\"")], "")
        .await;
    stale.problem(412, "version_mismatch");
    let shipped = api
        .send(Method::POST, &format!("{path}/ship"), &[("if-match", &tag)], "{}")
        .await
        .expect(200);
    assert_eq!(shipped.body()["status"], "shipped");
    assert_eq!(
        api.get(&format!("/api/v1/inventory/{item}")).await.number("quantity"),
        6
    );
    let late = api.send(Method::POST, &format!("{path}/cancel"), &[], "").await;
    late.problem(409, "order_state");
}

#[tokio::test]
async fn an_order_leaves_in_parts_is_reduced_and_comes_back() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 20, 0).await;
    let new = json!({ "customer": "C-1", "lines": [
        { "product_id": product, "quantity": 8 }, { "product_id": product, "quantity": 4 } ] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    assert_eq!(
        api.get(&format!("{path}/shipments")).await.expect(200).items(),
        [] as [Value; 0]
    );
    decide(&api, &order).await;
    let part = json!({ "lines": [{ "line": 1, "quantity": 3 }], "carrier": "DHL", "tracking": "JJD01" });
    let key = [("idempotency-key", "\"s-1\"")];
    let shipped = api
        .json(Method::POST, &format!("{path}/ship"), &key, &part)
        .await
        .expect(200);
    assert_eq!(
        (&shipped.body()["status"], &shipped.body()["lines"][0]["shipped"]),
        (&json!("partly_shipped"), &json!(3))
    );
    let again = api
        .json(Method::POST, &format!("{path}/ship"), &key, &part)
        .await
        .expect(200);
    assert_eq!(
        (again.header("idempotency-replayed"), again.body()),
        (Some("true"), shipped.body())
    );
    assert_eq!(
        api.get(&format!("{ORDERS}?status=partly_shipped")).await.items().len(),
        1
    );

    let less = json!({ "lines": [{ "line": 2, "quantity": 1 }] });
    let less = api.post(&format!("{path}/cancel"), &less).await.expect(200).body();
    assert_eq!(
        (&less["status"], &less["lines"][1]["cancelled"]),
        (&json!("partly_shipped"), &json!(1))
    );
    api.send(Method::POST, &format!("{path}/ship"), &[], "")
        .await
        .expect(200);
    let stock = async || {
        let item = api.get(&format!("/api/v1/inventory/{item}")).await;
        (item.number("quantity"), item.number("reserved"))
    };
    assert_eq!(stock().await, (9, 0));
    let shipments = api.get(&format!("{path}/shipments")).await.expect(200).items();
    assert_eq!(shipments.len(), 2);
    assert_eq!(
        shipments[0]["lines"],
        json!([{ "line": 1, "stock_item_id": item, "location_id": 1, "location": "MAIN", "quantity": 3 }])
    );

    let back = json!({ "lines": [
        { "line": 1, "quantity": 2, "disposition": "restock", "reason": "unwanted" },
        { "line": 1, "quantity": 1, "disposition": "write_off", "reason": "damaged" } ] });
    let returned = api.post(&format!("{path}/returns"), &back).await.expect(201);
    assert_eq!(stock().await, (11, 0));
    let one = api.get(returned.header("location").unwrap()).await.expect(200);
    assert_eq!(one.body(), returned.body());
    assert_eq!(
        api.get(&format!("{path}/returns")).await.expect(200).items(),
        [one.body()]
    );
    assert_eq!(api.get(&path).await.body()["lines"][0]["returned"], 3);
    let too_many = json!({ "lines": [{ "line": 1, "quantity": 6, "disposition": "restock", "reason": "other" }] });
    api.post(&format!("{path}/returns"), &too_many)
        .await
        .problem(409, "order_line_units");
    assert_eq!(stock().await, (11, 0));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 20, 0).await;
    let new = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 8 }] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    api.send(Method::POST, &format!("{path}/ship"), &[], "")
        .await
        .problem(409, "order_state");
    decide(&api, &order).await;
    for (verb, body, pointer) in [
        ("ship", json!({ "lines": [] }), "/lines"),
        (
            "ship",
            json!({ "lines": [{ "line": 1, "quantity": 0 }] }),
            "/lines/0/quantity",
        ),
        ("ship", json!({ "lines": [{ "line": 2 }] }), "/lines/0/line"),
        (
            "ship",
            json!({ "lines": [{ "line": 1 }, { "line": 1 }] }),
            "/lines/1/line",
        ),
        ("ship", json!({ "tracking": "a\u{0}b" }), "/tracking"),
        ("ship", json!({ "carrier": "x".repeat(65) }), "/carrier"),
        ("ship", json!({ "location_id": 0 }), "/location_id"),
        ("ship", json!({ "driver": "Bob" }), "/driver"),
        ("cancel", json!({ "lines": [{ "line": 9 }] }), "/lines/0/line"),
        (
            "cancel",
            json!({ "lines": [{ "line": 1, "quantity": -1 }] }),
            "/lines/0/quantity",
        ),
        ("returns", json!({ "lines": [] }), "/lines"),
        (
            "returns",
            json!({ "lines": [{ "line": 1, "quantity": 1, "disposition": "eat", "reason": "other" }] }),
            "/lines/0/disposition",
        ),
    ] {
        let answer = api.post(&format!("{path}/{verb}"), &body).await.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{verb} {body}");
    }
    let nine = json!({ "lines": [{ "line": 1, "quantity": 9 }] });
    for verb in ["ship", "cancel"] {
        api.post(&format!("{path}/{verb}"), &nine)
            .await
            .problem(409, "order_line_units");
    }
    let unknown = Uuid::nil();
    for path in [
        format!("{ORDERS}/{unknown}/shipments"),
        format!("{ORDERS}/{unknown}/returns"),
        format!("/api/v1/returns/{unknown}"),
    ] {
        api.get(&path).await.problem(404, "not_found");
    }
}

/// Reads an order again and again until it is as wanted.
async fn becomes(api: &Api, path: &str, status: &str) -> Value {
    let wanted = async {
        loop {
            let order = api.get(path).await.expect(200).body();
            if order["status"] == status {
                return order;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), wanted)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_order_that_waits_gets_what_comes() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 2, 0).await;
    let mut waiting = Vec::new();
    for on_shortage in ["backorder", "partial_backorder"] {
        let new = json!({ "customer": "C-1", "on_shortage": on_shortage, "lines": [{ "product_id": product, "quantity": 5 }] });
        let order = api.post(ORDERS, &new).await.expect(202).body();
        let decided = decide(&api, &order).await;
        waiting.push((
            format!("{ORDERS}/{}", order["id"].as_str().unwrap()),
            decided["status"].clone(),
        ));
    }
    assert_eq!(
        (&waiting[0].1, &waiting[1].1),
        (&json!("backordered"), &json!("confirmed"))
    );
    // Nobody asks for it: what came is handed out.
    api.post(
        &format!("/api/v1/inventory/{item}/adjust"),
        &json!({ "delta": 6, "reason": "count" }),
    )
    .await
    .expect(200);
    let first = becomes(&api, &waiting[0].0, "confirmed").await;
    assert_eq!(first["lines"][0]["reserved"], 5, "it is the oldest");
    // Behind the back of the program: the timer finds it.
    api.app
        .store()
        .execute_raw("UPDATE stock_items SET on_hand = on_hand + 2")
        .await
        .unwrap();
    api.app.store().execute_raw("INSERT INTO movements (stock_item_id, kind, on_hand_delta, reserved_delta, on_hand_after, reserved_after, actor, created_at) SELECT id, 'receipt', 2, 0, on_hand, reserved, 'test', 0 FROM stock_items").await.unwrap();
    api.tick("orders_backfill").await.expect(200);
    let second = api.get(&waiting[1].0).await.body();
    assert_eq!(
        (&second["lines"][0]["reserved"], &second["reason"]),
        (&json!(5), &Value::Null)
    );
}

#[tokio::test]
async fn an_order_beyond_the_stock_is_rejected_and_one_can_be_cancelled() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    let new = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 11 }] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    let decided = decide(&api, &order).await;
    assert_eq!(
        (decided["status"].as_str(), decided["reason"].as_str()),
        (Some("rejected"), Some("insufficient_stock"))
    );

    let new = json!({ "customer": "C-2", "lines": [{ "sku": "TEA", "quantity": 10 }] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    assert_eq!(decide(&api, &order).await["status"], "confirmed");
    let path = format!("{ORDERS}/{}/cancel", order["id"].as_str().unwrap());
    assert_eq!(
        api.send(Method::POST, &path, &[], "").await.expect(200).body()["status"],
        "cancelled"
    );
    assert_eq!(
        api.get(&format!("/api/v1/inventory/{item}")).await.number("available"),
        10
    );

    let of_one = api
        .get(&format!("{ORDERS}?customer=C-2&status=cancelled&count=true"))
        .await;
    assert_eq!((of_one.items().len(), of_one.header("x-total-count")), (1, Some("1")));
}

#[tokio::test]
async fn orders_that_cannot_be_are_refused() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    for (body, pointer) in [
        (json!({ "customer": "C", "lines": [] }), "/lines"),
        (json!({ "lines": [] }), "/customer"),
        (
            json!({ "customer": "C", "lines": [{ "product_id": product, "quantity": 0 }] }),
            "/lines/0/quantity",
        ),
        (json!({ "customer": "C", "lines": [{ "quantity": 1 }] }), "/lines/0"),
        (
            json!({ "customer": "C", "lines": [{ "product_id": product, "quantity": "two" }] }),
            "/lines/0/quantity",
        ),
        (
            json!({ "customer": "C", "lines": [{ "product_id": 4711, "quantity": 1 }] }),
            "/lines/0/product_id",
        ),
        (
            json!({ "customer": "C", "on_shortage": "panic", "lines": [] }),
            "/on_shortage",
        ),
    ] {
        let answer = api.post(ORDERS, &body).await.problem(422, "invalid");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    assert_eq!(api.get(ORDERS).await.items().len(), 0);
    let unknown = Uuid::nil();
    api.get(&format!("{ORDERS}/{unknown}")).await.problem(404, "not_found");
    api.get(&format!("{ORDERS}/17")).await.problem(404, "not_found");
}

#[tokio::test]
async fn the_timers_answer_as_the_host_expects() {
    let api = Api::new().await;
    for function in [
        "stock_sweep",
        "orders_expire",
        "orders_backfill",
        "outbox_relay",
        "stock_reconcile",
    ] {
        let answer = api.tick(function).await.expect(200);
        let body = answer.body();
        assert_eq!(answer.header("content-type"), Some("application/json"), "{function}");
        assert_eq!(
            (&body["Outputs"], &body["ReturnValue"]),
            (&json!({}), &Value::Null),
            "{function}"
        );
        assert_eq!(body["Logs"].as_array().map(Vec::len), Some(1), "{function}");
    }
}

#[tokio::test]
async fn an_orders_events_are_told_in_order() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    let new = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 4 }] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    decide(&api, &order).await;
    let path = format!("{ORDERS}/{}", order["id"].as_str().unwrap());
    api.send(Method::POST, &format!("{path}/ship"), &[], "")
        .await
        .expect(200);

    let events = api.get(&format!("{path}/events")).await.expect(200).items();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "inventory.order.placed",
            "inventory.order.confirmed",
            "inventory.order.shipped"
        ]
    );
    assert_eq!(events[1]["data"]["status"], "confirmed");
    let subject = events[0]["subject"].as_str().unwrap();
    assert_eq!(
        api.get(&format!("/api/v1/events?subject={subject}")).await.items(),
        events
    );
    let shipped = api
        .get(&format!(
            "/api/v1/events?subject={subject}&type=inventory.order.shipped"
        ))
        .await
        .items();
    assert_eq!(shipped, events[2..]);
    let page = api.get(&format!("{path}/events?skip=1&limit=1")).await.expect(200);
    assert_eq!(page.items(), events[1..2]);
    let next = api.get(&page.next().unwrap()).await.expect(200);
    assert_eq!(next.items(), events[2..3]);
    let stock = api
        .get(&format!("/api/v1/events?subject=inventory/{item}"))
        .await
        .expect(200)
        .items();
    assert!(!stock.is_empty());

    api.get(&format!("{ORDERS}/{}/events", Uuid::new_v4()))
        .await
        .problem(404, "not_found");
    let without = api.get("/api/v1/events").await.problem(422, "invalid");
    assert_eq!(without.pointers(), ["subject"]);
    let wrong = api.get("/api/v1/events?subject=x&type=y").await.problem(422, "invalid");
    assert_eq!(wrong.pointers(), ["type"]);
    assert_eq!(
        api.get("/api/v1/events?subject=nothing/1").await.items(),
        Vec::<Value>::new()
    );
}

#[tokio::test]
async fn an_event_history_that_is_away_stops_nothing_else() {
    // Nobody listens there.
    let api = Api::unstarted(&[("COSMOS_ENDPOINT", "http://127.0.0.1:9/"), ("COSMOS_KEY", "a2V5")]);
    api.app.start().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    let new = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 4 }] });
    let order = api.post(ORDERS, &new).await.expect(202).body();
    let decided = decide(&api, &order).await;
    assert_eq!(decided["status"], "confirmed");
    let path = format!("{ORDERS}/{}/events", order["id"].as_str().unwrap());
    let away = api.get(&path).await.problem(503, "unavailable");
    assert!(away.header("retry-after").is_some());
    let ready = api.get("/ready").await.expect(200).body();
    assert_eq!(
        (&ready["status"], &ready["checks"]["event_history"]["ok"]),
        (&json!("degraded"), &json!(false))
    );
}
