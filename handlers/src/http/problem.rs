//! Errors as RFC 9457 problem details: the only form in which this program says no.

use crate::http::RequestId;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use inventory_app::Error;
use inventory_domain::{Conflict, Refusal, Violation};
use serde::Serialize;
use std::borrow::Cow;

/// A kind of problem: a stable word, its status and a title that never changes with the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The word (`not_found`); `/problems/<word>` is the type.
    pub word: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A title for people.
    pub(crate) title: &'static str,
}

/// Declares codes as constants and lists them all.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $status:literal $word:literal, $title:literal;)+) => {
        $($(#[$meta])* pub(crate) const $name: Code = Code { word: $word, status: $status, title: $title };)+
        /// Every code that is not a conflict of the domain.
        pub const CODES: &[Code] = &[$($name),+];
    };
}

codes! {
    /// The body is not JSON, or there is none.
    MALFORMED_JSON = 400 "malformed_json", "The body is not valid JSON";
    /// The signature of a message is missing, wrong or too old.
    BAD_SIGNATURE = 400 "bad_signature", "The signature is not right";
    /// A header's value cannot be read.
    MALFORMED_HEADER = 400 "malformed_header", "A header cannot be read";
    /// The body did not arrive whole.
    INCOMPLETE_BODY = 400 "incomplete_body", "The body did not arrive whole";
    /// An invocation of the host that cannot be read.
    MALFORMED_ENVELOPE = 400 "malformed_envelope", "The invocation cannot be read";
    /// No credentials, or none that are good.
    UNAUTHENTICATED = 401 "unauthenticated", "Who asks is not known";
    /// The caller's role is too small.
    FORBIDDEN = 403 "forbidden", "The role does not allow this";
    /// A function that only the host may invoke.
    HOST_ONLY = 403 "host_only", "Only the Functions host may do this";
    /// Nothing is there.
    NOT_FOUND = 404 "not_found", "There is no such thing";
    /// The path knows other methods.
    METHOD_NOT_ALLOWED = 405 "method_not_allowed", "The method is not allowed here";
    /// The body took too long to arrive.
    BODY_TOO_SLOW = 408 "body_too_slow", "The body did not arrive in time";
    /// A request with the same idempotency key is being worked on.
    IDEMPOTENCY_IN_PROGRESS = 409 "idempotency_in_progress", "The same request is being worked on";
    /// `If-Match` names another version.
    VERSION_MISMATCH = 412 "version_mismatch", "The version is another one";
    /// The body is larger than it may be.
    BODY_TOO_LARGE = 413 "body_too_large", "The body is too large";
    /// Path and query are longer than they may be.
    URI_TOO_LONG = 414 "uri_too_long", "The address is too long";
    /// The body is, by its own word, not what the function takes.
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type", "The body has another media type than is taken here";
    /// A value breaks a rule.
    INVALID = 422 "invalid", "The input is not valid";
    /// The idempotency key was used for another request.
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused", "The idempotency key was used for another request";
    /// An overwrite needs the version it starts from.
    VERSION_REQUIRED = 428 "version_required", "The version is required";
    /// The client asks more often than it may.
    RATE_LIMITED = 429 "rate_limited", "Too many requests in a short time";
    /// A fault of ours.
    INTERNAL = 500 "internal", "Something went wrong";
    /// Something that is needed is away.
    UNAVAILABLE = 503 "unavailable", "A service that is needed is not available";
    /// A part that the settings do not switch on.
    NOT_CONFIGURED = 503 "not_configured", "This part of the program is switched off";
    /// More requests at once than can be served.
    OVERLOADED = 503 "overloaded", "Too many requests at once";
    /// The request took longer than it may.
    TIMED_OUT = 503 "timed_out", "The request took too long";
}

/// The code of a conflict: its own word.
pub(crate) const fn conflict_code(conflict: Conflict) -> Code {
    let title = match conflict {
        Conflict::SkuTaken => "Another product has this SKU",
        Conflict::BarcodeTaken => "Another product has this barcode",
        Conflict::LocationCodeTaken => "Another location has this code",
        Conflict::LocationNameTaken => "Another location has this name",
        Conflict::ProductHasStock => "The product still has stock",
        Conflict::ProductArchived => "The product is archived",
        Conflict::InsufficientStock => "Fewer units are available",
        Conflict::StockLimit => "The location would hold too many units",
        Conflict::OrderState => "The order's status does not allow this",
        Conflict::OrderLineUnits => "The order's line has fewer such units",
        Conflict::PaymentMissing => "The order is not paid",
        Conflict::ReservationState => "The reservation has ended",
        Conflict::TransferState => "The transfer's status does not allow this",
        Conflict::AlertCleared => "The alert is cleared",
        Conflict::AccountNameTaken => "Another account has this name",
        Conflict::ApiKeyNameTaken => "Another API key has this name",
        Conflict::ReceiverNameTaken => "Another webhook or channel has this name",
        Conflict::ReceiverLimit => "There are too many webhooks and channels",
        Conflict::ReceiverDisabled => "The webhook or channel is switched off",
        Conflict::EventGone => "The event is no longer kept",
        Conflict::AlreadyReplayed => "The message was replayed before",
        Conflict::NotReplayable => "The message cannot be replayed",
        Conflict::ExportNotDone => "The export has no file yet",
        Conflict::SupplierCodeTaken => "Another supplier has this code",
        Conflict::SupplierDisabled => "Nothing is ordered from this supplier",
        Conflict::ProductNotReordered => "The product is not ordered any more",
        Conflict::PurchaseState => "The purchase order's status does not allow this",
        Conflict::OverReceipt => "More units came than are outstanding",
        Conflict::NotSuggested => "Nothing is to be ordered",
        Conflict::CountState => "The count's status does not allow this",
    };
    Code {
        word: conflict.as_str(),
        status: 409,
        title,
    }
}

/// A problem on its way to the caller. The edge adds what it alone knows (instance, request id) and writes it.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<Violation>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// The input is refused for these reasons.
    pub(crate) fn invalid(errors: Vec<Violation>) -> Self {
        let detail = match errors.as_slice() {
            [one] => Cow::Owned(format!("{}: {}", one.pointer, one.detail)),
            _ => Cow::Borrowed("several values are not valid; see errors"),
        };
        let mut problem = Self::new(INVALID, detail);
        problem.0.errors = errors;
        problem
    }

    pub(crate) fn retry_after(self, seconds: u16) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// A header that goes with the problem.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// Writes the problem over `response`, keeping the headers it has (`Allow`).
    pub(crate) fn write(self, headers: HeaderMap, path: &str, request_id: &RequestId) -> Response {
        let inner = *self.0;
        let document = ProblemDocument {
            r#type: format!("/problems/{}", inner.code.word),
            title: inner.code.title.to_owned(),
            status: inner.code.status,
            detail: inner.detail.into_owned(),
            instance: path.to_owned(),
            code: inner.code.word.to_owned(),
            errors: inner.errors,
            request_id: request_id.as_str().to_owned(),
        };
        // A struct of strings and numbers always serialises.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status(inner.code);
        *response.headers_mut() = headers;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.remove(header::CONTENT_LENGTH);
        headers.extend(inner.headers);
        response
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A problem as it is sent (RFC 9457).
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// A stable URI reference for this kind of problem.
    pub(crate) r#type: String,
    /// What this kind of problem is, the same each time.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong this time.
    pub(crate) detail: String,
    /// The path that was asked for.
    pub(crate) instance: String,
    /// A stable word for programs; the last part of the type.
    pub(crate) code: String,
    /// Each value that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<Violation>,
    /// The request's id, as in the header `X-Request-Id`: name it when asking for help.
    pub(crate) request_id: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.0.code);
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound { .. } => Self::new(NOT_FOUND, refusal.to_string()),
            Refusal::Invalid(errors) => Self::invalid(errors),
            Refusal::Conflict { conflict, detail } => Self::new(conflict_code(conflict), detail),
            Refusal::VersionMismatch { .. } => Self::new(VERSION_MISMATCH, refusal.to_string()),
            Refusal::VersionRequired => Self::new(
                VERSION_REQUIRED,
                "an absolute quantity undoes what others did since you read it: send If-Match with the ETag you read",
            ),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::IdempotencyInUse => Self::new(IDEMPOTENCY_IN_PROGRESS, error.to_string()).retry_after(1),
            Error::IdempotencyMismatch => Self::new(IDEMPOTENCY_KEY_REUSED, error.to_string()),
            Error::NotConfigured(_) => Self::new(NOT_CONFIGURED, error.to_string()),
            Error::Unavailable => Self::new(UNAVAILABLE, error.to_string()).retry_after(2),
            Error::Internal => Self::new(INTERNAL, "the fault is ours and has been logged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_used_once() {
        let mut words: Vec<_> = CODES.iter().map(|code| code.word).collect();
        words.extend(Conflict::ALL.iter().map(|conflict| conflict_code(*conflict).word));
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }

    #[test]
    fn every_error_has_its_status() {
        for (error, status, word) in [
            (Error::Refused(Refusal::not_found("product", 1)), 404, "not_found"),
            (
                Error::Refused(Refusal::VersionMismatch { current: 2 }),
                412,
                "version_mismatch",
            ),
            (Error::Refused(Refusal::VersionRequired), 428, "version_required"),
            (
                Error::Refused(Refusal::conflict(Conflict::SkuTaken, "…")),
                409,
                "sku_taken",
            ),
            (Error::Refused(Refusal::invalid("/a", "b", "c")), 422, "invalid"),
            (Error::IdempotencyInUse, 409, "idempotency_in_progress"),
            (Error::IdempotencyMismatch, 422, "idempotency_key_reused"),
            (Error::NotConfigured("x"), 503, "not_configured"),
            (Error::Unavailable, 503, "unavailable"),
            (Error::Internal, 500, "internal"),
        ] {
            let code = Problem::from(error).code();
            assert_eq!((code.status, code.word), (status, word));
        }
    }
}
