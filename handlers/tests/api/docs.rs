use crate::{accounts::PASSWORD, client::Api};
use http::Method;
use inventory_domain::Role;
use inventory_tests::browser;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, path::Path};

const NOTICE: &str = include_str!("../../assets/NOTICE");

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere() {
    let api = Api::unstarted(&[]);
    for path in ["/docs", "/redoc"] {
        let page = api.get(path).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"));
        let html = String::from_utf8(page.bytes).unwrap();
        assert!(!html.contains("http:") && !html.contains("https:"), "{html}");
        assert!(html.contains("/openapi.json") || html.contains("swagger-start.js"));
        for reference in html.split("/docs/assets/").skip(1) {
            let file = reference.split('"').next().unwrap();
            api.get(&format!("/docs/assets/{file}")).await.expect(200);
        }
    }
    let start = api.get("/docs/assets/swagger-start.js").await.expect(200);
    assert!(String::from_utf8(start.bytes).unwrap().contains("/openapi.json"));
    api.get("/docs/assets/nothing.js").await.problem(404, "not_found");
}

#[tokio::test]
async fn files_are_sent_as_the_client_takes_them() {
    let api = Api::unstarted(&[]);
    for (folder, file, begins) in [
        ("docs", "swagger-ui-bundle.js", "/*! For license"),
        ("docs", "swagger-ui.css", ".swagger-ui"),
        ("docs", "redoc.standalone.js", "/*! For license"),
        ("dashboard", "uplot.js", "/**\n* Copyright"),
        ("dashboard", "uplot.css", ".uplot"),
    ] {
        let path = format!("/{folder}/assets/{file}");
        let small = api
            .send(Method::GET, &path, &[("accept-encoding", "gzip, br")], "")
            .await
            .expect(200);
        assert_eq!(small.header("content-encoding"), Some("gzip"));
        assert_eq!(small.bytes[..2], [0x1f, 0x8b]);
        let plain = api.get(&path).await.expect(200);
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.header("vary"), Some("accept-encoding"));
        assert_eq!(plain.header("content-type"), small.header("content-type"));
        // A file that was changed by accident may still look like itself.
        let mut digest = String::new();
        for byte in Sha256::digest(&plain.bytes) {
            write!(digest, "{byte:02x}").unwrap();
        }
        assert!(NOTICE.contains(&format!("{digest}  {file}\n")), "{file}: {digest}");
        let text = String::from_utf8(plain.bytes).unwrap();
        assert!(text.starts_with(begins), "{file}: {}", &text[..60]);
        let last = text.trim_end().lines().last().unwrap();
        assert!(
            !last.starts_with("//# sourceMappingURL="),
            "{file} asks for a file that is not there"
        );
    }
}

#[tokio::test]
async fn a_problems_type_leads_somewhere() {
    let api = Api::new().await;
    for code in inventory_handlers::CODES {
        let answer = api.get(&format!("/problems/{}", code.word)).await.expect(200).body();
        assert_eq!(answer["code"], code.word);
        assert_eq!(answer["status"], code.status);
        assert!(!answer["remedy"].as_str().unwrap().is_empty());
    }
    let problem = api.get("/api/v1/products/7").await.problem(404, "not_found").body();
    let html = [("accept", "text/html,application/xhtml+xml;q=0.9")];
    let page = api
        .send(Method::GET, problem["type"].as_str().unwrap(), &html, "")
        .await
        .expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = String::from_utf8(page.bytes).unwrap();
    assert!(text.contains("<code>not_found</code>") && text.contains("<li><code>products_get</code></li>"));
    assert_eq!(
        page.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .split(';')
            .next(),
        Some("default-src 'none'")
    );
    api.get("/problems/nothing").await.problem(404, "not_found");
    api.get("/problems/%3Cscript%3E").await.problem(404, "not_found");
}

#[tokio::test]
async fn the_document_is_served() {
    let api = Api::unstarted(&[]);
    let answer = api.get("/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.body()["openapi"], "3.1.0");
    assert_eq!(
        answer.body(),
        serde_json::to_value(inventory_handlers::openapi_document()).unwrap()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_are_read_and_operations_tried_out_without_the_internet() {
    // ReDoc's own logo is at its makers': the page's policy keeps it out, and nothing else is wrong.
    const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
    let api = Api::with_accounts(&[]).await;
    api.user("mary", Role::Admin).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/docs.mjs");
    let input = json!({ "url": api.serve().await, "user": "mary", "password": PASSWORD });
    let (seen, errors) = browser::run_with_errors(&script, &input).await;
    let is_refused = |error: &String| error.contains(LOGO) && error.contains("The action has been blocked");
    assert!(errors.iter().all(is_refused), "{errors:?}");
    let elsewhere = seen["elsewhere"].as_array().unwrap();
    assert!(elsewhere.iter().all(|url| url == LOGO), "{elsewhere:?}");
    let document = serde_json::to_value(inventory_handlers::openapi_document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(
        (&seen["operations"], &seen["sections"]),
        (&json!(operations), &json!(operations))
    );
    for (name, status) in [("created", "201"), ("listed", "200")] {
        assert_eq!(seen[name]["status"], status, "{}", seen[name]);
        assert!(
            seen[name]["curl"].as_str().unwrap().contains("Authorization: Bearer"),
            "{}",
            seen[name]
        );
    }
    assert!(
        seen["created"]["body"].as_str().unwrap().contains("TEA-GREEN-100"),
        "{seen}"
    );
    // It was a real call, by who is signed in.
    let token = api.token_of(Role::Admin).await;
    let made = api
        .read(&token, "/api/v1/audit?action=products_create")
        .await
        .expect(200)
        .items();
    assert_eq!(
        (made.len(), &made[0]["actor"], &made[0]["after"]["sku"]),
        (1, &json!("user:mary"), &json!("TEA-GREEN-100"))
    );
}

#[test]
fn the_reference_is_what_the_code_says() {
    for (name, text) in [
        ("functions", inventory_handlers::reference::functions()),
        ("problems", inventory_handlers::reference::problems()),
        ("openapi", inventory_handlers::reference::openapi()),
    ] {
        let file = if name == "openapi" {
            "openapi.json"
        } else {
            &format!("{name}.md")
        };
        let path = format!("{}/../docs/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(
            std::fs::read_to_string(&path).is_ok_and(|written| written == text),
            "docs/{file} is old: cargo run --package inventory-handlers --example reference {name} > docs/{file}"
        );
    }
}
