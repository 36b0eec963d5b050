//! The adapter to Huawei SMC 3.0: samples of its replies, and a stand-in that speaks its documented interface and
//! pushes.

mod device;
mod replies;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, NodeRef, ParticipantRef};
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::Fault;
use vcops::mcu::http::HttpLine;
use vcops::mcu::smc3::Smc3;
use vcops::mcu::trust::{Login, Trust};
use vcops::mcu::{Bridge, Pushed};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use vcops::observation::device::{
    Absent, ConferenceSeen, Flow, Given, Medium, Presence, Service, StreamSample, Way,
};
use zeroize::Zeroizing;

use self::device::{CONFERENCE, Device, PASSWORD, USER};
use super::budget::Crowd;
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::killed;
use super::stand_in::{StandIn, line_with};
use super::wired;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

fn adapter(base: url::Url) -> Arc<Smc3> {
    let tls = Trust::Nobody.client().unwrap();
    let line = HttpLine::new(base, tls.clone(), Arc::new(Budget::new(60_000))).unwrap();
    Arc::new(Smc3::new(line, tls, Login { user: USER.into(), secret: Zeroizing::new(PASSWORD.into()) }))
}

struct Kept {
    device: Device,
    served: StandIn,
    smc: Arc<Smc3>,
    numbers: AtomicU64,
}

impl Kept {
    async fn with_sites(count: usize) -> Self {
        let device = Device::with_sites(count);
        let served = StandIn::serve(device.router()).await;
        let smc = adapter(served.base());
        Self { device, served, smc, numbers: AtomicU64::new(1) }
    }

    async fn seen(&self) -> ConferenceSeen {
        self.smc.roster(&ConferenceRef::new(CONFERENCE)).await.unwrap()
    }

    async fn plan(&self, action: &Action) -> Result<Plan, Refused> {
        self.smc.plan(action, Some(&self.seen().await))
    }

    async fn carry_out(&self, action: &Action) -> ActionOutcome {
        let plan = self.plan(action).await.unwrap();
        self.smc.execute(&plan, &ActionKey("k".into())).await
    }

    fn listen(&self) -> Listening {
        let (sender, heard) = mpsc::channel(64);
        let (smc, stop) = (self.smc.clone(), CancellationToken::new());
        let stopped = stop.clone();
        Listening { heard, stop, task: tokio::spawn(async move { smc.listen(sender, stopped).await }) }
    }

    async fn streams(&self, at: usize) -> Vec<StreamSample> {
        let seen = self.seen().await;
        self.smc.streams(&seen.conference, &seen.present[at]).await.unwrap()
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

struct Listening {
    heard: mpsc::Receiver<Pushed>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Fault>>,
}

impl Listening {
    /// Waits for something that is pushed.
    async fn until(&mut self, wanted: impl Fn(&Pushed) -> bool) -> Pushed {
        let found = async {
            loop {
                let said = self.heard.recv().await.expect("it goes on");
                if wanted(&said) {
                    return said;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it is pushed")
    }

    /// Waits until it ends by itself, whatever is pushed meanwhile.
    async fn end(mut self) -> Result<(), Fault> {
        let ends = async { while self.heard.recv().await.is_some() {} };
        tokio::time::timeout(PATIENCE, ends).await.expect("it ends");
        self.task.await.unwrap()
    }
}

/// A page and a bit.
const SITES: usize = 120;

#[async_trait]
impl Fixture for Kept {
    const SITES: usize = SITES;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::LoginExpires, Upset::SecretRefused, Upset::PageShrinks];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::BreaksOff];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "totalElements", to: "total", read: Read::Health, documented: false },
        Renamed { from: "generalParam", to: "baseParam", read: Read::Roster, documented: false },
        Renamed { from: "\"online\"", to: "\"isOnline\"", read: Read::Roster, documented: false },
        Renamed { from: "\"totalParticipantNum\"", to: "\"totalNum\"", read: Read::Roster, documented: true },
    ];
    const LAYOUT: &'static str = "4/1";

    /// What is measured comes by push alone, so one listens from the start.
    async fn start() -> Self {
        let kept = Self::with_sites(SITES).await;
        let mut listening = kept.listen();
        listening
            .until(|said| matches!(said, Pushed::Media { site, .. } if site.as_str() == "site-0003"))
            .await;
        tokio::spawn(async move { while listening.heard.recv().await.is_some() {} });
        kept
    }

    fn device(&self) -> &StandIn {
        &self.served
    }

    fn bridge(&self) -> Arc<dyn Bridge> {
        self.smc.clone()
    }

    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge> {
        adapter(base)
    }

    fn conference(&self) -> ConferenceRef {
        ConferenceRef::new(CONFERENCE)
    }

    fn secret(&self) -> &'static str {
        PASSWORD
    }

    fn credential(&self) -> (&'static str, String) {
        (USER, PASSWORD.to_owned())
    }

    fn action(&self) -> Action {
        dial("sip:new@172.16.100.9")
    }

    fn carried_out(&self) -> usize {
        self.device.desk().added
    }

    fn logins(&self) -> usize {
        self.device.desk().logins
    }

    fn upset(&self, upset: Option<Upset>) {
        let mut desk = self.device.desk();
        if matches!(upset, Some(Upset::LoginExpires | Upset::SecretRefused)) {
            desk.tokens.clear();
        }
        desk.upset = upset;
    }

    async fn push(&self, push: Push) {
        let number = self.number();
        self.device.desk().unmeasured = true;
        match push {
            Push::BreaksOff => self.device.break_off(),
            Push::Twice => {
                self.device.sites_changed(number);
                self.device.sites_changed(number);
            }
            Push::Change | Push::AfterGap => self.device.sites_changed(number),
        }
    }
}

/// An SMC with so many sites, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let device = Device::with_sites(sites);
    let served = StandIn::serve(device.router()).await;
    let login = Login { user: USER.into(), secret: Zeroizing::new(PASSWORD.into()) };
    let smc = Smc3::new(line_with(served.base(), budget), Trust::Nobody.client().unwrap(), login);
    Crowd::new(served, Arc::new(smc), device)
}

contract::suite!(Kept);
killed::suite!(Kept);
wired::suite!(Kept);

fn dial(address: &str) -> Action {
    let conference = ConferenceRef::new(CONFERENCE);
    Action::Dial { conference, address: address.into(), name: "新县".into(), kbps: Some(1920), via: None }
}

fn mute(site: Option<&str>, way: Way) -> Action {
    let participant = site.map(ParticipantRef::new);
    let conference = ConferenceRef::new(CONFERENCE);
    Action::Mute { conference, participant, medium: Medium::Audio, way, on: true }
}

fn of_site(make: fn(ConferenceRef, ParticipantRef) -> Action, site: &str) -> Action {
    make(ConferenceRef::new(CONFERENCE), ParticipantRef::new(site))
}

#[tokio::test]
async fn who_is_expected_and_who_is_there_is_told_apart() {
    let kept = Kept::with_sites(3).await;
    kept.device.desk().sites.get_mut("site-0001").unwrap().online = false;
    let seen = kept.seen().await;
    assert_eq!((seen.name.as_str(), seen.complete), ("全市防汛会商", true));
    assert_eq!(seen.expected.as_ref().map(Vec::len), Some(3));
    let there: Vec<_> = seen.present.iter().map(|site| site.participant.as_str()).collect();
    assert_eq!(there, ["site-0000", "site-0002"]);
    let conferences = kept.smc.conferences().await.unwrap();
    assert_eq!(conferences.len(), 1, "what has not begun is none");
    let health = kept.smc.health().await.unwrap();
    let skew = health.clock_skew_ms.value().unwrap();
    assert!(skew.abs() < 2_000.0, "{skew}");
}

#[tokio::test]
async fn what_is_measured_is_what_was_pushed_and_absent_before() {
    let kept = Kept::with_sites(6).await;
    let before = kept.streams(0).await;
    assert!(before.iter().all(|stream| stream.kbps == Given::Absent(Absent::NotYet)), "{before:?}");
    assert_eq!(before[2].codec.as_deref(), Some("H.264 HP"));
    let mut listening = kept.listen();
    listening.until(|said| *said == Pushed::Gap).await;
    let media = listening.until(|said| matches!(said, Pushed::Media { .. })).await;
    let Pushed::Media { conference, streams, .. } = media else { panic!("{media:?}") };
    assert_eq!((conference.as_str(), streams.len()), (CONFERENCE, 4));
    let now = kept.streams(0).await;
    let video =
        now.iter().find(|stream| (stream.medium, stream.way) == (Medium::Video, Way::ToSite)).unwrap();
    assert_eq!((video.kbps, video.rtt_ms), (Given::Value(1890.0), Given::Value(22.0)));
    assert_eq!((video.height, video.codec.as_deref()), (Given::Value(1080), Some("H.265")));
    assert_eq!(kept.device.desk().topics.len(), 4, "all, the conference, its sites, their measurements");
    listening.stop.cancel();
    assert_eq!(listening.end().await, Ok(()));
}

#[tokio::test]
async fn a_muted_site_is_paused_and_not_dead() {
    let kept = Kept::with_sites(3).await;
    kept.device.desk().sites.get_mut("site-0000").unwrap().mute = true;
    let mut listening = kept.listen();
    let is_it = |said: &Pushed| matches!(said, Pushed::Media { site, .. } if site.as_str() == "site-0000");
    let Pushed::Media { streams, .. } = listening.until(is_it).await else { panic!("no media") };
    let paused: Vec<_> = streams.iter().filter(|stream| stream.flow == Flow::Paused).collect();
    assert_eq!(paused.len(), 1);
    assert_eq!((paused[0].medium, paused[0].way), (Medium::Audio, Way::FromSite));
}

#[tokio::test]
async fn conferences_are_followed_from_their_beginning_to_their_end() {
    let kept = Kept::with_sites(3).await;
    let mut listening = kept.listen();
    listening.until(|said| matches!(said, Pushed::Media { .. })).await;
    let new = "c0ffee00-0009";
    let changed = |said: &Pushed| *said == Pushed::Changed(Some(ConferenceRef::new("c0ffee00-0009")));
    kept.device.stage(new, "ONLINE", kept.number());
    listening.until(changed).await;
    let followed = async {
        while kept.device.desk().topics.iter().filter(|topic| topic.contains(new)).count() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, followed).await.expect("it is followed");
    kept.device.stage(new, "OFFLINE", kept.number());
    listening.until(changed).await;
}

#[tokio::test]
async fn a_signature_opens_the_line_and_a_password_where_it_is_not_taken() {
    let kept = Kept::with_sites(3).await;
    let mut listening = kept.listen();
    listening.until(|said| matches!(said, Pushed::Media { .. })).await;
    listening.stop.cancel();
    assert_eq!(kept.device.desk().opened, [("signature timestamp username".to_owned(), false)]);
    kept.device.desk().opened.clear();
    kept.device.desk().no_signatures = true;
    let mut listening = kept.listen();
    listening.until(|said| matches!(said, Pushed::Media { .. })).await;
    let opened = kept.device.desk().opened.clone();
    assert_eq!(opened.last(), Some(&(String::new(), true)));
}

/// It accepts the connection and says nothing more: found out after twice the time in which it promised to.
#[tokio::test]
async fn a_line_that_falls_silent_ends() {
    let kept = Kept::with_sites(3).await;
    kept.device.desk().silent = true;
    assert_eq!(kept.listen().end().await, Err(Fault::Timeout { sent: false }));
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable_for_push_too() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", free.local_addr().unwrap()).parse().unwrap();
    drop(free);
    let (sender, _heard) = mpsc::channel(1);
    let ended = adapter(base).listen(sender, CancellationToken::new()).await;
    assert!(matches!(ended, Err(Fault::Unreachable(_))), "{ended:?}");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_without_a_new_login() {
    let kept = Kept::with_sites(3).await;
    kept.smc.health().await.unwrap();
    let counts = || {
        let desk = kept.device.desk();
        (desk.logins, desk.renewals)
    };
    assert_eq!(counts(), (1, 0));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11 * 60)).await;
    tokio::time::resume();
    kept.smc.health().await.unwrap();
    assert_eq!(counts(), (1, 2), "one in each portal");
    kept.smc.health().await.unwrap();
    assert_eq!(counts(), (1, 2));
}

#[tokio::test]
async fn a_broken_portal_of_the_system_degrades_and_does_not_blind() {
    let kept = Kept::with_sites(3).await;
    kept.device.desk().sys_broken = true;
    let health = kept.smc.health().await.unwrap();
    assert_eq!(health.service, Service::Degraded);
    let nodes: Vec<_> = health.nodes.iter().map(|node| (node.node.as_str(), node.service)).collect();
    assert_eq!(nodes, [("conf-portal", Service::Up), ("sys-portal", Service::Failed)]);
}

#[tokio::test]
async fn alarms_are_read_of_conferences_that_have_any() {
    let kept = Kept::with_sites(3).await;
    assert_eq!(kept.smc.alarms().await, Ok(Vec::new()));
    kept.device.desk().alarmed = true;
    let alarms = kept.smc.alarms().await.unwrap();
    assert_eq!((alarms[0].what.as_str(), alarms[0].detail.as_str()), ("会场掉线", "会场3"));
}

#[tokio::test]
async fn sites_are_told_what_they_are_to_be() {
    let kept = Kept::with_sites(3).await;
    let outcome = kept.carry_out(&mute(Some("site-0001"), Way::FromSite)).await;
    assert!(matches!(outcome, ActionOutcome::Accepted { .. }), "{outcome:?}");
    kept.carry_out(&mute(Some("site-0002"), Way::ToSite)).await;
    let state = |id: &str| {
        let desk = kept.device.desk();
        (desk.sites[id].mute, desk.sites[id].quiet)
    };
    assert_eq!((state("site-0001"), state("site-0002")), ((true, false), (false, true)));
    kept.carry_out(&mute(None, Way::FromSite)).await;
    assert_eq!((state("site-0000"), state("site-0002")), ((true, false), (true, true)));
    let show = of_site(|conference, participant| Action::Broadcast { conference, participant }, "site-0001");
    let plan = kept.plan(&show).await.unwrap();
    let key = ActionKey("k".into());
    assert_eq!(kept.smc.look(&plan, &key).await, Ok(Looked::DidNot));
    kept.smc.execute(&plan, &key).await;
    assert_eq!(kept.smc.look(&plan, &key).await, Ok(Looked::Happened));
}

#[tokio::test]
async fn a_redial_hangs_up_and_calls_and_both_are_desired_states() {
    let kept = Kept::with_sites(3).await;
    let redial = of_site(|conference, participant| Action::Redial { conference, participant }, "site-0001");
    let plan = kept.plan(&redial).await.unwrap();
    let states: Vec<bool> = plan.steps.iter().map(|step| step.ends_with("{\"isOnline\":true}")).collect();
    assert_eq!(states, [false, true]);
    let outcome = kept.smc.execute(&plan, &ActionKey("k".into())).await;
    assert!(matches!(outcome, ActionOutcome::Accepted { .. }), "{outcome:?}");
    assert!(kept.device.desk().sites["site-0001"].online);
}

#[tokio::test]
async fn a_site_that_belongs_to_the_conference_is_called_and_not_added() {
    let kept = Kept::with_sites(3).await;
    assert_eq!(kept.plan(&dial("h323:07310001")).await, Err(Refused::CalledAlready));
    kept.device.desk().sites.get_mut("site-0001").unwrap().online = false;
    kept.carry_out(&dial("h323:07310001")).await;
    let desk = kept.device.desk();
    assert_eq!((desk.added, desk.sites["site-0001"].online), (0, true));
}

#[tokio::test]
async fn a_no_has_its_number_and_ports_may_be_free_later() {
    let kept = Kept::with_sites(3).await;
    let cases = [("0x20040010", "0x20040010", true), ("2003B", "0x2003b", false), ("77", "0x77", false)];
    for (number, wanted, later) in cases {
        kept.device.desk().refuses = Some(number);
        let outcome = kept.carry_out(&dial("sip:new@172.16.100.9")).await;
        assert_eq!(outcome, ActionOutcome::Rejected { code: wanted.into(), retryable: later });
    }
    assert_eq!(kept.device.desk().added, 0);
}

#[tokio::test]
async fn a_whole_conference_is_not_moved_by_guesswork() {
    let kept = Kept::with_sites(3).await;
    let conference = ConferenceRef::new(CONFERENCE);
    let migrate = Action::MigrateConference { conference, to: NodeRef::new("mcu2") };
    assert_eq!(kept.plan(&migrate).await, Err(Refused::NotProvided));
    let bad =
        Action::Layout { conference: ConferenceRef::new(CONFERENCE), participant: None, layout: "26".into() };
    assert!(matches!(kept.plan(&bad).await, Err(Refused::BadValue { .. })));
}

#[tokio::test]
async fn five_hundred_sites_cost_seven_requests() {
    let kept = Kept::with_sites(500).await;
    kept.smc.health().await.unwrap();
    let before = kept.served.asked().len();
    let seen = kept.seen().await;
    assert!(seen.complete && seen.present.iter().all(|site| site.presence == Presence::Connected));
    assert_eq!((seen.present.len(), kept.served.asked().len() - before), (500, 6));
    kept.smc.health().await.unwrap();
    assert_eq!(kept.served.asked().len() - before, 7, "and none of them for a stream");
}
