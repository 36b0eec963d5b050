//! Janus: AudioBridge rooms with plain RTP and WebRTC participants, VideoRooms, and Streaming mountpoints.
//!
//! The roster of Janus is no sign of health: a site whose line is cut stays joined, ready and unmuted for ever. What
//! flows is read from the participant's handle (`handle`, `media`), and what Janus pushes (`event`, `source`) says
//! sooner that something changed. Janus answers `success` to what its plugin refuses (`reply`), and one request kills
//! it (`line::harm`). It must not know meetings, venues or rules.

pub mod name;
pub mod reply;
pub mod handle;
pub mod media;
pub mod line;
pub mod handles;
pub mod event;
pub mod source;
pub mod guest;
mod roster;
mod deed;
mod act;
mod listen;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use self::act::Memory;
use self::handles::{Handles, Walker};
use self::line::{HandleRef, Line};
use self::media::{LineName, Moment, Queue};
use self::name::{Plugin, Room};
use self::reply::RoomListed;
use self::source::EventSource;
use super::budget::Budget;
use super::counter::Meters;
use super::fault::Fault;
use super::trust::{Login, Trust};
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Control, Interface};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{Capacity, ConferenceSeen, DeviceAlarm, NodeHealth, SiteSeen, StreamSample};

/// A participant whose shown name begins so is a probe of ours and no site.
pub const PROBE_NAME: &str = "vcops-probe";
/// Port and path of the session interface, where the settings name only the admin interface: Janus' own defaults.
const API_DEFAULT: (u16, u16, &str) = (8088, 8089, "/janus");
/// How often Janus pushes statistics unless it is set otherwise.
const STATS_PERIOD: Duration = Duration::from_secs(1);

/// How to speak to one Janus.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The admin interface, such as `http://10.1.1.1:7088/admin`.
    pub admin: url::Url,
    /// The session interface, such as `http://10.1.1.1:8088/janus`. Only a redial speaks to it.
    pub api: url::Url,
    /// The admin secret; a user name has no meaning here.
    pub login: Login,
    /// Whose certificate it may show.
    pub trust: Trust,
    /// Requests it may be asked.
    pub budget: Arc<Budget>,
    /// The API secret, where the session interface wants one.
    pub api_secret: Option<Zeroizing<String>>,
    /// The secret of the rooms, where they have one: without it nothing can be done in them.
    pub room_secret: Option<Zeroizing<String>>,
    /// Where its events come from, if it pushes any.
    pub events: Option<EventSource>,
    /// How often it pushes statistics (`stats_period`).
    pub stats_period: Duration,
}

impl Settings {
    /// From what the inventory and the process settings say. The address is that of the admin interface; the session
    /// interface is looked for on the same host, at Janus' default port.
    pub fn new(control: &Control, login: Login, trust: Trust, budget: Arc<Budget>) -> Result<Self, Fault> {
        let bad = |why: &dyn std::fmt::Display| Fault::Shape(format!("the address of the device: {why}"));
        let admin: url::Url = control.address.parse().map_err(|error: url::ParseError| bad(&error))?;
        if !matches!(admin.scheme(), "http" | "https") || !admin.has_host() {
            return Err(bad(&"not a URL of HTTP"));
        }
        let mut api = admin.clone();
        let (plain, tls, path) = API_DEFAULT;
        let port = if admin.scheme() == "https" { tls } else { plain };
        api.set_port(Some(port)).map_err(|()| bad(&"takes no port"))?;
        api.set_path(path);
        let (api_secret, room_secret, events) = (None, None, None);
        let stats_period = STATS_PERIOD;
        Ok(Self { admin, api, login, trust, budget, api_secret, room_secret, events, stats_period })
    }
}

/// One Janus.
#[derive(Debug)]
pub struct Janus {
    line: Line,
    walker: Walker,
    begun: Instant,
    events: Option<EventSource>,
    stats_period: Duration,
    state: Mutex<State>,
}

/// What is remembered between two reads. Nothing of it is needed for anything but comparing.
#[derive(Debug, Default)]
struct State {
    handles: Handles,
    meters: Meters<LineName>,
    queues: BTreeMap<HandleRef, Queue>,
    lists: BTreeMap<Plugin, (Instant, Vec<RoomListed>)>,
    memory: Memory,
    boot: Option<String>,
}

impl Janus {
    /// An adapter; nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        Ok(Self {
            line: Line::new(settings)?,
            walker: Walker::default(),
            begun: Instant::now(),
            events: settings.events.clone(),
            stats_period: settings.stats_period,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        Moment { mono: Duration::from_micros(self.begun.elapsed().as_micros() as u64), utc: now() }
    }
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

/// A conference reference that names no room here.
fn no_such_room(conference: &ConferenceRef) -> Fault {
    Fault::Said { code: "no_such_conference".into(), words: conference.to_string() }
}

#[async_trait]
impl Bridge for Janus {
    fn interface(&self) -> Interface {
        Interface::Janus
    }

    fn abilities(&self) -> Abilities {
        use Tells::{Bitrate, Capacity, Events, Jitter, Loss, Roster, RoundTrip};
        let mut tells = BTreeSet::from([Bitrate, Capacity, Jitter, Loss, Roster, RoundTrip]);
        if self.events.is_some() {
            tells.insert(Events);
        }
        Abilities {
            tells,
            does: BTreeSet::from([Does::Disconnect, Does::Mute, Does::Redial]),
            requests_per_minute: None,
            tried_on_a_real_device: true,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        self.read_health().await
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        self.read_capacity().await
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        self.read_conferences().await
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let room = Room::parse(conference).ok_or_else(|| no_such_room(conference))?;
        self.read_roster(&room).await
    }

    async fn streams(&self, conference: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        let room = Room::parse(conference).ok_or_else(|| no_such_room(conference))?;
        self.read_streams(&room, site).await
    }

    async fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) -> Result<(), Fault> {
        self.follow(pushed, stop).await
    }

    fn plan(&self, action: &Action, seen: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        deed::plan(action, seen)
    }

    async fn execute(&self, plan: &Plan, key: &ActionKey) -> ActionOutcome {
        self.carry_out(plan, key).await
    }

    async fn look(&self, plan: &Plan, key: &ActionKey) -> Result<Looked, Fault> {
        self.look_for(plan, key).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str) -> Result<Settings, Fault> {
        let control = Control { interface: Interface::Janus, address: address.into(), credential: None };
        let login = Login { user: String::new(), secret: Zeroizing::new("hush".into()) };
        Settings::new(&control, login, Trust::Nobody, Arc::new(Budget::new(600)))
    }

    #[test]
    fn the_session_interface_is_looked_for_where_janus_has_it() {
        let settings_of = |address: &str| settings(address).map(|settings| settings.api.to_string());
        assert_eq!(settings_of("http://10.1.1.1:7088/admin").unwrap(), "http://10.1.1.1:8088/janus");
        assert_eq!(settings_of("https://mcu.city:7889/admin").unwrap(), "https://mcu.city:8089/janus");
        for address in ["10.1.1.1:7088", "ftp://mcu.city/", "", "http://"] {
            assert!(settings_of(address).is_err(), "{address}");
        }
    }

    #[test]
    fn no_secret_shows() {
        let janus = Janus::new(&settings("http://10.1.1.1:7088/admin").unwrap()).unwrap();
        assert!(!format!("{janus:?}").contains("hush"));
    }
}
