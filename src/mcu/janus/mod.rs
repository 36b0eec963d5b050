//! Janus: AudioBridge rooms with plain RTP and WebRTC participants, VideoRooms, and Streaming mountpoints.
//!
//! The roster of Janus is no sign of health: a site whose line is cut stays joined, ready and unmuted for ever. What
//! flows is read from the participant's handle (`handle`, `media`), and what Janus pushes (`event`, `source`) says
//! sooner that something changed. Janus answers `success` to what its plugin refuses (`reply`), and one request kills
//! it (`line::harm`). It must not know meetings, venues or rules.

pub mod account;
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
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use self::account::Secrets;
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
use super::http::HttpLine;
use super::trust::{Login, Trust};
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Control, Interface};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Does, Looked, Plan, Refused};
use crate::observation::device::{Capacity, ConferenceSeen, DeviceAlarm, NodeHealth, SiteSeen, StreamSample};

/// A participant whose shown name begins so is a probe of ours and no site.
pub const PROBE_NAME: &str = "vcops-probe";
/// Ports, plain and with TLS, and path of the admin interface where none is named: Janus' own defaults.
const ADMIN_DEFAULT: (u16, u16, &str) = (7088, 7889, "/admin");
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
    /// From what the inventory and the process settings say: the address is that of the session interface, and beside
    /// it stands the admin interface, which is looked for on the same host where none is named. The secret may hold
    /// those of the session interface and of the rooms as well ([`Secrets`]).
    pub fn new(control: &Control, login: Login, trust: Trust, budget: Arc<Budget>) -> Result<Self, Fault> {
        let api = address(&control.address)?;
        let admin = match &control.beside {
            Some(beside) => address(beside)?,
            None => admin_of(&api)?,
        };
        let secrets = Secrets::read(&login.secret)?;
        let (events, stats_period) = (None, STATS_PERIOD);
        let (api_secret, room_secret) = (secrets.api, secrets.room);
        let login = Login { secret: secrets.admin, ..login };
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

    /// The line to its admin interface.
    pub fn http_line(&self) -> &HttpLine {
        self.line.admin_http()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Moment {
        Moment { mono: Duration::from_micros(self.begun.elapsed().as_micros() as u64), utc: now() }
    }
}

fn address(text: &str) -> Result<url::Url, Fault> {
    let bad = |why: &dyn fmt::Display| Fault::Shape(format!("the address of the device: {why}"));
    let url: url::Url = text.parse().map_err(|error: url::ParseError| bad(&error))?;
    let speaks_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    if speaks_http { Ok(url) } else { Err(bad(&"not a URL of HTTP")) }
}

fn admin_of(api: &url::Url) -> Result<url::Url, Fault> {
    let (plain, tls, path) = ADMIN_DEFAULT;
    let mut admin = api.clone();
    let port = if api.scheme() == "https" { tls } else { plain };
    let no_port = |()| Fault::Shape("the address of the device takes no port".into());
    admin.set_port(Some(port)).map_err(no_port)?;
    admin.set_path(path);
    Ok(admin)
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

    fn settings(address: &str, beside: Option<&str>) -> Result<Settings, Fault> {
        let control = Control {
            interface: Interface::Janus,
            address: address.into(),
            beside: beside.map(str::to_owned),
            credential: None,
            mapping: None,
        };
        let login = Login { user: String::new(), secret: Zeroizing::new("hush".into()) };
        Settings::new(&control, login, Trust::Nobody, Arc::new(Budget::new(600)))
    }

    #[test]
    fn the_admin_interface_is_looked_for_where_janus_has_it_unless_it_is_named() {
        for (address, beside, admin) in [
            ("http://10.1.1.1:8088/janus", None, "http://10.1.1.1:7088/admin"),
            ("https://mcu.city:8089/janus", None, "https://mcu.city:7889/admin"),
            ("http://10.1.1.1:8088/janus", Some("http://10.1.1.2:1/x"), "http://10.1.1.2:1/x"),
        ] {
            assert_eq!(settings(address, beside).unwrap().admin.to_string(), admin);
        }
        for address in ["10.1.1.1:8088", "ftp://mcu.city/", "", "http://"] {
            assert!(settings(address, None).is_err(), "{address}");
            assert!(settings("http://10.1.1.1:8088/janus", Some(address)).is_err(), "{address}");
        }
    }

    #[test]
    fn no_secret_shows() {
        let janus = Janus::new(&settings("http://10.1.1.1:8088/janus", None).unwrap()).unwrap();
        assert!(!format!("{janus:?}").contains("hush"));
    }
}
