//! What a finding is: what is wrong with what, how much it matters, and what was seen of it.
//!
//! All of it goes into the journal, so names are stable and a field is only ever added with a default.

mod proof;

use serde::{Deserialize, Serialize};

pub use proof::{DriftKind, Proof, Why};

pub use crate::domain::fault::Severity;
use crate::domain::id::{AgentId, McuId, StreamId, VenueId};
use crate::domain::inventory::Resource;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::domain::reading::ReadingName;
use crate::observation::device::Device;

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
    /// An MCU, an endpoint or other equipment.
    Device(Device),
    /// A site of a meeting, as an MCU knows it.
    Site(SiteKey),
    /// One reading of a device.
    Reading(ReadingKey),
}

/// A site of a meeting on an MCU.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteKey {
    /// The MCU.
    pub mcu: McuId,
    /// Who.
    pub who: Who,
}

/// Who a site is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A venue that is invited.
    Venue(VenueId),
    /// Somebody whom nobody invited, by the MCU's own references: names and numbers of people stay out of the
    /// journal.
    Stranger {
        /// In which conference.
        conference: ConferenceRef,
        /// Who.
        participant: ParticipantRef,
    },
}

/// One reading of a device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingKey {
    /// Of which device.
    pub device: Device,
    /// Which.
    pub name: ReadingName,
}

impl Subject {
    /// The device whose reports speak to findings about this.
    pub fn device(&self) -> Option<Device> {
        match self {
            Self::Device(device) => Some(device.clone()),
            Self::Site(site) => Some(Device::Mcu(site.mcu.clone())),
            Self::Reading(reading) => Some(reading.device.clone()),
            Self::Agent(_) | Self::Resource(_) | Self::Stream(_) => None,
        }
    }
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
    /// An account for emergencies is in use.
    AccountBreakGlass = "account.break_glass",
    /// vcops' own disk is nearly full: soon nothing can be recorded.
    SelfDisk = "self.disk",
    /// A queue within vcops is nearly full: what it says comes late.
    SelfQueue = "self.queue",
    /// A task of vcops gives no sign of life.
    SelfTask = "self.task",
    /// The line to the agents is down.
    SelfLine = "self.line",
    /// The wall clock was stepped: times in the journal do not follow one another.
    SelfClock = "self.clock",
    /// The journal could not be written for a time.
    SelfJournal = "self.journal",
    /// Notices do not get out.
    SelfNotices = "self.notices",
    /// An MCU is gone: two independent signals say so.
    McuDown = "mcu.down",
    /// One signal says that an MCU is gone; no second one agrees.
    McuSuspected = "mcu.suspected",
    /// We cannot see an MCU: our trouble or its interface's, never its service's.
    McuBlind = "mcu.blind",
    /// An MCU says itself that it does not work as it should.
    McuDegraded = "mcu.degraded",
    /// An MCU raises alarms about itself.
    McuAlarm = "mcu.alarm",
    /// An MCU has less room than its meeting needs.
    McuCapacity = "mcu.capacity",
    /// An MCU died shortly after it was told to do something.
    McuDiedAfterAction = "mcu.died_after_action",
    /// A participant of our own could not prove that an MCU carries media.
    McuNoProof = "mcu.no_proof",
    /// What we believe of a meeting and what its MCU says differ.
    RosterDrift = "roster.drift",
    /// An invited venue is not connected 未入会.
    SiteMissing = "site.missing",
    /// Somebody is connected whom nobody invited.
    SiteIntruder = "site.intruder",
    /// A site is shown by a wrong name.
    SiteWrongName = "site.wrong_name",
    /// A venue is connected twice.
    SiteDuplicate = "site.duplicate",
    /// A site is connected, and media that should flow do not.
    SiteNoMedia = "site.no_media",
    /// A site's media lose packets on their way, by the MCU's word.
    SiteLoss = "site.loss",
    /// An endpoint or other equipment is gone: two independent signals say so.
    DeviceDown = "device.down",
    /// We cannot see an endpoint or other equipment.
    DeviceBlind = "device.blind",
    /// An endpoint or other equipment raises alarms about itself.
    DeviceAlarm = "device.alarm",
    /// A reading is beyond its limits.
    EquipmentReading = "equipment.reading",
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
        self >= Self::StreamLost
    }

    /// Whether it is told by what a device says.
    pub fn is_device(self) -> bool {
        (Self::McuDown..=Self::EquipmentReading).contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_is_serialised_and_streams_stand_last() {
        for rule in RuleCode::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.code());
            let (noun, _) = rule.code().split_once('.').unwrap();
            assert_eq!(rule.is_stream(), noun == "stream", "{}", rule.code());
            let device = matches!(noun, "mcu" | "roster" | "site" | "device" | "equipment");
            assert_eq!(rule.is_device(), device, "{}", rule.code());
        }
        for severity in [Severity::Information, Severity::Warning, Severity::Severe, Severity::Critical] {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.code());
        }
    }
}
