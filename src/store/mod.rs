//! What the daemon remembers: the journal with its checkpoints, and beside it people, users, samples, evidence,
//! deliveries and the recording of inputs.
//!
//! It keeps bytes and order and proves that they are unchanged. It does not know what an event means, reads no
//! clock (callers hand in the time), and shows no caller which database is behind it. One process opens a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::domain::time::{Span, Utc};
use chain::{Signing, sync_parent};
use checkpoint::{Checkpoint, Pace, Place, Purpose, Sealer};
use database::{Database, Tuning};
use error::StoreError;

pub mod backup;
pub mod canonical;
pub mod chain;
pub mod checkpoint;
pub mod credential;
pub mod error;
pub mod evidence;
pub mod export;
pub mod identity;
pub mod journal;
pub mod marks;
pub mod outbox;
pub mod pass;
pub mod people;
pub mod read;
pub mod recording;
pub mod samples;
pub mod stills;
pub mod segment;
mod database;
mod query;
pub mod verify;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its directory; made when missing.
    pub dir: PathBuf,
    /// A directory on another host or medium that receives a copy of each checkpoint.
    pub anchors: Option<PathBuf>,
    /// A checkpoint is signed after this many rows.
    pub checkpoint_rows: u64,
    /// A checkpoint is signed with the first batch after this time.
    pub checkpoint_every: Span,
    /// Days that a closed segment is kept; at least [`segment::RETENTION_DAYS_MIN`].
    pub retention_days: u16,
    /// Largest size of the database in bytes; `None` leaves it to the disk.
    pub size_max_bytes: Option<u64>,
    /// Largest evidence file in bytes.
    pub evidence_bytes_max: u64,
    /// No operation waits longer.
    pub timeout: Span,
    /// Connections for reading.
    pub readers: u32,
    /// What a commit waits for.
    pub durability: Durability,
    /// Where the tables are.
    pub home: Home,
}

/// Where the tables of a store are; its files lie in its directory either way.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Home {
    /// A SQLite file in the directory.
    #[default]
    File,
    /// A database of PostgreSQL, by its URL, password included.
    Postgres(zeroize::Zeroizing<String>),
}

impl std::fmt::Debug for Home {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File => "File",
            Self::Postgres(_) => "Postgres(…)",
        })
    }
}

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The disk has it: an acknowledged row survives a power cut.
    Full,
    /// The operating system has it: lost in a power cut. For measuring what [`Durability::Full`] costs and for
    /// proving that the power-cut test can fail; no setting file offers it.
    Off,
}

impl Settings {
    /// The defaults for a directory: checkpoints every 256 rows or 60 s, 400 days, 64 MiB of evidence a file.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            anchors: None,
            checkpoint_rows: 256,
            checkpoint_every: Span::seconds(60),
            retention_days: 400,
            size_max_bytes: None,
            evidence_bytes_max: 64 << 20,
            timeout: Span::seconds(10),
            readers: 4,
            durability: Durability::Full,
            home: Home::File,
        }
    }
}

/// The files of a store.
#[derive(Debug, Clone)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("journal.db")
    }
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints.log")
    }
    pub(crate) fn secret_key(&self) -> PathBuf {
        self.0.join("signing.key")
    }
    pub(crate) fn public_keys(&self) -> PathBuf {
        self.0.join("signing.pub")
    }
    pub(crate) fn evidence(&self) -> PathBuf {
        self.0.join("evidence")
    }
}

/// An open store. Cheap to clone; all clones are one store.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    layout: Layout,
    database: Database,
    signing: Arc<Signing>,
    sealer: Arc<Mutex<Sealer>>,
    /// The last row that a synced checkpoint covers, readable while the sealer is at work.
    sealed_seq: Arc<AtomicU64>,
    /// Held for as long as the store is open.
    _lock: fs::File,
}

impl Store {
    /// Opens a store, making what is missing and finishing what a crash left undone.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        check(&settings)?;
        let layout = Layout(settings.dir.clone());
        let timeout = settings.timeout.std();
        let (prepared, prepare) = (settings.clone(), layout.clone());
        let (lock, signing, sealer) = blocking(timeout, move || prepare_files(&prepared, &prepare)).await?;
        let tuning = Tuning {
            durability: settings.durability,
            size_max_bytes: settings.size_max_bytes,
            readers: settings.readers,
            timeout,
        };
        let late = |_| StoreError::Timeout { seconds: timeout.as_secs() };
        let file = layout.database();
        let opening = Database::open(&settings.home, &file, tuning);
        let database = tokio::time::timeout(timeout, opening).await.map_err(late)??;
        sync_parent(&file)?;
        let sealed_seq = Arc::new(AtomicU64::new(sealer.sealed_seq()));
        let sealer = Arc::new(Mutex::new(sealer));
        let inner =
            Inner { settings, layout, database, signing: Arc::new(signing), sealer, sealed_seq, _lock: lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Names the key that signs, for printing and comparing.
    pub fn key_fingerprint(&self) -> &str {
        &self.inner.signing.fingerprint
    }

    /// Whether this opening made a new signing key (a first start, or a restored backup).
    pub fn key_is_new(&self) -> bool {
        self.inner.signing.made
    }

    /// Signs a checkpoint if rows or time make one due; call it now and then while nothing is committed.
    pub async fn checkpoint_if_due(&self, at: Utc) -> Result<(), StoreError> {
        let place = self.end_place().await?;
        self.seal(place, at, Force::No).await
    }

    /// Signs a checkpoint of the journal's end, unless it has one.
    pub async fn checkpoint(&self, at: Utc) -> Result<(), StoreError> {
        let place = self.end_place().await?;
        self.seal(place, at, Force::Yes).await
    }

    /// Signs a last checkpoint and closes. Other clones fail from then on.
    pub async fn close(self, at: Utc) -> Result<(), StoreError> {
        let sealed = self.checkpoint(at).await;
        let noted = self.inner.database.writing(self.note_sealed()).await;
        self.inner.database.writing(self.inner.database.close()).await?;
        sealed.and(noted)
    }

    async fn note_sealed(&self) -> Result<(), StoreError> {
        let seq = self.sealed_seq();
        let mut transaction = self.inner.database.begin().await?;
        journal::note_sealed(&mut transaction.on(), seq).await?;
        transaction.commit().await
    }

    async fn end_place(&self) -> Result<Place, StoreError> {
        let work = async {
            let mut connection = self.inner.database.lease().await?;
            Ok(journal::End::read(&mut connection.on()).await?.place())
        };
        self.inner.database.reading(work).await
    }

    fn sealed_seq(&self) -> u64 {
        self.inner.sealed_seq.load(Ordering::Acquire)
    }

    /// Makes a checkpoint of `place` durable when it is due. The file work holds the sealer until it is finished,
    /// even when the wait for it is given up.
    async fn seal(&self, place: Place, at: Utc, force: Force) -> Result<(), StoreError> {
        let late = |_| StoreError::Unresolved { seconds: self.inner.settings.timeout.std().as_secs() };
        let waiting = Arc::clone(&self.inner.sealer).lock_owned();
        let mut sealer =
            tokio::time::timeout(self.inner.settings.timeout.std(), waiting).await.map_err(late)?;
        let wanted = match force {
            Force::Yes => place.seq > sealer.sealed_seq(),
            Force::No => sealer.due(place.seq, at),
        };
        let signing = Arc::clone(&self.inner.signing);
        let sealed_seq = Arc::clone(&self.inner.sealed_seq);
        self.blocking(move || {
            if !wanted {
                return sealer.anchor();
            }
            let anchored = sealer.seal(Checkpoint::sign(Purpose::Checkpoint, place, at, &signing))?;
            sealed_seq.store(place.seq, Ordering::Release);
            anchored
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        blocking(self.inner.settings.timeout.std(), work).await
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Force {
    Yes,
    No,
}

fn check(settings: &Settings) -> Result<(), StoreError> {
    let least = segment::RETENTION_DAYS_MIN;
    if settings.retention_days < least {
        return Err(StoreError::unfit(format!("the journal is kept for at least {least} days")));
    }
    Ok(())
}

fn prepare_files(settings: &Settings, layout: &Layout) -> Result<(fs::File, Signing, Sealer), StoreError> {
    fs::create_dir_all(&settings.dir)
        .map_err(StoreError::io("making the store's directory", &settings.dir))?;
    let lock = lock(&layout.lock(), &settings.dir)?;
    evidence::sweep(&layout.evidence())?;
    let signing = Signing::open(&layout.secret_key(), &layout.public_keys())?;
    let pace = Pace { rows: settings.checkpoint_rows.max(1), every: settings.checkpoint_every };
    let sealer = Sealer::open(layout.checkpoints(), settings.anchors.clone(), pace)?;
    Ok((lock, signing, sealer))
}

/// The lock goes with the process, however it ends.
fn lock(path: &Path, dir: &Path) -> Result<fs::File, StoreError> {
    let io = || StoreError::io("locking", path);
    let file = fs::OpenOptions::new().create(true).append(true).open(path).map_err(io())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(io()(error)),
    }
}

/// Runs file work off the runtime, with a time limit. Work that takes longer goes on to its end unwatched.
async fn blocking<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let late = |_| StoreError::Unresolved { seconds: limit.as_secs() };
    let joined = tokio::time::timeout(limit, tokio::task::spawn_blocking(work)).await.map_err(late)?;
    joined.map_err(|e| StoreError::Database { detail: format!("file work ended early: {e}") })?
}
