//! Minute samples: what was measured, one row per subject, metric and minute, for curves and statistics.

use super::query::{On, query};
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::StoreError;
use super::journal::{signed, unsigned};

/// The samples of one metric of one subject within one minute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Of what: a link, a stream, an agent.
    pub subject: String,
    /// Which quantity with its unit, such as `rtt_ms`.
    pub metric: String,
    /// Minutes since 1970 UTC.
    pub minute: i64,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Sample {
    /// One value.
    pub fn of(subject: &str, metric: &str, minute: i64, value: f64) -> Self {
        let (subject, metric) = (subject.to_owned(), metric.to_owned());
        Self { subject, metric, minute, count: 1, sum: value, min: value, max: value }
    }

    /// Adds the values of another sample of the same subject, metric and minute.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// Most rows that a query returns: a year of one metric.
pub const SAMPLES_MAX: u32 = 366 * 24 * 60;

impl Store {
    /// Adds samples to what their minutes hold already, in one transaction. Each is handed in once: a repetition
    /// counts twice.
    pub async fn add_samples(&self, samples: &[Sample]) -> Result<(), StoreError> {
        if let Some(bad) =
            samples.iter().find(|s| ![s.sum, s.min, s.max].iter().all(|value| value.is_finite()))
        {
            return Err(StoreError::unfit(format!(
                "sample {} of {} is not a number",
                bad.metric, bad.subject
            )));
        }
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            for sample in samples {
                add(&mut transaction.on(), sample).await?;
            }
            transaction.commit().await
        };
        self.inner.database.writing(work).await
    }

    /// The samples of a subject in minutes `from` (included) to `until` (not), by metric, then by minute.
    pub async fn samples(&self, subject: &str, from: i64, until: i64) -> Result<Vec<Sample>, StoreError> {
        let work = async {
            let rows: Vec<(String, String, i64, i64, f64, f64, f64)> = query(
                "SELECT subject, metric, minute, count, sum, min, max FROM sample
                 WHERE subject = ? AND minute >= ? AND minute < ? ORDER BY metric, minute LIMIT ?",
            )
            .bind(subject)
            .bind(from)
            .bind(until)
            .bind(SAMPLES_MAX)
            .fetch_all(&mut self.inner.database.lease().await?.on())
            .await?;
            rows.into_iter().map(sample).collect()
        };
        self.inner.database.reading(work).await
    }

    /// Forgets samples before a minute; how many.
    pub async fn forget_samples(&self, before: i64) -> Result<u64, StoreError> {
        let work = async {
            let mut transaction = self.inner.database.begin().await?;
            let query = query("DELETE FROM sample WHERE minute < ?").bind(before);
            let forgotten = query.execute(&mut transaction.on()).await?;
            transaction.commit().await?;
            Ok(forgotten)
        };
        self.inner.database.writing(work).await
    }
}

async fn add(on: &mut On<'_>, sample: &Sample) -> Result<(), StoreError> {
    query(
        "INSERT INTO sample (subject, metric, minute, count, sum, min, max) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (subject, metric, minute) DO UPDATE SET count = sample.count + excluded.count,
         sum = sample.sum + excluded.sum,
         min = CASE WHEN excluded.min < sample.min THEN excluded.min ELSE sample.min END,
         max = CASE WHEN excluded.max > sample.max THEN excluded.max ELSE sample.max END",
    )
    .bind(&sample.subject)
    .bind(&sample.metric)
    .bind(sample.minute)
    .bind(signed(sample.count)?)
    .bind(sample.sum)
    .bind(sample.min)
    .bind(sample.max)
    .execute(on)
    .await?;
    Ok(())
}

fn sample(row: (String, String, i64, i64, f64, f64, f64)) -> Result<Sample, StoreError> {
    let (subject, metric, minute, count, sum, min, max) = row;
    Ok(Sample { subject, metric, minute, count: unsigned(count)?, sum, min, max })
}
