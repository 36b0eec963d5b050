//! What an MCU, an endpoint or another device says about itself, in one vocabulary for every maker.
//!
//! A value that is absent carries the reason. Direction is always the site's view. What a device says about a
//! participant's presence and what is known of its media are two things: a roster is no sign of health.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::id::{EndpointId, EquipmentId, McuId};
use crate::domain::mcu::{ConferenceRef, DEVICE_TEXT_BYTES_MAX, NodeRef, ParticipantRef, bounded};
use crate::domain::time::{Span, Utc};

/// Most participants that are read of one conference, and most conferences of one device.
pub const ROSTER_MAX: usize = 4096;
/// Most alarms, capacities, readings and cluster nodes that are kept of one report.
pub const LIST_MAX: usize = 256;
/// Most media lanes that are kept of one site.
pub const STREAMS_MAX: usize = 16;

/// A figure a device gave, or why there is none. Never a zero that means "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given<T> {
    /// Given.
    Value(T),
    /// Not given.
    Absent(Absent),
}

impl<T: Copy> Given<T> {
    /// The value, if there is one.
    pub fn value(&self) -> Option<T> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Absent(_) => None,
        }
    }

    /// The value carried into another unit or type.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Given<U> {
        match self {
            Self::Value(value) => Given::Value(with(value)),
            Self::Absent(why) => Given::Absent(why),
        }
    }

    /// `Some` is a value, `None` is absent for a reason.
    pub fn or_absent(value: Option<T>, why: Absent) -> Self {
        value.map_or(Self::Absent(why), Self::Value)
    }
}

/// Why a figure is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// This make does not provide it: 本 MCU 不提供.
    NotProvided,
    /// The device wrote a sentinel such as `-1`, `--` or an empty text.
    Sentinel,
    /// Not yet: no second sample to compare with, or the call is too young.
    NotYet,
    /// The device wrote something that cannot be, such as 120 % loss or more used than there is.
    OutOfRange,
    /// No packet moved, so loss means nothing.
    NothingMoved,
    /// The source has gone quiet; what it said last is too old.
    Stale,
}

/// One device as it is seen now. The whole truth each time: a later report replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceReport {
    /// Which device.
    pub device: Device,
    /// Whether it can be seen, since when.
    pub sight: Sight,
    /// Since when it is seen like that.
    pub since: Utc,
    /// How it is; the last that was seen while it is not seen.
    pub health: Option<NodeHealth>,
    /// What it has room for.
    pub capacity: Vec<Capacity>,
    /// Its own active alarms, the full set.
    pub alarms: Vec<DeviceAlarm>,
    /// Its conferences.
    pub conferences: Vec<ConferenceSeen>,
    /// Further readings by their name, such as `room_temperature_c` or `ups_minutes_left`.
    #[serde(default)]
    pub readings: BTreeMap<String, Given<f64>>,
    /// The last action before its death, when it died within seconds of one.
    #[serde(default)]
    pub died_after: Option<String>,
}

impl DeviceReport {
    /// The report with every list and text cut to what a device can honestly have to say: participants over all
    /// conferences together at most [`ROSTER_MAX`], other lists [`LIST_MAX`]. A roster that was cut is not complete.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.capacity.truncate(LIST_MAX);
        self.capacity.iter_mut().for_each(|capacity| cut(&mut capacity.what));
        self.alarms.truncate(LIST_MAX);
        for alarm in &mut self.alarms {
            [&mut alarm.id, &mut alarm.what, &mut alarm.detail].into_iter().for_each(cut);
        }
        while self.readings.len() > LIST_MAX {
            self.readings.pop_last();
        }
        self.readings.retain(|name, _| name.len() <= DEVICE_TEXT_BYTES_MAX);
        if let Some(health) = &mut self.health {
            health.nodes.truncate(LIST_MAX);
            [&mut health.version, &mut health.boot].into_iter().flatten().for_each(cut);
        }
        self.died_after.iter_mut().for_each(cut);
        self.conferences.truncate(ROSTER_MAX);
        let mut room = ROSTER_MAX;
        self.conferences.iter_mut().for_each(|conference| conference.bound(&mut room));
        self
    }
}

impl ConferenceSeen {
    fn bound(&mut self, room: &mut usize) {
        cut(&mut self.name);
        for list in std::iter::once(&mut self.present).chain(&mut self.expected) {
            self.complete &= list.len() <= *room;
            list.truncate(*room);
            *room -= list.len();
            list.iter_mut().for_each(SiteSeen::bound);
        }
    }
}

impl SiteSeen {
    fn bound(&mut self) {
        cut(&mut self.name);
        self.address.iter_mut().for_each(cut);
        if let Presence::Left { cause } = &mut self.presence {
            cut(cause);
        }
        self.streams.truncate(STREAMS_MAX);
        self.streams.iter_mut().filter_map(|stream| stream.codec.as_mut()).for_each(cut);
    }
}

fn cut(text: &mut String) {
    text.truncate(bounded(text).len());
}

/// Which device a report is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// An MCU.
    Mcu(McuId),
    /// An endpoint in a venue.
    Endpoint(EndpointId),
    /// Other equipment.
    Equipment(EquipmentId),
}

/// Whether a device can be seen. Blind says nothing about the device; down needs two independent signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sight", rename_all = "snake_case", deny_unknown_fields)]
pub enum Sight {
    /// Nobody has asked yet.
    Unknown,
    /// It answers, and what it says can be read.
    Seen,
    /// We cannot see: our trouble, or the interface's.
    Blind {
        /// Why.
        why: Blindness,
    },
    /// One signal says that it is gone; no second one agrees yet.
    Suspected {
        /// The signal.
        signal: Signal,
    },
    /// Two independent signals say that it is gone.
    Down {
        /// They.
        signals: [Signal; 2],
    },
}

/// Why we cannot see a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blindness {
    /// The secret is wrong, expired, locked or lacks a right.
    Auth,
    /// TLS could not be agreed on.
    Tls,
    /// It is busy or overloaded and says so.
    Busy,
    /// We asked too often and it says so.
    RateLimited,
    /// No answer in time, though it can be reached.
    Timeout,
    /// It answers in another shape than documented.
    Shape,
    /// The credential that it names is not in our settings.
    NoCredential,
    /// Our own settings forbid its address, or our budget of requests is used up.
    Ours,
    /// Our own side of the network is cut: nothing else is heard either.
    OwnSide,
}

/// An independent sign that a device is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Its management interface refuses connections or cannot be reached.
    Interface,
    /// Its event source ended: a last will, a closed connection, silence beyond twice its period.
    Events,
    /// It does not answer SIP OPTIONS or another signalling probe.
    Signalling,
    /// Media from it have stopped: our own stream monitors or a probe participant say so.
    Media,
    /// Its host does not answer at all.
    Host,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeHealth {
    /// What it says of its service.
    pub service: Service,
    /// Load of media processing, percent of what it can.
    pub load_pct: Given<f64>,
    /// How long it has been up.
    pub uptime: Given<Span>,
    /// Software version.
    pub version: Option<String>,
    /// Changes when the node restarts, where it says so.
    pub boot: Option<String>,
    /// Its clock minus ours, milliseconds.
    pub clock_skew_ms: Given<f64>,
    /// The nodes of its cluster.
    pub nodes: Vec<Node>,
}

/// What a device says of its own service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// In order.
    Up,
    /// Works with faults.
    Degraded,
    /// Takes no new calls.
    Draining,
    /// Comes up.
    Starting,
    /// Says itself that it does not work.
    Failed,
    /// It does not say.
    Unknown,
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its reference.
    pub node: NodeRef,
    /// What is said of its service.
    pub service: Service,
    /// Its load, percent.
    pub load_pct: Given<f64>,
}

/// What a device has room for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Of what, in the device's words: `video`, `port`, `HD720p30_video`.
    pub what: String,
    /// Counted in what.
    pub unit: CapacityUnit,
    /// All there is.
    pub total: Given<f64>,
    /// In use.
    pub used: Given<f64>,
}

impl Capacity {
    /// What is left; never negative, absent when used exceeds total.
    pub fn free(&self) -> Given<f64> {
        match (self.total, self.used) {
            (Given::Value(total), Given::Value(used)) if used <= total => Given::Value(total - used),
            (Given::Value(_), Given::Value(_)) => Given::Absent(Absent::OutOfRange),
            (Given::Absent(why), _) | (_, Given::Absent(why)) => Given::Absent(why),
        }
    }
}

/// What capacity is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityUnit {
    /// Ports or calls.
    Ports,
    /// Tokens of a maker's own.
    Tokens,
    /// Licences.
    Licences,
    /// Percent.
    Percent,
}

/// An alarm that a device raises about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceAlarm {
    /// The device's own identifier of this alarm, to tell two of a kind apart.
    pub id: String,
    /// Its kind in the device's words; unknown words are kept.
    pub what: String,
    /// Further words.
    pub detail: String,
    /// How grave the device thinks it is.
    pub level: AlarmLevel,
    /// Since when, where it says so.
    pub since: Option<Utc>,
}

/// How grave a device thinks its alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmLevel {
    /// Worth knowing.
    Information,
    /// Minor.
    Minor,
    /// Major.
    Major,
    /// Critical.
    Critical,
}

/// A conference on a device, as far as its roster could be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConferenceSeen {
    /// The device's reference.
    pub conference: ConferenceRef,
    /// Its shown name.
    pub name: String,
    /// Who is to be there, where the device knows; absent says that it does not.
    pub expected: Option<Vec<SiteSeen>>,
    /// Who is there or being called.
    pub present: Vec<SiteSeen>,
    /// Whether the whole roster was read; a page that shrank or was cut says no.
    pub complete: bool,
    /// When the roster was read.
    pub at: Utc,
}

/// A participant: a site, as an MCU knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSeen {
    /// The device's reference.
    pub participant: ParticipantRef,
    /// The name that is shown.
    pub name: String,
    /// Where it was called or calls from, as the device writes it.
    pub address: Option<String>,
    /// Presence by signalling.
    pub presence: Presence,
    /// Whether its microphone is muted at the MCU, if known.
    pub muted: Option<bool>,
    /// The platform redials it by itself: do not fight it.
    pub redialled_by_platform: bool,
    /// A link between two MCUs, not a site.
    pub cascade: bool,
    /// A probe participant of ours.
    pub probe: bool,
    /// Its media, as far as they were read; empty where the device tells nothing.
    pub streams: Vec<StreamSample>,
}

/// Presence by signalling. Says nothing about media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "presence", rename_all = "snake_case", deny_unknown_fields)]
pub enum Presence {
    /// Being called.
    Calling,
    /// Connected.
    Connected,
    /// On hold.
    OnHold,
    /// Not connected, with the cause in the device's words.
    Left {
        /// Cause; empty where none is given.
        cause: String,
    },
    /// The device does not say.
    Unknown,
}

/// One medium in one direction at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSample {
    /// Which medium.
    pub medium: Medium,
    /// Which way, seen from the site.
    pub way: Way,
    /// Whether media flow. Judged before everything else.
    pub flow: Flow,
    /// Codec in the device's words.
    pub codec: Option<String>,
    /// Rate, kbit/s.
    pub kbps: Given<f64>,
    /// Packets since the start of the epoch.
    pub packets: Given<Counted>,
    /// Lost packets since the start of the epoch; signed, for late packets take some back.
    pub lost: Given<Counted>,
    /// Loss of the last interval, percent; only while packets moved.
    pub loss_pct: Given<f64>,
    /// Interarrival jitter, milliseconds.
    pub jitter_ms: Given<f64>,
    /// Round trip, milliseconds.
    pub rtt_ms: Given<f64>,
    /// Width, pixels.
    pub width: Given<u32>,
    /// Height, pixels.
    pub height: Given<u32>,
    /// Pictures per second.
    pub fps: Given<f64>,
}

impl StreamSample {
    /// A sample of which only flow is known; everything else this make does not provide.
    pub fn bare(medium: Medium, way: Way, flow: Flow) -> Self {
        let none = Given::Absent(Absent::NotProvided);
        Self {
            medium,
            way,
            flow,
            codec: None,
            kbps: none,
            packets: Given::Absent(Absent::NotProvided),
            lost: Given::Absent(Absent::NotProvided),
            loss_pct: none,
            jitter_ms: none,
            rtt_ms: none,
            width: Given::Absent(Absent::NotProvided),
            height: Given::Absent(Absent::NotProvided),
            fps: none,
        }
    }
}

/// A counter with its epoch: a new one begins when the counter restarts, so that a difference is never taken across.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// How often it restarted while we watched.
    pub epoch: u32,
    /// The count; signed.
    pub count: i64,
}

/// Which medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Content 辅流.
    Content,
}

/// Which way media go, seen from the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The site sends: 上行.
    FromSite,
    /// The site receives: 下行.
    ToSite,
}

/// Whether media flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "flow", rename_all = "snake_case", deny_unknown_fields)]
pub enum Flow {
    /// They do.
    Flowing,
    /// They should and do not.
    NoMedia {
        /// Since when, where known.
        since: Option<Utc>,
    },
    /// Not meant to flow: muted, on hold, switched off.
    Paused,
    /// The device does not say.
    Unknown,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mcu(id) => write!(f, "mcu {id}"),
            Self::Endpoint(id) => write!(f, "endpoint {id}"),
            Self::Equipment(id) => write!(f, "equipment {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_used_than_there_is_leaves_an_unknown_rest_and_no_negative_one() {
        let capacity = |total, used| Capacity {
            what: "port".into(),
            unit: CapacityUnit::Ports,
            total: Given::Value(total),
            used: Given::Value(used),
        };
        assert_eq!(capacity(224.0, 24.0).free(), Given::Value(200.0));
        assert_eq!(capacity(224.0, 401.1).free(), Given::Absent(Absent::OutOfRange));
    }

    #[test]
    fn a_hostile_report_is_cut_and_says_so() {
        let site = |n: usize| SiteSeen {
            participant: ParticipantRef::new(&n.to_string()),
            name: "长".repeat(500),
            address: Some("9".repeat(900)),
            presence: Presence::Left { cause: "x".repeat(900) },
            muted: None,
            redialled_by_platform: false,
            cascade: false,
            probe: false,
            streams: vec![StreamSample::bare(Medium::Audio, Way::FromSite, Flow::Unknown); 99],
        };
        let conference = |sites: usize| ConferenceSeen {
            conference: ConferenceRef::new("1"),
            name: "n".repeat(900),
            expected: None,
            present: (0..sites).map(site).collect(),
            complete: true,
            at: Utc(0),
        };
        let alarm = DeviceAlarm {
            id: String::new(),
            what: "w".repeat(900),
            detail: "d".repeat(900),
            level: AlarmLevel::Major,
            since: None,
        };
        let report = DeviceReport {
            device: Device::Mcu(McuId::parse("m").unwrap()),
            sight: Sight::Seen,
            since: Utc(0),
            health: None,
            capacity: Vec::new(),
            alarms: vec![alarm; 9_000],
            conferences: vec![conference(ROSTER_MAX - 1), conference(2)],
            readings: (0..900).map(|n| (format!("r{n}"), Given::Value(1.0))).collect(),
            died_after: Some("a".repeat(900)),
        };
        let cut = report.bounded();
        assert_eq!((cut.alarms.len(), cut.readings.len()), (LIST_MAX, LIST_MAX));
        assert_eq!(
            cut.conferences.iter().map(|conference| conference.present.len()).sum::<usize>(),
            ROSTER_MAX
        );
        assert_eq!([true, false], [cut.conferences[0].complete, cut.conferences[1].complete]);
        let first = &cut.conferences[0].present[0];
        assert!(first.name.len() <= 256 && first.streams.len() == STREAMS_MAX);
        assert!(cut.alarms[0].detail.len() == 256 && cut.died_after.as_ref().unwrap().len() == 256);
        assert_eq!(cut.clone().bounded(), cut);
    }
}
