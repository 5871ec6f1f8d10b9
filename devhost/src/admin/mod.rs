//! The host's own addresses: those of the Functions host under `/admin`, and those of this host alone under `/_devhost`.

mod functions;
mod guard;
mod host;
mod keys;
mod messages;
mod overview;
mod own;
mod page;
mod send;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;
use uuid::Uuid;

use crate::config::{AuthLevel, Function, FunctionProblem};
use crate::http::{HostBody, empty, json_response};
use crate::invocation::{History, Invoker};
use crate::keys::{Caller, KeyScope, Keys};
use crate::servicebus::{Broker, BrokerError};
use crate::timers::TimerBoard;

const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// What these addresses tell about and act on.
pub struct Admin {
    /// The folder of the app.
    pub root: PathBuf,
    /// The functions that load.
    pub functions: Vec<Arc<Function>>,
    /// Those that do not.
    pub problems: Vec<FunctionProblem>,
    /// `scheme://host:port`.
    pub base_url: String,
    /// Templates of HTTP functions by name, with prefix.
    pub routes: Vec<(String, String)>,
    /// Calls.
    pub invoker: Invoker,
    /// Past calls.
    pub history: History,
    /// Timers.
    pub timers: TimerBoard,
    /// Messages.
    pub broker: Broker,
    /// Who may call `/admin`, and the keys themselves.
    pub keys: Keys,
    /// An id of this run of the host.
    pub instance: Uuid,
    /// When this run began.
    pub started: Instant,
}

impl Admin {
    /// Answers a request for `/admin/…` or `/_devhost/…`.
    pub async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<HostBody> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default();
        if let Some(rest) = path.strip_prefix("/_devhost") {
            if let Some(refusal) = guard::refusal(&head, peer) {
                return refusal;
            }
            if head.method == Method::GET
                && let Some(file) = page::file(rest)
            {
                return file;
            }
            let rest = rest.trim_start_matches('/');
            return self
                .own(&head.method, rest.trim_end_matches('/'), query, &body.to_bytes())
                .await;
        }
        let is_ping = path.trim_end_matches('/').eq_ignore_ascii_case("/admin/host/ping");
        let caller = Caller::of(&self.keys, &head.headers, head.uri.query(), None);
        if !is_ping && caller.level < AuthLevel::Admin {
            return empty(StatusCode::UNAUTHORIZED);
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).skip(1).collect();
        self.host_api(&head.method, &parts, &body.to_bytes())
    }

    fn host_api(&self, method: &Method, path: &[&str], body: &Bytes) -> Response<HostBody> {
        match (method.as_str(), path) {
            ("GET" | "POST", ["host", "ping"]) => empty(StatusCode::OK),
            ("GET", ["host", "status"]) => json_response(StatusCode::OK, &self.host_status()),
            ("POST", ["host", "drain"]) => empty(StatusCode::ACCEPTED),
            (_, ["host", "keys" | "functionkeys", rest @ ..]) if rest.len() <= 1 => {
                self.key_api(method, KeyScope::Host, rest.first().copied(), body)
            }
            (_, ["host", "systemkeys", rest @ ..]) if rest.len() <= 1 => {
                self.key_api(method, KeyScope::System, rest.first().copied(), body)
            }
            (_, ["functions", name, "keys", rest @ ..]) if rest.len() <= 1 => match self.function(name) {
                Some(function) => self.key_api(method, KeyScope::Function(&function.name), rest.first().copied(), body),
                None => empty(StatusCode::NOT_FOUND),
            },
            ("GET", ["functions"]) => json_response(StatusCode::OK, &self.all_functions()),
            ("GET", ["functions", name]) => match self.function(name) {
                Some(function) => json_response(StatusCode::OK, &self.describe(function)),
                None => empty(StatusCode::NOT_FOUND),
            },
            ("GET", ["functions", name, "status"]) => self.function_status(name),
            ("POST", ["functions", name]) => self.call(name, body),
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    fn function(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions
            .iter()
            .find(|function| function.name.eq_ignore_ascii_case(name))
    }
}

/// An answer that says what is wrong.
fn refuse(status: StatusCode, message: &str) -> Response<HostBody> {
    json_response(status, &json!({"message": message}))
}

/// An answer that says why the broker refused.
fn refuse_broker(error: &BrokerError) -> Response<HostBody> {
    let status = match error {
        BrokerError::NotFound(_) => StatusCode::NOT_FOUND,
        BrokerError::NoSuchMessage { .. } => StatusCode::CONFLICT,
        BrokerError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        BrokerError::Invalid(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refuse(status, &error.to_string())
}
