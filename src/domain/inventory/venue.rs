//! Regions, venues and what stands in them; MCUs and streams.

use serde::{Deserialize, Serialize};

use super::{Contact, LimitsPatch};
use crate::domain::id::{AgentId, CredentialId, EndpointId, McuId, RegionId, StreamId, VenueId};
use crate::domain::mcu::{Control, TestConference};
use crate::domain::stream::{StreamSource, VideoCodec};
use crate::domain::time::Window;

/// A region: the scope of people's rights and a resource that venues share (power, city).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Identifier.
    pub id: RegionId,
    /// Shown name.
    pub name: String,
    /// The region it lies in.
    #[serde(default)]
    pub parent: Option<RegionId>,
}

/// A venue 会场.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Venue {
    /// Identifier.
    pub id: VenueId,
    /// Shown name.
    pub name: String,
    /// Where it lies.
    pub region: RegionId,
    /// Whom to call, A角 first.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// How the venue agrees to hall checks.
    #[serde(default)]
    pub consent: Consent,
    /// 禁测时段: nothing active runs inside.
    #[serde(default)]
    pub no_test: Vec<Window>,
    /// Limits of its own.
    #[serde(default)]
    pub limits: LimitsPatch,
}

/// How a venue agrees to checks that touch the hall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Asked each time 已开机可测.
    #[default]
    EachTime,
    /// Standing permission.
    Standing,
}

/// The small program in a venue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Identifier.
    pub id: AgentId,
    /// Where it stands.
    pub venue: VenueId,
}

/// A codec or other endpoint 终端.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Identifier.
    pub id: EndpointId,
    /// Where it stands.
    pub venue: VenueId,
    /// Shown name.
    pub name: String,
    /// Maker and model.
    #[serde(default)]
    pub model: Option<String>,
    /// How it is called.
    pub protocol: EndpointProtocol,
    /// Its address: a SIP URI or an H.323 address.
    pub address: String,
    /// How it is asked how it is; without it, it is known but not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

/// How an endpoint is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointProtocol {
    /// SIP (RFC 3261).
    Sip,
    /// H.323.
    H323,
}

/// An MCU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mcu {
    /// Identifier.
    pub id: McuId,
    /// Shown name.
    pub name: String,
    /// Where it stands.
    pub region: RegionId,
    /// Maker and model.
    pub model: String,
    /// Which network it belongs to.
    pub network: super::NetworkAttribute,
    /// How it is asked and told; without it, it is known but not spoken to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
    /// Its conference for tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<TestConference>,
}

/// A stream to watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Identifier.
    pub id: StreamId,
    /// Shown name.
    pub name: String,
    /// The venue it shows, if any.
    #[serde(default)]
    pub venue: Option<VenueId>,
    /// The MCU it leaves, if any.
    #[serde(default)]
    pub mcu: Option<McuId>,
    /// What it carries.
    pub role: StreamRole,
    /// Where it is received; without one it is known but not watched.
    #[serde(default)]
    pub source: Option<StreamSource>,
    /// With which name and password, by their name in the watcher's settings.
    #[serde(default)]
    pub credential: Option<CredentialId>,
    /// Who watches it.
    #[serde(default)]
    pub watcher: Watcher,
    /// What its picture is like.
    #[serde(default)]
    pub picture: PictureKind,
    /// Whether it has sound.
    #[serde(default)]
    pub sound: SoundKind,
    /// The codec its pictures must have, if that is agreed.
    #[serde(default)]
    pub codec: Option<VideoCodec>,
    /// Pictures per second that are agreed, if any.
    #[serde(default)]
    pub fps: Option<u16>,
}

/// Who watches a stream.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watcher {
    /// The controller itself.
    #[default]
    Hub,
    /// A venue's agent, which sends what it finds and keeps the pictures where they are.
    Agent(AgentId),
}

/// What a stream's picture is like: slides stand still by design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureKind {
    /// A camera or a mix, or learned to be slides from long stillness with sharp changes.
    #[default]
    Camera,
    /// Slides or documents.
    Slides,
    /// Sound only.
    None,
}

/// Whether a stream has sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundKind {
    /// It should have a sound track.
    #[default]
    Expected,
    /// It may have one.
    Optional,
    /// It has none.
    None,
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamRole {
    /// A venue's camera and microphone.
    Venue,
    /// The MCU's mix.
    Mix,
    /// Content 辅流.
    Content,
    /// What the main hall shows and plays 主会场输出.
    MainHall,
    /// The recorder's output 录播.
    Recorder,
    /// The live broadcast's output 直播.
    Output,
}
