//! Reading the journal back, in order and in pages.

use super::Store;
use super::error::StoreError;
use super::journal::{Row, narrow, signed, stored_hash, unsigned};
use super::query::query;
use super::segment::{OPENED, StateRow};
use crate::domain::time::Utc;

/// Most rows in one page.
pub const PAGE_ROWS_MAX: u32 = 10_000;

/// Where folding starts.
#[derive(Debug, Clone)]
pub struct StoredState {
    /// The row that holds it; folding goes on with the next.
    pub seq: u64,
    /// The state as canonical JSON; `null` at the very beginning.
    pub state: Vec<u8>,
}

type Columns = (i64, i64, i64, String, String, String, i64, Vec<u8>, Vec<u8>, Vec<u8>);

impl Store {
    /// Rows from `from_seq` on, at most `limit` and [`PAGE_ROWS_MAX`]; an empty page is the end.
    pub async fn read(&self, from_seq: u64, limit: u32) -> Result<Vec<Row>, StoreError> {
        let work = async {
            let rows: Vec<Columns> = query(
                "SELECT seq, segment, time_us, actor, kind, subject, version, body, prev, hash FROM journal
                 WHERE seq >= ? ORDER BY seq LIMIT ?",
            )
            .bind(signed(from_seq)?)
            .bind(limit.min(PAGE_ROWS_MAX))
            .fetch_all(&mut self.inner.database.lease().await?.on())
            .await?;
            rows.into_iter().map(row).collect()
        };
        self.inner.database.reading(work).await
    }

    /// The last rows, at most `limit`, oldest first.
    pub async fn tail(&self, limit: u32) -> Result<Vec<Row>, StoreError> {
        let head = self.head().await?;
        let from = (head.seq + 1).saturating_sub(u64::from(limit.min(PAGE_ROWS_MAX))).max(1);
        self.read(from, limit).await
    }

    /// The state that opened the newest segment; `None` for an empty journal.
    pub async fn latest_state(&self) -> Result<Option<StoredState>, StoreError> {
        let work = async {
            let found: Option<(i64, Vec<u8>)> = query(
                "SELECT j.seq, j.body FROM journal j JOIN segment s ON s.first_seq = j.seq
                 WHERE j.kind = ? ORDER BY s.number DESC LIMIT 1",
            )
            .bind(OPENED)
            .fetch_optional(&mut self.inner.database.lease().await?.on())
            .await?;
            found.map(|(seq, body)| stored_state(seq, &body)).transpose()
        };
        self.inner.database.reading(work).await
    }
}

fn stored_state(seq: i64, body: &[u8]) -> Result<StoredState, StoreError> {
    let opened: StateRow = serde_json::from_slice(body)
        .map_err(|e| StoreError::damaged(format!("row {seq} is not a state row: {e}")))?;
    Ok(StoredState { seq: unsigned(seq)?, state: opened.state.get().as_bytes().to_vec() })
}

fn row(
    (seq, segment, time, actor, kind, subject, version, body, prev, hash): Columns,
) -> Result<Row, StoreError> {
    Ok(Row {
        seq: unsigned(seq)?,
        segment: narrow(segment)?,
        time: Utc(time),
        actor,
        kind,
        subject,
        version: narrow(version)?,
        body,
        prev: stored_hash(&prev)?,
        hash: stored_hash(&hash)?,
    })
}
