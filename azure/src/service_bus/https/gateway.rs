//! Carries the crate's requests: over this program's one HTTP library, to the right host, with the right token.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use azure_core::credentials::Secret;
use azure_core_021::error::{Error as CrateError, ErrorKind};
use azure_core_021::headers::{AUTHORIZATION, Headers};
use azure_core_021::{Body, CollectedResponse, HttpClient, Request, Response};
use bytes::Bytes;
use reqwest::StatusCode;
use tokio::time::Instant;

use crate::service_bus::client::ServiceBusOptions;
use crate::service_bus::error::SendError;
use crate::service_bus::namespace::ServiceBusConnection;
use crate::service_bus::tokens::{TokenKind, Tokens};

/// The part of a token's life after which another is asked for.
const REFRESH_AFTER: f64 = 0.75;
/// How much of what the service says in an error is kept, in characters.
const REASON_CHARS_MAX: usize = 300;

/// The way to one namespace.
pub(super) struct Gateway {
    client: reqwest::Client,
    host: String,
    port: u16,
    tokens: Option<Tokens>,
    /// By resource, with the time to ask for another.
    known: Mutex<HashMap<String, (Secret, Instant)>>,
}

impl Gateway {
    pub(super) fn new(to: &ServiceBusConnection, options: &ServiceBusOptions) -> Result<Self, SendError> {
        let failed = |error: reqwest::Error| SendError::Configuration(format!("no HTTP client: {error}"));
        let mut builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.send_timeout)
            // A redirect would carry a token to wherever it points.
            .redirect(reqwest::redirect::Policy::none());
        if !options.extra_roots.is_empty() {
            let roots = options
                .extra_roots
                .iter()
                .map(|root| reqwest::Certificate::from_der(root));
            builder = builder.tls_certs_merge(roots.collect::<Result<Vec<_>, _>>().map_err(failed)?);
        }
        Ok(Self {
            client: builder.build().map_err(failed)?,
            host: to.host.clone(),
            port: to.https_port(),
            tokens: Tokens::new(&to.access, options),
            known: Mutex::default(),
        })
    }

    /// Whether the host answers anything at all.
    pub(super) async fn reach(&self, patience: Duration) -> Result<(), SendError> {
        let url = format!("https://{}:{}/", host_in_url(&self.host), self.port);
        let answer = self.client.head(url).timeout(patience).send().await;
        answer.map(drop).map_err(|error| network(&error))
    }

    /// The next request for this entity gets another token.
    pub(super) fn forget_token(&self, entity: &str) {
        self.lock().remove(entity);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Secret, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands in the header for this entity.
    async fn authorization(&self, entity: &str) -> Result<Option<Secret>, SendError> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        if let Some((value, until)) = self.lock().get(entity)
            && *until > Instant::now()
        {
            return Ok(Some(value.clone()));
        }
        let token = tokens.token(&format!("sb://{}/{entity}", self.host)).await?;
        let value = match token.kind {
            TokenKind::Signature => token.value,
            TokenKind::Jwt => Secret::new(format!("Bearer {}", token.value.secret())),
        };
        let until = Instant::now() + token.lifetime.mul_f64(REFRESH_AFTER);
        self.lock().insert(entity.to_owned(), (value.clone(), until));
        Ok(Some(value))
    }

    async fn carry(&self, request: &Request) -> Result<(StatusCode, Option<Duration>, Bytes), SendError> {
        let entity = request.url().path().trim_matches('/').trim_end_matches("/messages");
        let url = format!(
            "https://{}:{}{}",
            host_in_url(&self.host),
            self.port,
            request.url().path()
        );
        let Body::Bytes(body) = request.body() else {
            return Err(SendError::Rejected("a body that streams".to_owned()));
        };
        let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes())
            .map_err(|error| SendError::Rejected(error.to_string()))?;
        let mut carried = self.client.request(method, url).body(body.clone());
        for (name, value) in request.headers().iter() {
            if *name != AUTHORIZATION {
                carried = carried.header(name.as_str(), value.as_str());
            }
        }
        if let Some(authorization) = self.authorization(entity).await? {
            let mut value = reqwest::header::HeaderValue::from_str(authorization.secret())
                .map_err(|_| SendError::Configuration("the token is no header".to_owned()))?;
            value.set_sensitive(true);
            carried = carried.header(reqwest::header::AUTHORIZATION, value);
        }
        let answer = carried.send().await.map_err(|error| network(&error))?;
        let (status, wait) = (answer.status(), retry_after(answer.headers()));
        let body = answer.bytes().await.map_err(|error| network(&error))?;
        Ok((status, wait, body))
    }
}

#[async_trait::async_trait]
impl HttpClient for Gateway {
    async fn execute_request(&self, request: &Request) -> azure_core_021::Result<Response> {
        let (status, _, body) = self.carry(request).await.map_err(wrapped)?;
        let body = Box::pin(futures_util::stream::once(std::future::ready(Ok(body))));
        Ok(Response::new(status_of(status)?, Headers::new(), body))
    }

    async fn execute_request_check_status(&self, request: &Request) -> azure_core_021::Result<CollectedResponse> {
        let (status, wait, body) = self.carry(request).await.map_err(wrapped)?;
        if status.is_success() {
            return Ok(CollectedResponse::new(status_of(status)?, Headers::new(), body));
        }
        Err(wrapped(refusal(status, wait, &body)))
    }
}

/// What we put into an error of the crate, taken out again.
pub(super) fn cause(error: CrateError, entity: &str) -> SendError {
    match error.into_downcast::<SendError>() {
        Ok(SendError::EntityNotFound(_)) => SendError::EntityNotFound(entity.to_owned()),
        Ok(error) => error,
        // It could not even make the request.
        Err(error) => SendError::Rejected(error.to_string()),
    }
}

fn wrapped(error: SendError) -> CrateError {
    CrateError::new(ErrorKind::Other, error)
}

fn status_of(status: StatusCode) -> azure_core_021::Result<azure_core_021::StatusCode> {
    azure_core_021::StatusCode::try_from(status.as_u16())
        .map_err(|_| wrapped(SendError::Busy(format!("it answers {status}"))))
}

/// What an answer other than success means.
fn refusal(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> SendError {
    let reason: String = String::from_utf8_lossy(body).chars().take(REASON_CHARS_MAX).collect();
    let reason = format!("{status} {reason}");
    match status {
        StatusCode::UNAUTHORIZED => SendError::Unauthorized(reason),
        // The documentation says 410, the service 404.
        StatusCode::NOT_FOUND | StatusCode::GONE => SendError::EntityNotFound(String::new()),
        StatusCode::PAYLOAD_TOO_LARGE => SendError::TooLarge(reason),
        StatusCode::BAD_REQUEST => SendError::Rejected(reason),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => SendError::throttled(reason, wait),
        // Also 403, which is a full queue.
        _ => SendError::Busy(reason),
    }
}

/// `Retry-After` in seconds.
fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

/// What went wrong on the way; the URL in it says nothing new.
fn network(error: &reqwest::Error) -> SendError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() {
        SendError::NotConnected(text)
    } else if error.is_timeout() {
        SendError::TimedOut
    } else {
        SendError::Unanswered(text)
    }
}

fn host_in_url(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_permanent_or_transient() {
        let refusal = |status: u16| refusal(StatusCode::from_u16(status).expect("a status"), None, b"<Error/>");
        assert!(matches!(refusal(401), SendError::Unauthorized(_)));
        assert!(matches!(refusal(404), SendError::EntityNotFound(_)));
        assert!(matches!(refusal(410), SendError::EntityNotFound(_)));
        assert!(matches!(refusal(413), SendError::TooLarge(_)));
        assert!(matches!(refusal(400), SendError::Rejected(_)));
        for status in [403, 408, 500, 502, 504, 302] {
            assert!(refusal(status).is_transient(), "{status}");
        }
        assert!(refusal(503).retry_after().is_some());
        let wait = Some(Duration::from_secs(3));
        assert_eq!(
            super::refusal(StatusCode::TOO_MANY_REQUESTS, wait, b"").retry_after(),
            wait
        );
    }
}
