//! Thirty venues are to be called again at once after a Janus came back: they are, each once, and no faster than set.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vcops::domain::id::McuId;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::domain::time::Utc;
use vcops::mcu::Bridge;
use vcops::mcu::budget::Budget;
use vcops::mcu::desk::{Desk, Eyes, Means as DeskMeans, Peers, Settings, Task};
use vcops::mcu::janus::guest::{Guest, GuestCodec, Joining};
use vcops::mcu::janus::name::Id;
use vcops::mcu::watch::{Means, Pace, Watch};
use vcops::metrics::Counters;
use vcops::observation::action::{Action, ActionKey, ActionOutcome, DeviceOrder, Step, Verified};
use vcops::observation::device::{Device, Sight, SiteSeen};

use super::janus_rig::{JanusRig, PATIENCE, Setup};

const VENUES: u64 = 30;
/// Calls that the desk may make in any minute.
const PER_MINUTE: u32 = 60;
const ROOM: u64 = 3001;
/// A silent frame of Opus, 20 ms (RFC 6716).
const FRAME: [u8; 3] = [0xf8, 0xff, 0xfe];

#[derive(Debug)]
struct Nobody;

impl Eyes for Nobody {
    fn flow(&self, _: &SiteSeen) -> Option<bool> {
        None
    }
}

impl Peers for Nobody {
    fn peer(&self, _: &str) -> Option<Arc<dyn Bridge>> {
        None
    }
}

/// A gateway that brings one venue in: sends its sound, and follows when it is made to join again.
async fn gateway(rig: &JanusRig, number: u64, work: &mut JoinSet<()>, joined: &Joined) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let joining = Joining {
        room: Id::Number(ROOM),
        party: Id::Number(number),
        name: format!("{number}号分会场"),
        from: socket.local_addr().unwrap(),
        codec: GuestCodec::Opus,
    };
    let guest = Guest::join(&rig.settings(), &joining).await.unwrap();
    let to = Arc::new(Mutex::new(guest.to));
    work.spawn(speak(socket, Arc::clone(&to)));
    let joined = Arc::clone(joined);
    work.spawn(async move {
        loop {
            // A Janus that is gone ends the gateway with the test.
            let Ok(event) = guest.next_event().await else { return };
            if let Some(new) =
                event.as_ref().and_then(Guest::moved_to).filter(|new| *new != *to.lock().unwrap())
            {
                *to.lock().unwrap() = new;
                joined.lock().unwrap().push((number, Instant::now()));
            }
        }
    });
}

/// When which venue was made to join again.
type Joined = Arc<Mutex<Vec<(u64, Instant)>>>;

async fn speak(socket: UdpSocket, to: Arc<Mutex<SocketAddr>>) {
    let mut every = tokio::time::interval(Duration::from_millis(20));
    let mut packet = vec![0x80, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    packet.extend(FRAME);
    for sequence in 0_u32.. {
        every.tick().await;
        packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&sequence.wrapping_mul(960).to_be_bytes());
        let to = *to.lock().unwrap();
        let _ = socket.send_to(&packet, to).await;
    }
}

fn device() -> Device {
    Device::Mcu(McuId::parse("mcu-1").unwrap())
}

fn watch_of(janus: &Arc<dyn Bridge>) -> Watch {
    let (reports, mut reported) = mpsc::channel(1024);
    tokio::spawn(async move { while reported.recv().await.is_some() {} });
    let means = Means {
        bridge: Arc::clone(janus),
        budget: Arc::new(Budget::new(60_000)),
        line: None,
        host: None,
        clock: Arc::new(|| Utc::from_timestamp(jiff::Timestamp::now())),
        counters: Arc::new(Counters::new()),
        reports,
    };
    let watch = Watch::start(device(), means);
    watch.pace(Pace::Live);
    watch
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn sees(watch: &Watch, room: &ConferenceRef, sites: usize) -> bool {
    let latest = watch.latest().borrow().clone();
    latest.is_some_and(|report| {
        let seen = report.conferences.iter().find(|seen| &seen.conference == room);
        report.sight == Sight::Seen && seen.is_some_and(|seen| seen.complete && seen.present.len() == sites)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_thirty_venues_are_called_again_each_once_and_no_faster_than_set() {
    let mut rig = JanusRig::start(&Setup::default()).await;
    let room = rig.room(ROOM, "全市会议").await;
    let janus: Arc<dyn Bridge> = Arc::new(rig.janus());
    let watch = watch_of(&janus);
    until("the empty room", || sees(&watch, &room, 0)).await;
    rig.kill();
    until("the death", || {
        let latest = watch.latest().borrow().clone();
        latest.is_some_and(|report| report.sight != Sight::Seen)
    })
    .await;
    rig.restart().await;
    rig.room(ROOM, "全市会议").await;
    let (mut work, joined) = (JoinSet::new(), Joined::default());
    for number in 0..VENUES {
        gateway(&rig, number + 100, &mut work, &joined).await;
    }
    until("thirty venues", || sees(&watch, &room, VENUES as usize)).await;

    let (reports, mut reported) = mpsc::channel(1024);
    let means = DeskMeans {
        bridge: Arc::clone(&janus),
        watch: watch.hints(),
        latest: watch.latest(),
        eyes: Arc::new(Nobody),
        peers: Arc::new(Nobody),
        counters: Arc::new(Counters::new()),
        reports,
    };
    let desk = Desk::open(means, Settings { calls_per_minute: PER_MINUTE, ..Settings::default() }, &[]);
    let begun = Instant::now();
    for number in 0..VENUES {
        desk.give(Task::Act(order(&room, number + 100)));
    }
    let mut ended = 0;
    while ended < VENUES {
        let report = tokio::time::timeout(PATIENCE, reported.recv()).await.unwrap().unwrap();
        match report.step {
            Step::Queued | Step::Told { .. } => {}
            Step::Ended { outcome: ActionOutcome::Accepted { .. }, verified: Verified::Worked } => ended += 1,
            other @ (Step::Refused { .. } | Step::Ended { .. }) => panic!("{:?} {other:?}", report.key),
        }
    }
    println!(
        "{VENUES} redials at {PER_MINUTE} a minute: verified after {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    is_paced(&joined);
    assert!(rig.runs(), "the storm did not bring it down again");
    desk.stop().await;
    watch.stop().await;
}

fn order(room: &ConferenceRef, number: u64) -> DeviceOrder {
    let participant = ParticipantRef::new(&number.to_string());
    let action = Action::Redial { conference: room.clone(), participant };
    DeviceOrder { key: ActionKey(format!("redial-{number}")), device: device(), action }
}

/// Each venue joined again once, and no ten seconds hold more than their share, the few that may go at once included.
fn is_paced(joined: &Joined) {
    let mut joined = joined.lock().unwrap().clone();
    joined.sort_by_key(|(_, at)| *at);
    let venues: std::collections::BTreeSet<u64> = joined.iter().map(|(number, _)| *number).collect();
    assert_eq!((joined.len() as u64, venues.len() as u64), (VENUES, VENUES), "each once");
    let (window, most) = (Duration::from_secs(10), PER_MINUTE as usize / 6 + 3);
    for (_, first) in &joined {
        let within = joined.iter().filter(|(_, at)| at >= first && *at < *first + window).count();
        assert!(within <= most, "{within} within ten seconds, {most} allowed");
    }
    let took = joined.last().unwrap().1 - joined[0].1;
    assert!(took >= Duration::from_secs(25), "{took:?} for thirty at one a second");
}
