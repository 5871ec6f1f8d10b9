//! Blob storage against Azurite.

#![allow(clippy::unwrap_used, missing_docs)]

use azure_core::http::Url;
use azure_storage_blob::BlobContainerClient;
use futures_util::TryStreamExt as _;
use inventory_azure::{
    BlobError, BlobStorage, BlobStorageOptions,
    blob_storage::{Access, Secret},
};
use std::{
    io::BufRead as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use uuid::Uuid;

/// Azurite's well-known account and key
/// (<https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key>).
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const CONTAINER: &str = "files";

struct Azurite {
    process: Child,
    endpoint: String,
    directory: PathBuf,
}

impl Azurite {
    /// Starts it on a port that it chooses.
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let script = root.join("target/tools/azurite/node_modules/azurite/dist/src/blob/main.js");
        assert!(
            script.is_file(),
            "Azurite is not installed: run the tests with `cargo xtask test`"
        );
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("azurite-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut process = Command::new("node")
            .arg(script)
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                "0",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--location",
            ])
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| Some(line.ok()?.split_once("successfully listens on ")?.1.trim().to_owned()))
            .expect("Azurite says where it listens");
        // What it says later is of no interest, but must go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            endpoint: format!("{address}/{ACCOUNT}"),
            directory,
        }
    }

    fn storage(&self, signature: &str) -> BlobStorage {
        BlobStorage::new(BlobStorageOptions {
            endpoint: self.endpoint.clone(),
            container: CONTAINER.to_owned(),
            access: Access::Signature(Secret::from(signature.to_owned())),
        })
        .unwrap()
    }

    async fn make_container(&self) {
        let url: Url = format!("{}/{CONTAINER}?{}", self.endpoint, signature())
            .parse()
            .unwrap();
        BlobContainerClient::new(url, None, None)
            .unwrap()
            .create(None)
            .await
            .unwrap();
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A signature for everything in the account's Blob storage
/// (<https://learn.microsoft.com/rest/api/storageservices/create-account-sas>).
fn signature() -> String {
    let (permissions, end, version) = ("rwdlc", "2099-01-01T00:00:00Z", "2021-06-08");
    let signed = format!("{ACCOUNT}\n{permissions}\nb\nsco\n\n{end}\n\nhttps,http\n{version}\n\n");
    let signature = azure_core::hmac::hmac_sha256(&signed, &Secret::from(KEY)).unwrap();
    let encoded: String = form_urlencoded::byte_serialize(signature.as_bytes()).collect();
    format!("sv={version}&ss=b&srt=sco&sp={permissions}&se={end}&spr=https,http&sig={encoded}")
}

async fn file(directory: &Path, contents: &[u8]) -> tokio::fs::File {
    let path = directory.join(format!("contents-{}", Uuid::new_v4().simple()));
    tokio::fs::write(&path, contents).await.unwrap();
    tokio::fs::File::open(&path).await.unwrap()
}

async fn contents(storage: &BlobStorage, name: &str) -> Vec<u8> {
    let parts: Vec<_> = storage.get(name).await.unwrap().try_collect().await.unwrap();
    parts.concat()
}

#[tokio::test]
async fn files_are_stored_listed_read_and_deleted() {
    let azurite = Azurite::start();
    azurite.make_container().await;
    let storage = azurite.storage(&signature());
    let small = "sku,name\nA,Tea \u{2713}\n".as_bytes();
    // Larger than what is sent or read in one part.
    let large: Vec<u8> = (0..20_000_003_u32).map(|at| (at % 251) as u8).collect();
    for (name, bytes) in [
        ("exports/a b+c.csv", small),
        ("exports/large.csv", &large),
        ("imports/x.csv", small),
    ] {
        let file = file(&azurite.directory, bytes).await;
        storage.put(name, "text/csv", file).await.unwrap();
        assert!(contents(&storage, name).await == bytes, "{name}");
    }
    let listed = storage.list("exports/", 10).await.unwrap();
    let names: Vec<_> = listed.iter().map(|blob| (blob.name.as_str(), blob.bytes)).collect();
    assert_eq!(
        names,
        [
            ("exports/a b+c.csv", small.len() as u64),
            ("exports/large.csv", large.len() as u64)
        ]
    );
    assert!(listed.iter().all(|blob| blob.stored_at.is_some()));
    assert_eq!(storage.list("exports/", 1).await.unwrap().len(), 1);

    // In place of what was there.
    let file = file(&azurite.directory, b"new").await;
    storage.put("exports/large.csv", "text/csv", file).await.unwrap();
    assert_eq!(contents(&storage, "exports/large.csv").await, b"new");

    storage.delete("exports/large.csv").await.unwrap();
    assert_eq!(storage.delete("exports/large.csv").await, Err(BlobError::NotFound));
    assert_eq!(storage.get("exports/large.csv").await.err(), Some(BlobError::NotFound));
}

#[tokio::test]
async fn what_is_wrong_is_told_without_the_signature() {
    let azurite = Azurite::start();
    let right = signature();
    let storage = azurite.storage(&right);
    let error = storage.get("x").await.err().unwrap();
    assert!(
        matches!(&error, BlobError::Away(why) if why.contains("ContainerNotFound")),
        "{error}"
    );
    azurite.make_container().await;
    let wrong = right.replace("sig=", "sig=AAAA");
    let error = azurite.storage(&wrong).get("x").await.err().unwrap();
    assert!(matches!(error, BlobError::Away(_)), "{error}");
    assert!(!format!("{error}{error:?}{storage:?}").contains("sig"));
}

#[test]
fn only_tls_leaves_this_machine() {
    let storage = |endpoint: &str| {
        BlobStorage::new(BlobStorageOptions {
            endpoint: endpoint.to_owned(),
            container: CONTAINER.to_owned(),
            access: Access::Signature(Secret::from("sig=x")),
        })
    };
    assert!(storage("https://shop.blob.core.windows.net/").is_ok());
    assert!(storage("http://127.0.0.1:10000/devstoreaccount1").is_ok());
    for endpoint in [
        "http://shop.blob.core.windows.net/",
        "https://shop.blob.core.windows.net/?sig=x",
        "shop",
        "file:///x",
    ] {
        assert!(storage(endpoint).is_err(), "{endpoint}");
    }
}
