//! The running service, as a command reaches it: over HTTP, like everybody.

mod access;
mod checks;
mod retry;

pub(crate) use access::Access;
pub(crate) use checks::{Check, Facts, Report, health, live, openapi, read, ready};
pub(crate) use retry::retry;

use crate::failure::Failure;
use reqwest::{Client, Method, StatusCode, Url, header::HeaderMap, redirect};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take; the service itself gives up earlier.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that is read. The API document is the largest there is, by far less.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A service, and who asks it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    base: Url,
    http: Client,
    headers: HeaderMap,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Its JSON; a text where it is none.
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

/// Why there is no answer, in a few words.
pub(crate) type NoAnswer = String;

impl Answer {
    /// Whether asking again would change nothing: the service was neither busy nor away, and not still at the same request.
    pub(crate) fn is_final(answer: &Result<Self, NoAnswer>) -> bool {
        matches!(answer, Ok(answer) if !matches!(answer.status.as_u16(), 429 | 502..=504)
            && answer.body["code"] != "idempotency_in_progress")
    }

    /// What a wrong answer says: its status, and the problem that it describes.
    pub(crate) fn problem(&self) -> String {
        let detail = ["detail", "title", "error_description"]
            .iter()
            .find_map(|member| self.body[member].as_str());
        match detail {
            Some(detail) => format!("{}: {detail}", self.status.as_u16()),
            None => self.status.as_u16().to_string(),
        }
    }
}

/// The address of a service: `https://HOST`, or `http://` on a desk. A path before the API's own is kept.
pub(crate) fn address(text: &str) -> Result<Url, Failure> {
    let wrong = || Failure::Input("the URL must be http(s)://HOST, without user, query and fragment".to_owned());
    let mut url = Url::parse(text.trim()).map_err(|_| wrong())?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_plain || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

impl Service {
    /// Nothing is asked yet.
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        let http = Client::builder()
            .user_agent(concat!("inventory-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // What answers from elsewhere is not what was asked about, and our credentials are not for it.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Failure::Internal(format!("no HTTP client: {error}")))?;
        Ok(Self {
            base: address(url)?,
            http,
            headers: HeaderMap::new(),
        })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Asks with the credentials in the environment from now on, where there are some.
    pub(crate) async fn sign_in(&mut self, access: &Access) -> Result<(), NoAnswer> {
        self.headers = access.headers(self).await?;
        Ok(())
    }

    /// Whether requests carry credentials.
    pub(crate) fn is_signed_in(&self) -> bool {
        !self.headers.is_empty()
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(self.request(Method::GET, path)?).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(self.request(Method::DELETE, path)?).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.send(self.request(Method::PATCH, path)?.json(body)).await
    }

    /// Sends JSON under an idempotency key: sent twice, it is done once.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Result<Answer, NoAnswer> {
        let request = self.request(Method::POST, path)?;
        self.send(request.header("idempotency-key", key).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> Result<reqwest::RequestBuilder, NoAnswer> {
        let url = self.base.join(path.trim_start_matches('/'));
        let url = url.map_err(|error| format!("{path}: {error}"))?;
        Ok(self.http.request(method, url).headers(self.headers.clone()))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, NoAnswer> {
        let started = Instant::now();
        let mut response = request.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the answer is too large to be ours".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        let took = started.elapsed();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, body, took })
    }
}

/// The first cause; what is around it repeats the address.
fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    format!("no answer: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host_and_perhaps_a_path() {
        for (given, expected) in [
            ("https://host", "https://host"),
            ("http://127.0.0.1:7071/", "http://127.0.0.1:7071"),
            ("https://host/inventory", "https://host/inventory"),
        ] {
            let service = Service::new(given).unwrap();
            assert_eq!(service.url(), expected);
            let url = service.base.join("api/v1/orders").unwrap();
            assert_eq!(url.as_str(), format!("{expected}/api/v1/orders"));
        }
        for wrong in ["", "host", "ftp://host", "https://user:secret@host", "https://host?a=b"] {
            let message = address(wrong).unwrap_err().to_string();
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
