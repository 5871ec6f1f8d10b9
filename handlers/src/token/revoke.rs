//! `token_revoke`

use crate::http::{
    Context,
    document::Document,
    oauth::{Form, OauthError, Unread, unkept},
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use inventory_app::identity::{Revocation, SignIn, revoke, sign_in};
use inventory_domain::account::AccountKind;
use serde_json::json;

pub(crate) async fn handle(State(context): State<Context>, form: Result<Form, Unread>) -> Result<Response, Unread> {
    let app = context.app();
    let mut form = form?;
    let token = form.need("token").map_err(Unread::Error)?;
    let client = match form.client.take() {
        Some((name, secret)) => {
            let who = SignIn {
                kind: AccountKind::Client,
                name,
                secret,
                address: form.address,
            };
            Some(
                sign_in(app, who)
                    .await
                    .map_err(|why| OauthError::not_signed_in(why, true))?,
            )
        }
        None => None,
    };
    let done = revoke(app, &token, client.as_ref(), form.request_id.as_str()).await;
    match done.map_err(|error| Unread::Problem(error.into()))? {
        Revocation::Done => Ok(unkept(StatusCode::OK, &json!({}))),
        Revocation::NeedsClient => Err(Unread::Error(OauthError::client("the token's client must sign in"))),
        Revocation::NotYours => Err(Unread::Error(OauthError::new(
            "invalid_grant",
            "the token is another client's",
        ))),
    }
}

pub(crate) fn document() -> Document {
    Document::new(
        "Makes a token void before it expires (RFC 7009); seconds later it is refused everywhere. A client's token takes that \
         client's name and secret; a user's takes nothing but the token. A token that is no good anyway is no error.",
    )
    .form(json!({ "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl" }))
    .other(200, "It is void.", "application/json", json!({}))
    .oauth_errors()
}
