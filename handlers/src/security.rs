//! How the API document says who may do what.

use inventory_domain::Role;
use std::collections::BTreeMap;
use utoipa::openapi::{
    RefOr,
    security::{
        ApiKey, ApiKeyValue, ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes,
        SecurityRequirement, SecurityScheme,
    },
};

const OAUTH2: &str = "oauth2";
const BEARER: &str = "bearer";
const API_KEY: &str = "api_key";
/// Where tokens come from, beside this document.
const TOKEN_URL: &str = "/token";

/// The ways to say who one is.
pub(crate) fn schemes() -> BTreeMap<String, RefOr<SecurityScheme>> {
    let scopes = || {
        let roles = Role::ALL.iter().map(|role| role.as_str());
        roles
            .skip(1)
            .map(|role| (role, "Act in this role."))
            .collect::<Scopes>()
    };
    let oauth2 = OAuth2::new([
        Flow::ClientCredentials(ClientCredentials::new(TOKEN_URL, scopes())),
        Flow::Password(Password::new(TOKEN_URL, scopes())),
    ]);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of this API or of Entra ID."))
        .build();
    let key = ApiKeyValue::with_description("X-API-Key", "A key that an admin has made.");
    [
        (OAUTH2, SecurityScheme::OAuth2(oauth2)),
        (BEARER, SecurityScheme::Http(bearer)),
        (API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key))),
    ]
    .map(|(name, scheme)| (name.to_owned(), RefOr::T(scheme)))
    .into()
}

/// What an operation takes: any one of them, with this role.
pub(crate) fn of(role: Role) -> [SecurityRequirement; 3] {
    [
        SecurityRequirement::new(OAUTH2, [role.as_str()]),
        SecurityRequirement::new::<_, _, String>(BEARER, []),
        SecurityRequirement::new::<_, _, String>(API_KEY, []),
    ]
}
