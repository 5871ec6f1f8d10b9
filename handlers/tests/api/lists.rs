//! Lists: pages, orders, members, searches, CSV.

use crate::client::Api;
use http::Method;
use serde_json::{Value, json};

const PRODUCTS: &str = "/api/v1/products";

async fn create(api: &Api, sku: &str, name: &str, category: Option<&str>) -> i64 {
    let new = json!({ "sku": sku, "name": name, "category": category });
    api.post(PRODUCTS, &new).await.expect(201).number("id")
}

fn texts(items: &[Value], name: &str) -> Vec<String> {
    items
        .iter()
        .map(|item| item[name].as_str().unwrap().to_owned())
        .collect()
}

/// All pages from `path` on, with `between` done after each.
async fn pages(api: &Api, path: &str, between: impl AsyncFn()) -> Vec<Value> {
    let mut path = path.to_owned();
    let mut all = Vec::new();
    loop {
        let page = api.get(&path).await.expect(200);
        all.extend(page.items());
        match page.next() {
            Some(next) => path = next,
            None => return all,
        }
        between().await;
    }
}

#[tokio::test]
async fn pages_show_each_row_once_while_others_come_in() {
    let api = Api::new().await;
    for sku in ["C1", "C2", "C3", "C4", "C5"] {
        create(&api, sku, "Tea", None).await;
    }
    for (order, expected) in [
        ("sku", ["C1", "C2", "C3", "C4", "C5"]),
        ("-sku", ["C5", "C4", "C3", "C2", "C1"]),
        ("name,-id", ["C5", "C4", "C3", "C2", "C1"]),
        ("-updated_at,sku", ["C5", "C4", "C3", "C2", "C1"]),
        ("-name,updated_at", ["C1", "C2", "C3", "C4", "C5"]),
    ] {
        let path = format!("{PRODUCTS}?sort={order}&limit=2");
        // Another that every order has before or among the first: pages by number would show a row twice.
        let inserted = async || {
            let sku = format!("{}-{}", if order == "sku" { "B" } else { "D" }, uuid::Uuid::now_v7());
            let name = if order == "name,-id" { "Aardvark" } else { "Zebra" };
            create(&api, &sku, name, None).await;
        };
        let all = pages(&api, &path, inserted).await;
        let seen = texts(&all, "sku");
        let old: Vec<_> = seen.iter().filter(|sku| sku.starts_with('C')).collect();
        assert_eq!(old, expected.iter().collect::<Vec<_>>(), "{order}");
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_and_order() {
    let api = Api::new().await;
    for sku in ["A", "B", "C"] {
        create(&api, sku, "Tea", None).await;
    }
    let page = api.get(&format!("{PRODUCTS}?sort=sku&limit=1")).await.expect(200);
    let next = page.next().unwrap();
    let (_, cursor) = next.split_once("cursor=").unwrap();
    for path in [
        format!("{PRODUCTS}?cursor={cursor}"),
        format!("{PRODUCTS}?sort=-sku&cursor={cursor}"),
        format!("/api/v1/locations?cursor={cursor}"),
        format!("{PRODUCTS}?sort=sku&cursor={}", &cursor[1..]),
        format!("{PRODUCTS}?sort=sku&cursor=%00"),
        format!("{PRODUCTS}?sort=sku&cursor="),
    ] {
        let problem = api.get(&path).await.problem(422, "invalid");
        assert_eq!(problem.pointers(), ["cursor"], "{path}");
    }
    let both = api.get(&format!("{next}&skip=1")).await.problem(422, "invalid");
    assert_eq!(both.pointers(), ["skip"]);
    // A filter may change on the way; the place stays.
    let twice = api.get(&format!("{next}&limit=9")).await.problem(422, "invalid");
    assert_eq!(twice.pointers(), ["limit"]);
    let rest = api
        .get(&format!("{PRODUCTS}?sort=sku&status=active&cursor={cursor}"))
        .await;
    assert_eq!(texts(&rest.expect(200).items(), "sku"), ["B", "C"]);
}

#[tokio::test]
async fn answers_have_the_members_that_are_wanted() {
    let api = Api::new().await;
    create(&api, "A", "Tea", Some("Beverages")).await;
    create(&api, "B", "Tea", None).await;
    let page = api
        .get(&format!("{PRODUCTS}?fields=sku,category&limit=1"))
        .await
        .expect(200);
    assert_eq!(page.body(), json!([{ "sku": "A", "category": "Beverages" }]));
    // The cursor needs members that are not answered.
    let next = api.get(&page.next().unwrap()).await.expect(200);
    assert_eq!(next.items()[0]["sku"], "B");
    for wrong in ["size", "sku,", "", "SKU", "sku%20"] {
        let problem = api
            .get(&format!("{PRODUCTS}?fields={wrong}"))
            .await
            .problem(422, "invalid");
        assert_eq!(problem.pointers(), ["fields"]);
    }
}

#[tokio::test]
async fn a_search_finds_parts_of_words() {
    let api = Api::new().await;
    create(&api, "TEA-GREEN-100", "Green tea, 100 bags", Some("Beverages")).await;
    create(&api, "TEA-BLACK-50", "Black tea 50% off", Some("Beverages")).await;
    create(&api, "CUP_1", "Cup \\ white", None).await;
    for (search, expected) in [
        ("tea", vec!["TEA-GREEN-100", "TEA-BLACK-50"]),
        ("TEA+green", vec!["TEA-GREEN-100"]),
        ("bags+GREEN+bev+100", vec!["TEA-GREEN-100"]),
        ("ever", vec!["TEA-GREEN-100", "TEA-BLACK-50"]),
        ("50%25", vec!["TEA-BLACK-50"]),
        ("_", vec!["CUP_1"]),
        ("%5C", vec!["CUP_1"]),
        ("%25", vec!["TEA-BLACK-50"]),
        ("coffee", vec![]),
        ("tea'--", vec![]),
    ] {
        let found = api.get(&format!("{PRODUCTS}?q={search}&count=true")).await.expect(200);
        assert_eq!(texts(&found.items(), "sku"), expected, "{search}");
        assert_eq!(found.header("x-total-count"), Some(expected.len().to_string().as_str()));
    }
    for wrong in ["", "a+b+c+d+e", &"x".repeat(101), "%00"] {
        let problem = api.get(&format!("{PRODUCTS}?q={wrong}")).await.problem(422, "invalid");
        assert!(problem.pointers().contains(&"q".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn lists_come_as_csv_to_those_who_ask() {
    let api = Api::new().await;
    create(&api, "A", "=1+1", Some("a, \"b\"")).await;
    create(&api, "B", "Tea", None).await;
    let csv = [("accept", "text/csv, application/json;q=0.5")];
    let path = format!("{PRODUCTS}?fields=sku,name,category,unit_price_minor&limit=1&count=true");
    let page = api.send(Method::GET, &path, &csv, "").await.expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(page.header("x-total-count"), Some("2"));
    assert!(page.header("vary").is_some_and(|names| names.contains("accept")));
    assert_eq!(
        String::from_utf8(page.bytes.clone()).unwrap(),
        "sku,name,category,unit_price_minor\r\nA,'=1+1,\"a, \"\"b\"\"\",0\r\n"
    );
    let next = api.send(Method::GET, &page.next().unwrap(), &csv, "").await.expect(200);
    assert!(String::from_utf8(next.bytes).unwrap().ends_with("\r\nB,Tea,,0\r\n"));
    // Problems stay problems.
    api.send(Method::GET, &format!("{PRODUCTS}?limit=0"), &csv, "")
        .await
        .problem(422, "invalid");

    let order = json!({ "customer": "C-1", "lines": [{ "sku": "A", "quantity": 1 }] });
    api.post("/api/v1/orders", &order).await;
    let orders = api.send(Method::GET, "/api/v1/orders", &csv, "").await.expect(200);
    let text = String::from_utf8(orders.bytes).unwrap();
    assert!(text.contains("\"\"sku\"\":\"\"A\"\""), "{text}");
    let none = api.send(Method::GET, "/api/v1/alerts", &csv, "").await.expect(200);
    assert!(String::from_utf8(none.bytes).unwrap().starts_with("id,stock_item_id,"));
}
