//! What goes on just now, for logs and traces: a request or an invocation, from the edge on. Nothing of it is written down before
//! a line is logged or a span recorded.

use super::{Context, Identity, RequestId, request_id::INVOCATION_ID};
use crate::Trigger;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use inventory_app::{
    TraceParent,
    telemetry::{Span, SpanKind},
};
use std::{
    cell::{OnceCell, RefCell},
    fmt::Display,
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static ACTIVITY: Activity;
}

/// What goes on.
pub(crate) struct Activity {
    function: &'static str,
    request_id: RequestId,
    invocation_id: Option<HeaderValue>,
    identity: OnceCell<Identity>,
    span: RefCell<Span>,
}

impl Activity {
    /// What begins with a request.
    pub(crate) fn begin(context: &Context, method: &Method, headers: &HeaderMap, request_id: RequestId) -> Self {
        let invocation_id = headers.get(INVOCATION_ID).cloned();
        let mut span = span(context, method, traceparent(headers));
        if span.is_recorded() {
            span.set("faas.name", context.operation.name);
            span.set("inventory.request_id", request_id.as_str().to_owned());
            if let Some(id) = invocation_id.as_ref().and_then(|id| id.to_str().ok()) {
                span.set("faas.invocation_id", id.to_owned());
            }
        }
        Self {
            function: context.operation.name,
            request_id,
            invocation_id,
            identity: OnceCell::new(),
            span: RefCell::new(span),
        }
    }

    /// Does the work as this activity.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        ACTIVITY.scope(self, work)
    }
}

/// A span for what is worth one: signs of life and documents are asked for all the time.
fn span(context: &Context, method: &Method, parent: Option<TraceParent>) -> Span {
    let traces = context.app().traces();
    let operation = context.operation;
    if !traces.is_on() || !operation.needs_app() {
        return Span::unrecorded(parent);
    }
    match operation.trigger {
        Trigger::Http { .. } => {
            let route = operation.path();
            let mut span = traces.start(SpanKind::Server, format!("{method} {route}"), parent, None);
            span.set("http.request.method", method.as_str().to_owned());
            span.set("http.route", route);
            span
        }
        Trigger::Queue(queue) => {
            let mut span = traces.start(SpanKind::Consumer, operation.name, parent, None);
            span.set("messaging.system", "servicebus");
            span.set("messaging.operation.type", "process");
            span.set("messaging.destination.name", queue);
            span
        }
        Trigger::Timer(_) => {
            let mut span = traces.start(SpanKind::Server, operation.name, parent, None);
            span.set("faas.trigger", "timer");
            span
        }
    }
}

/// The caller's place in a trace. Two are none, and what cannot be read is none either: then a new trace begins.
fn traceparent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut all = headers.get_all(TRACEPARENT).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

/// It is known who asks.
pub(crate) fn identified(identity: &Identity) {
    // Only a request that did not pass the edge has no activity; here and below it then needs nothing.
    let _ = ACTIVITY.try_with(|activity| {
        if let Some(principal) = identity.principal() {
            activity.span.borrow_mut().set_with("user.id", || principal.to_owned());
            let _ = activity.identity.set(identity.clone());
        }
    });
}

/// The place in the trace, for what comes of the work.
pub(crate) fn trace() -> Option<TraceParent> {
    ACTIVITY
        .try_with(|activity| activity.span.borrow().trace())
        .ok()
        .flatten()
}

/// Tells something of the work to its span.
pub(crate) fn tell(tell: impl FnOnce(&mut Span)) {
    let _ = ACTIVITY.try_with(|activity| tell(&mut activity.span.borrow_mut()));
}

/// What is known of the work, for a line of the log.
pub fn log_context(tell: &mut dyn FnMut(&'static str, &dyn Display)) {
    let _ = ACTIVITY.try_with(|activity| {
        tell("request_id", &activity.request_id.as_str());
        if let Some(id) = activity.invocation_id.as_ref().and_then(|id| id.to_str().ok()) {
            tell("invocation_id", &id);
        }
        tell("function", &activity.function);
        if let Some(principal) = activity.identity.get().and_then(Identity::principal) {
            tell("principal", &principal);
        }
        // A line may be logged while something is told to the span.
        if let Some(trace) = activity.span.try_borrow().ok().and_then(|span| span.trace()) {
            tell("trace_id", &format_args!("{:032x}", trace.trace_id()));
            tell("span_id", &format_args!("{:016x}", trace.span_id()));
        }
    });
}
