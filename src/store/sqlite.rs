//! The database connections: one writer, a few readers, bounded waits. Nothing outside `store` sees them.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use tokio::sync::{Mutex, MutexGuard};

use super::Durability;
use super::error::StoreError;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// Page size of the database, in bytes.
const PAGE_BYTES: u64 = 4096;

/// One writer connection and a pool of readers.
#[derive(Debug)]
pub(super) struct Database {
    /// Absent while a transaction has it, and after a failure: the next transaction connects anew.
    writer: Mutex<Option<SqliteConnection>>,
    pub(super) readers: SqlitePool,
    options: SqliteConnectOptions,
    pub(super) timeout: Duration,
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
    /// Opens or makes the database and brings its tables up to date.
    pub(super) async fn open(path: &Path, tuning: Tuning) -> Result<Self, StoreError> {
        let options = writer_options(path, tuning);
        let mut writer = options.connect().await?;
        MIGRATOR.run(&mut writer).await?;
        Ok(Self {
            writer: Mutex::new(Some(writer)),
            readers: readers(path, tuning.readers, tuning.timeout),
            options,
            timeout: tuning.timeout,
        })
    }

    /// Starts a write transaction, holding the write lock from its first moment.
    pub(super) async fn begin(&self) -> Result<Transaction<'_>, StoreError> {
        let mut home = self.writer.lock().await;
        let mut connection = match home.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(Transaction { home, connection })
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

    /// Closes all connections; the last one folds the write-ahead log into the database.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        if let Some(connection) = self.writer.lock().await.take() {
            connection.close().await?;
        }
        Ok(())
    }
}

/// A write transaction. Dropping it uncommitted closes its connection, which rolls it back whatever state an
/// error or a cancelled wait left it in.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    home: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl Transaction<'_> {
    pub(super) fn on(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT").execute(&mut self.connection).await?;
        *self.home = Some(self.connection);
        Ok(())
    }

    /// Ends without writing and keeps the connection: for expected refusals.
    pub(super) async fn roll_back(mut self) -> Result<(), StoreError> {
        sqlx::query("ROLLBACK").execute(&mut self.connection).await?;
        *self.home = Some(self.connection);
        Ok(())
    }
}

/// A reader that makes nothing and migrates nothing: for verification of a store that another process may have open.
pub(super) async fn reader(path: &Path) -> Result<SqliteConnection, StoreError> {
    Ok(reader_options(path).connect().await?)
}

fn readers(path: &Path, count: u32, timeout: Duration) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(count.max(1))
        .acquire_timeout(timeout)
        .connect_lazy_with(reader_options(path))
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
