//! What can happen to alarms beside their findings coming and going: the body of their durable events.

use serde::{Deserialize, Serialize};

use crate::domain::lang::Text;
use crate::domain::time::Utc;

/// A change of some alarms at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum AlarmChange {
    /// Somebody takes care, until then: an acknowledgement does not last for ever.
    Acked {
        /// Until when.
        until: Utc,
    },
    /// The acknowledgement counts no more.
    Unacked {
        /// Why.
        why: Text,
    },
    /// They are not over before somebody resets them.
    Latches,
    /// Somebody resets them.
    Reset {
        /// Why it was, or what was done.
        why: Text,
    },
    /// 暂不提醒: put aside by a person, always for a time.
    Shelved {
        /// Until when.
        until: Utc,
        /// Only until it is over next.
        once: bool,
        /// Why.
        why: Text,
    },
    /// Told again.
    Unshelved {
        /// Why.
        why: Text,
    },
    /// 停用: what they are about is being worked on.
    OutOfService {
        /// Until when.
        until: Utc,
        /// By which order, or why.
        why: Text,
    },
    /// 恢复使用.
    InService {
        /// Why.
        why: Text,
    },
    /// They come and go too often to be told each time.
    Chattering {
        /// Until when at least.
        until: Utc,
    },
    /// They no longer do.
    Calmed,
}

impl AlarmChange {
    /// A stable word: the serialised tag.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Acked { .. } => "acked",
            Self::Unacked { .. } => "unacked",
            Self::Latches => "latches",
            Self::Reset { .. } => "reset",
            Self::Shelved { .. } => "shelved",
            Self::Unshelved { .. } => "unshelved",
            Self::OutOfService { .. } => "out_of_service",
            Self::InService { .. } => "in_service",
            Self::Chattering { .. } => "chattering",
            Self::Calmed => "calmed",
        }
    }
}
