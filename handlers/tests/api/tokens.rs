//! Tokens that are not what they seem, and what each role may do.

use crate::{accounts::SHARED_KEY, client::Api};
use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use inventory_domain::Role;
use inventory_handlers::{OPERATIONS, Trigger};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

/// A private RSA key in PEM, with the public one.
fn rsa() -> (String, String) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    (key.serialize_pem(), key.public_key_pem())
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// A token of these texts, signed.
fn signed(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// `value` with this member; `null` takes it out.
fn with(value: &Value, name: &str, member: Value) -> Value {
    let mut value = value.clone();
    if member.is_null() {
        value.as_object_mut().unwrap().remove(name);
    } else {
        value[name] = member;
    }
    value
}

#[tokio::test]
async fn tokens_that_are_not_what_they_seem_are_refused() {
    let (pem, public_pem) = rsa();
    let other_pem = rsa().0;
    let ec_pem = KeyPair::generate().unwrap().serialize_pem();
    let api = Api::with_accounts(&[("JWT_KEYS", &format!("{pem}{ec_pem}"))]).await;
    let good = api.token_of(Role::Admin).await;
    let (header, claims) = (part(&good, 0), part(&good, 1));
    let keys = api.get("/.well-known/jwks.json").await.expect(200).body();
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);
    assert!(
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key.get("d").is_none()),
        "{keys}"
    );

    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let rs256 =
        |header: &Value, claims: &Value| signed(&header.to_string(), &claims.to_string(), &key, Algorithm::RS256);
    let claiming = |name: &str, member: Value| rs256(&header, &with(&claims, name, member));
    let headed = |name: &str, member: Value| rs256(&with(&header, name, member), &claims);
    let hs256 = |secret: &[u8]| {
        let header = with(&header, "alg", json!("HS256"));
        signed(
            &header.to_string(),
            &claims.to_string(),
            &EncodingKey::from_secret(secret),
            Algorithm::HS256,
        )
    };
    let unsigned = |alg: &str| {
        format!(
            "{}.{}.",
            encode(with(&header, "alg", json!(alg)).to_string()),
            encode(claims.to_string())
        )
    };
    let text = |claims: &str| signed(&header.to_string(), claims, &key, Algorithm::RS256);
    let ec = EncodingKey::from_ec_pem(ec_pem.as_bytes()).unwrap();
    let es256_header = with(&header, "alg", json!("ES256"));
    let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    let body = |token: &str| token.rsplit_once('.').unwrap().0.to_owned();
    let now = claims["iat"].as_i64().unwrap();
    let jwk = keys["keys"][1].clone();

    let hostile = [
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("alg nOnE", unsigned("nOnE")),
        ("alg empty", unsigned("")),
        (
            "alg none with a signature",
            format!("{}{}", unsigned("none"), signature(&good)),
        ),
        ("HS256 with the public key's PEM", hs256(public_pem.as_bytes())),
        (
            "HS256 with the public key's PEM, trimmed",
            hs256(public_pem.trim().as_bytes()),
        ),
        (
            "HS256 with the modulus",
            hs256(keys["keys"][0]["n"].as_str().unwrap().as_bytes()),
        ),
        ("HS256 with an empty key", hs256(b"")),
        (
            "ES256 by a good key under another's name",
            signed(&es256_header.to_string(), &claims.to_string(), &ec, Algorithm::ES256),
        ),
        ("ES256 said, RS256 signed", rs256(&es256_header, &claims)),
        ("RS512", headed("alg", json!("RS512"))),
        ("another audience", claiming("aud", json!("elsewhere"))),
        ("several audiences", claiming("aud", json!(["inventory", "elsewhere"]))),
        ("no audience", claiming("aud", Value::Null)),
        ("another issuer", claiming("iss", json!("https://evil.example"))),
        ("several issuers", claiming("iss", json!(["inventory", "evil"]))),
        ("no issuer", claiming("iss", Value::Null)),
        ("expired", claiming("exp", json!(now - 3_600))),
        ("not good yet", claiming("nbf", json!(now + 3_600))),
        ("issued in the future", claiming("iat", json!(now + 3_600))),
        ("exp missing", claiming("exp", Value::Null)),
        ("exp a fraction", claiming("exp", json!(now as f64 + 900.5))),
        ("exp negative", claiming("exp", json!(-1))),
        ("exp a text", claiming("exp", json!("2099-01-01"))),
        (
            "exp beyond all numbers",
            text(&claims.to_string().replace(&claims["exp"].to_string(), "1e999")),
        ),
        ("sub missing", claiming("sub", Value::Null)),
        ("sub empty", claiming("sub", json!(""))),
        ("role unknown", claiming("role", json!("root"))),
        ("role a list", claiming("role", json!(["admin"]))),
        ("role public", claiming("role", json!("public"))),
        ("role missing", claiming("role", Value::Null)),
        ("an account that is not there", claiming("account", json!(i64::MAX))),
        ("an account that is none", claiming("account", json!("1 OR 1=1"))),
        ("another generation", claiming("generation", json!(2))),
        ("jti no id", claiming("jti", json!("x"))),
        (
            "claims twice",
            text(&claims.to_string().replacen('{', "{\"role\":\"admin\",", 1)),
        ),
        ("claims no object", text("[]")),
        ("claims no JSON", text("admin")),
        ("claims empty", text("")),
        (
            "an algorithm twice",
            signed(
                &header.to_string().replacen('{', "{\"alg\":\"none\",", 1),
                &claims.to_string(),
                &key,
                Algorithm::RS256,
            ),
        ),
        ("kid unknown", headed("kid", json!("unknown"))),
        ("kid a path", headed("kid", json!("../../../../dev/null"))),
        ("kid SQL", headed("kid", json!("x' UNION SELECT 'key' --"))),
        ("kid a number", headed("kid", json!(1))),
        ("kid empty", headed("kid", json!(""))),
        ("kid missing", headed("kid", Value::Null)),
        ("crit", headed("crit", json!(["exp"]))),
        (
            "crit null",
            signed(
                &header.to_string().replacen('{', "{\"crit\":null,", 1),
                &claims.to_string(),
                &key,
                Algorithm::RS256,
            ),
        ),
        ("crit empty", headed("crit", json!([]))),
        ("its own key with it", {
            let header = with(&with(&header, "jwk", jwk), "kid", json!("mine"));
            rs256(&header, &claims)
        }),
        (
            "its keys elsewhere",
            rs256(
                &with(
                    &with(&header, "jku", json!("http://127.0.0.1:9/keys")),
                    "kid",
                    json!("x"),
                ),
                &claims,
            ),
        ),
        (
            "its certificate elsewhere",
            rs256(
                &with(
                    &with(&header, "x5u", json!("http://127.0.0.1:9/cert")),
                    "kid",
                    json!("x"),
                ),
                &claims,
            ),
        ),
        (
            "another key",
            signed(
                &header.to_string(),
                &claims.to_string(),
                &EncodingKey::from_rsa_pem(other_pem.as_bytes()).unwrap(),
                Algorithm::RS256,
            ),
        ),
        ("no signature", format!("{}.", body(&good))),
        (
            "another's signature",
            format!(
                "{}.{}",
                body(&claiming("role", json!("admin"))),
                signature(&claiming("exp", json!(now + 899)))
            ),
        ),
        ("a cut signature", good[..good.len() - 4].to_owned()),
        ("two parts", body(&good)),
        ("four parts", format!("{good}.x")),
        ("five parts", format!("{good}.x.y")),
        ("points only", "..".to_owned()),
        ("no base64", format!("!!!.{}", body(&good))),
        (
            "padded base64",
            format!("{}=.{}", encode(header.to_string()), good.split_once('.').unwrap().1),
        ),
        ("100 kB", "a".repeat(100_000)),
        ("100 kB of claims", claiming("more", json!("x".repeat(100_000)))),
        ("100 kB of points", ".".repeat(100_000)),
        (
            "a shared key's token",
            format!(
                "{}.{}.{}",
                encode(r#"{"alg":"HS256","kid":"x"}"#),
                encode("{}"),
                encode(SHARED_KEY)
            ),
        ),
    ];
    for (what, token) in &hostile {
        let answer = api.read(token, "/api/v1/products").await;
        assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.bytes));
        let answer = answer.problem(401, "unauthenticated");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"inventory\", error=\"invalid_token\""),
            "{what}"
        );
    }
    // What was forged is right but for the one thing: the same by hand is good, and so is a key that does not sign now.
    api.read(&rs256(&header, &claims), "/api/v1/products").await.expect(200);
    let es256_header = with(&es256_header, "kid", keys["keys"][1]["kid"].clone());
    let by_ec = signed(&es256_header.to_string(), &claims.to_string(), &ec, Algorithm::ES256);
    for _ in 0..2 {
        api.read(&by_ec, "/api/v1/products").await.expect(200);
    }
}

#[tokio::test]
async fn a_token_comes_in_one_place_and_once() {
    let api = Api::with_accounts(&[]).await;
    let token = api.token_of(Role::Viewer).await;
    let (bearer, small) = (format!("Bearer {token}"), format!("bearer {token}"));
    let get = async |path: &str, headers: &[(&str, &str)]| api.send(Method::GET, path, headers, Body::empty()).await;
    let path = "/api/v1/products";
    get(path, &[("authorization", &bearer)]).await.expect(200);
    get(path, &[("authorization", &small)]).await.expect(200);
    let none = get(path, &[]).await.problem(401, "unauthenticated");
    assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"inventory\""));
    for bad in [token.as_str(), "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", ""] {
        get(path, &[("authorization", bad)])
            .await
            .problem(401, "unauthenticated");
    }
    for twice in [
        [("authorization", bearer.as_str()), ("authorization", bearer.as_str())],
        [("authorization", bearer.as_str()), ("authorization", "Bearer x")],
        [("authorization", bearer.as_str()), ("x-api-key", "inv_x")],
        [("x-api-key", "inv_x"), ("x-api-key", "inv_x")],
    ] {
        get(path, &twice).await.problem(400, "malformed_header");
    }
    get(&format!("{path}?access_token={token}"), &[])
        .await
        .problem(401, "unauthenticated");
    get(path, &[("cookie", &bearer), ("proxy-authorization", &bearer)])
        .await
        .problem(401, "unauthenticated");
    // Where nobody need be known, a bad token is nobody's business.
    get("/live", &[("authorization", "Bearer x")]).await.expect(200);
}

#[tokio::test]
async fn every_operation_takes_its_role() {
    // Exports and imports have a place; nothing comes to lie there.
    let files = std::env::temp_dir();
    let api = Api::with_accounts(&[("FILES_DIRECTORY", files.to_str().unwrap())]).await;
    let mut tokens = Vec::new();
    for role in Role::ALL.iter().filter(|role| **role > Role::Public) {
        tokens.push((*role, api.token_of(*role).await));
    }
    let mut tried = 0;
    for operation in OPERATIONS {
        let Trigger::Http { methods, route } = operation.trigger else {
            continue;
        };
        let path = route
            .replace("{id:long}", "999999999")
            .replace("{id:guid}", "00000000-0000-0000-0000-000000000000")
            .replace("{file}", "nothing");
        for method in methods {
            let name = format!("{method} {}", operation.name);
            let method: Method = method.parse().unwrap();
            let without = api.json(method.clone(), &path, &[], &json!({})).await;
            if operation.role == Role::Public {
                assert_ne!(without.status, 403, "{name}");
                assert_ne!(
                    without
                        .header("www-authenticate")
                        .map(|value| value.starts_with("Bearer")),
                    Some(true),
                    "{name}"
                );
                continue;
            }
            without.problem(401, "unauthenticated");
            for (role, token) in &tokens {
                let answer = api.with(token, method.clone(), &path, &json!({})).await;
                let status = answer.status.as_u16();
                if *role < operation.role {
                    answer.problem(403, "forbidden");
                } else {
                    assert!(
                        ![401, 403].contains(&status) && status < 500,
                        "{name} as {role}: {status}"
                    );
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[tokio::test]
async fn on_a_desk_without_keys_everybody_is_admin() {
    let api = Api::new().await;
    assert!(api.app.identity().is_open());
    api.get("/api/v1/clients").await.expect(200);
    // A header that a client sends anyway is not looked at.
    let nonsense = [("authorization", "Bearer nonsense")];
    api.send(Method::GET, "/api/v1/clients", &nonsense, Body::empty())
        .await
        .expect(200);
    let form = "grant_type=password&username=a&password=b";
    assert_eq!(
        api.form("/token", &[], form).await.expect(400).body()["error"],
        "invalid_grant"
    );
}
