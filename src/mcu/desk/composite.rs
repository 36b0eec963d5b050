//! A conference moved to another MCU by hanging up here and calling from there, site by site, where the make has no
//! verb of its own for it. It can end half done, and then says for whom.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until, timeout};

use super::queue::send;
use super::storm::Storm;
use super::verify::same_address;
use super::{Means, rejected};
use crate::domain::mcu::{ConferenceRef, NodeRef};
use crate::mcu::Bridge;
use crate::mcu::fault::Fault;
use crate::observation::action::{Action, ActionKey, ActionOutcome, DID_NOT_HAPPEN, DeviceOrder};
use crate::observation::device::{ConferenceSeen, Presence, SiteSeen};

/// Longest wait for the other device's roster.
const READ_PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Where a conference goes: `MCU`, or `MCU/CONFERENCE` where it is called otherwise there.
pub(super) fn target(to: &NodeRef) -> (&str, Option<ConferenceRef>) {
    match to.as_str().split_once('/') {
        Some((name, conference)) => (name, Some(ConferenceRef::new(conference))),
        None => (to.as_str(), None),
    }
}

/// The same move as the standby sees it: there the sites are looked for.
pub(super) fn arrived(action: &Action) -> Action {
    let Action::MigrateConference { conference, to } = action else { return action.clone() };
    let there = target(to).1.unwrap_or_else(|| conference.clone());
    Action::MigrateConference { conference: there, to: to.clone() }
}

/// Moves all sites that can be called. Stops at the first step whose fate nobody knows.
pub(super) async fn migrate(
    means: &Means,
    peer: &Arc<dyn Bridge>,
    order: &DeviceOrder,
    before: Option<&ConferenceSeen>,
    storm: &mut Storm,
) -> ActionOutcome {
    let Action::MigrateConference { conference, to } = &order.action else {
        return rejected("not_provided", false);
    };
    let Some(before) = before else { return rejected("no_such_conference", false) };
    let there = target(to).1.unwrap_or_else(|| conference.clone());
    let Ok(seen) = timeout(READ_PATIENCE, peer.roster(&there)).await.unwrap_or(Err(Fault::NotSupported))
    else {
        return rejected("standby_not_seen", true);
    };
    let mut tally = Tally::default();
    let mut stopped = false;
    for (n, site) in movable(before).enumerate() {
        if stopped {
            tally.undone.push(site.name.clone());
            continue;
        }
        // The standby's calls are paced as if they were this device's own.
        if let Ok(at) = storm.book(site.address.as_deref().unwrap_or_default(), Instant::now()) {
            sleep_until(at).await;
        }
        let step = Move { order, n, site, conference, there: &there };
        stopped = !step.take(means, peer.as_ref(), &seen, &mut tally).await;
    }
    tally.outcome()
}

/// The sites that can be called elsewhere.
fn movable(seen: &ConferenceSeen) -> impl Iterator<Item = &SiteSeen> {
    seen.present.iter().filter(|site| {
        !site.cascade
            && !site.probe
            && site.address.is_some()
            && !matches!(site.presence, Presence::Left { .. })
    })
}

/// Who was moved and who was not.
#[derive(Debug, Default)]
struct Tally {
    done: Vec<String>,
    undone: Vec<String>,
}

impl Tally {
    fn outcome(self) -> ActionOutcome {
        match (self.done.is_empty(), self.undone.is_empty()) {
            // The standby calls: whether they come, media will show.
            (_, true) => ActionOutcome::Accepted { handle: None },
            (true, false) => rejected("nobody_moved", true),
            (false, false) => ActionOutcome::Partial { done: self.done, undone: self.undone },
        }
    }
}

/// One site on its way.
struct Move<'a> {
    order: &'a DeviceOrder,
    n: usize,
    site: &'a SiteSeen,
    conference: &'a ConferenceRef,
    there: &'a ConferenceRef,
}

impl Move<'_> {
    /// Hangs up and calls. Whether to go on with the next.
    async fn take(&self, here: &Means, peer: &dyn Bridge, seen: &ConferenceSeen, tally: &mut Tally) -> bool {
        let hang_up = Action::Disconnect {
            conference: self.conference.clone(),
            participant: self.site.participant.clone(),
        };
        let before = ConferenceSeen { present: vec![self.site.clone()], ..seen.clone() };
        let gone = match here.bridge.plan(&hang_up, Some(&before)) {
            Ok(plan) => send(here, &plan, &self.key("hang-up")).await,
            Err(_) => rejected("not_provided", false),
        };
        if !matches!(gone, ActionOutcome::Applied | ActionOutcome::Accepted { .. }) {
            tally.undone.push(self.site.name.clone());
            return gone != ActionOutcome::Unknown;
        }
        let dial = Action::Dial {
            conference: self.there.clone(),
            address: self.site.address.clone().unwrap_or_default(),
            name: self.site.name.clone(),
            kbps: None,
            via: None,
        };
        let called = match peer.plan(&dial, Some(seen)) {
            Ok(plan) => {
                let key = self.key("dial");
                let calling = peer.execute(&plan, &key);
                timeout(READ_PATIENCE, calling).await.unwrap_or(ActionOutcome::Unknown)
            }
            Err(_) => rejected("not_provided", false),
        };
        let came = matches!(called, ActionOutcome::Applied | ActionOutcome::Accepted { .. });
        if came { &mut tally.done } else { &mut tally.undone }.push(self.site.name.clone());
        // One that was hung up and cannot be called again is enough: the others stay where they are.
        came
    }

    fn key(&self, step: &str) -> ActionKey {
        ActionKey(format!("{}-{}-{step}", self.order.key.0, self.n))
    }
}

/// What came of a move of an earlier process: who is there and who is still here. `None` where the order was no such
/// move.
pub(super) async fn look(
    means: &Means,
    order: &DeviceOrder,
    here: Option<&ConferenceSeen>,
) -> Option<ActionOutcome> {
    let Action::MigrateConference { conference, to } = &order.action else { return None };
    let (name, there) = target(to);
    let peer = means.peers.peer(name)?;
    let there = there.unwrap_or_else(|| conference.clone());
    let Ok(Ok(seen)) = timeout(READ_PATIENCE, peer.roster(&there)).await else {
        return Some(ActionOutcome::Unknown);
    };
    let moved = |site: &&SiteSeen| {
        let same = |other: &SiteSeen| match (&site.address, &other.address) {
            (Some(one), Some(other)) => same_address(one, other),
            (None, _) | (_, None) => site.name == other.name,
        };
        seen.present.iter().any(same)
    };
    let names = |sites: Vec<&SiteSeen>| sites.into_iter().map(|site| site.name.clone()).collect::<Vec<_>>();
    let still: Vec<&SiteSeen> =
        here.map(|here| movable(here).filter(|site| !moved(site)).collect()).unwrap_or_default();
    let came: Vec<&SiteSeen> = seen.present.iter().filter(|site| !site.cascade && !site.probe).collect();
    Some(match (came.is_empty(), still.is_empty()) {
        (true, false) => rejected(DID_NOT_HAPPEN, true),
        // Nobody here and nobody there: those who were hung up and not called are in no roster.
        (true, true) => ActionOutcome::Unknown,
        (false, _) => ActionOutcome::Partial { done: names(came), undone: names(still) },
    })
}
