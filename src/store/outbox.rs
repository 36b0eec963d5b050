//! Deliveries to the outside: a row before each attempt, done only when the receiver said so. Who delivers, and
//! how, is not known here.

use super::query::{On, query};

use super::Store;
use super::error::StoreError;
use super::journal::{narrow, signed, unsigned};
use crate::domain::time::Utc;
use crate::metrics::failpoint::{Failpoint, hit};

/// The outcome of a delivery that the receiver has.
const DELIVERED: &str = "delivered";

/// A delivery to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// By which means: `agent`, `wecom`, `mail`.
    pub channel: String,
    /// To whom, in the channel's own words.
    pub target: String,
    /// The same for every attempt, so that the receiver can tell a repetition.
    pub key: String,
    /// What to deliver.
    pub body: Vec<u8>,
    /// Index of the batch's row that asks for it. When that row is left out as counted before, so is this.
    pub row: Option<usize>,
    /// Not to be tried earlier.
    pub not_before: Utc,
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: u64,
    /// By which means.
    pub channel: String,
    /// To whom.
    pub target: String,
    /// The same for every attempt.
    pub key: String,
    /// What to deliver.
    pub body: Vec<u8>,
    /// The journal row that asked for it.
    pub cause: Option<u64>,
    /// Attempts so far.
    pub attempts: u32,
    /// Not to be tried earlier.
    pub next: Utc,
    /// How far its deliverer has come, in the deliverer's own words; empty at first.
    pub progress: String,
}

/// A delivery that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// By which means.
    pub channel: String,
    /// The same for every attempt.
    pub key: String,
    /// What was to be delivered.
    pub body: Vec<u8>,
    /// How far its deliverer had come.
    pub progress: String,
    /// Whether the receiver has it; else it was given up.
    pub delivered: bool,
    /// When it was over.
    pub done: Utc,
    /// What the last attempt said.
    pub detail: String,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it.
    Delivered {
        /// How far the deliverer came.
        progress: String,
    },
    /// It failed; try again then.
    Again {
        /// When.
        next: Utc,
        /// Why it failed.
        detail: String,
        /// How far the deliverer came.
        progress: String,
    },
    /// It will not be tried again.
    Abandoned {
        /// Why.
        detail: String,
        /// How far the deliverer came.
        progress: String,
    },
}

/// How many deliveries wait, and how many are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxCount {
    /// Still to be delivered.
    pub pending: u64,
    /// Delivered or abandoned.
    pub done: u64,
}

impl Store {
    /// Deliveries whose time has come, oldest first.
    pub async fn due_deliveries(&self, now: Utc, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let work = async {
            let rows: Vec<Waiting> = query(
                "SELECT id, channel, target, key, body, cause_seq, attempts, next_us, progress FROM outbox
                 WHERE done_us IS NULL AND next_us <= ? ORDER BY next_us, id LIMIT ?",
            )
            .bind(now.0)
            .bind(limit)
            .fetch_all(&mut self.inner.database.lease().await?.on())
            .await?;
            rows.into_iter().map(delivery).collect()
        };
        self.inner.database.reading(work).await
    }

    /// Deliveries by one means that were over at or after a moment, oldest first.
    pub async fn ended_deliveries(
        &self,
        channel: &str,
        since: Utc,
        limit: u32,
    ) -> Result<Vec<Ended>, StoreError> {
        let work = async {
            let rows: Vec<Done> = query(
                "SELECT channel, key, body, progress, outcome, done_us, detail FROM outbox
                 WHERE channel = ? AND done_us >= ? ORDER BY done_us, id LIMIT ?",
            )
            .bind(channel)
            .bind(since.0)
            .bind(limit)
            .fetch_all(&mut self.inner.database.lease().await?.on())
            .await?;
            Ok(rows.into_iter().map(ended).collect())
        };
        self.inner.database.reading(work).await
    }

    /// What was or is to be delivered under a key, the newest.
    pub async fn delivery_body(&self, channel: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let work = async {
            let sql = "SELECT body FROM outbox WHERE channel = ? AND key = ? ORDER BY id DESC LIMIT 1";
            let query = query(sql).bind(channel).bind(key);
            let found: Option<(Vec<u8>,)> =
                query.fetch_optional(&mut self.inner.database.lease().await?.on()).await?;
            Ok(found.map(|(body,)| body))
        };
        self.inner.database.reading(work).await
    }

    /// When the next delivery is due.
    pub async fn next_delivery(&self) -> Result<Option<Utc>, StoreError> {
        let work = async {
            let (next,): (Option<i64>,) = query("SELECT min(next_us) FROM outbox WHERE done_us IS NULL")
                .fetch_one(&mut self.inner.database.lease().await?.on())
                .await?;
            Ok(next.map(Utc))
        };
        self.inner.database.reading(work).await
    }

    /// Since when the oldest delivery that is not over has waited.
    pub async fn oldest_delivery(&self) -> Result<Option<Utc>, StoreError> {
        let work = async {
            let (oldest,): (Option<i64>,) = query("SELECT min(created_us) FROM outbox WHERE done_us IS NULL")
                .fetch_one(&mut self.inner.database.lease().await?.on())
                .await?;
            Ok(oldest.map(Utc))
        };
        self.inner.database.reading(work).await
    }

    /// Records an attempt. Recording one on a delivery that is done already changes nothing.
    pub async fn record_attempt(&self, id: u64, attempt: &Attempt, at: Utc) -> Result<(), StoreError> {
        hit(Failpoint::StoreOutboxBeforeDone);
        let (next, done, outcome, detail, progress) = match attempt {
            Attempt::Delivered { progress } => (None, Some(at.0), Some(DELIVERED), "", progress),
            Attempt::Again { next, detail, progress } => {
                (Some(next.0), None, None, detail.as_str(), progress)
            }
            Attempt::Abandoned { detail, progress } => {
                (None, Some(at.0), Some("abandoned"), detail.as_str(), progress)
            }
        };
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            query(
                "UPDATE outbox SET attempts = attempts + 1, next_us = coalesce(?, next_us), done_us = ?, outcome = ?,
                 detail = ?, progress = ? WHERE id = ? AND done_us IS NULL",
            )
            .bind(next)
            .bind(done)
            .bind(outcome)
            .bind(detail)
            .bind(progress)
            .bind(signed(id)?)
            .execute(&mut transaction.on())
            .await?;
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// How many deliveries wait and how many are done.
    pub async fn count_deliveries(&self) -> Result<OutboxCount, StoreError> {
        let work = async {
            let (pending, done): (i64, i64) =
                query("SELECT count(*) - count(done_us), count(done_us) FROM outbox")
                    .fetch_one(&mut self.inner.database.lease().await?.on())
                    .await?;
            Ok(OutboxCount { pending: unsigned(pending)?, done: unsigned(done)? })
        };
        self.inner.database.reading(work).await
    }

    /// Forgets deliveries that were done before a moment; how many.
    pub async fn forget_deliveries(&self, done_before: Utc) -> Result<u64, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query("DELETE FROM outbox WHERE done_us < ?").bind(done_before.0);
            let forgotten = query.execute(&mut transaction.on()).await?;
            transaction.commit().await?;
            Ok(forgotten)
        };
        self.inner.database.writing(work).await
    }
}

pub(super) async fn insert(
    on: &mut On<'_>,
    deliveries: &[NewDelivery],
    seqs: &[Option<u64>],
    at: Utc,
) -> Result<(), StoreError> {
    for delivery in deliveries {
        let Some(cause) = cause(delivery, seqs)? else { continue };
        query(
            "INSERT INTO outbox (channel, target, key, body, cause_seq, created_us, next_us)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(&delivery.channel)
        .bind(&delivery.target)
        .bind(&delivery.key)
        .bind(&delivery.body)
        .bind(cause.map(signed).transpose()?)
        .bind(at.0)
        .bind(delivery.not_before.0)
        .execute(&mut *on)
        .await?;
    }
    Ok(())
}

/// `None` when its row was left out; else the row's number, if it names a row at all.
fn cause(delivery: &NewDelivery, seqs: &[Option<u64>]) -> Result<Option<Option<u64>>, StoreError> {
    let Some(index) = delivery.row else { return Ok(Some(None)) };
    let seq =
        seqs.get(index).ok_or_else(|| StoreError::unfit(format!("no row {index} asks for a delivery")))?;
    Ok(seq.map(Some))
}

type Done = (String, String, Vec<u8>, String, Option<String>, i64, String);

fn ended((channel, key, body, progress, outcome, done, detail): Done) -> Ended {
    let delivered = outcome.as_deref() == Some(DELIVERED);
    Ended { channel, key, body, progress, delivered, done: Utc(done), detail }
}

type Waiting = (i64, String, String, String, Vec<u8>, Option<i64>, i64, i64, String);

fn delivery(row: Waiting) -> Result<Delivery, StoreError> {
    let (id, channel, target, key, body, cause, attempts, next, progress) = row;
    Ok(Delivery {
        id: unsigned(id)?,
        channel,
        target,
        key,
        body,
        cause: cause.map(unsigned).transpose()?,
        attempts: narrow(attempts)?,
        next: Utc(next),
        progress,
    })
}
