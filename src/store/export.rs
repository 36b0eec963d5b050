//! Exports: journal rows as lines of JSON that a stranger can verify with nothing but the file and the public key
//! printed elsewhere. First a header, then rows, last a signed statement of the last row.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::Store;
use super::chain::{Trusted, sync_parent};
use super::checkpoint::{Checkpoint, Place, Purpose};
use super::error::StoreError;
use super::journal::{Columns, Row};
use crate::domain::time::Utc;
use crate::metrics::failpoint::{Failpoint, hit};

const FORMAT: &str = "vcops.journal.v1";
const PAGE_ROWS: u32 = 1000;

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// How many rows.
    pub rows: u64,
    /// The first row.
    pub first_seq: u64,
    /// The last row.
    pub last_seq: u64,
    /// The last row's hash, hex.
    pub last_hash: String,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    first_seq: u64,
    prev: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seq: u64,
    segment: u32,
    time: Utc,
    actor: String,
    kind: String,
    subject: String,
    version: u16,
    body: Box<RawValue>,
    prev: String,
    hash: String,
}

impl Store {
    /// Writes rows of a range to a new file, synced and renamed into place. Dropped rows are not in it.
    pub async fn export(
        &self,
        range: RangeInclusive<u64>,
        file: &Path,
        at: Utc,
    ) -> Result<Exported, StoreError> {
        let temporary = file.with_extension("part");
        let mut out = Writer::create(&temporary)?;
        let mut next = *range.start();
        let mut last: Option<Row> = None;
        let mut rows = 0;
        let mut first_seq = 0;
        loop {
            let mut page = self.read(next, PAGE_ROWS).await?;
            page.retain(|row| range.contains(&row.seq));
            let Some(newest) = page.last().cloned() else { break };
            if last.is_none() {
                first_seq = page[0].seq;
                out.line(&header(&page[0]))?;
            }
            page.iter().try_for_each(|row| out.line(&line(row)?))?;
            rows += page.len() as u64;
            next = newest.seq + 1;
            last = Some(newest);
        }
        let last = last.ok_or_else(|| StoreError::Missing { what: format!("rows {range:?}") })?;
        let place = Place { segment: last.segment, seq: last.seq, hash: last.hash };
        let seal = Checkpoint::sign(Purpose::Checkpoint, place, at, &self.inner.signing);
        out.line(&seal)?;
        let sha256 = out.finish(file)?;
        Ok(Exported {
            file: file.to_owned(),
            rows,
            first_seq,
            last_seq: seal.seq,
            last_hash: seal.hash,
            key: seal.key,
            sha256,
        })
    }
}

/// Verifies an export against the public keys in a file (one hex key a line). The statement it ends with.
pub fn verify_export(file: &Path, public_keys: &Path) -> Result<Checkpoint, StoreError> {
    let trusted = Trusted::read(public_keys)?;
    let bad = |number: usize, what: &str| StoreError::Unverified {
        detail: format!("{} line {number}: {what}", file.display()),
    };
    let open = fs::File::open(file).map_err(StoreError::io("opening the export", file))?;
    let mut expected: Option<(u64, String)> = None;
    let mut seal = None;
    for (index, text) in BufReader::new(open).lines().enumerate() {
        let number = index + 1;
        let text = text.map_err(|_| bad(number, "is not text"))?;
        if seal.is_some() {
            return Err(bad(number, "stands after the end"));
        }
        match &expected {
            None => {
                let header: Header =
                    serde_json::from_str(&text).map_err(|_| bad(number, "is not a header"))?;
                expected = Some((header.first_seq, header.prev));
            }
            Some((seq, prev)) => match Checkpoint::parse(&text) {
                Some(checkpoint) => seal = Some((number, checkpoint)),
                None => expected = Some(check_line(&text, *seq, prev).map_err(|what| bad(number, &what))?),
            },
        }
    }
    let (number, seal) = seal.ok_or_else(|| bad(0, "the signed end is missing"))?;
    if expected != Some((seal.seq + 1, seal.hash.clone())) {
        return Err(bad(number, "does not state the last row"));
    }
    match seal.signed_by(&trusted) {
        Some(true) => Ok(seal),
        Some(false) => Err(bad(number, "the signature is wrong")),
        None => Err(bad(number, &format!("key {} is not trusted", seal.key))),
    }
}

/// Checks a row; the number and previous hash that the next one must have.
fn check_line(text: &str, seq: u64, prev: &str) -> Result<(u64, String), String> {
    let line: Line = serde_json::from_str(text).map_err(|e| format!("is not a row: {e}"))?;
    if line.seq != seq || line.prev != prev {
        return Err(format!("row {} does not follow: row {seq} was expected", line.seq));
    }
    let prev = hex::decode(&line.prev).map_err(|_| "prev is not hex".to_owned())?;
    let columns = Columns {
        seq: i64::try_from(line.seq).map_err(|e| e.to_string())?,
        segment: line.segment.into(),
        time_us: line.time.0,
        actor: line.actor.as_bytes(),
        kind: line.kind.as_bytes(),
        subject: line.subject.as_bytes(),
        version: line.version.into(),
        body: line.body.get().as_bytes(),
        prev: &prev,
    };
    if hex::encode(columns.hash()) != line.hash {
        return Err(format!("row {seq} was changed"));
    }
    Ok((seq + 1, line.hash))
}

/// SHA-256 of a file, hex.
pub(super) fn file_sha256(path: &Path) -> Result<String, StoreError> {
    let io = || StoreError::io("reading", path);
    let mut file = fs::File::open(path).map_err(io())?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(io())? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

struct Writer {
    path: PathBuf,
    file: std::io::BufWriter<fs::File>,
    hasher: Sha256,
}

impl Writer {
    fn create(path: &Path) -> Result<Self, StoreError> {
        let file = fs::File::create(path).map_err(StoreError::io("creating", path))?;
        Ok(Self { path: path.to_owned(), file: std::io::BufWriter::new(file), hasher: Sha256::new() })
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec(value).map_err(|e| StoreError::unfit(e.to_string()))?;
        bytes.push(b'\n');
        self.hasher.update(&bytes);
        self.file.write_all(&bytes).map_err(StoreError::io("writing", &self.path))
    }

    fn finish(mut self, name: &Path) -> Result<String, StoreError> {
        let io = || StoreError::io("writing", name);
        self.file.flush().map_err(io())?;
        self.file.get_ref().sync_all().map_err(io())?;
        hit(Failpoint::StoreSegmentExport);
        fs::rename(&self.path, name).map_err(io())?;
        sync_parent(name)?;
        Ok(hex::encode(self.hasher.finalize()))
    }
}

fn header(first: &Row) -> Header {
    Header { format: FORMAT.to_owned(), first_seq: first.seq, prev: hex::encode(first.prev) }
}

fn line(row: &Row) -> Result<Line, StoreError> {
    let text = String::from_utf8(row.body.clone()).map_err(|_| bad_body(row))?;
    Ok(Line {
        seq: row.seq,
        segment: row.segment,
        time: row.time,
        actor: row.actor.clone(),
        kind: row.kind.clone(),
        subject: row.subject.clone(),
        version: row.version,
        body: RawValue::from_string(text).map_err(|_| bad_body(row))?,
        prev: hex::encode(row.prev),
        hash: hex::encode(row.hash),
    })
}

fn bad_body(row: &Row) -> StoreError {
    StoreError::damaged(format!("the body of row {} is not JSON", row.seq))
}
