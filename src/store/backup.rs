//! Backup while the store is open, and restore that proves it: every file is listed with its hash in a signed
//! manifest, and a restored store is verified before it gets its name.
//!
//! The signing key is not in a backup. A restored store makes a new one and goes on trusting the old public key.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chain::{Fields, Hash, Trusted, sync_parent, write_synced};
use super::checkpoint::{Checkpoint, Purpose};
use super::database::Reader;
use super::error::StoreError;
use super::export::file_sha256;
use super::journal::{End, Head};
use super::query::query;
use super::verify::{Verification, verify_dir};
use super::{Home, Layout, Store, blocking, evidence};
use crate::domain::time::Utc;
use crate::metrics::failpoint::{Failpoint, hit};

const MANIFEST: &str = "manifest.json";
const FORMAT: &str = "vcops.backup.v1";
/// The longest wait for copying: the database, all files, a restore.
const COPY: Duration = Duration::from_secs(3600);

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of this manifest.
    pub format: String,
    /// When it was made.
    pub at: Utc,
    /// The journal's last row in it.
    pub seq: u64,
    /// That row's SHA-256, hex.
    pub hash: String,
    /// Fingerprint of the signing key, to be compared with a printed copy.
    pub key: String,
    /// Its files.
    pub files: Vec<BackupFile>,
    /// Ed25519 signature over all of the above, hex.
    pub signature: String,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// Its path within the backup.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
}

impl Manifest {
    fn message(&self) -> Hash {
        let fields = Fields::new("vcops.backup.v1")
            .bytes(self.format.as_bytes())
            .number(self.at.0)
            .bytes(&self.seq.to_be_bytes())
            .bytes(self.hash.as_bytes())
            .bytes(self.key.as_bytes());
        let add = |fields: Fields, file: &BackupFile| {
            fields.bytes(file.path.as_bytes()).bytes(&file.bytes.to_be_bytes()).bytes(file.sha256.as_bytes())
        };
        self.files.iter().fold(fields, add).finish()
    }
}

impl Store {
    /// Copies the store into a new or empty directory while it stays open. The copy is of one moment.
    pub async fn backup(&self, dest: &Path, at: Utc) -> Result<Manifest, StoreError> {
        if let Home::Postgres(_) = self.inner.settings.home {
            return Err(StoreError::refused(
                "a store in PostgreSQL is backed up with PostgreSQL's own tools, and its directory beside them",
            ));
        }
        let target = Layout(dest.to_owned());
        let made = target.clone();
        self.blocking(move || empty_dir(&made.0)).await?;
        let (head, evidence) = self.copy_database(&target).await?;
        hit(Failpoint::StoreBackupDatabase);
        let seal = Checkpoint::sign(Purpose::Checkpoint, head.place(), at, &self.inner.signing);
        let source = self.inner.layout.clone();
        let files = blocking(COPY, move || copy_files(&source, &target, &evidence, &seal)).await?;
        hit(Failpoint::StoreBackupBeforeManifest);
        let manifest = self.manifest(&head.head(), files, at);
        let path = dest.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).expect("texts and numbers have a JSON form");
        self.blocking(move || {
            write_synced(&path, &text, 0o644)?;
            sync_parent(&path)
        })
        .await?;
        Ok(manifest)
    }

    /// The database of one moment, its head, and the evidence that it names.
    async fn copy_database(&self, target: &Layout) -> Result<(End, Vec<String>), StoreError> {
        let file = target.database();
        let name = file.to_str().ok_or_else(|| StoreError::unfit("the backup's path is not text"))?;
        let mut source = Reader::open(&Home::File, &self.inner.layout.database()).await?;
        let late = |_| StoreError::Timeout { seconds: COPY.as_secs() };
        let copying = async { query("VACUUM INTO ?").bind(name).execute(&mut source.on()).await };
        tokio::time::timeout(COPY, copying).await.map_err(late)??;
        let mut copy = Reader::open(&Home::File, &file).await?;
        let head = End::read(&mut copy.on()).await?;
        let evidence: Vec<(String,)> =
            query("SELECT sha256 FROM evidence ORDER BY sha256").fetch_all(&mut copy.on()).await?;
        copy.close().await?;
        let evidence: Vec<String> = evidence.into_iter().map(|(name,)| name).collect();
        if let Some(bad) = evidence.iter().find(|name| !evidence::is_name(name)) {
            return Err(StoreError::damaged(format!("{bad:?} does not name evidence")));
        }
        Ok((head, evidence))
    }

    fn manifest(&self, head: &Head, files: Vec<BackupFile>, at: Utc) -> Manifest {
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            at,
            seq: head.seq,
            hash: head.hash.clone(),
            key: self.inner.signing.fingerprint.clone(),
            files,
            signature: String::new(),
        };
        manifest.signature = self.inner.signing.sign(&manifest.message());
        manifest
    }
}

/// A store brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What the backup said it holds.
    pub manifest: Manifest,
    /// What verification found in the restored store: no problem.
    pub verification: Verification,
}

/// Restores a backup into a new or empty directory. Everything is checked first; on any doubt nothing is left there.
pub async fn restore(source: &Path, dest: &Path) -> Result<Restored, StoreError> {
    let (from, to) = (source.to_owned(), dest.to_owned());
    let (manifest, made) = blocking(COPY, move || copy_checked(&from, &to)).await?;
    hit(Failpoint::StoreRestoreBeforeVerify);
    let verification = verify_dir(&made, &[]).await?;
    if let Some(problem) = &verification.problem {
        let detail = problem.to_string();
        fs::remove_dir_all(&made).map_err(StoreError::io("removing", &made))?;
        return Err(StoreError::Unverified { detail });
    }
    if (verification.last_seq, &verification.last_hash) != (manifest.seq, &manifest.hash) && manifest.seq > 0
    {
        let detail =
            format!("the journal ends at row {}, not at row {}", verification.last_seq, manifest.seq);
        fs::remove_dir_all(&made).map_err(StoreError::io("removing", &made))?;
        return Err(StoreError::Unverified { detail });
    }
    let to = dest.to_owned();
    blocking(COPY, move || {
        fs::rename(&made, &to).map_err(StoreError::io("naming", &to))?;
        sync_parent(&to)
    })
    .await?;
    Ok(Restored { manifest, verification })
}

fn empty_dir(dir: &Path) -> Result<(), StoreError> {
    let io = || StoreError::io("making", dir);
    fs::create_dir_all(dir).map_err(io())?;
    if fs::read_dir(dir).map_err(io())?.next().is_some() {
        return Err(StoreError::refused(format!("{} is not empty", dir.display())));
    }
    Ok(())
}

/// Copies what lies beside the database, as far as the copied journal goes.
fn copy_files(
    source: &Layout,
    target: &Layout,
    evidence: &[String],
    seal: &Checkpoint,
) -> Result<Vec<BackupFile>, StoreError> {
    let mut paths = vec!["journal.db".to_owned(), "checkpoints.log".to_owned(), "signing.pub".to_owned()];
    let database = target.database();
    let sync = fs::File::open(&database).and_then(|file| file.sync_all());
    sync.map_err(StoreError::io("syncing", &database))?;
    write_synced(&target.checkpoints(), checkpoints(source, seal)?.as_bytes(), 0o644)?;
    copy(&source.public_keys(), &target.public_keys())?;
    for name in evidence {
        let from = evidence::path(&source.evidence(), name);
        let to = evidence::path(&target.evidence(), name);
        fs::create_dir_all(to.parent().expect("joined from a directory"))
            .map_err(StoreError::io("making", &to))?;
        copy(&from, &to)?;
        paths.push(format!("evidence/{}/{name}", name.get(..2).unwrap_or("xx")));
    }
    paths.into_iter().map(|path| listed(&target.0, path)).collect()
}

/// The checkpoints about rows that the copy holds, and one of its last row.
fn checkpoints(source: &Layout, seal: &Checkpoint) -> Result<String, StoreError> {
    let path = source.checkpoints();
    let text = fs::read_to_string(&path).map_err(StoreError::io("reading", &path))?;
    let older = |line: &&str| Checkpoint::parse(line).is_none_or(|checkpoint| checkpoint.seq < seal.seq);
    let mut lines: Vec<String> = text.lines().filter(older).map(|line| format!("{line}\n")).collect();
    if seal.seq > 0 {
        lines.push(format!("{}\n", seal.line()));
    }
    Ok(lines.concat())
}

fn listed(root: &Path, path: String) -> Result<BackupFile, StoreError> {
    let file = root.join(&path);
    let bytes = fs::metadata(&file).map_err(StoreError::io("reading", &file))?.len();
    Ok(BackupFile { bytes, sha256: file_sha256(&file)?, path })
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::copy(from, to).map_err(StoreError::io("copying", from))?;
    let synced = fs::File::open(to).and_then(|file| file.sync_all());
    synced.map_err(StoreError::io("syncing", to))?;
    sync_parent(to)
}

/// Checks the manifest, then copies each file and checks the copy. The manifest, and the directory beside `dest`
/// that waits for its name.
fn copy_checked(source: &Path, dest: &Path) -> Result<(Manifest, PathBuf), StoreError> {
    empty_dir(dest)?;
    let manifest = read_manifest(source)?;
    let name = dest.file_name().ok_or_else(|| StoreError::unfit("the destination has no name"))?;
    let made = dest.with_file_name(format!("{}.restoring", name.to_string_lossy()));
    if made.exists() {
        fs::remove_dir_all(&made).map_err(StoreError::io("removing", &made))?;
    }
    for file in &manifest.files {
        let (from, to) = (source.join(&file.path), made.join(&file.path));
        fs::create_dir_all(to.parent().expect("joined from a directory"))
            .map_err(StoreError::io("making", &to))?;
        copy(&from, &to)?;
        if listed(&made, file.path.clone())? != *file {
            fs::remove_dir_all(&made).map_err(StoreError::io("removing", &made))?;
            return Err(StoreError::Unverified {
                detail: format!("{} is not the file that was backed up", file.path),
            });
        }
    }
    Ok((manifest, made))
}

fn read_manifest(source: &Path) -> Result<Manifest, StoreError> {
    let path = source.join(MANIFEST);
    let bytes = fs::read(&path).map_err(StoreError::io("reading", &path))?;
    let bad = |what: &str| StoreError::Unverified { detail: format!("{MANIFEST}: {what}") };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|e| bad(&e.to_string()))?;
    let trusted = Trusted::read(&Layout(source.to_owned()).public_keys())?;
    if manifest.format != FORMAT {
        return Err(bad("written by another version"));
    }
    if trusted.made(&manifest.key, &manifest.message(), &manifest.signature) != Some(true) {
        return Err(bad("the signature is wrong"));
    }
    if let Some(file) = manifest.files.iter().find(|file| !stays_inside(&file.path)) {
        return Err(bad(&format!("{:?} leads out of the backup", file.path)));
    }
    Ok(manifest)
}

fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
