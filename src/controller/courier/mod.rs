//! The courier: carries notices from the outbox to their channels, again and by other ways until one takes them, and
//! tells the engine what became of each.
//!
//! A notice is a row of the outbox, written with the decision to send it, so it is delivered at least once whatever
//! happens to this process. What cannot be recorded is sent all the same, once, and says so.

mod carry;
mod channels;
mod desk;
mod heartbeat;
mod render;
mod round;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::clock::wall;
use super::errands::Voice;
use super::self_watch::Pulse;
use crate::domain::id::ChannelId;
use crate::domain::notice::{Delivery, Notice, NoticeKey};
use crate::domain::time::{Span, Utc};
use crate::metrics::Counters;
use crate::metrics::failpoint::{Failpoint, hit};
use crate::notify::channel::Channel;
use crate::observation::Fact;
use crate::store::Store;
use crate::store::outbox::Attempt;
use crate::web::ChannelTest;

pub(super) use channels::{Channels, open, secret};
pub(super) use desk::{AnswerDesk, hear};
pub(super) use heartbeat::beat;
pub(super) use render::Renderer;

use carry::{Carried, Parcel};

/// Tests that may wait.
pub(super) const TESTS_MAX: usize = 16;
/// Notices beside the journal that may wait.
const UNRECORDED_MAX: usize = 256;
/// How often the outbox is looked at while something waits in it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked at else.
const REST: Duration = Duration::from_secs(10);
/// How long the engine may take to record what became of a notice.
const TELL_WITHIN: Duration = Duration::from_secs(3);
/// Deliveries at once.
const AT_ONCE_MAX: usize = 64;
/// Rest before a notice that could not be recorded is tried by the next channel.
const BESIDE_PAUSE: Span = Span::seconds(2);
/// A way that never came back is over after this.
const BESIDE_LOST: Span = Span::seconds(90);
/// Deliveries that are over are forgotten after this.
const KEPT: Span = Span::minutes(30 * 24 * 60);

/// How the judge speaks to the courier. Never waits.
#[derive(Debug, Clone)]
pub(super) struct Notices(mpsc::Sender<Option<Box<Notice>>>);

/// What the courier hears of the judge.
pub(super) type Calls = mpsc::Receiver<Option<Box<Notice>>>;

/// Both ends.
pub(super) fn notices() -> (Notices, Calls) {
    let (sender, receiver) = mpsc::channel(UNRECORDED_MAX);
    (Notices(sender), receiver)
}

impl Notices {
    /// Something was put into the outbox.
    pub(super) fn recorded(&self) {
        // A full line is a woken courier.
        let _ = self.0.try_send(None);
    }

    /// This could not be recorded; it is decided on again and again until it can.
    pub(super) fn unrecorded(&self, notice: Box<Notice>) {
        if self.0.try_send(Some(notice)).is_err() {
            tracing::warn!("an unrecorded notice found no room");
        }
    }
}

/// The courier.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) channels: Arc<Channels>,
    pub(super) renderer: Renderer,
    pub(super) store: Store,
    pub(super) voice: Voice,
    pub(super) counters: Arc<Counters>,
    /// Its sign of life.
    pub(super) pulse: Pulse,
}

/// What the courier keeps while it runs.
#[derive(Debug, Default)]
struct Bag {
    /// Rows of the outbox that are under way.
    carried: BTreeSet<u64>,
    /// How many are under way, by channel.
    busy: BTreeMap<ChannelId, usize>,
    /// What could not be told or recorded yet.
    unsaved: Vec<Saying>,
    /// What went out unrecorded.
    beside: BTreeMap<NoticeKey, Beside>,
}

/// A notice that could not be recorded.
#[derive(Debug)]
struct Beside {
    /// Attempts so far: each goes by the next channel of its list.
    tries: usize,
    /// Not again before this.
    next: Utc,
    /// Which channel took it.
    taken: Option<ChannelId>,
}

/// What became of one row.
#[derive(Debug, Clone)]
struct Saying {
    row: u64,
    /// For the engine, when it is over.
    fact: Option<Fact>,
    attempt: Attempt,
}

impl Courier {
    /// Works until told to stop. What is under way then is begun again by the next start.
    pub(super) async fn run(
        self,
        mut calls: Calls,
        mut tests: mpsc::Receiver<ChannelTest>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        self.remember_paces().await;
        if self.channels.default.is_empty() {
            tracing::warn!("no channel of notices is set: incidents are told on screens alone");
        }
        let mut bag = Bag::default();
        let mut running: JoinSet<Carried> = JoinSet::new();
        let mut waiting = true;
        loop {
            self.pulse.beat();
            let rest = if waiting || !bag.unsaved.is_empty() { LOOK_EVERY } else { REST };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(carried) = running.join_next() => match carried {
                    Ok(carried) => self.take_in(&mut bag, carried),
                    Err(error) => tracing::error!(%error, "a delivery panicked"),
                },
                Some(call) = calls.recv() => {
                    if let Some(notice) = call {
                        self.beside(&mut bag, *notice, &mut running);
                    }
                }
                Some(test) = tests.recv() => self.test(&mut bag, test, &mut running),
                () = tokio::time::sleep(rest) => {}
            }
            self.save(&mut bag).await;
            match self.launch(&mut bag, &mut running).await {
                Ok(left) => waiting = left,
                Err(error) => tracing::warn!(%error, "the outbox cannot be read; it is tried again"),
            }
        }
    }

    /// What was sent in the minute before counts for the paces.
    async fn remember_paces(&self) {
        let now = wall();
        let ended =
            match self.store.ended_deliveries(super::ledger::NOTICE, now - Span::seconds(60), 1000).await {
                Ok(ended) => ended,
                Err(error) => {
                    tracing::warn!(%error, "what was sent before the start is not known");
                    return;
                }
            };
        for (id, channel) in self.channels.iter() {
            let by_it = ended.iter().filter(|row| row.progress.contains(&format!("\"{id}\"")));
            channel.pace().remember(by_it.map(|row| now.since(row.done).std()));
        }
    }

    /// What came of one way.
    fn take_in(&self, bag: &mut Bag, carried: Carried) {
        let Carried { channel, parcels, result } = carried;
        if let Some(count) = bag.busy.get_mut(&channel) {
            *count = count.saturating_sub(1);
        }
        let outcome = result.as_ref().err().map_or("accepted", |fault| fault.code.word());
        self.counters.notice.attempts.with_label_values(&[channel.as_str(), outcome]).inc();
        if let Err(fault) = &result {
            tracing::warn!(%channel, %fault, notices = parcels.len(), "a notice was not delivered");
        }
        for parcel in parcels {
            match parcel {
                Parcel::Row(work) => bag.unsaved.push(self.outcome_of(*work, &channel, &result)),
                Parcel::Beside(key) => {
                    if let Some(beside) = bag.beside.get_mut(&key) {
                        beside.next = wall() + BESIDE_PAUSE;
                        beside.taken = result.is_ok().then(|| channel.clone());
                    }
                }
                Parcel::Test(reply) => {
                    let told =
                        result.as_ref().map_err(|fault| (fault.code.word().to_owned(), fault.detail.clone()));
                    let _ = reply.send(told.copied());
                }
            }
        }
    }

    /// Tells the engine and the outbox; what cannot be said stays and is said again.
    async fn save(&self, bag: &mut Bag) {
        let sayings = std::mem::take(&mut bag.unsaved);
        // At once: the judge takes what arrives together in one transaction, and what waits in vain waits together.
        let said = join_all(sayings.iter().map(|saying| self.say(saying))).await;
        for (saying, said) in sayings.into_iter().zip(said) {
            if said {
                bag.carried.remove(&saying.row);
            } else {
                bag.unsaved.push(saying);
            }
        }
    }

    /// First the engine, which commits what follows, then the outbox: a crash between makes a repetition, not a loss.
    async fn say(&self, saying: &Saying) -> bool {
        if let Some(fact) = &saying.fact
            && !self.voice.tell_and_save(fact.clone(), TELL_WITHIN).await
        {
            return false;
        }
        hit(Failpoint::NotifyBeforeDone);
        match self.store.record_attempt(saying.row, &saying.attempt, wall()).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "a delivery was made and cannot be recorded yet");
                false
            }
        }
    }

    /// Forgets what was over long ago.
    pub(super) async fn forget(store: &Store, now: Utc) {
        if let Err(error) = store.forget_deliveries(now - KEPT).await {
            tracing::warn!(%error, "old deliveries could not be forgotten");
        }
    }
}

fn ended(notice: NoticeKey, delivery: Delivery) -> Fact {
    Fact::NoticeDelivered { notice, delivery }
}

/// The channel of that name, by the list of a notice.
fn channel_at(channels: &Channels, list: &[ChannelId], step: usize) -> Option<Arc<dyn Channel>> {
    list.get(step).and_then(|id| channels.get(id)).cloned()
}
