//! Who asks the service. Credentials come from the environment: a command line is for everybody on the machine to see.

use super::{NoAnswer, Service};
use crate::failure::Failure;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

const TOKEN: &str = "INVENTORY_TOKEN";
const API_KEY: &str = "INVENTORY_API_KEY";
const CLIENT_ID: &str = "INVENTORY_CLIENT_ID";
const CLIENT_SECRET: &str = "INVENTORY_CLIENT_SECRET";

/// Credentials.
pub(crate) enum Access {
    /// None: work without accounts.
    Nobody,
    /// A header with a token or a key.
    Header(HeaderName, HeaderValue),
    /// A client that signs in.
    Client { id: String, secret: String },
}

impl Access {
    /// The credentials in the environment: a token, an API key, or a client's id and secret.
    pub(crate) fn from_env() -> Result<Self, Failure> {
        Self::read(|name| std::env::var(name).ok().filter(|value| !value.trim().is_empty()))
    }

    fn read(value: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let given = [
            value(TOKEN),
            value(API_KEY),
            value(CLIENT_ID).or_else(|| value(CLIENT_SECRET)),
        ];
        if given.iter().flatten().count() > 1 {
            return Err(Failure::Input(format!(
                "set one of {TOKEN}, {API_KEY}, or {CLIENT_ID} with {CLIENT_SECRET}"
            )));
        }
        let header = |name: HeaderName, setting: &str, text: String| {
            let mut value = HeaderValue::try_from(text)
                .map_err(|_| Failure::Input(format!("{setting} holds what no header can hold")))?;
            value.set_sensitive(true);
            Ok(Self::Header(name, value))
        };
        if let Some(token) = value(TOKEN) {
            return header(AUTHORIZATION, TOKEN, format!("Bearer {}", token.trim()));
        }
        if let Some(key) = value(API_KEY) {
            return header(HeaderName::from_static("x-api-key"), API_KEY, key.trim().to_owned());
        }
        match (value(CLIENT_ID), value(CLIENT_SECRET)) {
            (Some(id), Some(secret)) => Ok(Self::Client { id, secret }),
            (None, None) => Ok(Self::Nobody),
            _ => Err(Failure::Input(format!(
                "{CLIENT_ID} and {CLIENT_SECRET} belong together"
            ))),
        }
    }

    /// The headers of a request, after signing in where that is needed.
    pub(super) async fn headers(&self, service: &Service) -> Result<HeaderMap, NoAnswer> {
        let (name, value) = match self {
            Self::Nobody => return Ok(HeaderMap::new()),
            Self::Header(name, value) => (name.clone(), value.clone()),
            Self::Client { id, secret } => (AUTHORIZATION, token(service, id, secret).await?),
        };
        Ok(HeaderMap::from_iter([(name, value)]))
    }
}

/// Signs in as a client (RFC 6749, section 4.4).
async fn token(service: &Service, id: &str, secret: &str) -> Result<HeaderValue, NoAnswer> {
    let request = service
        .request(reqwest::Method::POST, "/token")?
        .basic_auth(id, Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    let answer = service.send(request).await?;
    let token = answer.body["access_token"].as_str();
    let token = token.ok_or_else(|| format!("not signed in: {}", answer.problem()))?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| "not signed in: no token")?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Access, Failure> {
        Access::read(|name| {
            let found = values.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn credentials_are_one_of_three_and_never_shown() {
        assert!(matches!(read(&[]), Ok(Access::Nobody)));
        let Ok(Access::Header(name, value)) = read(&[(TOKEN, "abc")]) else {
            panic!("a token is a header")
        };
        assert_eq!((name, value.to_str().unwrap()), (AUTHORIZATION, "Bearer abc"));
        assert!(value.is_sensitive());
        assert!(matches!(
            read(&[(CLIENT_ID, "shop"), (CLIENT_SECRET, "s")]),
            Ok(Access::Client { .. })
        ));
        for wrong in [
            &[(TOKEN, "hunter2"), (API_KEY, "hunter2")][..],
            &[(CLIENT_ID, "shop")],
            &[(CLIENT_SECRET, "hunter2")],
            &[(TOKEN, "hunter2\n2")],
        ] {
            let message = read(wrong).err().unwrap().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
