//! The dashboard: its files, and what a person sees and does on it in a browser.

use crate::{accounts::PASSWORD, client::Api};
use http::Method;
use inventory_domain::Role;
use inventory_tests::browser;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const ASSETS: &str = "/dashboard/assets/";

#[tokio::test]
async fn the_page_holds_nothing_inline_and_nothing_from_elsewhere() {
    let api = Api::unstarted(&[]);
    let page = api.get("/dashboard").await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    for word in ["unsafe", "http", "*"] {
        assert!(!policy.contains(word), "{policy}");
    }
    let html = String::from_utf8(page.bytes).unwrap();
    for word in ["http:", "https:", "style=", "onclick", "<style"] {
        assert!(!html.contains(word), "{word}");
    }
    for (operation, role) in [
        ("replenishment_order", "manager"),
        ("parked_replay", "admin"),
        ("inventory_list", "viewer"),
    ] {
        assert!(html.contains(&format!("{operation}={role}")), "{operation}");
    }
    // Every file that is asked for is there, and so is every file that those ask for.
    let mut files: Vec<String> = html
        .split(ASSETS)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let mut seen = Vec::new();
    while let Some(file) = files.pop() {
        if seen.contains(&file) {
            continue;
        }
        let answer = api.get(&format!("{ASSETS}{file}")).await.expect(200);
        let text = String::from_utf8(answer.bytes).unwrap();
        files.extend(
            text.split(" from \"./")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned()),
        );
        seen.push(file);
    }
    seen.sort();
    assert_eq!(
        seen,
        [
            "api.js",
            "chart.js",
            "dom.js",
            "main.js",
            "page.css",
            "uplot.css",
            "uplot.js",
            "views.js"
        ]
    );
    api.get(&format!("{ASSETS}nothing.js")).await.problem(404, "not_found");
    // Our own files are asked for each time, and sent when they are others.
    let main = api.get(&format!("{ASSETS}main.js")).await.expect(200);
    assert_eq!(main.header("cache-control"), Some("no-cache"));
    let known = [("if-none-match", main.header("etag").unwrap())];
    let again = api
        .send(Method::GET, &format!("{ASSETS}main.js"), &known, "")
        .await
        .expect(304);
    assert!(again.bytes.is_empty());
}

#[tokio::test]
async fn lists_say_when_nothing_has_changed() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 5, 0).await;
    for path in [
        "/api/v1/inventory",
        "/api/v1/replenishment/suggestions",
        "/api/v1/orders/pace?minutes=1",
        "/ready",
    ] {
        assert!(
            api.get(path).await.expect(200).header("etag").is_some() || path == "/ready",
            "{path}"
        );
    }
    let first = api.get("/api/v1/inventory?count=true").await.expect(200);
    let known = [("if-none-match", first.header("etag").unwrap())];
    let again = api
        .send(Method::GET, "/api/v1/inventory?count=true", &known, "")
        .await
        .expect(304);
    assert!(again.bytes.is_empty());
    assert_eq!(
        (again.header("etag"), again.header("x-total-count")),
        (first.header("etag"), Some("1"))
    );
    let more = json!({ "product_id": product, "quantity": 1 });
    api.post("/api/v1/inventory", &more).await.expect(200);
    let changed = api
        .send(Method::GET, "/api/v1/inventory?count=true", &known, "")
        .await
        .expect(200);
    assert_ne!(changed.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn the_pace_of_orders_is_told_by_the_minute() {
    let api = Api::new().await;
    let (product, _) = api.product("TEA", 5, 0).await;
    let order = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 1 }] });
    let placed = api.post("/api/v1/orders", &order).await.expect(202).body();
    api.post("/api/v1/orders", &order).await.expect(202);
    let message = json!({ "order_id": placed["id"], "customer": "C-1", "lines": order["lines"] }).to_string();
    api.deliver("orders_process", &[("1", &message)]).await.expect(200);
    let rows = api.get("/api/v1/orders/pace?minutes=3").await.expect(200).items();
    assert_eq!(rows.len(), 3);
    // A minute may begin between the two.
    let sum = |name: &str| rows.iter().map(|row| row[name].as_i64().unwrap_or(0)).sum::<i64>();
    assert_eq!((sum("placed"), sum("decided")), (2, 1));
    let decided: Vec<&Value> = rows.iter().filter(|row| row["decided"] == 1).collect();
    assert_eq!(decided[0]["decision_micros_average"], decided[0]["decision_micros_max"]);
    api.get("/api/v1/orders/pace?minutes=61").await.problem(422, "invalid");
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/dashboard.mjs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_reorders_by_clicks_and_a_viewer_is_offered_nothing_else() {
    let api = Api::with_accounts(&[]).await;
    for role in [Role::Viewer, Role::Manager, Role::Admin] {
        api.user(role.as_str(), role).await;
    }
    let admin = api.token_of(Role::Admin).await;
    let post = async |path: &str, body: Value| api.with(&admin, Method::POST, path, &body).await;
    let product =
        json!({ "sku": "TEA-GREEN", "name": "Green tea, 100 bags", "unit_price_minor": 1_250, "reorder_point": 20 });
    let product = post("/api/v1/products", product).await.expect(201).number("id");
    let item = post("/api/v1/inventory", json!({ "product_id": product, "quantity": 60 }))
        .await
        .expect(201)
        .number("id");
    let supplies = json!({ "product_id": product, "lead_time_days": 7, "pack_size": 12, "unit_cost_minor": 610 });
    post(
        "/api/v1/suppliers",
        json!({ "name": "Northwind Traders", "products": [supplies] }),
    )
    .await
    .expect(201);
    for units in [10, 15, 22] {
        let sale = json!({ "delta": -units, "reason": "sale" });
        post(&format!("/api/v1/inventory/{item}/adjust"), sale)
            .await
            .expect(200);
    }
    let order = json!({ "customer": "C-1", "lines": [{ "product_id": product, "quantity": 1 }] });
    let placed = post("/api/v1/orders", order.clone()).await.expect(202).body();
    let message = json!({ "order_id": placed["id"], "customer": "C-1", "lines": order["lines"] }).to_string();
    api.deliver("orders_process", &[("1", &message), ("2", "no order")])
        .await
        .expect(200);

    let screenshots = std::env::temp_dir().join(format!("inventory-dashboard-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&screenshots).unwrap();
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/browser/node_modules/axe-core/axe.min.js");
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let axe = target.map_or(axe, |target| {
        target.join("tools/browser/node_modules/axe-core/axe.min.js")
    });
    let input = json!({
        "url": format!("{}/dashboard", api.serve().await), "password": PASSWORD, "axe": axe, "item": item, "screenshots": screenshots,
    });
    let (seen, errors) = browser::run_with_errors(&script(), &input).await;
    // Those in the documents are made with this.
    let kept = std::env::var_os("DASHBOARD_SCREENSHOTS").map(PathBuf::from);
    if let Some(kept) = kept {
        for file in std::fs::read_dir(&screenshots).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), kept.join(file.file_name())).unwrap();
        }
    }
    std::fs::remove_dir_all(&screenshots).unwrap();
    // Who is not signed in is refused once for each that asks who is there, and so is a wrong password.
    let unexpected: Vec<_> = errors.iter().filter(|line| !line.contains("40")).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    assert_eq!(seen["faults"], json!([]), "accessibility");
    assert_eq!(seen["elsewhere"], json!([]), "nothing is asked of anybody else");
    assert!(seen["refused"].as_str().unwrap().len() > 5, "{seen}");

    // A viewer sees all that may be read and no button but the way out.
    let viewer = &seen["viewer"];
    assert_eq!(
        viewer["views"],
        json!(["Low stock", "Stock", "Orders", "Alerts", "Health"])
    );
    assert_eq!(viewer["buttons"], json!([]));
    let manager = &seen["manager"];
    assert_eq!(manager["views"], viewer["views"]);
    // The page says what the API says.
    for (view, text) in [
        ("stock", "TEA-GREEN"),
        ("stock", "47 sold in 7 days"),
        ("stock", "Northwind Traders"),
        ("alerts", "TEA-GREEN"),
    ] {
        assert!(
            manager[view].as_str().unwrap().contains(text),
            "{text}: {}",
            manager[view]
        );
    }
    assert_eq!(manager["buttons"], json!(["Order 84 of TEA-GREEN for MAIN"]));
    assert_eq!(manager["note"], "Ordered 84 of TEA-GREEN from Northwind Traders.");
    assert_eq!(manager["left"], json!([]), "what is ordered is not suggested any more");
    let ordered = api.read(&admin, "/api/v1/purchase-orders").await.expect(200).items();
    assert_eq!(
        (ordered.len(), &ordered[0]["status"], &ordered[0]["quantity"]),
        (1, &json!("ordered"), &json!(84))
    );
    let figures = manager["figures"].as_str().unwrap();
    for figure in ["On hand13", "Available12", "Incoming84"] {
        assert!(figures.contains(figure), "{figures}");
    }
    assert_eq!(manager["acknowledged"], "Acknowledged: TEA-GREEN at MAIN.");
    let admin_sees = &seen["admin"];
    assert!(
        admin_sees["parked"].as_str().unwrap().contains("not_json"),
        "{admin_sees}"
    );
    assert_eq!(admin_sees["replayed"], "Replayed: 2.");
    assert!(
        admin_sees["health"].as_str().unwrap().contains("database"),
        "{admin_sees}"
    );
    assert!(
        admin_sees["keyboard"].as_bool().unwrap(),
        "the views are reached with the keyboard alone"
    );
}
