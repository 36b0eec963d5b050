//! Identifiers: short machine words, one newtype per noun, so that a venue can never be passed for a link.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Longest identifier accepted, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadId {
    /// Nothing was written.
    Empty,
    /// Longer than [`ID_BYTES_MAX`] bytes.
    TooLong,
    /// Holds a character other than `a-z 0-9 - _ .`.
    Character(char),
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "an identifier must not be empty"),
            Self::TooLong => write!(f, "an identifier has at most {ID_BYTES_MAX} bytes"),
            Self::Character(c) => write!(f, "an identifier has only a-z, 0-9, '-', '_' and '.', not {c:?}"),
        }
    }
}

impl std::error::Error for BadId {}

fn check(text: &str) -> Result<(), BadId> {
    if text.is_empty() {
        return Err(BadId::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(BadId::TooLong);
    }
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    text.chars().find(|c| !allowed(c)).map_or(Ok(()), |c| Err(BadId::Character(c)))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Accepts a text as an identifier, or says why not.
            pub fn parse(text: &str) -> Result<Self, BadId> {
                check(text).map(|()| Self(text.into()))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A region 区域: the scope of people's rights (city, county).
    RegionId,
    /// A venue 会场.
    VenueId,
    /// One line into a venue 线路.
    LinkId,
    /// A trunk 汇聚链路 that several links share.
    TrunkId,
    /// A carrier 运营商.
    CarrierId,
    /// A codec or other endpoint 终端 in a venue.
    EndpointId,
    /// The small program in a venue 测试机.
    AgentId,
    /// An MCU.
    McuId,
    /// Other equipment 设备 that is asked how it is: power supplies, air conditioning, servers.
    EquipmentId,
    /// A media stream that is watched.
    StreamId,
    /// A name and password in a process's settings, with which a stream is fetched or a device is spoken to.
    CredentialId,
    /// A mapping 映射: a file in the controller's settings that says how the values of a device are read.
    MappingId,
    /// A meeting 会议.
    MeetingId,
    /// A meeting profile 会议规格, such as `720p25`.
    ProfileId,
    /// A person 人员; names and numbers are kept apart from ids.
    PersonId,
    /// A duty shift 值班班次.
    ShiftId,
    /// A user of vcops, or another named actor's key.
    UserId,
    /// An emergency plan 应急预案.
    PlanId,
    /// A step of a plan.
    StepId,
    /// A channel by which notices leave: a robot of a group, a text message gateway, a mail server.
    ChannelId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_refuse_what_would_not_survive_a_path_or_a_topic() {
        let cases = [
            ("guidong", Ok(())),
            ("a.b-c_9", Ok(())),
            ("", Err(BadId::Empty)),
            ("桂东", Err(BadId::Character('桂'))),
            ("a/b", Err(BadId::Character('/'))),
            ("A", Err(BadId::Character('A'))),
            ("+", Err(BadId::Character('+'))),
        ];
        for (text, expected) in cases {
            assert_eq!(VenueId::parse(text).map(|_| ()), expected, "{text}");
        }
        assert_eq!(VenueId::parse(&"a".repeat(65)), Err(BadId::TooLong));
    }
}
