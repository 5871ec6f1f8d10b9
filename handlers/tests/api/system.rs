use crate::client::Api;
use serde_json::json;

#[tokio::test]
async fn signs_of_life_come_before_the_application_is_ready() {
    let api = Api::unstarted(&[]);
    assert!(api.get("/").await.expect(200).bytes.is_empty());
    assert_eq!(api.get("/live").await.expect(200).body(), json!({ "status": "live" }));
    assert_eq!(api.get("/health").await.expect(200).body()["status"], "starting");
    let answer = api.get("/ready").await.expect(503);
    assert_eq!(answer.body()["ready"], false);
    assert!(answer.header("retry-after").is_some());

    api.app.start().await;
    let answer = api.get("/ready").await.expect(200);
    assert_eq!(answer.body()["checks"]["database"], json!({ "ok": true }));
    assert_eq!(api.get("/health").await.body()["status"], "healthy");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_application_but_not_for_ever() {
    let api = Api::unstarted(&[]);
    let started = tokio::time::Instant::now();
    let answer = api.get("/api/v1/products").await.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(started.elapsed().as_secs(), 5);
    // A batch that is refused comes back at once and is dead-lettered after ten times: it waits longer.
    let started = tokio::time::Instant::now();
    api.deliver("orders_process", &[("1", "{}")])
        .await
        .problem(503, "unavailable");
    assert_eq!(started.elapsed().as_secs(), 40);
}

#[tokio::test]
async fn a_request_that_came_early_is_served() {
    let api = Api::unstarted(&[]);
    let (answer, ()) = tokio::join!(api.get("/api/v1/products"), api.app.start());
    answer.expect(200);
}

#[tokio::test]
async fn a_database_that_is_away_is_said_so() {
    let api = Api::new().await;
    api.app.shutdown().await;
    let answer = api.get("/api/v1/products").await.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(
        api.get("/ready").await.expect(503).body()["checks"]["database"]["ok"],
        false
    );
    api.get("/live").await.expect(200);
}

#[tokio::test]
async fn a_vault_that_is_away_at_start_is_said_so() {
    // Nobody listens there.
    let api = Api::unstarted(&[("AZURE_KEYVAULT_URL", "https://127.0.0.1:9")]);
    let said = async {
        loop {
            let readiness = api.get("/ready").await.expect(503).body();
            let detail = readiness["checks"]["key_vault"]["detail"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if detail.contains("Key Vault cannot be reached") {
                // Who may ask is not told where it is.
                assert!(!readiness.to_string().contains("127.0.0.1"), "{readiness}");
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = api.app.start() => panic!("it is ready without its secrets"),
        () = said => {}
    }
    api.get("/").await.expect(200);
    api.get("/live").await.expect(200);
}
