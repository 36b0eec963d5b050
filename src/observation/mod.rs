//! What was seen, where, when, by whom and how well: the only thing an adapter can tell the engine.
//!
//! An observation carries its origin time, its receipt time and the offset of its author's clock, and never a
//! judgement. An absent value carries the reason. What an agent may be told to do stands here as well, so that
//! orders and answers read side by side.

mod path;
mod health;
mod order;
mod stream;
mod probe;
pub mod device;
pub mod action;
pub mod call;

use serde::{Deserialize, Serialize};

pub use health::{AgentHealth, FullestQueue, HubHealth, Misbehaviour, SilentTask};
pub use order::{AgentCommand, PathOrder, StreamOrder};
pub use path::{
    DirectionStats, LossBound, LossSecond, PathStats, Quality, QualityFlaw, RttStats, TestBroke, TestOutcome,
};
pub use probe::{NotCalled, ProbeEnd, ProbeFigures, ToneHeard};
pub use stream::{
    Analysis, AudioFigures, BlindWhy, DETECTIONS_MAX, Detection, DownWhy, Evidence, Reception, Seen,
    StreamReport, Sure, TransportFigures, VideoFigures,
};

use crate::domain::check::TestId;
use crate::domain::id::{AgentId, LinkId, PersonId};
use crate::domain::notice::{Delivery, NoticeAnswer, NoticeKey};
use crate::domain::time::Utc;
use action::ActionReport;
use call::{CallOutcome, ProofOutcome};
use device::DeviceReport;

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Who saw it.
    pub source: Source,
    /// When, by the author's clock.
    pub at: Utc,
    /// When it reached the controller, by the controller's clock.
    pub received: Utc,
    /// Author's start count and counter: an older pair never replaces a newer.
    pub order: Order,
    /// What.
    pub fact: Fact,
}

impl Observation {
    /// The person who speaks by it, if it is somebody's answer.
    pub fn person(&self) -> Option<&PersonId> {
        if let Fact::NoticeAnswered { answer } = &self.fact { answer.person.as_ref() } else { None }
    }
}

/// The author of an observation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The controller's own host, the 主 end.
    Hub,
    /// A venue's agent.
    Agent(AgentId),
}

/// The author's start count and its counter since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Order {
    /// How often the author has started.
    pub boot: u64,
    /// Counts within that start.
    pub seq: u64,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// An agent lives. Sent each second; never journalled.
    Heartbeat {
        /// How it is.
        health: AgentHealth,
    },
    /// A path test moved on.
    Progress {
        /// Which test.
        test: TestId,
        /// Packets sent so far.
        sent: u32,
        /// Packets that will be sent.
        planned: u32,
    },
    /// A path test ended. From the hub it counts; from an agent it is evidence.
    PathTested {
        /// Which test.
        test: TestId,
        /// Which link.
        link: LinkId,
        /// What came of it.
        outcome: TestOutcome,
    },
    /// An agent's message was refused: forged, replayed, oversized, flooding.
    Misbehaved {
        /// What it did.
        what: Misbehaviour,
        /// How often since the last report.
        count: u64,
    },
    /// A stream as it is now. Never journalled: what holds long enough becomes a finding.
    StreamSeen {
        /// How it is.
        report: Box<StreamReport>,
    },
    /// A device as it is now. Never journalled. The hub alone speaks to devices.
    DeviceSeen {
        /// How it is; see [`DeviceReport::bounded`].
        report: Box<DeviceReport>,
    },
    /// An order to a device went on. From the hub alone.
    ActionReported {
        /// How far it is.
        report: ActionReport,
    },
    /// A call to a codec ended. From the hub alone.
    CodecCalled {
        /// Which call.
        test: TestId,
        /// What came of it.
        outcome: CallOutcome,
    },
    /// A proof of an MCU ended. From the hub alone.
    Proved {
        /// Which proof.
        test: TestId,
        /// What came of it.
        outcome: ProofOutcome,
    },
    /// The controller measured itself. From the hub alone.
    HubSeen {
        /// How it is.
        health: HubHealth,
    },
    /// A notice was taken by a channel, or given up. From the hub alone; may be told twice, after a crash between.
    NoticeDelivered {
        /// Which notice.
        notice: NoticeKey,
        /// What became of it.
        delivery: Delivery,
    },
    /// Somebody answered a notice. From the hub alone; may be told twice.
    NoticeAnswered {
        /// What was said.
        answer: NoticeAnswer,
    },
}

impl Fact {
    /// Whether a venue's agent may say such a thing. Whatever else one sends is not a message of an agent.
    pub fn is_of_agents(&self) -> bool {
        match self {
            Self::Heartbeat { .. }
            | Self::Progress { .. }
            | Self::PathTested { .. }
            | Self::Misbehaved { .. }
            | Self::StreamSeen { .. } => true,
            Self::DeviceSeen { .. }
            | Self::ActionReported { .. }
            | Self::CodecCalled { .. }
            | Self::Proved { .. }
            | Self::HubSeen { .. }
            | Self::NoticeDelivered { .. }
            | Self::NoticeAnswered { .. } => false,
        }
    }
}
