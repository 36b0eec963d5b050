//! What happened: the only way the state changes.
//!
//! Durable events are journalled and versioned. A field may be added with a default; anything else is a new
//! version and an upgrade in [`super::record`], and a journal of every version stays in the tests.

mod picture;

use serde::{Deserialize, Serialize};

pub use picture::Picture;

use super::alarm::AlarmChange;
use super::escalation::{DutyChange, PagingChange};
use super::finding::{FindingKey, Proof, Severity};
use super::incident::{IncidentChange, Opening};
use super::input::{Party, RollCallAnswer, RoomOutcome};
use super::plan::{Next, StepChange};
use super::state::{Freeze, RunKey};
use super::verdict::Judgement;
use crate::domain::actor::Actor;
use crate::domain::check::{CheckKey, ConfirmItem, RoomItem, RoundId, RoundKind, TestId};
use crate::domain::id::{AgentId, MeetingId, PersonId, StepId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::{Change, Resource};
use crate::domain::lang::Text;
use crate::domain::plan::Plan;
use crate::domain::time::{Utc, Window};
use crate::observation::Observation;
use crate::observation::action::{ActionKey, ActionReport, DeviceOrder, Force};
use crate::observation::call::CallOrder;

/// Version of durable events that this program writes.
pub const EVENT_VERSION: u16 = 6;

/// A change of the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Survives a restart.
    Durable(Durable),
    /// Does not.
    Picture(Picture),
}

/// A durable event: what, who, when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Durable {
    /// When it was decided.
    pub at: Utc,
    /// By whom.
    pub by: Actor,
    /// What.
    pub what: What,
}

/// The kinds of durable events. The serialised tag is the journal's `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The controller started.
    Started {
        /// Start count.
        boot: u32,
        /// Version of the program.
        version: String,
    },
    /// The inventory changed.
    InventoryChanged {
        /// Its version afterwards.
        version: u64,
        /// What changed.
        changes: Vec<Change>,
        /// Where it came from.
        origin: String,
    },
    /// A round began.
    RoundOpened {
        /// Number.
        round: RoundId,
        /// Of which meeting.
        meeting: MeetingId,
        /// What kind.
        round_kind: RoundKind,
        /// Whether a timer opened it.
        automatic: bool,
        /// Every cell that will be tested.
        plan: Vec<CheckKey>,
    },
    /// Cells are to be tested again.
    RetestAsked {
        /// In which round.
        round: RoundId,
        /// Which cells.
        keys: Vec<CheckKey>,
    },
    /// A check was judged.
    CheckJudged {
        /// In which round.
        round: RoundId,
        /// How.
        #[serde(flatten)]
        judgement: Judgement,
    },
    /// 免测.
    CheckWaived {
        /// In which round.
        round: RoundId,
        /// Which cell.
        key: CheckKey,
        /// Why.
        why: String,
    },
    /// 现场核对.
    RoomRecorded {
        /// In which round.
        round: RoundId,
        /// Where.
        venue: VenueId,
        /// Which item.
        item: RoomItem,
        /// What was found.
        outcome: RoomOutcome,
        /// Free text.
        note: String,
        /// Evidence by content hash.
        photo: Option<String>,
        /// 电话代填: who looked.
        by_telephone_from: Option<PersonId>,
    },
    /// 看听确认.
    ConfirmRecorded {
        /// In which round.
        round: RoundId,
        /// Where.
        venue: VenueId,
        /// Which item.
        item: ConfirmItem,
        /// What was found.
        outcome: RoomOutcome,
        /// Free text.
        note: String,
        /// 电话代填: who looked.
        by_telephone_from: Option<PersonId>,
    },
    /// A codec is called: recorded before the MCU is told, so that a restart hangs it up and does not call again.
    CallOrdered {
        /// In which round.
        round: RoundId,
        /// For which cell.
        key: CheckKey,
        /// What.
        order: CallOrder,
    },
    /// A call is over, or was given up.
    CallEnded {
        /// In which round.
        round: RoundId,
        /// For which cell.
        key: CheckKey,
        /// Which call.
        test: TestId,
    },
    /// Every cell of a round is judged, or it was closed by hand.
    RoundEnded {
        /// Which.
        round: RoundId,
        /// Whether it was closed before its end.
        closed: bool,
    },
    /// 三方会签.
    SignedOff {
        /// Which round.
        round: RoundId,
        /// For which party.
        party: Party,
        /// Who.
        person: String,
    },
    /// 已开机可测.
    ConsentGiven {
        /// Where.
        venue: VenueId,
        /// For how long.
        window: Window,
    },
    /// 点名.
    RollCalled {
        /// Of which meeting.
        meeting: MeetingId,
        /// Which venue.
        venue: VenueId,
        /// What it answered.
        answer: RollCallAnswer,
    },
    /// A finding held long enough.
    FindingRaised {
        /// What is wrong with what.
        finding: FindingKey,
        /// Onset, before the hold.
        since: Utc,
        /// The shared cause, if one was found.
        cause: Option<Resource>,
        /// Others under the same cause.
        members: Vec<FindingKey>,
        /// How much it matters; [`Severity::Warning`] where nothing is written.
        #[serde(default, skip_serializing_if = "Severity::is_default")]
        severity: Severity,
        /// What was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Box<Proof>>,
    },
    /// A raised finding matters more or less than before, or more is known of it.
    FindingWeighed {
        /// Which.
        finding: FindingKey,
        /// How much it matters now.
        severity: Severity,
        /// What was seen.
        proof: Option<Box<Proof>>,
    },
    /// Raised findings turn out to have one cause.
    CauseFound {
        /// What they share.
        cause: Resource,
        /// All of them.
        members: Vec<FindingKey>,
    },
    /// A cause is over, and these findings are not: from now on each stands for itself.
    CauseParted {
        /// What they shared.
        cause: Resource,
        /// Those that stay.
        members: Vec<FindingKey>,
    },
    /// A finding cleared long enough.
    FindingCleared {
        /// Which.
        finding: FindingKey,
    },
    /// An agent may enrol.
    AgentInvited {
        /// Which.
        agent: AgentId,
        /// SHA-256 of the one-time secret, hex.
        secret_hash: String,
        /// Until when.
        expires: Utc,
    },
    /// An agent's key counts from now on.
    AgentEnrolled {
        /// Which.
        agent: AgentId,
        /// Ed25519 public key, hex.
        public_key: String,
    },
    /// An agent's key counts no more.
    AgentRevoked {
        /// Which.
        agent: AgentId,
        /// Why.
        why: String,
    },
    /// A result from the venue's side: kept as evidence beside the hub's own.
    EvidenceKept {
        /// Of which test.
        test: TestId,
        /// What the agent saw.
        observation: Box<Observation>,
    },
    /// A device is given an order: recorded before anything is sent, so that it is never given twice.
    ActionOrdered {
        /// What.
        order: DeviceOrder,
        /// How much it disturbs.
        force: Force,
        /// The meeting it belongs to, if one is known.
        meeting: Option<MeetingId>,
        /// Why.
        why: String,
        /// The request's own name, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    /// An order went on: refused, told, ended.
    ActionReported {
        /// How far it is.
        report: ActionReport,
    },
    /// Somebody said whether an action happened whose outcome nobody knew.
    ActionDecided {
        /// Which.
        key: ActionKey,
        /// Whether it happened.
        happened: bool,
    },
    /// A device died after an action: such actions are refused for its interface and version.
    ActionFrozen {
        /// What is refused from now on.
        freeze: Freeze,
        /// The order after which it died.
        key: ActionKey,
    },
    /// A frozen action may be used again.
    ActionThawed {
        /// Which.
        freeze: Freeze,
        /// Why.
        why: String,
    },
    /// An incident 事件 was opened.
    IncidentOpened {
        /// Its number.
        incident: IncidentId,
        /// How it began.
        opening: Box<Opening>,
    },
    /// An incident changed.
    IncidentChanged {
        /// Which.
        incident: IncidentId,
        /// How.
        change: IncidentChange,
    },
    /// An emergency plan begins to be carried out.
    PlanBegun {
        /// The run.
        run: RunKey,
        /// The plan as it is now.
        plan: Box<Plan>,
        /// Why this plan.
        why: Text,
        /// Where it begins.
        first: Next,
    },
    /// A step of a plan that is carried out went on.
    StepChanged {
        /// In which run.
        run: RunKey,
        /// Which step.
        step: StepId,
        /// How.
        change: StepChange,
    },
    /// A plan is carried out no more.
    PlanEnded {
        /// Which run.
        run: RunKey,
        /// Why.
        why: Text,
    },
    /// Somebody was told of an incident, or nobody is any more.
    PagingChanged {
        /// Of which.
        incident: IncidentId,
        /// How.
        change: PagingChange,
    },
    /// Duty passed on.
    DutyChanged {
        /// How.
        change: DutyChange,
    },
    /// Alarms changed beside their findings.
    AlarmsChanged {
        /// Which.
        alarms: Vec<FindingKey>,
        /// How.
        change: AlarmChange,
    },
    /// A flood of alarms began or is over.
    FloodChanged {
        /// Whether there is one now.
        flood: bool,
        /// How much asked for attention in the last ten minutes.
        count: u32,
    },
    /// Something was done to accounts.
    IdentityChanged {
        /// What.
        what: String,
        /// To whom.
        subject: String,
    },
    /// The journal could not be written for a while; what happened meanwhile was shown but not recorded.
    Gap {
        /// From when.
        since: Utc,
        /// How many durable events were lost.
        events: u64,
    },
}
