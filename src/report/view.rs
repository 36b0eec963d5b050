//! What readers may see of the controller at one moment: a plain value, cheap to share, never changed in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::actor::Actor;
use crate::domain::check::{CheckKey, RoundId, RoundKind};
use crate::domain::id::{AgentId, MeetingId, PersonId, VenueId};
use crate::domain::inventory::Inventory;
use crate::domain::time::Utc;
use crate::engine::event::FindingKey;
use crate::engine::input::{Party, RollCallAnswer, RoomOutcome};
use crate::engine::verdict::Judgement;
use crate::observation::AgentHealth;

/// The controller at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counts snapshots of this process.
    pub seq: u64,
    /// When it was taken.
    pub at: Utc,
    /// Whether the journal takes no writes at the moment: what is shown is not recorded.
    pub unrecorded: bool,
    /// Everything vcops was told about.
    pub inventory: Arc<Inventory>,
    /// Every round that is kept, oldest first.
    pub rounds: Vec<Arc<RoundView>>,
    /// Every agent of the inventory.
    pub agents: BTreeMap<AgentId, AgentView>,
    /// Raised findings.
    pub findings: Vec<FindingView>,
    /// Answers of the roll calls 点名.
    pub roll_calls: BTreeMap<(MeetingId, VenueId), RollCallView>,
}

impl Snapshot {
    /// The round of that number.
    pub fn round(&self, id: RoundId) -> Option<&Arc<RoundView>> {
        self.rounds.iter().find(|round| round.id == id)
    }

    /// The newest round of a meeting.
    pub fn newest_round(&self, meeting: &MeetingId) -> Option<&Arc<RoundView>> {
        self.rounds.iter().rev().find(|round| &round.meeting == meeting)
    }

    /// The round of the same meeting before this one.
    pub fn round_before(&self, round: &RoundView) -> Option<&Arc<RoundView>> {
        self.rounds.iter().rev().find(|other| other.id < round.id && other.meeting == round.meeting)
    }
}

/// A rehearsal round.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundView {
    /// Number.
    pub id: RoundId,
    /// Of which meeting.
    pub meeting: MeetingId,
    /// What kind.
    pub kind: RoundKind,
    /// Whether a timer opened it.
    pub automatic: bool,
    /// When it began.
    pub opened: Utc,
    /// When its last cell was judged, or when it was closed.
    pub ended: Option<Utc>,
    /// Whether it was closed by hand before its end.
    pub closed: bool,
    /// Every planned cell.
    pub cells: BTreeMap<CheckKey, CellView>,
    /// Who signed so far.
    pub signatures: Vec<SignatureView>,
}

/// One planned cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CellView {
    /// The newest judgement and its time.
    pub judged: Option<(Judgement, Utc)>,
    /// Packets sent and planned of the test that runs now.
    pub running: Option<(u32, u32)>,
    /// Whether it waits to be tested, for the first time or again.
    pub waiting: bool,
    /// 免测.
    pub waived: Option<WaivedView>,
    /// 现场核对.
    pub room: Option<RoomView>,
}

/// Who took a cell out, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct WaivedView {
    /// Who.
    pub by: Actor,
    /// Why.
    pub why: String,
    /// When.
    pub at: Utc,
}

/// What a person found in the hall.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomView {
    /// What.
    pub outcome: RoomOutcome,
    /// In their words.
    pub note: String,
    /// Who wrote it down.
    pub by: Actor,
    /// When.
    pub at: Utc,
    /// 电话代填: who looked.
    pub by_telephone_from: Option<PersonId>,
    /// Evidence by content hash.
    pub photo: Option<String>,
}

/// One of the three signatures.
#[derive(Debug, Clone, PartialEq)]
pub struct SignatureView {
    /// For which party.
    pub party: Party,
    /// Who.
    pub person: String,
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

/// A raised finding.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingView {
    /// What is wrong with what.
    pub finding: FindingKey,
    /// Onset.
    pub since: Utc,
}

/// A venue's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RollCallView {
    /// What.
    pub answer: RollCallAnswer,
    /// When.
    pub at: Utc,
    /// Who wrote it down.
    pub by: Actor,
}
