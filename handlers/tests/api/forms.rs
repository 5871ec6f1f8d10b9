//! What is the same for all functions: headers, limits, versions, idempotency.

use crate::client::Api;
use http::Method;
use serde_json::json;

const PRODUCTS: &str = "/api/v1/products";

#[tokio::test]
async fn a_body_must_be_json_and_of_bounded_size() {
    let api = Api::unstarted(&[("BODY_BYTES_MAX", "1024")]);
    api.app.start().await;
    let body = json!({ "sku": "TEA", "name": "Tea" }).to_string();
    let text = [("content-type", "text/plain")];
    let answer = api.send(Method::POST, PRODUCTS, &text, body.clone()).await;
    answer.problem(415, "unsupported_media_type");
    let merge = [("content-type", "application/merge-patch+json; charset=utf-8")];
    api.send(Method::POST, PRODUCTS, &merge, body).await.expect(201);
    // Without a content type JSON is assumed.
    let body = json!({ "sku": "TEA2", "name": "Tea" }).to_string();
    api.send(Method::POST, PRODUCTS, &[], body).await.expect(201);

    let long = json!({ "sku": "TEA3", "name": "x".repeat(1024) }).to_string();
    let answer = api.send(Method::POST, PRODUCTS, &[], long.clone()).await;
    answer.problem(413, "body_too_large");
    let declared = [("content-length", "1025")];
    api.send(Method::POST, PRODUCTS, &declared, long)
        .await
        .problem(413, "body_too_large");
}

#[tokio::test]
async fn requests_have_ids() {
    let api = Api::new().await;
    let path = format!("{PRODUCTS}/1");
    let send = async |headers| {
        let answer = api
            .send(Method::GET, &path, headers, "")
            .await
            .problem(404, "not_found");
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(
        send(&[("x-request-id", "mine-1"), ("x-azure-functions-invocationid", "host-1")]).await,
        "mine-1"
    );
    assert_eq!(send(&[("x-azure-functions-invocationid", "host-1")]).await, "host-1");
    assert_eq!(
        send(&[
            ("x-request-id", "not a sane id"),
            ("x-azure-functions-invocationid", "host-1")
        ])
        .await,
        "host-1"
    );
    assert_eq!(send(&[]).await.len(), 36);
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 1, 0).await;
    for path in [
        format!("{PRODUCTS}/{product}"),
        PRODUCTS.to_owned(),
        format!("{PRODUCTS}/99"),
        "/health".to_owned(),
    ] {
        let get = api.get(&path).await;
        let head = api.send(Method::HEAD, &path, &[], "").await.expect(get.status.as_u16());
        assert!(head.bytes.is_empty());
        for name in ["content-type", "etag"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 1, 0).await;
    let path = format!("{PRODUCTS}/{product}");
    let tag = api.get(&path).await.header("etag").unwrap().to_owned();
    for value in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = api
            .send(Method::GET, &path, &[("if-none-match", &value)], "")
            .await
            .expect(304);
        assert!(answer.bytes.is_empty());
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    for value in ["\"99\"", "nonsense"] {
        api.send(Method::GET, &path, &[("if-none-match", value)], "")
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn if_match_is_understood_or_refused() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 1, 0).await;
    let path = format!("{PRODUCTS}/{product}");
    let change = json!({ "name": "Tea" });
    for (value, status) in [
        ("*", 200),
        ("W/\"1\"", 412),
        ("\"99\"", 412),
        ("\"x\"", 412),
        ("3", 400),
        ("\"1\", \"2\"", 400),
    ] {
        let answer = api.json(Method::PATCH, &path, &[("if-match", value)], &change).await;
        match status {
            412 => drop(answer.problem(412, "version_mismatch")),
            400 => drop(answer.problem(400, "malformed_header")),
            _ => drop(answer.expect(status)),
        }
    }
    let missing = api
        .json(
            Method::PATCH,
            &format!("{PRODUCTS}/99"),
            &[("if-match", "\"1\"")],
            &change,
        )
        .await;
    missing.problem(404, "not_found");
}

#[tokio::test]
async fn the_same_request_is_done_once() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 1, 0).await;
    let add = json!({ "product_id": product, "quantity": 5 });
    let path = "/api/v1/inventory";
    let first = api
        .json(Method::POST, path, &[("idempotency-key", "\"k-1\"")], &add)
        .await
        .expect(200);
    assert_eq!(first.header("idempotency-replayed"), None);
    // A token is the same key as the quoted string.
    let again = api
        .json(Method::POST, path, &[("idempotency-key", "k-1")], &add)
        .await
        .expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (again.bytes.as_slice(), again.header("etag")),
        (first.bytes.as_slice(), first.header("etag"))
    );
    assert_eq!(api.get(&format!("{path}/{item}")).await.number("quantity"), 6);

    let other = json!({ "product_id": product, "quantity": 6 });
    let reused = api
        .json(Method::POST, path, &[("idempotency-key", "k-1")], &other)
        .await;
    reused.problem(422, "idempotency_key_reused");
    // Another function's key is another key.
    let new = json!({ "sku": "K", "name": "K" });
    let created = api
        .json(Method::POST, PRODUCTS, &[("idempotency-key", "k-1")], &new)
        .await
        .expect(201);
    let replayed = api
        .json(Method::POST, PRODUCTS, &[("idempotency-key", "k-1")], &new)
        .await
        .expect(201);
    assert_eq!(replayed.header("location"), created.header("location"));

    // What was refused is not kept: the key may be used for what was meant.
    let refused = api
        .json(Method::POST, PRODUCTS, &[("idempotency-key", "k-2")], &new)
        .await;
    refused.problem(409, "sku_taken");
    let meant = json!({ "sku": "K2", "name": "K" });
    api.json(Method::POST, PRODUCTS, &[("idempotency-key", "k-2")], &meant)
        .await
        .expect(201);

    for bad in ["", "\"open", "two words", &"x".repeat(256)] {
        let answer = api.json(Method::POST, path, &[("idempotency-key", bad)], &add).await;
        answer.problem(400, "malformed_header");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    api.json(Method::POST, path, &twice, &add)
        .await
        .problem(400, "malformed_header");
    assert_eq!(api.get(&format!("{path}/{item}")).await.number("quantity"), 6);
}

#[tokio::test]
async fn an_action_without_a_body_can_be_repeated_too() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    let new = json!({ "customer": "C", "lines": [{ "product_id": product, "quantity": 1 }] });
    let order = api.post("/api/v1/orders", &new).await.expect(202).body();
    let path = format!("/api/v1/orders/{}/cancel", order["id"].as_str().unwrap());
    let key = [("idempotency-key", "c-1")];
    let first = api.send(Method::POST, &path, &key, "").await.expect(200);
    let again = api.send(Method::POST, &path, &key, "").await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.bytes, first.bytes);
    let said_too_much = api.send(Method::POST, &path, &[], "{\"why\":\"because\"}").await;
    assert_eq!(said_too_much.problem(422, "invalid").pointers(), ["/why"]);
}

#[tokio::test]
async fn unknown_parameters_are_refused_everywhere() {
    let api = Api::new().await;
    let (product, item) = api.product("TEA", 10, 0).await;
    for path in [
        format!("{PRODUCTS}/{product}"),
        format!("/api/v1/inventory/{item}"),
        "/api/v1/inventory/value".to_owned(),
    ] {
        let answer = api.get(&format!("{path}?fields=id")).await;
        assert_eq!(answer.problem(422, "invalid").pointers(), ["fields"], "{path}");
    }
    let answer = api
        .post(&format!("{PRODUCTS}?dry_run=true"), &json!({ "sku": "A", "name": "A" }))
        .await;
    assert_eq!(answer.problem(422, "invalid").pointers(), ["dry_run"]);
    assert_eq!(api.get(PRODUCTS).await.items().len(), 1);
}

#[tokio::test]
async fn paths_are_matched_as_the_host_matches_them() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 10, 0).await;
    api.get(&format!("/API/V1/Products/{product}/")).await.expect(200);
    api.get("/nothing/here").await.problem(404, "not_found");
    api.get(&format!("{PRODUCTS}/x")).await.problem(404, "not_found");
    api.get(&format!("{PRODUCTS}/99999999999999999999"))
        .await
        .problem(404, "not_found");
    let wrong = api
        .send(Method::PUT, PRODUCTS, &[], "{}")
        .await
        .problem(405, "method_not_allowed");
    assert!(wrong.header("allow").unwrap().contains("POST"));
}
