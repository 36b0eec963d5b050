//! The database connections: one writer, a few readers, bounded waits, SQLite or PostgreSQL. Nothing outside `store` sees
//! them, and nothing outside this folder's [`query`] knows which one it is.

use std::future::Future;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Postgres, Sqlite};
use tokio::sync::{Mutex, MutexGuard};

use super::error::StoreError;
use super::query::On;
use super::{Durability, Home};

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// Page size of the SQLite database, in bytes.
const PAGE_BYTES: u64 = 4096;
/// The lock in PostgreSQL that the one writer holds for as long as it is connected: "vcops" in ASCII.
const WRITER_LOCK: i64 = 0x76_63_6f_70_73;
/// How long the lock of a writer that has just died is waited for: its server process must notice first.
const WRITER_LOCK_WITHIN: Duration = Duration::from_secs(5);

/// One writer connection and a pool of readers.
#[derive(Debug)]
pub(super) struct Database {
    ends: Ends,
    pub(super) timeout: Duration,
}

/// The writer is absent while a transaction has it, and after a failure: the next transaction connects anew.
#[derive(Debug)]
enum Ends {
    Sqlite {
        writer: Mutex<Option<SqliteConnection>>,
        readers: SqlitePool,
        options: Box<SqliteConnectOptions>,
    },
    Postgres {
        writer: Mutex<Option<PgConnection>>,
        readers: PgPool,
        options: Box<PgConnectOptions>,
    },
}

/// How to open the database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    pub(super) durability: Durability,
    pub(super) size_max_bytes: Option<u64>,
    pub(super) readers: u32,
    pub(super) timeout: Duration,
}

impl Database {
    /// Opens or makes the database and brings its tables up to date. `path` is where SQLite keeps it.
    pub(super) async fn open(home: &Home, path: &Path, tuning: Tuning) -> Result<Self, StoreError> {
        let ends = match home {
            Home::File => sqlite_ends(path, tuning).await?,
            Home::Postgres(url) => postgres_ends(url, tuning).await?,
        };
        Ok(Self { ends, timeout: tuning.timeout })
    }

    /// Starts a write transaction, holding the right to write from its first moment.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        match &self.ends {
            Ends::Sqlite { writer, options, .. } => {
                let mut home = writer.lock().await;
                let mut connection = match home.take() {
                    Some(connection) => connection,
                    None => options.connect().await?,
                };
                sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
                Ok(Transaction::Sqlite(home, connection))
            }
            Ends::Postgres { writer, options, .. } => {
                let mut home = writer.lock().await;
                let mut connection = match home.take() {
                    Some(connection) => connection,
                    None => postgres_writer(options).await?,
                };
                sqlx::query("BEGIN").execute(&mut connection).await?;
                Ok(Transaction::Postgres(home, Box::new(connection)))
            }
        }
    }

    /// A connection for reading; it goes back when dropped.
    pub(super) async fn lease(&self) -> Result<Lease, StoreError> {
        Ok(match &self.ends {
            Ends::Sqlite { readers, .. } => Lease::Sqlite(readers.acquire().await?),
            Ends::Postgres { readers, .. } => Lease::Postgres(readers.acquire().await?),
        })
    }

    /// Runs a write with the store's time limit.
    pub(super) async fn writing<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let late = |_| StoreError::Unresolved { seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }

    /// Runs a read with the store's time limit.
    pub(super) async fn reading<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let late = |_| StoreError::Timeout { seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }

    /// Closes all connections; SQLite's last one folds the write-ahead log into the database.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        match &self.ends {
            Ends::Sqlite { writer, readers, .. } => {
                readers.close().await;
                if let Some(connection) = writer.lock().await.take() {
                    connection.close().await?;
                }
            }
            Ends::Postgres { writer, readers, .. } => {
                readers.close().await;
                if let Some(connection) = writer.lock().await.take() {
                    connection.close().await?;
                }
            }
        }
        Ok(())
    }
}

/// A connection for reading.
#[derive(Debug)]
pub(super) enum Lease {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Lease {
    pub(super) fn on(&mut self) -> On<'_> {
        match self {
            Self::Sqlite(connection) => On::Sqlite(connection),
            Self::Postgres(connection) => On::Postgres(connection),
        }
    }
}

/// A write transaction. Dropping it uncommitted closes its connection, which rolls it back whatever state an
/// error or a cancelled wait left it in.
#[derive(Debug)]
pub(super) enum Transaction<'a> {
    Sqlite(MutexGuard<'a, Option<SqliteConnection>>, SqliteConnection),
    Postgres(MutexGuard<'a, Option<PgConnection>>, Box<PgConnection>),
}

impl Transaction<'_> {
    pub(super) fn on(&mut self) -> On<'_> {
        match self {
            Self::Sqlite(_, connection) => On::Sqlite(connection),
            Self::Postgres(_, connection) => On::Postgres(connection),
        }
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.end("COMMIT").await
    }

    /// Ends without writing and keeps the connection: for expected refusals.
    pub(super) async fn roll_back(self) -> Result<(), StoreError> {
        self.end("ROLLBACK").await
    }

    async fn end(self, word: &'static str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(mut home, mut connection) => {
                sqlx::query(word).execute(&mut connection).await?;
                *home = Some(connection);
            }
            Self::Postgres(mut home, mut connection) => {
                sqlx::query(word).execute(&mut *connection).await?;
                *home = Some(*connection);
            }
        }
        Ok(())
    }
}

/// A reader of its own that makes nothing and migrates nothing: for verification of a store that another process may
/// have open, and for copies of one moment.
#[derive(Debug)]
pub(super) enum Reader {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

impl Reader {
    pub(super) async fn open(home: &Home, path: &Path) -> Result<Self, StoreError> {
        Ok(match home {
            Home::File => Self::Sqlite(reader_options(path).connect().await?),
            Home::Postgres(url) => {
                let options = PgConnectOptions::from_str(url).map_err(|_| bad_url())?;
                Self::Postgres(Box::new(options.connect().await?))
            }
        })
    }

    pub(super) fn on(&mut self) -> On<'_> {
        match self {
            Self::Sqlite(connection) => On::Sqlite(connection),
            Self::Postgres(connection) => On::Postgres(connection),
        }
    }

    /// Sees one moment from now on, whatever others write.
    pub(super) async fn hold_still(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => sqlx::query("BEGIN").execute(connection).await.map(|_| ())?,
            Self::Postgres(connection) => {
                let word = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                sqlx::query(word).execute(&mut **connection).await.map(|_| ())?;
            }
        }
        Ok(())
    }

    pub(super) async fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}

async fn sqlite_ends(path: &Path, tuning: Tuning) -> Result<Ends, StoreError> {
    let options = writer_options(path, tuning);
    let mut writer = options.connect().await?;
    SQLITE.run(&mut writer).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(tuning.readers.max(1))
        .acquire_timeout(tuning.timeout)
        .connect_lazy_with(reader_options(path));
    Ok(Ends::Sqlite { writer: Mutex::new(Some(writer)), readers, options: Box::new(options) })
}

async fn postgres_ends(url: &str, tuning: Tuning) -> Result<Ends, StoreError> {
    // The parser's words would repeat the password.
    let options = PgConnectOptions::from_str(url).map_err(|_| bad_url())?;
    let synchronous = match tuning.durability {
        Durability::Full => "on",
        Durability::Off => "off",
    };
    let limit = format!("{}ms", tuning.timeout.as_millis());
    let options = options
        .application_name("vcops")
        .options([("synchronous_commit", synchronous), ("statement_timeout", limit.as_str())]);
    let mut writer = postgres_writer(&options).await?;
    POSTGRES.run(&mut writer).await?;
    let readers = PgPoolOptions::new()
        .max_connections(tuning.readers.max(1))
        .acquire_timeout(tuning.timeout)
        .connect_lazy_with(options.clone());
    Ok(Ends::Postgres { writer: Mutex::new(Some(writer)), readers, options: Box::new(options) })
}

/// Connects and takes the lock of the one writer.
async fn postgres_writer(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let mut connection = options.connect().await?;
    let began = tokio::time::Instant::now();
    loop {
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(WRITER_LOCK)
            .fetch_one(&mut connection)
            .await?;
        if taken {
            return Ok(connection);
        }
        if began.elapsed() > WRITER_LOCK_WITHIN {
            return Err(StoreError::Refused {
                detail: "another process has this store open in PostgreSQL".into(),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn bad_url() -> StoreError {
    StoreError::unfit("the address of PostgreSQL cannot be read: postgres://user@host:5432/database")
}

fn reader_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(5))
}

fn writer_options(path: &Path, tuning: Tuning) -> SqliteConnectOptions {
    let synchronous = match tuning.durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Off => SqliteSynchronous::Off,
    };
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .page_size(PAGE_BYTES as u32)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // REPLACE must meet the triggers that forbid deletion.
        .pragma("recursive_triggers", "ON");
    if let Some(bytes) = tuning.size_max_bytes {
        options = options.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string());
    }
    options
}
