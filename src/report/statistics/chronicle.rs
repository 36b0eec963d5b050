//! The facts of the journal that statistics are made of, kept small: one line for an incident, a round, a meeting, an
//! outage. Folded event by event, so that asking again costs only what is new.

use std::collections::{BTreeMap, BTreeSet};

use super::availability::{Spell, spell_of};
use crate::domain::actor::Actor;
use crate::domain::check::{Check, RoundId, RoundKind};
use crate::domain::fault::{FaultClass, Severity};
use crate::domain::id::{LinkId, McuId, MeetingId, RegionId, VenueId};
use crate::domain::incident::{IncidentId, IncidentState};
use crate::domain::inventory::{Inventory, Meeting};
use crate::domain::time::{Utc, Window};
use crate::engine::DurableState;
use crate::engine::event::{Durable, What};
use crate::engine::finding::FindingKey;
use crate::engine::incident::IncidentChange;
use crate::engine::state::{Incident, Times, weighed};
use crate::engine::verdict::{Judgement, Verdict};

/// Most incidents, annunciations, acknowledgements and outages that are kept; the oldest go.
const FACTS_MAX: usize = 200_000;
/// Most rounds that are kept.
const ROUNDS_MAX: usize = 20_000;
/// Most meetings that are kept.
const MEETINGS_MAX: usize = 20_000;

/// The journal, condensed.
#[derive(Debug, Clone, Default)]
pub struct Chronicle {
    durable: DurableState,
    since: Option<Utc>,
    last: Option<Utc>,
    pub(super) incidents: BTreeMap<IncidentId, IncidentFact>,
    pub(super) asked: Vec<Asked>,
    pub(super) acks: Vec<(Utc, Actor)>,
    pub(super) rounds: BTreeMap<RoundId, RoundFact>,
    pub(super) meetings: Vec<MeetingFact>,
    pub(super) spells: Vec<Spell>,
    raised: BTreeMap<FindingKey, Spell>,
    /// When the controller did not run.
    pub(super) stopped: Vec<Window>,
    /// Since when each MCU is spoken to.
    pub(super) mcus: BTreeMap<McuId, Utc>,
    /// Tests of each line: when, and whether it was fit.
    pub(super) paths: BTreeMap<LinkId, Vec<(Utc, bool)>>,
}

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IncidentFact {
    pub(super) state: IncidentState,
    pub(super) class: FaultClass,
    pub(super) severity: Severity,
    pub(super) times: Times,
    pub(super) venues: BTreeSet<VenueId>,
}

/// An incident asked for attention.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) at: Utc,
    pub(super) severity: Severity,
    /// Where; nothing in one place has none.
    pub(super) region: Option<RegionId>,
}

/// A round.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RoundFact {
    pub(super) kind: RoundKind,
    pub(super) opened: Utc,
    pub(super) ended: Option<Utc>,
    pub(super) venues: BTreeMap<VenueId, FirstTries>,
}

/// First judgements of the checks of a venue in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FirstTries {
    pub(super) passed: u32,
    pub(super) failed: u32,
    pub(super) broke: u32,
}

/// A meeting as it was planned when it began, or is planned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MeetingFact {
    pub(super) id: MeetingId,
    pub(super) window: Window,
    pub(super) venues: BTreeSet<VenueId>,
}

impl Chronicle {
    /// Begins with the state that opens the oldest part of the journal that is kept.
    pub fn from_state(durable: DurableState, at: Utc) -> Self {
        let meetings = durable.inventory.meetings.values().map(MeetingFact::of).collect();
        let incidents = durable.incidents.values().map(|one| (one.id, IncidentFact::of(one))).collect();
        let known = durable.boot > 0;
        let mut chronicle = Self {
            durable,
            meetings,
            incidents,
            since: known.then_some(at),
            last: known.then_some(at),
            ..Self::default()
        };
        chronicle.watch_mcus(at);
        for finding in chronicle.durable.findings.values() {
            if let Some(spell) = spell_of(&finding.key, finding.since, &chronicle.durable.inventory) {
                chronicle.raised.insert(finding.key.clone(), spell);
            }
        }
        chronicle
    }

    /// Takes the next event in.
    pub fn take(&mut self, event: &Durable) {
        self.before(event);
        self.durable.apply(event);
        self.after(event);
        self.last = Some(event.at);
        self.since.get_or_insert(event.at);
    }

    /// Since when it tells anything.
    pub fn since(&self) -> Option<Utc> {
        self.since
    }

    /// Outages that are over, and those that are not, as of a moment.
    pub(super) fn spells(&self, now: Utc) -> impl Iterator<Item = (&Spell, Window)> {
        let open = self.raised.values().map(move |spell| (spell, Window { from: spell.from, until: now }));
        let over = self.spells.iter().map(|spell| (spell, Window { from: spell.from, until: spell.until }));
        over.chain(open)
    }

    fn before(&mut self, event: &Durable) {
        if let (What::Started { .. }, Some(last)) = (&event.what, self.last) {
            // Nothing was written down since: when in between it stopped, nobody can say.
            push(&mut self.stopped, Window { from: last, until: event.at.max(last) });
        }
        if let What::FindingCleared { finding } = &event.what
            && let Some(mut spell) = self.raised.remove(finding)
        {
            spell.until = event.at.max(spell.from);
            push(&mut self.spells, spell);
        }
    }

    fn after(&mut self, event: &Durable) {
        match &event.what {
            What::InventoryChanged { .. } => {
                self.plan_meetings(event.at);
                self.watch_mcus(event.at);
            }
            What::RoundOpened { round, round_kind, .. } => self.open_round(*round, *round_kind, event.at),
            What::CheckJudged { round, judgement } => self.judged(*round, judgement, event.at),
            What::RoundEnded { round, .. } => {
                if let Some(round) = self.rounds.get_mut(round) {
                    round.ended = Some(event.at);
                }
            }
            What::FindingRaised { finding, since, .. } => {
                if let Some(spell) = spell_of(finding, *since, &self.durable.inventory) {
                    self.raised.insert(finding.clone(), spell);
                }
            }
            What::IncidentOpened { incident, .. } => {
                self.refresh(*incident);
                self.asks(*incident, event.at);
            }
            What::IncidentChanged { incident, change } => self.changed(*incident, change, event),
            What::Started { .. }
            | What::RetestAsked { .. }
            | What::CheckWaived { .. }
            | What::RoomRecorded { .. }
            | What::ConfirmRecorded { .. }
            | What::CallOrdered { .. }
            | What::CallEnded { .. }
            | What::SignedOff { .. }
            | What::ConsentGiven { .. }
            | What::RollCalled { .. }
            | What::FindingWeighed { .. }
            | What::CauseFound { .. }
            | What::CauseParted { .. }
            | What::FindingCleared { .. }
            | What::AgentInvited { .. }
            | What::AgentEnrolled { .. }
            | What::AgentRevoked { .. }
            | What::EvidenceKept { .. }
            | What::ActionOrdered { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::ActionFrozen { .. }
            | What::ActionThawed { .. }
            | What::AlarmsChanged { .. }
            | What::PlanBegun { .. }
            | What::StepChanged { .. }
            | What::PlanEnded { .. }
            | What::PagingChanged { .. }
            | What::DutyChanged { .. }
            | What::FloodChanged { .. }
            | What::IdentityChanged { .. }
            | What::Gap { .. } => {}
        }
    }

    fn changed(&mut self, incident: IncidentId, change: &IncidentChange, event: &Durable) {
        self.refresh(incident);
        if let IncidentChange::Merged { into, .. } = change {
            self.refresh(*into);
        }
        if *change == IncidentChange::Acked {
            push(&mut self.acks, (event.at, event.by.clone()));
        }
        if let IncidentChange::Reopened { .. } = change {
            self.asks(incident, event.at);
        }
    }

    fn refresh(&mut self, id: IncidentId) {
        let Some(incident) = self.durable.incidents.get(&id) else { return };
        self.incidents.insert(id, IncidentFact::of(incident));
        while self.incidents.len() > FACTS_MAX {
            self.incidents.pop_first();
        }
    }

    fn asks(&mut self, id: IncidentId, at: Utc) {
        let Some(incident) = self.durable.incidents.get(&id) else { return };
        let region = incident.region(&self.durable.inventory);
        push(&mut self.asked, Asked { at, severity: incident.assessment.severity, region });
    }

    fn open_round(&mut self, id: RoundId, kind: RoundKind, at: Utc) {
        let round = RoundFact { kind, opened: at, ended: None, venues: BTreeMap::new() };
        self.rounds.insert(id, round);
        while self.rounds.len() > ROUNDS_MAX {
            self.rounds.pop_first();
        }
    }

    fn judged(&mut self, id: RoundId, judgement: &Judgement, at: Utc) {
        if let Check::Path { link } = &judgement.key.check
            && judgement.verdict != Verdict::TestBroke
        {
            let fit = judgement.verdict < Verdict::NoAnswer;
            push(self.paths.entry(link.clone()).or_default(), (at, fit));
        }
        let Some(round) = self.rounds.get_mut(&id).filter(|_| judgement.attempt == 1) else { return };
        let tries = round.venues.entry(judgement.key.venue.clone()).or_default();
        match weighed(&judgement.key, judgement.verdict, &self.durable.inventory) {
            Verdict::Waived => {}
            Verdict::Pass | Verdict::Warn => tries.passed += 1,
            Verdict::NoAnswer | Verdict::Fail => tries.failed += 1,
            Verdict::TestBroke => tries.broke += 1,
        }
    }

    /// Meetings that have begun stay as they were planned; the others are as the inventory has them now.
    fn plan_meetings(&mut self, at: Utc) {
        self.meetings.retain(|meeting| meeting.window.from <= at);
        let known: BTreeSet<(&MeetingId, Utc)> =
            self.meetings.iter().map(|meeting| (&meeting.id, meeting.window.from)).collect();
        let planned = self.durable.inventory.meetings.values();
        let new = planned.filter(|meeting| !known.contains(&(&meeting.id, meeting.starts)));
        let mut new: Vec<MeetingFact> = new.map(MeetingFact::of).collect();
        self.meetings.append(&mut new);
        let over = self.meetings.len().saturating_sub(MEETINGS_MAX);
        self.meetings.drain(..over);
    }

    fn watch_mcus(&mut self, at: Utc) {
        for mcu in self.durable.inventory.mcus.values().filter(|mcu| mcu.control.is_some()) {
            self.mcus.entry(mcu.id.clone()).or_insert(at);
        }
    }
}

impl IncidentFact {
    fn of(incident: &Incident) -> Self {
        let root = incident.review.as_ref().map(|review| review.root_cause);
        Self {
            state: incident.state,
            class: root.unwrap_or(incident.assessment.class),
            severity: incident.assessment.severity,
            times: incident.times,
            venues: incident.members.values().filter_map(|member| member.venue.clone()).collect(),
        }
    }
}

impl MeetingFact {
    fn of(meeting: &Meeting) -> Self {
        Self {
            id: meeting.id.clone(),
            window: Window { from: meeting.starts, until: meeting.ends },
            venues: meeting.all_venues().cloned().collect(),
        }
    }
}

/// Whether anything of an inventory looks at a venue while a meeting is live.
pub(super) fn is_watched(inventory: &Inventory, venue: &VenueId) -> bool {
    inventory.streams.values().any(|stream| stream.source.is_some() && stream.venue.as_ref() == Some(venue))
}

fn push<T>(facts: &mut Vec<T>, fact: T) {
    if facts.len() >= FACTS_MAX {
        // A tenth at once, so that a full list does not move for each new fact.
        facts.drain(..FACTS_MAX / 10);
    }
    facts.push(fact);
}
