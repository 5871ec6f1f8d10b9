//! A program with accounts, and who signs in to it.

use crate::client::{Answer, Api};
use http::Method;
use inventory_app::{
    Begun, Call, Reply, Work,
    identity::accounts::{create_client, create_user},
};
use inventory_domain::{
    Role,
    account::{NewClient, NewUser},
};
use serde_json::{Value, json};

pub const SHARED_KEY: &str = "a-key-of-the-tests-that-is-long-enough";
pub const PASSWORD: &str = "correct horse battery staple";

impl Api {
    /// A program that is ready and wants to know who asks.
    pub async fn with_accounts(settings: &[(&str, &str)]) -> Self {
        let mut all = vec![("JWT_KEYS", SHARED_KEY), ("ACCOUNT_CACHE_SECONDS", "0")];
        all.extend_from_slice(settings);
        let api = Self::unstarted(&all);
        api.app.start().await;
        api
    }

    async fn work(&self) -> Work {
        let call = Call {
            operation: "tests",
            actor: "tests".to_owned(),
            address: None,
            trace: None,
            request_id: "tests".to_owned(),
            idempotency: None,
        };
        match self.app.begin(call).await.unwrap() {
            Begun::Work(work) => work,
            Begun::Replay(_) => unreachable!("there is no key"),
        }
    }

    async fn commit(work: Work) {
        let reply = Reply {
            code: 200,
            location: None,
            version: None,
            body: String::new(),
        };
        work.commit(reply).await.unwrap();
    }

    /// A client of this name and role: its id and secret.
    pub async fn client(&self, name: &str, role: Role) -> (i64, String) {
        let mut work = self.work().await;
        let new = NewClient {
            name: name.to_owned(),
            role,
        };
        let (client, secret) = create_client(&mut work, &new).await.unwrap();
        Self::commit(work).await;
        (client.id, secret.expose().to_owned())
    }

    /// A user of this name and role with [`PASSWORD`]: the id.
    pub async fn user(&self, name: &str, role: Role) -> i64 {
        let mut work = self.work().await;
        let new = NewUser {
            name: name.to_owned(),
            role,
            password: PASSWORD.to_owned().into(),
        };
        let user = create_user(&mut work, &new).await.unwrap();
        Self::commit(work).await;
        user.id
    }

    pub async fn form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body.to_owned()).await
    }

    /// A token for a client.
    pub async fn token(&self, name: &str, secret: &str) -> String {
        let body = format!("grant_type=client_credentials&client_id={name}&client_secret={secret}");
        let answer = self.form("/token", &[], &body).await.expect(200);
        answer.body()["access_token"].as_str().unwrap().to_owned()
    }

    /// A token of a new client with this role.
    pub async fn token_of(&self, role: Role) -> String {
        let name = format!("client-{role}");
        let (_, secret) = self.client(&name, role).await;
        self.token(&name, &secret).await
    }

    /// Sends JSON with a token.
    pub async fn with(&self, token: &str, method: Method, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        self.json(method, path, &[("authorization", &bearer)], body).await
    }

    /// Reads with a token.
    pub async fn read(&self, token: &str, path: &str) -> Answer {
        self.with(token, Method::GET, path, &json!({})).await
    }
}
