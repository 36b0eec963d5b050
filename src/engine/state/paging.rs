//! Who was told of which incident, who is next and when, what waits in a digest, and who handed duty over to whom.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::durable::DurableState;
use super::listed::{self, Keyed};
use crate::domain::actor::Actor;
use crate::domain::id::{PersonId, ShiftId};
use crate::domain::incident::IncidentId;
use crate::domain::lang::Text;
use crate::domain::notice::{Answer, AnswerMeans, Delivery, NoticeKey};
use crate::domain::time::{Span, Utc};
use crate::engine::escalation::{DutyChange, PagingChange};
use crate::engine::event::{Durable, What};

/// Incidents whose paging is over, kept in memory.
const OVER_KEPT: usize = 200;
/// Handovers kept in memory; older ones are in the journal.
const HANDOVERS_KEPT: usize = 50;
/// How far back it counts how often somebody was told.
pub(in crate::engine) const STORM_SPAN: Span = Span::seconds(60);

/// The paging of one incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Of which incident.
    pub incident: IncidentId,
    /// Since when its rungs count.
    pub begun: Utc,
    /// The rungs that were taken, from 0.
    pub rung: u8,
    /// When the next one is due; none when there is no next one.
    pub next: Option<Utc>,
    /// Who was told, and why.
    pub told: Vec<Told>,
    /// What the group was last told by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<NoticeKey>,
    /// Who said on the telephone that they take care.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub telephoned: Vec<(PersonId, Answered)>,
    /// Why it stopped, if it did.
    pub stopped: Option<Text>,
}

/// That somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Who.
    pub to: PersonId,
    /// When.
    pub at: Utc,
    /// On which rung.
    pub rung: u8,
    /// Why.
    pub why: Text,
    /// Whether it went into a digest, because so much was told at once.
    pub digest: bool,
    /// The notice; none in a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<NoticeKey>,
    /// What became of the notice, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// What they said, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
}

/// What somebody said to a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// What.
    pub answer: Answer,
    /// How.
    pub means: AnswerMeans,
    /// When.
    pub at: Utc,
}

/// What waits to be told to somebody in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// To whom.
    pub to: PersonId,
    /// When it leaves.
    pub due: Utc,
    /// About which incidents.
    pub incidents: BTreeSet<IncidentId>,
}

/// 交接班.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// From which shift.
    pub from: ShiftId,
    /// To which.
    pub to: ShiftId,
    /// When it was offered.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// What the next shift must know.
    pub note: String,
    /// 遗留事项: incidents that were open.
    pub open: Vec<IncidentId>,
    /// Who took over, and when.
    pub taken: Option<(Actor, Utc)>,
}

impl Paging {
    fn new(incident: IncidentId, begun: Utc) -> Self {
        let (told, telephoned) = (Vec::new(), Vec::new());
        Self { incident, begun, rung: 0, next: None, told, group: None, telephoned, stopped: None }
    }
}

impl Keyed for Paging {
    type Key = IncidentId;
    fn key(&self) -> IncidentId {
        self.incident
    }
}

impl Keyed for Digest {
    type Key = PersonId;
    fn key(&self) -> PersonId {
        self.to.clone()
    }
}

/// Everything about telling people and about duty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DutyState {
    /// Paging, by incident.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub paging: BTreeMap<IncidentId, Paging>,
    /// Digests that wait.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<PersonId, Digest>,
    /// The latest handovers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handovers: Vec<Handover>,
}

impl DutyState {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.paging.is_empty() && self.digests.is_empty() && self.handovers.is_empty()
    }

    /// How often somebody was told something by itself within the last minute.
    pub(in crate::engine) fn told_lately(&self, person: &PersonId, now: Utc) -> usize {
        let told = self.paging.values().flat_map(|paging| &paging.told);
        // What lies ahead was told before the clock was put back.
        let lately = |told: &&Told| told.at <= now && now.since(told.at) < STORM_SPAN;
        told.filter(|told| &told.to == person && !told.digest && lately(told)).count()
    }

    /// The earliest moment at which somebody is to be told.
    pub(in crate::engine) fn next(&self) -> Option<Utc> {
        let rungs = self.paging.values().filter_map(|paging| paging.next);
        rungs.chain(self.digests.values().map(|digest| digest.due)).min()
    }

    fn follow(&mut self, incident: IncidentId, change: &PagingChange, event: &Durable) {
        match change {
            PagingChange::Paged { rung, told, group, next } => {
                let paging = self.paging.entry(incident).or_insert_with(|| Paging::new(incident, event.at));
                if group.is_some() {
                    paging.group.clone_from(group);
                }
                if *rung == 0 {
                    (paging.begun, paging.stopped) = (event.at, None);
                }
                (paging.rung, paging.next) = (rung + 1, *next);
                paging.told.extend(told.iter().cloned());
                for told in told.iter().filter(|told| told.digest) {
                    let (to, due) = (told.to.clone(), event.at + STORM_SPAN);
                    let new = || Digest { to, due, incidents: BTreeSet::new() };
                    let digest = self.digests.entry(told.to.clone()).or_insert_with(new);
                    digest.incidents.insert(incident);
                }
            }
            PagingChange::Delivered { notice, delivery } => {
                if let Some(told) = self.told(incident, notice) {
                    told.delivery = Some(delivery.clone());
                }
            }
            PagingChange::Answered { person, notice, means, answer } => {
                let answered = Answered { answer: *answer, means: *means, at: event.at };
                match notice {
                    Some(notice) => {
                        if let Some(told) = self.told(incident, notice) {
                            told.answered = Some(answered);
                        }
                    }
                    None => {
                        let paging =
                            self.paging.entry(incident).or_insert_with(|| Paging::new(incident, event.at));
                        paging.telephoned.push((person.clone(), answered));
                    }
                }
            }
            PagingChange::Stopped { why } => {
                if let Some(paging) = self.paging.get_mut(&incident) {
                    (paging.next, paging.stopped) = (None, Some(why.clone()));
                }
                self.drop_old();
            }
        }
    }

    fn told(&mut self, incident: IncidentId, notice: &NoticeKey) -> Option<&mut Told> {
        let paging = self.paging.get_mut(&incident)?;
        paging.told.iter_mut().find(|told| told.notice.as_ref() == Some(notice))
    }

    fn drop_old(&mut self) {
        while self.paging.values().filter(|paging| paging.stopped.is_some()).count() > OVER_KEPT {
            let over = self.paging.values().find(|paging| paging.stopped.is_some());
            let Some(incident) = over.map(|paging| paging.incident) else { return };
            self.paging.remove(&incident);
        }
    }

    fn duty(&mut self, change: &DutyChange, event: &Durable) {
        match change {
            DutyChange::DigestSent { to } => {
                self.digests.remove(to);
            }
            DutyChange::HandedOver { from, to, note, open } => {
                let over = (self.handovers.len() + 1).saturating_sub(HANDOVERS_KEPT);
                self.handovers.drain(..over);
                self.handovers.push(Handover {
                    from: from.clone(),
                    to: to.clone(),
                    at: event.at,
                    by: event.by.clone(),
                    note: note.clone(),
                    open: open.clone(),
                    taken: None,
                });
            }
            DutyChange::TakenOver { from, to } => {
                let is = |handover: &&mut Handover| &handover.from == from && &handover.to == to;
                if let Some(handover) = self.handovers.iter_mut().rev().find(is) {
                    handover.taken = Some((event.by.clone(), event.at));
                }
            }
        }
    }
}

impl DurableState {
    /// Who was told, and who is on duty.
    pub(super) fn told(&mut self, event: &Durable) {
        if let What::PagingChanged { incident, change } = &event.what {
            self.duty.follow(*incident, change, event);
        }
        if let What::DutyChanged { change } = &event.what {
            self.duty.duty(change, event);
        }
    }
}
