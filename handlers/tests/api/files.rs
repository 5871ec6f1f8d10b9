//! Exports and imports, on disk.

use crate::client::{Answer, Api};
use http::Method;
use inventory_tests::azurite::Azurite;
use serde_json::{Value, json};
use std::path::PathBuf;

const CSV: (&str, &str) = ("content-type", "text/csv");
const HEADER: &str =
    "sku,name,category,barcode,unit_price_minor,currency,on_hand,reorder_point,reorder_quantity,discontinued\r\n";

/// A directory for files, gone when dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        Self(std::env::temp_dir().join(format!("inventory-files-{}", uuid::Uuid::new_v4())))
    }

    /// Names of the files in one of its folders.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(folder)).into_iter().flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn api(folder: &Folder) -> Api {
    let api = Api::unstarted(&[
        ("FILES_DIRECTORY", folder.0.to_str().unwrap()),
        ("IMPORT_BYTES_MAX", "100000"),
    ]);
    api.app.start().await;
    api
}

async fn export(api: &Api, new: &Value) -> Value {
    let asked = api.post("/api/v1/exports", new).await.expect(202);
    let path = asked.header("location").unwrap().to_owned();
    assert_eq!(asked.body()["status"], "queued");
    // Returns when there is nothing left to do.
    api.tick("files_work").await.expect(200);
    api.get(&path).await.expect(200).body()
}

async fn file(api: &Api, export: &Value) -> Answer {
    let path = format!("/api/v1/exports/{}/file", export["id"]);
    let answer = api.get(&path).await.expect(200);
    assert_eq!(answer.bytes.len() as i64, export["size_bytes"].as_i64().unwrap());
    answer
}

async fn send(api: &Api, body: impl Into<Vec<u8>>) -> Answer {
    api.send(Method::POST, "/api/v1/imports", &[CSV], body.into()).await
}

async fn import(api: &Api, body: impl Into<Vec<u8>>) -> Value {
    let asked = send(api, body).await.expect(202);
    let path = asked.header("location").unwrap().to_owned();
    api.tick("files_work").await.expect(200);
    api.get(&path).await.expect(200).body()
}

/// Products as they are, without what an import cannot bring along.
async fn products(api: &Api) -> Vec<Value> {
    let mut all = api.get("/api/v1/products?limit=1000").await.expect(200).items();
    for product in &mut all {
        let members = product.as_object_mut().unwrap();
        for name in ["id", "version", "created_at", "updated_at"] {
            members.remove(name).unwrap();
        }
    }
    all
}

async fn stock(api: &Api) -> Vec<Value> {
    let all = api.get("/api/v1/inventory?limit=1000").await.expect(200).items();
    let row = |item: &Value| json!([item["sku"], item["location"], item["quantity"], item["reorder_point"]]);
    all.iter().map(row).collect()
}

#[tokio::test]
async fn what_is_exported_is_imported_as_it_was() {
    let folders = [Folder::new(), Folder::new()];
    let (from, into) = (api(&folders[0]).await, api(&folders[1]).await);
    round_trip(&from, &into).await;
    // What was imported is not kept; what was exported is.
    assert_eq!(folders[1].names("imports").len() + folders[0].names("imports").len(), 0);
    assert_eq!(folders[1].names("exports").len(), 1);
}

#[tokio::test]
async fn the_same_by_blob_storage() {
    let azurite = Azurite::start();
    let api = async |container| {
        let connection = azurite.connection_string();
        let api = Api::unstarted(&[
            ("BLOB_STORAGE_CONNECTION_STRING", &*connection),
            ("BLOB_STORAGE_CONTAINER", container),
        ]);
        api.app.start().await;
        assert_eq!(api.get("/ready").await.body()["checks"]["files"], json!({ "ok": true }));
        api
    };
    let (from, into) = (api("from-here").await, api("to-there").await);
    round_trip(&from, &into).await;
    // What is old is deleted there, too.
    let asked = from.get("/api/v1/exports").await.items()[0].clone();
    file(&from, &asked).await;
    from.app
        .store()
        .execute_raw("UPDATE file_jobs SET expires_at = 1")
        .await
        .unwrap();
    let report = from.tick("files_work").await.expect(200).body();
    assert!(
        report["Logs"][0].as_str().unwrap().contains(r#""deleted":1"#),
        "{report}"
    );

    // While it is away exports and imports wait.
    drop(azurite);
    let ready = into.get("/ready").await.body();
    assert_eq!(
        (&ready["status"], &ready["checks"]["files"]["ok"]),
        (&json!("degraded"), &json!(false)),
        "{ready}"
    );
}

/// Products with hostile names go from one program to another and back.
async fn round_trip(from: &Api, into: &Api) {
    for (sku, name, category, barcode) in [
        ("A", "=HYPERLINK(\"http://evil\")", Some("@tea, \"green\""), Some("+49")),
        ("-B", " white space ", None, None),
        ("'C", "'=quoted", Some("'tis"), Some("4006381333931")),
        ("\u{ff1d}D", "Café ☕ 茶", Some("-1"), None),
        ("E", "discontinued", None, None),
    ] {
        let new = json!({ "sku": sku, "name": name, "category": category, "barcode": barcode, "unit_price_minor": 125,
                          "currency": "EUR", "reorder_point": 3, "reorder_quantity": 40 });
        let product = from.post("/api/v1/products", &new).await.expect(201).body()["id"].clone();
        let add = json!({ "product_id": product, "quantity": 7 });
        from.post("/api/v1/inventory", &add).await.expect(201);
        if sku == "E" {
            let change = json!({ "status": "discontinued" });
            from.json(Method::PATCH, &format!("/api/v1/products/{product}"), &[], &change)
                .await
                .expect(200);
        }
    }
    let exported = export(from, &json!({ "kind": "products" })).await;
    assert_eq!(
        (&exported["status"], &exported["rows"]),
        (&json!("done"), &json!(5)),
        "{exported}"
    );
    let answer = file(from, &exported).await;
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some(format!("attachment; filename=\"products-{}.csv\"", exported["id"]).as_str())
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let text = String::from_utf8(answer.bytes.clone()).unwrap();
    assert!(text.starts_with(HEADER), "{text}");
    // No cell is a formula.
    for line in text.lines().skip(1) {
        assert!(
            !line.contains(",=") && !line.contains(",@") && !line.contains(",\"=") && !line.contains(",+"),
            "{line}"
        );
    }

    let imported = import(into, answer.bytes.clone()).await;
    assert_eq!(imported["status"], "done", "{imported}");
    assert_eq!(imported["counts"]["created"], 5, "{imported}");
    assert_eq!(imported["done_bytes"], answer.bytes.len());
    assert_eq!(products(into).await, products(from).await);
    assert_eq!(stock(into).await, stock(from).await);
    // And the same once more changes nothing.
    let again = import(into, answer.bytes.clone()).await;
    assert_eq!(
        again["counts"],
        json!({ "created": 0, "updated": 0, "unchanged": 5, "stock_changed": 0, "refused": 0 })
    );
    let back = export(into, &json!({ "kind": "products" })).await;
    assert_eq!(file(into, &back).await.bytes, answer.bytes);
}

#[tokio::test]
async fn a_file_is_refused_line_by_line() {
    let folder = Folder::new();
    let api = api(&folder).await;
    let mut text = b"sku,name,unit_price_minor,currency,on_hand,colour\nA,Tea,1,EUR,5,red\n".to_vec();
    text.extend(b"B,Caf\xe9,1,EUR,5,\nC,Tea\0,1,EUR,5,\nD,Tea,1,EUR\nE,Tea,x,EUR,-1,\nA,Again,1,EUR,5,\n");
    text.extend(b"F,\"two\nlines\",1,EUR,5,\nG,Tea,1,euro,10000000000,\n");
    text.extend(format!("H,{},1,EUR,5,\n", "x".repeat(20_000)).bytes());
    text.extend(b"I,Tea,1,EUR,6,\nJ,\"never closed,1,EUR,5,\nK,Tea,1,EUR,5,\n");
    let imported = import(&api, text).await;
    assert_eq!(imported["status"], "done", "{imported}");
    let lines: Vec<_> = imported["refused_lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refused| refused["line"].as_i64().unwrap())
        .collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 10, 11, 13], "{imported}");
    assert_eq!(
        (&imported["counts"]["created"], &imported["counts"]["refused"]),
        (&json!(2), &json!(9))
    );
    assert_eq!(imported["rows"], 11);
    assert_eq!(
        stock(&api).await,
        [json!(["A", "MAIN", 5, 0]), json!(["I", "MAIN", 6, 0])]
    );
    // Lists do without the lines.
    assert_eq!(api.get("/api/v1/imports").await.items()[0].get("refused_lines"), None);

    let many: String = (0..1_000).map(|_| "x,x,x,x,x\n").collect();
    let imported = import(&api, format!("sku,name,unit_price_minor,currency,on_hand\n{many}")).await;
    assert_eq!(imported["counts"]["refused"], 1_000);
    assert_eq!(imported["refused_lines"].as_array().unwrap().len(), 200);
}

#[tokio::test]
async fn what_is_no_catalogue_is_refused_at_once() {
    let folder = Folder::new();
    let api = api(&folder).await;
    for (body, why) in [
        (b"".to_vec(), "lacks"),
        (b"\0\0\0".to_vec(), "lacks"),
        (b"\xff\xfes\0k\0u\0".to_vec(), "UTF-16"),
        (b"sku,\xe9\n".to_vec(), "not UTF-8"),
        (b"sku;name;unit_price_minor;currency;on_hand\n".to_vec(), "semicolons"),
        (b"sku,sku,name,unit_price_minor,currency,on_hand\n".to_vec(), "twice"),
        (b",".repeat(90_000), "more than"),
    ] {
        let answer = send(&api, body).await.problem(422, "invalid");
        let text = answer.body().to_string();
        assert!(text.contains(why), "{why}: {text}");
    }
    send(&api, vec![b'x'; 100_001]).await.problem(413, "body_too_large");
    let json = [("content-type", "application/json")];
    api.send(Method::POST, "/api/v1/imports", &json, "{}")
        .await
        .problem(415, "unsupported_media_type");
    let latin = [("content-type", "text/csv; charset=iso-8859-1")];
    api.send(Method::POST, "/api/v1/imports", &latin, "sku")
        .await
        .problem(415, "unsupported_media_type");
    api.send(Method::POST, "/api/v1/imports?dry=1", &[CSV], "sku")
        .await
        .problem(422, "invalid");
    assert!(folder.names("imports").is_empty());
    assert!(api.get("/api/v1/imports").await.items().is_empty());
}

#[tokio::test]
async fn an_import_that_is_sent_twice_is_one() {
    let folder = Folder::new();
    let api = api(&folder).await;
    let text = format!("{HEADER}A,Tea,,,1,EUR,5,0,0,f\r\n");
    let headers = [CSV, ("idempotency-key", "k-1")];
    let first = api
        .send(Method::POST, "/api/v1/imports", &headers, text.clone())
        .await
        .expect(202);
    let second = api
        .send(Method::POST, "/api/v1/imports", &headers, text.clone())
        .await
        .expect(202);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (first.body(), first.header("location")),
        (second.body(), second.header("location"))
    );
    api.send(
        Method::POST,
        "/api/v1/imports",
        &headers,
        format!("{text}B,Tea,,,1,EUR,5,0,0,f\r\n"),
    )
    .await
    .problem(422, "idempotency_key_reused");
    api.tick("files_work").await.expect(200);
    assert_eq!(
        api.get("/api/v1/imports?count=true").await.header("x-total-count"),
        Some("1")
    );
    assert!(
        folder.names("imports").is_empty(),
        "files that are not needed are deleted"
    );
}

#[tokio::test]
async fn exports_have_kinds_and_filters() {
    let folder = Folder::new();
    let api = api(&folder).await;
    let (product, item) = api.product("=TEA", 10, 3).await;
    api.product("OTHER", 2, 0).await;
    let adjust = json!({ "delta": -3, "reason": "damage", "note": "=1+1" });
    api.post(&format!("/api/v1/inventory/{item}/adjust"), &adjust)
        .await
        .expect(200);
    let order = json!({ "customer": "Jane-77", "lines": [{ "product_id": product, "quantity": 2 }, { "sku": "OTHER", "quantity": 1 }] });
    api.post("/api/v1/orders", &order).await.expect(202);

    let lines = async |new: Value| -> Vec<String> {
        let made = export(&api, &new).await;
        assert_eq!(made["status"], "done", "{made}");
        let text = String::from_utf8(file(&api, &made).await.bytes).unwrap();
        assert!(text.ends_with("\r\n"));
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        assert_eq!(made["rows"], lines.len() - 1);
        lines
    };
    let inventory = lines(json!({ "kind": "inventory" })).await;
    assert!(inventory[1].starts_with("'=TEA,MAIN,7,0,7,3,"), "{inventory:?}");
    assert_eq!(
        lines(json!({ "kind": "inventory", "location": "NOWHERE" })).await.len(),
        1
    );
    let movements = lines(json!({ "kind": "movements" })).await;
    assert_eq!(movements.len(), 4);
    assert!(
        movements[3].contains(",'=TEA,MAIN,adjustment,-3,0,7,0,damage,'=1+1,,anonymous"),
        "{movements:?}"
    );
    assert_eq!(
        lines(json!({ "kind": "movements", "until": "2020-01-01T00:00:00Z" }))
            .await
            .len(),
        1
    );
    let orders = lines(json!({ "kind": "orders", "from": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(orders.len(), 3);
    assert!(orders[1].contains(",Jane-77,reject,,,1,'=TEA,2,0,0"), "{orders:?}");
    assert_eq!(lines(json!({ "kind": "products", "category": "None" })).await.len(), 1);

    for wrong in [
        json!({}),
        json!({ "kind": "customers" }),
        json!({ "kind": "products", "location": "MAIN" }),
        json!({ "kind": "orders", "from": "yesterday" }),
        json!({ "kind": "orders", "name": "../../etc/passwd" }),
    ] {
        api.post("/api/v1/exports", &wrong).await.problem(422, "invalid");
    }
    assert_eq!(
        api.get("/api/v1/exports?kind=orders&status=done").await.items().len(),
        1
    );
    // Whose data it was is recorded.
    api.app.write_accesses().await.unwrap();
    let seen = api.get("/api/v1/audit/accesses?action=exports_download").await.items();
    assert_eq!((seen.len(), &seen[0]["entity"]), (1, &json!("customers")));
}

#[tokio::test]
async fn a_file_is_there_when_it_is_done_and_gone_with_the_person_in_it() {
    let folder = Folder::new();
    let api = api(&folder).await;
    let (product, _) = api.product("TEA", 10, 0).await;
    let order = json!({ "customer": "Jane-77", "lines": [{ "product_id": product, "quantity": 2 }] });
    let customer = api.post("/api/v1/orders", &order).await.expect(202).body()["customer_id"].clone();
    let made = export(&api, &json!({ "kind": "orders" })).await;
    let path = format!("/api/v1/exports/{}", made["id"]);
    let tag = api.get(&path).await.header("etag").unwrap().to_owned();
    let known = [("if-none-match", tag.as_str())];
    api.send(Method::GET, &path, &known, "").await.expect(304);
    file(&api, &made).await;

    api.send(Method::DELETE, &format!("/api/v1/customers/{customer}"), &[], "")
        .await
        .expect(200);
    let gone = api.get(&path).await.expect(200).body();
    assert_eq!(gone["status"], "expired");
    api.get(&format!("{path}/file")).await.problem(404, "not_found");
    api.tick("files_work").await.expect(200);
    assert!(folder.names("exports").is_empty());

    // An export that nobody has begun has no file.
    let update = "UPDATE file_jobs SET status = 'queued', next_at = 9000000000000000";
    api.app.store().execute_raw(update).await.unwrap();
    api.get(&format!("{path}/file")).await.problem(409, "export_not_done");
    api.get("/api/v1/exports/4711/file").await.problem(404, "not_found");
    // And what is old is forgotten.
    api.app
        .store()
        .execute_raw("UPDATE file_jobs SET expires_at = 1")
        .await
        .unwrap();
    api.tick("files_work").await.expect(200);
    api.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn without_a_place_for_files_there_are_none() {
    let api = Api::new().await;
    let new = json!({ "kind": "products" });
    api.post("/api/v1/exports", &new).await.problem(503, "not_configured");
    send(&api, HEADER).await.problem(503, "not_configured");
    assert!(api.get("/api/v1/exports").await.items().is_empty());
    api.tick("files_work").await.expect(200);
    assert_eq!(api.get("/ready").await.body()["checks"].get("files"), None);
}

#[tokio::test]
async fn a_place_that_is_away_is_waited_for() {
    let folder = Folder::new();
    let api = api(&folder).await;
    assert_eq!(api.get("/ready").await.body()["checks"]["files"]["ok"], true);
    std::fs::remove_dir_all(&folder.0).unwrap();
    std::fs::write(&folder.0, "in the way").unwrap();
    let made = export(&api, &json!({ "kind": "products" })).await;
    assert_eq!(made["status"], "queued", "{made}");
    assert!(
        made["problem"]
            .as_str()
            .is_some_and(|problem| problem.contains("directory")),
        "{made}"
    );
    let ready = api.get("/ready").await.body();
    assert_eq!(
        (&ready["checks"]["files"]["ok"], &ready["status"]),
        (&json!(false), &json!("degraded")),
        "{ready}"
    );
    send(&api, HEADER).await.problem(503, "unavailable");

    std::fs::remove_file(&folder.0).unwrap();
    api.app
        .store()
        .execute_raw("UPDATE file_jobs SET next_at = 0")
        .await
        .unwrap();
    api.tick("files_work").await.expect(200);
    let made = api.get(&format!("/api/v1/exports/{}", made["id"])).await.body();
    assert_eq!((&made["status"], &made["problem"]), (&json!("done"), &Value::Null));
}

/// Programs that share a database and a place for files.
struct Shared {
    folder: Folder,
    url: String,
}

impl Shared {
    fn new() -> Self {
        let folder = Folder::new();
        std::fs::create_dir_all(&folder.0).unwrap();
        let url = format!("sqlite:{}", folder.0.join("inventory.db").display());
        Self { folder, url }
    }

    async fn api(&self) -> Api {
        let files = self.folder.0.to_str().unwrap();
        let api = Api::unstarted(&[("DATABASE_URL", self.url.as_str()), ("FILES_DIRECTORY", files)]);
        api.app.start().await;
        api
    }
}

#[tokio::test]
async fn two_programs_share_the_work() {
    let shared = Shared::new();
    let (one, other) = (shared.api().await, shared.api().await);
    one.product("TEA", 5, 0).await;
    for _ in 0..8 {
        one.post("/api/v1/exports", &json!({ "kind": "products" }))
            .await
            .expect(202);
    }
    let (first, second) = tokio::join!(one.tick("files_work"), other.tick("files_work"));
    first.expect(200);
    second.expect(200);
    let made = other.get("/api/v1/exports").await.items();
    assert!(
        made.iter()
            .all(|export| export["status"] == "done" && export["rows"] == 1),
        "{made:?}"
    );
    assert_eq!((made.len(), shared.folder.names("exports").len()), (8, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_stops_leaves_the_rest_to_the_next() {
    const LINES: usize = 4_000;
    let shared = Shared::new();
    let api = shared.api().await;
    let lines: Vec<String> = (0..LINES).map(|n| format!("SKU-{n},Tea,1,EUR,{}\n", n % 7)).collect();
    let lines = lines.concat();
    let text = format!("sku,name,unit_price_minor,currency,on_hand\n{lines}");
    let path = send(&api, text)
        .await
        .expect(202)
        .header("location")
        .unwrap()
        .to_owned();
    while api.get(&path).await.body()["rows"] == 0 {}
    api.app.shutdown().await;
    drop(api);

    let next = shared.api().await;
    let left = next.get(&path).await.body();
    assert!(left["rows"].as_u64().is_some_and(|rows| rows < LINES as u64), "{left}");
    next.tick("files_work").await.expect(200);
    let done = next.get(&path).await.body();
    assert_eq!(
        (&done["status"], &done["rows"]),
        (&json!("done"), &json!(LINES)),
        "{done}"
    );
    // Every line was done once, and is counted once.
    assert_eq!(
        (&done["counts"]["created"], &done["counts"]["unchanged"]),
        (&json!(LINES), &json!(0)),
        "{done}"
    );
    assert_eq!(
        next.get("/api/v1/products?count=true&limit=1")
            .await
            .header("x-total-count"),
        Some("4000")
    );
}
