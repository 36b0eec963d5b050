//! What can happen to an incident: the body of its durable events.

use serde::{Deserialize, Serialize};

use super::anchor::Anchor;
use crate::domain::fault::FaultClass;
use crate::domain::id::{MeetingId, PersonId};
use crate::domain::incident::{Confidence, IncidentId, Moment};
use crate::domain::inventory::{Phase, Resource};
use crate::domain::lang::Text;
use crate::domain::time::Utc;
use crate::engine::finding::{FindingKey, Severity};

/// What vcops makes of an incident, with its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// What kind of trouble it is: which plan is for it.
    pub class: FaultClass,
    /// What failed, where one thing is behind it all.
    pub cause: Option<Resource>,
    /// The gravest that any member was since the incident opened.
    pub severity: Severity,
    /// How sure the class and the cause are.
    pub confidence: Confidence,
    /// Why vcops thinks so.
    pub reason: Text,
    /// The meeting that suffers, if one is near.
    pub meeting: Option<MeetingId>,
    /// Where that meeting stood.
    pub phase: Option<Phase>,
    /// First bad sample of any member.
    pub onset: Utc,
    /// How many members this was judged from.
    pub judged_from: u32,
}

/// A change of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum IncidentChange {
    /// Findings are its members from now on, and nobody else's.
    Joined {
        /// Which.
        members: Vec<FindingKey>,
    },
    /// It is judged anew.
    Assessed {
        /// What is made of it now.
        assessment: Box<Assessment>,
    },
    /// Somebody takes care.
    Acked,
    /// The acknowledgement counts no more: taken back, or too old.
    Unacked {
        /// Why.
        why: Text,
    },
    /// A step against it was taken or is under way.
    Mitigating {
        /// Which.
        why: Text,
    },
    /// 已临时恢复: the meeting goes on by a makeshift.
    Mitigated {
        /// How.
        why: Text,
    },
    /// 故障排除.
    Resolved {
        /// How, or by which sign.
        why: Text,
    },
    /// It is not over after all.
    Reopened {
        /// Why.
        why: Text,
    },
    /// 误报.
    FalseAlarm {
        /// Why.
        why: Text,
    },
    /// It is told under another number from now on; what is raised in it goes there.
    Merged {
        /// Where.
        into: IncidentId,
        /// Why.
        why: Text,
    },
    /// Others reported a moment of it.
    Marked {
        /// Which.
        moment: Moment,
    },
    /// Somebody is to take care, or nobody by name.
    Assigned {
        /// Who.
        to: Option<PersonId>,
    },
    /// A note, with an attachment by its content (SHA-256, hex).
    Noted {
        /// What.
        text: String,
        /// The attachment.
        evidence: Option<String>,
    },
    /// 已审签: reviewed and signed.
    Reviewed {
        /// What it was in the end.
        root_cause: FaultClass,
        /// In words.
        text: String,
    },
    /// 整改: something is to be put right.
    CorrectionAsked {
        /// Counts from 1 within the incident.
        n: u32,
        /// What.
        text: String,
        /// By whom.
        owner: PersonId,
        /// Until when.
        due: Utc,
    },
    /// Its owner was told that it is to be put right.
    CorrectionReminded {
        /// Which.
        n: u32,
    },
    /// It was put right.
    CorrectionDone {
        /// Which.
        n: u32,
        /// How.
        note: String,
    },
}

impl IncidentChange {
    /// A stable word: the serialised tag.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Joined { .. } => "joined",
            Self::Assessed { .. } => "assessed",
            Self::Acked => "acked",
            Self::Unacked { .. } => "unacked",
            Self::Mitigating { .. } => "mitigating",
            Self::Mitigated { .. } => "mitigated",
            Self::Resolved { .. } => "resolved",
            Self::Reopened { .. } => "reopened",
            Self::FalseAlarm { .. } => "false_alarm",
            Self::Merged { .. } => "merged",
            Self::Marked { .. } => "marked",
            Self::Assigned { .. } => "assigned",
            Self::Noted { .. } => "noted",
            Self::Reviewed { .. } => "reviewed",
            Self::CorrectionAsked { .. } => "correction_asked",
            Self::CorrectionReminded { .. } => "correction_reminded",
            Self::CorrectionDone { .. } => "correction_done",
        }
    }
}

/// The opening of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// What draws later findings to it; none for one that a person split off: nothing joins that by itself.
    pub anchor: Option<Anchor>,
    /// What is made of it.
    pub assessment: Assessment,
    /// Its first members.
    pub members: Vec<FindingKey>,
    /// The incident they come from.
    pub from: Option<IncidentId>,
}
