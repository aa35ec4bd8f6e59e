//! Databases: each test has its own, copied from one that has been migrated once.

use std::io::Write as _;
use std::path::Path;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Once};

use greenlight::app::{Address, Register};
use greenlight::clock::Clock;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;

/// The server on which tests make their databases: the address of any database there.
const SERVER: &str = "GREENLIGHT_TEST_POSTGRES";
/// Held while the database that others are copied from is made.
const TEMPLATE_LOCK: i64 = 7_315_420_081;

/// A database of a test's own, gone when the last copy of this is dropped.
#[derive(Clone)]
pub(crate) struct Database(Arc<Kept>);

enum Kept {
    Sqlite(TempDir),
    Postgres { server: Box<PgConnectOptions>, name: String },
}

impl Database {
    /// A register in a file of its own.
    pub(crate) async fn sqlite() -> Self {
        static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(file(folder.path()), TEMPLATE.get_or_init(sqlite_template).await).unwrap();
        Self(Arc::new(Kept::Sqlite(folder)))
    }

    /// A register in a database of its own on the server of the environment, if that names one.
    pub(crate) async fn postgres() -> Option<Self> {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let server = PgConnectOptions::from_str(&std::env::var(SERVER).ok()?).unwrap();
        let template = TEMPLATE.get_or_init(|| postgres_template(&server)).await;
        Some(Self::made(server, Some(template)).await)
    }

    async fn made(server: PgConnectOptions, template: Option<&str>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("greenlight_test_{}_{number}", std::process::id());
        create(&mut server.connect().await.unwrap(), &name, template).await.unwrap();
        Self(Arc::new(Kept::Postgres { server: Box::new(server), name }))
    }

    /// A database on the same engine that nothing has been put into, not even tables.
    pub(crate) async fn empty(&self) -> Self {
        match &*self.0 {
            Kept::Sqlite(_) => Self(Arc::new(Kept::Sqlite(tempfile::tempdir().unwrap()))),
            Kept::Postgres { server, .. } => Self::made((**server).clone(), None).await,
        }
    }

    /// Another database on the same engine.
    pub(crate) async fn another(&self) -> Self {
        match &*self.0 {
            Kept::Sqlite(_) => Self::sqlite().await,
            Kept::Postgres { .. } => Self::postgres().await.unwrap(),
        }
    }

    /// Its address.
    pub(crate) fn address(&self) -> Address {
        match &*self.0 {
            Kept::Sqlite(folder) => Address::Sqlite(file(folder.path())),
            Kept::Postgres { server, name } => {
                Address::Postgres(server.clone().database(name).to_url_lossy().to_string())
            }
        }
    }

    /// Does what no command of the register would do.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        let done = match &*self.0 {
            Kept::Sqlite(folder) => {
                let options = SqliteConnectOptions::new().filename(file(folder.path()));
                options.connect().await.unwrap().execute(sql).await.map(|_| ())
            }
            Kept::Postgres { server, name } => {
                let mut on = server.clone().database(name).connect().await.unwrap();
                on.execute(sql).await.map(|_| ())
            }
        };
        done.unwrap();
    }

    /// The register in it, with this clock.
    pub(crate) async fn open(&self, clock: &Clock) -> Register {
        Register::open(self.address(), clock.clone()).await.unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Self::Postgres { server, name } = self else { return };
        let (server, name) = (server.clone(), name.clone());
        // A test may end inside a runtime, which cannot wait for another.
        let dropping = std::thread::spawn(move || {
            runtime().block_on(async {
                let drop = AssertSqlSafe(format!("DROP DATABASE \"{name}\" WITH (FORCE)"));
                server.connect().await?.execute(drop).await
            })
        });
        let outcome = dropping.join();
        assert!(std::thread::panicking() || matches!(outcome, Ok(Ok(_))), "{outcome:?}");
    }
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("greenlight.db")
}

/// The bytes of a register that has been migrated and holds nothing.
async fn sqlite_template() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(file(folder.path())).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::migrate!("migrations/sqlite").run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    std::fs::read(file(folder.path())).unwrap()
}

/// The database that others are copied from, by the digest of its migrations: it stays on the server, since
/// no test knows whether it is the last to need it.
async fn postgres_template(server: &PgConnectOptions) -> String {
    let migrations = sqlx::migrate!("migrations/postgres");
    // A name has at most 63 bytes on PostgreSQL, and what is longer is cut off.
    let bytes = migrations.iter().flat_map(|migration| migration.checksum.iter());
    let digest = bytes.fold(0_u64, |digest, byte| digest.rotate_left(8).wrapping_mul(31) ^ u64::from(*byte));
    let name = format!("greenlight_template_{digest:016x}");
    let mut connection = server.connect().await.unwrap();
    let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK);
    lock.execute(&mut connection).await.unwrap();
    let known = sqlx::query("SELECT 1 FROM pg_database WHERE datname = $1").bind(&name);
    if known.fetch_optional(&mut connection).await.unwrap().is_none() {
        // Under another name until it is whole, so that nobody copies half of it.
        let unfinished = format!("{name}_unfinished");
        let sql = |text: String| AssertSqlSafe(text);
        connection.execute(sql(format!("DROP DATABASE IF EXISTS \"{unfinished}\""))).await.unwrap();
        create(&mut connection, &unfinished, None).await.unwrap();
        let mut template = server.clone().database(&unfinished).connect().await.unwrap();
        migrations.run(&mut template).await.unwrap();
        template.close().await.unwrap();
        let rename = format!("ALTER DATABASE \"{unfinished}\" RENAME TO \"{name}\"");
        connection.execute(sql(rename)).await.unwrap();
    }
    connection.close().await.unwrap();
    name
}

async fn create(on: &mut PgConnection, name: &str, template: Option<&str>) -> Result<(), sqlx::Error> {
    let template = template.unwrap_or("template0");
    let create = AssertSqlSafe(format!("CREATE DATABASE \"{name}\" TEMPLATE \"{template}\""));
    on.execute(create).await.map(|_| ())
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a test on SQLite.
pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: fn(Database) -> F) {
    runtime().block_on(async { test(Database::sqlite().await).await });
}

/// Runs a test on PostgreSQL, if there is a server to run it on.
pub(crate) fn on_postgres<F: Future<Output = ()>>(test: fn(Database) -> F) {
    static TOLD: Once = Once::new();
    runtime().block_on(async {
        match Database::postgres().await {
            Some(database) => test(database).await,
            // What tests print is swallowed if they pass, and nobody should think that they ran.
            None => TOLD.call_once(|| {
                let _ = writeln!(std::io::stderr(), "skipped: {SERVER} is not set");
            }),
        }
    });
}
