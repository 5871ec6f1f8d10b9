//! `token_keys`

use crate::http::{Answer, Context, Query, document::Document, json};
use axum::extract::State;
use http::{HeaderValue, header};
use serde_json::json;

/// Others need not ask more often: a new key is there before it signs for as long as both are set.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(crate) async fn handle(State(context): State<Context>, query: Query) -> Answer {
    query.finish()?;
    let mut response = json(&context.app().identity().public_keys())?;
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE_CONTROL);
    Ok(response)
}

pub(crate) fn document() -> Document {
    Document::new(
        "Public keys of the tokens that this API gives (RFC 7517). None where tokens are signed with a shared secret.",
    )
    .other(
        200,
        "The keys.",
        "application/json",
        json!({ "keys": [{
                "use": "sig", "alg": "ES256", "kid": "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
                "kty": "EC", "crv": "P-256",
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            }] }),
    )
}
