//! What survives a restart: exactly the fold of the journal, and nothing that would need a rule to be run again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::action::{ActionRecord, Freeze, Progress};
use super::alarm::{Alarm, Annunciation};
use super::call::CallRecord;
use super::incident::Incident;
use super::listed::{self, Keyed};
use super::paging::DutyState;
use super::round::{Cell, Evidence, Judged, RoomRecord, Round, RoundEnd, Signature, Waiver};
use super::run::{Run, RunKey};
use crate::domain::actor::Actor;
use crate::domain::check::{Check, CheckKey, RoundId, RoundKind, TestId};
use crate::domain::id::{AgentId, LinkId, MeetingId, PersonId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::{Inventory, Resource};
use crate::domain::time::{Utc, Window};
use crate::engine::alarm::Signal;
use crate::engine::event::{Durable, What};
use crate::engine::finding::{FindingKey, Proof, Severity};
use crate::engine::input::{RollCallAnswer, RoomOutcome};
use crate::engine::rehearsal::figures;
use crate::engine::verdict::{Judgement, ReasonCode, Verdict};
use crate::observation::action::ActionKey;
use crate::observation::{Fact, Observation, TestOutcome};

/// Ended rounds kept in memory; older ones are in the journal.
const ROUNDS_KEPT: usize = 200;
/// Cells kept in memory over all ended rounds.
const CELLS_KEPT: usize = 200_000;
/// Tests per agent whose evidence is remembered as counted.
pub(in crate::engine) const EVIDENCE_KEPT: usize = 4096;
/// Members named with one finding; the cause itself says who else may be concerned.
pub(in crate::engine) const MEMBERS_MAX: usize = 100;
/// Orders to devices kept in memory; older ones are in the journal.
const ACTIONS_KEPT: usize = 1_000;
/// Weight of a new measurement in a baseline.
const BASELINE_WEIGHT: f64 = 0.2;
/// The figures that have a baseline.
const BASELINE_FIGURES: [&str; 5] = [
    "rtt_p50_ms",
    "loss_to_venue_pct",
    "loss_from_venue_pct",
    "jitter_to_venue_p95_ms",
    "jitter_from_venue_p95_ms",
];

/// The durable half of the state. Its canonical JSON is the state row of a journal segment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DurableState {
    /// Starts of the controller so far.
    pub boot: u32,
    /// Version of the program that started last.
    pub version: String,
    /// The inventory.
    pub inventory: Inventory,
    /// Rounds opened so far, over the life of the journal.
    pub rounds_opened: u64,
    /// The recent rounds; an open one is never dropped.
    #[serde(with = "listed")]
    pub rounds: BTreeMap<RoundId, Round>,
    /// For which start time of a meeting an automatic round was opened.
    pub automatic: BTreeMap<MeetingId, BTreeMap<RoundKind, Utc>>,
    /// Invitations and keys of agents.
    pub enrolments: BTreeMap<AgentId, Enrolment>,
    /// Findings that are raised.
    #[serde(with = "listed")]
    pub findings: BTreeMap<FindingKey, Finding>,
    /// 点名, by meeting and venue.
    pub roll_calls: BTreeMap<MeetingId, BTreeMap<VenueId, RollCall>>,
    /// 已开机可测, the latest of each venue.
    pub consents: BTreeMap<VenueId, ConsentRecord>,
    /// The usual figures of each link.
    pub baselines: BTreeMap<LinkId, Baseline>,
    /// The round in which each link's path was judged last.
    pub last_path: BTreeMap<LinkId, RoundId>,
    /// Tests whose evidence is recorded: a second delivery counts for nothing.
    pub evidence: BTreeMap<AgentId, BTreeSet<TestId>>,
    /// Durable events known to be missing from the journal.
    pub lost_events: u64,
    /// Orders given to devices so far, over the life of the journal.
    #[serde(skip_serializing_if = "is_zero")]
    pub actions_ordered: u64,
    /// The recent orders to devices; one that is under way or undecided is never dropped.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub actions: BTreeMap<ActionKey, ActionRecord>,
    /// Calls to codecs without an end.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<TestId, CallRecord>,
    /// Actions that are refused because a device died after one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub frozen: BTreeSet<Freeze>,
    /// Incidents opened so far, over the life of the journal.
    #[serde(skip_serializing_if = "is_zero")]
    pub incidents_opened: u64,
    /// The recent incidents; an open one is never dropped.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub incidents: BTreeMap<IncidentId, Arc<Incident>>,
    /// Alarms that are not merely normal.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub alarms: BTreeMap<FindingKey, Alarm>,
    /// What asked for attention in the last day.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annunciations: Vec<Annunciation>,
    /// Since when there is a flood of alarms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flood: Option<Utc>,
    /// Plans that are or were carried out; one that goes on is never dropped.
    #[serde(with = "listed", skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<RunKey, Run>,
    /// Who was told what, and how duty passed on.
    #[serde(skip_serializing_if = "DutyState::is_empty")]
    pub duty: DutyState,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference in")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What is known of an agent's key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enrolment {
    /// An invitation not yet used.
    pub invitation: Option<Invitation>,
    /// The secret's hash of the invitation used last: an agent that did not hear the answer may ask again.
    pub used: Option<String>,
    /// The Ed25519 public key that counts, hex.
    pub key: Option<String>,
    /// Since when it counts.
    pub since: Option<Utc>,
    /// Why the last key was revoked, if it was.
    pub revoked: Option<String>,
}

/// A one-time invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// SHA-256 of the secret, hex.
    pub secret_hash: String,
    /// Until when it is good.
    pub expires: Utc,
}

/// A raised finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What is wrong with what.
    pub key: FindingKey,
    /// Onset, before the hold.
    pub since: Utc,
    /// When it was raised.
    pub raised: Utc,
    /// The shared cause, if one was found.
    pub cause: Option<Resource>,
    /// Others under the same cause.
    pub members: Vec<FindingKey>,
    /// How much it matters now.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
    /// What was seen when it was raised or last weighed anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Box<Proof>>,
    /// The incident that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}

impl Keyed for Finding {
    type Key = FindingKey;
    fn key(&self) -> FindingKey {
        self.key.clone()
    }
}

/// A venue's answer at the roll call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollCall {
    /// What it answered.
    pub answer: RollCallAnswer,
    /// Who wrote it down.
    pub by: Actor,
    /// When.
    pub at: Utc,
}

/// A venue's agreement to hall checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentRecord {
    /// For how long.
    pub window: Window,
    /// Who gave it.
    pub by: Actor,
}

/// A link's usual figures: an exponentially weighted mean over its passes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Passes behind it.
    pub passes: u32,
    /// The figures, units in their names.
    pub figures: BTreeMap<String, f64>,
}

impl DurableState {
    /// Makes one event so. Total: an event that no longer fits changes nothing.
    pub fn apply(&mut self, event: &Durable) {
        match &event.what {
            What::Started { boot, version } => {
                self.boot = (*boot).max(self.boot);
                self.version.clone_from(version);
            }
            What::InventoryChanged { version, changes, .. } => {
                changes.iter().for_each(|change| self.inventory.apply(change));
                self.inventory.version = *version;
            }
            What::RoundOpened { round, meeting, round_kind, automatic, plan } => {
                self.open_round(event, (*round, meeting, *round_kind, *automatic), plan);
            }
            What::RetestAsked { round, keys } => self.ask_again(*round, keys, event.at),
            What::CheckJudged { round, judgement } => self.judged(*round, event, judgement),
            What::CheckWaived { round, key, why } => self.waived(*round, key, event, why),
            What::RoomRecorded { .. } | What::ConfirmRecorded { .. } => self.room(event),
            What::CallOrdered { .. } | What::CallEnded { .. } => self.called(event),
            What::RoundEnded { round, closed } => {
                if let Some(round) = self.rounds.get_mut(round) {
                    round.ended = Some(RoundEnd { at: event.at, closed: *closed });
                }
            }
            What::SignedOff { round, party, person } => {
                let signature = Signature { person: person.clone(), by: event.by.clone(), at: event.at };
                if let Some(round) = self.rounds.get_mut(round) {
                    round.signatures.insert(*party, signature);
                }
            }
            What::ConsentGiven { venue, window } => {
                let record = ConsentRecord { window: *window, by: event.by.clone() };
                self.consents.insert(venue.clone(), record);
            }
            What::RollCalled { meeting, venue, answer } => {
                let call = RollCall { answer: *answer, by: event.by.clone(), at: event.at };
                self.roll_calls.entry(meeting.clone()).or_default().insert(venue.clone(), call);
            }
            What::FindingRaised { .. }
            | What::FindingWeighed { .. }
            | What::FindingCleared { .. }
            | What::CauseFound { .. }
            | What::CauseParted { .. } => self.found(event),
            What::AgentInvited { agent, secret_hash, expires } => {
                let invitation = Invitation { secret_hash: secret_hash.clone(), expires: *expires };
                self.enrolments.entry(agent.clone()).or_default().invitation = Some(invitation);
            }
            What::AgentEnrolled { agent, public_key } => {
                let (key, since) = (Some(public_key.clone()), Some(event.at));
                let enrolment = self.enrolments.entry(agent.clone()).or_default();
                let used = enrolment.invitation.take().map(|invitation| invitation.secret_hash);
                let used = used.or_else(|| enrolment.used.take());
                *enrolment = Enrolment { invitation: None, used, key, since, revoked: None };
            }
            What::AgentRevoked { agent, why } => {
                let revoked = Some(why.clone());
                self.enrolments.insert(agent.clone(), Enrolment { revoked, ..Enrolment::default() });
            }
            What::EvidenceKept { test, observation } => self.evidence(*test, event.at, observation),
            What::ActionOrdered { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::ActionFrozen { .. }
            | What::ActionThawed { .. } => self.acted(event),
            What::IncidentOpened { .. } | What::IncidentChanged { .. } => self.incident(event),
            What::PlanBegun { .. } | What::StepChanged { .. } | What::PlanEnded { .. } => self.run(event),
            What::PagingChanged { .. } | What::DutyChanged { .. } => self.told(event),
            What::AlarmsChanged { alarms, change } => self.alarms_changed(alarms, change, event),
            What::FloodChanged { flood, .. } => self.flood = flood.then_some(event.at),
            What::IdentityChanged { .. } => {}
            What::Gap { events, .. } => self.lost_events = self.lost_events.saturating_add(*events),
        }
    }

    /// The key that counts for an agent, Ed25519, hex.
    pub fn agent_key(&self, agent: &AgentId) -> Option<&str> {
        self.enrolments.get(agent).and_then(|enrolment| enrolment.key.as_deref())
    }

    /// The round of a meeting that runs now.
    pub fn open_round_of(&self, meeting: &MeetingId) -> Option<&Round> {
        self.rounds.values().rev().find(|round| &round.meeting == meeting && round.is_open())
    }

    /// The newest round of a meeting.
    pub fn last_round_of(&self, meeting: &MeetingId) -> Option<&Round> {
        self.rounds.values().rev().find(|round| &round.meeting == meeting)
    }

    /// The judgement to compare with: the same cell in the meeting's round before `round`, else in any earlier one.
    pub fn previous(&self, round: RoundId, key: &CheckKey) -> Option<&Judged> {
        let meeting = self.rounds.get(&round).map(|round| &round.meeting);
        let earlier = || self.rounds.range(..round).rev().map(|(_, round)| round);
        let judged = |round: &'_ Round| round.cells.get(key).is_some_and(|cell| cell.latest.is_some());
        let same_meeting = earlier().find(|round| Some(&round.meeting) == meeting && judged(round));
        let found = same_meeting.or_else(|| earlier().find(|round| judged(round)));
        found.and_then(|round| round.cells.get(key)).and_then(|cell| cell.latest.as_ref())
    }

    /// The usual figures of the link a cell tests.
    pub fn baseline(&self, key: &CheckKey) -> Option<&Baseline> {
        match &key.check {
            Check::Path { link } => self.baselines.get(link),
            Check::Presence
            | Check::Clock
            | Check::Room { .. }
            | Check::CodecCall { .. }
            | Check::BackupCall { .. }
            | Check::Standby
            | Check::Confirm { .. } => None,
        }
    }

    /// Whether a venue agrees to hall checks at a moment, by record 已开机可测.
    pub fn consents_at(&self, venue: &VenueId, at: Utc) -> bool {
        self.consents.get(venue).is_some_and(|consent| consent.window.contains(at))
    }

    fn open_round(
        &mut self,
        event: &Durable,
        head: (RoundId, &MeetingId, RoundKind, bool),
        plan: &[CheckKey],
    ) {
        let (id, meeting, kind, automatic) = head;
        if automatic && let Some(starts) = self.inventory.meetings.get(meeting).map(|meeting| meeting.starts)
        {
            self.automatic.entry(meeting.clone()).or_default().insert(kind, starts);
        }
        let cells: BTreeMap<CheckKey, Cell> =
            plan.iter().map(|key| (key.clone(), Cell::planned(key.clone()))).collect();
        let round = Round {
            id,
            meeting: meeting.clone(),
            kind,
            automatic,
            by: event.by.clone(),
            opened: event.at,
            since: event.at,
            ended: None,
            signatures: BTreeMap::new(),
            open: u32::try_from(cells.len()).unwrap_or(u32::MAX),
            cells,
        };
        self.rounds.insert(id, round);
        self.rounds_opened = self.rounds_opened.max(id.0);
        self.drop_old_rounds();
    }

    fn drop_old_rounds(&mut self) {
        let mut cells: usize = self.rounds.values().map(|round| round.cells.len()).sum();
        while self.rounds.len() > ROUNDS_KEPT || cells > CELLS_KEPT {
            let Some(id) = self.rounds.values().find(|round| !round.is_open()).map(|round| round.id) else {
                return;
            };
            cells -= self.rounds.remove(&id).map_or(0, |round| round.cells.len());
        }
    }

    fn ask_again(&mut self, round: RoundId, keys: &[CheckKey], at: Utc) {
        let Some(round) = self.rounds.get_mut(&round) else { return };
        round.ended = None;
        round.since = at;
        for key in keys {
            if let Some(cell) = round.cells.get_mut(key)
                && !cell.awaiting
            {
                cell.awaiting = true;
                cell.waiver = None;
                round.open += 1;
            }
        }
    }

    fn judged(&mut self, id: RoundId, event: &Durable, judgement: &Judgement) {
        let Some(round) = self.rounds.get_mut(&id) else { return };
        let Some(cell) = round.cells.get_mut(&judgement.key) else { return };
        if cell.awaiting {
            round.open = round.open.saturating_sub(1);
        }
        cell.awaiting = false;
        cell.attempts = cell.attempts.max(judgement.attempt);
        cell.latest = Some(Judged { at: event.at, by: event.by.clone(), judgement: judgement.clone() });
        if let Check::Path { link } = &judgement.key.check {
            self.last_path.insert(link.clone(), id);
            if judgement.verdict == Verdict::Pass {
                self.baselines.entry(link.clone()).or_default().learn(&judgement.figures);
            }
        }
    }

    fn waived(&mut self, id: RoundId, key: &CheckKey, event: &Durable, why: &str) {
        let Some(round) = self.rounds.get_mut(&id) else { return };
        let Some(cell) = round.cells.get_mut(key) else { return };
        if cell.awaiting {
            round.open = round.open.saturating_sub(1);
        }
        cell.awaiting = false;
        cell.waiver = Some(Waiver { by: event.by.clone(), at: event.at, why: why.to_owned() });
        // What had been measured stays visible under the waiver.
        let figures = cell.latest.take().map(|judged| judged.judgement.figures).unwrap_or_default();
        let judgement = Judgement {
            key: key.clone(),
            attempt: cell.attempts,
            test: None,
            verdict: Verdict::Waived,
            reason: ReasonCode::Waived,
            direction: None,
            figures,
            quality: None,
        };
        cell.latest = Some(Judged { at: event.at, by: event.by.clone(), judgement });
    }

    fn found(&mut self, event: &Durable) {
        if let What::FindingRaised { finding, since, cause, members, severity, proof } = &event.what {
            let raised = Finding {
                key: finding.clone(),
                since: *since,
                raised: event.at,
                cause: cause.clone(),
                members: members.clone(),
                severity: *severity,
                proof: proof.clone(),
                incident: None,
            };
            self.findings.insert(finding.clone(), raised);
            self.signal(finding, Signal::Raised, event);
        }
        if let What::FindingWeighed { finding, severity, proof } = &event.what
            && let Some(finding) = self.findings.get_mut(finding)
        {
            finding.severity = *severity;
            finding.proof.clone_from(proof);
        }
        if let What::FindingCleared { finding } = &event.what {
            self.signal(finding, Signal::Cleared, event);
            let over = self.findings.remove(finding);
            over.iter().for_each(|over| self.member_cleared(over, event.at));
        }
        if let What::CauseFound { cause, members } = &event.what {
            self.share(cause, members);
        }
        if let What::CauseParted { cause, members } = &event.what {
            for key in members {
                let finding = self.findings.get_mut(key).filter(|known| known.cause.as_ref() == Some(cause));
                if let Some(finding) = finding {
                    finding.cause = None;
                    finding.members.clear();
                }
            }
        }
    }

    /// Gives findings one cause, each naming the others.
    fn share(&mut self, cause: &Resource, members: &[FindingKey]) {
        for key in members {
            if let Some(finding) = self.findings.get_mut(key) {
                finding.cause = Some(cause.clone());
                let others = members.iter().filter(|other| *other != key);
                finding.members = others.take(MEMBERS_MAX).cloned().collect();
            }
        }
    }

    fn called(&mut self, event: &Durable) {
        if let What::CallOrdered { round, key, order } = &event.what {
            let call = CallRecord { round: *round, key: key.clone(), order: order.clone() };
            self.calls.insert(order.test, call);
        }
        if let What::CallEnded { test, .. } = &event.what {
            self.calls.remove(test);
        }
    }

    fn acted(&mut self, event: &Durable) {
        if let What::ActionOrdered { order, force, meeting, why, request } = &event.what {
            let record = ActionRecord {
                order: order.clone(),
                force: *force,
                meeting: meeting.clone(),
                why: why.clone(),
                request: request.clone(),
                by: event.by.clone(),
                at: event.at,
                told: None,
                progress: Progress::Ordered,
                froze: false,
            };
            self.actions_ordered = self.actions_ordered.saturating_add(1);
            self.drop_old_actions();
            self.actions.insert(order.key.clone(), record);
        }
        if let What::ActionReported { report } = &event.what
            && let Some(record) = self.actions.get_mut(&report.key)
        {
            record.follow(report, event.at);
        }
        if let What::ActionDecided { key, happened } = &event.what
            && let Some(record) = self.actions.get_mut(key)
        {
            record.progress = Progress::Decided { happened: *happened, by: event.by.clone(), at: event.at };
        }
        if let What::ActionFrozen { freeze, key } = &event.what {
            self.frozen.insert(freeze.clone());
            if let Some(record) = self.actions.get_mut(key) {
                record.froze = true;
            }
        }
        if let What::ActionThawed { freeze, .. } = &event.what {
            self.frozen.remove(freeze);
        }
    }

    fn drop_old_actions(&mut self) {
        while self.actions.len() >= ACTIONS_KEPT {
            let over = |record: &&ActionRecord| !record.is_open() && !record.is_undecided();
            let oldest = self.actions.values().filter(over).min_by_key(|record| record.at);
            let Some(key) = oldest.map(|record| record.order.key.clone()) else { return };
            self.actions.remove(&key);
        }
    }

    fn room(&mut self, event: &Durable) {
        let record = |outcome: RoomOutcome, note: &str, photo: &Option<String>, from: &Option<PersonId>| {
            let (note, photo, by_telephone_from) = (note.to_owned(), photo.clone(), from.clone());
            RoomRecord { outcome, note, photo, by_telephone_from, by: event.by.clone(), at: event.at }
        };
        let mut found = None;
        if let What::RoomRecorded { round, venue, item, outcome, note, photo, by_telephone_from } =
            &event.what
        {
            let key = CheckKey { venue: venue.clone(), check: Check::Room { item: *item } };
            found = Some((round, key, record(*outcome, note, photo, by_telephone_from)));
        }
        if let What::ConfirmRecorded { round, venue, item, outcome, note, by_telephone_from } = &event.what {
            let key = CheckKey { venue: venue.clone(), check: Check::Confirm { item: *item } };
            found = Some((round, key, record(*outcome, note, &None, by_telephone_from)));
        }
        let Some((round, key, record)) = found else { return };
        if let Some(cell) = self.rounds.get_mut(round).and_then(|round| round.cells.get_mut(&key)) {
            cell.room = Some(record);
        }
    }

    fn evidence(&mut self, test: TestId, at: Utc, observation: &Observation) {
        let crate::observation::Source::Agent(agent) = &observation.source else { return };
        let kept = self.evidence.entry(agent.clone()).or_default();
        kept.insert(test);
        while kept.len() > EVIDENCE_KEPT {
            kept.pop_first();
        }
        let Fact::PathTested { link, outcome, .. } = &observation.fact else { return };
        let Some(venue) = self.inventory.links.get(link).map(|link| link.venue.clone()) else { return };
        let key = CheckKey { venue, check: Check::Path { link: link.clone() } };
        let figures = match outcome {
            TestOutcome::Measured(stats) => figures(stats),
            TestOutcome::Broke(_) => BTreeMap::new(),
        };
        let cell = self.rounds.values_mut().rev().find_map(|round| round.cells.get_mut(&key));
        if let Some(cell) = cell
            && cell.evidence.as_ref().is_none_or(|known| known.test < test)
        {
            cell.evidence = Some(Evidence { test, at, figures });
        }
    }
}

impl Baseline {
    fn learn(&mut self, figures: &BTreeMap<String, f64>) {
        self.passes = self.passes.saturating_add(1);
        for name in BASELINE_FIGURES {
            let Some(new) = figures.get(name) else { continue };
            let usual = self.figures.entry(name.to_owned()).or_insert(*new);
            *usual += (new - *usual) * BASELINE_WEIGHT;
        }
    }
}
