//! Who asks, and whether they may: the one place for it.

use super::{Context, Problem, problem};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use inventory_app::{
    Identity,
    identity::{Credentials, Denied},
};
use inventory_domain::Role;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const RETRY_AFTER_SECONDS: u16 = 2;

/// Names the caller. Every request passes here before its handler runs; [`crate::Operation::role`] says what the caller must
/// be. A program's own part (a timer, a queue) acts under its function's name.
pub(crate) async fn identify(context: &Context, headers: &HeaderMap) -> Result<Identity, Problem> {
    let operation = context.operation;
    if !operation.trigger.is_http() {
        return Ok(Identity::program(operation.name));
    }
    if operation.role == Role::Public {
        return Ok(Identity::anonymous(Role::Public));
    }
    let app = context.app();
    let credentials = if app.identity().is_open() {
        Credentials::None
    } else {
        credentials(headers)?
    };
    if operation.is_scraped() && app.identity().is_scraper(credentials) {
        return Ok(Identity::anonymous(operation.role));
    }
    let identity = app.identity().authenticate(app, credentials).await.map_err(denied)?;
    if identity.may(operation.role) {
        return Ok(identity);
    }
    let detail = format!("this takes the role {}; yours is {}", operation.role, identity.role());
    // RFC 6750, section 3.1.
    let challenge = format!(
        "Bearer realm=\"inventory\", error=\"insufficient_scope\", scope=\"{}\"",
        operation.role
    );
    let problem = Problem::new(problem::FORBIDDEN, detail);
    Err(match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    })
}

/// The credentials of a request: one token in `Authorization`, or one key in `X-API-Key`. Two are one too many, since two
/// readers could choose differently.
fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, Problem> {
    let mut tokens = headers.get_all(header::AUTHORIZATION).iter();
    let mut keys = headers.get_all(X_API_KEY).iter();
    let found = (tokens.next(), keys.next());
    if tokens.next().is_some() || keys.next().is_some() || matches!(found, (Some(_), Some(_))) {
        let challenge = HeaderValue::from_static("Bearer realm=\"inventory\", error=\"invalid_request\"");
        let detail = "send one token in Authorization or one key in X-API-Key";
        return Err(Problem::new(problem::MALFORMED_HEADER, detail).header(header::WWW_AUTHENTICATE, challenge));
    }
    match found {
        (Some(value), _) => {
            let token = value.to_str().ok().and_then(bearer);
            let what = "Authorization must be Bearer with a token";
            token
                .map(Credentials::Bearer)
                .ok_or_else(|| denied(Denied::Invalid(what)))
        }
        (None, Some(value)) => Ok(Credentials::ApiKey(value.to_str().unwrap_or_default())),
        (None, None) => Ok(Credentials::None),
    }
}

/// The token in `Bearer TOKEN`; the scheme's case is free (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn denied(denied: Denied) -> Problem {
    let (detail, challenge) = match denied {
        // RFC 6750, section 3.1: no error code for who did not know that a token is needed.
        Denied::Missing => (
            "this takes a token (Authorization: Bearer …) or an API key (X-API-Key)",
            "Bearer realm=\"inventory\"",
        ),
        Denied::Invalid(detail) => (detail, "Bearer realm=\"inventory\", error=\"invalid_token\""),
        Denied::Unavailable => {
            let detail = "who you are cannot be found out just now";
            return Problem::new(problem::UNAVAILABLE, detail).retry_after(RETRY_AFTER_SECONDS);
        }
    };
    let challenge = HeaderValue::from_static(challenge);
    Problem::new(problem::UNAUTHENTICATED, detail).header(header::WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_behind_its_scheme() {
        for (given, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer abc", Some("abc")),
            ("BEARER  abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic abc", None),
            ("Bearerabc", None),
            ("", None),
        ] {
            assert_eq!(bearer(given), expected, "{given}");
        }
    }
}
