//! Changes of the picture: what is only seen now.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::check::{CheckKey, RoundId, TestId};
use crate::domain::id::{AgentId, LinkId, McuId, StreamId};
use crate::domain::incident::IncidentId;
use crate::domain::time::{Mono, Utc};
use crate::engine::finding::FindingKey;
use crate::observation::call::ProofOutcome;
use crate::observation::device::{Device, DeviceReport};
use crate::observation::{AgentHealth, HubHealth, LossSecond, Misbehaviour, Order, StreamReport};

/// A change of the picture: never journalled, gone with the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Picture {
    /// The process began to look.
    Began {
        /// When.
        at: Mono,
    },
    /// Every monotonic deadline up to here was looked at.
    Woken {
        /// Until when.
        at: Mono,
    },
    /// An enrolled agent should be heard.
    AgentExpected {
        /// Which.
        agent: AgentId,
        /// Until when its silence says nothing.
        by: Mono,
    },
    /// A round is attended to from now on: after its opening, a retest or a restart.
    RoundWatched {
        /// Which.
        round: RoundId,
        /// Until when it waits for agents that are not heard.
        grace: Mono,
    },
    /// A path test of the hub lost packets, or none: kept to find what links share.
    LossSeen {
        /// On which link.
        link: LinkId,
        /// The seconds with loss, by the hub's clock.
        seconds: Vec<LossSecond>,
    },
    /// A finding's condition is to be looked at again.
    RecheckAt {
        /// Which.
        finding: FindingKey,
        /// When.
        at: Mono,
    },
    /// Findings under an MCU as their cause are to be looked at: those that stay are to stand for themselves.
    PartAt {
        /// Which MCU.
        mcu: McuId,
        /// Whether it was gone and is back; else some of what failed with it came back.
        was_down: bool,
        /// When.
        at: Mono,
    },
    /// An agent was heard.
    AgentSeen {
        /// Which.
        agent: AgentId,
        /// Receipt, monotonic.
        at: Mono,
        /// Its message's order.
        order: Order,
        /// How it is.
        health: AgentHealth,
    },
    /// An agent's message was refused.
    AgentMisbehaved {
        /// Which.
        agent: AgentId,
        /// When.
        at: Mono,
        /// What it did.
        what: Misbehaviour,
        /// How often.
        count: u64,
    },
    /// A stream was looked at.
    StreamSeen {
        /// Which.
        stream: StreamId,
        /// Receipt, monotonic.
        at: Mono,
        /// Its report's time and order.
        sent: (Utc, Order),
        /// How it is.
        report: Arc<StreamReport>,
    },
    /// A call must have ended by then.
    CallDue {
        /// Which.
        test: TestId,
        /// When.
        at: Mono,
    },
    /// An MCU is to be proved.
    ProveAt {
        /// Which.
        mcu: McuId,
        /// When.
        at: Mono,
    },
    /// A proof was sent out.
    ProofOrdered {
        /// Of which MCU.
        mcu: McuId,
        /// Which.
        test: TestId,
        /// When it must have ended.
        deadline: Mono,
    },
    /// A proof is over.
    ProofEnded {
        /// Of which MCU.
        mcu: McuId,
        /// When.
        at: Mono,
        /// What came of it; nothing when it was not heard of.
        outcome: Option<ProofOutcome>,
    },
    /// A device was looked at.
    DeviceSeen {
        /// Which.
        device: Device,
        /// Receipt, monotonic.
        at: Mono,
        /// Its report's order.
        order: Order,
        /// How it is.
        report: Arc<DeviceReport>,
    },
    /// Meetings stand in other phases, or other venues have the floor, as of this moment.
    Turned {
        /// As of when.
        at: Utc,
    },
    /// All streams are to be looked over for those of which nothing is heard.
    PatrolAt {
        /// When; never, while nothing is watched.
        at: Option<Mono>,
    },
    /// A test was sent out.
    TestOrdered {
        /// Which.
        test: TestId,
        /// In which round.
        round: RoundId,
        /// For which cell.
        key: CheckKey,
        /// When it must have ended.
        deadline: Mono,
    },
    /// A test moved on.
    TestProgressed {
        /// Which.
        test: TestId,
        /// Packets sent.
        sent: u32,
        /// Packets planned.
        planned: u32,
    },
    /// A test is over.
    TestEnded {
        /// Which.
        test: TestId,
    },
    /// A rule's condition began to hold.
    HoldBegan {
        /// Which.
        finding: FindingKey,
        /// Monotonic onset.
        since: Mono,
        /// Wall-clock onset.
        since_utc: Utc,
    },
    /// A rule's condition stopped before its hold, or a raised one is clearing.
    HoldEnded {
        /// Which.
        finding: FindingKey,
    },
    /// A raised finding looks clear since.
    ClearBegan {
        /// Which.
        finding: FindingKey,
        /// Monotonic.
        since: Mono,
    },
    /// Findings and incidents were looked at.
    IncidentsSettled {
        /// Findings that wait until then for others that may have the same cause.
        findings: Vec<(FindingKey, Mono)>,
        /// Incidents in which nothing is raised: until then it may come back.
        incidents: Vec<(IncidentId, Mono)>,
    },
    /// Plans that are carried out are to be looked at.
    PlansAt {
        /// When.
        at: Mono,
    },
    /// An alarm was raised: kept to see whether it chatters.
    AlarmRose {
        /// Which.
        alarm: FindingKey,
        /// When.
        at: Mono,
    },
    /// The controller measured itself.
    HubSeen {
        /// When.
        at: Mono,
        /// How it is.
        health: HubHealth,
    },
    /// The wall clock was stepped.
    ClockStepped {
        /// By how much.
        by_us: i64,
        /// When.
        at: Mono,
    },
}
