//! A program over a database of its own, and a client that speaks to its router.

use axum::{ServiceExt, body::Body};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use inventory_app::{App, Settings};
use inventory_handlers::{Handler, handler};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf};
use tower::ServiceExt as _;
use uuid::Uuid;

/// The program over a database of its own, which goes with it.
pub struct Api {
    pub app: App,
    pub handler: Handler,
    directory: PathBuf,
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A request's headers.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

impl Api {
    /// A program that is ready.
    pub async fn new() -> Self {
        let api = Self::unstarted(&[]);
        api.app.start().await;
        api
    }

    /// A program that has not been started, with settings beside the usual ones.
    pub fn unstarted(settings: &[(&str, &str)]) -> Self {
        let directory = std::env::temp_dir().join(format!("inventory-handlers-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&directory).unwrap();
        let url = format!("sqlite:{}", directory.join("inventory.db").display());
        let mut values: BTreeMap<String, String> = [
            ("DATABASE_URL", url.as_str()),
            // Nobody listens there: events stay in the outbox.
            (
                "ServiceBusConnection",
                "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=name;SharedAccessKey=key;UseDevelopmentEmulator=true",
            ),
            ("MIGRATE_ON_START", "true"),
        ]
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
        values
            .entry("ENVIRONMENT".to_owned())
            .or_insert_with(|| "local".to_owned());
        values
            .entry("AZURE_FUNCTIONS_ENVIRONMENT".to_owned())
            .or_insert_with(|| "Development".to_owned());
        let app = App::build(Settings::from_values(&values).unwrap()).unwrap();
        Self {
            handler: handler(app.clone()),
            app,
            directory,
        }
    }

    /// Serves the program on a port of this machine; gives its address.
    pub async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = ServiceExt::<Request<Body>>::into_make_service(self.handler.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        format!("http://{address}")
    }

    pub async fn send(&self, method: Method, path: &str, headers: Headers<'_>, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request
                .headers_mut()
                .append(name, HeaderValue::from_str(value).unwrap());
        }
        let response = self.handler.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, &[], body).await
    }

    pub async fn json(&self, method: Method, path: &str, headers: Headers<'_>, body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(method, path, &all, body.to_string()).await
    }

    /// Invokes a timer function as the host does.
    pub async fn tick(&self, function: &str) -> Answer {
        let timer = json!({ "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": false });
        let envelope = json!({ "Data": { "timer": timer }, "Metadata": { "sys": { "MethodName": function } } });
        self.post(&format!("/{function}"), &envelope).await
    }

    /// Invokes a queue function with messages (id and body) as the host does.
    pub async fn deliver(&self, function: &str, messages: &[(&str, &str)]) -> Answer {
        let twice = |value: Value| Value::String(value.to_string());
        let bodies: Vec<_> = messages.iter().map(|(_, body)| *body).collect();
        let ids: Vec<_> = messages.iter().map(|(id, _)| *id).collect();
        let counts = vec![1; messages.len()];
        let envelope = json!({
            "Data": { "messages": twice(json!(bodies)) },
            "Metadata": {
                "MessageIdArray": twice(json!(ids)),
                "DeliveryCountArray": twice(json!(counts)),
                "sys": { "MethodName": function, "UtcNow": "2026-01-01T00:00:00Z" },
            },
        });
        self.post(&format!("/{function}"), &envelope).await
    }

    /// A product with so many units at `MAIN`: the ids of both.
    pub async fn product(&self, sku: &str, quantity: i64, reorder_point: i64) -> (i64, i64) {
        let new = json!({ "sku": sku, "name": sku, "unit_price_minor": 100, "reorder_point": reorder_point });
        let product = self.post("/api/v1/products", &new).await.expect(201).number("id");
        let add = json!({ "product_id": product, "quantity": quantity });
        let item = self.post("/api/v1/inventory", &add).await.expect(201).number("id");
        (product, item)
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    /// The answer, which must be a problem with this code, complete.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let body = answer.body();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
        for name in ["title", "detail", "instance"] {
            assert!(
                body[name].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {body}"
            );
        }
        answer
    }

    /// The pointers of a problem's errors.
    pub fn pointers(&self) -> Vec<String> {
        let errors = self.body()["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    #[track_caller]
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&self.bytes));
        })
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        self.body()[name].as_i64().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Where the list's next page is.
    #[track_caller]
    pub fn next(&self) -> Option<String> {
        let link = self.header("link")?;
        let path = link
            .strip_prefix('<')
            .and_then(|link| link.strip_suffix(">; rel=\"next\""));
        Some(path.unwrap().to_owned())
    }

    /// The items of a list.
    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        self.body().as_array().unwrap().clone()
    }
}
