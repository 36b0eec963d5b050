//! What can go wrong with the store, by kind, so that callers decide without knowing the database.

use std::path::{Path, PathBuf};

use sqlx::postgres::PgDatabaseError;

/// Why the store did not do what was asked. Unless a variant says otherwise nothing was written, and the store
/// can be used again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has this directory open.
    #[error("the store in {} is open in another process", dir.display())]
    Locked {
        /// The directory asked for.
        dir: PathBuf,
    },
    /// A newer program has written this store.
    #[error("the store was written by a newer version (schema {found}); use that version or newer")]
    Newer {
        /// The schema number found.
        found: i64,
    },
    /// The disk, or the size that settings allow, is full.
    #[error("no space left for the store: {detail}")]
    Full {
        /// What the system said.
        detail: String,
    },
    /// A file could not be read or written.
    #[error("{what}: {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database reports an input or output error. When it is a commit's, nothing of it is to be seen; but if the
    /// process ends before another commit succeeds, the next start may find it committed. Replay marks cover that.
    #[error("the database cannot read or write its files: {detail}")]
    DatabaseIo {
        /// What the database said.
        detail: String,
    },
    /// Stored bytes are not what was written.
    #[error("the store is damaged: {detail}")]
    Damaged {
        /// Where and how.
        detail: String,
    },
    /// A read took too long.
    #[error("reading took longer than {seconds} s")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// A write took too long. Whether it was committed is not known: ask `head` before trying again.
    #[error("writing took longer than {seconds} s; whether it was committed is not known")]
    Unresolved {
        /// The limit.
        seconds: u64,
    },
    /// The journal is not where the caller believes.
    #[error("the journal ends at row {found}, not at row {expected}")]
    HeadMoved {
        /// What the batch said.
        expected: u64,
        /// What the journal says.
        found: u64,
    },
    /// The caller handed in something that cannot be stored.
    #[error("not storable: {detail}")]
    Unfit {
        /// What and why.
        detail: String,
    },
    /// A rule of the store forbids it (retention, closed segments, append only).
    #[error("refused: {detail}")]
    Refused {
        /// Which rule.
        detail: String,
    },
    /// The thing asked for is not there.
    #[error("not found: {what}")]
    Missing {
        /// What.
        what: String,
    },
    /// A backup, export or copy does not verify.
    #[error("does not verify: {detail}")]
    Unverified {
        /// The first problem.
        detail: String,
    },
    /// The database failed in a way that has no kind of its own.
    #[error("the database failed: {detail}")]
    Database {
        /// What the database said.
        detail: String,
    },
}

impl StoreError {
    /// A stable code for interfaces and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "store.locked",
            Self::Newer { .. } => "store.newer",
            Self::Full { .. } => "store.full",
            Self::Io { .. } | Self::DatabaseIo { .. } => "store.io",
            Self::Damaged { .. } => "store.damaged",
            Self::Timeout { .. } => "store.timeout",
            Self::Unresolved { .. } => "store.unresolved",
            Self::HeadMoved { .. } => "store.head_moved",
            Self::Unfit { .. } => "store.unfit",
            Self::Refused { .. } => "store.refused",
            Self::Missing { .. } => "store.missing",
            Self::Unverified { .. } => "store.unverified",
            Self::Database { .. } => "store.database",
        }
    }

    /// For `map_err` on file operations.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        move |source| {
            if matches!(source.kind(), StorageFull | QuotaExceeded) {
                return Self::Full { detail: format!("{what}: {}: {source}", path.display()) };
            }
            Self::Io { what, path: path.to_owned(), source }
        }
    }

    pub(super) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged { detail: detail.into() }
    }

    pub(super) fn unfit(detail: impl Into<String>) -> Self {
        Self::Unfit { detail: detail.into() }
    }

    pub(super) fn refused(detail: impl Into<String>) -> Self {
        Self::Refused { detail: detail.into() }
    }
}

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html; extended codes keep them in the low byte.
const SQLITE_BUSY: u32 = 5;
const SQLITE_IOERR: u32 = 10;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_CONSTRAINT: u32 = 19;
const SQLITE_NOTADB: u32 = 26;
const SQLITE_READONLY: u32 = 8;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let postgres = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
        if let Some(postgres) = postgres {
            return by_sqlstate(postgres.code(), error.to_string());
        }
        let code = error.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<u32>().ok());
        let detail = error.to_string();
        match code.map(|code| code & 0xff) {
            Some(SQLITE_FULL) => Self::Full { detail },
            Some(SQLITE_IOERR | SQLITE_CANTOPEN | SQLITE_READONLY) => Self::DatabaseIo { detail },
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Self::Damaged { detail },
            Some(SQLITE_CONSTRAINT) => Self::Refused { detail },
            Some(SQLITE_BUSY) => Self::Database { detail: format!("busy: {detail}") },
            _ => Self::Database { detail },
        }
    }
}

/// Classes of SQLSTATE, PostgreSQL's appendix A.
fn by_sqlstate(code: &str, detail: String) -> StoreError {
    match code {
        // disk_full.
        "53100" => StoreError::Full { detail },
        // query_canceled, by the time limit.
        "57014" => StoreError::Database { detail: format!("took too long: {detail}") },
        // data_corrupted, index_corrupted.
        "XX001" | "XX002" => StoreError::Damaged { detail },
        // Raised by a trigger; an integrity constraint.
        code if code == "P0001" || code.starts_with("23") => StoreError::Refused { detail },
        code if code.starts_with("58") => StoreError::DatabaseIo { detail },
        _ => StoreError::Database { detail },
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError as E;
        if let E::VersionMissing(found) | E::VersionTooNew(found, _) = error {
            return Self::Newer { found };
        }
        let detail = error.to_string();
        let cause =
            if let E::Execute(cause) | E::ExecuteMigration(cause, _) = error { Some(cause) } else { None };
        cause.map_or(Self::Database { detail }, Self::from)
    }
}
