//! Lists: pages, orders, members, searches, CSV.

use crate::client::Api;
use flate2::read::GzDecoder;
use http::Method;
use serde_json::{Value, json};
use std::io::Read as _;

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

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_take_it() {
    let api = Api::new().await;
    for number in 0..20 {
        create(&api, &format!("T{number}"), "Tea", None).await;
    }
    let gzip = [("accept-encoding", "gzip, br")];
    let plain = api.get(PRODUCTS).await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let varies = |answer: &crate::client::Answer| {
        let all: Vec<_> = answer.headers.get_all("vary").iter().collect();
        all.iter().any(|name| *name == "accept-encoding")
    };
    assert!(varies(&plain));
    let packed = api.send(Method::GET, PRODUCTS, &gzip, "").await.expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(varies(&packed));
    assert!(packed.bytes.len() * 2 < plain.bytes.len());
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.bytes.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert_eq!(unpacked, plain.bytes);
    // A small one stays as it is.
    let small = api.send(Method::GET, "/api/v1/products/1", &gzip, "").await.expect(200);
    assert_eq!(
        (small.header("content-encoding"), small.header("etag")),
        (None, Some("\"1\""))
    );
    assert!(!varies(&small));

    let line = json!({ "sku": "T1", "quantity": 1 });
    let new = json!({ "customer": "C-1", "lines": vec![line; 30] });
    let order = api.post("/api/v1/orders", &new).await;
    let path = order.header("location").unwrap().to_owned();
    let packed = api.send(Method::GET, &path, &gzip, "").await.expect(200);
    let tag = packed.header("etag").unwrap();
    assert_eq!((packed.header("content-encoding"), tag), (Some("gzip"), "\"1-gzip\""));
    let known = [("accept-encoding", "gzip"), ("if-none-match", tag)];
    let unchanged = api.send(Method::GET, &path, &known, "").await.expect(304);
    assert_eq!(unchanged.header("etag"), Some(tag));
    // And is good for a change.
    let cancel = [("if-match", tag)];
    api.json(Method::POST, &format!("{path}/cancel"), &cancel, &json!({}))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_is_read_again_comes_from_memory_and_is_never_old() {
    let api = Api::new().await;
    let id = create(&api, "A", "Tea", None).await;
    let location = api
        .post("/api/v1/locations", &json!({ "code": "L", "name": "L" }))
        .await
        .expect(201)
        .number("id");
    let product = format!("{PRODUCTS}/{id}");
    let location = format!("/api/v1/locations/{location}");
    for path in [&product, &location] {
        let first = api.get(path).await.expect(200);
        let before = api.app.store().statements();
        for _ in 0..3 {
            assert_eq!(api.get(path).await.expect(200).bytes, first.bytes);
        }
        assert_eq!(
            api.app.store().statements(),
            before,
            "{path}: nobody asks the database again"
        );
        for number in 0..20 {
            let name = json!({ "name": format!("Name {number}") });
            api.json(Method::PATCH, path, &[], &name).await.expect(200);
            assert_eq!(api.get(path).await.expect(200).body()["name"], name["name"]);
        }
    }
    // A change that is not committed changes nothing, and one by another way is seen, too.
    api.json(Method::PATCH, &product, &[], &json!({ "name": "" }))
        .await
        .expect(422);
    assert_eq!(api.get(&product).await.body()["name"], "Name 19");
    api.send(Method::DELETE, &product, &[], "").await.expect(200);
    assert_eq!(api.get(&product).await.body()["status"], "archived");
    api.get(&format!("{PRODUCTS}/99")).await.problem(404, "not_found");
    let ready = api.get("/ready").await.body();
    let told = ready["checks"]["catalogue_cache"]["detail"].as_str().unwrap();
    assert!(told.contains("look-ups found"), "{told}");
}
