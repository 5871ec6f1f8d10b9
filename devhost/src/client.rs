//! Requests to a host that runs, for the commands that work on one.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::config::LocalSettings;
use crate::host::DEFAULT_PORT;

/// The port of the host: the one that is named, else that of the app's `local.settings.json`, else the usual one.
pub(crate) fn port(named: Option<u16>, script_root: &Path) -> Result<u16, String> {
    if let Some(port) = named {
        return Ok(port);
    }
    let file = script_root.join("local.settings.json");
    let settings = LocalSettings::read(&file, &mut Vec::new()).map_err(|error| error.to_string())?;
    Ok(settings.host.port.unwrap_or(DEFAULT_PORT))
}

/// Asks the host on one port.
pub(crate) struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    port: u16,
    patience: Duration,
}

impl Client {
    /// `patience`: how long an answer may take.
    pub(crate) fn new(port: u16, patience: Duration) -> Self {
        Self {
            http: Http::builder(TokioExecutor::new()).build_http(),
            port,
            patience,
        }
    }

    /// The address of a path, which begins with `/`.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Sends a request and reads its answer to the end.
    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let exchanged = async {
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
            let body = body.collect().await.map_err(|error| error.to_string())?;
            Ok((head.status, body.to_bytes()))
        };
        tokio::time::timeout(self.patience, exchanged)
            .await
            .unwrap_or_else(|_| Err(format!("no answer from port {} within {:?}", self.port, self.patience)))
    }

    /// Asks one of devhost's own addresses, under `/_devhost`. Null: it was done, and nothing is said of it.
    pub(crate) async fn own(&self, method: Method, path: &str, body: Bytes) -> Result<Value, String> {
        let request = Request::builder()
            .method(method)
            .uri(self.address(&format!("/_devhost{path}")))
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let (status, body) = self.exchange(request).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        Err(match answer["message"].as_str() {
            Some(message) => message.to_owned(),
            None => self.is_it_one(status),
        })
    }

    /// As [`Self::own`], where something has to be said.
    pub(crate) async fn told(&self, method: Method, path: &str, body: Bytes) -> Result<Value, String> {
        match self.own(method, path, body).await? {
            Value::Null => Err(self.is_it_one(StatusCode::OK)),
            answer => Ok(answer),
        }
    }

    fn is_it_one(&self, status: StatusCode) -> String {
        format!("port {} answers {status}: is it a devhost?", self.port)
    }
}
