//! Calls functions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::{BodyExt, Either, Full, Limited};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::redirect;
use super::{InvokeError, Metadata, Outputs, Record, Reply, Side};
use crate::config::Function;
use crate::console::{Console, Level};
use crate::handler::{CallError, Called, Handler, HandlerBody, debugger, settle_doubt};
use crate::tap::Kept;

/// The version that this host gives itself out as.
pub const HOST_VERSION: &str = "4.1037.0";

const USER_AGENT: &str = "Azure-Functions-Host/4.1037.0";
/// As many as .NET's client follows.
const MOST_REDIRECTS: usize = 50;
const REPLY_LIMIT: usize = 104_857_600;

/// What one call carries.
#[derive(Debug)]
pub struct Call {
    /// Why it happens, for the console.
    pub reason: String,
    /// `Data`: each value encoded.
    pub data: Map<String, Value>,
    /// `Metadata`.
    pub metadata: Metadata,
}

/// What an [`Invoker`] needs.
pub struct InvokerOptions {
    /// The handler.
    pub handler: Handler,
    /// Where to tell.
    pub console: Console,
    /// Where outputs go.
    pub outputs: Outputs,
    /// `functionTimeout`.
    pub timeout: Option<Duration>,
    /// Whether an answer that points elsewhere is followed: not with `enableForwardingHttpRequest`.
    pub follows_redirects: bool,
}

/// What passed between host and handler, as far as it came.
#[derive(Default)]
struct Seen {
    request: Option<Side>,
    reply: Option<Side>,
    logs: Vec<String>,
}

/// Calls functions through the envelope. Cheap to clone.
#[derive(Clone)]
pub struct Invoker(Arc<InvokerOptions>);

impl Invoker {
    /// An invoker for one handler.
    pub fn new(options: InvokerOptions) -> Self {
        Self(Arc::new(options))
    }

    /// The handler it calls.
    pub fn handler(&self) -> &Handler {
        &self.0.handler
    }

    /// The console it tells.
    pub fn console(&self) -> &Console {
        &self.0.console
    }

    /// `functionTimeout`.
    pub fn timeout(&self) -> Option<Duration> {
        self.0.timeout
    }

    /// Takes down an invocation that did not go through the envelope.
    pub fn record(&self, record: Record) {
        self.0.console.history().add(record);
    }

    /// Calls `function` and writes its outputs, with as many retries as its policy grants.
    pub async fn invoke(&self, function: &Arc<Function>, call: Call) -> Result<Reply, InvokeError> {
        let Call { reason, data, metadata } = call;
        let mut envelope = Map::new();
        envelope.insert("Data".to_owned(), Value::Object(data));
        envelope.insert("Metadata".to_owned(), Value::Object(metadata.finish(&function.name)));
        let mut envelope = Value::Object(envelope);
        let mut retry = 0_u32;
        let mut last_error = Value::Null;
        loop {
            if let Some(policy) = &function.retry {
                envelope["Metadata"]["RetryContext"] = json!({
                    "RetryCount": retry,
                    "MaxRetryCount": policy.max_retries.map_or(-1, i64::from),
                    "Exception": last_error,
                });
            }
            let error = match self.attempt(function, &reason, &envelope).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let Some(policy) = &function.retry else {
                return Err(error);
            };
            if policy.max_retries.is_some_and(|most| retry >= most) {
                return Err(error);
            }
            retry += 1;
            last_error = Value::String(error.to_string());
            tokio::time::sleep(policy.pause(retry)).await;
        }
    }

    async fn attempt(&self, function: &Arc<Function>, reason: &str, envelope: &Value) -> Result<Reply, InvokeError> {
        let id = Uuid::new_v4();
        let running = self.announce(function, id, reason);
        let mut seen = Seen::default();
        let result = self.exchange(function, id, envelope, &mut seen).await;
        let result = match result {
            Ok(reply) => {
                seen.logs.clone_from(&reply.logs);
                self.0.outputs.write(function, &reply).await.map(|()| reply)
            }
            Err(error) => Err(error),
        };
        let (duration, logs) = running.end(result.as_ref().err(), seen.logs);
        self.0.console.history().add(Record {
            id,
            function: Arc::clone(function),
            ended: OffsetDateTime::now_utc(),
            duration,
            status: None,
            error: result.as_ref().err().map(ToString::to_string),
            request: seen.request,
            reply: seen.reply,
            logs,
        });
        result
    }

    /// The line that begins an invocation.
    pub(crate) fn announce<'a>(&'a self, function: &'a Function, id: Uuid, reason: &str) -> Running<'a> {
        self.0.console.history().begin(id);
        self.0.console.trace(format_args!(
            "Executing 'Functions.{}' (Reason='{reason}', Id={id})",
            function.name
        ));
        Running {
            invoker: self,
            function,
            id,
            started: Instant::now(),
            is_over: false,
        }
    }

    async fn exchange(
        &self,
        function: &Function,
        id: Uuid,
        envelope: &Value,
        seen: &mut Seen,
    ) -> Result<Reply, InvokeError> {
        let mut called = self.call_following(function, id, envelope, seen).await?;
        let content_type = called
            .response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = Limited::new(called.response.body_mut(), REPLY_LIMIT).collect();
        let body = match called.deadline {
            None => body.await,
            Some(deadline) => tokio::select! {
                body = body => body,
                () = debugger::expired(deadline, called.live.pid) => {
                    return Err(self.too_long(function, called.live.number, self.0.timeout.unwrap_or_default()));
                }
            },
        };
        match body {
            Ok(body) => {
                let body = body.to_bytes();
                let (status, headers) = (called.response.status(), called.response.headers());
                seen.reply = Some(Side::reply(status, headers, Kept::of(&body)));
                Reply::accept(status.as_u16(), content_type.as_deref(), &body)
            }
            Err(error) => {
                settle_doubt(&called.live).await;
                Err(InvokeError::Body(error.to_string()))
            }
        }
    }

    /// Sends an envelope, and where the answer points elsewhere in the handler, goes there, as the host's client does.
    async fn call_following(
        &self,
        function: &Function,
        id: Uuid,
        envelope: &Value,
        seen: &mut Seen,
    ) -> Result<Called, InvokeError> {
        let body = Bytes::from(envelope.to_string());
        let mut request = request(&format!("/{}", function.name), id, body.clone())?;
        let kept = Kept::of(&body);
        seen.request = Some(Side::request(request.method(), request.uri(), request.headers(), kept));
        for _ in 0..=MOST_REDIRECTS {
            let method = request.method().clone();
            let base = request.uri().clone();
            let called = self.call(function, request, self.0.timeout).await?;
            let next = if self.0.follows_redirects {
                redirect::next(called.response.status(), called.response.headers(), &method)
            } else {
                None
            };
            let Some(next) = next else { return Ok(called) };
            let path = redirect::target(&base, &next.location, called.live.port)
                .ok_or_else(|| InvokeError::Redirect(next.location.clone()))?;
            let body = if next.method == method {
                body.clone()
            } else {
                Bytes::new()
            };
            request = self::request(&path, id, body)?;
            *request.method_mut() = next.method;
        }
        Err(InvokeError::Redirect("itself, again and again".to_owned()))
    }

    /// Sends a request of `function` to the handler. One that is not answered within `limit` fails; where `limit` is
    /// `functionTimeout`, the handler is killed, too.
    pub(crate) async fn call(
        &self,
        function: &Function,
        request: Request<HandlerBody>,
        limit: Option<Duration>,
    ) -> Result<Called, InvokeError> {
        self.0.handler.call(request, limit).await.map_err(|error| match error {
            CallError::NotReady(error) => error.into(),
            CallError::Send(error) => error.into(),
            CallError::TimedOut(life) if limit == self.0.timeout => {
                self.too_long(function, life, limit.unwrap_or_default())
            }
            CallError::TimedOut(_) => InvokeError::TimedOut(limit.unwrap_or_default()),
        })
    }

    /// Kills a life of the handler in which a call of `function` took too long.
    pub(crate) fn too_long(&self, function: &Function, life: u64, limit: Duration) -> InvokeError {
        self.0
            .handler
            .kill(life, format!("{} ran longer than {limit:?}", function.name));
        InvokeError::TimedOut(limit)
    }
}

/// An invocation under way, as the console tells of it.
pub(crate) struct Running<'a> {
    invoker: &'a Invoker,
    function: &'a Function,
    id: Uuid,
    started: Instant,
    is_over: bool,
}

impl Running<'_> {
    /// The line that ends it; a failure is told even where successes are not. Below it, with nothing of anybody else's in
    /// between, what the function had to say: on the handler's streams, and then `logs` of its answer. All of that is
    /// returned, after how long it took.
    pub(crate) fn end(mut self, error: Option<&InvokeError>, logs: Vec<String>) -> (Duration, Vec<String>) {
        self.is_over = true;
        let console = self.invoker.console();
        let mut said = console.history().end(self.id);
        said.extend(logs);
        let (name, id, duration) = (&self.function.name, self.id, self.started.elapsed());
        let millis = duration.as_millis();
        let (level, heading) = match error {
            None => (
                Level::Trace,
                format!("Executed 'Functions.{name}' (Succeeded, Id={id}, Duration={millis}ms)"),
            ),
            Some(error) => (
                Level::Error,
                format!("Executed 'Functions.{name}' (Failed, Id={id}, Duration={millis}ms): {error}"),
            ),
        };
        let facts = || {
            let facts = json!({
                "function": name,
                "invocationId": id.to_string(),
                "durationMs": duration.as_secs_f64() * 1_000.0,
                "succeeded": error.is_none(),
                "error": error.map(ToString::to_string),
            });
            facts.as_object().cloned().unwrap_or_default()
        };
        console.group(level, heading, &said, facts);
        (duration, said)
    }
}

impl Drop for Running<'_> {
    /// Its caller has gone: what it has said is told all the same.
    fn drop(&mut self) {
        if !self.is_over {
            let console = self.invoker.console();
            for line in console.history().end(self.id) {
                console.info(line);
            }
        }
    }
}

fn request(path: &str, id: Uuid, body: Bytes) -> Result<Request<HandlerBody>, InvokeError> {
    Request::post(path)
        .header(header::USER_AGENT, USER_AGENT)
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        )
        .header("X-Azure-Functions-HostVersion", HOST_VERSION)
        .header("X-Azure-Functions-InvocationId", id.to_string())
        .body(Either::Left(Full::new(body)))
        .map_err(|error| InvokeError::Body(error.to_string()))
}
