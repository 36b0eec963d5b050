//! Notices 通知: what is told to whom, why, and by which channels in turn.
//!
//! A notice is a value: who decides on it does not know how it travels, who carries it does not know what it means.
//! Who decides on one sets it going with its name; what became of it and what was answered come back as observations.

use serde::{Deserialize, Serialize};

use super::id::{ChannelId, PersonId};
use super::incident::IncidentId;
use super::lang::Text;
use super::time::Utc;

/// A notice's name, such as `12-3`: incident and number. The same name twice is the same notice, told once more only as
/// a repetition; it stands in the text, so that people recognise one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeKey(pub String);

/// Something to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Its name.
    pub key: NoticeKey,
    /// About which incident, if about one.
    pub incident: Option<IncidentId>,
    /// What it is.
    pub kind: NoticeKind,
    /// How soon it must arrive.
    pub urgency: Urgency,
    /// To whom.
    pub to: Recipient,
    /// By which channels, the first first; the next one is tried when one cannot deliver. None: those that the settings
    /// name for notices without any.
    pub channels: Vec<ChannelId>,
    /// One line.
    pub title: Text,
    /// The text. Holds no secret and nothing that the class of the meeting forbids.
    pub body: Text,
    /// Why this was sent to this recipient.
    pub why: Text,
    /// Whether an answer is asked for: the text then carries a reply code, or a link, or both.
    pub answer: bool,
    /// Whether this belongs to a drill 演练: every channel says so first.
    pub drill: bool,
    /// When it was decided on.
    pub at: Utc,
    /// Not worth sending after this.
    pub expires: Utc,
}

/// What a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Something is wrong.
    Incident,
    /// Nobody answered: the next rung.
    Escalation,
    /// A step of a plan tells somebody.
    Step,
    /// 首报, 续报, 终报: a report to leaders.
    Report,
    /// Something is due.
    Reminder,
    /// Many notices in one, so that they do not become a storm.
    Digest,
    /// It is over.
    AllClear,
    /// A test of the channel.
    Test,
}

/// How soon a notice must arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Any time today.
    Routine,
    /// Soon.
    Important,
    /// Now.
    Urgent,
}

/// Who is told. Names and numbers stay in the side table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A person, by whatever numbers are kept for them.
    Person(PersonId),
    /// Whoever reads the channel: the group of a robot, an alert manager, a log host.
    Channel,
}

/// What became of one attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Delivery {
    /// 平台已受理: the far side took it; that it was read is not known.
    Accepted {
        /// By which channel.
        channel: ChannelId,
    },
    /// All channels and attempts are used up, or it expired.
    Failed {
        /// The last channel that was tried.
        channel: ChannelId,
        /// Stable code of the last error.
        code: String,
        /// What it said, without secrets.
        detail: String,
    },
    /// 未配置通道: the settings name no channel that it could go by.
    Nowhere,
}

/// What somebody answered to a notice, by text message or link. What was said by telephone comes as a command of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeAnswer {
    /// To which notice.
    pub notice: NoticeKey,
    /// Whose number or link it was; `None` when the notice went to a group.
    pub person: Option<PersonId>,
    /// How it came.
    pub means: AnswerMeans,
    /// What was said.
    pub answer: Answer,
}

/// How an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerMeans {
    /// 短信回复.
    Sms,
    /// 链接: a one-time page.
    Link,
    /// 电话: the hub spoke to them and wrote it down.
    Telephone,
}

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// 收到: I take care.
    Acknowledged,
    /// 无法处理: the next one, at once.
    Declined,
}
