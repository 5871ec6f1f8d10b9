//! Blob storage against Azurite.

#![allow(clippy::unwrap_used, missing_docs)]

use futures_util::TryStreamExt as _;
use inventory_azure::{BlobAccount, BlobError, BlobStorage};
use inventory_tests::{azurite::Azurite, credential::TestCredential};
use std::sync::Arc;
use uuid::Uuid;

fn storage(connection_string: &str) -> BlobStorage {
    let account = BlobAccount::from_connection_string(connection_string).unwrap();
    BlobStorage::new(account, "files", Arc::new(TestCredential::default()))
}

async fn file(azurite: &Azurite, contents: &[u8]) -> tokio::fs::File {
    let path = azurite
        .directory()
        .join(format!("contents-{}", Uuid::new_v4().simple()));
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
    let storage = storage(&azurite.connection_string());
    let small = "sku,name\nA,Tea \u{2713}\n".as_bytes();
    // Larger than what is sent or read in one part.
    let large: Vec<u8> = (0..20_000_003_u32).map(|at| (at % 251) as u8).collect();
    for (name, bytes) in [
        ("exports/a b+c.csv", small),
        ("exports/large.csv", &large),
        ("imports/x.csv", small),
    ] {
        let file = file(&azurite, bytes).await;
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
    let file = file(&azurite, b"new").await;
    storage.put("exports/large.csv", "text/csv", file).await.unwrap();
    assert_eq!(contents(&storage, "exports/large.csv").await, b"new");

    storage.delete("exports/large.csv").await.unwrap();
    assert_eq!(storage.delete("exports/large.csv").await, Err(BlobError::NotFound));
    assert_eq!(storage.get("exports/large.csv").await.err(), Some(BlobError::NotFound));
}

#[tokio::test]
async fn what_is_wrong_is_told_without_the_signature() {
    let azurite = Azurite::start();
    let right = storage(&azurite.connection_string());
    let error = right.get("x").await.err().unwrap();
    assert!(
        matches!(&error, BlobError::Away(why) if why.contains("ContainerNotFound")),
        "{error}"
    );
    // An emulator's container is made by whoever needs it first, also where two do.
    let other = storage(&azurite.connection_string());
    let (first, second) = tokio::join!(right.check(), other.check());
    assert_eq!((first, second), (Ok(()), Ok(())));
    assert_eq!(right.get("x").await.err(), Some(BlobError::NotFound));
    let wrong = format!(
        "BlobEndpoint={};SharedAccessSignature=sv=2021-06-08&ss=b&srt=sco&sp=r&se=2099-01-01&sig=melon",
        azurite.endpoint()
    );
    let wrong = storage(&wrong);
    let error = wrong.get("x").await.err().unwrap();
    assert!(matches!(error, BlobError::Away(_)), "{error}");
    assert!(!format!("{error}{error:?}{wrong:?}").contains("melon"));
}
