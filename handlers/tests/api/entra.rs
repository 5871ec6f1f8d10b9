//! Tokens of another issuer, which publishes its keys as Entra ID does.

use crate::client::Api;
use axum::{Json, Router, routing::get};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use rcgen::KeyPair;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;

/// A key of the issuer.
struct Key {
    kid: &'static str,
    encoding: EncodingKey,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pem = KeyPair::generate().unwrap().serialize_pem();
        Self {
            kid,
            encoding: EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(),
        }
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.encoding, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.kid.to_owned());
        encode(&header, claims, &self.encoding).unwrap()
    }
}

/// An issuer on this machine.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    fetched: Arc<AtomicUsize>,
}

impl Issuer {
    async fn listening() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            keys: Arc::default(),
            fetched: Arc::default(),
        };
        (issuer, listener)
    }

    fn serve(&self, listener: TcpListener) {
        let (url, keys, fetched) = (self.url.clone(), self.keys.clone(), self.fetched.clone());
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(discovery)))
            .route(
                "/keys",
                get(async move || {
                    fetched.fetch_add(1, Ordering::Relaxed);
                    let keys = keys.lock().unwrap().clone();
                    Json(json!({ "keys": keys }))
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    fn publish(&self, keys: &[Value]) {
        *self.keys.lock().unwrap() = keys.to_vec();
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::Relaxed)
    }

    async fn api(&self, settings: &[(&str, &str)]) -> Api {
        let mut all = vec![("ENTRA_ISSUER", self.url.as_str()), ("ENTRA_AUDIENCE", "inventory-api")];
        all.extend_from_slice(settings);
        let api = Api::unstarted(&all);
        api.app.start().await;
        api
    }

    fn claims(&self, roles: &Value) -> Value {
        let now = inventory_app::clock().micros() / 1_000_000;
        json!({
            "iss": self.url, "aud": "inventory-api", "sub": "pairwise", "oid": "0b0b", "roles": roles,
            "iat": now, "nbf": now, "exp": now + 3_600,
        })
    }
}

/// So much later.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn roles_of_the_issuer_are_ours() {
    let (issuer, listener) = Issuer::listening().await;
    issuer.serve(listener);
    let key = Key::new("a");
    // What cannot be understood is left out.
    issuer.publish(&[json!({ "kty": "new" }), key.public()]);
    let api = issuer
        .api(&[("ENTRA_ROLE_MAP", "Inventory.Read=viewer, Inventory.Manage=manager")])
        .await;
    let location = json!({ "name": "W" });
    let make = async |roles: Value| {
        let token = key.sign(&issuer.claims(&roles));
        api.with(&token, Method::POST, "/api/v1/locations", &location).await
    };
    make(json!(["Inventory.Read"])).await.problem(403, "forbidden");
    make(json!(["admin", "Other"])).await.problem(403, "forbidden");
    make(json!([])).await.problem(403, "forbidden");
    make(json!("Inventory.Manage")).await.problem(401, "unauthenticated");
    make(json!(["Inventory.Read", "Inventory.Manage"])).await.expect(201);
    let sql = "SELECT COUNT(*) FROM audit WHERE actor = 'entra:0b0b'";
    assert_eq!(api.app.store().number_raw(sql).await.unwrap(), 1);
    for (name, value) in [
        ("aud", json!("another-api")),
        ("iss", json!("https://login.example")),
        ("exp", json!(1)),
        ("nbf", json!(9_999_999_999_i64)),
    ] {
        let mut claims = issuer.claims(&json!(["Inventory.Manage"]));
        claims[name] = value;
        api.read(&key.sign(&claims), "/api/v1/products")
            .await
            .problem(401, "unauthenticated");
    }
    assert_eq!(issuer.fetched(), 1);
    // Tokens come from there; there is nothing to sign with here.
    let form = "grant_type=password&username=a&password=b";
    api.form("/token", &[], form).await.expect(400);
}

#[tokio::test]
async fn keys_change_and_unknown_ones_are_not_asked_for_at_will() {
    let (issuer, listener) = Issuer::listening().await;
    issuer.serve(listener);
    let (old, new) = (Key::new("old"), Key::new("new"));
    issuer.publish(&[old.public()]);
    let api = issuer.api(&[]).await;
    let token = |key: &Key| key.sign(&issuer.claims(&json!(["viewer"])));
    api.read(&token(&old), "/api/v1/products").await.expect(200);
    issuer.publish(&[new.public(), old.public()]);
    for _ in 0..10 {
        api.read(&token(&new), "/api/v1/products")
            .await
            .problem(401, "unauthenticated");
    }
    assert_eq!(issuer.fetched(), 1, "it was asked a moment ago");
    later(31).await;
    api.read(&token(&new), "/api/v1/products").await.expect(200);
    api.read(&token(&old), "/api/v1/products").await.expect(200);
    assert_eq!(issuer.fetched(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_away_is_asked_again() {
    let (issuer, listener) = Issuer::listening().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let key = Key::new("a");
    issuer.publish(&[key.public()]);
    let api = issuer.api(&[]).await;
    let token = || key.sign(&issuer.claims(&json!(["viewer"])));
    let answer = api.read(&token(), "/api/v1/products").await.problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    issuer.serve(TcpListener::bind(address).await.unwrap());
    later(31).await;
    api.read(&token(), "/api/v1/products").await.expect(200);
    // A day without it is bridged: what is known goes on.
    issuer.publish(&[]);
    later(12 * 3_600).await;
    api.read(&token(), "/api/v1/products").await.expect(200);
}
