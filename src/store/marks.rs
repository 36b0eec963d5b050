//! Replay marks: which of an agent's events are counted, moved in the same transaction as the rows they lead to.

use std::collections::BTreeMap;

use super::query::{On, query};
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::StoreError;
use super::journal::{signed, unsigned};

/// How far one key's events are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeqMark {
    /// Whose numbering: the name of a key.
    pub lane: String,
    /// The outbox that the numbers belong to.
    pub outbox: u64,
    /// The event's number in it.
    pub event: u64,
    /// The sender's count of starts when it sent the message that brought the event.
    pub boot: u64,
    /// That message's number within the start.
    pub seq: u64,
}

impl SeqMark {
    /// Whether this is an event not yet counted after `counted`. A resent event comes in a newer message but keeps
    /// its number; a new outbox counts from one again, and only a newer message can bring it.
    pub fn is_after(&self, counted: &Self) -> bool {
        if self.outbox == counted.outbox {
            self.event > counted.event
        } else {
            (self.boot, self.seq) > (counted.boot, counted.seq)
        }
    }
}

type Columns = (String, String, i64, i64, i64);

impl Store {
    /// How far each key's events are counted.
    pub async fn marks(&self) -> Result<BTreeMap<String, SeqMark>, StoreError> {
        let work = async {
            let rows: Vec<Columns> = query("SELECT lane, outbox, event, boot, seq FROM mark ORDER BY lane")
                .fetch_all(&mut self.inner.database.lease().await?.on())
                .await?;
            rows.into_iter().map(|row| mark(row).map(|mark| (mark.lane.clone(), mark))).collect()
        };
        self.inner.database.reading(work).await
    }
}

/// The marks that one batch touches.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<String, Seen>);

#[derive(Debug)]
struct Seen {
    /// As stored before this batch, or raised by it.
    highest: Option<SeqMark>,
    /// The message that this batch admitted last: further rows of the same message belong to it.
    current: Option<SeqMark>,
}

impl Marks {
    /// Whether rows of this message are to be written.
    pub(super) async fn admit(&mut self, on: &mut On<'_>, mark: &SeqMark) -> Result<bool, StoreError> {
        if !self.0.contains_key(&mark.lane) {
            let highest = stored(on, &mark.lane).await?;
            self.0.insert(mark.lane.clone(), Seen { highest, current: None });
        }
        let seen = self.0.get_mut(&mark.lane).expect("inserted above");
        if seen.highest.as_ref().is_none_or(|highest| mark.is_after(highest)) {
            *seen = Seen { highest: Some(mark.clone()), current: Some(mark.clone()) };
        }
        Ok(seen.current.as_ref() == Some(mark))
    }

    pub(super) async fn store(&self, on: &mut On<'_>) -> Result<(), StoreError> {
        for mark in self.0.values().filter_map(|seen| seen.current.as_ref()) {
            query(
                "INSERT INTO mark (lane, outbox, event, boot, seq) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (lane) DO UPDATE SET outbox = excluded.outbox, event = excluded.event,
                     boot = excluded.boot, seq = excluded.seq",
            )
            .bind(&mark.lane)
            .bind(format!("{:016x}", mark.outbox))
            .bind(signed(mark.event)?)
            .bind(signed(mark.boot)?)
            .bind(signed(mark.seq)?)
            .execute(&mut *on)
            .await?;
        }
        Ok(())
    }
}

async fn stored(on: &mut On<'_>, lane: &str) -> Result<Option<SeqMark>, StoreError> {
    let found: Option<Columns> = query("SELECT lane, outbox, event, boot, seq FROM mark WHERE lane = ?")
        .bind(lane)
        .fetch_optional(on)
        .await?;
    found.map(mark).transpose()
}

fn mark((lane, outbox, event, boot, seq): Columns) -> Result<SeqMark, StoreError> {
    let bad = |_| StoreError::damaged(format!("the mark of {lane} names an outbox {outbox:?}"));
    let outbox = u64::from_str_radix(&outbox, 16).map_err(bad)?;
    Ok(SeqMark { outbox, event: unsigned(event)?, boot: unsigned(boot)?, seq: unsigned(seq)?, lane })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_once_however_often_it_is_sent() {
        let at = |outbox, event, boot, seq| SeqMark { lane: "k".into(), outbox, event, boot, seq };
        let counted = at(7, 9, 3, 20);
        let cases = [
            (at(7, 10, 3, 21), true, "the next event"),
            (at(7, 9, 4, 1), false, "the same event in a newer message"),
            (at(8, 1, 4, 1), true, "a new outbox in a newer message"),
            (at(8, 1, 3, 20), false, "a new outbox in a message already counted"),
        ];
        for (mark, new, what) in cases {
            assert_eq!(mark.is_after(&counted), new, "{what}");
        }
    }
}
