//! A program with a vault and a database of its own, and work for it.

use inventory_app::{App, Azure, Begun, Call, Error, Reply, Settings, inventory, products};
use inventory_azure::KeyVaultOptions;
use inventory_tests::{
    credential::TestCredential,
    postgres::{Cluster, TestDatabase, psql},
    tls::Identity,
    vault::TestVault,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until something is so.
pub async fn eventually(mut is_so: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("it comes about");
}

/// A database that belongs to a role with a password.
pub struct RoleDatabase {
    database: TestDatabase,
    role: String,
    /// Without the password.
    pub url: String,
}

impl RoleDatabase {
    pub fn on(database: TestDatabase, password: &str) -> Self {
        let (server, name) = database.url.rsplit_once('/').unwrap();
        let (_, address) = server.rsplit_once('@').unwrap();
        let role = format!("role_{name}");
        let url = format!("postgres://{role}@{address}/{name}");
        let create = format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'; ALTER DATABASE {name} OWNER TO {role}");
        database.psql(&create).unwrap();
        Self { database, role, url }
    }

    pub fn url_with_password(&self, password: &str) -> String {
        self.url.replacen('@', &format!(":{password}@"), 1)
    }

    pub fn change_password(&self, password: &str) {
        let change = format!("ALTER ROLE {} PASSWORD '{password}'", self.role);
        self.database.psql(&change).unwrap();
    }

    /// The role's connections.
    pub fn backends(&self) -> BTreeSet<String> {
        let list = format!("SELECT pid FROM pg_stat_activity WHERE usename = '{}'", self.role);
        self.database.psql(&list).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Lets a server speak TLS.
pub fn serve_tls(server: &Cluster, identity: &Identity) {
    let quoted = |text: &str| text.replace('\'', "''");
    let lines = |text: &str| format!("SELECT unnest(string_to_array('{}', E'\\n'))", quoted(text.trim()));
    // The server writes its own files: it runs as another user, and its key must be readable by that user alone.
    for (text, file) in [(&identity.certificate, "server.crt"), (&identity.key, "server.key")] {
        let copy = format!("COPY ({}) TO PROGRAM 'umask 077; cat > {file}'", lines(text));
        psql(&server.url("postgres"), &copy).unwrap();
    }
    psql(&server.url("postgres"), "ALTER SYSTEM SET ssl = on").unwrap();
    psql(&server.url("postgres"), "SELECT pg_reload_conf()").unwrap();
    // The setting is there when a new connection sees it.
    while psql(&server.url("postgres"), "SHOW ssl").unwrap() != "on" {
        std::thread::yield_now();
    }
}

/// A file of this test run.
pub fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", Uuid::new_v4()));
    std::fs::write(&path, text).unwrap();
    path
}

/// A program.
pub struct Rig {
    pub app: App,
    directory: Directory,
}

struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Rig {
    /// A program with a vault; where `settings` name no database and the vault neither, on SQLite.
    pub fn new(vault: &TestVault, settings: &[(&str, &str)], refresh: Duration) -> Self {
        let address = vault.address_text();
        let mut all = vec![("AZURE_KEYVAULT_URL", address.as_str())];
        all.extend_from_slice(settings);
        let azure = Azure {
            credential: Arc::new(TestCredential::with("token")),
            key_vault: vault.options(Duration::from_secs(30)),
        };
        Self::build(&all, azure, Some(refresh))
    }

    /// One that is ready.
    pub async fn started(vault: &TestVault, settings: &[(&str, &str)], refresh: Duration) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(Uuid::new_v4().to_string());
        std::fs::create_dir_all(&directory).unwrap();
        let sqlite = format!("sqlite:{}", directory.join("inventory.db").display());
        let mut all = vec![("DATABASE_URL", sqlite.as_str())];
        all.extend_from_slice(settings);
        let mut rig = Self::new(vault, &all, refresh);
        rig.directory = Directory(directory);
        rig.app.start().await;
        rig
    }

    /// A program without a vault.
    pub fn with(settings: &[(&str, &str)], credential: Arc<TestCredential>) -> Self {
        let key_vault = KeyVaultOptions::default();
        Self::build(settings, Azure { credential, key_vault }, None)
    }

    fn build(settings: &[(&str, &str)], azure: Azure, refresh: Option<Duration>) -> Self {
        let usual = [
            // Nobody listens there: events stay in the outbox.
            (
                "ServiceBusConnection",
                "Endpoint=sb://127.0.0.1:9;SharedAccessKeyName=name;SharedAccessKey=key;UseDevelopmentEmulator=true",
            ),
            ("MIGRATE_ON_START", "true"),
            ("ENVIRONMENT", "local"),
            // As devhost sets it: there are no accounts.
            ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
        ];
        let values: BTreeMap<String, String> = usual
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut settings = Settings::from_values(&values).unwrap();
        if let Some(refresh) = refresh {
            settings.azure.key_vault_refresh = refresh;
        }
        Self {
            app: App::build_with(settings, azure).unwrap(),
            directory: Directory(PathBuf::new()),
        }
    }
}

/// A worker, which says how much it has done, and how much so far.
type Worker = (JoinHandle<Result<i64, Error>>, watch::Receiver<i64>);

/// Workers that read and write without a pause.
pub struct Load {
    app: App,
    item: i64,
    product: i64,
    workers: Vec<Worker>,
    stop: CancellationToken,
}

impl Load {
    pub async fn on(app: &App) -> Self {
        let new = json!({ "sku": "LOAD", "name": "Load", "unit_price_minor": 100, "currency": "EUR" });
        let new = serde_json::from_value(new).unwrap();
        let mut work = begin(app).await.unwrap();
        let product = products::create(&mut work, &new).await.unwrap().id;
        work.commit(reply()).await.unwrap();
        let item = add(app, product, 0).await.unwrap();
        Self {
            app: app.clone(),
            item,
            product,
            workers: Vec::new(),
            stop: CancellationToken::new(),
        }
    }

    /// So many more workers.
    pub fn add(&mut self, workers: usize) {
        for _ in 0..workers {
            let (done, progress) = watch::channel(0);
            let (app, product, stop) = (self.app.clone(), self.product, self.stop.clone());
            let worker = tokio::spawn(async move {
                let mut count = 0;
                while !stop.is_cancelled() {
                    let item = add(&app, product, 1).await?;
                    inventory::get(&app, item).await?;
                    count += 1;
                    done.send_replace(count);
                }
                Ok(count)
            });
            self.workers.push((worker, progress));
        }
    }

    /// Waits until each worker has done some more.
    pub async fn each_does_more(&mut self) {
        for (_, progress) in &mut self.workers {
            let aim = *progress.borrow() + 5;
            let more = progress.wait_for(|done| *done >= aim);
            let more = tokio::time::timeout(PATIENCE, more).await.expect("a worker goes on");
            assert!(more.is_ok(), "a worker has failed");
        }
    }

    /// Ends the workers: none has failed, and what they did is there.
    pub async fn stop_without_a_failure(self) {
        self.stop.cancel();
        let mut units = 0;
        for (worker, _) in self.workers {
            units += worker.await.unwrap().expect("no request fails");
        }
        assert!(units > 0);
        assert_eq!(inventory::get(&self.app, self.item).await.unwrap().quantity, units);
    }
}

pub async fn begin(app: &App) -> Result<inventory_app::Work, Error> {
    let call = Call {
        operation: "test",
        actor: "test".to_owned(),
        address: None,
        trace: None,
        request_id: Uuid::new_v4().to_string(),
        idempotency: None,
    };
    match app.begin(call).await? {
        Begun::Work(work) => Ok(work),
        Begun::Replay(_) => panic!("there was no idempotency key"),
    }
}

async fn add(app: &App, product: i64, quantity: i64) -> Result<i64, Error> {
    let units = serde_json::from_value(json!({ "product_id": product, "quantity": quantity })).unwrap();
    let mut work = begin(app).await?;
    let (item, _) = inventory::add(&mut work, &units).await?;
    work.commit(reply()).await?;
    Ok(item.id)
}

pub fn reply() -> Reply {
    Reply {
        code: 200,
        location: None,
        version: None,
        body: String::new(),
    }
}
