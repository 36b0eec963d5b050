//! What a rehearsal can test: one value per cell of the matrix.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{EndpointId, LinkId, VenueId};

/// How much a check can disturb: from what no line notices to what touches a hall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckClass {
    /// STAMP at most 10 packets/s, OPTIONS, TCP connect.
    Idle,
    /// STAMP 50 packets/s, path MTU.
    Light,
    /// Trains, committed rate, test media: loads a line.
    Rate,
    /// Camera, microphone, tone, test picture: touches a hall.
    Hall,
    /// A person looks and reports; nothing is sent.
    Manual,
}

/// One thing a rehearsal tests at one venue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Check {
    /// The venue's agent is there, of a fitting version.
    Presence,
    /// The agent's clock against the controller's.
    Clock,
    /// Path statistics of one link, both directions.
    Path {
        /// Which link.
        link: LinkId,
    },
    /// A manual item of 现场核对.
    Room {
        /// Which item.
        item: RoomItem,
    },
    /// The MCU calls a venue's own codec 入会.
    CodecCall {
        /// Which codec.
        endpoint: EndpointId,
    },
    /// The standby MCU calls it 备用.
    BackupCall {
        /// Which codec.
        endpoint: EndpointId,
    },
    /// The standby MCU could take the meeting. Stands at the main venue.
    Standby,
    /// 看听确认: people of the venue say what they see and hear.
    Confirm {
        /// What.
        item: ConfirmItem,
    },
}

impl Check {
    /// How much it disturbs.
    pub fn class(&self) -> CheckClass {
        match self {
            Self::Presence | Self::Clock | Self::Standby => CheckClass::Idle,
            Self::Path { .. } => CheckClass::Light,
            Self::CodecCall { .. } | Self::BackupCall { .. } => CheckClass::Hall,
            Self::Room { .. } | Self::Confirm { .. } => CheckClass::Manual,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presence => write!(f, "presence"),
            Self::Clock => write!(f, "clock"),
            Self::Path { link } => write!(f, "path:{link}"),
            Self::Room { item } => write!(f, "room:{}", item.code()),
            Self::CodecCall { endpoint } => write!(f, "call:{endpoint}"),
            Self::BackupCall { endpoint } => write!(f, "backup_call:{endpoint}"),
            Self::Standby => write!(f, "standby"),
            Self::Confirm { item } => write!(f, "confirm:{}", item.code()),
        }
    }
}

/// One cell of the rehearsal matrix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckKey {
    /// Row.
    pub venue: VenueId,
    /// Column.
    #[serde(flatten)]
    pub check: Check,
}

impl fmt::Display for CheckKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.venue, self.check)
    }
}

/// A manual item of 现场核对; a person confirms it with name and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomItem {
    /// 网络控制.
    NetworkControl,
    /// 扩声.
    PublicAddress,
    /// 灯光.
    Lighting,
    /// 讨论.
    Discussion,
    /// 显示与摄像.
    DisplayCamera,
    /// LED 屏.
    Led,
    /// 不间断电源.
    Ups,
    /// 备品备件.
    Spares,
    /// 材料经辅流播放.
    Materials,
}

impl RoomItem {
    /// All items, in the order of the form.
    pub const ALL: [Self; 9] = [
        Self::NetworkControl,
        Self::PublicAddress,
        Self::Lighting,
        Self::Discussion,
        Self::DisplayCamera,
        Self::Led,
        Self::Ups,
        Self::Spares,
        Self::Materials,
    ];

    /// The machine word.
    pub fn code(self) -> &'static str {
        match self {
            Self::NetworkControl => "network_control",
            Self::PublicAddress => "public_address",
            Self::Lighting => "lighting",
            Self::Discussion => "discussion",
            Self::DisplayCamera => "display_camera",
            Self::Led => "led",
            Self::Ups => "ups",
            Self::Spares => "spares",
            Self::Materials => "materials",
        }
    }
}

/// An item of 看听确认: somebody at the venue looks and listens during the test call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmItem {
    /// The picture 图像.
    Picture,
    /// The sound 声音.
    Sound,
    /// Echo 回声.
    Echo,
    /// How the camera frames the people 取景.
    Framing,
    /// Banner and name plates 会标与席签.
    Banner,
    /// The background 背景.
    Background,
}

impl ConfirmItem {
    /// All items, in the order of the form.
    pub const ALL: [Self; 6] =
        [Self::Picture, Self::Sound, Self::Echo, Self::Framing, Self::Banner, Self::Background];

    /// The machine word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Sound => "sound",
            Self::Echo => "echo",
            Self::Framing => "framing",
            Self::Banner => "banner",
            Self::Background => "background",
        }
    }
}

/// Which way media or packets go, seen from the hub: 主→分 or 分→主.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// 主→分.
    ToVenue,
    /// 分→主.
    FromVenue,
}

/// A test that was ordered: `boot` of the controller and a counter within it, so that no restart reuses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TestId {
    /// Start count of the controller.
    pub boot: u32,
    /// Counter within that start.
    pub n: u32,
}

impl fmt::Display for TestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.boot, self.n)
    }
}

/// A rehearsal round, counted from 1 over the life of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoundId(pub u64);

impl fmt::Display for RoundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What kind of rehearsal a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundKind {
    /// 单点调试: one venue at a time.
    SinglePoint,
    /// 全网联调: every venue.
    WholeNetwork,
    /// 带材料彩排: with the meeting's materials.
    DressRehearsal,
    /// 会前检查: shortly before the meeting.
    PreMeeting,
}

/// How a path is to be tested. Small enough for every line; both ends hold their own limits besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathPlan {
    /// Packets per second.
    pub pps: u16,
    /// How many packets.
    pub packets: u32,
    /// UDP payload in bytes, at least 44 (RFC 8762).
    pub payload_bytes: u16,
    /// DSCP of the meeting's media, 0–63 (RFC 2474).
    pub dscp: u8,
}

impl Default for PathPlan {
    /// 50 packets/s for 20 s: enough for a 1 % bound (300 packets) and below any line's notice (88 kbit/s).
    fn default() -> Self {
        Self { pps: 50, packets: 1000, payload_bytes: 172, dscp: 34 }
    }
}
