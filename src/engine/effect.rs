//! What is to be done outside. Effects leave only after the events beside them are committed.

use serde::{Deserialize, Serialize};

use super::input::CommandId;
use crate::domain::check::{RoundId, TestId};
use crate::domain::id::AgentId;
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
}

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
    /// Not done, and why.
    Refused(Refusal),
}

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
    /// The journal cannot be written: commands are refused until it can.
    Unrecorded,
    /// Too many commands wait.
    Busy,
}
