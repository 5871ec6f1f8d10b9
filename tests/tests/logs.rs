//! Logs, from the built program: JSON lines on stdout, with what is known of each request, and without secrets or personal data,
//! whatever is sent and however much is logged.
#![allow(clippy::unwrap_used, missing_docs)]

use inventory_tests::{
    postgres,
    running::{Directory, PATIENCE, program},
};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Stands in everything that must not be logged.
const MARK: &str = "hunter2";
/// Its beginning in Base64, however it is cut.
const MARK_BASE64: [&str; 3] = ["aHVudGVyM", "h1bnRlcj", "odW50ZXIy"];

/// The handler without a host. Dropped: killed.
struct Handler {
    child: Child,
    base: String,
    directory: Directory,
    http: Client,
}

impl Handler {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let directory = Directory::new();
        // Free a moment ago; nobody else asks for it by number.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = |name| File::create(directory.path().join(name)).unwrap();
        let child = Command::new(program("inventory-handler"))
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
            .env("MIGRATE_ON_START", "true")
            .env_remove("KUBERNETES_SERVICE_HOST")
            .env_remove("CONTAINER_NAME")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let handler = Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
            directory,
            http: Client::new(),
        };
        handler
            .until("it is ready", async |handler| {
                let asked = handler.request(Method::GET, "/ready").send().await;
                match asked {
                    // Service Bus is away in these tests.
                    Ok(answer) => answer.json::<Value>().await.unwrap()["checks"]["migrations"]["ok"] == true,
                    Err(_) => false,
                }
            })
            .await;
        handler
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self).await {
            assert!(
                Instant::now() < deadline,
                "waited too long until {what}\n{}{}",
                self.read("stdout"),
                self.read("stderr")
            );
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self.read("stdout");
        let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.lines().map(line).collect()
    }

    /// Asks it to stop, and waits until it has.
    async fn stop(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not stop");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_secret_or_personal_is_logged_at_any_level() {
    let database = postgres::database();
    let jwt_keys = format!("{MARK}-{MARK}-{MARK}-{MARK}-{MARK}-{MARK}");
    let redis = format!("redis://{MARK}:{MARK}@127.0.0.1:9/");
    let insights = format!("InstrumentationKey={MARK};IngestionEndpoint=https://127.0.0.1:9/");
    let headers = format!("api-key={MARK}");
    let service_bus = "Endpoint=sb://127.0.0.1:9/;SharedAccessKeyName=Root;SharedAccessKey=aHVudGVyMg==";
    let settings = [
        ("DATABASE_URL", database.url.as_str()),
        ("LOG_LEVEL", "trace"),
        ("JWT_KEYS", &jwt_keys),
        ("WEBHOOK_MASTER_KEY", MARK),
        ("PAYMENT_WEBHOOK_SECRETS", &jwt_keys),
        ("METRICS_TOKEN", &jwt_keys),
        ("REDIS_URL", &redis),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REQUESTS", "1000000"),
        ("COSMOS_ENDPOINT", "https://127.0.0.1:9/"),
        ("COSMOS_KEY", "aHVudGVyMmh1bnRlcjI="),
        ("APPLICATIONINSIGHTS_CONNECTION_STRING", &insights),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_HEADERS", &headers),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("ServiceBusConnection", service_bus),
    ];
    let mut handler = Handler::start(&settings).await;
    let mut secrets: Vec<String> = [MARK].into_iter().chain(MARK_BASE64).map(str::to_owned).collect();
    let password = database.url.split(['@', ':']).nth(2).unwrap().to_owned();
    assert!(password.len() >= 8, "the test's own look at the URL is wrong");
    secrets.push(password);

    // A client that is known, its secret, its token, and a key that it makes.
    let added = Command::new(program("inventory"))
        .args(["clients", "add", "tester", "--role", "admin", "--json"])
        .env("DATABASE_URL", &database.url)
        .output()
        .unwrap();
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    let secret = added["secret"].as_str().unwrap().to_owned();
    let form = |pairs: &[(&str, &str)]| {
        let pair = |(name, value): &(&str, &str)| format!("{name}={value}");
        pairs.iter().map(pair).collect::<Vec<_>>().join("&")
    };
    let token_request = |body: String| {
        let form = "application/x-www-form-urlencoded";
        handler
            .request(Method::POST, "/token")
            .header("content-type", form)
            .body(body)
    };
    let right = form(&[
        ("grant_type", "client_credentials"),
        ("client_id", "tester"),
        ("client_secret", &secret),
    ]);
    let answer = token_request(right).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let token = answer.json::<Value>().await.unwrap()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let as_tester = |method, path| handler.request(method, path).bearer_auth(&token);
    let answer = as_tester(Method::POST, "/api/v1/api-keys").json(&json!({"name": "scanner", "role": "clerk"}));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let key = answer.json::<Value>().await.unwrap()["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let with_key = handler
        .request(Method::GET, "/api/v1/products")
        .header("x-api-key", &key);
    assert_eq!(status(with_key).await, StatusCode::OK);
    secrets.extend([secret, token.clone(), key]);

    // Passwords and secrets that are wrong.
    for pairs in [
        [("grant_type", "password"), ("username", MARK), ("password", MARK)],
        [
            ("grant_type", "client_credentials"),
            ("client_id", "tester"),
            ("client_secret", MARK),
        ],
        [("grant_type", MARK), ("x", MARK), ("y", MARK)],
    ] {
        assert!(status(token_request(form(&pairs))).await.is_client_error());
    }
    let basic = token_request("grant_type=client_credentials".to_owned()).basic_auth(MARK, Some(MARK));
    assert!(status(basic).await.is_client_error());
    // Credentials that are none.
    for (name, value) in [
        ("authorization", format!("Bearer {MARK}")),
        ("authorization", format!("Bearer eyJhbGciOiJub25lIn0.{MARK}.{MARK}")),
        ("authorization", MARK.to_owned()),
        ("x-api-key", format!("inv_{MARK}_{MARK}{MARK}{MARK}")),
    ] {
        let asked = handler.request(Method::GET, "/api/v1/products").header(name, value);
        assert_eq!(status(asked).await, StatusCode::UNAUTHORIZED, "{name}");
    }
    let scraped = handler.request(Method::GET, "/metrics").bearer_auth(&jwt_keys);
    assert_eq!(status(scraped).await, StatusCode::OK);
    // Other headers, paths and queries.
    let asked = as_tester(Method::GET, "/api/v1/products")
        .header("cookie", format!("session={MARK}"))
        .header("traceparent", MARK)
        .header("x-request-id", format!("not an id {MARK}"));
    assert_eq!(status(asked).await, StatusCode::OK);
    for path in [
        "/api/v1/orders/hunter2",
        "/hunter2",
        "/api/v1/products?q=hunter2&hunter2=1",
        "/api/v1/orders?customer=hunter2",
    ] {
        status(as_tester(Method::GET, path)).await;
    }
    // Bodies: what is right, what is wrong, and what the database refuses.
    let customer = json!({"customer": MARK, "lines": [{"sku": MARK, "quantity": 1}]});
    assert_eq!(
        status(as_tester(Method::POST, "/api/v1/orders").json(&customer)).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let product = json!({"sku": MARK, "name": MARK, "unit_price_minor": 250});
    assert_eq!(
        status(as_tester(Method::POST, "/api/v1/products").json(&product)).await,
        StatusCode::CREATED
    );
    assert_eq!(
        status(as_tester(Method::POST, "/api/v1/products").json(&product)).await,
        StatusCode::CONFLICT
    );
    assert_eq!(
        status(as_tester(Method::POST, "/api/v1/orders").json(&customer)).await,
        StatusCode::ACCEPTED
    );
    for body in [
        "{\"customer\": \"hunter2",
        "\"hunter2\"",
        "{\"hunter2\": 1}",
        "{\"customer\": {\"hunter2\": \"hunter2\"}}",
    ] {
        let asked = as_tester(Method::POST, "/api/v1/orders")
            .header("content-type", "application/json")
            .body(body);
        assert!(status(asked).await.is_client_error(), "{body}");
    }
    let refuse = "ALTER TABLE products ADD CONSTRAINT refused CHECK (sku <> 'hunter2-check');
         CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF new.sku = 'hunter2-raise' THEN RAISE EXCEPTION 'no % here', new.name; END IF;
             IF new.sku = 'hunter2-cast' THEN PERFORM new.name::bigint; END IF;
             RETURN new; END $$;
         CREATE TRIGGER shout BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION shout();";
    database.psql(refuse).unwrap();
    for sku in ["hunter2-check", "hunter2-raise", "hunter2-cast"] {
        let product = json!({"sku": sku, "name": MARK, "unit_price_minor": 250});
        let asked = as_tester(Method::POST, "/api/v1/products").json(&product);
        assert_eq!(status(asked).await, StatusCode::INTERNAL_SERVER_ERROR, "{sku}");
    }
    // Invocations: messages that are orders, that are none, and what is no invocation.
    let order = customer.to_string();
    for (body, is_ok) in [
        (
            json!({"Data": {"messages": json!([order, MARK, "{\"customer\": \"hunter2\"}"]).to_string()}}).to_string(),
            true,
        ),
        (format!("{{\"Data\": \"{MARK}\"}}"), false),
        (format!("{{\"Data\": {{\"messages\": \"[\\\"{MARK}\"}}}}"), true),
        (format!("{{\"Data\": {MARK}"), false),
    ] {
        let asked = handler.request(Method::POST, "/orders_process").body(body.clone());
        assert_eq!(
            status(asked.header("content-type", "application/json"))
                .await
                .is_success(),
            is_ok,
            "{body}"
        );
    }
    let dead = json!({
        "Data": {"messages": json!([MARK]).to_string()},
        "Metadata": {"ApplicationPropertiesArray": json!([{"DeadLetterReason": MARK, "traceparent": MARK}]).to_string()}
    });
    assert_eq!(
        status(handler.request(Method::POST, "/orders_deadletter").json(&dead)).await,
        StatusCode::OK
    );

    // What telemetry goes to is away: that is told once for each signal and destination, and keeps the program from nothing.
    let away = |handler: &Handler| -> Vec<(String, String)> {
        let is_away = |line: &Value| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("telemetry cannot"))
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let lines = handler.lines().into_iter().filter(is_away);
        lines
            .map(|line| (text(&line["signal"]), text(&line["destination"])))
            .collect()
    };
    let traces = ["application_insights", "otlp"].map(|destination| ("traces".to_owned(), destination.to_owned()));
    handler
        .until("what is away is known", async |handler| {
            let away = away(handler);
            traces.iter().all(|destination| away.contains(destination))
        })
        .await;
    handler.stop().await;
    let mut told = away(&handler);
    told.sort();
    let count = told.len();
    told.dedup();
    assert_eq!(told.len(), count, "{told:?}");

    let (stdout, stderr) = (handler.read("stdout"), handler.read("stderr"));
    assert_eq!(stderr, "", "the host would call it an error");
    for text in stdout.lines() {
        for secret in &secrets {
            assert!(
                !text.to_lowercase().contains(&secret.to_lowercase()),
                "{secret}: {text}"
            );
        }
    }
    // It was logged, and as much as can be.
    let lines = handler.lines();
    let count = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
    assert!(count("answered") > 25, "{}", count("answered"));
    assert_eq!(count("somebody failed to sign in"), 3);
    assert_eq!(
        count("the database refused the data") + count("the database answered something unexpected"),
        3
    );
    assert!(lines.iter().any(|line| line["target"] == "sqlx::query"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_says_what_is_known_of_its_request() {
    let directory = Directory::new();
    let database = format!("sqlite:{}", directory.path().join("inventory.db").display());
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("LOG_LEVEL", "debug"),
        ("JWT_KEYS", "a-key-of-at-least-thirty-two-bytes"),
        (
            "ServiceBusConnection",
            "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true",
        ),
    ];
    let mut handler = Handler::start(&settings).await;
    let added = Command::new(program("inventory"))
        .args(["clients", "add", "tester", "--role", "admin", "--json"])
        .env("DATABASE_URL", &database)
        .output()
        .unwrap();
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    let asked = handler
        .request(Method::POST, "/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "grant_type=client_credentials&client_id=tester&client_secret={}",
            added["secret"].as_str().unwrap()
        ));
    let token = asked.send().await.unwrap().json::<Value>().await.unwrap();
    let asked = handler
        .request(Method::GET, "/api/v1/products")
        .bearer_auth(token["access_token"].as_str().unwrap())
        .header("x-request-id", "order-17")
        .header("x-azure-functions-invocationid", "6f9a2d6e-0000-4000-8000-000000000001")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_eq!(status(asked).await, StatusCode::OK);
    handler.stop().await;
    let lines = handler.lines();
    let mut of_request = lines.iter().filter(|line| line["request_id"] == "order-17");
    let answered = of_request.find(|line| line["message"] == "answered").unwrap();
    for (name, value) in [
        ("level", "DEBUG"),
        ("target", "inventory_handlers::http::edge"),
        ("invocation_id", "6f9a2d6e-0000-4000-8000-000000000001"),
        ("function", "products_list"),
        ("principal", "client:tester"),
        ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
        ("span_id", "b7ad6b7169203331"),
        ("method", "GET"),
    ] {
        assert_eq!(answered[name], value, "{name}");
    }
    assert_eq!(answered["status"], 200);
}
