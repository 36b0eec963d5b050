//! Incidents 事件: one per cause, from its opening to its review.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An incident's number: counted from 1 over the life of a journal, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// 待确认: nobody has said that they saw it.
    Open,
    /// 已确认: somebody takes care.
    Acked,
    /// 处置中: a step of its plan was done or is under way.
    Mitigating,
    /// 已临时恢复(备用): the meeting goes on, by a makeshift.
    Mitigated,
    /// 故障排除: what was wrong is right.
    Resolved,
    /// 已审签: reviewed and signed.
    Reviewed,
    /// 误报: nothing was wrong.
    FalseAlarm,
    /// 已并入: told under another number.
    Merged,
}

impl IncidentState {
    /// Whether something is still to be done about the fault itself.
    pub fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Acked | Self::Mitigating | Self::Mitigated => true,
            Self::Resolved | Self::Reviewed | Self::FalseAlarm | Self::Merged => false,
        }
    }

    /// A stable word: the serialised form.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acked => "acked",
            Self::Mitigating => "mitigating",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Reviewed => "reviewed",
            Self::FalseAlarm => "false_alarm",
            Self::Merged => "merged",
        }
    }
}

/// How sure vcops is of what it makes of an incident 研判可信度.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// 低: a guess, for somebody to check.
    Low,
    /// 中: most signs agree.
    Medium,
    /// 高: measured, or said by a person.
    High,
}

/// A moment of an incident that others report: the first report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// 已通知: a channel accepted a notice about it.
    Notified,
    /// 已看到: somebody has it on a screen, or a receipt says so.
    Seen,
    /// 首次处置: the first step against it was done, by a person or by vcops.
    FirstAction,
}
