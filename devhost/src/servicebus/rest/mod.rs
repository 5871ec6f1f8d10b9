//! The HTTP door: Service Bus's REST operations for sending, for what cannot use AMQP.
//!
//! `POST /{queue or topic}/messages` takes one message, its properties in headers, or with the content type of a batch a
//! list of them: all or none. Errors are worded as the service does, in XML. Nothing is received here.
//!
//! <https://learn.microsoft.com/rest/api/servicebus/send-message-to-queue>

mod message;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Access, Broker, BrokerError};
use crate::connection::serve_connection;

/// The largest body, in bytes: a batch of messages of the largest kind.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves requests until `shutdown`, and then until those that have arrived are answered.
pub async fn serve_rest(
    broker: Broker,
    listener: TcpListener,
    access: Access,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (broker, access) = (broker.clone(), access.clone());
                let answer = move |request| {
                    let (broker, access) = (broker.clone(), access.clone());
                    async move { answer(request, &broker, &access).await }
                };
                connections.spawn(serve_connection(stream, answer, shutdown.clone()));
            }
            Err(error) => {
                // Out of file descriptors, as a rule: it helps to wait until some are closed.
                tracing::warn!(%error, "cannot accept a connection to Service Bus's REST side");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// A status and what is said with it.
struct Refusal(StatusCode, String);

impl From<BrokerError> for Refusal {
    fn from(error: BrokerError) -> Self {
        let status = match &error {
            BrokerError::NotFound(_) => StatusCode::NOT_FOUND,
            BrokerError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BrokerError::Invalid(_) => StatusCode::BAD_REQUEST,
            BrokerError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

async fn answer(request: Request<Incoming>, broker: &Broker, access: &Access) -> Response<Full<Bytes>> {
    let (status, body) = match send(request, broker, access).await {
        Ok(()) => (StatusCode::CREATED, Bytes::new()),
        Err(Refusal(status, detail)) => {
            let detail = detail.replace('&', "&amp;").replace('<', "&lt;");
            let code = status.as_u16();
            let body = format!("<Error><Code>{code}</Code><Detail>{detail}</Detail></Error>");
            (status, Bytes::from(body))
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let xml = http::HeaderValue::from_static("application/xml; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, xml);
    response
}

async fn send(request: Request<Incoming>, broker: &Broker, access: &Access) -> Result<(), Refusal> {
    let (head, body) = request.into_parts();
    let entity = match head.uri.path().trim_matches('/').strip_suffix("/messages") {
        Some(entity) if head.method == Method::POST => entity.to_owned(),
        Some(_) => {
            let detail = "Only sending is there: POST /{queue or topic}/messages.".to_owned();
            return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, detail));
        }
        None => {
            let detail = format!("There is no operation at '{}'.", head.uri.path());
            return Err(Refusal(StatusCode::NOT_FOUND, detail));
        }
    };
    authorize(&head.headers, &entity, access)?;
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect())
        .await
        .map_err(|_| Refusal(StatusCode::REQUEST_TIMEOUT, "The body did not come in time.".to_owned()))?
        .map_err(|error| {
            let status = if error.is::<http_body_util::LengthLimitError>() {
                StatusCode::PAYLOAD_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            };
            Refusal(status, error.to_string())
        })?
        .to_bytes();
    let messages = message::read(&head.headers, body).map_err(|reason| Refusal(StatusCode::BAD_REQUEST, reason))?;
    broker.send(&entity, messages).await?;
    Ok(())
}

/// Checks the token of the request. It is for the entity, whatever its scheme says.
fn authorize(headers: &HeaderMap, entity: &str, access: &Access) -> Result<(), Refusal> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let host = text(header::HOST);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let authorization = text(header::AUTHORIZATION);
    let (kind, token) = match authorization.strip_prefix("Bearer ") {
        Some(token) => ("jwt", token),
        None => ("servicebus.windows.net:sastoken", authorization),
    };
    access
        .check(&format!("sb://{host}/{entity}"), kind, token)
        .map(drop)
        .map_err(|reason| Refusal(StatusCode::UNAUTHORIZED, reason))
}
