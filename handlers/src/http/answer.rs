//! Answers: JSON straight from the domain's structs.

use super::{Listing, Problem, csv, problem, secret::Once};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use inventory_app::{Reply, Work};
use serde::Serialize;
use serde_json::{Map, Value};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
/// Bytes that most single resources fit in, to serialise without growing.
const BODY_BYTES_USUAL: usize = 512;

/// What a handler returns.
pub(crate) type Answer = Result<Response, Stop>;

/// Why a handler ends before its work is done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something is wrong.
    Problem(Problem),
    /// It was done before; this was the reply.
    Replay(Box<Reply>),
}

impl<P: Into<Problem>> From<P> for Stop {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Replay(reply) => {
                let mut response = written(*reply);
                let replayed = HeaderValue::from_static("true");
                response.headers_mut().insert(IDEMPOTENCY_REPLAYED, replayed);
                response
            }
        }
    }
}

/// The entity tag of a version.
pub(crate) fn etag(version: i64) -> HeaderValue {
    // Digits and quotes are always a header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// 200 with `value` as JSON.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Answer {
    json_of_about(BODY_BYTES_USUAL, value)
}

/// As [`json`], for a body of about so many bytes.
fn json_of_about<T: Serialize + ?Sized>(bytes: usize, value: &T) -> Answer {
    let mut body = Vec::with_capacity(bytes);
    serde_json::to_writer(&mut body, value).map_err(|error| not_written(&error))?;
    Ok(with_body(StatusCode::OK, body.into()))
}

/// 200 with a page of a list, its `Link` and, where it was counted, its total.
pub(crate) fn listed<T: Serialize>(listing: &Listing, items: &[T], total: Option<i64>) -> Answer {
    let mut response = match &listing.columns {
        None => json_of_about(BODY_BYTES_USUAL * items.len().max(1), items)?,
        Some(columns) if listing.is_csv => {
            let lines = csv::lines(columns, items).map_err(|error| not_written(&error))?;
            let mut response = with_body(StatusCode::OK, lines.into());
            let media_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            response
        }
        Some(columns) => json(&sparse(columns, items).map_err(|error| not_written(&error))?)?,
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Some(total) = total {
        headers.insert(X_TOTAL_COUNT, HeaderValue::from(total));
    }
    if let Some(link) = listing.next(items) {
        headers.insert(header::LINK, link);
    }
    Ok(response)
}

/// These members of all items. A member that an item does not have is not there.
fn sparse<T: Serialize>(columns: &[String], items: &[T]) -> Result<Vec<Map<String, Value>>, serde_json::Error> {
    items
        .iter()
        .map(|item| {
            let mut members = csv::members(item)?;
            members.retain(|name, _| columns.contains(name));
            Ok(members)
        })
        .collect()
}

/// Commits `work`, keeping the answer with its idempotency key, and answers.
pub(crate) async fn commit<T: Serialize>(
    work: Work,
    code: StatusCode,
    location: Option<String>,
    version: i64,
    value: &T,
) -> Answer {
    reply(work, code, location, Some(version), value).await
}

/// As [`commit`], for what has no version.
pub(crate) async fn commit_unversioned<T: Serialize>(work: Work, code: StatusCode, value: &T) -> Answer {
    reply(work, code, None, None, value).await
}

async fn reply<T: Serialize>(
    work: Work,
    code: StatusCode,
    location: Option<String>,
    version: Option<i64>,
    value: &T,
) -> Answer {
    let reply = Reply {
        code: code.as_u16(),
        location,
        version,
        body: serde_json::to_string(value).map_err(|error| not_written(&error))?,
    };
    Ok(written(work.commit(reply).await?))
}

/// As [`commit`], for an answer with a secret: what is kept with the idempotency key has none, and nobody on the way may keep
/// the answer.
pub(crate) async fn commit_once<T: Once>(
    work: Work,
    code: StatusCode,
    location: Option<String>,
    version: i64,
    value: &T,
) -> Answer {
    let body = serde_json::to_vec(value).map_err(|error| not_written(&error))?;
    let mut response = commit(work, code, location, version, &value.without_secret()).await?;
    *response.body_mut() = Body::from(body);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn written(reply: Reply) -> Response {
    let code = StatusCode::from_u16(reply.code).unwrap_or(StatusCode::OK);
    let mut response = with_body(code, reply.body.into());
    if let Some(version) = reply.version {
        response.headers_mut().insert(header::ETAG, etag(version));
    }
    if let Some(location) = reply.location.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn with_body(code: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn not_written(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "an answer cannot be written");
    Problem::new(problem::INTERNAL, "the fault is ours and has been logged")
}
