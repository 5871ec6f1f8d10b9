//! `token_create`

use crate::{
    examples,
    http::{
        Context,
        document::Document,
        oauth::{Form, OauthError, Unread, unkept},
    },
};
use axum::{extract::State, response::Response};
use http::StatusCode;
use inventory_app::identity::{SignIn, issue, sign_in};
use inventory_domain::{Role, account::AccountKind};
use serde_json::json;

pub(crate) async fn handle(State(context): State<Context>, form: Result<Form, Unread>) -> Result<Response, Unread> {
    let app = context.app();
    let mut form = form?;
    let grant = form.need("grant_type").map_err(Unread::Error)?;
    let scope = form
        .take("scope")
        .and_then(|text| role(text.as_deref()))
        .map_err(Unread::Error)?;
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
    let signed_in = match grant.as_str() {
        "client_credentials" => client.ok_or_else(|| Unread::Error(OauthError::client("the client must sign in")))?,
        "password" => {
            let name = form.need("username").map_err(Unread::Error)?;
            let secret = form.need("password").map_err(Unread::Error)?.into();
            let who = SignIn {
                kind: AccountKind::User,
                name,
                secret,
                address: form.address,
            };
            sign_in(app, who)
                .await
                .map_err(|why| OauthError::not_signed_in(why, false))?
        }
        _ => {
            let description = "grant_type must be client_credentials or password";
            return Err(Unread::Error(OauthError::new("unsupported_grant_type", description)));
        }
    };
    let issued = issue(app, &signed_in, scope).map_err(|why| OauthError::not_signed_in(why, true))?;
    Ok(unkept(StatusCode::OK, &issued))
}

/// The widest of the roles that a scope names; none: what the account has.
fn role(scope: Option<&str>) -> Result<Option<Role>, OauthError> {
    let Some(scope) = scope else { return Ok(None) };
    let unknown = || OauthError::new("invalid_scope", "scope must be one of viewer, clerk, manager, admin");
    let roles: Option<Vec<_>> = scope.split_ascii_whitespace().map(Role::grantable).collect();
    let widest = roles.ok_or_else(unknown)?.into_iter().max();
    widest.map(Some).ok_or_else(unknown)
}

pub(crate) fn document() -> Document {
    Document::new(
        "Gives a token for a client's secret (`client_credentials`, with `Authorization: Basic` or `client_id` and \
         `client_secret`) or a user's password (`password`). `scope` asks for a smaller role than the account has. Errors are \
         those of OAuth 2.0 (RFC 6749, section 5.2). After some failures the next attempt must wait (429).",
    )
    .form(json!({ "grant_type": "password", "username": "mary", "password": "correct horse battery staple", "scope": "viewer" }))
    .other(200, "The token.", "application/json", examples::token())
    .oauth_errors()
}
