//! Janus itself, with real RTP: each fault has its own verdict, and none that only blinds us is a sign of death.
//! The times that are printed are what was seen; the limits are generous, for the machine may be busy.

use std::time::{Duration, Instant};

use axum::Router;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::http::{HttpLine, Intent};
use vcops::mcu::janus::guest::Guest;
use vcops::mcu::janus::source::{EventSource, MqttSource, http_events};
use vcops::mcu::janus::{Janus, Settings};
use vcops::mcu::trust::{Login, Trust};
use vcops::mcu::{Bridge, Pushed};
use vcops::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan};
use vcops::observation::device::{Blindness, Flow, Medium, Presence, Service, Signal, SiteSeen, Way};
use zeroize::Zeroizing;

use super::janus_rig::{JanusRig, PATIENCE, Setup, Tone, Venue, full_disk_file, site};
use crate::uplink_rig::Mosquitto;

const NAME: &str = "A县分会场";

/// A Janus with one room and one venue in it whose sound flows.
async fn one_venue(direct: bool) -> (JanusRig, Janus, ConferenceRef, Venue) {
    let rig = JanusRig::start(&Setup::default()).await;
    let room = rig.room(3001, "应急指挥会议").await;
    let venue = match direct {
        true => Venue::direct(&rig, 3001, 100, NAME).await,
        false => Venue::over_a_line(&rig, 3001, 100, NAME).await,
    };
    let janus = rig.janus();
    becomes(&janus, &room, Flow::Flowing).await;
    (rig, janus, room, venue)
}

/// What comes from the venue.
async fn flow(janus: &Janus, room: &ConferenceRef) -> Option<Flow> {
    let site = site(janus, room, NAME).await?;
    flow_of(janus, room, &site).await
}

async fn flow_of(janus: &Janus, room: &ConferenceRef, site: &SiteSeen) -> Option<Flow> {
    let streams = janus.streams(room, site).await.unwrap();
    streams.into_iter().find(|stream| stream.way == Way::FromSite).map(|stream| stream.flow)
}

/// Reads until the flow is of that kind, and says how long it took.
async fn becomes(janus: &Janus, room: &ConferenceRef, wanted: Flow) -> Duration {
    let begun = Instant::now();
    loop {
        let found = flow(janus, room).await;
        if found.is_some_and(|found| std::mem::discriminant(&found) == std::mem::discriminant(&wanted)) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "{found:?} did not become {wanted:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < PATIENCE, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    begun.elapsed()
}

const NO_MEDIA: Flow = Flow::NoMedia { since: None };

#[tokio::test(flavor = "multi_thread")]
async fn clean_then_loss_then_a_black_hole_of_which_the_room_knows_nothing() {
    let (_rig, janus, room, venue) = one_venue(false).await;
    let seen = site(&janus, &room, NAME).await.unwrap();
    assert_eq!((seen.presence, seen.muted), (Presence::Connected, Some(false)));
    assert!(seen.address.is_some_and(|address| address.starts_with("127.0.0.1:")));

    let line = venue.line.as_ref().unwrap();
    line.lose(100);
    tokio::time::sleep(Duration::from_secs(2)).await;
    for read in 0..20 {
        let found = flow(&janus, &room).await;
        assert_eq!(found, Some(Flow::Flowing), "read {read}: 10 % loss is no black hole");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }

    line.lose(1_000);
    let took = becomes(&janus, &room, NO_MEDIA).await;
    println!("black hole: NoMedia after {:.2} s", took.as_secs_f64());
    let seen = site(&janus, &room, NAME).await.unwrap();
    assert_eq!(seen.presence, Presence::Connected, "the room list still has it");
    assert_eq!(janus.health().await.unwrap().service, Service::Up);

    line.lose(0);
    let took = becomes(&janus, &room, Flow::Flowing).await;
    println!("line restored: Flowing after {:.2} s", took.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_sender_stays_joined_and_has_no_media() {
    let (_rig, janus, room, venue) = one_venue(true).await;
    venue.sender.freeze();
    let took = becomes(&janus, &room, NO_MEDIA).await;
    println!("frozen sender: NoMedia after {:.2} s", took.as_secs_f64());
    assert_eq!(site(&janus, &room, NAME).await.unwrap().presence, Presence::Connected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sender_leaves_the_roster() {
    let (_rig, janus, room, mut venue) = one_venue(true).await;
    venue.sender.kill();
    let took = until("the roster without it", async || site(&janus, &room, NAME).await.is_none()).await;
    println!("killed sender: out of the roster after {:.2} s", took.as_secs_f64());
    assert!(janus.roster(&room).await.unwrap().complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_janus_blinds_and_a_killed_one_is_a_sign_and_only_one() {
    let (mut rig, janus, room, _venue) = one_venue(false).await;
    rig.freeze();
    let fault = janus.health().await.unwrap_err();
    assert_eq!(fault, Fault::Timeout { sent: true });
    assert_eq!(fault.meaning(), Some(Err(Blindness::Timeout)));
    rig.thaw();
    until("an answer after the thaw", async || janus.health().await.is_ok()).await;

    rig.kill();
    let faults = [janus.health().await.unwrap_err(), janus.roster(&room).await.unwrap_err()];
    for fault in faults {
        assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
        assert_eq!(fault.meaning(), Some(Ok(Signal::Interface)));
    }
    rig.restart().await;
    assert_eq!(janus.health().await.unwrap().service, Service::Up);
    assert!(
        matches!(janus.roster(&room).await, Err(Fault::Said { .. })),
        "the room is gone with the process"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_blinds_and_nothing_is_done() {
    let (rig, right, room, _venue) = one_venue(false).await;
    let janus = Janus::new(&rig.settings_with("not-the-secret")).unwrap();
    let refused = Fault::Auth(AuthWhy::Wrong);
    assert_eq!(janus.health().await, Err(refused.clone()));
    assert_eq!(janus.roster(&room).await, Err(refused.clone()));
    assert_eq!(refused.meaning(), Some(Err(Blindness::Auth)));
    let plan = mute(&right, &room, true).await;
    let outcome = janus.execute(&plan, &key("1")).await;
    assert_eq!(outcome, ActionOutcome::Rejected { code: "auth".into(), retryable: false });
    assert_eq!(site(&right, &room, NAME).await.unwrap().muted, Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_it_works_on_and_does_not_say_so() {
    let mut rig = JanusRig::start(&Setup { disk_full: true, ..Setup::default() }).await;
    let recording = full_disk_file(rig.folder());
    let request = json!({
        "request": "create", "room": 3001, "description": "会议录音", "allow_rtp_participants": true,
        "sampling_rate": 16_000, "record": true, "record_file": recording,
    });
    post_admin(&rig.settings(), request).await;
    let room = ConferenceRef::new("audiobridge:3001");
    let _venue = Venue::over_a_line(&rig, 3001, 100, NAME).await;
    let janus = rig.janus();
    becomes(&janus, &room, Flow::Flowing).await;
    for _ in 0..10 {
        assert_eq!(janus.health().await.unwrap().service, Service::Up);
        assert_eq!(flow(&janus, &room).await, Some(Flow::Flowing));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(janus.alarms().await, Err(Fault::NotSupported), "it has no word for it");
    assert!(rig.runs());
}

/// A request to a plugin that only tests make.
pub(crate) async fn post_admin(settings: &Settings, request: serde_json::Value) {
    let body = json!({
        "janus": "message_plugin", "plugin": "janus.plugin.audiobridge", "transaction": "rig",
        "admin_secret": settings.login.secret.as_str(), "request": request,
    });
    let tls = settings.trust.client().unwrap();
    let line = HttpLine::new(settings.admin.clone(), tls, std::sync::Arc::clone(&settings.budget)).unwrap();
    let request = line.request(reqwest::Method::POST, "").unwrap().body(body.to_string());
    let reply = String::from_utf8(line.send(request, Intent::Act).await.unwrap().body).unwrap();
    assert!(reply.contains("created"), "{reply}");
}

fn key(number: &str) -> ActionKey {
    ActionKey(format!("order-{number}"))
}

async fn mute(janus: &Janus, room: &ConferenceRef, on: bool) -> Plan {
    let action = Action::Mute {
        conference: room.clone(),
        participant: Some(ParticipantRef::new("100")),
        medium: Medium::Audio,
        way: Way::FromSite,
        on,
    };
    plan(janus, room, &action).await
}

async fn plan(janus: &Janus, room: &ConferenceRef, action: &Action) -> Plan {
    let seen = janus.roster(room).await.unwrap();
    janus.plan(action, Some(&seen)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_venue_and_a_muted_room_are_paused_and_not_dead() {
    let (_rig, janus, room, _venue) = one_venue(false).await;
    let all = |on| Action::Mute {
        conference: room.clone(),
        participant: None,
        medium: Medium::Audio,
        way: Way::FromSite,
        on,
    };
    let one = mute(&janus, &room, true).await;
    let orders = [(one.clone(), one.undone_by.unwrap()), (plan(&janus, &room, &all(true)).await, all(false))];
    for (number, (muting, undo)) in orders.into_iter().enumerate() {
        let key = key(&number.to_string());
        assert_eq!(janus.look(&muting, &key).await, Ok(Looked::DidNot));
        assert_eq!(janus.execute(&muting, &key).await, ActionOutcome::Applied);
        assert_eq!(janus.look(&muting, &key).await, Ok(Looked::Happened));
        assert_eq!(site(&janus, &room, NAME).await.unwrap().muted, Some(true));
        becomes(&janus, &room, Flow::Paused).await;
        let undo = plan(&janus, &room, &undo).await;
        assert_eq!(janus.execute(&undo, &key).await, ActionOutcome::Applied);
        becomes(&janus, &room, Flow::Flowing).await;
        assert_eq!(site(&janus, &room, NAME).await.unwrap().muted, Some(false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_up_is_accepted_and_found_and_a_second_time_refused() {
    let (_rig, janus, room, _venue) = one_venue(false).await;
    let participant = ParticipantRef::new("100");
    let kick = plan(&janus, &room, &Action::Disconnect { conference: room.clone(), participant }).await;
    assert_eq!(kick.touches, [NAME]);
    assert_eq!(janus.look(&kick, &key("1")).await, Ok(Looked::CannotTell), "nothing is remembered of it");
    let outcome = janus.execute(&kick, &key("1")).await;
    assert_eq!(outcome, ActionOutcome::Accepted { handle: Some("100".into()) });
    until("the roster without it", async || site(&janus, &room, NAME).await.is_none()).await;
    assert_eq!(janus.look(&kick, &key("1")).await, Ok(Looked::Happened));
    let again = janus.execute(&kick, &key("2")).await;
    assert_eq!(again, ActionOutcome::Rejected { code: "492".into(), retryable: false });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redialled_venue_is_told_its_new_port_and_flows_again() {
    let (_rig, janus, room, venue) = one_venue(true).await;
    let participant = ParticipantRef::new("100");
    let redial = plan(&janus, &room, &Action::Redial { conference: room.clone(), participant }).await;
    assert_eq!(redial.steps.len(), 2, "{:?}", redial.steps);
    let outcome = janus.execute(&redial, &key("1")).await;
    assert_eq!(outcome, ActionOutcome::Accepted { handle: Some("100".into()) });
    assert_eq!(janus.look(&redial, &key("1")).await, Ok(Looked::Happened));
    assert_eq!(janus.look(&redial, &key("other")).await, Ok(Looked::CannotTell), "after a restart of ours");
    let seen = site(&janus, &room, NAME).await.unwrap();
    assert_eq!(seen.name, NAME);

    let Venue { guest, sender, .. } = venue;
    let from = seen.address.unwrap().rsplit_once(':').unwrap().1.parse().unwrap();
    drop(sender);
    let to = loop {
        let event = guest.next_event().await.unwrap();
        if let Some(to) = event.as_ref().and_then(Guest::moved_to)
            && to != guest.to
        {
            break to;
        }
    };
    let _sender = Tone::to(to, Some(from));
    becomes(&janus, &room, Flow::Flowing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mountpoint_is_stopped_without_killing_the_server() {
    let mut rig = JanusRig::start(&Setup::default()).await;
    let janus = rig.janus();
    let room = ConferenceRef::new("streaming:1");
    let source = Tone::to(([127, 0, 0, 1], rig.mountpoint).into(), None);
    let flow = async || {
        let site = janus.roster(&room).await.unwrap().present.remove(0);
        flow_of(&janus, &room, &site).await.unwrap()
    };
    until("the source flows", async || flow().await == Flow::Flowing).await;
    let stop = Action::Mute {
        conference: room.clone(),
        participant: None,
        medium: Medium::Audio,
        way: Way::FromSite,
        on: true,
    };
    let stop = plan(&janus, &room, &stop).await;
    assert!(stop.steps[0].contains("\"stop_recording\":false"), "{:?}", stop.steps);
    assert_eq!(janus.execute(&stop, &key("1")).await, ActionOutcome::Applied);
    assert_eq!(janus.look(&stop, &key("1")).await, Ok(Looked::Happened));
    assert_eq!(flow().await, Flow::Paused);
    let on = plan(&janus, &room, &stop.undone_by.unwrap()).await;
    assert_eq!(janus.execute(&on, &key("2")).await, ActionOutcome::Applied);
    until("it flows again", async || flow().await == Flow::Flowing).await;
    drop(source);
    let took = until("no media", async || matches!(flow().await, Flow::NoMedia { since: Some(_) })).await;
    println!("stopped source: NoMedia after {:.2} s", took.as_secs_f64());
    assert!(rig.runs());
}

/// Everything that is pushed, as it comes.
fn listen(janus: &std::sync::Arc<Janus>) -> (mpsc::Receiver<Pushed>, CancellationToken) {
    let (to, from) = mpsc::channel(1024);
    let stop = CancellationToken::new();
    let (janus, until) = (std::sync::Arc::clone(janus), stop.clone());
    tokio::spawn(async move { janus.listen(to, until).await });
    (from, stop)
}

async fn pushed(from: &mut mpsc::Receiver<Pushed>, wanted: &Pushed) -> Duration {
    let begun = Instant::now();
    let found = async {
        while let Some(pushed) = from.recv().await {
            if pushed == *wanted {
                return;
            }
        }
        panic!("the source ended before {wanted:?}");
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{wanted:?} never came"));
    begun.elapsed()
}

fn with_broker(rig: &JanusRig, broker: &Mosquitto) -> std::sync::Arc<Janus> {
    let mut settings = rig.settings();
    settings.events = Some(EventSource::Mqtt(MqttSource {
        host: broker.address.ip().to_string(),
        port: broker.address.port(),
        topic: "/janus/events".into(),
        client: format!("listener-{}", rig.mountpoint),
        login: None,
        trust: Trust::Nobody,
    }));
    std::sync::Arc::new(Janus::new(&settings).unwrap())
}

async fn broker() -> Mosquitto {
    Mosquitto::start().await.expect("mosquitto is missing: scripts/system-packages.sh test installs it")
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_broker_a_death_is_said_and_a_kept_greeting_proves_nothing() {
    let broker = broker().await;
    let mut rig =
        JanusRig::start(&Setup { broker: Some(broker.address), will: true, ..Setup::default() }).await;
    let janus = with_broker(&rig, &broker);
    let (mut from, stop) = listen(&janus);
    // The greeting was kept by the broker, and Janus answers: it lives.
    pushed(&mut from, &Pushed::Alive).await;
    let room = rig.room(3001, "应急指挥会议").await;
    let venue = Venue::over_a_line(&rig, 3001, 100, NAME).await;
    pushed(&mut from, &Pushed::Changed(Some(room.clone()))).await;
    becomes(&janus, &room, Flow::Flowing).await;
    rig.kill();
    let took = pushed(&mut from, &Pushed::Farewell).await;
    println!("killed janus: the broker said so after {:.2} s", took.as_secs_f64());
    stop.cancel();
    drop(venue);

    let (mut from, _stop) = listen(&janus);
    pushed(&mut from, &Pushed::Farewell).await;
    rig.restart().await;
    pushed(&mut from, &Pushed::Alive).await;
    pushed(&mut from, &Pushed::Gap).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_will_the_dead_is_not_taken_for_alive() {
    let broker = broker().await;
    let mut rig = JanusRig::start(&Setup { broker: Some(broker.address), ..Setup::default() }).await;
    let janus = with_broker(&rig, &broker);
    let (mut from, stop) = listen(&janus);
    pushed(&mut from, &Pushed::Alive).await;
    stop.cancel();
    rig.kill();
    let (mut from, _stop) = listen(&janus);
    let heard = tokio::time::timeout(Duration::from_secs(3), from.recv()).await;
    assert!(heard.is_err(), "{heard:?}: the broker keeps the greeting of a dead process");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_events_come_to_the_router_and_spare_the_walk() {
    let login = Login { user: "janus".into(), secret: Zeroizing::new("pass".into()) };
    let (router, source) = http_events(Some(login));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = format!("http://{}/events", listener.local_addr().unwrap());
    let app = Router::new().nest("/events", router);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let rig = JanusRig::start(&Setup { backend: Some(backend), ..Setup::default() }).await;
    let mut settings = rig.settings();
    settings.events = Some(EventSource::Http(source));
    let budget = std::sync::Arc::clone(&settings.budget);
    let janus = std::sync::Arc::new(Janus::new(&settings).unwrap());
    let (mut from, _stop) = listen(&janus);
    let room = rig.room(3001, "应急指挥会议").await;
    let mut venues = Vec::new();
    for party in 100..105 {
        venues.push(Venue::over_a_line(&rig, 3001, party, &format!("分会场{party}")).await);
    }
    // One change when the room is made, one for each who joins.
    for _ in 0..6 {
        pushed(&mut from, &Pushed::Changed(Some(room.clone()))).await;
    }
    let seen = janus.roster(&room).await.unwrap();
    assert_eq!(seen.present.len(), 5);
    for site in &seen.present {
        until("it flows", async || flow_of(&janus, &room, site).await == Some(Flow::Flowing)).await;
    }
    let before = budget.taken();
    for site in &janus.roster(&room).await.unwrap().present {
        janus.streams(&room, site).await.unwrap();
    }
    println!("5 sites cost {} requests in a round", budget.taken() - before);
    assert!(budget.taken() - before <= 7 + 5 * 11, "no walk was needed");
}
