//! Where the files of exports and imports are.

use super::{
    setting::{Group, Setting},
    source::Source,
};
use inventory_azure::{BlobAccount, BlobAccountError, BlobStorage, TokenCredential};
use std::{path::PathBuf, sync::Arc, time::Duration};

static DIRECTORY: Setting = Setting::text(
    "FILES_DIRECTORY",
    None,
    "A directory for the files of exports and imports: for a desk, or one machine alone (`.inventory/files`). Without it and without \
     Blob storage there are no exports and imports over HTTP.",
);
static ENDPOINT: Setting = Setting::text(
    "BLOB_STORAGE_ENDPOINT",
    None,
    "The storage account for the same: `https://ACCOUNT.blob.core.windows.net/`. The program's identity needs the role *Storage Blob \
     Data Contributor*.",
);
static CONNECTION: Setting = Setting::text(
    "BLOB_STORAGE_CONNECTION_STRING",
    None,
    "The storage account instead, by a connection string: that of an emulator (`UseDevelopmentStorage=true`, with `BlobEndpoint` where it is not on this machine), or one with `BlobEndpoint` and `SharedAccessSignature`.",
);
static CONTAINER: Setting = Setting::text(
    "BLOB_STORAGE_CONTAINER",
    Some("inventory-files"),
    "The container in the account: private, and of one database alone, since old files in it are deleted.",
);
static RETENTION: Setting = Setting::number(
    "FILES_RETENTION_DAYS",
    7,
    1..=3_650,
    "How long exports, imports and their files are kept.",
);
static IMPORT_BYTES_MAX: Setting = Setting::number(
    "IMPORT_BYTES_MAX",
    10_485_760,
    1_024..=104_857_600,
    "Bytes of a file that is imported over HTTP at most; more is answered 413. It is in memory while it is read.",
);

pub(super) static GROUP: Group = Group {
    title: "Files",
    about: "",
    settings: &[
        &DIRECTORY,
        &ENDPOINT,
        &CONNECTION,
        &CONTAINER,
        &RETENTION,
        &IMPORT_BYTES_MAX,
    ],
};

/// Where files are.
#[derive(Clone, Debug)]
pub enum FilesEngine {
    /// In this directory.
    Directory(PathBuf),
    /// In Blob storage.
    Blob(BlobSettings),
}

/// Where in Blob storage.
#[derive(Clone, Debug)]
pub struct BlobSettings {
    account: BlobAccount,
    container: String,
}

impl BlobSettings {
    pub(crate) fn storage(&self, credential: &Arc<dyn TokenCredential>) -> BlobStorage {
        BlobStorage::new(self.account.clone(), &*self.container, Arc::clone(credential))
    }
}

/// Where the files of exports and imports are, and what they may be.
#[derive(Clone, Debug)]
pub struct Files {
    /// Where; `None`: nowhere.
    pub engine: Option<FilesEngine>,
    /// How long they are kept.
    pub retention: Duration,
    /// Bytes of a file that is imported.
    pub import_bytes_max: usize,
}

/// A container's name: 3 to 63 small letters, digits and single hyphens, neither first nor last
/// (<https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#container-names>).
fn is_container(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

type Parse = fn(&str) -> Result<BlobAccount, BlobAccountError>;

pub(super) fn read(source: &mut Source<'_>) -> Files {
    let mut engines = Vec::new();
    if let Some(path) = source.text(&DIRECTORY) {
        engines.push((&DIRECTORY, Some(FilesEngine::Directory(path.into()))));
    }
    let container = source.text(&CONTAINER).unwrap_or_default();
    if !is_container(&container) {
        source.wrong(
            &CONTAINER,
            "must be the name of a container: 3 to 63 small letters, digits and single hyphens",
        );
    }
    let ways: [(&'static Setting, Parse); 2] = [
        (&ENDPOINT, BlobAccount::with_entra),
        (&CONNECTION, BlobAccount::from_connection_string),
    ];
    for (setting, parse) in ways {
        let Some(text) = source.text(setting) else { continue };
        let engine = match parse(&text) {
            Ok(account) => Some(FilesEngine::Blob(BlobSettings {
                account,
                container: container.clone(),
            })),
            Err(error) => {
                source.wrong(setting, error);
                None
            }
        };
        engines.push((setting, engine));
    }
    if let [_, (setting, _), ..] = engines.as_slice() {
        source.wrong(setting, "is one place for files too many");
    }
    Files {
        engine: engines.pop().and_then(|(_, engine)| engine),
        retention: Duration::from_hours(24 * u64::from(source.number(&RETENTION))),
        import_bytes_max: source.number(&IMPORT_BYTES_MAX) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_have_names() {
        for (name, is_one) in [
            ("inventory-files", true),
            ("a1b", true),
            ("ab", false),
            ("a--b", false),
            ("-ab", false),
            ("ab-", false),
            ("Files", false),
            ("a/b", false),
            ("$web", false),
        ] {
            assert_eq!(is_container(name), is_one, "{name}");
        }
        assert!(!is_container(&"a".repeat(64)));
    }
}
