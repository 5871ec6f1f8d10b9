use crate::client::Api;
use http::Method;
use serde_json::json;

const PRODUCTS: &str = "/api/v1/products";
const LOCATIONS: &str = "/api/v1/locations";

#[tokio::test]
async fn a_product_lives_and_is_archived() {
    let api = Api::new().await;
    let new = json!({ "sku": "TEA", "name": "Tea", "category": "Beverages", "barcode": "4006381333931" });
    let created = api.post(PRODUCTS, &new).await.expect(201);
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(path, format!("{PRODUCTS}/{}", created.number("id")));
    assert_eq!(created.header("etag"), Some("\"1\""));
    assert_eq!(api.get(&path).await.expect(200).body(), created.body());

    api.post(PRODUCTS, &json!({ "sku": "TEA", "name": "Other" }))
        .await
        .problem(409, "sku_taken");
    let same_code = json!({ "sku": "TEA2", "name": "Other", "barcode": "4006381333931" });
    api.post(PRODUCTS, &same_code).await.problem(409, "barcode_taken");

    // PATCH and PUT both merge; null empties what may be empty.
    let changed = api
        .json(
            Method::PATCH,
            &path,
            &[("if-match", "\"1\"")],
            &json!({ "category": null }),
        )
        .await
        .expect(200);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert!(changed.body()["category"].is_null());
    assert_eq!(changed.body()["name"], "Tea");
    let changed = api
        .json(Method::PUT, &path, &[], &json!({ "name": "Green tea" }))
        .await
        .expect(200);
    assert_eq!(
        (changed.body()["name"].as_str(), changed.body()["sku"].as_str()),
        (Some("Green tea"), Some("TEA"))
    );

    let stale = api.send(Method::DELETE, &path, &[("if-match", "\"1\"")], "").await;
    stale.problem(412, "version_mismatch");
    let archived = api.send(Method::DELETE, &path, &[], "").await.expect(200);
    assert_eq!(archived.body()["status"], "archived");
    let late = api.json(Method::PATCH, &path, &[], &json!({ "name": "Late" })).await;
    late.problem(409, "product_archived");
}

#[tokio::test]
async fn a_product_with_stock_stays() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 1, 0).await;
    let answer = api
        .send(Method::DELETE, &format!("{PRODUCTS}/{product}"), &[], "")
        .await;
    answer.problem(409, "product_has_stock");
}

#[tokio::test]
async fn every_broken_rule_is_named_at_once() {
    let api = Api::new().await;
    let new = json!({ "sku": "", "name": "n".repeat(201), "currency": "usd", "unit_price_minor": -1 });
    let answer = api.post(PRODUCTS, &new).await.problem(422, "invalid");
    assert_eq!(answer.pointers(), ["/sku", "/name", "/unit_price_minor", "/currency"]);
}

#[tokio::test]
async fn locations_have_codes_made_of_names() {
    let api = Api::new().await;
    let created = api
        .post(LOCATIONS, &json!({ "name": "Warehouse A", "priority": 10 }))
        .await
        .expect(201);
    assert_eq!(created.body()["code"], "WAREHOUSE-A");
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(api.get(&path).await.body(), created.body());
    let taken = api
        .post(LOCATIONS, &json!({ "name": "Warehouse A", "code": "WA" }))
        .await;
    taken.problem(409, "location_name_taken");
    let taken = api
        .post(LOCATIONS, &json!({ "name": "Other", "code": "WAREHOUSE-A" }))
        .await;
    taken.problem(409, "location_code_taken");
    let changed = api
        .json(Method::PUT, &path, &[], &json!({ "priority": 1 }))
        .await
        .expect(200);
    assert_eq!(changed.number("priority"), 1);
    assert_eq!(changed.body()["name"], "Warehouse A");
}

#[tokio::test]
async fn lists_come_in_pages_that_lead_on() {
    let api = Api::new().await;
    for number in 0..5 {
        let category = if number == 4 { "Other & more" } else { "Tea" };
        let new = json!({ "sku": format!("T{number}"), "name": "Tea", "category": category });
        api.post(PRODUCTS, &new).await.expect(201);
    }
    let mut path = format!("{PRODUCTS}?category=Tea&limit=2&count=true");
    let mut seen = Vec::new();
    loop {
        let page = api.get(&path).await.expect(200);
        if seen.is_empty() {
            assert_eq!(page.header("x-total-count"), Some("4"));
        }
        seen.extend(page.items().iter().map(|item| item["sku"].as_str().unwrap().to_owned()));
        let Some(next) = page.next() else { break };
        path = next;
    }
    assert_eq!(seen, ["T0", "T1", "T2", "T3"]);
    assert_eq!(
        api.get(&format!("{PRODUCTS}?category=Other+%26%20more"))
            .await
            .items()
            .len(),
        1
    );
    let all = api.get(PRODUCTS).await;
    assert_eq!(
        (all.items().len(), all.header("link"), all.header("x-total-count")),
        (5, None, None)
    );
    assert_eq!(api.get(&format!("{PRODUCTS}?skip=4")).await.items().len(), 1);
    assert_eq!(api.get(&format!("{PRODUCTS}?status=archived")).await.items().len(), 0);
    assert_eq!(api.get(&format!("{PRODUCTS}?limit=1000")).await.items().len(), 5);
    // The host's access key is not ours to refuse.
    assert_eq!(api.get(&format!("{PRODUCTS}?code=key")).await.items().len(), 5);

    let wrong = api
        .get(&format!(
            "{PRODUCTS}?limit=1001&skip=-1&status=new&sort=price&count=perhaps"
        ))
        .await;
    let mut pointers = wrong.problem(422, "invalid").pointers();
    pointers.sort();
    assert_eq!(pointers, ["count", "limit", "skip", "sort", "status"]);
}
