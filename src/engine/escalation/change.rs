//! What can happen to paging and to duty: the bodies of their durable events.

use serde::{Deserialize, Serialize};

use crate::domain::id::{PersonId, ShiftId};
use crate::domain::incident::IncidentId;
use crate::domain::lang::Text;
use crate::domain::time::Utc;
use crate::engine::state::Told;

/// A change of the paging of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "paging", rename_all = "snake_case")]
pub enum PagingChange {
    /// A rung was taken: these were told; nobody, when the rung was not needed any more.
    Paged {
        /// Which rung, from 0.
        rung: u8,
        /// Who, and why.
        told: Vec<Told>,
        /// When the next rung is due.
        next: Option<Utc>,
    },
    /// It is over.
    Stopped {
        /// Why.
        why: Text,
    },
}

/// A change of duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "duty", rename_all = "snake_case")]
pub enum DutyChange {
    /// What waited for somebody was told in one.
    DigestSent {
        /// To whom.
        to: PersonId,
    },
    /// A shift offers its duty to the next one 交班.
    HandedOver {
        /// From which shift.
        from: ShiftId,
        /// To which.
        to: ShiftId,
        /// What the next one must know.
        note: String,
        /// 遗留事项: incidents that are open.
        open: Vec<IncidentId>,
    },
    /// The next shift took over 接班.
    TakenOver {
        /// From which shift.
        from: ShiftId,
        /// Which did.
        to: ShiftId,
    },
}
