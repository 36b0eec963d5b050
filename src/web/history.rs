//! The journal condensed for statistics, kept as far as it was read. Asking again reads only what is new; the first
//! time, and after a start, it reads all of it, in slices that no request waits long for.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::problem::{Code, Problem};
use crate::domain::time::Span;
use crate::engine::record;
use crate::engine::state::DurableState;
use crate::report::statistics::Chronicle;
use crate::store::Store;
use crate::store::journal::Row;
use crate::store::segment::{OPENED, StateRow};

/// Rows read and folded at once.
const PAGE_ROWS: u32 = 2_000;
/// Kind of rows that change no fact and are the largest.
const EVIDENCE: &str = "evidence_kept";

/// What was read of the journal.
#[derive(Clone, Default)]
pub(super) struct History(Arc<Mutex<Reading>>);

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History(…)")
    }
}

/// A chronicle and how far it goes.
#[derive(Default)]
pub(super) struct Reading {
    chronicle: Chronicle,
    /// The last row in it.
    seq: u64,
    /// Whether a row was taken.
    begun: bool,
}

impl Reading {
    pub(super) fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// Takes rows in; what is wrong with the first that cannot be read.
    fn take(&mut self, rows: &[Row]) -> Result<(), String> {
        for row in rows {
            self.take_one(row).map_err(|why| format!("journal row {} ({}): {why}", row.seq, row.kind))?;
            self.seq = row.seq;
            self.begun = true;
        }
        Ok(())
    }

    fn take_one(&mut self, row: &Row) -> Result<(), String> {
        if row.kind == OPENED {
            // The first opens what is kept; a later one says what is known already.
            if !self.begun {
                let opened: StateRow = serde_json::from_slice(&row.body).map_err(|e| e.to_string())?;
                let state: Option<DurableState> =
                    serde_json::from_str(opened.state.get()).map_err(|e| e.to_string())?;
                self.chronicle = Chronicle::from_state(state.unwrap_or_default(), row.time);
            }
        } else if row.kind != EVIDENCE {
            let event = record::decode(row.version, &row.body).map_err(|e| e.to_string())?;
            self.chronicle.take(&event);
        }
        Ok(())
    }
}

impl History {
    /// The chronicle, read up to the journal's end. When that takes longer than `patience`, what was read is kept and
    /// the caller is told to ask again.
    pub(super) async fn read(
        &self,
        store: &Store,
        patience: Duration,
    ) -> Result<OwnedMutexGuard<Reading>, Problem> {
        let busy = || Problem::new(Code::Busy).retry_after(Span::seconds(2));
        let late = Instant::now() + patience;
        let waiting = tokio::time::timeout(patience, Arc::clone(&self.0).lock_owned());
        let mut reading = waiting.await.map_err(|_| busy())?;
        loop {
            let rows = store.read(reading.seq + 1, PAGE_ROWS).await?;
            if rows.is_empty() {
                return Ok(reading);
            }
            let fold = move || {
                let outcome = reading.take(&rows);
                (reading, outcome)
            };
            let folded = tokio::task::spawn_blocking(fold).await.map_err(|_| Problem::new(Code::Internal))?;
            reading = folded.0;
            folded.1.map_err(|why| {
                tracing::error!(why, "the journal cannot be counted");
                Problem::new(Code::Internal)
            })?;
            if Instant::now() > late {
                return Err(busy().detail(
                    format!("正在汇总记录，已读到第 {} 条", reading.seq),
                    format!("the journal is being read; {} rows so far", reading.seq),
                ));
            }
        }
    }
}
