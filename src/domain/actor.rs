//! Who did something: every journalled change names one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{AgentId, PersonId, RegionId, UserId};

/// The author of a command or an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "actor", rename_all = "snake_case")]
pub enum Actor {
    /// vcops itself, by a rule or a timer.
    Vcops,
    /// A signed-in user.
    User {
        /// Who.
        id: UserId,
    },
    /// A local account that spoke over the daemon's socket.
    Local {
        /// Unix user id, from the socket's peer credentials.
        uid: u32,
        /// Account name, or the number when it has none.
        name: String,
    },
    /// A venue's agent.
    Agent {
        /// Which.
        id: AgentId,
    },
    /// A person who answered a notice, known by the number or the link that it went to.
    Person {
        /// Who.
        id: PersonId,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vcops => write!(f, "vcops"),
            Self::User { id } => write!(f, "user:{id}"),
            Self::Local { name, .. } => write!(f, "local:{name}"),
            Self::Agent { id } => write!(f, "agent:{id}"),
            Self::Person { id } => write!(f, "person:{id}"),
        }
    }
}

/// What a person may do; kept few. The three administrators are kept apart 三员分立.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 技术员: rehearses, fixes, retests, signs.
    Technician,
    /// 县技术员: the own venue only.
    CountyTechnician,
    /// 值机员: watches the live meeting.
    Operator,
    /// 科室负责人 / 分管领导: reads, reviews, signs.
    Manager,
    /// 系统管理员: inventory and process settings.
    SystemAdmin,
    /// 安全管理员: users and roles.
    SecurityAdmin,
    /// 审计员: reads the journal.
    Auditor,
}

impl Role {
    /// Every role, in the order of the forms.
    pub const ALL: [Self; 7] = [
        Self::Technician,
        Self::CountyTechnician,
        Self::Operator,
        Self::Manager,
        Self::SystemAdmin,
        Self::SecurityAdmin,
        Self::Auditor,
    ];
}

/// A role within a region and all regions below it; `None` means everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What.
    pub role: Role,
    /// Where.
    pub region: Option<RegionId>,
}
