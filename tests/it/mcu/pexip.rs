//! The Pexip adapter against a stand-in that keeps the maker's documents and its limit of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::ConferenceRef;
use vcops::mcu::budget::Budget;
use vcops::mcu::http::{HttpLine, Intent};
use vcops::mcu::pexip::{ALLOWED_PER_MINUTE, Pexip, SINK_PATH, participant, reply, sink};
use vcops::mcu::trust::{Login, Trust};
use vcops::mcu::{Bridge, Pushed};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked};
use vcops::observation::device::{Absent, AlarmLevel, Counted, Flow, Given, Medium, Presence, SiteSeen, Way};

use super::budget::Crowd;
use super::contract::{self, Fixture, Push, Read, Renamed, Upset};
use super::killed;
use super::pexip_stand_in::{ALIAS, CONFERENCE, Platform, SECRET, USER, router};
use super::stand_in::{StandIn, line_with};
use super::wired;
use crate::project;

struct Rig {
    platform: Arc<Platform>,
    device: StandIn,
    adapter: Arc<Pexip>,
    sink: StandIn,
    seq: AtomicU64,
}

fn login() -> Login {
    Login { user: USER.into(), secret: SECRET.to_owned().into() }
}

fn line_to(base: url::Url) -> HttpLine {
    HttpLine::new(base, Trust::Nobody.client().unwrap(), Arc::new(Budget::new(60_000))).unwrap()
}

fn adapter(base: url::Url) -> Arc<Pexip> {
    Arc::new(Pexip::new(line_to(base), login()))
}

impl Rig {
    async fn with_sites(sites: usize) -> Self {
        let platform = Platform::with_sites(sites);
        let device = StandIn::serve(router(Arc::clone(&platform))).await;
        let adapter = adapter(device.base());
        let sink = StandIn::serve(adapter.router(Some(&login()))).await;
        Self { platform, device, adapter, sink, seq: AtomicU64::new(40) }
    }

    async fn tell(&self, seq: u64, name: &str) {
        let body = event(seq, name).into_bytes();
        assert_eq!(self.posted(body, Some(SECRET)).await, 200);
    }

    /// Posts to the sink as a node does; the status that it is answered.
    async fn posted(&self, body: Vec<u8>, secret: Option<&str>) -> u16 {
        let line = line_to(self.sink.base());
        let mut request = line.request(Method::POST, SINK_PATH).unwrap().body(body);
        if let Some(secret) = secret {
            request = request.basic_auth(USER, Some(secret));
        }
        line.send_raw(request, Intent::Act).await.unwrap().0.status
    }

    async fn seen(&self) -> Vec<SiteSeen> {
        self.adapter.roster(&self.conference()).await.unwrap().present
    }

    async fn act(&self, action: &Action) -> ActionOutcome {
        let seen = self.adapter.roster(&self.conference()).await.unwrap();
        let plan = self.adapter.plan(action, Some(&seen)).unwrap();
        let key = ActionKey("order".into());
        let outcome = self.adapter.execute(&plan, &key).await;
        assert_ne!(self.adapter.look(&plan, &key).await.unwrap(), Looked::DidNot, "{action:?}");
        outcome
    }
}

#[async_trait]
impl Fixture for Rig {
    const SITES: usize = 120;
    const LOOK_TELLS: bool = true;
    const UPSETS: &'static [Upset] = &[Upset::SecretRefused, Upset::PageShrinks];
    const PUSHES: &'static [Push] = &[Push::Change, Push::Twice, Push::AfterGap];
    const RENAMED: &'static [Renamed] = &[
        Renamed { from: "last_reported", to: "last_attempted_contact", read: Read::Health, documented: true },
        Renamed { from: "last_reported", to: "last_seen", read: Read::Health, documented: false },
        Renamed { from: "total_count", to: "total", read: Read::Roster, documented: false },
        Renamed { from: "objects", to: "items", read: Read::Roster, documented: false },
        Renamed { from: "\"conference\"", to: "\"room\"", read: Read::Roster, documented: false },
    ];
    const LAYOUT: &'static str = "1:7";
    const LAYOUT_FOR_ONE: bool = false;

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
        ConferenceRef::new(CONFERENCE)
    }

    fn secret(&self) -> &'static str {
        SECRET
    }

    fn credential(&self) -> (&'static str, String) {
        (USER, SECRET.to_owned())
    }

    fn action(&self) -> Action {
        let (address, name) = ("sip:late@city.example.org".into(), "迟到的县".into());
        Action::Dial { conference: self.conference(), address, name, kbps: Some(2_048), via: None }
    }

    fn carried_out(&self) -> usize {
        self.platform.dials.lock().unwrap().len()
    }

    fn upset(&self, upset: Option<Upset>) {
        *self.platform.shrinks.lock().unwrap() = upset == Some(Upset::PageShrinks);
        *self.platform.locked.lock().unwrap() = upset == Some(Upset::SecretRefused);
    }

    fn post(&self) -> Option<(&'static str, String)> {
        let seq = self.seq.fetch_add(1, Ordering::SeqCst) + 1;
        Some((SINK_PATH.trim_start_matches('/'), event(seq, &format!("p{seq}"))))
    }

    async fn push(&self, push: Push) {
        let ahead = if push == Push::AfterGap { 3 } else { 1 };
        let seq = self.seq.fetch_add(ahead, Ordering::SeqCst) + ahead;
        for _ in 0..if push == Push::Twice { 2 } else { 1 } {
            self.tell(seq, &format!("p{seq}")).await;
        }
    }
}

/// Somebody called in, as a node reports it.
fn event(seq: u64, name: &str) -> String {
    let data = json!({ "uuid": name, "conference": CONFERENCE, "display_name": name });
    let event = json!({
        "node": "10.0.0.1", "seq": seq, "version": 2, "time": 1.5, "event": "participant_connected", "data": data,
    });
    event.to_string()
}

/// A platform with so many sites, for measuring.
pub(super) async fn crowd(sites: usize, budget: &Arc<Budget>) -> Crowd {
    let platform = Platform::with_sites(sites);
    let device = StandIn::serve(router(Arc::clone(&platform))).await;
    let pexip = Arc::new(Pexip::new(line_with(device.base(), budget), login()));
    let mut seq = 40;
    let (sink, posts) = (pexip.router(None), move || {
        seq += 1;
        (SINK_PATH, event(seq, "nobody"))
    });
    Crowd::new(device, pexip, platform).with_pushes(sink, posts)
}

contract::suite!(Rig);
killed::suite!(Rig);
wired::suite!(Rig, "/status/v1/participant/?");

/// Calls, mutes, redials, moves and drains; each is seen in what the platform says afterwards.
#[tokio::test]
async fn what_it_is_told_is_seen_in_its_roster() {
    let rig = Rig::with_sites(3).await;
    let conference = rig.conference();
    rig.adapter.conferences().await.unwrap();
    let accepted = rig.act(&rig.action()).await;
    let called = rig.seen().await.pop().unwrap();
    let handle = Some(called.participant.as_str().to_owned());
    assert_eq!(accepted, ActionOutcome::Accepted { handle });
    assert_eq!(rig.platform.dials.lock().unwrap()[0]["conference_alias"], ALIAS, "the alias, not the name");
    assert_eq!(called.presence, Presence::Calling);
    let participant = called.participant.clone();
    let redial = Action::Redial { conference: conference.clone(), participant: participant.clone() };
    assert!(matches!(rig.act(&redial).await, ActionOutcome::Accepted { .. }));
    let again = rig.seen().await.pop().unwrap();
    assert_eq!(again.address, called.address);
    assert_eq!(rig.platform.dials.lock().unwrap().len(), 2);
    let first = rig.seen().await.remove(0).participant;
    let mute = |on| Action::Mute {
        conference: conference.clone(),
        participant: Some(first.clone()),
        medium: Medium::Audio,
        way: Way::FromSite,
        on,
    };
    for on in [true, false] {
        rig.act(&mute(on)).await;
        assert_eq!(rig.seen().await[0].muted, Some(on));
    }
    rig.act(&Action::Layout { conference: conference.clone(), participant: None, layout: "1:7".into() })
        .await;
    let (of, body) = rig.platform.commands.lock().unwrap().last().unwrap().clone();
    assert_eq!((of.as_str(), &body["layout"]), ("conference/transform_layout", &json!("1:7")));
    let to = ConferenceRef::new("备用会议室");
    rig.act(&Action::MoveParticipant { conference, participant: first.clone(), to }).await;
    assert!(rig.seen().await.iter().all(|site| site.participant != first));
    rig.adapter.health().await.unwrap();
    rig.act(&Action::Drain { on: true }).await;
    assert_eq!(rig.adapter.health().await.unwrap().service, vcops::observation::device::Service::Draining);
}

/// A site that was hung up and then cannot be called is a half-done redial, and says which half.
#[tokio::test]
async fn a_redial_whose_call_is_refused_is_partial() {
    let rig = Rig::with_sites(2).await;
    let seen = rig.adapter.roster(&rig.conference()).await.unwrap();
    let participant = seen.present[0].participant.clone();
    let redial = Action::Redial { conference: rig.conference(), participant };
    let mut plan = rig.adapter.plan(&redial, Some(&seen)).unwrap();
    plan.steps[1] = plan.steps[1].replace(CONFERENCE, "no such alias");
    let outcome = rig.adapter.execute(&plan, &ActionKey("order".into())).await;
    let (done, undone) = (vec![plan.steps[0].clone()], vec![plan.steps[1].clone()]);
    assert_eq!(outcome, ActionOutcome::Partial { done, undone });
}

/// The site's picture and sound stop: its roster stays as it was, its streams say so, and muted is no fault.
#[tokio::test]
async fn a_site_gone_dark_is_in_the_roster_and_has_no_media() {
    let rig = Rig::with_sites(2).await;
    rig.platform.change(0, |call| call.dark_since = Some(Instant::now()));
    let site = rig.seen().await.remove(0);
    assert_eq!(site.presence, Presence::Connected);
    let flows = rig.adapter.streams(&rig.conference(), &site).await.unwrap();
    let dark = Flow::NoMedia { since: None };
    let wanted =
        [Way::FromSite, Way::ToSite].map(|way| if way == Way::FromSite { dark } else { Flow::Flowing });
    assert_eq!(flows.iter().map(|stream| stream.flow).collect::<Vec<_>>(), [wanted, wanted].concat());
    rig.platform.change(0, |call| call.muted = true);
    let site = rig.seen().await.remove(0);
    let flows = rig.adapter.streams(&rig.conference(), &site).await.unwrap();
    assert_eq!(flows[0].flow, Flow::Paused, "{:?}", flows[0]);
}

/// Whose call the platform calls bad is named at once as one whose media are to be read.
#[tokio::test]
async fn the_roster_names_the_sites_to_look_at_first() {
    let rig = Rig::with_sites(20).await;
    rig.platform.change(7, |call| call.quality = "3_bad");
    rig.platform.change(9, |call| call.quality = "4_terrible");
    let (sender, mut heard) = mpsc::channel(64);
    let (stop, adapter) = (CancellationToken::new(), Arc::clone(&rig.adapter));
    let stopped = stop.clone();
    let listening = tokio::spawn(async move { adapter.listen(sender, stopped).await });
    let mut named = Vec::new();
    while named.len() < 2 {
        let seen = rig.seen().await;
        assert_eq!(seen.len(), 20);
        let next = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await;
        let Ok(Some(Pushed::Media { site, streams, .. })) = next else { continue };
        assert!(streams.is_empty(), "they are to be read");
        named.push(site);
        named.dedup();
    }
    let ids = [7, 9].map(|number| rig.platform.calls.lock().unwrap()[number].id.clone());
    assert_eq!(named.iter().map(|site| site.as_str()).collect::<Vec<_>>(), ids);
    stop.cancel();
    listening.await.unwrap().unwrap();
}

/// Who does not show the sink's secret is not heard.
#[tokio::test]
async fn an_event_without_the_secret_is_refused() {
    let rig = Rig::with_sites(1).await;
    assert_eq!(rig.posted(b"{}".to_vec(), None).await, 401);
    assert_eq!(rig.posted(b"{}".to_vec(), Some("wrong")).await, 401);
    assert_eq!(rig.posted(b"{".to_vec(), Some(SECRET)).await, 200, "one bad event must not stop the sink");
    assert_eq!(rig.posted(vec![b' '; 3 << 20], Some(SECRET)).await, 413);
}

/// One sweep over 500 sites: a list for all of them, one request for each site that is looked at.
#[tokio::test]
async fn five_hundred_sites_cost_a_few_requests_and_not_five_hundred() {
    let rig = Rig::with_sites(500).await;
    for number in 0..5 {
        rig.platform.change(number * 100, |call| call.quality = "3_bad");
    }
    let cost = |before: usize| rig.device.asked().len() - before;
    rig.adapter.conferences().await.unwrap();
    let before = rig.device.asked().len();
    assert_eq!(rig.seen().await.len(), 500);
    let roster = cost(before);
    assert_eq!(roster, 6, "five pages and the conference");
    let before = rig.device.asked().len();
    let site = rig.seen().await.remove(0);
    rig.adapter.streams(&rig.conference(), &site).await.unwrap();
    let per_site = cost(before) - roster;
    assert_eq!(per_site, 1);
    rig.adapter.health().await.unwrap();
    // Every three seconds the roster, every two the health, every five the list, and five suspects each second.
    let per_minute = 20 * roster + 30 + 12 + 5 * 60 * per_site;
    println!("500 sites, 5 of them bad: {per_minute} requests a minute of {ALLOWED_PER_MINUTE} allowed");
    assert!(per_minute < ALLOWED_PER_MINUTE as usize / 2);
}

fn sample(name: &str) -> Vec<u8> {
    project::read(&format!("tests/data/mcu/pexip/{name}.json")).into_bytes()
}

#[test]
fn samples_with_every_documented_field_are_read() {
    let workers = reply::page(&sample("status_worker_vm")).unwrap();
    let workers: Vec<_> = workers.objects.iter().map(|value| reply::worker(value).unwrap()).collect();
    let health = reply::health(&workers, Some("Sun, 22 Nov 2026 01:31:30 GMT"), workers[0].contact.unwrap());
    assert_eq!(health.version.as_deref(), Some("36 (80000.0.0)"));
    assert_eq!(health.service, vcops::observation::device::Service::Degraded, "the second has gone quiet");
    assert_eq!(health.clock_skew_ms, Given::Value(10_000.0));
    assert_eq!(health.load_pct, Given::Value(25.0));
    let page = reply::page(&sample("status_participant")).unwrap();
    let sites: Vec<_> = page.objects.iter().map(|value| participant::participant(value).unwrap()).collect();
    assert_eq!(sites[0].site.name, "青山县");
    assert_eq!(sites[0].site.address.as_deref(), Some("h323:71012"));
    assert_eq!(sites[1].site.presence, Presence::Calling);
    assert_eq!(sites[1].quality, participant::Quality::Unknown);
    let page = reply::page(&sample("status_media_stream")).unwrap();
    let streams = participant::streams(&page.objects, sites[0].switches).unwrap();
    assert_eq!(streams.len(), 4, "what has ended is left out");
    let pictures = &streams[2].sample;
    assert_eq!((pictures.medium, pictures.way), (Medium::Video, Way::FromSite));
    assert_eq!((pictures.width, pictures.fps), (Given::Value(1920), Given::Value(25.0)));
    assert_eq!(pictures.packets, Given::Value(Counted { epoch: 0, count: 66_813 }));
    assert_eq!(
        streams[0].sample.jitter_ms,
        Given::Absent(Absent::NotProvided),
        "an older version has no jitter"
    );
    let alarms = reply::page(&sample("status_alarm")).unwrap();
    let alarms: Vec<_> = alarms.objects.iter().map(|value| reply::alarm(value).unwrap()).collect();
    assert_eq!((alarms[0].what.as_str(), alarms[0].level), ("connectivity_lost", AlarmLevel::Critical));
    assert_eq!(alarms[1].level, AlarmLevel::Major, "a level that nobody knows is no small matter");
    let accepted = reply::accepted(&sample("command_dial")).unwrap();
    assert_eq!(accepted.as_deref(), Some("30000000-0000-0000-0000-000000000002"));
    assert_eq!(reply::accepted(br#"{"status":"success","result":true}"#).unwrap(), None);
    assert!(reply::accepted(br#"{"status":"failure","message":"no"}"#).is_err());
    let window = sink::read(&sample("event_media_window")).unwrap();
    assert_eq!((window[0].seq, window[0].kind.as_str()), (Some(29), "participant_media_stream_window"));
}

/// The history names the kind of a stream otherwise, and what has ended flows no more.
#[test]
fn streams_of_the_history_are_read_by_their_own_names() {
    let mut page = reply::page(&sample("history_media_stream")).unwrap().objects;
    let nobody = participant::Switches::default();
    assert_eq!(participant::streams(&page, nobody).unwrap().len(), 0, "all of it has ended");
    page.iter_mut().for_each(|stream| stream["end_time"] = Value::Null);
    let streams: Vec<_> =
        participant::streams(&page, nobody).unwrap().into_iter().map(|stream| stream.sample).collect();
    let kinds: Vec<_> = streams.iter().map(|sample| (sample.medium, sample.way, sample.kbps)).collect();
    let kbps = Given::Value;
    assert_eq!(
        kinds,
        [
            (Medium::Audio, Way::FromSite, kbps(34.0)),
            (Medium::Audio, Way::ToSite, kbps(78.0)),
            (Medium::Video, Way::FromSite, kbps(388.0)),
            (Medium::Video, Way::ToSite, kbps(402.0)),
        ]
    );
    let (sound, from, to) = (&streams[0], &streams[2], &streams[3]);
    let none = (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided));
    assert_eq!((sound.width, sound.fps), none, "an empty size and a rate of no pictures");
    assert_eq!(
        (from.width, from.height, from.fps),
        (Given::Value(1280), Given::Value(720), Given::Value(31.5))
    );
    let over_the_whole_call = Given::Absent(Absent::NotProvided);
    assert_eq!((to.loss_pct, to.lost), (over_the_whole_call, Given::Value(Counted { epoch: 0, count: 12 })));
    assert!(streams.iter().all(|sample| sample.rtt_ms == Given::Absent(Absent::NotProvided)));
}

#[test]
fn a_licence_page_names_each_kind_and_refuses_more_than_there_is() {
    let licences =
        json!({ "objects": [{ "port_count": 12, "port_total": 10, "vmr_count": -1, "vmr_total": 50 }] });
    let all = reply::licences(licences.to_string().as_bytes()).unwrap();
    assert_eq!(all[0].free(), Given::Absent(Absent::OutOfRange));
    assert_eq!(all[1].used, Given::Absent(Absent::Sentinel));
    assert!(reply::licences(Value::Null.to_string().as_bytes()).is_err());
}
