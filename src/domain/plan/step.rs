//! Steps of a plan: what is done, by whom, how it is proved, how long it may take, and where it leads.

use serde::{Deserialize, Serialize};

use super::Post;
use super::condition::Condition;
use crate::domain::id::StepId;
use crate::domain::inventory::ContactRole;
use crate::domain::lang::Text;
use crate::domain::notice::Urgency;
use crate::domain::time::Span;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Identifier within the plan.
    pub id: StepId,
    /// One line.
    pub title: Text,
    /// How it is done, if that needs saying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<Text>,
    /// Who does it.
    pub post: Post,
    /// Which rung of the ladder it takes, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// Left out, with that reason, when this is certainly false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What is done.
    pub kind: StepKind,
    /// How long it may take, and what follows when its time runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// Where it leads when it is done.
    #[serde(default)]
    pub done: Goto,
    /// Where it leads when it failed.
    #[serde(default)]
    pub failed: Goto,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StepKind {
    /// 人工: somebody does it and ticks it.
    Manual {},
    /// 人工并留证: somebody does it and writes down what was found, or adds a photograph.
    Evidence {
        /// What is asked for.
        what: Text,
        /// Whether a photograph must be there.
        photo: bool,
    },
    /// 自动: vcops has a device do it.
    Automatic {
        /// What.
        remedy: Remedy,
        /// Who must agree first.
        confirm: Confirm,
        /// What must certainly be true at the moment of doing it.
        only_if: Precondition,
        /// 预演: what it would do, for whoever agrees.
        dry_run: Text,
        /// How it is proved.
        verify: Verify,
        /// For how long media may take to prove it.
        within: Span,
        /// 补偿: what takes it back, where something can.
        undo: Option<Remedy>,
        /// How often it is tried at most.
        attempts: u8,
    },
    /// 判断: somebody decides how to go on.
    Decision {
        /// The question.
        question: Text,
        /// The answers.
        branches: Vec<Branch>,
    },
    /// 等待: goes on by itself when something is so.
    Wait {
        /// What is waited for.
        until: Until,
    },
    /// 电话: somebody is called, and it is ticked 已电话联系.
    Telephone {
        /// Whom.
        to: CallTo,
        /// What is said.
        say: Text,
    },
    /// 通知: vcops tells somebody.
    Notify {
        /// Whom.
        to: TellTo,
        /// What.
        text: Text,
        /// How soon it must arrive.
        urgency: Urgency,
    },
}

impl StepKind {
    /// The stable word, as serialised.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manual {} => "manual",
            Self::Evidence { .. } => "evidence",
            Self::Automatic { .. } => "automatic",
            Self::Decision { .. } => "decision",
            Self::Wait { .. } => "wait",
            Self::Telephone { .. } => "telephone",
            Self::Notify { .. } => "notify",
        }
    }
}

/// A remedy that vcops knows how to carry out on whatever a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// 请求关键帧: ask the sites for a key picture.
    KeyFrame,
    /// 挂断、重呼: the MCU calls the sites again.
    Redial,
    /// 呼叫备用终端: the MCU calls another endpoint of the same venues.
    DialSpare,
    /// 挂断备用终端.
    HangUpSpare,
    /// 启用备用MCU: the standby MCU calls every venue of the meeting.
    DialStandby,
    /// 备用MCU挂断.
    HangUpStandby,
    /// 闭麦: the MCU mutes the sites' sound.
    Mute,
    /// 解除闭麦.
    Unmute,
    /// 移出会议: the MCU hangs up on whom nobody invited.
    Remove,
}

impl Remedy {
    /// The stable word, as serialised.
    pub fn code(self) -> &'static str {
        match self {
            Self::KeyFrame => "key_frame",
            Self::Redial => "redial",
            Self::DialSpare => "dial_spare",
            Self::HangUpSpare => "hang_up_spare",
            Self::DialStandby => "dial_standby",
            Self::HangUpStandby => "hang_up_standby",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Remove => "remove",
        }
    }

    /// The name that people read, Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::KeyFrame => "请求关键帧",
            Self::Redial => "挂断、重呼",
            Self::DialSpare => "呼叫备用终端",
            Self::HangUpSpare => "挂断备用终端",
            Self::DialStandby => "备用MCU呼叫各会场",
            Self::HangUpStandby => "备用MCU挂断各会场",
            Self::Mute => "闭麦",
            Self::Unmute => "解除闭麦",
            Self::Remove => "移出会议",
        }
    }

    /// The same in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::KeyFrame => "ask for a key picture",
            Self::Redial => "hang up and call again",
            Self::DialSpare => "call the spare endpoint",
            Self::HangUpSpare => "hang up the spare endpoint",
            Self::DialStandby => "the standby MCU calls every venue",
            Self::HangUpStandby => "the standby MCU hangs up",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Remove => "remove from the meeting",
        }
    }

    /// Whether many in the meeting notice it: then two people must agree.
    pub fn is_grave(self) -> bool {
        matches!(self, Self::DialStandby | Self::HangUpStandby)
    }
}

/// Who must agree before a device is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Nobody: it is safe by itself.
    Nobody,
    /// One person.
    One,
    /// 双人确认: two different people.
    Two,
}

impl Confirm {
    /// How many people.
    pub fn people(self) -> usize {
        match self {
            Self::Nobody => 0,
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// What must certainly be true at the moment of doing it; nothing is asked where there is no condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Precondition(pub Option<Condition>);

/// How an automatic step is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// What was wrong is raised no more.
    Cleared,
    /// The venues stand in the roster and their media flow.
    Flowing,
    /// The device's word is enough.
    Device,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// What was wrong is raised no more.
    Cleared,
    /// 散会: the meeting is over.
    MeetingOver,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The answer.
    pub answer: Text,
    /// Where it leads.
    pub to: Goto,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallTo {
    /// The contact of the venues that are in trouble.
    Venue(ContactRole),
    /// The contact of the main venue.
    MainHall(ContactRole),
    /// The other operator on duty B角.
    OperatorB,
    /// The leader on call 带班领导.
    Leader,
    /// The fault desk of the carrier of the lines that are in trouble.
    Carrier,
    /// An office outside, with its public number where one is known: 省技术, 供电, 网信, 厂家.
    Office {
        /// Which office.
        name: Text,
        /// Its public number; never a person's.
        number: Option<String>,
    },
}

/// Whom vcops tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TellTo {
    /// Both operators on duty.
    Operators,
    /// The leader on call.
    Leader,
    /// The contacts of the venues in trouble.
    Venues,
    /// Whoever reads the group's channel.
    Group,
}

/// The six rungs of the ladder: what is tried when the rung before did not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// 重呼.
    Redial,
    /// 备用终端.
    SpareDevice,
    /// 同一网络属性的第二条线路: never across attributes.
    SecondLink,
    /// 备用MCU.
    StandbyMcu,
    /// 备用电话会议.
    AudioConference,
    /// 就近分会场.
    NearestVenue,
}

impl Rung {
    /// Every rung, the first tried first.
    pub const ALL: [Self; 6] = [
        Self::Redial,
        Self::SpareDevice,
        Self::SecondLink,
        Self::StandbyMcu,
        Self::AudioConference,
        Self::NearestVenue,
    ];

    /// The name that people read, Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Redial => "重呼",
            Self::SpareDevice => "备用终端",
            Self::SecondLink => "第二条线路",
            Self::StandbyMcu => "备用MCU",
            Self::AudioConference => "备用电话会议",
            Self::NearestVenue => "就近分会场",
        }
    }

    /// The same in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Redial => "redial",
            Self::SpareDevice => "spare device",
            Self::SecondLink => "second link",
            Self::StandbyMcu => "standby MCU",
            Self::AudioConference => "audio conference",
            Self::NearestVenue => "nearest venue",
        }
    }
}

/// How long a step may take, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// Counted from when the step became the current one.
    pub after: Span,
    /// What follows.
    pub then: Overdue,
}

/// What follows when a step's time runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overdue {
    /// 转下一步: as if it had failed.
    Next,
    /// 升级: the leader on call is told; the step stays.
    Escalate,
    /// 询问: the operators are asked; the step stays.
    Ask,
}

/// Where a step leads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goto {
    /// The step below it; the end, when it is the last.
    #[default]
    Next,
    /// That step.
    Step(StepId),
    /// The end of the plan.
    End,
}
