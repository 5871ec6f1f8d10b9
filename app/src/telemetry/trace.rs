//! Traces: what an order goes through, from the request to the last event, as one tree of spans.
//!
//! A [`TraceParent`] goes with every request, event and message. Without a destination for traces that is all: what came in is handed
//! on, so that those before and after us keep their tree.

use super::export::{Export, Watch};
use crate::TraceParent;
use opentelemetry::{
    Context, KeyValue, TraceFlags, Value,
    trace::{
        Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceId, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanData, SpanExporter},
};
use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use opentelemetry::trace::SpanKind;

/// How long the end of the program waits for each destination to take what is left.
const SHUTDOWN_MAX: Duration = Duration::from_secs(3);

/// Makes spans, where there is a destination for them. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Recorder>);

#[derive(Clone, Debug)]
struct Recorder {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// Records what `sample_ratio` chooses of new traces, and sends it by `export`; nothing without it. Spans wait for their batch in a
    /// bounded queue; what does not fit into it is lost, and nobody waits.
    pub(crate) fn new(export: Option<&Export>, sample_ratio: f64) -> Self {
        let Some(export) = export else {
            return Self::default();
        };
        let mut builder = SdkTracerProvider::builder()
            .with_resource(export.resource.clone())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio))));
        if let Some(exporter) = otlp(export) {
            builder = builder.with_batch_exporter(Watched::new(exporter, Arc::new(Watch::new("traces", "otlp"))));
        }
        if let Some(exporter) = export.application_insights() {
            // So that Application Insights can tell how many there were.
            let exporter = exporter.with_sample_rate(sample_ratio);
            // It tries a batch for half a minute before it gives up.
            let watch = Arc::new(Watch::new("traces", "application_insights"));
            let retried = Arc::clone(&watch);
            let exporter = exporter.with_retry_notify(move |error, _| retried.away(error));
            builder = builder.with_batch_exporter(Watched::new(exporter, watch));
        }
        let provider = builder.build();
        let tracer = provider.tracer("inventory");
        Self(Some(Recorder { provider, tracer }))
    }

    /// Whether there is a destination.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Begins a span at `started` (`None`: now), as a part of what `parent` says, else as the first of a new trace.
    pub fn start(
        &self,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: Option<TraceParent>,
        started: Option<SystemTime>,
    ) -> Span {
        let Some(Recorder { tracer, .. }) = &self.0 else {
            return Span::unrecorded(parent);
        };
        let mut builder = tracer.span_builder(name).with_kind(kind);
        builder.start_time = started;
        let nobody = Context::new();
        let parent = parent.map_or_else(
            || nobody.clone(),
            |parent| nobody.with_remote_span_context(context(parent)),
        );
        let span = builder.start_with_context(tracer, &parent);
        let found = span.span_context();
        let trace = TraceParent::new(
            u128::from_be_bytes(found.trace_id().to_bytes()),
            u64::from_be_bytes(found.span_id().to_bytes()),
            found.is_sampled(),
        );
        Span {
            trace,
            span: span.is_recording().then(|| Box::new(span)),
        }
    }

    /// Sends what is left, as far as it can be sent in a few seconds.
    pub(crate) async fn shutdown(&self) {
        if let Some(Recorder { provider, .. }) = &self.0 {
            let provider = provider.clone();
            // It waits for the exporter's thread. What it says has been logged there.
            let _ = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN_MAX)).await;
        }
    }
}

/// Part of a trace. Dropped: ended.
#[derive(Debug)]
pub struct Span {
    trace: Option<TraceParent>,
    /// Only of one that is recorded.
    span: Option<Box<SdkSpan>>,
}

impl Span {
    /// What is no span, at this place in a trace that others record.
    pub const fn unrecorded(trace: Option<TraceParent>) -> Self {
        Self { trace, span: None }
    }

    /// What is handed on to whatever comes of this: this span where it is recorded or could have been, else what came in.
    pub const fn trace(&self) -> Option<TraceParent> {
        self.trace
    }

    /// Whether anybody will see what is told to it.
    pub const fn is_recorded(&self) -> bool {
        self.span.is_some()
    }

    /// Tells something of it. Names are those of OpenTelemetry's semantic conventions, or begin with `inventory.`.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.span {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// As [`Span::set`], with a value that is made only where it will be seen.
    pub fn set_with<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if self.is_recorded() {
            self.set(name, value());
        }
    }

    /// Tells that it has to do with another.
    pub fn link(&mut self, other: TraceParent) {
        if let Some(span) = &mut self.span {
            span.add_link(context(other), Vec::new());
        }
    }

    /// Tells that it failed, and how: no values of anybody.
    pub fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.span {
            span.set_status(Status::error(why));
        }
    }
}

fn context(trace: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(trace.trace_id().to_be_bytes()),
        SpanId::from_bytes(trace.span_id().to_be_bytes()),
        if trace.is_sampled() {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        },
        true,
        TraceState::NONE,
    )
}

fn otlp(export: &Export) -> Option<opentelemetry_otlp::SpanExporter> {
    let (endpoint, headers) = export.otlp("traces")?;
    opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(export.client.clone())
        .with_endpoint(endpoint)
        .with_headers(headers)
        .with_timeout(export.timeout)
        .build()
        .inspect_err(|error| tracing::error!(%error, "traces cannot be exported"))
        .ok()
}

/// An exporter that says when its destination is away.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    watch: Arc<Watch>,
}

impl<E> Watched<E> {
    const fn new(exporter: E, watch: Arc<Watch>) -> Self {
        Self { exporter, watch }
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.exporter.export(batch).await;
        self.watch.note(&sent);
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
