//! Signing in: what `POST /token` and `POST /token/revoke` say, and how guessing is slowed down.

use crate::{accounts::PASSWORD, client::Api};
use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use inventory_app::{
    clock,
    identity::{NotSignedIn, SignIn, sign_in_at},
};
use inventory_domain::{Role, Timestamp, account::AccountKind};
use serde_json::json;
use std::net::IpAddr;

#[tokio::test]
async fn clients_and_users_get_tokens() {
    let api = Api::with_accounts(&[]).await;
    let (_, secret) = api.client("shop", Role::Clerk).await;
    api.user("mary", Role::Manager).await;

    let basic = format!("Basic {}", STANDARD.encode(format!("shop:{secret}")));
    let headers = [("authorization", basic.as_str())];
    let answer = api
        .form("/token", &headers, "grant_type=client_credentials")
        .await
        .expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let body = answer.body();
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(900), &json!("clerk"))
    );
    api.read(body["access_token"].as_str().unwrap(), "/api/v1/products")
        .await
        .expect(200);

    // As FastAPI's form of the seed sends it, and Swagger UI where no client was typed in.
    let form = "grant_type=password&username=mary&password=correct+horse+battery+staple&scope=viewer&client_id=&client_secret=";
    let answer = api
        .form("/token", &[("authorization", "Basic Og==")], form)
        .await
        .expect(200);
    assert_eq!(answer.body()["scope"], "viewer");
    let token = answer.body()["access_token"].as_str().unwrap().to_owned();
    let made = api
        .with(&token, Method::POST, "/api/v1/locations", &json!({ "name": "W" }))
        .await;
    let made = made.problem(403, "forbidden");
    assert_eq!(
        made.header("www-authenticate"),
        Some("Bearer realm=\"inventory\", error=\"insufficient_scope\", scope=\"manager\"")
    );
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_words_of_oauth() {
    let api = Api::with_accounts(&[]).await;
    let (_, secret) = api.client("shop", Role::Clerk).await;
    let client = format!("client_id=shop&client_secret={secret}");
    let basic = format!("Basic {}", STANDARD.encode(format!("shop:{secret}")));
    let good = "grant_type=client_credentials";
    for (headers, body, status, error) in [
        (None, "", 400, "invalid_request"),
        (
            None,
            &format!("grant_type=implicit&{client}"),
            400,
            "unsupported_grant_type",
        ),
        (None, &format!("{good}&{good}&{client}"), 400, "invalid_request"),
        (None, good, 401, "invalid_client"),
        (None, &format!("{good}&client_id=shop"), 401, "invalid_client"),
        (None, &format!("{good}&client_secret={secret}"), 400, "invalid_request"),
        (
            None,
            &format!("{good}&client_id=shop&client_secret=wrong"),
            401,
            "invalid_client",
        ),
        (
            None,
            &format!("{good}&client_id=%00&client_secret=ics_%00_x"),
            401,
            "invalid_client",
        ),
        (
            Some(basic.as_str()),
            &format!("{good}&{client}"),
            400,
            "invalid_request",
        ),
        (
            Some(basic.as_str()),
            &format!("{good}&client_id=other"),
            400,
            "invalid_request",
        ),
        (Some("Bearer abc"), good, 401, "invalid_client"),
        (None, &format!("{good}&{client}&scope=root"), 400, "invalid_scope"),
        (None, &format!("{good}&{client}&scope=public"), 400, "invalid_scope"),
        (None, &format!("{good}&{client}&scope=admin"), 400, "invalid_scope"),
        (None, "grant_type=password&username=mary", 400, "invalid_request"),
        (
            None,
            "grant_type=password&username=mary&password=x",
            400,
            "invalid_grant",
        ),
    ] {
        let headers: Vec<_> = headers.into_iter().map(|value| ("authorization", value)).collect();
        let answer = api.form("/token", &headers, body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body()["error"]),
            (status, &json!(error)),
            "{body}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{body}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{body}");
        assert!(!answer.body().to_string().contains(&secret));
    }
    let as_json = json!({ "grant_type": "client_credentials" });
    api.post("/token", &as_json)
        .await
        .problem(415, "unsupported_media_type");
    api.form("/token?grant_type=password", &[], good)
        .await
        .problem(422, "invalid");
}

#[tokio::test]
async fn nobody_learns_which_names_there_are() {
    let api = Api::with_accounts(&[]).await;
    let id = api.user("mary", Role::Clerk).await;
    api.user("disabled", Role::Clerk).await;
    let admin = api.token_of(Role::Admin).await;
    let off = json!({ "enabled": false });
    api.with(&admin, Method::PATCH, &format!("/api/v1/users/{}", id + 1), &off)
        .await
        .expect(200);
    let mut answers = Vec::new();
    for (name, password) in [("mary", "wrong"), ("nobody", "wrong"), ("disabled", PASSWORD)] {
        for _ in 0..6 {
            let form = format!("grant_type=password&username={name}&password={password}");
            let answer = api.form("/token", &[], &form).await;
            answers.push((answer.status.as_u16(), answer.body()["error"].clone()));
        }
    }
    let (first, others) = answers.split_at(6);
    let statuses: Vec<_> = first.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [400, 400, 400, 400, 400, 429]);
    assert!(others.chunks(6).all(|answers| answers == first), "{answers:?}");
}

fn who(name: &str, secret: &str, address: &str) -> SignIn {
    SignIn {
        kind: AccountKind::Client,
        name: name.to_owned(),
        secret: secret.to_owned().into(),
        address: address.parse::<IpAddr>().ok(),
    }
}

/// `in`, `refused`, or for how long it is locked.
async fn attempt(api: &Api, who: SignIn, now: Timestamp) -> String {
    match sign_in_at(&api.app, who, now).await {
        Ok(_) => "in".to_owned(),
        Err(NotSignedIn::Refused) => "refused".to_owned(),
        Err(NotSignedIn::Locked { seconds }) => seconds.to_string(),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn guessing_at_a_name_is_slowed_down_more_and_more() {
    let api = Api::with_accounts(&[]).await;
    let (_, secret) = api.client("shop", Role::Clerk).await;
    let start = clock();
    let at = |seconds| start.plus_seconds(seconds);
    for _ in 0..5 {
        assert_eq!(attempt(&api, who("shop", "wrong", ""), at(0)).await, "refused");
    }
    assert_eq!(attempt(&api, who("shop", "wrong", ""), at(0)).await, "30");
    // The right secret waits too: else a guess would be told from a lock. And a locked attempt costs nothing more.
    assert_eq!(attempt(&api, who("shop", &secret, ""), at(29)).await, "1");
    assert_eq!(attempt(&api, who("shop", "wrong", ""), at(30)).await, "refused");
    assert_eq!(attempt(&api, who("shop", &secret, ""), at(89)).await, "1");
    // A user of this name is somebody else.
    let user = SignIn {
        kind: AccountKind::User,
        ..who("shop", "wrong", "")
    };
    assert_eq!(attempt(&api, user, at(30)).await, "refused");
    assert_eq!(attempt(&api, who("shop", &secret, ""), at(90)).await, "in");
    // It begins anew.
    assert_eq!(attempt(&api, who("shop", "wrong", ""), at(90)).await, "refused");
    assert_eq!(attempt(&api, who("shop", &secret, ""), at(90)).await, "in");
}

#[tokio::test]
async fn guessing_from_an_address_is_slowed_down_whatever_the_names() {
    let api = Api::with_accounts(&[]).await;
    let (_, secret) = api.client("shop", Role::Clerk).await;
    let now = clock();
    for n in 0..20 {
        let address = format!("2001:db8::{n:x}");
        assert_eq!(
            attempt(&api, who(&format!("name-{n}"), "wrong", &address), now).await,
            "refused"
        );
        if n == 10 {
            // A good account is no way to go on guessing.
            assert_eq!(attempt(&api, who("shop", &secret, &address), now).await, "in");
        }
    }
    assert_eq!(
        attempt(&api, who("another", "wrong", "2001:db8::ffff"), now).await,
        "30"
    );
    assert_eq!(attempt(&api, who("shop", &secret, "2001:db8::1"), now).await, "30");
    // Another network, and no address at all, are not in this.
    assert_eq!(attempt(&api, who("shop", &secret, "2001:db8:0:1::1"), now).await, "in");
    assert_eq!(attempt(&api, who("shop", &secret, ""), now).await, "in");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_two_are_good_while_it_is_changed() {
    let api = Api::with_accounts(&[]).await;
    let admin = api.token_of(Role::Admin).await;
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "one")];
    let new = json!({ "name": "shop", "role": "clerk" });
    let made = api
        .json(Method::POST, "/api/v1/clients", &headers, &new)
        .await
        .expect(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let first = made.body()["client_secret"].as_str().unwrap().to_owned();
    let path = made.header("location").unwrap().to_owned();
    let again = api
        .json(Method::POST, "/api/v1/clients", &headers, &new)
        .await
        .expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        again.body(),
        json!({ "client": made.body()["client"], "client_secret": null })
    );
    let old_token = api.token("shop", &first).await;

    let rotated = api
        .with(&admin, Method::POST, &format!("{path}/rotate"), &json!({}))
        .await
        .expect(200);
    let second = rotated.body()["client_secret"].as_str().unwrap().to_owned();
    api.token("shop", &first).await;
    api.token("shop", &second).await;
    api.read(&old_token, "/api/v1/products").await.expect(200);
    // Without overlap: at once, with everything that was given.
    let now = json!({ "overlap_hours": 0 });
    let rotated = api
        .with(&admin, Method::POST, &format!("{path}/rotate"), &now)
        .await
        .expect(200);
    let third = rotated.body()["client_secret"].as_str().unwrap().to_owned();
    api.token("shop", &third).await;
    for secret in [&first, &second] {
        let body = format!("grant_type=client_credentials&client_id=shop&client_secret={secret}");
        api.form("/token", &[], &body).await.expect(401);
    }
    api.read(&old_token, "/api/v1/products")
        .await
        .problem(401, "unauthenticated");
    // Nowhere is a secret kept.
    for secret in [first, second, third] {
        let parts = secret.rsplit('_').next().unwrap().to_owned();
        for (table, column) in [
            ("idempotency_keys", "reply"),
            ("audit", "after"),
            ("account_secrets", "hash"),
        ] {
            let sql = format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE '%{parts}%'");
            assert_eq!(api.app.store().number_raw(&sql).await.unwrap(), 0, "{table}");
        }
    }
}

#[tokio::test]
async fn what_an_account_loses_its_tokens_lose() {
    let api = Api::with_accounts(&[]).await;
    let admin = api.token_of(Role::Admin).await;
    let (id, secret) = api.client("shop", Role::Manager).await;
    let path = format!("/api/v1/clients/{id}");
    let token = api.token("shop", &secret).await;
    let location = json!({ "name": "" });
    let make = async || {
        api.with(&token, Method::POST, "/api/v1/locations", &location)
            .await
            .status
            .as_u16()
    };
    let change = async |changes| {
        api.with(&admin, Method::PATCH, &path, &changes).await.expect(200);
    };
    assert_eq!(make().await, 422);
    change(json!({ "role": "viewer" })).await;
    assert_eq!(make().await, 403);
    change(json!({ "role": "admin" })).await;
    assert_eq!(make().await, 422, "as much as the token says, and no more");
    api.read(&token, "/api/v1/clients").await.problem(403, "forbidden");
    change(json!({ "enabled": false })).await;
    assert_eq!(make().await, 401);
    change(json!({ "enabled": true })).await;
    assert_eq!(make().await, 422);
    change(json!({ "revoke_tokens": true })).await;
    assert_eq!(make().await, 401);
    let token = api.token("shop", &secret).await;
    api.with(&admin, Method::DELETE, &path, &json!({})).await.expect(200);
    api.read(&token, "/api/v1/products")
        .await
        .problem(401, "unauthenticated");
    // A new one of the same name is another one.
    api.client("shop", Role::Manager).await;
    api.read(&token, "/api/v1/products")
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_began() {
    let api = Api::with_accounts(&[]).await;
    let admin = api.token_of(Role::Admin).await;
    let id = api.user("mary", Role::Clerk).await;
    let sign_in = async |password: &str| {
        let form = format!("grant_type=password&username=mary&password={password}");
        api.form("/token", &[], &form).await
    };
    let token = sign_in(PASSWORD).await.expect(200).body()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/users/{id}");
    let short = api
        .with(&admin, Method::PATCH, &path, &json!({ "password": "short" }))
        .await;
    assert_eq!(short.problem(422, "invalid").pointers(), ["/password"]);
    let new = json!({ "password": "another long password" });
    api.with(&admin, Method::PATCH, &path, &new).await.expect(200);
    api.read(&token, "/api/v1/products")
        .await
        .problem(401, "unauthenticated");
    sign_in(PASSWORD).await.expect(400);
    sign_in("another long password").await.expect(200);
}

#[tokio::test]
async fn a_token_is_revoked_by_whose_it_is() {
    let api = Api::with_accounts(&[]).await;
    let (_, shop) = api.client("shop", Role::Clerk).await;
    let (_, other) = api.client("other", Role::Clerk).await;
    api.user("mary", Role::Clerk).await;
    let (token, second) = (api.token("shop", &shop).await, api.token("shop", &shop).await);
    let revoke =
        async |token: &str, client: &str| api.form("/token/revoke", &[], &format!("token={token}{client}")).await;
    let as_other = format!("&client_id=other&client_secret={other}");
    assert_eq!(revoke(&token, "").await.expect(401).body()["error"], "invalid_client");
    assert_eq!(
        revoke(&token, &as_other).await.expect(400).body()["error"],
        "invalid_grant"
    );
    assert_eq!(revoke("", "").await.expect(400).body()["error"], "invalid_request");
    api.read(&token, "/api/v1/products").await.expect(200);
    let as_shop = format!("&client_id=shop&client_secret={shop}");
    for _ in 0..2 {
        revoke(&token, &as_shop).await.expect(200);
    }
    api.read(&token, "/api/v1/products")
        .await
        .problem(401, "unauthenticated");
    api.read(&second, "/api/v1/products").await.expect(200);
    // A user's token is void for whoever holds it; nonsense is no error.
    let form = "grant_type=password&username=mary&password=correct+horse+battery+staple";
    let token = api.form("/token", &[], form).await.body()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    revoke(&token, "").await.expect(200);
    api.read(&token, "/api/v1/products")
        .await
        .problem(401, "unauthenticated");
    revoke("nonsense", "").await.expect(200);
}

#[tokio::test]
async fn api_keys_are_good_until_they_expire_or_are_revoked() {
    let api = Api::with_accounts(&[]).await;
    let admin = api.token_of(Role::Admin).await;
    let new = json!({ "name": "dock", "role": "viewer" });
    let made = api
        .with(&admin, Method::POST, "/api/v1/api-keys", &new)
        .await
        .expect(201);
    let key = made.body()["api_key"].as_str().unwrap().to_owned();
    let path = made.header("location").unwrap().to_owned();
    let use_key = async |key: &str| {
        api.send(Method::GET, "/api/v1/products", &[("x-api-key", key)], Body::empty())
            .await
    };
    use_key(&key).await.expect(200);
    let wrong = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('0') { '1' } else { '0' }
    );
    for bad in ["", "inv_", &wrong, &key[..40], &key.to_uppercase(), "' OR 1=1 --"] {
        use_key(bad).await.problem(401, "unauthenticated");
    }
    let write = [("x-api-key", key.as_str())];
    let location = json!({ "name": "W" });
    api.json(Method::POST, "/api/v1/locations", &write, &location)
        .await
        .problem(403, "forbidden");
    let listed = api.read(&admin, "/api/v1/api-keys").await.expect(200);
    assert!(!String::from_utf8_lossy(&listed.bytes).contains(&key[20..]));

    let sql = "UPDATE api_keys SET expires_at = created_at";
    api.app.store().execute_raw(sql).await.unwrap();
    use_key(&key).await.problem(401, "unauthenticated");
    api.app
        .store()
        .execute_raw("UPDATE api_keys SET expires_at = created_at + 86400000000")
        .await
        .unwrap();
    use_key(&key).await.expect(200);
    api.with(&admin, Method::DELETE, &path, &json!({})).await.expect(200);
    use_key(&key).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_is_known_of_an_account_is_kept_for_a_moment() {
    let api = Api::with_accounts(&[("ACCOUNT_CACHE_SECONDS", "60")]).await;
    let token = api.token_of(Role::Viewer).await;
    api.read(&token, "/api/v1/products").await.expect(200);
    let before = api.app.store().statements();
    for _ in 0..10 {
        api.read(&token, "/api/v1/products").await.expect(200);
    }
    assert_eq!(
        api.app.store().statements() - before,
        10,
        "one statement a request, the request's own"
    );
}

#[tokio::test]
async fn actions_are_recorded_under_the_callers_name() {
    let api = Api::with_accounts(&[]).await;
    let (_, secret) = api.client("shop", Role::Manager).await;
    let token = api.token("shop", &secret).await;
    api.with(&token, Method::POST, "/api/v1/locations", &json!({ "name": "W" }))
        .await
        .expect(201);
    let sql = "SELECT COUNT(*) FROM audit WHERE actor = 'client:shop' AND action = 'locations_create'";
    assert_eq!(api.app.store().number_raw(sql).await.unwrap(), 1);
}
