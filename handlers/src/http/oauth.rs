//! What OAuth 2.0 wants of the token functions: forms in, its own errors out (RFC 6749, sections 2.3.1, 3.2 and 5.2).

use super::{Context, Problem, RequestId, address::limited, body, problem, query, write};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use inventory_app::identity::NotSignedIn;
use inventory_domain::account::Secret;
use serde::Serialize;
use std::net::IpAddr;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A form of OAuth: its parameters, once each, and the client that sends it.
pub(crate) struct Form {
    parameters: Vec<(String, String)>,
    /// The client, where it says who it is.
    pub(crate) client: Option<(String, Secret)>,
    /// From where it comes.
    pub(crate) address: Option<IpAddr>,
    /// The request's id.
    pub(crate) request_id: RequestId,
}

/// Why a form is not even read.
pub(crate) enum Unread {
    Problem(Problem),
    Error(OauthError),
}

impl axum::response::IntoResponse for Unread {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Error(error) => error.into_response(),
        }
    }
}

impl From<Problem> for Unread {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl FromRequest<Context> for Form {
    type Rejection = Unread;

    async fn from_request(request: Request, context: &Context) -> Result<Self, Unread> {
        let (mut parts, body) = request.into_parts();
        query::refuse_all(&parts.uri)?;
        check_content_type(&parts.headers)?;
        let bytes = body::arrived(body).await?;
        let (_, request_id) = write::caller(&mut parts);
        let mut form = Self {
            // A parameter without a value counts as omitted.
            parameters: form_urlencoded::parse(&bytes)
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            client: None,
            // Guesses are counted by address only where it is known to be the client's.
            address: context.shared.client_address.named(&parts.headers).map(limited),
            request_id,
        };
        form.read_client(&parts.headers).map_err(Unread::Error)?;
        Ok(form)
    }
}

impl Form {
    /// Takes a parameter out; repeated ones are refused.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<String>, OauthError> {
        let mut found = None;
        let mut rest = Vec::with_capacity(self.parameters.len());
        for (key, value) in std::mem::take(&mut self.parameters) {
            if key != name {
                rest.push((key, value));
            } else if found.replace(value).is_some() {
                return Err(OauthError::new("invalid_request", "a parameter is repeated"));
            }
        }
        self.parameters = rest;
        Ok(found)
    }

    /// Takes out a parameter that must be there.
    pub(crate) fn need(&mut self, name: &'static str) -> Result<String, OauthError> {
        self.take(name)?
            .ok_or_else(|| OauthError::new("invalid_request", format!("{name} is missing")))
    }

    /// The client's name and secret, from `Authorization: Basic` or from the form, never from both.
    fn read_client(&mut self, headers: &HeaderMap) -> Result<(), OauthError> {
        let (name, secret) = (self.take("client_id")?, self.take("client_secret")?);
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let basic = match (values.next(), values.next()) {
            (None, _) => None,
            (Some(value), None) => Some(basic(value).ok_or_else(|| OauthError::client("Authorization must be Basic"))?),
            (Some(_), Some(_)) => return Err(OauthError::new("invalid_request", "Authorization is repeated")),
        };
        // Swagger UI sends an empty name and secret where none were typed in.
        let basic = basic.filter(|(name, secret)| !(name.is_empty() && secret.is_empty()));
        self.client = match (basic, name, secret) {
            (Some(_), _, Some(_)) => {
                return Err(OauthError::new("invalid_request", "the client signs in twice"));
            }
            (Some((name, _)), Some(other), None) if name != other => {
                return Err(OauthError::new("invalid_request", "the client has two names"));
            }
            (Some((name, secret)), _, None) | (None, Some(name), Some(secret)) => Some((name, secret.into())),
            (None, None, Some(_)) => return Err(OauthError::new("invalid_request", "client_id is missing")),
            // A name alone is a public client's, which has nothing to prove.
            (None, _, None) => None,
        };
        Ok(())
    }
}

/// Name and secret of `Basic`, both form-encoded inside (RFC 6749, section 2.3.1).
fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    Some((decoded(name)?, decoded(secret)?))
}

/// Undoes the encoding of a form's value.
fn decoded(text: &str) -> Option<String> {
    // The only separators are those that the encoding itself would have written otherwise.
    let text = text.replace('&', "%26");
    form_urlencoded::parse(format!("v={text}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(Problem::new(
            problem::UNSUPPORTED_MEDIA_TYPE,
            "send application/x-www-form-urlencoded",
        ))
    }
}

/// An error of RFC 6749, section 5.2.
#[derive(Debug, Serialize)]
pub(crate) struct OauthError {
    error: &'static str,
    error_description: String,
    #[serde(skip)]
    status: StatusCode,
    #[serde(skip)]
    retry_after: Option<u16>,
}

impl OauthError {
    pub(crate) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            error,
            error_description: description.into(),
            status: StatusCode::BAD_REQUEST,
            retry_after: None,
        }
    }

    /// The client is not who it says.
    pub(crate) fn client(description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            ..Self::new("invalid_client", description)
        }
    }

    /// Why a client (`is_client`) or a user is not signed in.
    pub(crate) fn not_signed_in(why: NotSignedIn, is_client: bool) -> Unread {
        Unread::Error(match why {
            NotSignedIn::Refused if is_client => Self::client("the client's name or secret is wrong"),
            NotSignedIn::Refused => Self::new("invalid_grant", "the user's name or password is wrong"),
            NotSignedIn::ScopeTooWide => Self::new("invalid_scope", "the account has a smaller role"),
            NotSignedIn::NoKeys => Self::new("unsupported_grant_type", "tokens come from another issuer here"),
            NotSignedIn::Locked { seconds } => Self {
                status: StatusCode::TOO_MANY_REQUESTS,
                retry_after: Some(seconds),
                ..Self::new(
                    "temporarily_unavailable",
                    format!("too many failures: wait {seconds} seconds"),
                )
            },
            NotSignedIn::Error(error) => return Unread::Problem(error.into()),
        })
    }
}

impl axum::response::IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let mut response = unkept(self.status, &self);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"inventory\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An answer that nobody on the way may keep (RFC 6749, section 5.1).
pub(crate) fn unkept<T: Serialize>(status: StatusCode, value: &T) -> Response {
    // Structs of strings and numbers always serialise.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, JSON);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::PRAGMA, NO_CACHE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_encoded_inside() {
        let of = |text: &str| basic(&HeaderValue::try_from(text).unwrap());
        let expected = Some(("shop:1".to_owned(), "a b+c&d".to_owned()));
        let value = format!("Basic {}", STANDARD.encode("shop%3A1:a+b%2Bc&d"));
        assert_eq!(of(&value), expected);
        assert_eq!(of("Basic Og=="), Some((String::new(), String::new())));
        for text in ["Basic", "Basic ???", "Bearer abc", "Basic bm9jb2xvbg==", "Basic /zo="] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
