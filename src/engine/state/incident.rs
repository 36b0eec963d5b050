//! Incidents as the journal tells them: how far each is, when what happened, and which findings belong to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::durable::{DurableState, Finding};
use super::listed::{self, Keyed};
use crate::domain::actor::Actor;
use crate::domain::fault::FaultClass;
use crate::domain::id::{PersonId, RegionId, VenueId};
use crate::domain::incident::{IncidentId, IncidentState, Moment};
use crate::domain::inventory::Inventory;
use crate::domain::time::{Span, Utc};
use crate::engine::event::{Durable, What};
use crate::engine::finding::FindingKey;
use crate::engine::incident::{Anchor, Assessment, IncidentChange, Opening, venue_of};

/// Owners of what is to be put right are told of it day by day once it is due.
const DAY: Span = Span::minutes(24 * 60);
/// Closed incidents kept in memory; older ones are in the journal. One with something to put right is kept.
const INCIDENTS_KEPT: usize = 500;
/// Entries of one incident's timeline kept in memory; older ones are in the journal.
const ENTRIES_KEPT: usize = 200;
/// Members named in one entry.
const NAMED_MAX: usize = 20;
/// Notes of one incident kept in memory; older ones are in the journal.
const NOTES_KEPT: usize = 100;

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// How far it is.
    pub state: IncidentState,
    /// What draws later findings to it.
    pub anchor: Option<Anchor>,
    /// What vcops makes of it.
    pub assessment: Assessment,
    /// When what happened.
    pub times: Times,
    /// The findings in it, those that are over as well.
    #[serde(with = "listed")]
    pub members: BTreeMap<FindingKey, Member>,
    /// Members that are raised.
    pub raised: u32,
    /// Since when none is.
    #[serde(default)]
    pub quiet: Option<Utc>,
    /// How often it was opened again.
    #[serde(default)]
    pub reopened: u32,
    /// The incident it was split or parted from.
    #[serde(default)]
    pub from: Option<IncidentId>,
    /// The number under which it is told.
    #[serde(default)]
    pub into: Option<IncidentId>,
    /// Who acknowledged it.
    #[serde(default)]
    pub acked_by: Option<Actor>,
    /// Who is to take care.
    #[serde(default)]
    pub owner: Option<PersonId>,
    /// The latest notes.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Its review.
    #[serde(default)]
    pub review: Option<Review>,
    /// What happened to it, the latest; a change of very many members without their names.
    #[serde(default)]
    pub timeline: Vec<Entry>,
    /// 整改: what is to be put right.
    #[serde(default)]
    pub corrections: Vec<Correction>,
}

/// When what happened to an incident; the first of each since it opened, or opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// First bad sample.
    pub onset: Utc,
    /// When it was known.
    pub detected: Utc,
    /// A channel accepted a notice.
    #[serde(default)]
    pub notified: Option<Utc>,
    /// Somebody saw it.
    #[serde(default)]
    pub seen: Option<Utc>,
    /// Somebody took care.
    #[serde(default)]
    pub acked: Option<Utc>,
    /// The first step against it.
    #[serde(default)]
    pub first_action: Option<Utc>,
    /// The meeting went on by a makeshift.
    #[serde(default)]
    pub mitigated: Option<Utc>,
    /// It was over.
    #[serde(default)]
    pub resolved: Option<Utc>,
    /// Its last change.
    pub changed: Utc,
}

/// A finding in an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Which.
    pub finding: FindingKey,
    /// The venue it is about.
    pub venue: Option<VenueId>,
    /// Since when it belongs here.
    pub joined: Utc,
    /// When it was over, if it is.
    #[serde(default)]
    pub cleared: Option<Utc>,
    /// How often it came back.
    #[serde(default)]
    pub relapses: u32,
    /// Put here by a person: vcops does not move it.
    #[serde(default)]
    pub pinned: bool,
}

/// Something that happened to an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// What.
    pub change: IncidentChange,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// When.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// What.
    pub text: String,
    /// An attachment by its content (SHA-256, hex).
    pub evidence: Option<String>,
}

/// A review 审签.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// When.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// What it was in the end.
    pub root_cause: FaultClass,
    /// In words.
    pub text: String,
}

/// Something to put right 整改.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Counts from 1 within the incident.
    pub n: u32,
    /// What.
    pub text: String,
    /// By whom.
    pub owner: PersonId,
    /// Until when.
    pub due: Utc,
    /// Who asked.
    pub by: Actor,
    /// When it was done, by whom, how.
    #[serde(default)]
    pub done: Option<Done>,
    /// When its owner was last told of it.
    #[serde(default)]
    pub reminded: Option<Utc>,
}

impl Correction {
    /// When its owner is to be told of it next: once when it is asked for or a day before it is due, whichever is
    /// later, once when it is due, and then day by day until it is done.
    pub fn remind_at(&self) -> Option<Utc> {
        match (&self.done, self.reminded) {
            (Some(_), _) => None,
            (None, None) => Some(self.due - DAY),
            (None, Some(at)) if at < self.due => Some(self.due),
            (None, Some(at)) => Some(at + DAY),
        }
    }
}

/// That something was put right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// When.
    pub at: Utc,
    /// Who says so.
    pub by: Actor,
    /// How.
    pub note: String,
}

impl Keyed for Incident {
    type Key = IncidentId;
    fn key(&self) -> IncidentId {
        self.id
    }
}

impl Keyed for Member {
    type Key = FindingKey;
    fn key(&self) -> FindingKey {
        self.finding.clone()
    }
}

impl Incident {
    fn open(id: IncidentId, opening: &Opening, event: &Durable) -> Self {
        let onset = opening.assessment.onset;
        Self {
            id,
            state: IncidentState::Open,
            anchor: opening.anchor.clone(),
            assessment: opening.assessment.clone(),
            times: Times {
                onset,
                detected: event.at,
                notified: None,
                seen: None,
                acked: None,
                first_action: None,
                mitigated: None,
                resolved: None,
                changed: event.at,
            },
            members: BTreeMap::new(),
            raised: 0,
            quiet: None,
            reopened: 0,
            from: opening.from,
            into: None,
            acked_by: None,
            owner: None,
            notes: Vec::new(),
            review: None,
            timeline: Vec::new(),
            corrections: Vec::new(),
        }
    }

    /// The venues that its raised members are about; of one that is over, those that all were.
    pub fn venues(&self) -> BTreeSet<&VenueId> {
        let counts = |member: &&Member| self.raised == 0 || member.cleared.is_none();
        self.members.values().filter(counts).filter_map(|member| member.venue.as_ref()).collect()
    }

    /// The region of one that concerns one venue; nothing in one place has none.
    pub fn region(&self, inventory: &Inventory) -> Option<RegionId> {
        let venues = self.venues();
        let venue = venues.first().filter(|_| venues.len() == 1)?;
        inventory.venues.get(*venue).map(|venue| venue.region.clone())
    }

    /// Its raised members.
    pub fn raised(&self) -> impl Iterator<Item = &FindingKey> {
        self.members.values().filter(|member| member.cleared.is_none()).map(|member| &member.finding)
    }

    /// Whether something of its 整改 is still to be done.
    pub fn corrects(&self) -> bool {
        self.corrections.iter().any(|correction| correction.done.is_none())
    }

    fn take(&mut self, key: &FindingKey, venue: Option<VenueId>, event: &Durable) {
        let (joined, pinned) = (event.at, event.by != Actor::Vcops);
        let new =
            || Member { finding: key.clone(), venue, joined, cleared: Some(joined), relapses: 0, pinned };
        let known = self.members.contains_key(key);
        let member = self.members.entry(key.clone()).or_insert_with(new);
        if member.cleared.take().is_some() {
            self.raised += 1;
            self.quiet = None;
            member.relapses += u32::from(known);
        }
        member.pinned |= pinned;
    }

    fn lose(&mut self, key: &FindingKey, at: Utc) {
        if self.members.remove(key).is_some_and(|member| member.cleared.is_none()) {
            self.fewer(at);
        }
    }

    fn fewer(&mut self, at: Utc) {
        self.raised = self.raised.saturating_sub(1);
        if self.raised == 0 {
            self.quiet = Some(at);
        }
    }

    /// Takes a change of itself in; what concerns its members is done by the state.
    fn follow(&mut self, change: &IncidentChange, event: &Durable) {
        self.times.changed = event.at;
        self.note_down(change, event);
        match change {
            IncidentChange::Joined { .. } => {}
            IncidentChange::Assessed { assessment } => {
                self.times.onset = self.times.onset.min(assessment.onset);
                self.assessment = (**assessment).clone();
            }
            IncidentChange::Acked
            | IncidentChange::Unacked { .. }
            | IncidentChange::Mitigating { .. }
            | IncidentChange::Mitigated { .. }
            | IncidentChange::Resolved { .. }
            | IncidentChange::Reopened { .. }
            | IncidentChange::FalseAlarm { .. } => self.step(change, event),
            IncidentChange::Merged { into, .. } => {
                self.state = IncidentState::Merged;
                self.into = Some(*into);
            }
            IncidentChange::Marked { moment } => {
                let time = match moment {
                    Moment::Notified => &mut self.times.notified,
                    Moment::Seen => &mut self.times.seen,
                    Moment::FirstAction => &mut self.times.first_action,
                };
                *time = time.or(Some(event.at));
            }
            IncidentChange::Assigned { .. }
            | IncidentChange::Noted { .. }
            | IncidentChange::Reviewed { .. }
            | IncidentChange::CorrectionAsked { .. }
            | IncidentChange::CorrectionReminded { .. }
            | IncidentChange::CorrectionDone { .. } => self.work(change, event),
        }
    }

    fn note_down(&mut self, change: &IncidentChange, event: &Durable) {
        let mut change = change.clone();
        if let IncidentChange::Joined { members } = &mut change {
            members.truncate(NAMED_MAX);
        }
        self.timeline.push(Entry { at: event.at, by: event.by.clone(), change });
        let over = self.timeline.len().saturating_sub(ENTRIES_KEPT);
        self.timeline.drain(..over);
    }

    /// A step of its life.
    fn step(&mut self, change: &IncidentChange, event: &Durable) {
        let at = Some(event.at);
        if *change == IncidentChange::Acked {
            self.state = self.state.max(IncidentState::Acked);
            self.acked_by = Some(event.by.clone());
            self.times.acked = self.times.acked.or(at);
        }
        if let IncidentChange::Unacked { .. } = change {
            if self.state == IncidentState::Acked {
                self.state = IncidentState::Open;
            }
            (self.acked_by, self.times.acked) = (None, None);
        }
        if let IncidentChange::Mitigating { .. } = change {
            self.state = IncidentState::Mitigating;
            self.times.first_action = self.times.first_action.or(at);
        }
        if let IncidentChange::Mitigated { .. } = change {
            self.state = IncidentState::Mitigated;
            self.times.mitigated = at;
        }
        if let IncidentChange::Resolved { .. } = change {
            self.state = IncidentState::Resolved;
            self.times.resolved = self.quiet.or(at);
        }
        if let IncidentChange::Reopened { .. } = change {
            self.state = IncidentState::Open;
            self.reopened += 1;
            self.acked_by = None;
            // Opened by a person while all is quiet, it is quiet from now on.
            self.quiet = self.quiet.and(at);
            let Times { onset, detected, changed, .. } = self.times;
            self.times = Times { onset, detected, changed, ..Times::default() };
        }
        if let IncidentChange::FalseAlarm { .. } = change {
            self.state = IncidentState::FalseAlarm;
        }
    }

    /// The work of people on it: who, notes, review, what is to be put right.
    fn work(&mut self, change: &IncidentChange, event: &Durable) {
        let (at, by) = (event.at, || event.by.clone());
        if let IncidentChange::Assigned { to } = change {
            self.owner.clone_from(to);
        }
        if let IncidentChange::Noted { text, evidence } = change {
            self.notes.push(Note { at, by: by(), text: text.clone(), evidence: evidence.clone() });
            let over = self.notes.len().saturating_sub(NOTES_KEPT);
            self.notes.drain(..over);
        }
        if let IncidentChange::Reviewed { root_cause, text } = change {
            self.state = IncidentState::Reviewed;
            self.review = Some(Review { at, by: by(), root_cause: *root_cause, text: text.clone() });
        }
        if let IncidentChange::CorrectionAsked { n, text, owner, due } = change {
            let (text, owner) = (text.clone(), owner.clone());
            self.corrections.push(Correction {
                n: *n,
                text,
                owner,
                due: *due,
                by: by(),
                done: None,
                reminded: None,
            });
        }
        if let IncidentChange::CorrectionReminded { n } = change {
            let asked = self.corrections.iter_mut().find(|correction| correction.n == *n);
            asked.into_iter().for_each(|correction| correction.reminded = Some(at));
        }
        if let IncidentChange::CorrectionDone { n, note } = change {
            let asked = self.corrections.iter_mut().find(|correction| correction.n == *n);
            if let Some(correction) = asked {
                correction.done = Some(Done { at, by: by(), note: note.clone() });
            }
        }
    }
}

impl DurableState {
    /// Incidents opened, changed, and their members as they come and go.
    pub(super) fn incident(&mut self, event: &Durable) {
        if let What::IncidentOpened { incident, opening } = &event.what {
            self.incidents_opened = self.incidents_opened.max(incident.0);
            self.drop_old_incidents();
            self.incidents.insert(*incident, Arc::new(Incident::open(*incident, opening, event)));
            self.join(*incident, &opening.members, event);
            self.annunciate(*incident, event.at);
        }
        if let What::IncidentChanged { incident, change } = &event.what {
            if let IncidentChange::Joined { members } = change {
                self.join(*incident, members, event);
            }
            if let IncidentChange::Merged { into, .. } = change {
                let known = self.incidents.get(incident);
                let members: Vec<FindingKey> =
                    known.into_iter().flat_map(|known| known.raised()).cloned().collect();
                self.join(*into, &members, event);
            }
            if let Some(known) = self.incidents.get_mut(incident).map(Arc::make_mut) {
                known.follow(change, event);
            }
            self.alarms_of(*incident, change, event);
        }
    }

    /// Makes raised findings members of one incident and takes them out of every other.
    fn join(&mut self, id: IncidentId, members: &[FindingKey], event: &Durable) {
        for key in members {
            let Some(finding) = self.findings.get_mut(key) else { continue };
            let before = finding.incident.replace(id).filter(|before| *before != id);
            if let Some(before) = before.and_then(|before| self.incidents.get_mut(&before)).map(Arc::make_mut)
            {
                before.lose(key, event.at);
            }
            let venue = venue_of(&self.inventory, &key.subject);
            if let Some(incident) = self.incidents.get_mut(&id).map(Arc::make_mut) {
                incident.take(key, venue, event);
            }
        }
    }

    /// A finding is over: so is its part in its incident.
    pub(super) fn member_cleared(&mut self, finding: &Finding, at: Utc) {
        let incident = finding.incident.and_then(|id| self.incidents.get_mut(&id)).map(Arc::make_mut);
        let Some(incident) = incident else { return };
        if let Some(member) = incident.members.get_mut(&finding.key)
            && member.cleared.is_none()
        {
            member.cleared = Some(at);
            incident.fewer(at);
        }
    }

    fn drop_old_incidents(&mut self) {
        while self.incidents.len() >= INCIDENTS_KEPT {
            let closed = |incident: &&Arc<Incident>| {
                !incident.state.is_open() && incident.raised == 0 && !incident.corrects()
            };
            // What still waits for its review goes last.
            let oldest = self.incidents.values().filter(closed);
            let oldest = oldest
                .min_by_key(|incident| (incident.state == IncidentState::Resolved, incident.times.changed));
            let Some(id) = oldest.map(|incident| incident.id) else { return };
            self.incidents.remove(&id);
        }
    }
}
