//! What can happen to paging and to duty: the bodies of their durable events.

use serde::{Deserialize, Serialize};

use crate::domain::id::{PersonId, ShiftId};
use crate::domain::incident::IncidentId;
use crate::domain::lang::Text;
use crate::domain::notice::{Answer, AnswerMeans, Delivery, NoticeKey};
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
        /// What the group was told by, if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<NoticeKey>,
        /// When the next rung is due.
        next: Option<Utc>,
    },
    /// A channel took a page, or all of them gave it up.
    Delivered {
        /// Which page.
        notice: NoticeKey,
        /// What became of it.
        delivery: Delivery,
    },
    /// Somebody who was told answered.
    Answered {
        /// Who.
        person: PersonId,
        /// To which page; none when the hub spoke to them by telephone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<NoticeKey>,
        /// How.
        means: AnswerMeans,
        /// What.
        answer: Answer,
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
