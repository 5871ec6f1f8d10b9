//! The request of a write: who asks, what for, from which version, and under which idempotency key.

use super::{
    Answer, Asker, Context, Identity, Input, Problem, RequestId, Stop, activity, answer, body, idempotency, input,
    preconditions, query, secret::Once,
};
use axum::extract::{FromRequest, Request};
use http::StatusCode;
use inventory_app::{App, Begun, Call, Caller, Idempotency, Work};
use serde::Serialize;

/// A request to write something.
pub(crate) struct Write<T> {
    app: App,
    call: Call,
    /// The version that the caller starts from (`If-Match`).
    pub(crate) version: Option<i64>,
    /// Who asks.
    pub(crate) asker: Asker,
    /// What it asks for.
    pub(crate) input: T,
}

impl<T: Input> FromRequest<Context> for Write<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        query::refuse_all(&parts.uri)?;
        let version = preconditions::if_match(&parts.headers)?;
        let bytes = body::arrived(body).await?;
        let input = input::json(&parts.headers, &bytes)?;
        let idempotency = idempotency::read(&parts.method, parts.uri.path(), &parts.headers, &bytes)?;
        Ok(Self::new(&mut parts, context, version, idempotency, input))
    }
}

/// What the edge has found out about the caller.
pub(crate) fn caller(parts: &mut http::request::Parts) -> (Identity, RequestId) {
    parts.extensions.remove().unwrap_or_else(|| {
        // Only a request that did not pass the edge has none.
        (Identity::program("unknown"), RequestId::of(&parts.headers))
    })
}

/// The caller as the audit trail names it.
pub(crate) fn asking(parts: &mut http::request::Parts, context: &Context) -> Caller {
    let (identity, request_id) = caller(parts);
    let address = context.shared.client_address.of(&parts.headers);
    Caller::new(identity.actor(), request_id.as_str())
        .at(address)
        .within(activity::trace())
}

impl<T> Write<T> {
    /// What was asked for with such input.
    pub(super) fn new(
        parts: &mut http::request::Parts,
        context: &Context,
        version: Option<i64>,
        idempotency: Option<Idempotency>,
        input: T,
    ) -> Self {
        let asker = Asker::of(parts);
        let Caller {
            actor,
            request_id,
            address,
            trace,
        } = asking(parts, context);
        Self {
            app: context.app().clone(),
            call: Call {
                operation: context.operation.name,
                actor,
                request_id,
                address,
                trace,
                idempotency,
            },
            version,
            asker,
            input,
        }
    }

    /// The input by itself, for what is to be done with it before the work begins.
    pub(crate) fn take(self) -> (Write<()>, T) {
        let Self {
            app,
            call,
            version,
            asker,
            input,
        } = self;
        let rest = Write {
            app,
            call,
            version,
            asker,
            input: (),
        };
        (rest, input)
    }

    /// Begins the work. Stops where it was done before under the same idempotency key.
    pub(crate) async fn begin(self) -> Result<(Work, T), Stop> {
        match self.app.begin(self.call).await? {
            Begun::Work(work) => Ok((work, self.input)),
            Begun::Replay(reply) => Err(Stop::Replay(Box::new(reply))),
        }
    }
}

/// Commits and answers 200 with the thing as it is now.
pub(crate) async fn changed<T: Serialize>(work: Work, version: i64, value: &T) -> Answer {
    answer::commit(work, StatusCode::OK, None, version, value).await
}

/// Commits and answers 200 with what was done, where it is not one thing with a version.
pub(crate) async fn done<T: Serialize>(work: Work, value: &T) -> Answer {
    answer::commit_unversioned(work, StatusCode::OK, value).await
}

/// Commits and answers 201 with the new thing and where it is.
pub(crate) async fn created<T: Serialize>(work: Work, location: String, version: i64, value: &T) -> Answer {
    answer::commit(work, StatusCode::CREATED, Some(location), version, value).await
}

/// Commits and answers 201 with the new thing and its secret, which is kept nowhere.
pub(crate) async fn created_secret<T: Once>(work: Work, location: String, version: i64, value: &T) -> Answer {
    answer::commit_once(work, StatusCode::CREATED, Some(location), version, value).await
}

/// Commits and answers 200 with the thing and its new secret, which is kept nowhere.
pub(crate) async fn changed_secret<T: Once>(work: Work, version: i64, value: &T) -> Answer {
    answer::commit_once(work, StatusCode::OK, None, version, value).await
}

/// Commits and answers 202 with the thing that is being worked on and where it can be watched.
pub(crate) async fn accepted<T: Serialize>(work: Work, location: String, version: i64, value: &T) -> Answer {
    answer::commit(work, StatusCode::ACCEPTED, Some(location), version, value).await
}

/// Commits and answers 202 with what is on its way; it has no version.
pub(crate) async fn taken<T: Serialize>(work: Work, value: &T) -> Answer {
    answer::commit_unversioned(work, StatusCode::ACCEPTED, value).await
}
