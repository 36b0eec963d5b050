//! Regions, venues and what stands in them; MCUs and streams.

use serde::{Deserialize, Serialize};

use super::{Contact, LimitsPatch};
use crate::domain::id::{AgentId, EndpointId, McuId, RegionId, StreamId, VenueId};
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
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamRole {
    /// A venue's camera and microphone.
    Venue,
    /// The MCU's mix.
    Mix,
    /// Content 辅流.
    Content,
    /// The recorder's or the live broadcast's output.
    Output,
}
