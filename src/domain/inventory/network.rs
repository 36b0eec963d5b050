//! Links, trunks and carriers: how packets reach a venue.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::domain::id::{CarrierId, LinkId, TrunkId, VenueId};

/// One line into a venue. Its access section is its own; what lies behind is shared through `trunk`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Identifier.
    pub id: LinkId,
    /// The venue it serves.
    pub venue: VenueId,
    /// Shown name, such as 桂东县主用专线.
    pub name: String,
    /// What it is made of.
    pub kind: LinkKind,
    /// Primary 主用 or backup 备用.
    pub role: LinkRole,
    /// Which network it belongs to; nothing ever moves a meeting across attributes.
    pub network: NetworkAttribute,
    /// The trunk it joins, if known.
    #[serde(default)]
    pub trunk: Option<TrunkId>,
    /// Who runs the access section, if known.
    #[serde(default)]
    pub carrier: Option<CarrierId>,
    /// Ordered rate of the line in kbit/s, if known.
    #[serde(default)]
    pub rate_kbps: Option<u32>,
    /// Where the venue's STAMP reflector answers on this link, seen from the hub; `None` when it cannot be tested.
    #[serde(default)]
    pub reflector: Option<SocketAddr>,
    /// The hub's own address on this link, if the route must be chosen by source address.
    #[serde(default)]
    pub hub_address: Option<IpAddr>,
    /// Where the hub's reflector answers the venue's agent on this link; `None` when the agent tests nothing.
    #[serde(default)]
    pub hub_reflector: Option<SocketAddr>,
}

/// What a link is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// 专线.
    Leased,
    /// VPN over another network.
    Vpn,
    /// 4G.
    Cellular4g,
    /// 5G.
    Cellular5g,
    /// ISDN.
    Isdn,
}

/// The order in which links are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkRole {
    /// 主用.
    Primary,
    /// 备用.
    Backup,
}

/// Which network a link, an MCU or a meeting belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkAttribute {
    /// 内网.
    Intranet,
    /// 外网.
    Extranet,
    /// 互联网.
    Internet,
    /// VPDN.
    Vpdn,
}

/// A line that several links share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    /// Identifier.
    pub id: TrunkId,
    /// Shown name.
    pub name: String,
    /// The trunk it joins itself.
    #[serde(default)]
    pub parent: Option<TrunkId>,
    /// Who runs it.
    #[serde(default)]
    pub carrier: Option<CarrierId>,
    /// Rate in kbit/s, if known.
    #[serde(default)]
    pub rate_kbps: Option<u32>,
}

/// A carrier 运营商.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// Identifier.
    pub id: CarrierId,
    /// Shown name.
    pub name: String,
    /// Fault desk's telephone number, a public one.
    #[serde(default)]
    pub fault_desk: Option<String>,
}
