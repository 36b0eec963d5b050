//! What the envelopes carry, and the topics they travel on. Pure.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use crate::domain::id::VenueId;
use crate::domain::time::Utc;
use crate::observation::{AgentCommand, AgentHealth, Fact};
use crate::uplink::envelope::{Direction, Kind};
use crate::uplink::key::{BadKey, KeyId, unhex};
use crate::uplink::replay::Mark;

/// First words of every topic; the version is that of the topics, not of the envelope.
pub const TOPIC_ROOT: &str = "vcops/v1";
/// How many command names a heartbeat repeats as taken.
pub const TAKEN_MAX: usize = 16;
/// How many numbers an acknowledgement names as held.
pub const HELD_MAX: usize = 32;

/// The topic of one kind of message of one venue: `vcops/v1/<venue>/<up|down>/<kind>`.
pub fn topic(venue: &VenueId, kind: Kind) -> String {
    format!("{TOPIC_ROOT}/{venue}/{}/{}", kind.direction().word(), kind.word())
}

/// All upward topics of all venues: what the controller subscribes.
pub fn all_upward() -> String {
    format!("{TOPIC_ROOT}/+/{}/+", Direction::Up.word())
}

/// The topic on which the broker may hint, unsigned, that a venue's agent has gone. A hint only: the missing heartbeat
/// decides.
pub fn gone_topic(venue: &VenueId) -> String {
    format!("{TOPIC_ROOT}/{venue}/up/gone")
}

/// The venue and kind of an upward topic; `None` for anything else.
pub fn upward(topic: &str) -> Option<(VenueId, Kind)> {
    let rest = topic.strip_prefix(TOPIC_ROOT)?.strip_prefix('/')?;
    let (venue, rest) = rest.split_once('/')?;
    let kind = match rest {
        "up/event" => Kind::Event,
        "up/heartbeat" => Kind::Heartbeat,
        "up/streams" => Kind::Streams,
        "up/live" => Kind::Live,
        _ => return None,
    };
    Some((VenueId::parse(venue).ok()?, kind))
}

/// Names one outbox for good: event numbers of another outbox have nothing to do with it. Written as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId(pub u64);

/// Up, kind event: one event of the outbox.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBody<'a> {
    /// The outbox.
    pub outbox: OutboxId,
    /// The event's number in it, from 1, without holes.
    pub event: u64,
    /// The oldest number the outbox still keeps: what lies below was acknowledged, or was lost on the agent's disk.
    pub first: u64,
    /// A [`Report`] as it was stored.
    #[serde(borrow)]
    pub report: &'a RawValue,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// When it was seen, by the agent's clock.
    pub at: Utc,
    /// What was seen.
    pub fact: Fact,
}

/// Up, kind heartbeat: each second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The agent's outbox.
    pub outbox: OutboxId,
    /// Number of the newest event in it; 0 when there never was one.
    pub newest: u64,
    /// Events refused since the start because the outbox was full or its disk failed.
    pub refused: u64,
    /// Whether the controller should answer with its time.
    pub ask: bool,
    /// The commands last taken, newest last, at most [`TAKEN_MAX`].
    pub taken: Vec<CommandId>,
    /// How the agent is.
    pub health: AgentHealth,
}

/// Names a command: the controller's count of starts and a counter within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandId {
    /// The controller's count of starts.
    pub boot: u64,
    /// Counter within it.
    pub n: u64,
}

/// Down, kind command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// The agent that must act; others at the venue leave it alone.
    pub to: KeyId,
    /// The command's name; a command that is sent again keeps it.
    pub id: CommandId,
    /// What to do.
    pub command: AgentCommand,
}

/// Down, kind ack: what the controller has committed, and perhaps its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ack {
    /// The agent that is meant.
    pub to: KeyId,
    /// Its outbox.
    pub outbox: OutboxId,
    /// Every event up to here is committed and may be forgotten.
    pub through: u64,
    /// Events above that have come but wait for an earlier one: need not be sent again soon, must be kept.
    pub held: Vec<u64>,
    /// The answer to a heartbeat that asked.
    pub answers: Option<Answer>,
}

/// The controller's time, bound to the heartbeat that asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The heartbeat's mark: nobody can have prepared this answer before it was asked.
    pub to: Mark,
    /// Controller's clock when the heartbeat came; when the answer left stands in the envelope.
    pub heard: Utc,
}

impl OutboxId {
    /// From 16 hex digits.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        unhex(text).map(u64::from_be_bytes).map(Self)
    }
}

impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for OutboxId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OutboxId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_upward_topics_are_read() {
        let venue = VenueId::parse("guidong").unwrap();
        assert_eq!(upward(&topic(&venue, Kind::Event)), Some((venue.clone(), Kind::Event)));
        for other in [
            topic(&venue, Kind::Command).as_str(),
            "vcops/v1/guidong/up/command",
            "vcops/v1/guidong/up/event/more",
            "vcops/v1/GUIDONG/up/event",
            "vcops/v2/guidong/up/event",
            "vcops/v1/up/event",
            "",
        ] {
            assert_eq!(upward(other), None, "{other}");
        }
    }
}
