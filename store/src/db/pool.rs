//! Connections to either engine.

use super::{
    Arg, Authentication, ById, FromRow, Observer, Reader, Sql, StoreError, access::Access, arg, group::Commits,
};
use crate::{backorders::Arrivals, changes::Changes, names::NameLookups};
use inventory_domain::{Timestamp, order::Order, product::Product, stock::StockItem};
use secrecy::SecretString;
use sqlx::{
    AssertSqlSafe, Executor as _, PgPool, SqlitePool, Transaction,
    migrate::Migrator,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");

/// One plan for each statement, whatever statistics say and whatever its parameters are (docs/adr/0011): all of them but the
/// reports find a bounded number of rows by their indexes.
pub(super) const PLANS: [(&str, &str); 4] = [
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];
/// Reports read whole tables, and join them as is best for that.
const REPORT_PLANS: &str = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on";
/// What is only measured is given up before it disturbs the work: the server itself stops, whoever has gone meanwhile.
const MEASURE_PLANS: &str =
    "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; SET LOCAL statement_timeout = 2000";

/// A pooled connection that was idle this long is tried before it is used again; a busier one is trusted.
const VERIFY_AFTER_IDLE: Duration = Duration::from_secs(15);

/// Which database holds the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, for production and several instances.
    Postgres = 0,
    /// SQLite, embedded, one machine.
    Sqlite = 1,
}

/// How to connect.
#[derive(Clone)]
pub struct Options {
    /// `postgres://…` or `sqlite:PATH`.
    pub url: String,
    /// The user's password (PostgreSQL); wins over one in the URL.
    pub password: Option<SecretString>,
    /// How we prove who we are (PostgreSQL).
    pub authentication: Authentication,
    /// Connections kept at most; S15's pool of 10 (+20) is 30.
    pub connections_max: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long one statement may run (PostgreSQL), or wait for the database to be free (SQLite).
    pub statement_timeout: Duration,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Options")
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

/// How the connections of a store are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Connections that somebody has, or that are being made.
    pub used: u32,
    /// Connections that are open and wait.
    pub idle: u32,
    /// Connections that may be open.
    pub max: u32,
}

/// The present moment, in whole microseconds.
pub fn clock() -> Timestamp {
    Timestamp::from_micros(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)),
    )
}

#[derive(Clone)]
pub(super) enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// The store: clones share one pool.
#[derive(Clone)]
pub struct Store {
    pub(super) pool: Pool,
    pub(super) statements: Arc<AtomicU64>,
    pub(super) commits: Commits,
    pub(crate) changes: Changes,
    pub(crate) name_lookups: NameLookups,
    pub(crate) stock_items: ById<i64, StockItem>,
    pub(crate) products: ById<i64, Product>,
    pub(crate) orders: ById<Uuid, Order>,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(super) access: Arc<Access>,
    pub(super) keeps_event_history: bool,
    pub(super) observer: Option<Arc<dyn Observer>>,
    writer: Arc<Semaphore>,
    write_timeout: Duration,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("engine", &self.engine())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares a pool; connects when first used, so that a database that is away does not keep the program from starting.
    ///
    /// # Errors
    /// When the URL is not one of the two forms.
    pub fn open(options: &Options) -> Result<Self, StoreError> {
        let access = Arc::new(Access::new(
            options.authentication,
            options.statement_timeout,
            options.acquire_timeout,
        ));
        let pool = if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            let connect = access
                .options(&options.url, options.password.as_ref())
                .map_err(|error| StoreError::Internal(sqlx::Error::Configuration(error.into())))?;
            access.note_way(&options.url, options.password.as_ref());
            let watched = Arc::clone(&access);
            Pool::Postgres(
                PgPoolOptions::new()
                    .max_connections(options.connections_max)
                    .acquire_timeout(options.acquire_timeout)
                    .test_before_acquire(false)
                    .before_acquire(move |connection, meta| {
                        let is_outdated = watched.is_outdated(meta.age);
                        Box::pin(async move {
                            if is_outdated {
                                return Ok(false);
                            }
                            if meta.idle_for >= VERIFY_AFTER_IDLE {
                                sqlx::Connection::ping(connection).await?;
                            }
                            Ok(true)
                        })
                    })
                    .connect_lazy_with(connect),
            )
        } else if options.url.starts_with("sqlite:") {
            let connect = SqliteConnectOptions::from_str(&options.url)?
                .create_if_missing(true)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                // Committed means on disk: an order that was accepted survives a power cut.
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(options.statement_timeout)
                .statement_cache_capacity(256)
                // A page of a list goes from SQLite's thread to ours in one go.
                .row_buffer_size(1_024)
                .pragma("cache_size", "-32000");
            Pool::Sqlite(
                SqlitePoolOptions::new()
                    .max_connections(options.connections_max.min(8))
                    .acquire_timeout(options.acquire_timeout)
                    .test_before_acquire(false)
                    .connect_lazy_with(connect),
            )
        } else {
            return Err(StoreError::Internal(sqlx::Error::Configuration(
                "DATABASE_URL must start with postgres:// or sqlite:".into(),
            )));
        };
        let changes = Changes::new(matches!(pool, Pool::Sqlite(_)));
        Ok(Self {
            pool,
            statements: Arc::default(),
            commits: Commits::default(),
            changes,
            name_lookups: NameLookups::default(),
            stock_items: ById::default(),
            products: ById::default(),
            orders: ById::default(),
            arrivals: Arc::default(),
            access,
            keeps_event_history: false,
            observer: None,
            writer: Arc::new(Semaphore::new(1)),
            write_timeout: options.statement_timeout,
        })
    }

    /// Whether each event is delivered to the event history, too.
    #[must_use]
    pub const fn with_event_history(mut self, keeps_event_history: bool) -> Self {
        self.keeps_event_history = keeps_event_history;
        self
    }

    /// Which database this is.
    pub const fn engine(&self) -> Engine {
        match self.pool {
            Pool::Postgres(_) => Engine::Postgres,
            Pool::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Brings the schema up to date, under a lock, so that several instances may do it at once. Nothing is done twice.
    ///
    /// # Errors
    /// When the database is away, or holds a schema that this program does not know.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let result = match &self.pool {
            Pool::Postgres(pool) => POSTGRES.run(pool).await,
            Pool::Sqlite(pool) => {
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                let result = SQLITE.run(&mut tx).await;
                if result.is_ok() {
                    tx.commit().await?;
                }
                result
            }
        };
        result.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => {
                error.into()
            }
            other => StoreError::Internal(sqlx::Error::Migrate(Box::new(other))),
        })
    }

    /// The migrations of this program.
    pub(crate) fn migrator(&self) -> &'static Migrator {
        match self.engine() {
            Engine::Postgres => &POSTGRES,
            Engine::Sqlite => &SQLITE,
        }
    }

    /// Whether all migrations of this program are applied.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_migrated(&self) -> Result<bool, StoreError> {
        static APPLIED: Sql = Sql::new("SELECT COUNT(*) FROM _sqlx_migrations WHERE success");
        match self.one::<i64>(&APPLIED, &[]).await {
            // More: a newer program was here, and what it added does not disturb this one.
            Ok(applied) => Ok(applied >= self.migrator().iter().count() as i64),
            Err(error @ StoreError::Unavailable(_)) => Err(error),
            // The table is made by the first migration.
            Err(_) => Ok(false),
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        static PING: Sql = Sql::new("SELECT CAST(1 AS BIGINT)");
        self.one::<i64>(&PING, &[]).await.map(drop)
    }

    /// Waits for the connections in use and closes all of them.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Postgres(pool) => pool.close().await,
            Pool::Sqlite(pool) => pool.close().await,
        }
    }

    /// Statements executed since the store was opened; for tests that hold their number against the size of a batch.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How PostgreSQL is connected to now; `None` on SQLite.
    pub(crate) fn postgres_options(&self) -> Option<sqlx::postgres::PgConnectOptions> {
        match &self.pool {
            Pool::Postgres(pool) => Some(pool.connect_options().as_ref().clone()),
            Pool::Sqlite(_) => None,
        }
    }

    /// How the connections are used just now.
    pub fn pool_status(&self) -> PoolStatus {
        let (size, idle, max) = match &self.pool {
            Pool::Postgres(pool) => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
            Pool::Sqlite(pool) => (pool.size(), pool.num_idle(), pool.options().get_max_connections()),
        };
        // The two are read one after the other.
        let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(size);
        PoolStatus {
            used: size - idle,
            idle,
            max,
        }
    }

    /// All rows of a report: a statement that reads whole tables.
    pub(crate) async fn report<T: FromRow>(&self, sql: &Sql, args: &[Arg<'_>]) -> Result<Vec<T>, StoreError> {
        self.all_with(REPORT_PLANS, sql, args).await
    }

    /// All rows of a statement that nobody's work waits for. PostgreSQL gives it up after two seconds.
    pub(crate) async fn measure<T: FromRow>(&self, sql: &Sql, args: &[Arg<'_>]) -> Result<Vec<T>, StoreError> {
        self.all_with(MEASURE_PLANS, sql, args).await
    }

    async fn all_with<T: FromRow>(
        &self,
        settings: &'static str,
        sql: &Sql,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, StoreError> {
        let Pool::Postgres(pool) = &self.pool else {
            return self.all(sql, args).await;
        };
        let connection = self.acquire(pool).await?;
        let mut tx = self.observe(Transaction::begin(connection, None)).await?;
        self.observe(tx.execute(settings)).await?;
        let query = arg::bind_postgres(sqlx::query(sql.text(Engine::Postgres)), args);
        let rows = self.observe(query.fetch_all(&mut *tx)).await?;
        self.observe(tx.commit()).await?;
        rows.iter().map(|row| T::from_row(&mut Reader::postgres(row))).collect()
    }

    /// PostgreSQL's plan of a statement where indexes are preferred, for tests of the indexes; `None` on SQLite.
    #[doc(hidden)]
    pub async fn explain(&self, statement: &str) -> Result<Option<String>, StoreError> {
        self.explain_after("SET LOCAL enable_seqscan = off", statement).await
    }

    /// PostgreSQL's plan of a statement as it would be executed, for tests; `None` on SQLite.
    #[doc(hidden)]
    pub async fn plan(&self, statement: &str) -> Result<Option<String>, StoreError> {
        self.explain_after("", statement).await
    }

    async fn explain_after(&self, setting: &str, statement: &str) -> Result<Option<String>, StoreError> {
        let Pool::Postgres(pool) = &self.pool else {
            return Ok(None);
        };
        let mut tx = pool.begin().await?;
        tx.execute(AssertSqlSafe(setting.to_owned())).await?;
        let rows = tx
            .fetch_all(sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN {statement}"))))
            .await?;
        tx.rollback().await?;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| sqlx::Row::try_get(row, 0)).collect();
        Ok(Some(lines?.join("\n")))
    }

    /// Executes one statement of any kind, for tests and tools.
    #[doc(hidden)]
    pub async fn execute_raw(&self, statement: &str) -> Result<u64, StoreError> {
        let statement = AssertSqlSafe(statement.to_owned());
        Ok(match &self.pool {
            Pool::Postgres(pool) => pool.execute(sqlx::raw_sql(statement)).await?.rows_affected(),
            Pool::Sqlite(pool) => pool.execute(sqlx::raw_sql(statement)).await?.rows_affected(),
        })
    }

    /// One number from a statement of any kind, for tests and tools.
    #[doc(hidden)]
    pub async fn number_raw(&self, statement: &str) -> Result<i64, StoreError> {
        let statement = AssertSqlSafe(statement.to_owned());
        Ok(match &self.pool {
            Pool::Postgres(pool) => sqlx::query_scalar(statement).fetch_one(pool).await?,
            Pool::Sqlite(pool) => sqlx::query_scalar(statement).fetch_one(pool).await?,
        })
    }
}

/// Runs statements: on the store each by itself, on a [`super::Tx`] as part of it.
pub(crate) trait Run {
    /// All rows.
    async fn all<T: FromRow>(self, sql: &Sql, args: &[Arg<'_>]) -> Result<Vec<T>, StoreError>;
    /// The first row, if there is one.
    async fn first<T: FromRow>(self, sql: &Sql, args: &[Arg<'_>]) -> Result<Option<T>, StoreError>;
}

impl Store {
    /// SQLite: the right to write. Waiting for it in turn is fair and wakes at once; waiting inside SQLite is neither.
    pub(super) async fn permit_to_write(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let permit = tokio::time::timeout(self.write_timeout, self.writer.clone().acquire_owned()).await;
        permit
            .ok()
            .and_then(Result::ok)
            .ok_or(StoreError::Unavailable(sqlx::Error::PoolTimedOut))
    }

    /// Exactly one row.
    pub(crate) async fn one<T: FromRow>(&self, sql: &Sql, args: &[Arg<'_>]) -> Result<T, StoreError> {
        self.first(sql, args)
            .await?
            .ok_or(StoreError::Internal(sqlx::Error::RowNotFound))
    }

    /// Rows changed, in a transaction of its own.
    pub(crate) async fn execute(&self, sql: &Sql, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        Ok(match &self.pool {
            Pool::Postgres(pool) => {
                let mut connection = self.acquire(pool).await?;
                let query = arg::bind_postgres(sqlx::query(sql.text(Engine::Postgres)), args);
                self.observe(query.execute(&mut *connection)).await?.rows_affected()
            }
            Pool::Sqlite(pool) => {
                let mut connection = self.acquire_sqlite(pool).await?;
                let query = arg::bind_sqlite(sqlx::query(sql.text(Engine::Sqlite)), args);
                self.observe(query.execute(&mut *connection)).await?.rows_affected()
            }
        })
    }
}

impl Run for &Store {
    async fn all<T: FromRow>(self, sql: &Sql, args: &[Arg<'_>]) -> Result<Vec<T>, StoreError> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let mut connection = self.acquire(pool).await?;
                let query = arg::bind_postgres(sqlx::query(sql.text(Engine::Postgres)), args);
                let rows = self.observe(query.fetch_all(&mut *connection)).await?;
                rows.iter().map(|row| T::from_row(&mut Reader::postgres(row))).collect()
            }
            Pool::Sqlite(pool) => {
                let mut connection = self.acquire_sqlite(pool).await?;
                let query = arg::bind_sqlite(sqlx::query(sql.text(Engine::Sqlite)), args);
                let rows = self.observe(query.fetch_all(&mut *connection)).await?;
                rows.iter().map(|row| T::from_row(&mut Reader::sqlite(row))).collect()
            }
        }
    }

    async fn first<T: FromRow>(self, sql: &Sql, args: &[Arg<'_>]) -> Result<Option<T>, StoreError> {
        match &self.pool {
            Pool::Postgres(pool) => {
                let mut connection = self.acquire(pool).await?;
                let query = arg::bind_postgres(sqlx::query(sql.text(Engine::Postgres)), args);
                let row = self.observe(query.fetch_optional(&mut *connection)).await?;
                row.map(|row| T::from_row(&mut Reader::postgres(&row))).transpose()
            }
            Pool::Sqlite(pool) => {
                let mut connection = self.acquire_sqlite(pool).await?;
                let query = arg::bind_sqlite(sqlx::query(sql.text(Engine::Sqlite)), args);
                let row = self.observe(query.fetch_optional(&mut *connection)).await?;
                row.map(|row| T::from_row(&mut Reader::sqlite(&row))).transpose()
            }
        }
    }
}
