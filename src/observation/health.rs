//! How an agent is, how one can misbehave, and how the controller finds itself.

use serde::{Deserialize, Serialize};

/// An agent's condition. Absent values could not be read on that machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentHealth {
    /// Version of the agent.
    pub version: String,
    /// Agent's clock minus the controller's, milliseconds, with the bound ± on it.
    pub clock_offset_ms: Option<(f64, f64)>,
    /// Free space where the outbox lies, MiB.
    pub disk_free_mib: Option<u64>,
    /// CPU use of the whole machine, percent of all cores.
    pub cpu_pct: Option<f64>,
    /// Memory the agent holds, MiB.
    pub memory_mib: Option<u64>,
    /// Hottest sensor, degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Events waiting for acknowledgement.
    pub outbox: u64,
    /// Whether the venue allows tests that touch its hall at this moment 已开机可测.
    pub consent: bool,
    /// Whether the venue forbids active tests at this moment 禁测时段.
    pub no_test: bool,
    /// STAMP packets refused since start (source not listed, or too many).
    pub reflector_refused: u64,
}

/// How the controller finds itself. Absent values could not be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubHealth {
    /// Free space where the journal lies, MiB.
    pub disk_free_mib: Option<u64>,
    /// Its fullest queue, if any holds something.
    pub fullest: Option<FullestQueue>,
    /// The task that gave no sign of life for the longest, if one is overdue.
    pub silent: Option<SilentTask>,
    /// Whether the line to the agents is up.
    pub line_up: bool,
    /// How long the oldest notice that is due has waited, seconds.
    pub notice_waits_s: Option<u64>,
}

/// A queue and how full it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullestQueue {
    /// Its name.
    pub queue: String,
    /// How full, percent.
    pub pct: u8,
}

/// A task and its silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilentTask {
    /// Its name.
    pub task: String,
    /// Since when, seconds.
    pub seconds: u64,
}

/// How an agent's message was refused. The words are those of the envelope's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misbehaviour {
    /// Not an envelope.
    Garbage,
    /// Its signature does not fit.
    Forged,
    /// Seen before, or older than one seen.
    Replayed,
    /// A controller's message sent back.
    Reflected,
    /// Another venue's name.
    WrongVenue,
    /// Too many messages.
    Flooded,
    /// Too large a message.
    Oversized,
    /// Expired, or from the future.
    Untimely,
}
