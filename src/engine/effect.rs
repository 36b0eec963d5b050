//! What is to be done outside. Effects leave only after the events beside them are committed.

use serde::{Deserialize, Serialize};

use super::input::CommandId;
use super::state::Freeze;
use crate::domain::check::{RoundId, TestId};
use crate::domain::id::{AgentId, MeetingId, StepId};
use crate::domain::incident::{IncidentId, IncidentState};
use crate::domain::notice::Notice;
use crate::domain::time::Span;
use crate::observation::action::{ActionKey, DeviceOrder, Force};
use crate::observation::call::{CallOrder, ProofOrder};
use crate::observation::device::Device;
use crate::observation::{AgentCommand, PathOrder};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Answer a command.
    Reply {
        /// Which.
        to: CommandId,
        /// How it went.
        outcome: Outcome,
    },
    /// Run a path test from the hub.
    TestPath {
        /// What.
        order: PathOrder,
        /// Start this many milliseconds from now: tests are staggered.
        after_ms: u32,
    },
    /// Stop a test of the hub.
    CancelTest {
        /// Which.
        test: TestId,
    },
    /// Tell an agent to do something.
    TellAgent {
        /// Whom.
        agent: AgentId,
        /// What.
        command: AgentCommand,
    },
    /// Have a device do something, once. Its key is in the journal by now.
    Act {
        /// What.
        order: DeviceOrder,
    },
    /// An order had no end when the process stopped: look whether it happened and say so by `ActionReported`, and
    /// never give it again. `Ended` is then *applied* when it happened, *rejected* with the code
    /// [`DID_NOT_HAPPEN`] when it certainly did not, and *unknown* when it cannot be told.
    LookAt {
        /// What had been ordered.
        order: DeviceOrder,
    },
    /// Call a codec into a test conference, look, stay as long as the order says, hang up.
    CallCodec {
        /// What.
        order: CallOrder,
    },
    /// Hang up a call at once: it is called off, or a restart found it without an end. Where there is no such call
    /// nothing is to be done.
    EndCall {
        /// What had been ordered.
        order: CallOrder,
    },
    /// Prove an MCU by a participant of our own.
    Prove {
        /// What.
        order: ProofOrder,
    },
    /// Tell somebody. By now it is in the outbox, and it is delivered at least once; what became of it comes back as
    /// `NoticeDelivered`, what was answered as `NoticeAnswered`.
    Notify {
        /// What, to whom, by which channels; without channels those that the settings name.
        notice: Box<Notice>,
    },
}

pub use crate::observation::action::DID_NOT_HAPPEN;

/// How a command went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done,
    /// A round was opened.
    Round(RoundId),
    /// The inventory has this version now.
    Version(u64),
    /// A device was given an order; its reports name this key.
    Ordered(ActionKey),
    /// What an order would do: nothing was ordered.
    WouldDo(Box<Preview>),
    /// An incident was opened.
    Incident(IncidentId),
    /// Not done, and why.
    Refused(Refusal),
}

/// What an action would touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// How much it disturbs.
    pub force: Force,
    /// The meeting it belongs to, if one is known.
    pub meeting: Option<MeetingId>,
    /// The names of the sites it touches, as the device shows them; at most [`TOUCHES_MAX`].
    pub touches: Vec<String>,
    /// How many sites it touches.
    pub count: usize,
    /// The same in a sentence, Chinese.
    pub zh: String,
    /// The same in a sentence, English.
    pub en: String,
}

/// Most sites that a preview names.
pub const TOUCHES_MAX: usize = 200;

/// Why a command was refused. Codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing of that name.
    NotFound {
        /// What was named.
        what: String,
    },
    /// The inventory has moved on since.
    StaleVersion {
        /// The version it has now.
        current: u64,
    },
    /// Applied, the inventory would refer to something missing.
    WouldBreak {
        /// The first such place, in words.
        what: Vec<String>,
    },
    /// A round of that meeting runs already.
    RoundRunning {
        /// Which.
        round: RoundId,
    },
    /// The round is over.
    RoundOver,
    /// After the roll call or in the meeting only idle checks run.
    MeetingTooNear,
    /// Something is still open.
    StillOpen {
        /// The open cells, in words.
        what: Vec<String>,
    },
    /// A text that must be there is empty.
    Empty {
        /// Which field.
        field: String,
    },
    /// The secret is wrong, used or expired.
    BadSecret,
    /// The conference belongs to a superior level's meeting 上级会议, or may: watched, never controlled.
    SuperiorMeeting {
        /// Which meeting.
        meeting: MeetingId,
    },
    /// The address is on another network than the device: nothing crosses network attributes.
    OtherNetwork {
        /// The address.
        address: String,
    },
    /// The address is not in the inventory, so nobody can say which network it is on.
    AddressUnknown {
        /// The address.
        address: String,
    },
    /// The device cannot be seen now, and the action would disturb a meeting.
    Blind {
        /// The device.
        device: Device,
    },
    /// A device of this interface and version died after such an action.
    ActionFrozen {
        /// What is frozen.
        freeze: Freeze,
    },
    /// An earlier action on the same site may or may not have happened; somebody must say first.
    ActionUndecided {
        /// Which.
        key: ActionKey,
    },
    /// An action on the same site is under way.
    ActionRunning {
        /// Which.
        key: ActionKey,
    },
    /// There is nothing to decide: the action's outcome is known, or it is still under way.
    NothingToDecide,
    /// An incident that stands there does not go on like that.
    IncidentIs {
        /// Where it stands.
        state: IncidentState,
    },
    /// Something in it is raised, so it is not over.
    StillRaised {
        /// What, as the journal names it; the first few.
        what: Vec<String>,
    },
    /// A moment that must be ahead is not.
    Past {
        /// Which field.
        field: String,
    },
    /// No plan is carried out for that incident.
    NoPlan {
        /// Which incident.
        incident: IncidentId,
    },
    /// The plan does not stand at that step.
    NotThisStep {
        /// Where it stands.
        at: Option<StepId>,
    },
    /// 双人: somebody else must agree, and a person.
    OtherPersonNeeded,
    /// A time that must be bounded is too long.
    TooLong {
        /// Which field.
        field: String,
        /// The longest that may be.
        most: Span,
    },
    /// The journal cannot be written: commands are refused until it can.
    Unrecorded,
    /// Too many commands wait.
    Busy,
}
