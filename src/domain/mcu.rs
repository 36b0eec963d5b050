//! How a device is spoken to: which interface, where, with which credential. Knows no protocol and no secret.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::id::{CredentialId, MappingId};

/// Which documented interface a device has. One adapter each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interface {
    /// Janus WebRTC server: HTTP, admin API, event handlers.
    Janus,
    /// A SIP conference bridge with an rtpengine beside it as the truth about media.
    SipRtpengine,
    /// A single SIP endpoint or bridge of which only SIP is spoken (RFC 3261).
    Sip,
    /// Pexip Infinity management node.
    Pexip,
    /// Cisco Meeting Server.
    Cms,
    /// Huawei SMC 3.0.
    Smc3,
    /// Poly RMX and RealPresence Collaboration Server.
    Rmx,
    /// Kedacom 科达.
    Kedacom,
    /// ZTE 中兴 M900 and T series.
    Zte,
    /// Huawei TE and Box endpoints.
    Te,
    /// Cisco RoomOS and CE endpoints.
    Roomos,
    /// SNMP v2c or v3 (RFC 3416, RFC 3414).
    Snmp,
    /// A page of Prometheus metrics (Jitsi Videobridge, LiveKit, MediaMTX, exporters).
    Prometheus,
    /// Any HTTP/JSON interface, described by a mapping file.
    Json,
}

impl Interface {
    /// Every interface, in the order of the manual.
    pub const ALL: [Self; 14] = [
        Self::Janus,
        Self::SipRtpengine,
        Self::Sip,
        Self::Pexip,
        Self::Cms,
        Self::Smc3,
        Self::Rmx,
        Self::Kedacom,
        Self::Zte,
        Self::Te,
        Self::Roomos,
        Self::Snmp,
        Self::Prometheus,
        Self::Json,
    ];

    /// The stable word, as serialised.
    pub fn code(self) -> &'static str {
        match self {
            Self::Janus => "janus",
            Self::SipRtpengine => "sip_rtpengine",
            Self::Sip => "sip",
            Self::Pexip => "pexip",
            Self::Cms => "cms",
            Self::Smc3 => "smc3",
            Self::Rmx => "rmx",
            Self::Kedacom => "kedacom",
            Self::Zte => "zte",
            Self::Te => "te",
            Self::Roomos => "roomos",
            Self::Snmp => "snmp",
            Self::Prometheus => "prometheus",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// How a device is spoken to. Stands in the inventory, so it holds no secret: those are in the process settings,
/// under the credential's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Which interface.
    pub interface: Interface,
    /// Where: a URL without user name, password or query, or `host:port`, as the interface asks.
    pub address: String,
    /// Its second address, where the interface has two: Janus's admin API, the rtpengine beside a SIP bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// With which secret, by its name in the controller's settings.
    #[serde(default)]
    pub credential: Option<CredentialId>,
    /// By which mapping its values are read, by its name in the controller's settings: for interfaces that no maker
    /// has documented (`json`), and for values outside the known sets (`snmp`, `prometheus`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<MappingId>,
}

/// A conference of an MCU in which nothing but tests happens: without one, no codec is called by that MCU and it is
/// not proved. Never the conference of a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestConference {
    /// What the MCU calls it: codecs are called into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conference: Option<ConferenceRef>,
    /// The SIP URI by which it is joined from outside: our own participant calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Longest name or reference that a device may give a thing, in bytes; longer ones are cut at a character.
pub const DEVICE_TEXT_BYTES_MAX: usize = 256;

macro_rules! references {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// As the device writes it, cut at [`DEVICE_TEXT_BYTES_MAX`].
            pub fn new(text: &str) -> Self {
                Self(bounded(text).to_owned())
            }

            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::new(&text))
            }
        }
    )+};
}

references! {
    /// What an MCU calls a conference: its own number, GUID or name, meaningless to any other MCU.
    ConferenceRef,
    /// What an MCU calls a participant within a conference.
    ParticipantRef,
    /// What a cluster calls one of its nodes.
    NodeRef,
}

/// A device's text, cut at a character so that a hostile name fills no memory.
pub fn bounded(text: &str) -> &str {
    let mut end = text.len().min(DEVICE_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_is_serialised() {
        for interface in Interface::ALL {
            assert_eq!(serde_json::to_value(interface).unwrap(), interface.code());
        }
    }

    #[test]
    fn a_hostile_name_is_cut_at_a_character() {
        let long = "县".repeat(200);
        assert_eq!(ParticipantRef::new(&long).as_str().len(), 255);
        assert_eq!(ParticipantRef::new("A县").as_str(), "A县");
    }
}
