//! The walk along the journal's rows: numbers, hashes, links, segments, and what signed statements say of them.

use crate::store::query::{On, query};

use super::problem::{Fault, Place, Problem};
use super::statements::Statements;
use super::{Found, STEP, Verification};
use crate::store::chain::{GENESIS, Trusted};
use crate::store::error::StoreError;
use crate::store::journal::Columns;
use crate::store::segment::{OPENED, Segment, StateRow};

const PAGE_ROWS: i64 = 1000;

/// What the rows are held against.
pub(super) struct Walk<'a> {
    pub(super) trusted: &'a Trusted,
    pub(super) statements: &'a Statements,
    pub(super) segments: &'a [Segment],
}

/// A row as bytes: a changed byte may leave text that is no longer text.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Raw {
    seq: i64,
    segment: i64,
    time_us: i64,
    actor: Vec<u8>,
    kind: Vec<u8>,
    subject: Vec<u8>,
    version: i64,
    body: Vec<u8>,
    prev: Vec<u8>,
    hash: Vec<u8>,
}

/// What the next row must look like.
struct Expected {
    seq: u64,
    prev: Vec<u8>,
    segment: i64,
}

impl Walk<'_> {
    pub(super) async fn run(&self, on: &mut On<'_>, seen: &mut Verification) -> Result<Found, StoreError> {
        let mut expected = self.start();
        loop {
            // From the very beginning, so that a row squeezed in before the first is seen too.
            let from = if seen.rows == 0 { i64::MIN } else { number(expected.seq) };
            let page = page(on, from).await?;
            if page.is_empty() {
                return Ok(self.finish(&expected, seen));
            }
            if seen.rows == 0 {
                seen.first_seq = expected.seq;
            }
            for index in 0..page.len() {
                if let Some(fault) = self.row(&expected, &page, index) {
                    return Ok(Some(Problem { place: Place::Row { seq: expected.seq }, fault }));
                }
                let row = &page[index];
                seen.rows += 1;
                seen.last_seq = expected.seq;
                seen.last_hash = hex::encode(&row.hash);
                expected = Expected { seq: expected.seq + 1, prev: row.hash.clone(), segment: row.segment };
            }
        }
    }

    /// After the last dropped segment, or at the very beginning.
    fn start(&self) -> Expected {
        let dropped = self.segments.iter().rfind(|segment| segment.dropped.is_some());
        let closing = dropped.and_then(|segment| segment.closing.as_ref());
        closing.map_or(Expected { seq: 1, prev: GENESIS.to_vec(), segment: 0 }, |closing| Expected {
            seq: closing.seq + 1,
            prev: hex::decode(&closing.hash).unwrap_or_default(),
            segment: closing.segment.into(),
        })
    }

    fn row(&self, expected: &Expected, page: &[Raw], index: usize) -> Option<Fault> {
        let row = &page[index];
        if row.seq != number(expected.seq) {
            let found = u64::try_from(row.seq).unwrap_or(0);
            return Some(Fault::MissingRow { found });
        }
        if row.columns(row.seq, &row.prev).hash()[..] != row.hash {
            return Some(diagnose(expected, page, index));
        }
        if row.prev != expected.prev {
            return Some(Fault::Unlinked);
        }
        if let Some(place) = self.statements.against(expected.seq, &row.hash) {
            let confirmed = self.statements.confirmed_before(expected.seq);
            return Some(Fault::Rewritten { stated_by: Box::new(place.clone()), confirmed });
        }
        self.segment(expected, row)
    }

    /// A segment begins with its signed state row, where its record says, and only there.
    fn segment(&self, expected: &Expected, row: &Raw) -> Option<Fault> {
        let begins = row.segment != expected.segment;
        if begins != (row.kind == OPENED.as_bytes()) {
            return Some(mismatch("a segment begins without a state row, or a state row begins no segment"));
        }
        if !begins {
            return None;
        }
        let record = self.segments.iter().find(|segment| i64::from(segment.number) == row.segment);
        let fits = |record: &Segment| {
            record.first_seq == expected.seq
                && record.opened.0 == row.time_us
                && record.month.as_bytes() == row.subject
        };
        if row.segment != expected.segment + 1 || !record.is_some_and(fits) {
            return Some(mismatch("the segment's record does not begin here"));
        }
        let before = self.segments.iter().find(|segment| i64::from(segment.number) == expected.segment);
        if before.is_some_and(|before| !closes(before, expected)) {
            return Some(mismatch("the segment before has no closing record of its last row"));
        }
        self.state(row)
    }

    fn state(&self, row: &Raw) -> Option<Fault> {
        let Ok(opened) = serde_json::from_slice::<StateRow>(&row.body) else {
            return Some(mismatch("the state row cannot be read"));
        };
        match self.trusted.made(&opened.key, &opened.message(&row.prev), &opened.signature) {
            Some(true)
                if i64::from(opened.segment) == row.segment && opened.month.as_bytes() == row.subject =>
            {
                None
            }
            Some(true) => Some(mismatch("the state row belongs to another segment")),
            Some(false) => Some(Fault::BadSignature),
            None => Some(Fault::UnknownKey { key: opened.key }),
        }
    }

    /// The newest segment's record has its rows, and is not closed: closing one opens the next.
    fn finish(&self, expected: &Expected, seen: &Verification) -> Found {
        let last = self.segments.last()?;
        let fault = if i64::from(last.number) > expected.segment {
            Fault::TailMissing { ends_at: seen.last_seq, stated: last.first_seq }
        } else {
            let closing = last.closing.as_ref()?;
            mismatch(&format!("it is closed at row {}, but no segment follows", closing.seq))
        };
        Some(Problem { place: Place::Segment { number: last.number }, fault })
    }
}

impl Raw {
    fn columns<'a>(&'a self, seq: i64, prev: &'a [u8]) -> Columns<'a> {
        Columns {
            seq,
            segment: self.segment,
            time_us: self.time_us,
            actor: &self.actor,
            kind: &self.kind,
            subject: &self.subject,
            version: self.version,
            body: &self.body,
            prev,
        }
    }
}

/// Why a row's content and hash do not fit, by trying what would make them fit.
fn diagnose(expected: &Expected, page: &[Raw], index: usize) -> Fault {
    let row = &page[index];
    let content = row.columns(row.seq, &row.prev).hash();
    if page.get(index + 1).is_some_and(|next| next.prev == content) {
        return Fault::HashChanged;
    }
    if row.columns(row.seq, &expected.prev).hash()[..] == row.hash {
        return Fault::PrevChanged;
    }
    let fits = |other: &&Raw| row.columns(other.seq, &row.prev).hash()[..] == row.hash;
    match page[index + 1..].iter().find(fits) {
        Some(other) => Fault::Moved { belongs_at: u64::try_from(other.seq).unwrap_or(0) },
        None => Fault::Changed,
    }
}

async fn page(on: &mut On<'_>, from: i64) -> Result<Vec<Raw>, StoreError> {
    let rows = query(
        "SELECT seq, CAST(segment AS INTEGER) AS segment, CAST(time_us AS INTEGER) AS time_us,
         CAST(actor AS BLOB) AS actor, CAST(kind AS BLOB) AS kind, CAST(subject AS BLOB) AS subject,
         CAST(version AS INTEGER) AS version, CAST(body AS BLOB) AS body, CAST(prev AS BLOB) AS prev,
         CAST(hash AS BLOB) AS hash
         FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?",
    )
    .on_postgres(
        "SELECT seq, segment, time_us, convert_to(actor, 'UTF8') AS actor, convert_to(kind, 'UTF8') AS kind,
         convert_to(subject, 'UTF8') AS subject, version, body, prev, hash
         FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?",
    )
    .bind(from)
    .bind(PAGE_ROWS);
    let late = |_| StoreError::Timeout { seconds: STEP.as_secs() };
    tokio::time::timeout(STEP, rows.fetch_all(on)).await.map_err(late)?
}

fn closes(segment: &Segment, expected: &Expected) -> bool {
    let closing = segment.closing.as_ref();
    closing
        .is_some_and(|closing| closing.seq + 1 == expected.seq && closing.hash == hex::encode(&expected.prev))
}

fn mismatch(detail: &str) -> Fault {
    Fault::SegmentMismatch { detail: detail.to_owned() }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
