//! Signed statements "row `seq` has this hash", kept in a file outside the database and copied to anchors outside
//! the host. Without them a shortened or rolled-back journal would look whole.

use std::fs;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chain::{Fields, Hash, Signing, Trusted, sync_parent};
use super::error::StoreError;
use crate::domain::time::{Span, Utc};
use crate::metrics::failpoint::{Failpoint, hit};

/// What a checkpoint states besides its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The journal has come this far.
    Checkpoint,
    /// The segment ends with this row.
    Closing,
}

/// One signed statement about the journal; one line of JSON in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// What it states.
    pub purpose: Purpose,
    /// Segment of the row.
    pub segment: u32,
    /// Sequence number of the row.
    pub seq: u64,
    /// The row's SHA-256, hex.
    pub hash: String,
    /// When it was signed.
    pub time: Utc,
    /// Fingerprint of the signing key.
    pub key: String,
    /// Ed25519 signature over all of the above, hex.
    pub signature: String,
}

/// Where a row stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

impl Checkpoint {
    pub(super) fn sign(purpose: Purpose, place: Place, time: Utc, signing: &Signing) -> Self {
        let mut checkpoint = Self {
            purpose,
            segment: place.segment,
            seq: place.seq,
            hash: hex::encode(place.hash),
            time,
            key: signing.fingerprint.clone(),
            signature: String::new(),
        };
        checkpoint.signature = signing.sign(&checkpoint.message());
        checkpoint
    }

    /// `None` when its key is not trusted, else whether the signature is that key's.
    pub(super) fn signed_by(&self, trusted: &Trusted) -> Option<bool> {
        trusted.made(&self.key, &self.message(), &self.signature)
    }

    /// Reads a line, accepting one spelling only so that no changed byte goes unseen.
    pub(super) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str::<Self>(line).ok().filter(|parsed| parsed.line() == line)
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts and numbers has a JSON form")
    }

    fn message(&self) -> Hash {
        let purpose: &[u8] = match self.purpose {
            Purpose::Checkpoint => b"checkpoint",
            Purpose::Closing => b"closing",
        };
        Fields::new("vcops.checkpoint.v1")
            .bytes(purpose)
            .number(self.segment.into())
            .bytes(&self.seq.to_be_bytes())
            .bytes(self.hash.as_bytes())
            .number(self.time.0)
            .bytes(self.key.as_bytes())
            .finish()
    }
}

/// Reads anchors from a file, or from all `*.log` files of a directory.
pub fn read_anchors(path: &Path) -> Result<Vec<Checkpoint>, StoreError> {
    let io = || StoreError::io("reading anchors", path);
    if !path.is_dir() {
        return parse_all(path);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(io())? {
        files.push(entry.map_err(io())?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let mut anchors = Vec::new();
    for file in files {
        anchors.extend(parse_all(&file)?);
    }
    Ok(anchors)
}

fn parse_all(path: &Path) -> Result<Vec<Checkpoint>, StoreError> {
    let text = fs::read_to_string(path).map_err(StoreError::io("reading anchors", path))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |(index, line)| {
        Checkpoint::parse(line).ok_or_else(|| {
            StoreError::damaged(format!("{} line {}: not a checkpoint", path.display(), index + 1))
        })
    };
    whole.lines().enumerate().map(parse).collect()
}

/// When a checkpoint is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) rows: u64,
    pub(super) every: Span,
}

/// Appends checkpoints to their file and to the anchors.
#[derive(Debug)]
pub(super) struct Sealer {
    file: PathBuf,
    anchors: Option<PathBuf>,
    pace: Pace,
    last: Option<(u64, Utc)>,
    /// The newest line that no anchor holds yet.
    unanchored: Option<Checkpoint>,
}

impl Sealer {
    /// Opens the file; a torn last line, left by a crash, is cut off.
    pub(super) fn open(file: PathBuf, anchors: Option<PathBuf>, pace: Pace) -> Result<Self, StoreError> {
        let text = cut_torn_tail(&file)?;
        let newest = text.lines().rev().find_map(Checkpoint::parse);
        let last = newest.as_ref().map(|checkpoint| (checkpoint.seq, checkpoint.time));
        // A crash may have come between the two files; anchoring the newest again does no harm.
        let unanchored = newest.filter(|_| anchors.is_some());
        Ok(Self { file, anchors, pace, last, unanchored })
    }

    /// The last row that a synced checkpoint covers; 0 for none.
    pub(super) fn sealed_seq(&self) -> u64 {
        self.last.map_or(0, |(seq, _)| seq)
    }

    /// Whether enough rows or time have passed for a journal that ends at `seq`.
    pub(super) fn due(&self, seq: u64, now: Utc) -> bool {
        let (sealed, at) = self.last.unwrap_or((0, Utc(i64::MIN)));
        let rows = seq.saturating_sub(sealed);
        rows >= self.pace.rows || rows > 0 && now.since(at) >= self.pace.every
    }

    /// Makes one checkpoint durable, then copies it to the anchors. The outer error means that nothing is sealed.
    pub(super) fn seal(&mut self, checkpoint: Checkpoint) -> Result<Result<(), StoreError>, StoreError> {
        hit(Failpoint::StoreCheckpointBeforeWrite);
        append(&self.file, &checkpoint)?;
        self.last = Some((checkpoint.seq, checkpoint.time));
        self.unanchored = Some(checkpoint);
        hit(Failpoint::StoreAnchorBeforeWrite);
        Ok(self.anchor())
    }

    /// Copies the newest checkpoint to the anchors, if it is not there yet.
    pub(super) fn anchor(&mut self) -> Result<(), StoreError> {
        if let (Some(dir), Some(checkpoint)) = (&self.anchors, &self.unanchored) {
            fs::create_dir_all(dir).map_err(StoreError::io("making the anchor directory", dir))?;
            let day = &checkpoint.time.to_string()[..10];
            append(&dir.join(format!("anchors-{day}.log")), checkpoint)?;
        }
        self.unanchored = None;
        Ok(())
    }
}

fn cut_torn_tail(path: &Path) -> Result<String, StoreError> {
    let io = || StoreError::io("opening the checkpoints", path);
    let mut file = fs::OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io())?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io())?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64).and_then(|()| file.sync_all()).map_err(io())?;
        bytes.truncate(whole);
    }
    sync_parent(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a file ends with a whole line. An anchor's last line is torn when the process died while writing it.
fn ends_whole(path: &Path) -> std::io::Result<bool> {
    let mut file = fs::File::open(path)?;
    if file.seek(std::io::SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(std::io::SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Appends one line and syncs it. A failed append leaves the file as it was.
fn append(path: &Path, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let io = || StoreError::io("appending a checkpoint", path);
    let fresh = !path.exists();
    if !fresh && !ends_whole(path).map_err(io())? {
        cut_torn_tail(path)?;
    }
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).map_err(io())?;
    let before = file.seek(std::io::SeekFrom::End(0)).map_err(io())?;
    if let Err(error) = write_line(&mut file, &checkpoint.line()) {
        // If even this fails, the next opening cuts the torn line off.
        let _ = file.set_len(before);
        return Err(io()(error));
    }
    if fresh { sync_parent(path) } else { Ok(()) }
}

fn write_line(file: &mut fs::File, line: &str) -> std::io::Result<()> {
    let (first, rest) = line.as_bytes().split_at(line.len() / 2);
    file.write_all(first)?;
    hit(Failpoint::StoreCheckpointTorn);
    file.write_all(&[rest, b"\n"].concat())?;
    hit(Failpoint::StoreCheckpointBeforeSync);
    file.sync_all()
}
