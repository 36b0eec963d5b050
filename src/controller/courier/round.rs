//! One look at the outbox: what is due, by which channel, alone or with others.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::carry::{Carried, Parcel, Work, again, carry, is_free, span};
use super::{AT_ONCE_MAX, BESIDE_LOST, Bag, Beside, Courier};
use crate::controller::clock::wall;
use crate::controller::ledger::NOTICE;
use crate::domain::id::ChannelId;
use crate::domain::notice::{Notice, Recipient, Urgency};
use crate::notify::channel::Channel;
use crate::notify::fault::{Class, Code, Fault};
use crate::notify::route::Next;
use crate::store::error::StoreError;
use crate::store::outbox::{Attempt, Delivery as Row};
use crate::web::ChannelTest;

/// Rows that are looked at together.
const LOOK_MAX: u32 = 512;
/// Ways at once to one channel.
const PER_CHANNEL_MAX: usize = 4;
/// This many for one recipient by one channel become one text: a storm is not read.
const STORM: usize = 6;

/// Where works go together.
type Group = (ChannelId, Recipient, bool);

impl Courier {
    /// Sends what can be sent; whether anything waits still.
    pub(super) async fn launch(
        &self,
        bag: &mut Bag,
        running: &mut JoinSet<Carried>,
    ) -> Result<bool, StoreError> {
        let now = wall();
        let due = self.store.due_deliveries(now, LOOK_MAX).await?;
        let waiting = due.len() as i64;
        self.counters.notice.waiting.set(waiting);
        let mut groups: BTreeMap<Group, Vec<Work>> = BTreeMap::new();
        for row in due.into_iter().filter(|row| row.channel == NOTICE) {
            if !bag.carried.contains(&row.id)
                && let Some((group, work)) = self.sort(bag, row)
            {
                groups.entry(group).or_default().push(work);
            }
        }
        let mut ordered: Vec<_> = groups.into_iter().collect();
        let most = |works: &[Work]| works.iter().map(|work| work.notice.urgency).max();
        ordered.sort_by_key(|(_, works)| std::cmp::Reverse(most(works)));
        for (group, works) in ordered {
            self.send_group(&group, works, bag, running).await;
        }
        Ok(waiting > 0 || self.store.next_delivery().await?.is_some())
    }

    /// Where a row goes now; what cannot go anywhere is over at once.
    fn sort(&self, bag: &mut Bag, row: Row) -> Option<(Group, Work)> {
        let id = row.id;
        let Ok(notice) = serde_json::from_slice::<Notice>(&row.body) else {
            let detail = "not a notice of this version".to_owned();
            bag.carried.insert(id);
            let attempt = Attempt::Abandoned { detail, progress: row.progress };
            bag.unsaved.push(super::Saying { row: id, fact: None, attempt });
            return None;
        };
        let list =
            if notice.channels.is_empty() { self.channels.default.clone() } else { notice.channels.clone() };
        let progress = serde_json::from_str(&row.progress).unwrap_or_default();
        let work = Work { row: id, notice, progress, list };
        let over = self.known(bag, &work).or_else(|| self.hopeless(&work));
        if let Some(saying) = over {
            bag.carried.insert(id);
            bag.unsaved.push(saying);
            return None;
        }
        let channel = work.list.get(work.progress.step)?.clone();
        Some(((channel, work.notice.to.clone(), work.notice.drill), work))
    }

    /// A row that cannot be tried as it stands: expired, without channels, or for a channel that is not there.
    fn hopeless(&self, work: &Work) -> Option<super::Saying> {
        let copy = || Work {
            row: work.row,
            notice: work.notice.clone(),
            progress: work.progress.clone(),
            list: work.list.clone(),
        };
        let Some(id) = work.list.get(work.progress.step) else {
            return Some(self.nowhere(copy()));
        };
        if wall() >= work.notice.expires {
            let last = work.progress.last.as_ref().map(|(code, detail)| format!("last: {code}: {detail}"));
            let fault = Fault::new(Class::Final, Code::Expired, last.unwrap_or_default());
            return Some(self.given_up(copy(), id, &fault));
        }
        if self.channels.get(id).is_none() {
            let fault = Fault::new(Class::Final, Code::UnknownChannel, format!("no channel is called {id}"));
            return Some(self.failed(copy(), id, &fault));
        }
        None
    }

    async fn send_group(
        &self,
        (id, _, _): &Group,
        mut works: Vec<Work>,
        bag: &mut Bag,
        running: &mut JoinSet<Carried>,
    ) {
        let Some(channel) = self.channels.get(id).cloned() else { return };
        let wait = channel.pace().wait();
        if !wait.is_zero() {
            self.go_round(works, wait, bag);
            return;
        }
        works.sort_by_key(|work| (std::cmp::Reverse(work.notice.urgency), work.notice.at));
        let room = channel.pace().room();
        let storm = channel.limits().digests && (works.len() > room || works.len() >= STORM);
        let ways =
            if storm { together(works, room) } else { works.into_iter().map(|work| vec![work]).collect() };
        for way in ways {
            let busy = bag.busy.entry(id.clone()).or_default();
            if *busy >= PER_CHANNEL_MAX || running.len() >= AT_ONCE_MAX || channel.pace().take().is_err() {
                // It stays due and is looked at again when a way is free.
                return;
            }
            *busy += 1;
            bag.carried.extend(way.iter().map(|work| work.row));
            self.start(Arc::clone(&channel), way, running).await;
        }
    }

    /// The channel cannot be used now: who should not wait goes another way.
    fn go_round(&self, works: Vec<Work>, wait: std::time::Duration, bag: &mut Bag) {
        let locked =
            Fault::new(Class::Locked(wait), Code::TooOften, "the channel's minute is full, or it is locked");
        for mut work in works {
            let before = work.progress.step;
            let list = &work.list;
            let free = |place: usize| is_free(&self.channels, list, place);
            let next = work.progress.blocked(wait, (list.len(), work.notice.urgency), free);
            let now = wall();
            match next {
                Next::Try(pause) if work.progress.step != before => {
                    bag.carried.insert(work.row);
                    bag.unsaved.push(again(&work, now + span(pause), &locked));
                }
                // It stays due.
                Next::Try(_) | Next::GiveUp => {}
            }
        }
    }

    async fn start(&self, channel: Arc<dyn Channel>, way: Vec<Work>, running: &mut JoinSet<Carried>) {
        let message = match way.as_slice() {
            [work] => self.renderer.message(&work.notice, &channel).await,
            _ => {
                let notices: Vec<&Notice> = way.iter().map(|work| &work.notice).collect();
                self.renderer.digest(&notices, &channel).await
            }
        };
        let parcels = way.into_iter().map(|work| Parcel::Row(Box::new(work))).collect();
        running.spawn(carry(channel, message, parcels));
    }

    /// Sends what cannot be recorded by the first channel of its list that is free, and by the next when that failed.
    pub(super) fn beside(&self, bag: &mut Bag, notice: Notice, running: &mut JoinSet<Carried>) {
        let now = wall();
        let known = bag.beside.get(&notice.key);
        if known.is_some_and(|it| it.taken.is_some() || now < it.next) || running.len() >= AT_ONCE_MAX {
            return;
        }
        let tries = known.map_or(0, |it| it.tries);
        let list = if notice.channels.is_empty() { &self.channels.default } else { &notice.channels };
        let mut ahead =
            list.iter().cycle().skip(tries).take(list.len()).filter_map(|id| self.channels.get(id));
        let Some(channel) = ahead.find(|channel| channel.pace().take().is_ok()).cloned() else { return };
        if bag.beside.len() >= super::UNRECORDED_MAX {
            bag.beside.pop_first();
        }
        let beside = Beside { tries: tries + 1, next: now + BESIDE_LOST, taken: None };
        bag.beside.insert(notice.key.clone(), beside);
        *bag.busy.entry(channel.id().clone()).or_default() += 1;
        let renderer = self.renderer.clone();
        running.spawn(async move {
            let message = renderer.unrecorded(&notice, &channel).await;
            carry(channel, message, vec![Parcel::Beside(notice.key)]).await
        });
    }

    /// A test of a channel, past the outbox.
    pub(super) fn test(&self, bag: &mut Bag, test: ChannelTest, running: &mut JoinSet<Carried>) {
        let told = |code: Code, detail: String| Err((code.word().to_owned(), detail));
        let Some(channel) = self.channels.get(&test.channel).cloned() else {
            let _ =
                test.reply.send(told(Code::UnknownChannel, format!("no channel is called {}", test.channel)));
            return;
        };
        if let Err(wait) = channel.pace().take() {
            let _ = test.reply.send(told(Code::TooOften, format!("free in {} s", wait.as_secs() + 1)));
            return;
        }
        *bag.busy.entry(test.channel).or_default() += 1;
        let renderer = self.renderer.clone();
        running.spawn(async move {
            let message = renderer.test(test.person.as_ref(), &channel, wall()).await;
            carry(channel, message, vec![Parcel::Test(test.reply)]).await
        });
    }
}

/// The most urgent ones on their own while there is room for them and for one more; the rest in one text.
fn together(works: Vec<Work>, room: usize) -> Vec<Vec<Work>> {
    let urgent = works.iter().filter(|work| work.notice.urgency == Urgency::Urgent).count();
    let alone = if urgent < room.min(STORM) { urgent } else { 0 };
    let mut ways: Vec<Vec<Work>> = Vec::new();
    let mut rest = Vec::new();
    for (at, work) in works.into_iter().enumerate() {
        if at < alone { ways.push(vec![work]) } else { rest.push(work) }
    }
    if !rest.is_empty() {
        ways.push(rest);
    }
    ways
}
