//! Segments: the journal cut by month.
//!
//! Each opens with a signed state row, from which folding starts, is closed with a signature, exported, and after
//! the retention time dropped whole. Nothing else is ever deleted.

use std::path::{Path, PathBuf};

use super::query::{On, query};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Store;
use super::canonical::{Body, STATE_BYTES_MAX};
use super::chain::{Fields, Hash, Signing, sha256};
use super::checkpoint::{Checkpoint, Place, Purpose};
use super::error::StoreError;
use super::export::{Exported, file_sha256};
use super::journal::{Batch, End, NewRow, narrow, signed, unsigned};
use crate::domain::time::{Span, Utc};
use crate::metrics::failpoint::{Failpoint, hit};

/// Kind of the row that opens a segment; its body is a [`StateRow`].
pub const OPENED: &str = "segment.opened";
/// Version of that row's body.
const OPENED_VERSION: u16 = 1;
/// The shortest retention that the law allows, in days.
pub const RETENTION_DAYS_MIN: u16 = 184;

/// Body of the row that opens a segment. Fields stand in the order of their names: the canonical spelling.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRow {
    /// Fingerprint of the signing key.
    pub key: String,
    /// The segment's month.
    pub month: String,
    /// The segment.
    pub segment: u32,
    /// Ed25519 signature over segment, month, previous row and state, hex.
    pub signature: String,
    /// The durable state before the rows that follow; `null` at the very beginning.
    pub state: Box<RawValue>,
}

impl StateRow {
    /// What its signature covers.
    pub(super) fn message(&self, prev: &[u8]) -> Hash {
        Fields::new("vcops.state.v1")
            .number(self.segment.into())
            .bytes(self.month.as_bytes())
            .bytes(prev)
            .bytes(&sha256(self.state.get().as_bytes()))
            .bytes(self.key.as_bytes())
            .finish()
    }
}

/// One segment of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Its number, from 1.
    pub number: u32,
    /// Its month in UTC, `2026-11`.
    pub month: String,
    /// Its state row.
    pub first_seq: u64,
    /// When it was opened.
    pub opened: Utc,
    /// The signed end; `None` while it is open.
    pub closing: Option<Checkpoint>,
    /// When it was last exported, and the export's SHA-256.
    pub exported: Option<(Utc, String)>,
    /// When its rows were dropped.
    pub dropped: Option<Utc>,
}

impl Store {
    /// Whether a batch committed at this moment should carry the state: its month is not the open segment's.
    /// A clock that steps back opens nothing.
    pub async fn roll_due(&self, at: Utc) -> Result<bool, StoreError> {
        let head = self.head().await?;
        Ok(head.segment == 0 || month(at) > head.month)
    }

    /// All segments, also dropped ones, oldest first.
    pub async fn segments(&self) -> Result<Vec<Segment>, StoreError> {
        let work = async {
            let mut connection = self.inner.database.lease().await?;
            list(&mut connection.on()).await
        };
        self.inner.database.reading(work).await
    }

    /// Exports a closed segment into a directory and remembers that it did, which permits dropping it later.
    pub async fn export_segment(&self, number: u32, dir: &Path, at: Utc) -> Result<Exported, StoreError> {
        let segment = self.segment(number).await?;
        let Some(closing) = segment.closing else {
            return Err(StoreError::refused(format!("segment {number} is still open")));
        };
        let file = dir.join(format!("segment-{number:04}-{}.jsonl", segment.month));
        let exported = self.export(segment.first_seq..=closing.seq, &file, at).await?;
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query("UPDATE segment SET exported_us = ?, export_sha256 = ? WHERE number = ?")
                .bind(at.0)
                .bind(&exported.sha256)
                .bind(number)
                .execute(&mut transaction.on())
                .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await?;
        Ok(exported)
    }

    /// Drops the rows of the oldest segment, if it is closed, older than the retention time, and its export is
    /// still whole. How many rows.
    pub async fn drop_segment(&self, number: u32, export: &Path, at: Utc) -> Result<u64, StoreError> {
        let segment = self.droppable(number, at).await?;
        let expected = segment.exported.as_ref().map(|(_, sha256)| sha256.as_str());
        let path = PathBuf::from(export);
        let found = self.blocking(move || file_sha256(&path)).await?;
        if expected != Some(found.as_str()) {
            let name = export.display();
            return Err(StoreError::Unverified {
                detail: format!("{name} is not the export of segment {number}"),
            });
        }
        self.inner.database.writing(self.delete_rows(number, at)).await
    }

    async fn droppable(&self, number: u32, at: Utc) -> Result<Segment, StoreError> {
        let oldest = self.segments().await?.into_iter().find(|segment| segment.dropped.is_none());
        let segment = self.segment(number).await?;
        if oldest.map(|oldest| oldest.number) != Some(number) {
            return Err(StoreError::refused(format!("segment {number} is not the oldest one kept")));
        }
        let Some(closing) = &segment.closing else {
            return Err(StoreError::refused(format!("segment {number} is still open")));
        };
        let days = self.inner.settings.retention_days;
        let keep = Span::seconds(u64::from(days) * 86_400);
        if closing.time + keep > at {
            return Err(StoreError::refused(format!(
                "segment {number} is kept for {days} days after its end"
            )));
        }
        Ok(segment)
    }

    async fn segment(&self, number: u32) -> Result<Segment, StoreError> {
        let found = self.segments().await?.into_iter().find(|segment| segment.number == number);
        found.ok_or_else(|| StoreError::Missing { what: format!("segment {number}") })
    }

    async fn delete_rows(&self, number: u32, at: Utc) -> Result<u64, StoreError> {
        let mut transaction = self.inner.database.begin().await?;
        let on = &mut transaction.on();
        query("INSERT INTO segment_dropping (number) VALUES (?)").bind(number).execute(&mut *on).await?;
        let rows = query("DELETE FROM journal WHERE segment = ?").bind(number).execute(&mut *on).await?;
        hit(Failpoint::StoreSegmentDrop);
        query("UPDATE segment SET dropped_us = ? WHERE number = ?")
            .bind(at.0)
            .bind(number)
            .execute(&mut *on)
            .await?;
        query("DELETE FROM segment_dropping").execute(on).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

/// Opens a segment when the batch carries a state, or when there is none yet.
pub(super) async fn open_if_needed(
    on: &mut On<'_>,
    end: &mut End,
    batch: &Batch,
    signing: &Signing,
) -> Result<(), StoreError> {
    match &batch.state {
        Some(state) => roll(on, end, state, batch.at, signing).await,
        None if end.segment == 0 => roll(on, end, &Body::of(&())?, batch.at, signing).await,
        None => Ok(()),
    }
}

async fn roll(
    on: &mut On<'_>,
    end: &mut End,
    state: &Body,
    at: Utc,
    signing: &Signing,
) -> Result<(), StoreError> {
    if state.as_bytes().len() > STATE_BYTES_MAX {
        return Err(StoreError::unfit(format!("the state is larger than {STATE_BYTES_MAX} bytes")));
    }
    if end.segment > 0 {
        close(on, end.place(), at, signing).await?;
    }
    hit(Failpoint::StoreSegmentAfterClose);
    end.segment += 1;
    end.month = month(at);
    query("INSERT INTO segment (number, month, first_seq, opened_us) VALUES (?, ?, ?, ?)")
        .bind(end.segment)
        .bind(&end.month)
        .bind(signed(end.seq + 1)?)
        .bind(at.0)
        .execute(&mut *on)
        .await?;
    let row = state_row(end, state, at, signing)?;
    end.append(on, &row).await?;
    hit(Failpoint::StoreSegmentAfterState);
    Ok(())
}

async fn close(on: &mut On<'_>, last: Place, at: Utc, signing: &Signing) -> Result<(), StoreError> {
    let closing = Checkpoint::sign(Purpose::Closing, last, at, signing);
    query(
        "UPDATE segment SET last_seq = ?, last_hash = ?, closed_us = ?, key = ?, signature = ? WHERE number = ?",
    )
    .bind(signed(last.seq)?)
    .bind(&last.hash[..])
    .bind(at.0)
    .bind(&closing.key)
    .bind(hex::decode(&closing.signature).expect("a signature is written in hex"))
    .bind(last.segment)
    .execute(on)
    .await?;
    Ok(())
}

fn state_row(end: &End, state: &Body, at: Utc, signing: &Signing) -> Result<NewRow, StoreError> {
    let text = String::from_utf8_lossy(state.as_bytes()).into_owned();
    let state = RawValue::from_string(text).map_err(|e| StoreError::unfit(format!("state: {e}")))?;
    let mut opened = StateRow {
        key: signing.fingerprint.clone(),
        month: end.month.clone(),
        segment: end.segment,
        signature: String::new(),
        state,
    };
    opened.signature = signing.sign(&opened.message(&end.hash));
    let body = serde_json::to_vec(&opened).expect("texts, a number and checked JSON have a JSON form");
    Ok(NewRow {
        time: at,
        actor: "store".to_owned(),
        kind: OPENED.to_owned(),
        subject: end.month.clone(),
        version: OPENED_VERSION,
        body: Body::trusted(body),
        mark: None,
    })
}

/// The month of a moment in UTC, `2026-11`; years have four digits, so months sort as text.
fn month(at: Utc) -> String {
    at.to_string().chars().take(7).collect()
}

#[derive(sqlx::FromRow)]
struct Stored {
    number: i64,
    month: String,
    first_seq: i64,
    opened_us: i64,
    last_seq: Option<i64>,
    last_hash: Option<Vec<u8>>,
    closed_us: Option<i64>,
    key: Option<String>,
    signature: Option<Vec<u8>>,
    exported_us: Option<i64>,
    export_sha256: Option<String>,
    dropped_us: Option<i64>,
}

pub(super) async fn list(on: &mut On<'_>) -> Result<Vec<Segment>, StoreError> {
    let rows: Vec<Stored> = query("SELECT * FROM segment ORDER BY number").fetch_all(on).await?;
    rows.into_iter().map(segment).collect()
}

fn segment(row: Stored) -> Result<Segment, StoreError> {
    let number = narrow(row.number)?;
    Ok(Segment {
        number,
        closing: closing(number, &row)?,
        month: row.month,
        first_seq: unsigned(row.first_seq)?,
        opened: Utc(row.opened_us),
        exported: row.exported_us.map(Utc).zip(row.export_sha256),
        dropped: row.dropped_us.map(Utc),
    })
}

fn closing(number: u32, row: &Stored) -> Result<Option<Checkpoint>, StoreError> {
    let Some(seq) = row.last_seq else { return Ok(None) };
    let (Some(hash), Some(time), Some(key), Some(signature)) =
        (&row.last_hash, row.closed_us, &row.key, &row.signature)
    else {
        return Err(StoreError::damaged(format!("the closing record of segment {number} has gaps")));
    };
    Ok(Some(Checkpoint {
        purpose: Purpose::Closing,
        segment: number,
        seq: unsigned(seq)?,
        hash: hex::encode(hash),
        time: Utc(time),
        key: key.clone(),
        signature: hex::encode(signature),
    }))
}
