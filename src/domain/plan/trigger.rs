//! When a plan applies: a form of closed lists, and a condition for what the form cannot say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use crate::domain::fault::{FaultClass, Severity};
use crate::domain::id::RegionId;
use crate::domain::inventory::{MeetingOwner, Phase, SupportLevel};

/// When a plan applies. An empty list asks nothing; every list that is not empty must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// The kinds of trouble.
    pub classes: BTreeSet<FaultClass>,
    /// Only these rules.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<RuleName>,
    /// Only trouble with these kinds of things.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<SubjectKind>,
    /// Only while the meeting stands here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub phases: BTreeSet<Phase>,
    /// Only where a venue plays this part.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts: BTreeSet<VenuePart>,
    /// Only meetings of this level of support 保障等级.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub support: BTreeSet<SupportLevel>,
    /// Only in these regions and below them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<RegionId>,
    /// Whose meeting: a superior level's 上级会议 is watched and never controlled, so its plans are its own.
    #[serde(default)]
    pub owner: MeetingOwner,
    /// Only when it weighs at least so much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<Severity>,
    /// What the form cannot say; must be true, and what is not known is not true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Trigger {
    /// How closely it describes its trouble: the number of things it asks. Of two plans that apply the closer wins.
    pub fn closeness(&self) -> u32 {
        let asks = [
            !self.rules.is_empty(),
            !self.subjects.is_empty(),
            !self.phases.is_empty(),
            !self.parts.is_empty(),
            !self.support.is_empty(),
            !self.regions.is_empty(),
            self.least.is_some(),
            self.when.is_some(),
        ];
        // A plan for one kind of trouble is closer than one for several, whatever else either asks.
        let single = u32::from(self.classes.len() == 1) * 10;
        single + asks.into_iter().map(u32::from).sum::<u32>()
    }
}

/// A rule's stable code, such as `site.missing`; that it exists was checked when the plan was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleName(pub String);

/// What kind of thing is in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// An agent 测试机.
    Agent,
    /// One line.
    Link,
    /// A trunk or a carrier.
    Trunk,
    /// A region: city, power.
    Region,
    /// A venue, or a site of a meeting.
    Venue,
    /// An MCU.
    Mcu,
    /// An endpoint or other equipment.
    Device,
    /// A stream.
    Stream,
    /// Our own side.
    Hub,
}

impl SubjectKind {
    /// The stable word, as serialised.
    pub fn code(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Link => "link",
            Self::Trunk => "trunk",
            Self::Region => "region",
            Self::Venue => "venue",
            Self::Mcu => "mcu",
            Self::Device => "device",
            Self::Stream => "stream",
            Self::Hub => "hub",
        }
    }
}

/// The part that a venue plays in its meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenuePart {
    /// 主会场.
    MainHall,
    /// 正在发言: it has the floor.
    Speaker,
    /// 下一发言.
    NextSpeaker,
    /// 分会场 that listens.
    Branch,
}
