//! The journal: rows appended in batches, each one transaction with its replay marks and deliveries.
//!
//! What a row means is the caller's affair; here a row is columns, a body and a place in the chain.

use super::query::{On, query};
use serde::Serialize;

use super::canonical::{BODY_BYTES_MAX, Body};
use super::chain::{Fields, GENESIS, Hash};
use super::checkpoint::Place;
use super::error::StoreError;
use super::marks::{Marks, SeqMark};
use super::outbox::{self, NewDelivery};
use super::people::{self, Person};
use super::{Force, Store, segment};
use crate::domain::time::Utc;
use crate::metrics::failpoint::{Failpoint, hit};

/// Longest actor, kind or subject, in bytes.
pub const COLUMN_BYTES_MAX: usize = 256;
/// Most rows in one batch.
pub const BATCH_ROWS_MAX: usize = 4096;

/// A row to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// When it happened or was decided.
    pub time: Utc,
    /// Who: a user, an agent, `engine`.
    pub actor: String,
    /// What kind of event.
    pub kind: String,
    /// About what.
    pub subject: String,
    /// Version of the body's shape.
    pub version: u16,
    /// The event.
    pub body: Body,
    /// The agent message it stems from, when it stems from one. Rows of a message already counted are left out.
    pub mark: Option<SeqMark>,
}

/// What one transaction commits.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The moment of committing: stamps deliveries, segments and checkpoints.
    pub at: Utc,
    /// Rows, in order.
    pub rows: Vec<NewRow>,
    /// Deliveries that these rows ask for.
    pub outbox: Vec<NewDelivery>,
    /// Messages counted without a row of their own.
    pub marks: Vec<SeqMark>,
    /// Names and numbers that these rows refer to by id.
    pub people: Vec<Person>,
    /// The durable state before these rows: closes the segment and opens the next with it.
    pub state: Option<Body>,
    /// Where the caller believes the journal ends. When it does not, nothing is committed.
    pub after: Option<u64>,
}

/// What a commit did.
#[derive(Debug)]
pub struct Committed {
    /// One per row of the batch; `None` for a row whose message had been counted before.
    pub seqs: Vec<Option<u64>>,
    /// Where the journal ends.
    pub head: Head,
    /// The rows are safe, but a checkpoint or an anchor could not be written; it is tried again with the next batch.
    pub unsealed: Option<StoreError>,
}

/// The end of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The last row; 0 when there is none.
    pub seq: u64,
    /// Its SHA-256, hex.
    pub hash: String,
    /// The open segment; 0 when there is none.
    pub segment: u32,
    /// The open segment's month, `2026-11`; empty when there is none.
    pub month: String,
}

/// A row as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// Its segment.
    pub segment: u32,
    /// When it happened or was decided.
    pub time: Utc,
    /// Who.
    pub actor: String,
    /// What kind of event.
    pub kind: String,
    /// About what.
    pub subject: String,
    /// Version of the body's shape.
    pub version: u16,
    /// Canonical JSON.
    pub body: Vec<u8>,
    /// The hash of the row before.
    pub prev: Hash,
    /// The hash of all of the above.
    pub hash: Hash,
}

/// The columns that the hash covers, as bytes: verification must not trip over text that is no longer text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns<'a> {
    pub(super) seq: i64,
    pub(super) segment: i64,
    pub(super) time_us: i64,
    pub(super) actor: &'a [u8],
    pub(super) kind: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) version: i64,
    pub(super) body: &'a [u8],
    pub(super) prev: &'a [u8],
}

impl Columns<'_> {
    pub(super) fn hash(&self) -> Hash {
        Fields::new("vcops.journal.row.v1")
            .number(self.seq)
            .number(self.segment)
            .number(self.time_us)
            .bytes(self.actor)
            .bytes(self.kind)
            .bytes(self.subject)
            .number(self.version)
            .bytes(self.body)
            .bytes(self.prev)
            .finish()
    }
}

impl Store {
    /// Appends a batch in one transaction; after `Ok` it survives a power cut. A repeated message (its mark is not
    /// above the agent's) adds nothing. After [`StoreError::Unresolved`] ask [`Store::head`]; after any other error
    /// nothing was written.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        check(&batch)?;
        hit(Failpoint::StoreCommitBeforeBegin);
        let (seqs, end) = self.inner.database.writing(self.append(&batch)).await?;
        hit(Failpoint::StoreCommitAfterCommit);
        let force = if batch.state.is_some() { Force::Yes } else { Force::No };
        let unsealed = self.seal(end.place(), batch.at, force).await.err();
        Ok(Committed { seqs, head: end.head(), unsealed })
    }

    /// Where the journal ends.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let work = async {
            let mut connection = self.inner.database.lease().await?;
            Ok(End::read(&mut connection.on()).await?.head())
        };
        self.inner.database.reading(work).await
    }

    async fn append(&self, batch: &Batch) -> Result<(Vec<Option<u64>>, End), StoreError> {
        let mut transaction = self.inner.database.begin().await?;
        hit(Failpoint::StoreCommitAfterBegin);
        let mut end = End::read(&mut transaction.on()).await?;
        if let Some(expected) = batch.after.filter(|expected| *expected != end.seq) {
            transaction.roll_back().await?;
            return Err(StoreError::HeadMoved { expected, found: end.seq });
        }
        segment::open_if_needed(&mut transaction.on(), &mut end, batch, &self.inner.signing).await?;
        let seqs = append_rows(&mut transaction.on(), &mut end, batch).await?;
        outbox::insert(&mut transaction.on(), &batch.outbox, &seqs, batch.at).await?;
        for person in &batch.people {
            people::upsert(&mut transaction.on(), person, batch.at).await?;
        }
        note_sealed(&mut transaction.on(), self.sealed_seq()).await?;
        hit(Failpoint::StoreCommitBeforeCommit);
        transaction.commit().await?;
        Ok((seqs, end))
    }
}

/// The end of the journal while a transaction moves it.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) segment: u32,
    pub(super) month: String,
}

impl End {
    pub(super) async fn read(on: &mut On<'_>) -> Result<Self, StoreError> {
        let row: Option<(i64, Vec<u8>, i64, String)> = query(
            "SELECT j.seq, j.hash, j.segment, s.month FROM journal j JOIN segment s ON s.number = j.segment
             ORDER BY j.seq DESC LIMIT 1",
        )
        .fetch_optional(on)
        .await?;
        let Some((seq, hash, segment, month)) = row else {
            return Ok(Self { seq: 0, hash: GENESIS, segment: 0, month: String::new() });
        };
        Ok(Self { seq: unsigned(seq)?, hash: stored_hash(&hash)?, segment: narrow(segment)?, month })
    }

    pub(super) fn head(&self) -> Head {
        Head { seq: self.seq, hash: hex::encode(self.hash), segment: self.segment, month: self.month.clone() }
    }

    pub(super) fn place(&self) -> Place {
        Place { segment: self.segment, seq: self.seq, hash: self.hash }
    }

    /// Appends one row and moves the end to it.
    pub(super) async fn append(&mut self, on: &mut On<'_>, row: &NewRow) -> Result<u64, StoreError> {
        let seq = self.seq + 1;
        let columns = Columns {
            seq: signed(seq)?,
            segment: self.segment.into(),
            time_us: row.time.0,
            actor: row.actor.as_bytes(),
            kind: row.kind.as_bytes(),
            subject: row.subject.as_bytes(),
            version: row.version.into(),
            body: row.body.as_bytes(),
            prev: &self.hash,
        };
        let hash = columns.hash();
        insert(on, row, &columns, &hash).await?;
        (self.seq, self.hash) = (seq, hash);
        Ok(seq)
    }
}

async fn insert(on: &mut On<'_>, row: &NewRow, columns: &Columns<'_>, hash: &Hash) -> Result<(), StoreError> {
    query(
        "INSERT INTO journal (seq, segment, time_us, actor, kind, subject, version, body, prev, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(columns.seq)
    .bind(columns.segment)
    .bind(columns.time_us)
    .bind(&row.actor)
    .bind(&row.kind)
    .bind(&row.subject)
    .bind(columns.version)
    .bind(columns.body)
    .bind(columns.prev)
    .bind(&hash[..])
    .execute(on)
    .await?;
    Ok(())
}

async fn append_rows(on: &mut On<'_>, end: &mut End, batch: &Batch) -> Result<Vec<Option<u64>>, StoreError> {
    let mut marks = Marks::default();
    let mut seqs = Vec::with_capacity(batch.rows.len());
    for row in &batch.rows {
        let counted = match &row.mark {
            Some(mark) => !marks.admit(on, mark).await?,
            None => false,
        };
        seqs.push(if counted { None } else { Some(end.append(on, row).await?) });
        hit(Failpoint::StoreCommitBetweenRows);
    }
    for mark in &batch.marks {
        marks.admit(on, mark).await?;
    }
    hit(Failpoint::StoreMarkBeforeUpsert);
    marks.store(on).await?;
    hit(Failpoint::StoreOutboxBeforeInsert);
    Ok(seqs)
}

/// Records how far checkpoints have come, so that a shortened checkpoint file is noticed.
pub(super) async fn note_sealed(on: &mut On<'_>, seq: u64) -> Result<(), StoreError> {
    query(
        "INSERT INTO fact (name, value) VALUES ('sealed_seq', ?)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > fact.value",
    )
    .bind(signed(seq)?)
    .execute(on)
    .await?;
    Ok(())
}

fn check(batch: &Batch) -> Result<(), StoreError> {
    if batch.rows.len() > BATCH_ROWS_MAX {
        return Err(StoreError::unfit(format!("a batch has at most {BATCH_ROWS_MAX} rows")));
    }
    batch.rows.iter().try_for_each(check_row)
}

fn check_row(row: &NewRow) -> Result<(), StoreError> {
    for (name, text) in [("actor", &row.actor), ("kind", &row.kind), ("subject", &row.subject)] {
        if text.len() > COLUMN_BYTES_MAX {
            return Err(StoreError::unfit(format!("{name} is longer than {COLUMN_BYTES_MAX} bytes")));
        }
    }
    if row.kind.is_empty() || row.kind == segment::OPENED {
        return Err(StoreError::unfit(format!("kind {:?} is not a caller's", row.kind)));
    }
    if row.body.as_bytes().len() > BODY_BYTES_MAX {
        return Err(StoreError::unfit(format!("the body is larger than {BODY_BYTES_MAX} bytes")));
    }
    Ok(())
}

pub(super) fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::unfit(format!("{value} is above 2^63-1")))
}

pub(super) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::damaged(format!("{value} should not be negative")))
}

pub(super) fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::damaged(format!("{value} is out of range")))
}

pub(super) fn stored_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::damaged("a hash does not have 32 bytes"))
}
