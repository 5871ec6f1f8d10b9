//! `secrets`, through a proxy, against a vault that calls itself what Azure's do.

use crate::support::{Done, inventory_with};
use inventory_tests::{
    postgres::{database, psql},
    running::Directory,
    vault::{Fault, TestVault},
};
use serde_json::Value;
use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

const HOST: &str = "inventory-test.vault.azure.net";

/// A desk: a vault, the only way to it, and an Azure CLI whose login it takes.
struct Desk {
    vault: TestVault,
    proxy: String,
    directory: Directory,
}

impl Desk {
    async fn new() -> Self {
        let vault = TestVault::named("token", HOST);
        let directory = Directory::new();
        fs::write(directory.path().join("authority.pem"), vault.authority()).unwrap();
        let az = directory.path().join("az");
        let login = r#"{"accessToken": "token", "expires_on": 4102444800, "tenant": "t", "tokenType": "Bearer"}"#;
        fs::write(&az, format!("#!/bin/sh\necho '{login}'\n")).unwrap();
        fs::set_permissions(&az, fs::Permissions::from_mode(0o755)).unwrap();
        let proxy = proxy(vault.address()).await;
        Self {
            vault,
            proxy,
            directory,
        }
    }

    fn run(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Done {
        let path = format!("{}:{}", self.directory.path().display(), std::env::var("PATH").unwrap());
        let authority = self.directory.path().join("authority.pem");
        let url = self.vault.address_text();
        let ours = [
            ("PATH", path.as_str()),
            ("HTTPS_PROXY", &self.proxy),
            ("SSL_CERT_FILE", authority.to_str().unwrap()),
            ("AZURE_KEYVAULT_URL", &url),
        ];
        inventory_with(&[&ours, settings].concat(), &[&["secrets"], arguments].concat())
    }
}

/// Leads every tunnel to `target`.
async fn proxy(target: SocketAddr) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                assert!(head.starts_with(format!("CONNECT {HOST}:443 ").as_bytes()));
                let mut server = TcpStream::connect(target).await?;
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    format!("http://{address}")
}

fn state<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut states = list.as_array().unwrap().iter();
    states.find(|state| state["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_vault_holds_is_listed_and_never_shown() {
    let desk = Desk::new().await;
    desk.vault.put("redis-url", "redis://:hunter2@host");
    desk.vault.put("redis-url", "redis://:hunter22@host");
    let listed = desk.run(&[], &["list", "--json"]).expect(0);
    assert!(!listed.stdout.contains("hunter"), "{}", listed.stdout);
    let list = listed.json();
    assert_eq!(list.as_array().unwrap().len(), 6);
    let redis = state(&list, "redis-url");
    assert_eq!((&redis["versions"], &redis["is_good"]), (&2.into(), &true.into()));
    assert!(redis["created_at"].as_str().unwrap().starts_with("2023-11-14T"));
    assert_eq!(state(&list, "jwt-keys")["versions"], 0);

    desk.vault.expire("redis-url", 0);
    let expired = desk.run(&[], &["list"]).expect(1);
    assert!(expired.stdout.contains("disabled or expired"), "{}", expired.stdout);

    desk.vault.outage(Some(Fault::Status(403, None)));
    desk.run(&[], &["list"]).expect(1);
    desk.vault.outage(Some(Fault::Status(503, Some(1))));
    desk.run(&[], &["list"]).expect(3);
    inventory_with(&[], &["secrets", "list"]).expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_and_what_seals_is_never_replaced() {
    let desk = Desk::new().await;
    for _ in 0..2 {
        let done = desk.run(&[], &["rotate", "jwt-keys"]).expect(0);
        for key in desk.vault.values("jwt-keys") {
            assert!(!format!("{}{}", done.stdout, done.stderr).contains(&key));
        }
    }
    desk.run(&[], &["rotate", "jwt-keys", "--algorithm", "es256"]).expect(0);
    let keys = desk.vault.values("jwt-keys");
    assert_eq!(keys.len(), 3);
    assert!(keys[0] != keys[1] && keys[0].len() == 64, "{keys:?}");
    assert!(keys[2].starts_with("-----BEGIN PRIVATE KEY-----"));

    desk.run(&[], &["rotate", "webhook-master-key"]).expect(0);
    desk.run(&[], &["rotate", "webhook-master-key"]).expect(1);
    assert_eq!(desk.vault.values("webhook-master-key").len(), 1);
    desk.run(&[], &["rotate", "redis-url"]).expect(2);
    desk.run(&[], &["rotate", "smtp-password"]).expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_reaches_vault_and_database() {
    let database = database();
    let desk = Desk::new().await;
    let rotate = |role: &str| {
        let url = database.url.clone();
        desk.run(
            &[("DATABASE_URL", &url)],
            &["rotate", "database-password", "--role", role],
        )
    };
    database.psql("CREATE ROLE \"odd\"\"name\" LOGIN").unwrap();
    rotate("odd\"name").expect(0);
    let password = desk.vault.values("database-password").remove(0);
    let stored = database
        .psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'odd\"name'")
        .unwrap();
    assert!(stored.starts_with("SCRAM-SHA-256$4096:"), "{stored}");
    let (_, server) = database.url.rsplit_once('@').unwrap();
    let signs_in = |password: &str| psql(&format!("postgres://odd%22name:{password}@{server}"), "SELECT 1");
    signs_in(&password).unwrap();
    signs_in("wrong").unwrap_err();

    // The vault is first; what the database did not take is put right by the next.
    let failed = rotate("nobody").expect(5);
    assert!(failed.stderr.contains("does not exist"), "{}", failed.stderr);
    rotate("odd\"name").expect(0);
    assert_eq!(desk.vault.values("database-password").len(), 3);
    desk.run(&[], &["rotate", "database-password"]).expect(2);
    desk.run(
        &[("DATABASE_URL", "sqlite::memory:")],
        &["rotate", "database-password", "--role", "me"],
    )
    .expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_gets_what_the_vault_holds() {
    let desk = Desk::new().await;
    desk.vault.put("redis-url", "redis://:hunter2@host");
    let file = desk.directory.path().join("local.settings.json");
    let path = file.to_str().unwrap();
    desk.run(&[], &["sync", path]).expect(2);
    fs::write(&file, r#"{"IsEncrypted": false, "Values": {"LOG_LEVEL": "debug"}}"#).unwrap();
    let done = desk.run(&[], &["sync", path]).expect(0);
    assert!(done.stdout.contains("REDIS_URL") && !done.stdout.contains("hunter2"));
    let settings: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(settings["Values"]["REDIS_URL"], "redis://:hunter2@host");
    assert_eq!(settings["Values"]["LOG_LEVEL"], "debug");
    assert!(settings["Values"].get("JWT_KEYS").is_none());
    let again = desk.run(&[], &["--json", "sync", path]).expect(0).json();
    assert_eq!(again["changed"], Value::Array(Vec::new()));
}
