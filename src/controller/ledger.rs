//! The journal as the judge uses it: events become rows, rows become a state again.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::domain::time::Utc;
use crate::engine::effect::Effect;
use crate::engine::event::Durable;
use crate::engine::record;
use crate::engine::state::DurableState;
use crate::store::Store;
use crate::store::canonical::Body;
use crate::store::error::StoreError;
use crate::store::journal::{Batch, NewRow};
use crate::store::marks::SeqMark;
use crate::store::outbox::NewDelivery;
use crate::store::segment;

/// What the outbox calls a notice.
pub(super) const NOTICE: &str = "notice";
/// How many rows are read at once when folding.
const PAGE: u32 = 1024;

/// What one turn of the judge wants to be safe.
#[derive(Debug)]
pub(super) struct Turn {
    /// The moment of committing.
    pub(super) at: Utc,
    /// Events, each with the agent message it stems from.
    pub(super) durable: Vec<(Durable, Option<SeqMark>)>,
    /// Agents' messages counted.
    pub(super) marks: Vec<SeqMark>,
    /// What leaves afterwards.
    pub(super) effects: Vec<Effect>,
}

impl Turn {
    pub(super) fn new(at: Utc) -> Self {
        Self { at, durable: Vec::new(), marks: Vec::new(), effects: Vec::new() }
    }
}

/// The journal and the place where this process last wrote.
#[derive(Debug)]
pub(super) struct Ledger {
    store: Store,
    seq: u64,
    serial: u64,
}

/// What a start finds.
#[derive(Debug)]
pub(super) struct Found {
    /// The journal, to go on with.
    pub(super) ledger: Ledger,
    /// Its fold.
    pub(super) durable: DurableState,
    /// Agents' messages counted.
    pub(super) marks: BTreeMap<String, SeqMark>,
}

impl Ledger {
    /// Folds the journal, from the newest segment's state row on.
    pub(super) async fn open(store: Store) -> anyhow::Result<Found> {
        let stored = store.latest_state().await?;
        let (mut durable, mut next) = match stored {
            Some(stored) => (start_state(&stored.state)?, stored.seq + 1),
            None => (DurableState::default(), 1),
        };
        loop {
            let rows = store.read(next, PAGE).await?;
            let Some(last) = rows.last() else { break };
            next = last.seq + 1;
            for row in rows.iter().filter(|row| row.kind != segment::OPENED) {
                let event = record::decode(row.version, &row.body)
                    .with_context(|| format!("journal row {} ({})", row.seq, row.kind))?;
                durable.apply(&event);
            }
        }
        let marks = store.marks().await?;
        let seq = store.head().await?.seq;
        Ok(Found { ledger: Self { store, seq, serial: 1 }, durable, marks })
    }

    /// Counts what was committed by this process: a new number means something durable happened.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Commits a turn; on an error nothing of it is written. `before` is the durable state before the turn.
    pub(super) async fn commit(&mut self, turn: &Turn, before: &DurableState) -> Result<(), StoreError> {
        let state = if self.store.roll_due(turn.at).await? { Some(Body::of(before)?) } else { None };
        let rows =
            turn.durable.iter().map(|(event, mark)| row(event, mark.clone())).collect::<Result<_, _>>()?;
        let batch = Batch {
            at: turn.at,
            rows,
            outbox: turn
                .effects
                .iter()
                .filter_map(|effect| delivery(effect, turn.at))
                .collect::<Result<_, _>>()?,
            marks: turn.marks.clone(),
            people: Vec::new(),
            state,
            after: Some(self.seq),
        };
        let committed = match self.store.commit(batch).await {
            Ok(committed) => committed,
            Err(error @ StoreError::Unresolved { .. }) => return Err(self.unresolved(error).await),
            Err(error) => return Err(error),
        };
        if let Some(error) = &committed.unsealed {
            tracing::warn!(%error, "a checkpoint could not be written; it is tried again");
        }
        self.seq = committed.head.seq;
        self.serial += u64::from(!turn.durable.is_empty());
        Ok(())
    }

    /// A commit whose end is unknown: whether it took place shows in the journal's head, and nothing may be decided
    /// on before that is known. The process stops; the next start folds what is there.
    async fn unresolved(&self, error: StoreError) -> StoreError {
        match self.store.head().await {
            Ok(head) if head.seq == self.seq => error,
            Ok(_) | Err(_) => {
                tracing::error!(%error, "a commit's end is unknown: starting again from the journal");
                std::process::abort()
            }
        }
    }

    /// Signs the end and closes.
    pub(super) async fn close(self, at: Utc) -> anyhow::Result<()> {
        Ok(self.store.checkpoint(at).await?)
    }
}

fn start_state(json: &[u8]) -> anyhow::Result<DurableState> {
    let state: Option<DurableState> = serde_json::from_slice(json).context("the segment's state row")?;
    Ok(state.unwrap_or_default())
}

/// A notice's row in the outbox, written with the decision to send it.
fn delivery(effect: &Effect, at: Utc) -> Option<Result<NewDelivery, StoreError>> {
    let Effect::Notify { notice } = effect else { return None };
    let body = serde_json::to_vec(notice).map_err(|e| StoreError::Unfit { detail: e.to_string() });
    Some(body.map(|body| NewDelivery {
        channel: NOTICE.to_owned(),
        target: String::new(),
        key: notice.key.0.clone(),
        body,
        row: None,
        not_before: at,
    }))
}

fn row(event: &Durable, mark: Option<SeqMark>) -> Result<NewRow, StoreError> {
    let encoded = record::encode(event);
    Ok(NewRow {
        time: event.at,
        actor: event.by.to_string(),
        kind: encoded.kind,
        subject: encoded.subject,
        version: encoded.version,
        body: Body::parse(&encoded.body)?,
        mark,
    })
}
