//! What readers may see of the controller at one moment: a plain value, cheap to share, never changed in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stream::{StreamView, streams};
use crate::domain::check::{CheckKey, RoundId};
use crate::domain::id::{AgentId, MeetingId, StreamId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::Inventory;
use crate::domain::time::{Now, Span, Utc};
use crate::engine::alarm::{AlarmView, view};
use crate::engine::state::{
    ActionRecord, AgentPicture, Annunciation, DutyState, Finding, Incident, Progress, RollCall, Round, Run,
};
use crate::engine::{DurableState, State};
use crate::observation::AgentHealth;
use crate::observation::action::{ActionOutcome, TOO_OFTEN};
use crate::observation::device::Device;

/// Calls are shown for so long: no pace of calls looks further back.
const CALLS_SHOWN: Span = Span::minutes(30);

/// The controller at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counts snapshots of this process; 0 before the first.
    pub seq: u64,
    /// When it was taken.
    pub at: Utc,
    /// Whether the journal takes no writes at the moment: what is shown is not recorded.
    pub unrecorded: bool,
    /// Everything vcops was told about.
    pub inventory: Arc<Inventory>,
    /// Every round that is kept, oldest first.
    pub rounds: Vec<Arc<Round>>,
    /// Packets sent and planned of the tests that run now.
    pub running: BTreeMap<(RoundId, CheckKey), (u32, u32)>,
    /// Every agent of the inventory.
    pub agents: BTreeMap<AgentId, AgentView>,
    /// Every stream of the inventory.
    pub streams: BTreeMap<StreamId, StreamView>,
    /// Raised findings.
    pub findings: Vec<Finding>,
    /// Incidents that are kept, by number.
    pub incidents: Vec<Arc<Incident>>,
    /// Alarms that are not merely normal.
    pub alarms: Vec<AlarmView>,
    /// What asked for attention in the last day.
    pub annunciations: Vec<Annunciation>,
    /// Since when there is a flood of alarms.
    pub flood: Option<Utc>,
    /// Answers of the roll calls 点名.
    pub roll_calls: BTreeMap<MeetingId, BTreeMap<VenueId, RollCall>>,
    /// Calls that devices were told to make lately, or may have been told, by the journal.
    pub calls_made: Vec<CallMade>,
    /// Emergency plans that are or were carried out, in the order of their incidents.
    pub runs: Vec<Arc<Run>>,
    /// Who was told what, and how duty passed on.
    pub duty: Arc<DutyState>,
}

/// A call that a device was told to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallMade {
    /// Which device.
    pub device: Device,
    /// Whom it called; see `Action::calls`.
    pub site: String,
    /// When.
    pub at: Utc,
}

/// An agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentView {
    /// Where.
    pub venue: VenueId,
    /// Whether its key is known.
    pub enrolled: bool,
    /// Whether it is heard now.
    pub online: bool,
    /// How it was when last heard.
    pub health: Option<AgentHealth>,
    /// Refused messages since start.
    pub refused: u64,
}

impl Snapshot {
    /// What the state shows at a moment. What has not changed since `before` is shared with it, so that taking one
    /// five times a second stays cheap however long the history is.
    pub fn of(state: &State, now: Now, unrecorded: bool, before: &Self) -> Self {
        let durable = &state.durable;
        let same_inventory = before.seq > 0 && before.inventory.version == durable.inventory.version;
        Self {
            seq: before.seq + 1,
            at: now.utc,
            unrecorded,
            inventory: if same_inventory {
                Arc::clone(&before.inventory)
            } else {
                Arc::new(durable.inventory.clone())
            },
            rounds: durable.rounds.values().map(|round| shared(round, before)).collect(),
            running: running(state),
            agents: agents(state, now),
            streams: streams(state, now),
            findings: durable.findings.values().cloned().collect(),
            incidents: durable.incidents.values().cloned().collect(),
            alarms: alarms(state, now),
            annunciations: durable.annunciations.clone(),
            flood: durable.flood,
            roll_calls: durable.roll_calls.clone(),
            runs: durable.runs.values().map(|run| same(run, before)).collect(),
            duty: if *before.duty == durable.duty {
                Arc::clone(&before.duty)
            } else {
                Arc::new(durable.duty.clone())
            },
            calls_made: calls_made(durable, now),
        }
    }

    /// The incident of that number.
    pub fn incident(&self, id: IncidentId) -> Option<&Arc<Incident>> {
        let at = self.incidents.binary_search_by_key(&id, |incident| incident.id).ok()?;
        self.incidents.get(at)
    }

    /// The newest run of an incident.
    pub fn run_of(&self, incident: IncidentId) -> Option<&Arc<Run>> {
        self.runs.iter().rev().find(|run| run.key.incident == incident)
    }

    /// The round of that number.
    pub fn round(&self, id: RoundId) -> Option<&Arc<Round>> {
        let index = self.rounds.binary_search_by_key(&id, |round| round.id).ok()?;
        self.rounds.get(index)
    }

    /// The newest round of a meeting.
    pub fn newest_round(&self, meeting: &MeetingId) -> Option<&Arc<Round>> {
        self.rounds.iter().rev().find(|round| &round.meeting == meeting)
    }

    /// The round of the same meeting before this one.
    pub fn round_before(&self, round: &Round) -> Option<&Arc<Round>> {
        self.rounds.iter().rev().find(|other| other.id < round.id && other.meeting == round.meeting)
    }
}

fn same(run: &Run, before: &Snapshot) -> Arc<Run> {
    let known = before.runs.binary_search_by_key(&run.key, |known| known.key).ok().map(|at| &before.runs[at]);
    let known = known.filter(|known| known.as_ref() == run);
    known.map_or_else(|| Arc::new(run.clone()), Arc::clone)
}

fn shared(round: &Round, before: &Snapshot) -> Arc<Round> {
    let known = before.round(round.id).filter(|known| known.as_ref() == round);
    known.map_or_else(|| Arc::new(round.clone()), Arc::clone)
}

fn calls_made(durable: &DurableState, now: Now) -> Vec<CallMade> {
    let too_often = |outcome: &ActionOutcome| matches!(outcome, ActionOutcome::Rejected { code, .. } if code == TOO_OFTEN);
    let made = |record: &ActionRecord| match &record.progress {
        Progress::Refused { .. } => false,
        Progress::Ended { outcome, .. } => !too_often(outcome),
        Progress::Ordered | Progress::Told { .. } | Progress::Decided { .. } => true,
    };
    let call = |record: &ActionRecord| {
        let at = record.told.unwrap_or(record.at);
        let site = record.order.action.calls()?.to_owned();
        (at + CALLS_SHOWN > now.utc && made(record)).then(|| CallMade {
            device: record.order.device.clone(),
            site,
            at,
        })
    };
    durable.actions.values().filter_map(call).collect()
}

fn running(state: &State) -> BTreeMap<(RoundId, CheckKey), (u32, u32)> {
    let tests = state.picture.tests.values();
    tests.map(|test| ((test.round, test.key.clone()), (test.sent, test.planned))).collect()
}

/// Alarms that stand anywhere but at normal, or have something over them; those that are pending.
fn alarms(state: &State, now: Now) -> Vec<AlarmView> {
    let known = state.durable.alarms.keys();
    let pending = state.picture.holds.keys().filter(|key| !state.durable.alarms.contains_key(*key));
    known.chain(pending).map(|key| view(state, now, key)).collect()
}

fn agents(state: &State, now: Now) -> BTreeMap<AgentId, AgentView> {
    let view = |(id, agent): (&AgentId, &crate::domain::inventory::Agent)| {
        let seen: Option<&AgentPicture> = state.picture.agents.get(id);
        let view = AgentView {
            venue: agent.venue.clone(),
            enrolled: state.durable.agent_key(id).is_some(),
            online: state.agent_fresh(id, now.mono),
            health: seen.and_then(|seen| seen.health.clone()),
            refused: seen.map_or(0, |seen| seen.misbehaviour.values().sum()),
        };
        (id.clone(), view)
    };
    state.durable.inventory.agents.iter().map(view).collect()
}
