//! Everything that can make the engine decide: a closed list.

use serde::{Deserialize, Serialize};

use super::finding::FindingKey;
use super::state::Freeze;
use crate::domain::actor::Actor;
use crate::domain::check::{CheckKey, ConfirmItem, RoomItem, RoundId, RoundKind};
use crate::domain::fault::FaultClass;
use crate::domain::id::{AgentId, LinkId, MeetingId, PersonId, PlanId, ShiftId, StepId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::Change;
use crate::domain::time::{Utc, Window};
use crate::observation::Observation;
use crate::observation::action::{Action, ActionKey};
use crate::observation::device::Device;

/// One cause of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// The controller started: its start count, durable and rising.
    Started {
        /// Start count.
        boot: u32,
        /// Version of the program.
        version: String,
    },
    /// Something was seen.
    Observed {
        /// What.
        observation: Observation,
    },
    /// Somebody wants something.
    Commanded {
        /// Names the answer ([`super::effect::Effect::Reply`]).
        id: CommandId,
        /// Who.
        actor: Actor,
        /// What.
        command: Command,
    },
    /// A deadline of `next_wakeup` has come, or may have.
    Woke,
    /// The wall clock was stepped by more than two seconds.
    ClockStepped {
        /// New minus old, microseconds.
        by_us: i64,
    },
}

/// Names a command so that its answer finds its way back. Never durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub u64);

/// What people and programs can ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Change the inventory; refused whole if anything would break.
    SubmitInventory {
        /// The version the changes were made against.
        base: u64,
        /// What changes.
        changes: Vec<Change>,
        /// Where they came from: a file's name, a form.
        origin: String,
    },
    /// Start a rehearsal round.
    OpenRound {
        /// Of which meeting.
        meeting: MeetingId,
        /// What kind.
        kind: RoundKind,
        /// Only these venues; empty means all.
        venues: Vec<VenueId>,
    },
    /// Test again.
    Retest {
        /// In which round.
        round: RoundId,
        /// What.
        scope: RetestScope,
    },
    /// End a round: running tests are called off and count as not completed.
    CloseRound {
        /// Which.
        round: RoundId,
    },
    /// 免测.
    Waive {
        /// In which round.
        round: RoundId,
        /// Which cell.
        key: CheckKey,
        /// Why; must not be empty.
        why: String,
    },
    /// 现场核对: record a manual item.
    RecordRoom {
        /// In which round.
        round: RoundId,
        /// At which venue.
        venue: VenueId,
        /// Which item.
        item: RoomItem,
        /// What was found.
        outcome: RoomOutcome,
        /// Free text.
        note: String,
        /// Evidence by content hash (SHA-256, hex).
        photo: Option<String>,
        /// Who looked, if not the actor: 电话代填.
        by_telephone_from: Option<PersonId>,
    },
    /// 看听确认: somebody at the venue says what is seen and heard, with two clicks.
    Confirm {
        /// In which round.
        round: RoundId,
        /// At which venue.
        venue: VenueId,
        /// Which item.
        item: ConfirmItem,
        /// What was found.
        outcome: RoomOutcome,
        /// Free text.
        note: String,
        /// Who looked, if not the actor: 电话代填.
        by_telephone_from: Option<PersonId>,
    },
    /// 已开机可测: a venue agrees to hall checks for a time.
    GiveConsent {
        /// Which venue.
        venue: VenueId,
        /// For how long.
        window: Window,
    },
    /// 点名: record a venue's answer.
    RecordRollCall {
        /// Of which meeting.
        meeting: MeetingId,
        /// Which venue.
        venue: VenueId,
        /// What it answered.
        answer: RollCallAnswer,
    },
    /// 三方会签: refused while something is open.
    SignOff {
        /// Which round.
        round: RoundId,
        /// For which party.
        party: Party,
        /// Who signs.
        person: String,
    },
    /// Lets an agent enrol: only the hash of the one-time secret is kept.
    InviteAgent {
        /// Which agent.
        agent: AgentId,
        /// SHA-256 of the secret, hex.
        secret_hash: String,
        /// Until when.
        expires: Utc,
    },
    /// An agent showed its secret and its key.
    EnrolAgent {
        /// Which agent.
        agent: AgentId,
        /// SHA-256 of the secret it showed, hex.
        secret_hash: String,
        /// Ed25519 public key, hex.
        public_key: String,
    },
    /// An agent replaces its key, proven by the old one.
    RotateAgentKey {
        /// Which agent.
        agent: AgentId,
        /// New Ed25519 public key, hex.
        public_key: String,
    },
    /// An agent's key counts no more.
    RevokeAgent {
        /// Which agent.
        agent: AgentId,
        /// Why.
        why: String,
    },
    /// Have a device do something. Refused where it could do harm; see [`super::effect::Refusal`].
    Act {
        /// Which device.
        device: Device,
        /// What.
        action: Action,
        /// Why; must not be empty.
        why: String,
        /// Only say what it would touch; nothing is ordered.
        #[serde(default)]
        dry_run: bool,
        /// Names the request: one that comes again under the same name gets the answer of the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    /// Somebody looked whether an action happened whose outcome nobody knew.
    DecideAction {
        /// Which order.
        key: ActionKey,
        /// Whether it happened.
        happened: bool,
    },
    /// An action may be used again that was frozen because a device died after it.
    ThawAction {
        /// Which.
        freeze: Freeze,
        /// Why; must not be empty.
        why: String,
    },
    /// Do something with alarms, many at once for one reason.
    Alarms {
        /// Which.
        alarms: Vec<FindingKey>,
        /// What.
        ask: AlarmAsk,
    },
    /// Do something with an incident.
    Incident {
        /// Which.
        incident: IncidentId,
        /// What.
        ask: IncidentAsk,
    },
    /// Do something with the plan of an incident.
    Plan {
        /// Of which incident.
        incident: IncidentId,
        /// What.
        ask: PlanAsk,
    },
    /// 交接班.
    Duty {
        /// What.
        ask: DutyAsk,
    },
    /// Anything people did to accounts: recorded, and not interpreted beyond [`BREAK_GLASS_USED`].
    RecordIdentity {
        /// What happened, such as `user_created`.
        what: String,
        /// To whom.
        subject: String,
    },
}

/// The word of [`Command::RecordIdentity`] for an account for emergencies that was used: it raises an alarm.
pub const BREAK_GLASS_USED: &str = "break_glass_used";
/// The word for its being sealed again with a new password: the alarm is over.
pub const BREAK_GLASS_SEALED: &str = "break_glass_sealed";

/// What people do with alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum AlarmAsk {
    /// 确认: I take care.
    Ack,
    /// 取消确认.
    Unack {
        /// Why; must not be empty.
        why: String,
    },
    /// 复位: it is over, and I know why it was.
    Reset {
        /// Why it was, or what was done; must not be empty.
        why: String,
    },
    /// 暂不提醒, always for a time: at most eight hours, half an hour of what is critical.
    Shelve {
        /// Until when.
        until: Utc,
        /// Only until it is over next.
        #[serde(default)]
        once: bool,
        /// Why; must not be empty.
        why: String,
    },
    /// Told again.
    Unshelve {
        /// Why; must not be empty.
        why: String,
    },
    /// 停用: what it is about is being worked on; at most thirty days.
    OutOfService {
        /// Until when.
        until: Utc,
        /// By which order, or why; must not be empty.
        why: String,
    },
    /// 恢复使用.
    InService {
        /// Why; must not be empty.
        why: String,
    },
}

/// What people do with an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum IncidentAsk {
    /// 确认: I take care.
    Ack,
    /// 电话确认: somebody said on the telephone that they take care; whoever spoke to them writes it down.
    Telephoned {
        /// Who takes care.
        from: PersonId,
    },
    /// 取消确认: it was acknowledged by mistake.
    Unack {
        /// Why; must not be empty.
        why: String,
    },
    /// It is on my screen.
    Saw,
    /// Somebody is to take care, or nobody by name.
    Assign {
        /// Who.
        to: Option<PersonId>,
    },
    /// A note.
    Note {
        /// What; must not be empty.
        text: String,
        /// An attachment by its content (SHA-256, hex).
        #[serde(default)]
        evidence: Option<String>,
    },
    /// 处置中: something is being done against it.
    Mitigating {
        /// What; must not be empty.
        why: String,
    },
    /// 已临时恢复: the meeting goes on by a makeshift.
    Mitigated {
        /// How; must not be empty.
        why: String,
    },
    /// 故障排除; refused while something in it is raised.
    Resolve {
        /// How; must not be empty.
        why: String,
    },
    /// 误报.
    FalseAlarm {
        /// Why; must not be empty.
        why: String,
    },
    /// It is part of another one.
    Merge {
        /// Of which.
        into: IncidentId,
        /// Why; must not be empty.
        why: String,
    },
    /// Some of it is another matter.
    Split {
        /// Which of its raised members; not all of them.
        members: Vec<FindingKey>,
        /// Why; must not be empty.
        why: String,
    },
    /// It is not over after all.
    Reopen {
        /// Why; must not be empty.
        why: String,
    },
    /// 审签: review and sign; refused before it is over.
    Review {
        /// What it was in the end.
        root_cause: FaultClass,
        /// In words; must not be empty.
        text: String,
    },
    /// 整改: something is to be put right.
    Correct {
        /// What; must not be empty.
        text: String,
        /// By whom.
        owner: PersonId,
        /// Until when.
        due: Utc,
    },
    /// It was put right.
    Corrected {
        /// Which.
        n: u32,
        /// How; must not be empty.
        note: String,
    },
}

/// What people do with the plan of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum PlanAsk {
    /// Carry out this plan, in the place of the one that runs.
    Choose {
        /// Which.
        plan: PlanId,
        /// Why; must not be empty.
        why: String,
    },
    /// Carry it out no more.
    Stop {
        /// Why; must not be empty.
        why: String,
    },
    /// Something with one of its steps.
    Step {
        /// Which.
        step: StepId,
        /// What.
        does: StepAsk,
    },
}

/// What people do with a step. All but the taking back is for the step that the plan stands at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepAsk {
    /// It is done; 已电话联系.
    Done {
        /// What was found; must not be empty where evidence is asked for, or where an automatic step was done by hand.
        #[serde(default)]
        note: String,
        /// A photograph by its content (SHA-256, hex).
        #[serde(default)]
        photo: Option<String>,
    },
    /// It could not be done.
    Failed {
        /// Why; must not be empty.
        note: String,
    },
    /// It is left out.
    Skip {
        /// Why; must not be empty.
        why: String,
    },
    /// The answer to its question, counted from 1.
    Answer {
        /// Which.
        answer: u8,
    },
    /// I agree that it be done.
    Agree,
    /// What was done is taken back.
    Undo {
        /// Why; must not be empty.
        why: String,
    },
}

/// 交接班.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum DutyAsk {
    /// 交班: offer duty to the next shift, with what is open.
    HandOver {
        /// From which shift.
        from: ShiftId,
        /// To which.
        to: ShiftId,
        /// What the next one must know; must not be empty while something is open.
        #[serde(default)]
        note: String,
    },
    /// 接班: take it over.
    TakeOver {
        /// From which shift.
        from: ShiftId,
        /// To which.
        to: ShiftId,
    },
}

/// What to test again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetestScope {
    /// One cell.
    Cell(CheckKey),
    /// One venue.
    Venue(VenueId),
    /// One link.
    Link(LinkId),
    /// 只重测未过项.
    NotPassed,
    /// Everything.
    All,
}

/// What a manual check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomOutcome {
    /// 正常.
    InOrder,
    /// 有故障.
    Faulty,
    /// 本会场无此项.
    NotApplicable,
}

/// What a venue answered at the roll call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollCallAnswer {
    /// 一切正常.
    AllInOrder,
    /// 有情况.
    WithProblem,
    /// 未应答.
    NoAnswer,
}

/// The three who sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// 技术保障方.
    Technical,
    /// 会议承办方.
    Organiser,
    /// 使用方.
    User,
}
