//! What was seen of a finding: how surely, with which figures, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::VenueId;
use crate::domain::stream::VideoCodec;
use crate::observation::action::Does;
use crate::observation::call::CallFailed;
use crate::observation::device::{AlarmLevel, Blindness, Medium, Service, Signal, Way};
use crate::observation::{BlindWhy, DownWhy, Evidence, Sure};

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
    /// Why a device cannot be seen.
    Unseen(Blindness),
    /// The one sign that a device is gone.
    Signal(Signal),
    /// The two signs that a device is gone.
    Signals([Signal; 2]),
    /// What a device says of its own service.
    Service(Service),
    /// The gravest of a device's own alarms, in its words.
    Alarm {
        /// Its kind.
        what: String,
        /// How grave the device thinks it is.
        level: AlarmLevel,
    },
    /// What a device has too little of, in its words.
    NoRoom(String),
    /// What a device had been told to do just before; absent where nobody knows.
    After(Option<Does>),
    /// The site is being called.
    Calling,
    /// The site left; the cause in the device's words, empty where it gives none.
    Left(String),
    /// The name that a site shows.
    Shown(String),
    /// The name of another venue that a site shows.
    ShownAs(VenueId),
    /// Media that do not flow, or that lose packets, way by way as the site sees them.
    Lanes(Vec<(Medium, Way)>),
    /// What differs.
    Drift(DriftKind),
    /// Why a proof came to nothing.
    NoProof(CallFailed),
    /// Which part of vcops itself.
    Part(String),
}

/// How what we believe of a meeting differs from what its MCU says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// The MCU has no conference that could be the meeting.
    NoConference,
    /// Somebody is connected, and nobody is recognised: names and addresses in the inventory are of no use.
    NobodyKnown,
    /// Venues connect from addresses that the inventory does not have.
    Addresses,
    /// The MCU expects others than are invited.
    Expected,
}
