//! Orders to devices as the journal tells them: each once, with how far it went.

use serde::{Deserialize, Serialize};

use super::listed::Keyed;
use crate::domain::actor::Actor;
use crate::domain::id::MeetingId;
use crate::domain::mcu::Interface;
use crate::domain::time::Utc;
use crate::observation::action::{
    ActionKey, ActionOutcome, ActionReport, DeviceOrder, Does, Force, Refused, Step, Verified,
};

/// An order to a device and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRecord {
    /// What was ordered.
    pub order: DeviceOrder,
    /// How much it disturbs.
    pub force: Force,
    /// The meeting it belongs to, if one is known.
    pub meeting: Option<MeetingId>,
    /// Why.
    pub why: String,
    /// The request's own name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Who ordered it.
    pub by: Actor,
    /// When.
    pub at: Utc,
    /// When the device was told, if it was.
    pub told: Option<Utc>,
    /// How far it is.
    pub progress: Progress,
    /// Whether the device died after it, and such actions were frozen.
    pub froze: bool,
}

/// How far an order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub enum Progress {
    /// Given; nothing is known of it yet.
    Ordered,
    /// Not planned; nothing was sent.
    Refused {
        /// Why.
        why: Refused,
    },
    /// The device was told; media are to verify it.
    Told {
        /// What the device said.
        outcome: ActionOutcome,
    },
    /// Over.
    Ended {
        /// What the device said.
        outcome: ActionOutcome,
        /// What media said.
        verified: Verified,
    },
    /// Nobody could tell, and somebody looked.
    Decided {
        /// Whether it happened.
        happened: bool,
        /// Who looked.
        by: Actor,
        /// When.
        at: Utc,
    },
}

impl ActionRecord {
    /// Whether it is under way.
    pub fn is_open(&self) -> bool {
        matches!(self.progress, Progress::Ordered | Progress::Told { .. })
    }

    /// Whether it ended so that somebody must say what happened: unknown or half done, and media did not show it.
    pub fn is_undecided(&self) -> bool {
        let Progress::Ended { outcome, verified } = &self.progress else { return false };
        let unclear = matches!(outcome, ActionOutcome::Unknown | ActionOutcome::Partial { .. });
        unclear && *verified != Verified::Worked
    }

    /// Takes a report in; one that comes again or late changes nothing.
    pub(super) fn follow(&mut self, report: &ActionReport, at: Utc) {
        if !self.is_news(&report.step) {
            return;
        }
        self.progress = match &report.step {
            Step::Queued => return,
            Step::Refused { why } => Progress::Refused { why: why.clone() },
            Step::Told { outcome } => Progress::Told { outcome: outcome.clone() },
            Step::Ended { outcome, verified } => {
                Progress::Ended { outcome: outcome.clone(), verified: *verified }
            }
        };
        let sent = matches!(report.step, Step::Told { .. } | Step::Ended { .. });
        if sent && self.told.is_none() {
            self.told = Some(at);
        }
    }

    /// Whether a step says more than is known: orders only ever go forward.
    pub(in crate::engine) fn is_news(&self, step: &Step) -> bool {
        match (&self.progress, step) {
            (Progress::Ordered, Step::Refused { .. } | Step::Told { .. } | Step::Ended { .. })
            | (Progress::Told { .. }, Step::Ended { .. }) => true,
            (Progress::Ordered | Progress::Told { .. }, Step::Queued)
            | (Progress::Told { .. }, Step::Refused { .. } | Step::Told { .. })
            | (Progress::Refused { .. } | Progress::Ended { .. } | Progress::Decided { .. }, _) => false,
        }
    }
}

impl Keyed for ActionRecord {
    type Key = ActionKey;
    fn key(&self) -> ActionKey {
        self.order.key.clone()
    }
}

/// An action that is refused because a device died after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// The interface of that device.
    pub interface: Interface,
    /// Its software version; empty where it does not say.
    pub version: String,
    /// The kind of action.
    pub does: Does,
}
