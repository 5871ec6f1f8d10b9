//! Requests to the host that runs.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long a host may take. Deleting or sending again a hundred thousand messages takes it some seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// Asks the addresses under `/_devhost/servicebus`.
pub(super) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    port: u16,
}

impl Client {
    pub(super) fn new(port: u16) -> Self {
        Self {
            http: Http::builder(TokioExecutor::new()).build_http(),
            port,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, String> {
        self.ask(Method::DELETE, path, Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.ask(Method::POST, path, body.to_string().into()).await
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Value, String> {
        let uri = format!("http://127.0.0.1:{}/_devhost/servicebus{path}", self.port);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let asked = async {
            let response = self.http.request(request).await.map_err(|error| {
                if error.is_connect() {
                    format!(
                        "no devhost listens on port {}: start it, or name its port with --port",
                        self.port
                    )
                } else {
                    error.to_string()
                }
            })?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            if head.status.is_success() && !answer.is_null() {
                return Ok(answer);
            }
            Err(match answer["message"].as_str() {
                Some(message) => message.to_owned(),
                None => format!("port {} answers {}: is it a devhost?", self.port, head.status),
            })
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| Err(format!("no answer from port {} within {PATIENCE:?}", self.port)))
    }
}
