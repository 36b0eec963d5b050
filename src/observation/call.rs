//! Calls that prove something: to a venue's own codec, or by a participant of ours.
//!
//! An MCU calls the codec into a test conference, or our participant joins one and looks at its own media. An order
//! holds everything that whoever carries it out must know. What comes back are figures, never a verdict: whether a rate is enough is the engine's to say.

use serde::{Deserialize, Serialize};

use super::device::{Flow, Given, Medium, Way};
use crate::domain::check::TestId;
use crate::domain::id::{EndpointId, McuId, VenueId};
use crate::domain::inventory::EndpointProtocol;
use crate::domain::time::Span;

/// Most lanes that one call's figures hold: three media, two ways, two who look.
pub const LANES_MAX: usize = 12;

/// A call to a venue's codec. Journalled before it leaves: after a restart an order without an end is hung up and
/// never given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallOrder {
    /// Names the call, for ever.
    pub test: TestId,
    /// The MCU that calls.
    pub mcu: McuId,
    /// The codec that is called.
    pub endpoint: EndpointId,
    /// Where it stands: our own monitors of this venue's streams look besides.
    pub venue: VenueId,
    /// The address to call.
    pub address: String,
    /// How it is called.
    pub protocol: EndpointProtocol,
    /// The name to show.
    pub name: String,
    /// The rate to call at, kbit/s: the profile's.
    pub kbps: u32,
    /// Whether content 辅流 is to be sent both ways.
    pub content: bool,
    /// How long to stay connected while looking; the people of the venue confirm what they see meanwhile.
    pub stay: Span,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// It was connected; these are its figures.
    Measured(Box<CallFigures>),
    /// The codec was called and did not connect.
    NotConnected(CallFailed),
    /// The call could not be made, or nobody knows what became of it. Never the venue's fault.
    Broke(CallBroke),
}

/// Why a codec that was called did not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFailed {
    /// It is in another call.
    Busy,
    /// It declined.
    Declined,
    /// It did not answer.
    NoAnswer,
    /// There is no way to its address, or nothing registered there.
    Unreachable,
    /// It refused what was offered: codec, rate, encryption.
    Incompatible,
}

/// Why a call says nothing about the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallBroke {
    /// Nothing here speaks to that MCU, or it cannot call.
    NotProvided,
    /// The MCU has no test conference.
    NoConference,
    /// The MCU refused the order.
    Refused,
    /// The MCU has no room.
    NoRoom,
    /// The MCU cannot be seen.
    Blind,
    /// Called off.
    Cancelled,
    /// No end in time.
    TimedOut,
    /// The MCU was told and did not say whether it called.
    Unknown,
}

/// The figures of a connected call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFigures {
    /// From the order to the connection, milliseconds.
    pub setup_ms: f64,
    /// The rate that was agreed on, kbit/s.
    pub kbps: Given<f64>,
    /// Whether it stayed connected until it was hung up.
    pub held: bool,
    /// What was seen, lane by lane; at most [`LANES_MAX`].
    pub lanes: Vec<Lane>,
}

/// One medium in one direction, as one of two pairs of eyes saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Which medium.
    pub medium: Medium,
    /// Which way, seen from the site.
    pub way: Way,
    /// Who looked.
    pub seen_by: SeenBy,
    /// Whether media flowed.
    pub flow: Flow,
    /// Rate, kbit/s.
    pub kbps: Given<f64>,
    /// Height of the picture, pixels.
    pub height: Given<u32>,
    /// Pictures per second.
    pub fps: Given<f64>,
    /// Loss, percent.
    pub loss_pct: Given<f64>,
}

/// Who looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The MCU says so.
    Mcu,
    /// Our own monitors or our own participant saw it.
    Us,
}

/// An order to prove an MCU: a participant of ours joins a test conference through it and looks at its own media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofOrder {
    /// Names the proof.
    pub test: TestId,
    /// Which MCU.
    pub mcu: McuId,
}

/// What came of a proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofOutcome {
    /// It joined; these are its figures.
    Joined(Box<ProofFigures>),
    /// The MCU did not let it in, or did not answer.
    NotJoined(CallFailed),
    /// It could not be tried.
    Broke(CallBroke),
    /// Nothing here can prove this make: it is not asked again until the inventory changes.
    NotProvided,
}

/// What our own participant saw. Ways are seen from it: what it sends and what comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFigures {
    /// From asking to media in both directions, milliseconds.
    pub setup_ms: f64,
    /// Through the MCU and back, milliseconds.
    pub delay_ms: Given<f64>,
    /// Lane by lane; at most [`LANES_MAX`].
    pub lanes: Vec<Lane>,
}
