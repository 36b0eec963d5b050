//! What a channel is given: a notice in one language, for one recipient.

use std::fmt;

use serde::Serialize;

use crate::domain::incident::IncidentId;
use crate::domain::lang::Lang;
use crate::domain::notice::{NoticeKey, NoticeKind, Urgency};
use crate::domain::time::Utc;

/// A notice ready to travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name, the same for every attempt: it stands in every text.
    pub key: NoticeKey,
    /// About which incident, if about one.
    pub incident: Option<IncidentId>,
    /// What it is.
    pub kind: NoticeKind,
    /// How soon it must arrive.
    pub urgency: Urgency,
    /// Part of a drill 演练.
    pub drill: bool,
    /// Sent while the journal could not be written 未记录.
    pub unrecorded: bool,
    /// When it was decided on.
    pub at: Utc,
    /// Not worth sending after this.
    pub expires: Utc,
    /// The language of the texts.
    pub lang: Lang,
    /// Name of this installation.
    pub site: String,
    /// One line.
    pub title: String,
    /// The text.
    pub body: String,
    /// Why this was sent to this recipient.
    pub why: String,
    /// To whom.
    pub to: Addressee,
    /// How it can be answered.
    pub answer: Option<Answering>,
}

/// To whom a message goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Addressee {
    /// Whoever reads the channel.
    Group,
    /// One person.
    Person {
        /// Mobile number, as dialled.
        mobile: Option<String>,
        /// Mail address.
        mail: Option<String>,
    },
}

impl fmt::Debug for Addressee {
    /// Hides numbers and addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "Group",
            Self::Person { .. } => "Person(…)",
        })
    }
}

impl Addressee {
    /// The mobile number, if it is a person who has one.
    pub fn mobile(&self) -> Option<&str> {
        match self {
            Self::Person { mobile, .. } => mobile.as_deref(),
            Self::Group => None,
        }
    }
}

/// How a message can be answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Answering {
    /// What to reply by text message, if replies arrive here.
    pub code: Option<String>,
    /// The one-time page, if there is one.
    pub link: Option<String>,
}

impl fmt::Debug for Answering {
    /// A link is a right to act.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering(…)")
    }
}

/// A message as programs read it: the body of a webhook and of an MQTT message. Field names are part of the interface.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Json<'a> {
    /// Version of this shape.
    pub v: u8,
    /// Name of the installation.
    pub site: &'a str,
    /// The notice's name; the same for every attempt.
    pub id: &'a NoticeKey,
    /// Which incident, if one.
    pub incident: Option<IncidentId>,
    /// What it is.
    pub kind: NoticeKind,
    /// How soon it must arrive.
    pub urgency: Urgency,
    /// Part of a drill.
    pub drill: bool,
    /// Sent while the journal could not be written.
    pub unrecorded: bool,
    /// When it was decided on.
    pub at: Utc,
    /// Not worth acting on after this.
    pub expires: Utc,
    /// One line.
    pub title: &'a str,
    /// The text.
    pub body: &'a str,
    /// Why this was sent.
    pub why: &'a str,
    /// The one-time page for an answer, if there is one.
    pub link: Option<&'a str>,
}

impl Message {
    /// As programs read it.
    pub fn json(&self) -> Json<'_> {
        Json {
            v: 1,
            site: &self.site,
            id: &self.key,
            incident: self.incident,
            kind: self.kind,
            urgency: self.urgency,
            drill: self.drill,
            unrecorded: self.unrecorded,
            at: self.at,
            expires: self.expires,
            title: &self.title,
            body: &self.body,
            why: &self.why,
            link: self.answer.as_ref().and_then(|answer| answer.link.as_deref()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An urgent notice for a person.
    pub(crate) fn message() -> Message {
        Message {
            key: NoticeKey("12-3".into()),
            incident: Some(IncidentId(12)),
            kind: NoticeKind::Incident,
            urgency: Urgency::Urgent,
            drill: false,
            unrecorded: false,
            at: Utc(1_764_300_000_000_000),
            expires: Utc(1_764_303_600_000_000),
            lang: Lang::Zh,
            site: "市视联".into(),
            title: "主用 MCU 失联".into(),
            body: "13 个分会场无图像无声音".into(),
            why: "您是今天的值班员".into(),
            to: Addressee::Person { mobile: Some("13800000001".into()), mail: None },
            answer: None,
        }
    }

    #[test]
    fn numbers_and_links_are_not_printed() {
        let mut message = message();
        message.answer = Some(Answering { code: Some("3817".into()), link: Some("https://hub/a/x".into()) });
        let shown = format!("{message:?}");
        assert!(!shown.contains("138") && !shown.contains("3817") && !shown.contains("https"), "{shown}");
    }
}
