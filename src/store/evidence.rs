//! Evidence files: pictures, captures, replies. Each lies under the hash of its content, so a changed one betrays
//! itself; the journal holds the hash only.

use std::fs;
use std::path::{Path, PathBuf};

use super::chain::{Hash, sha256, sync_parent, write_synced};
use super::error::StoreError;
use super::export::file_sha256;
use super::journal::signed;
use super::query::query;
use super::verify::problem::Fault;
use super::{Layout, Store};
use crate::domain::time::Utc;
use crate::metrics::failpoint::{Failpoint, hit};

impl Store {
    /// Stores bytes and returns their SHA-256. Storing the same again changes nothing.
    pub async fn put_evidence(&self, bytes: Vec<u8>, at: Utc) -> Result<Hash, StoreError> {
        let length = bytes.len() as u64;
        let most = self.inner.settings.evidence_bytes_max;
        if length > most {
            return Err(StoreError::unfit(format!("evidence has at most {most} bytes, not {length}")));
        }
        let root = self.inner.layout.evidence();
        let hash = self.blocking(move || store_file(&root, &bytes)).await?;
        hit(Failpoint::StoreEvidenceBeforeIndex);
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("INSERT INTO evidence (sha256, bytes, stored_us) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(hex::encode(hash))
                .bind(signed(length)?)
                .bind(at.0)
                .execute(&mut transaction.on())
                .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await?;
        Ok(hash)
    }

    /// The bytes of a hash; checked, so never other bytes than were stored.
    pub async fn evidence(&self, hash: &Hash) -> Result<Vec<u8>, StoreError> {
        let path = path(&self.inner.layout.evidence(), &hex::encode(hash));
        let hash = *hash;
        self.blocking(move || {
            let missing = || StoreError::Missing { what: format!("evidence {}", hex::encode(hash)) };
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
                read => read.map_err(StoreError::io("reading evidence", &path))?,
            };
            let changed = || StoreError::damaged(format!("evidence {} was changed", hex::encode(hash)));
            if sha256(&bytes) == hash { Ok(bytes) } else { Err(changed()) }
        })
        .await
    }

    /// Forgets evidence stored before a moment: index first, then files. How many.
    pub async fn forget_evidence(&self, before: Utc) -> Result<u64, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let names: Vec<(String,)> = query("DELETE FROM evidence WHERE stored_us < ? RETURNING sha256")
                .bind(before.0)
                .fetch_all(&mut transaction.on())
                .await?;
            transaction.commit().await?;
            Ok(names)
        };
        let names = self.inner.database.writing(work).await?;
        let root = self.inner.layout.evidence();
        self.blocking(move || {
            for (name,) in &names {
                let path = path(&root, name);
                fs::remove_file(&path).map_err(StoreError::io("removing evidence", &path))?;
            }
            Ok(names.len() as u64)
        })
        .await
    }
}

/// What is wrong with the file of this name.
pub(super) fn fault(layout: &Layout, name: &str) -> Result<Option<Fault>, StoreError> {
    let path = path(&layout.evidence(), name);
    if !is_name(name) || !path.exists() {
        return Ok(Some(Fault::Absent));
    }
    let found = file_sha256(&path)?;
    Ok((found != name).then_some(Fault::EvidenceChanged { found }))
}

/// Whether a text is a hash, and so cannot lead out of the evidence directory.
pub(super) fn is_name(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where a file lies: 256 directories by the first byte, so that none grows too long.
pub(super) fn path(root: &Path, name: &str) -> PathBuf {
    root.join(name.get(..2).unwrap_or("xx")).join(name)
}

/// Removes what a crash left half-written.
pub(super) fn sweep(root: &Path) -> Result<(), StoreError> {
    let temporary = root.join("tmp");
    let io = || StoreError::io("clearing", &temporary);
    fs::create_dir_all(&temporary).map_err(io())?;
    for entry in fs::read_dir(&temporary).map_err(io())? {
        fs::remove_file(entry.map_err(io())?.path()).map_err(io())?;
    }
    Ok(())
}

fn store_file(root: &Path, bytes: &[u8]) -> Result<Hash, StoreError> {
    let hash = sha256(bytes);
    let name = hex::encode(hash);
    let path = path(root, &name);
    if path.exists() && file_sha256(&path)? == name {
        return Ok(hash);
    }
    let dir = path.parent().expect("the path was joined from a directory");
    fs::create_dir_all(dir).map_err(StoreError::io("making", dir))?;
    sync_parent(dir)?;
    // The name of the temporary file is its own: two callers may store the same bytes at once.
    let temporary = root.join("tmp").join(format!("{name}.{:016x}", rand::random::<u64>()));
    write_synced(&temporary, bytes, 0o640)?;
    hit(Failpoint::StoreEvidenceTemp);
    fs::rename(&temporary, &path).map_err(StoreError::io("naming", &path))?;
    hit(Failpoint::StoreEvidenceRenamed);
    sync_parent(&path)?;
    Ok(hash)
}
