//! What Janus calls things: plugins, rooms and participants, and how vcops writes a room as one reference.
//!
//! A room is written `audiobridge:3001`, `videoroom:1234` or `streaming:1`. A text id that looks like a number stands
//! in quotation marks (`videoroom:"1234"`), because to Janus the two are different rooms.

use std::fmt;

use serde_json::Value;

use crate::domain::mcu::{ConferenceRef, DEVICE_TEXT_BYTES_MAX, ParticipantRef};

/// Longest text id that is followed, in bytes: with plugin and marks it still fits a reference.
const ID_BYTES_MAX: usize = DEVICE_TEXT_BYTES_MAX - 16;
/// The one participant of a streaming mountpoint: its source.
pub const SOURCE: &str = "source";

/// A plugin that holds conferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Plugin {
    /// Mixes sound; takes WebRTC and plain RTP participants.
    AudioBridge,
    /// Forwards pictures and sound from each to all.
    VideoRoom,
    /// Mountpoints: one source, many viewers.
    Streaming,
}

impl Plugin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::AudioBridge, Self::VideoRoom, Self::Streaming];

    /// Its short name, which is also the first field of its answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::AudioBridge => "audiobridge",
            Self::VideoRoom => "videoroom",
            Self::Streaming => "streaming",
        }
    }

    /// Its full name.
    pub fn package(self) -> String {
        format!("janus.plugin.{}", self.word())
    }

    /// From its full name.
    pub fn from_package(package: &str) -> Option<Self> {
        let word = package.strip_prefix("janus.plugin.")?;
        Self::ALL.into_iter().find(|plugin| plugin.word() == word)
    }
}

/// An id of a room, mountpoint or participant: a number, or a text where Janus is set up so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// A number.
    Number(u64),
    /// A text, at most 240 bytes.
    Text(String),
}

impl Id {
    /// As Janus writes it in JSON. `None` for anything else, and for a text too long to be followed.
    pub fn read(value: Option<&Value>) -> Option<Self> {
        match value? {
            Value::Number(number) => number.as_u64().map(Self::Number),
            Value::String(text) => Self::text(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// As people and references write it.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(number) = text.parse() {
            return Some(Self::Number(number));
        }
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Self::text(bare.unwrap_or(text))
    }

    /// As Janus wants it in a request.
    pub fn json(&self) -> Value {
        match self {
            Self::Number(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }

    fn text(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= ID_BYTES_MAX;
        // A text in marks would be read back without them.
        (fits && !text.starts_with('"')).then(|| Self::Text(text.to_owned()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) if text.parse::<u64>().is_ok() => write!(f, "\"{text}\""),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A conference: a room of a plugin, or a mountpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Room {
    /// Of which plugin.
    pub plugin: Plugin,
    /// Its id there.
    pub id: Id,
}

impl Room {
    /// From a reference. `None` when it names no room of Janus.
    pub fn parse(conference: &ConferenceRef) -> Option<Self> {
        let (word, id) = conference.as_str().split_once(':')?;
        let plugin = Plugin::ALL.into_iter().find(|plugin| plugin.word() == word)?;
        Some(Self { plugin, id: Id::parse(id)? })
    }

    /// Its reference.
    pub fn reference(&self) -> ConferenceRef {
        ConferenceRef::new(&self.to_string())
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.plugin.word(), self.id)
    }
}

/// A participant's reference.
pub fn party_reference(id: &Id) -> ParticipantRef {
    ParticipantRef::new(&id.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_room_is_read_back_from_its_reference() {
        for (plugin, id, text) in [
            (Plugin::AudioBridge, Id::Number(3001), "audiobridge:3001"),
            (Plugin::VideoRoom, Id::Text("应急".into()), "videoroom:应急"),
            (Plugin::VideoRoom, Id::Text("1234".into()), "videoroom:\"1234\""),
            (Plugin::Streaming, Id::Text("a:b".into()), "streaming:a:b"),
        ] {
            let room = Room { plugin, id };
            assert_eq!(room.to_string(), text);
            assert_eq!(Room::parse(&room.reference()), Some(room));
        }
        for text in ["3001", "sip:1", "audiobridge:", ""] {
            assert_eq!(Room::parse(&ConferenceRef::new(text)), None, "{text}");
        }
        assert_eq!(Plugin::from_package("janus.plugin.videoroom"), Some(Plugin::VideoRoom));
        assert_eq!(Plugin::from_package("janus.plugin.sip"), None);
    }

    #[test]
    fn an_id_that_cannot_be_followed_is_none() {
        for value in [json!(-1), json!(1.5), json!(null), json!(""), json!("x".repeat(300)), json!({})] {
            assert_eq!(Id::read(Some(&value)), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn whatever_id_janus_writes_comes_back_from_a_reference(text in ".{1,80}") {
            if let Some(id) = Id::read(Some(&json!(text))) {
                let room = Room { plugin: Plugin::VideoRoom, id };
                prop_assert_eq!(Room::parse(&room.reference()), Some(room));
            }
        }
    }
}
