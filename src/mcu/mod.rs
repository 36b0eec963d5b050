//! MCUs, endpoints and other devices behind one trait: what they say of themselves, and what they can be told.
//!
//! An adapter speaks one maker's documented interface and turns its replies into `observation::device`. It measures
//! and carries out; whether anything is bad, whether a device is down and what is to be done about it are the
//! engine's. It must not know meetings, venues, rules, or any other adapter. Whatever an adapter parses is a total
//! function over foreign bytes in a file of its own (`reply.rs`), which has a fuzz target.

pub mod fault;
pub mod budget;
pub mod trust;
pub mod account;
pub mod http;
pub mod counter;
pub mod sip;
pub mod session;
pub mod fields;
pub mod xml;
pub mod figure;
pub mod act;

pub mod cms;
pub mod janus;
pub mod kedacom;
pub mod zte;
pub mod te;
pub mod smc3;
pub mod rmx;
pub mod roomos;
pub mod pexip;
pub mod snmp;
pub mod prometheus;
pub mod json;
pub mod watch;
pub mod desk;
#[cfg(test)]
pub(crate) mod scripted;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{
    Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Signal, SiteSeen, StreamSample,
};
use fault::Fault;

/// One device, spoken to by its maker's interface.
///
/// Every call is bounded in time and size, takes its requests from the device's [`budget::Budget`] and is safe to
/// drop. Reads never change the device. Only [`Bridge::execute`] does, once, with what [`Bridge::plan`] described.
#[async_trait]
pub trait Bridge: Send + Sync + fmt::Debug {
    /// Which interface it speaks.
    fn interface(&self) -> Interface;

    /// What this make can tell and do: what is not here is shown as 本 MCU 不提供.
    fn abilities(&self) -> Abilities;

    /// How it is: at most one or two requests, the cheapest there are.
    async fn health(&self) -> Result<NodeHealth, Fault>;

    /// A second sign of life that does not depend on the first, where the interface has one: what its absence would
    /// be a signal of, and whether it is there. Asked when [`Bridge::health`] fails.
    async fn second_sign(&self) -> Option<(Signal, Result<(), Fault>)> {
        None
    }

    /// What it has room for.
    async fn capacity(&self) -> Result<Vec<Capacity>, Fault>;

    /// Its active alarms: the full set, never edges.
    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault>;

    /// Further readings by their stable names with the unit in them, such as `room_temperature_c`. A make without any
    /// answers [`Fault::NotSupported`].
    async fn readings(&self) -> Result<BTreeMap<String, Given<f64>>, Fault> {
        Err(Fault::NotSupported)
    }

    /// Its conferences by reference and name, without their rosters where those cost extra requests.
    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault>;

    /// One conference with its roster: who is expected, who is there.
    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault>;

    /// The media of one site. Takes the site as the roster gave it.
    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault>;

    /// Listens to what the device pushes until it breaks off or is told to stop, and says what is to be read anew.
    /// A device without a push source answers [`Fault::NotSupported`] at once.
    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault>;

    /// What would be sent, on what it depends and whom it touches. Pure: sends nothing. `seen` is the conference as
    /// it was last read.
    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused>;

    /// Carries a plan out, once. Never repeats a request whose fate is unknown.
    async fn execute(&self, plan: &Plan, key: &ActionKey) -> ActionOutcome;

    /// Looks whether an action with that key has happened, after its outcome was unknown. [`Looked::CannotTell`]
    /// where the make gives no way to ask.
    async fn look(&self, plan: &Plan, key: &ActionKey) -> Result<Looked, Fault>;
}

/// What a make can tell and do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Abilities {
    /// What it can tell.
    pub tells: BTreeSet<Tells>,
    /// What it can be told to do.
    pub does: BTreeSet<Does>,
    /// Requests per minute that its maker allows, if it says so.
    pub requests_per_minute: Option<u32>,
    /// Whether the adapter was ever tried on a real device of this make; shown in documents and console.
    pub tried_on_a_real_device: bool,
}

/// Something a make can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words of the reference table, column by column")]
pub enum Tells {
    Load,
    Capacity,
    Alarms,
    Roster,
    Expected,
    Bitrate,
    Loss,
    Jitter,
    RoundTrip,
    Resolution,
    FrameRate,
    Events,
}

/// What a device pushed: always a hint to read anew, and a full truth only where it is one.
#[derive(Debug, Clone, PartialEq)]
pub enum Pushed {
    /// The source lives: connected and heard.
    Alive,
    /// Something about a conference changed, or everything when none is named.
    Changed(Option<ConferenceRef>),
    /// Media of a site changed.
    Media {
        /// In which conference.
        conference: ConferenceRef,
        /// At which site, with its streams as pushed.
        site: ParticipantRef,
        /// The streams as pushed; empty when they are to be read.
        streams: Vec<StreamSample>,
    },
    /// Events are missing: a gap in the device's numbering. Everything is to be read anew.
    Gap,
    /// The device said, or its broker said for it, that it is gone.
    Farewell,
}
