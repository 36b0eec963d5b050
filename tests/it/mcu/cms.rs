//! The adapter of Cisco Meeting Server against a stand-in that keeps Cisco's documents.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, NodeRef};
use vcops::mcu::budget::Budget;
use vcops::mcu::cms::plan::owner;
use vcops::mcu::cms::{BUDGET_PER_MINUTE, CDR_PATH, Cms};
use vcops::mcu::http::{HttpLine, Intent};
use vcops::mcu::trust::{Login, Trust};
use vcops::mcu::{Bridge, Pushed};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked};
use vcops::observation::device::{Flow, Given, Medium, Presence, SiteSeen, Way};

use super::budget::Crowd;
use super::cms_stand_in::{CALL, OTHER_CALL, SECRET, Server, USER, router};
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::killed;
use super::stand_in::{StandIn, Trouble, line_with};
use super::wired;

struct Rig {
    server: Arc<Server>,
    device: StandIn,
    adapter: Arc<Cms>,
    receiver: StandIn,
    index: AtomicU64,
}

fn line_to(base: url::Url) -> HttpLine {
    HttpLine::new(base, Trust::Nobody.client().unwrap(), Arc::new(Budget::new(60_000))).unwrap()
}

fn adapter(base: url::Url) -> Arc<Cms> {
    Arc::new(Cms::new(line_to(base), Login { user: USER.into(), secret: SECRET.to_owned().into() }))
}

impl Rig {
    async fn with_sites(sites: usize) -> Self {
        let server = Server::with_sites(sites);
        let device = StandIn::serve(router(Arc::clone(&server))).await;
        let adapter = adapter(device.base());
        let receiver = StandIn::serve(adapter.router()).await;
        Self { server, device, adapter, receiver, index: AtomicU64::new(40) }
    }

    async fn tell(&self, index: u64) {
        let body = record(index);
        let line = line_to(self.receiver.base());
        let request = line.request(Method::POST, CDR_PATH).unwrap().body(body);
        assert_eq!(line.send_raw(request, Intent::Act).await.unwrap().0.status, 200);
    }

    async fn seen(&self) -> Vec<SiteSeen> {
        self.adapter.roster(&self.conference()).await.unwrap().present
    }

    async fn act(&self, action: &Action, key: &str) -> ActionOutcome {
        let seen = self.adapter.roster(&self.conference()).await.unwrap();
        let plan = self.adapter.plan(action, Some(&seen)).unwrap();
        let key = ActionKey(key.into());
        let outcome = self.adapter.execute(&plan, &key).await;
        assert!(matches!(outcome, ActionOutcome::Accepted { .. }), "{action:?}: {outcome:?}");
        assert_ne!(self.adapter.look(&plan, &key).await.unwrap(), Looked::DidNot, "{action:?}");
        outcome
    }
}

#[async_trait]
impl Fixture for Rig {
    const SITES: usize = 60;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::SecretRefused, Upset::PageShrinks];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::AfterGap];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "uptimeSeconds", to: "UPTIMESECONDS", read: Read::Health, documented: true },
        Renamed { from: "uptimeSeconds", to: "upSeconds", read: Read::Health, documented: false },
        Renamed { from: "mediaProcessingLoad", to: "processingLoad", read: Read::Health, documented: false },
        Renamed { from: "total=", to: "count=", read: Read::Roster, documented: false },
        Renamed { from: "remoteParty", to: "peer", read: Read::Roster, documented: false },
        Renamed { from: "callLegs", to: "legs", read: Read::Roster, documented: false },
    ];
    const LAYOUT: &'static str = "allEqual";

    async fn start() -> Self {
        Self::with_sites(Self::SITES).await
    }

    fn device(&self) -> &StandIn {
        &self.device
    }

    fn bridge(&self) -> Arc<dyn Bridge> {
        Arc::clone(&self.adapter) as Arc<dyn Bridge>
    }

    fn bridge_to(&self, base: url::Url) -> Arc<dyn Bridge> {
        adapter(base)
    }

    fn conference(&self) -> ConferenceRef {
        ConferenceRef::new(CALL)
    }

    fn secret(&self) -> &'static str {
        SECRET
    }

    fn credential(&self) -> (&'static str, String) {
        (USER, SECRET.to_owned())
    }

    fn action(&self) -> Action {
        let (address, name) = ("late@city.example.org".into(), "迟到的县".into());
        Action::Dial { conference: self.conference(), address, name, kbps: Some(2_048), via: None }
    }

    fn carried_out(&self) -> usize {
        self.server.dials.lock().unwrap().len()
    }

    fn upset(&self, upset: Option<Upset>) {
        *self.server.shrinks.lock().unwrap() = upset == Some(Upset::PageShrinks);
        *self.server.locked.lock().unwrap() = upset == Some(Upset::SecretRefused);
    }

    fn post(&self) -> Option<(&'static str, String)> {
        let index = self.index.fetch_add(1, Ordering::SeqCst) + 1;
        Some((CDR_PATH.trim_start_matches('/'), record(index)))
    }

    async fn push(&self, push: Push) {
        let ahead = if push == Push::AfterGap { 3 } else { 1 };
        let index = self.index.fetch_add(ahead, Ordering::SeqCst) + ahead;
        for _ in 0..if push == Push::Twice { 2 } else { 1 } {
            self.tell(index).await;
        }
    }
}

/// A leg changed, as the bridge records it.
fn record(index: u64) -> String {
    format!(
        "<?xml version=\"1.0\"?><records session=\"s1\" callBridge=\"cb-1\"><record type=\"callLegUpdate\" \
         time=\"2026-11-22T01:00:00Z\" recordIndex=\"{index}\" correlatorIndex=\"{index}\">\
         <callLeg id=\"l{index}\"><call>{CALL}</call></callLeg></record></records>"
    )
}

/// A bridge with so many legs, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let server = Server::with_sites(sites);
    let device = StandIn::serve(router(Arc::clone(&server))).await;
    let login = Login { user: USER.into(), secret: SECRET.to_owned().into() };
    let cms = Arc::new(Cms::new(line_with(device.base(), budget), login));
    let mut index = 40;
    let (receiver, posts) = (cms.router(), move || {
        index += 1;
        (CDR_PATH, record(index))
    });
    Crowd::new(device, cms, server).with_pushes(receiver, posts)
}

contract::suite!(Rig);
killed::suite!(Rig);
wired::suite!(Rig, "/callLegs?");

/// Calls, mutes, lays out, mends, redials and moves; each is seen in what the bridge says afterwards.
#[tokio::test]
async fn what_it_is_told_is_seen_in_its_legs() {
    let rig = Rig::with_sites(3).await;
    let conference = rig.conference();
    rig.act(&rig.action(), "order-1").await;
    let dialled = rig.server.dials.lock().unwrap()[0].clone();
    let field = |name: &str| dialled.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert_eq!(field("ownerId"), Some(owner(&ActionKey("order-1".into()))));
    assert_eq!(field("bandwidth").as_deref(), Some("2048000"), "bits, not kilobits");
    let called = rig.seen().await.pop().unwrap();
    assert_eq!((called.name.as_str(), &called.presence), ("迟到的县", &Presence::Calling));
    let participant = called.participant.clone();
    rig.act(&Action::Redial { conference: conference.clone(), participant }, "order-2").await;
    assert_eq!(rig.seen().await.pop().unwrap().address, called.address);
    assert_eq!(rig.server.dials.lock().unwrap().len(), 2);
    let first = rig.seen().await.remove(0).participant;
    let mute = |participant, on| Action::Mute {
        conference: conference.clone(),
        participant,
        medium: Medium::Audio,
        way: Way::FromSite,
        on,
    };
    rig.act(&mute(Some(first.clone()), true), "order-3").await;
    assert_eq!(rig.server.legs.lock().unwrap()[0].settings, [("rxAudioMute".to_owned(), "true".to_owned())]);
    rig.act(&mute(None, true), "order-4").await;
    assert!(rig.server.legs.lock().unwrap().iter().all(|leg| !leg.settings.is_empty()));
    let layout = Action::Layout {
        conference: conference.clone(),
        participant: Some(first.clone()),
        layout: "onePlusFive".into(),
    };
    rig.act(&layout, "order-5").await;
    rig.act(&Action::KeyFrame { conference: conference.clone(), participant: first.clone() }, "order-6")
        .await;
    assert_eq!(*rig.server.key_frames.lock().unwrap(), 1);
    let to = ConferenceRef::new(OTHER_CALL);
    rig.act(&Action::MoveParticipant { conference, participant: first.clone(), to }, "order-7").await;
    assert!(rig.seen().await.iter().all(|site| site.participant != first));
}

/// Another order for the same address is another order: its key is not found.
#[tokio::test]
async fn an_order_is_found_by_its_own_key_alone() {
    let rig = Rig::with_sites(2).await;
    let seen = rig.adapter.roster(&rig.conference()).await.unwrap();
    let via = Action::Dial {
        conference: rig.conference(),
        address: "late@city.example.org".into(),
        name: "迟到的县".into(),
        kbps: None,
        via: Some(NodeRef::new("cb-2")),
    };
    let plan = rig.adapter.plan(&via, Some(&seen)).unwrap();
    let (ours, other) = (ActionKey("ours".into()), ActionKey("other".into()));
    rig.device.trouble(Some(Trouble::SilentAfter));
    assert_eq!(rig.adapter.execute(&plan, &ours).await, ActionOutcome::Unknown);
    rig.device.trouble(None);
    assert_eq!(rig.adapter.look(&plan, &ours).await, Ok(Looked::Happened));
    assert_eq!(rig.adapter.look(&plan, &other).await, Ok(Looked::CannotTell));
    assert_eq!(rig.carried_out(), 1);
}

/// A leg to another bridge is told apart, and a site gone dark stays in the roster without media.
#[tokio::test]
async fn links_are_no_sites_and_a_dark_site_has_no_media() {
    let rig = Rig::with_sites(3).await;
    rig.server.change(1, |leg| leg.subtype = Some("distributionLink"));
    rig.server.change(2, |leg| leg.dark = true);
    let sites = rig.seen().await;
    assert_eq!(sites.iter().map(|site| site.cascade).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(sites[2].presence, Presence::Connected);
    let streams = rig.adapter.streams(&rig.conference(), &sites[2]).await.unwrap();
    let from_site = streams.iter().filter(|stream| stream.way == Way::FromSite);
    assert!(
        from_site.clone().count() == 2
            && from_site.clone().all(|it| it.flow == Flow::NoMedia { since: None })
    );
    assert!(from_site.clone().all(|it| it.loss_pct.value().is_none()), "no loss of 0 % in an outage");
    assert!(streams.iter().any(|stream| stream.rtt_ms == Given::Value(12.0)));
}

/// The legs that the bridge calls degraded are found by one question and named as the ones to look at first.
#[tokio::test]
async fn the_roster_names_the_sites_to_look_at_first() {
    let rig = Rig::with_sites(30).await;
    rig.server.change(17, |leg| leg.alarms = vec!["packetLoss", "excessiveJitter"]);
    let (sender, mut heard) = mpsc::channel(64);
    let (stop, adapter) = (CancellationToken::new(), Arc::clone(&rig.adapter));
    let stopped = stop.clone();
    let listening = tokio::spawn(async move { adapter.listen(sender, stopped).await });
    let named = loop {
        rig.seen().await;
        let next = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await;
        if let Ok(Some(Pushed::Media { site, .. })) = next {
            break site;
        }
    };
    assert_eq!(named.as_str(), rig.server.legs.lock().unwrap()[17].id);
    stop.cancel();
    listening.await.unwrap().unwrap();
}

/// A sweep over 500 legs: pages and one question for the degraded; a leg's own page is read once.
#[tokio::test]
async fn five_hundred_legs_cost_a_few_requests_once_they_are_known() {
    let rig = Rig::with_sites(500).await;
    let mut sweeps = 0;
    while rig.seen().await.iter().any(|site| site.presence == Presence::Unknown) {
        sweeps += 1;
        assert!(sweeps <= 20, "25 new legs are read in each sweep");
    }
    let before = rig.device.asked().len();
    assert_eq!(rig.seen().await.len(), 500);
    let sweep = rig.device.asked().len() - before;
    assert_eq!(sweep, 14, "thirteen pages of forty and the degraded");
    println!("500 legs: {} requests a minute at a sweep each 3 s, budget {BUDGET_PER_MINUTE}", sweep * 20);
    assert!(sweep * 20 < BUDGET_PER_MINUTE as usize);
}
