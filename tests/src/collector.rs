//! An OpenTelemetry collector for tests: takes OTLP over HTTP in protobuf, and keeps the spans.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

use crate::running::PATIENCE;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::{Span as ProtoSpan, span::SpanKind, status::StatusCode as SpanStatus},
};
use prost::Message as _;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A span as it arrived; ids in hexadecimal.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its trace.
    pub trace_id: String,
    /// Its id.
    pub id: String,
    /// What it is a part of; empty: of nothing.
    pub parent_id: String,
    /// What happened.
    pub name: String,
    /// What kind of thing.
    pub kind: SpanKind,
    /// When it began and ended, in nanoseconds.
    pub time: (u64, u64),
    /// Whether it failed.
    pub failed: bool,
    /// What is said of it; values as texts.
    pub attributes: BTreeMap<String, String>,
    /// The traces and ids of what it has to do with.
    pub links: Vec<(String, String)>,
    /// What is said of the program.
    pub resource: Arc<BTreeMap<String, String>>,
}

/// A collector. Dropped: gone.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<watch::Sender<Vec<Span>>>,
    serving: JoinHandle<()>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let spans = Arc::new(watch::Sender::new(Vec::new()));
        let serving = tokio::spawn(serve(listener, Arc::clone(&spans)));
        Self {
            address,
            spans,
            serving,
        }
    }

    /// Its address as a setting has it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.borrow().clone()
    }

    /// Waits until the spans are as they should be, and gives them.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn until(&self, what: &str, is_so: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let mut spans = self.spans.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, spans.wait_for(|spans| is_so(spans))).await;
        match arrived {
            Ok(Ok(spans)) => spans.clone(),
            _ => panic!("waited too long for: {what}\n{:#?}", self.spans()),
        }
    }
}

async fn serve(listener: TcpListener, spans: Arc<watch::Sender<Vec<Span>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let spans = Arc::clone(&spans);
        let service = service_fn(move |request| {
            let spans = Arc::clone(&spans);
            async move { Ok::<_, Infallible>(take(request, &spans).await) }
        });
        // A client that goes away is none of the test's business.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn take(request: Request<Incoming>, spans: &watch::Sender<Vec<Span>>) -> Response<Full<bytes::Bytes>> {
    let answer = |status, body: Vec<u8>| {
        let mut response = Response::new(Full::new(body.into()));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/v1/traces" {
        return answer(StatusCode::NOT_FOUND, Vec::new());
    }
    let Ok(body) = request.into_body().collect().await else {
        return answer(StatusCode::BAD_REQUEST, Vec::new());
    };
    match ExportTraceServiceRequest::decode(body.to_bytes()) {
        Ok(request) => {
            spans.send_modify(|spans| spans.extend(read(request)));
            answer(StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec())
        }
        Err(_) => answer(StatusCode::BAD_REQUEST, Vec::new()),
    }
}

fn read(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = Arc::new(attributes(of_resource.resource.unwrap_or_default().attributes));
        let all = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
        spans.extend(all.map(|span| span_of(span, &resource)));
    }
    spans
}

fn span_of(span: ProtoSpan, resource: &Arc<BTreeMap<String, String>>) -> Span {
    Span {
        trace_id: hexadecimal(&span.trace_id),
        id: hexadecimal(&span.span_id),
        parent_id: hexadecimal(&span.parent_span_id),
        kind: span.kind(),
        name: span.name,
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        failed: span.status.is_some_and(|status| status.code() == SpanStatus::Error),
        attributes: attributes(span.attributes),
        links: span
            .links
            .iter()
            .map(|link| (hexadecimal(&link.trace_id), hexadecimal(&link.span_id)))
            .collect(),
        resource: Arc::clone(resource),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A text can always be longer.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    all.into_iter()
        .map(|pair| (pair.key, pair.value.map(text).unwrap_or_default()))
        .collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}
