//! What a finding is: what is wrong with what, how much it matters, and what was seen of it.
//!
//! All of it goes into the journal, so names are stable and a field is only ever added with a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::{AgentId, StreamId};
use crate::domain::inventory::Resource;
use crate::domain::stream::VideoCodec;
use crate::observation::{BlindWhy, DownWhy, Evidence, Sure};

/// What is wrong with what: rules name it, causes group it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FindingKey {
    /// The rule's code, such as `agent.offline`.
    pub rule: RuleCode,
    /// What it is about.
    pub subject: Subject,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An agent.
    Agent(AgentId),
    /// A shared or single resource.
    Resource(Resource),
    /// A stream.
    Stream(StreamId),
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// The rules there are. One file per capability under `engine/rules`; those about streams stand last.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RuleCode {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl RuleCode {
            /// Every rule, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code, such as `agent.offline`.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

rules! {
    /// No heartbeat.
    AgentOffline = "agent.offline",
    /// Clock off by more than the limit.
    AgentClock = "agent.clock",
    /// Disk nearly full.
    AgentDisk = "agent.disk",
    /// Too hot.
    AgentTemperature = "agent.temperature",
    /// Sends what an honest agent does not.
    AgentMisbehaves = "agent.misbehaves",
    /// A path failed in the last rehearsal of a meeting that is still ahead.
    LinkPath = "link.path",
    /// No media arrive 无图像无声音.
    StreamLost = "stream.lost",
    /// Sound arrives, pictures do not.
    StreamNoVideo = "stream.no_video",
    /// Pictures arrive, sound does not.
    StreamNoAudio = "stream.no_audio",
    /// Another codec than agreed.
    StreamCodec = "stream.codec",
    /// Packets are lost.
    StreamLoss = "stream.loss",
    /// Packets come irregularly.
    StreamJitter = "stream.jitter",
    /// Fewer pictures than declared.
    StreamFps = "stream.fps",
    /// Far less data than usual.
    StreamBitrate = "stream.bitrate",
    /// Pictures are damaged.
    StreamCorrupt = "stream.corrupt",
    /// The picture is frozen.
    StreamFreeze = "stream.freeze",
    /// Nothing moves, though the encoder works: information only.
    StreamStatic = "stream.static",
    /// A black picture.
    StreamBlack = "stream.black",
    /// A picture of one colour.
    StreamFlat = "stream.flat",
    /// Who speaks cannot be heard.
    StreamSilence = "stream.silence",
    /// Sound at full scale again and again.
    StreamClipping = "stream.clipping",
    /// 未闭麦: who does not speak can be heard.
    StreamOpenMicrophone = "stream.open_microphone",
    /// Sound and pictures have drifted apart.
    StreamSkew = "stream.skew",
    /// A transport stream breaks ETSI TR 101 290.
    StreamTransport = "stream.transport",
    /// We cannot look: our own trouble, never the venue's.
    StreamUnavailable = "stream.unavailable",
}

impl RuleCode {
    /// Whether it is about a stream.
    pub fn is_stream(self) -> bool {
        self > Self::LinkPath
    }
}

/// How much a finding matters now. It follows the meeting's phase and the part that its subject plays there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 提示: worth knowing, nobody has to act.
    Information,
    /// 告警: somebody should look. What journals without severities meant.
    #[default]
    Warning,
    /// 严重: the meeting suffers somewhere.
    Severe,
    /// 紧急: everybody in the meeting notices, or will at the next word.
    Critical,
}

impl Severity {
    /// A stable word, such as `severe`: the serialised form.
    pub fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Severe => "severe",
            Self::Critical => "critical",
        }
    }

    /// Whether it is what is meant where nothing is written.
    pub(in crate::engine) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What was seen when a finding was raised or last weighed anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// How surely.
    pub sure: Sure,
    /// Whether it was ever bad enough for the rule's higher grade; it stays so until the finding is over.
    #[serde(default)]
    pub grave: bool,
    /// Why, where the monitor knows.
    #[serde(default)]
    pub why: Option<Why>,
    /// Figures and the limits they were held against, units in their names; finite, at most three decimals.
    pub figures: BTreeMap<String, f64>,
    /// Pictures before and after, by content; absent where the meeting forbids keeping.
    #[serde(default)]
    pub evidence: Option<Evidence>,
}

/// Why, as far as a monitor knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Why no media arrive.
    Down(DownWhy),
    /// Why the watcher cannot look.
    Blind(BlindWhy),
    /// The decoding worker is being restarted.
    NoDecoder,
    /// The watcher says nothing.
    NoReport,
    /// The codec that came instead.
    Codec(VideoCodec),
    /// The indicator of TR 101 290, such as `1.4`.
    Indicator(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_is_serialised_and_streams_stand_last() {
        for rule in RuleCode::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.code());
            assert_eq!(rule.is_stream(), rule.code().starts_with("stream."), "{}", rule.code());
        }
        for severity in [Severity::Information, Severity::Warning, Severity::Severe, Severity::Critical] {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.code());
        }
    }
}
