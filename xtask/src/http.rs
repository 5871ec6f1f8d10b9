//! The little HTTP that tools need: one request, one JSON or text answer.

use crate::failure::{Context as _, Failure, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }
}

/// Sends a request to `port` of this machine.
pub(crate) async fn request(port: u16, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
    let exchange = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|error| {
            Failure(format!(
                "nothing answers on port {port} ({error}): is `cargo xtask dev` running?"
            ))
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("localhost:{port}"));
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let answer = sender.send_request(request.body(Full::new(bytes))?).await?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await?.to_bytes();
        Ok(Answer {
            status,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .context(format!("{method} {path}"))?
}
