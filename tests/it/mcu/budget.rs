//! How often a device of each make is asked while a conference of 500 sites is live: counted at its stand-in over
//! simulated minutes, the slow sweep over everybody's media included.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tower::ServiceExt as _;
use vcops::config;
use vcops::domain::id::McuId;
use vcops::domain::mcu::Interface;
use vcops::domain::time::Utc;
use vcops::mcu::Bridge;
use vcops::mcu::budget::Budget;
use vcops::mcu::snmp::Snmp;
use vcops::mcu::snmp::mapping::SnmpMapping;
use vcops::mcu::watch::{Means, Pace, Watch};
use vcops::metrics::Counters;
use vcops::observation::device::{Absent, Device, DeviceReport, Given, Sight, SiteSeen, StreamSample};

use super::snmp::rig::{login, snmpsim};
use super::stand_in::StandIn;
use super::{cms, janus_stand_in, kedacom, pexip, rmx, roomos, smc3, te, zte};

/// Sites of the conference.
const SITES: usize = 500;
/// Simulated minutes of a live meeting, and of none after it: in the long run every make has been through all its sites.
fn minutes() -> (usize, usize) {
    if std::env::var_os("VCOPS_SOAK").is_some() { (7, 2) } else { (2, 1) }
}

/// Live minutes within which the media of every site have been read: a budget of 300, lists of a CMS that come in
/// short pages, and a party of an RMX each half second take their time.
fn all_read_within(interface: Interface) -> usize {
    match interface {
        Interface::Rmx => 6,
        Interface::Cms | Interface::Kedacom | Interface::Zte => 5,
        Interface::Pexip
        | Interface::Smc3
        | Interface::Janus
        | Interface::Te
        | Interface::Roomos
        | Interface::Snmp
        | Interface::Sip
        | Interface::SipRtpengine
        | Interface::Prometheus
        | Interface::Json => 2,
    }
}

/// One step of simulated time.
const STEP: Duration = Duration::from_millis(100);
const STEPS_PER_MINUTE: usize = 600;

/// A stand-in with many sites, and an adapter to it on a budget.
pub(super) struct Crowd {
    device: Option<StandIn>,
    bridge: Arc<dyn Bridge>,
    pushes: Option<(Router, Posts)>,
    /// Datagrams, of what is not asked by HTTP.
    datagrams: Option<Arc<AtomicUsize>>,
    _kept: Box<dyn Any>,
}

/// Where a device posts its next event, and what.
type Posts = Box<dyn FnMut() -> (&'static str, String)>;

impl Crowd {
    /// What the stand-in lives on is kept with it.
    pub(super) fn new(device: StandIn, bridge: Arc<dyn Bridge>, kept: impl Any) -> Self {
        Self { device: Some(device), bridge, pushes: None, datagrams: None, _kept: Box::new(kept) }
    }

    pub(super) fn with_pushes(
        self,
        to: Router,
        posts: impl FnMut() -> (&'static str, String) + 'static,
    ) -> Self {
        Self { pushes: Some((to, Box::new(posts))), ..self }
    }

    /// Requests so far, and how many of them were answered.
    fn counts(&self) -> (usize, usize) {
        let datagrams = self.datagrams.as_ref().map_or(0, |count| count.load(Ordering::Relaxed));
        let (asked, answered) = self.device.as_ref().map_or((0, 0), StandIn::counts);
        (asked + datagrams, answered)
    }

    /// Requests for the media of single sites of a Pexip platform, and for how many different ones.
    fn swept(&self) -> (usize, usize) {
        let asked = self.device.as_ref().map(StandIn::asked).unwrap_or_default();
        let media: Vec<&str> =
            asked.iter().map(|it| it.path.as_str()).filter(|path| path.contains("/media_stream/")).collect();
        let different: std::collections::BTreeSet<&&str> = media.iter().collect();
        (media.len(), different.len())
    }
}

/// A device that is watched, and what was counted.
struct Row {
    name: String,
    crowd: Crowd,
    watch: Watch,
    budget: Arc<Budget>,
    allowed: Option<u32>,
    /// How often it pushes, in seconds, if it does.
    pushes_s: Option<usize>,
    minutes: Vec<usize>,
    counted: usize,
    /// The simulated second in which the media of every site had been read.
    all_read_s: Option<usize>,
}

impl Row {
    async fn start(
        interface: Interface,
        pushes_s: Option<usize>,
        crowd: impl AsyncFnOnce(&Arc<Budget>) -> Crowd,
    ) -> Self {
        let settings = config::read_controller("none", "").unwrap().devices;
        let allowed = (interface == Interface::Pexip).then_some(vcops::mcu::pexip::ALLOWED_PER_MINUTE);
        let budget = Arc::new(Budget::new(settings.requests_per_minute(interface, allowed)));
        let crowd = crowd(&budget).await;
        assert_eq!(crowd.bridge.interface(), interface);
        let (reports, mut told) = mpsc::channel(64);
        tokio::spawn(async move { while told.recv().await.is_some() {} });
        let means = Means {
            bridge: Arc::clone(&crowd.bridge),
            budget: Arc::clone(&budget),
            line: None,
            host: None,
            clock: Arc::new(|| Utc(0)),
            counters: Arc::new(Counters::new()),
            reports,
        };
        let watch = Watch::start(Device::Mcu(McuId::parse("dev").unwrap()), means);
        watch.pace(Pace::Live);
        let name = match pushes_s {
            Some(seconds) => format!("{interface}, pushes / {seconds} s"),
            None => interface.to_string(),
        };
        let (minutes, counted, all_read_s) = (Vec::new(), 0, None);
        Self { name, crowd, watch, budget, allowed, pushes_s, minutes, counted, all_read_s }
    }

    async fn push(&mut self, second: usize) {
        let due = self.pushes_s.is_some_and(|every| second.is_multiple_of(every));
        let Some((to, posts)) = self.crowd.pushes.as_mut().filter(|_| due) else { return };
        let (path, body) = posts();
        let request = Request::post(path).body(Body::from(body)).unwrap();
        assert!(to.clone().oneshot(request).await.unwrap().status().is_success());
    }

    fn end_minute(&mut self) {
        let asked = self.crowd.counts().0;
        self.minutes.push(asked - self.counted);
        self.counted = asked;
    }

    fn latest(&self) -> Option<Arc<DeviceReport>> {
        self.watch.latest().borrow().clone()
    }

    /// How many sites there are whose media were read, and how many whose figures are too old.
    fn media(&self) -> (usize, usize) {
        let report = self.latest();
        let sites = || report.iter().flat_map(|report| &report.conferences).flat_map(|seen| &seen.present);
        let read = sites().filter(|site| !site.streams.is_empty()).count();
        (read, sites().filter(|site| is_stale(site)).count())
    }

    fn line(&self) -> String {
        let (live, idle) = self.minutes.split_at(minutes().0);
        let (first, rest) = (live[0], live[1..].iter().max().unwrap());
        let idle = idle.iter().min().unwrap();
        let allowed = self.allowed.map_or("none published".to_owned(), |allowed| allowed.to_string());
        let sweep = self.all_read_s.map_or("-".to_owned(), |seconds| format!("{seconds} s"));
        let budget = self.budget.per_minute();
        format!("{:<22} {first:>7} {rest:>7} {idle:>7} {budget:>8} {allowed:>16} {sweep:>9}", self.name)
    }
}

fn is_stale(site: &SiteSeen) -> bool {
    let stale = |stream: &StreamSample| {
        [stream.kbps, stream.loss_pct, stream.jitter_ms].contains(&Given::Absent(Absent::Stale))
    };
    site.streams.iter().any(stale)
}

/// A relay of datagrams that counts what is asked.
async fn counting(agent: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let (near, far) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    far.connect(agent).await.unwrap();
    let (at, count) = (near.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let (mut asker, mut question, mut answer) = (None, [0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                Ok((length, from)) = near.recv_from(&mut question) => {
                    asker = Some(from);
                    counted.fetch_add(1, Ordering::Relaxed);
                    far.send(&question[..length]).await.unwrap();
                }
                Ok(length) = far.recv(&mut answer) => {
                    near.send_to(&answer[..length], asker.expect("it asked")).await.unwrap();
                }
            }
        }
    });
    (at, count)
}

async fn rows(agent: SocketAddr) -> Vec<Row> {
    let snmp = async |budget: &Arc<Budget>| {
        let (at, count) = counting(agent).await;
        let snmp =
            Snmp::new(&at.to_string(), &login("", "ups"), Arc::clone(budget), SnmpMapping::default(), None);
        let bridge: Arc<dyn Bridge> = Arc::new(snmp.unwrap());
        Crowd { device: None, bridge, pushes: None, datagrams: Some(count), _kept: Box::new(()) }
    };
    vec![
        Row::start(Interface::Pexip, None, async |budget| pexip::crowd(SITES, budget).await).await,
        Row::start(Interface::Pexip, Some(1), async |budget| pexip::crowd(SITES, budget).await).await,
        Row::start(Interface::Cms, None, async |budget| cms::crowd(SITES, budget).await).await,
        Row::start(Interface::Cms, Some(30), async |budget| cms::crowd(SITES, budget).await).await,
        Row::start(Interface::Smc3, None, async |budget| smc3::crowd(SITES, budget).await).await,
        Row::start(Interface::Rmx, None, async |budget| rmx::crowd(SITES, budget).await).await,
        Row::start(Interface::Kedacom, None, async |budget| kedacom::crowd(SITES, budget).await).await,
        Row::start(Interface::Zte, None, async |budget| zte::crowd(SITES, budget).await).await,
        Row::start(Interface::Janus, None, async |budget| janus_stand_in::crowd(SITES, budget).await).await,
        Row::start(Interface::Te, None, async |budget| te::crowd(budget).await).await,
        Row::start(Interface::Roomos, None, async |budget| roomos::crowd(budget).await).await,
        Row::start(Interface::Snmp, None, snmp).await,
    ]
}

/// Real milliseconds pass, in which answers travel; simulated time stands meanwhile.
async fn breathe() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
}

/// Lets everything that was asked be answered, and what follows from it be asked.
async fn settle(rows: &[Row]) {
    let mut quiet = 0;
    let mut known = Vec::new();
    while quiet < 2 {
        breathe().await;
        let now: Vec<(usize, usize)> = rows.iter().map(|row| row.crowd.counts()).collect();
        quiet = if now == known { quiet + 1 } else { 0 };
        known = now;
    }
}

async fn minute(rows: &mut [Row], minute: usize) {
    for step in 0..STEPS_PER_MINUTE {
        if step % 10 == 0 {
            let second = minute * 60 + step / 10;
            for row in rows.iter_mut() {
                row.push(second).await;
                if row.all_read_s.is_none() && row.media().0 >= wanted(row) {
                    row.all_read_s = Some(second);
                }
            }
        }
        tokio::time::advance(STEP).await;
        settle(rows).await;
    }
    rows.iter_mut().for_each(Row::end_minute);
}

/// How many sites have media: an endpoint has its own, a power supply has none.
fn wanted(row: &Row) -> usize {
    match row.crowd.bridge.interface() {
        Interface::Te | Interface::Roomos => 1,
        Interface::Snmp => usize::MAX,
        Interface::Pexip
        | Interface::Cms
        | Interface::Smc3
        | Interface::Rmx
        | Interface::Kedacom
        | Interface::Zte
        | Interface::Janus
        | Interface::Sip
        | Interface::SipRtpengine
        | Interface::Prometheus
        | Interface::Json => SITES,
    }
}

#[tokio::test]
async fn five_hundred_sites_are_watched_within_the_budget_and_the_makers_limit() {
    let agent = snmpsim().await;
    tokio::time::pause();
    let (live, idle) = minutes();
    let mut rows = rows(agent.at).await;
    for at in 0..live {
        minute(&mut rows, at).await;
    }
    let read: Vec<(usize, usize)> = rows.iter().map(Row::media).collect();
    rows.iter().for_each(|row| row.watch.pace(Pace::Idle));
    for at in live..live + idle {
        minute(&mut rows, at).await;
    }
    println!("requests a minute, {SITES} sites, {live} minutes live and {idle} idle, simulated:");
    println!("interface                first    live    idle   budget    maker's limit  all read");
    rows.iter().for_each(|row| println!("{}", row.line()));
    for (row, (read, stale)) in rows.iter().zip(read) {
        within_its_limits(row);
        let interface = row.crowd.bridge.interface();
        let whole = all_read_within(interface) <= live;
        let wanted = if whole { wanted(row) } else { SITES / 6 };
        assert!(wanted == usize::MAX || read >= wanted, "{}: {read} read", row.name);
        // What a budget cannot bear in this time is said to be old, not shown as if it were new.
        assert!(!whole || stale == 0, "{}: {stale} figures are too old", row.name);
        assert!(row.latest().is_some_and(|report| report.sight == Sight::Seen), "{}", row.name);
        if interface == Interface::Pexip {
            assert_eq!(row.crowd.swept().1, SITES, "{}: the sweep passes nobody over", row.name);
        }
    }
    // In a live meeting the sweep takes what pushes save; with none it shows.
    let asked = |name: &str| {
        let row = rows.iter().find(|row| row.name == name).unwrap();
        row.minutes[1..].iter().sum::<usize>()
    };
    assert!(asked("cms, pushes / 30 s") < asked("cms"), "what pushes is asked less");
}

/// Never more than the budget and what it lets through at once, and never what the maker forbids.
fn within_its_limits(row: &Row) {
    let budget = usize::try_from(row.budget.per_minute()).unwrap();
    for (minute, asked) in row.minutes.iter().enumerate() {
        assert!(*asked <= budget + budget / 10, "{}, minute {minute}: {asked} of {budget}", row.name);
        let allowed = row.allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap());
        assert!(*asked <= allowed, "{}, minute {minute}: {asked} of {allowed} allowed", row.name);
    }
}
