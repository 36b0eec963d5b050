//! Everything that was recorded from a real Janus 1.1.2 reads to the values it means: table by table, file by file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use vcops::domain::time::Utc;
use vcops::mcu::counter::Meters;
use vcops::mcu::fault::{AuthWhy, Fault};
use vcops::mcu::janus::handle::{self, HandleInfo, Role};
use vcops::mcu::janus::media::{self, CallRules, LOOKS_MIN, Look, Moment, Queue};
use vcops::mcu::janus::name::{Id, Plugin};
use vcops::mcu::janus::reply;
use vcops::observation::device::{Absent, Flow, Given, Medium, StreamSample, Way};

/// The folder of the recordings.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcu/janus"))
}

/// One recording as text.
pub(crate) fn recorded(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn answer(name: &str) -> Result<Value, Fault> {
    reply::answer(recorded(&format!("{name}.json")).as_bytes())
}

fn of_plugin(name: &str, plugin: Plugin) -> Result<Value, Fault> {
    reply::plugin_answer(&answer(name)?, plugin).cloned()
}

fn info(name: &str) -> HandleInfo {
    handle::handle_info(&answer(name).unwrap()).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

#[test]
fn success_outside_and_no_inside_is_no() {
    let said = |code: &str, words: &str| Fault::Said { code: code.into(), words: words.into() };
    for (name, plugin, fault) in [
        ("err_admin_bad_secret", Plugin::AudioBridge, Fault::Auth(AuthWhy::Wrong)),
        ("err_admin_no_session", Plugin::AudioBridge, said("458", "No such session 12345")),
        ("err_audiobridge_no_room", Plugin::AudioBridge, said("485", "No such room (9999)")),
        ("err_audiobridge_bad_secret", Plugin::AudioBridge, said("489", "Unauthorized (wrong secret)")),
        ("audiobridge_kick", Plugin::AudioBridge, said("492", "No such user 102 in room 3001")),
    ] {
        assert_eq!(of_plugin(name, plugin), Err(fault), "{name}");
    }
}

#[test]
fn what_was_done_reads_as_done() {
    use Plugin::{AudioBridge, Streaming, VideoRoom};
    for (name, plugin) in [
        ("audiobridge_create", AudioBridge),
        ("audiobridge_join_rtp_event", AudioBridge),
        ("audiobridge_listforwarders", AudioBridge),
        ("audiobridge_mute", AudioBridge),
        ("audiobridge_mute_room", AudioBridge),
        ("audiobridge_rtp_forward", AudioBridge),
        ("audiobridge_unmute", AudioBridge),
        ("audiobridge_unmute_room", AudioBridge),
        ("streaming_disable", Streaming),
        ("streaming_enable", Streaming),
        ("streaming_info_after_stop", Streaming),
        ("streaming_info_idle", Streaming),
        ("streaming_info_live", Streaming),
        ("webrtc_videoroom_joined_configure_event", VideoRoom),
        ("webrtc_videoroom_kick", VideoRoom),
        ("webrtc_videoroom_moderate_mute", VideoRoom),
    ] {
        let data = of_plugin(name, plugin).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert!(data.is_object(), "{name}");
        for other in Plugin::ALL.into_iter().filter(|other| *other != plugin) {
            assert!(matches!(of_plugin(name, other), Err(Fault::Shape(_))), "{name} is not {}", other.word());
        }
    }
    for name in ["admin_destroy_session", "admin_detach_handle", "admin_get_status", "admin_ping"] {
        answer(name).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
    answer("webrtc_admin_hangup_webrtc_sub").unwrap();
}

#[test]
fn the_server_and_its_lists() {
    let info = reply::server_info(&answer("janus_info").unwrap()).unwrap();
    assert_eq!(
        (info.version.as_deref(), info.accepting, info.events),
        (Some("1.1.2"), Some(true), Some(true))
    );
    assert_eq!(info.plugins.into_iter().collect::<Vec<_>>(), Plugin::ALL);
    for (name, field, numbers) in [
        ("admin_list_sessions_empty", "sessions", vec![]),
        ("admin_list_handles", "handles", vec![5298769019549503]),
        (
            "admin_list_sessions",
            "sessions",
            vec![1748617041495647, 3735054601440218, 2302453337482194, 3196873091411497],
        ),
        (
            "webrtc_admin_list_sessions",
            "sessions",
            vec![8169337656091230, 436837388927159, 4377796945119004, 2338251062276759],
        ),
    ] {
        assert_eq!(reply::numbers(&answer(name).unwrap(), field), Ok(numbers), "{name}");
    }
}

#[test]
fn rooms_with_their_names() {
    for (name, plugin, expected) in [
        ("audiobridge_list_rooms_initial", Plugin::AudioBridge, vec![(1234, "Demo Room", Some(0), None)]),
        (
            "admin_query_eventhandler_msg_plugin",
            Plugin::AudioBridge,
            vec![(1234, "Demo Room", Some(0), None), (3001, "应急指挥会议", Some(2), None)],
        ),
        ("webrtc_videoroom_list", Plugin::VideoRoom, vec![(1234, "Demo Room", Some(2), Some(6))]),
        ("streaming_list", Plugin::Streaming, vec![(1, "opus+vp8", None, None)]),
    ] {
        let (rooms, complete) = reply::rooms(&of_plugin(name, plugin).unwrap(), plugin).unwrap();
        let found: Vec<_> = rooms
            .iter()
            .map(|room| match &room.id {
                Id::Number(id) => (*id, room.name.as_str(), room.participants, room.publishers_max),
                Id::Text(id) => panic!("{id}"),
            })
            .collect();
        assert_eq!((found, complete), (expected, true), "{name}");
    }
}

#[test]
fn participants_as_the_room_lists_them() {
    let a = (100, "A县分会场", Some(true), Some(false));
    let b = (101, "B县分会场", Some(true), Some(false));
    let c = (102, "C县分会场", Some(true), Some(false));
    let sites = [(501, "A县主会场", None, None), (502, "B镇分会场", None, None)];
    let b_muted = (101, "B县分会场", Some(true), Some(true));
    for (name, plugin, expected) in [
        ("audiobridge_listparticipants", Plugin::AudioBridge, vec![a, c, b]),
        ("audiobridge_listparticipants_muted", Plugin::AudioBridge, vec![a, c, b_muted]),
        ("audiobridge_listparticipants_after_kick", Plugin::AudioBridge, vec![a, b]),
        ("audiobridge_listparticipants_after_sender_killed", Plugin::AudioBridge, vec![a, b]),
        ("audiobridge_listparticipants_end", Plugin::AudioBridge, vec![a, b]),
        ("webrtc_videoroom_listparticipants", Plugin::VideoRoom, sites.to_vec()),
        // A moderated site looks like any other here.
        ("webrtc_videoroom_listparticipants_muted", Plugin::VideoRoom, sites.to_vec()),
    ] {
        let (parties, complete) = reply::parties(&of_plugin(name, plugin).unwrap()).unwrap();
        let found: Vec<_> = parties
            .iter()
            .map(|party| match party.id {
                Id::Number(id) => (id, party.name.as_str(), party.setup, party.muted),
                Id::Text(_) => panic!("{party:?}"),
            })
            .collect();
        assert_eq!((found, complete), (expected, true), "{name}");
    }
}

#[test]
fn a_mountpoint_is_enabled_for_ever_and_its_source_is_not() {
    let data = of_plugin("streaming_list", Plugin::Streaming).unwrap();
    let (rooms, _) = reply::rooms(&data, Plugin::Streaming).unwrap();
    assert_eq!(rooms[0].enabled, Some(true));
    let now = Utc(1_000_000_000);
    for (name, audio, video) in [
        ("streaming_info_live", 61, 63),
        ("streaming_info_after_stop", 3123, 3125),
        ("streaming_info_idle", 18_521, 18_521),
    ] {
        let lanes = serde_json::json!({"list": [of_plugin(name, Plugin::Streaming).unwrap()["info"]]});
        let (rooms, _) = reply::rooms(&lanes, Plugin::Streaming).unwrap();
        let flow = |age: i64| match age {
            0..=1_000 => Flow::Flowing,
            _ => Flow::NoMedia { since: Some(Utc(now.0 - age * 1_000)) },
        };
        let found = media::source_streams(&rooms[0].lanes, true, now);
        let found: Vec<_> = found.iter().map(|s| (s.medium, s.flow, s.codec.as_deref())).collect();
        let expected =
            vec![(Medium::Audio, flow(audio), Some("opus")), (Medium::Video, flow(video), Some("vp8"))];
        assert_eq!(found, expected, "{name}");
        assert!(media::source_streams(&rooms[0].lanes, false, now).iter().all(|s| s.flow == Flow::Paused));
    }
}

#[test]
fn plain_rtp_shows_nothing_but_a_queue() {
    let clean = info("admin_handle_info_audiobridge_rtp");
    let Role::Participant { room, party, name, private } = &clean.role else { panic!("{clean:?}") };
    assert_eq!(
        (room.to_string(), party, name.as_str(), private),
        ("audiobridge:3001".into(), &Id::Number(100), "A县分会场", &None)
    );
    assert_eq!((clean.queue_in, clean.muted, clean.ready), (Some(6), Some(false), None));
    let plain = clean.plain.as_ref().unwrap();
    assert_eq!(
        (plain.local_port, plain.remote_ip.as_str(), plain.remote_port),
        (Some(50_000), "127.0.0.1", 52_000)
    );
    let same = handle::handle_info(
        &serde_json::from_str(&recorded("admin_handle_info_audiobridge_rtp_plugin_only.json")).unwrap(),
    );
    assert_eq!(same.unwrap().queue_in, clean.queue_in);

    let mut queue = Queue::default();
    queue.look(Look::at(&clean), false, Utc(1));
    let streams = media::plain_streams(&queue, false);
    let flows: Vec<_> = streams.iter().map(|s| (s.way, s.flow)).collect();
    assert_eq!(flows, [(Way::FromSite, Flow::Flowing), (Way::ToSite, Flow::Unknown)]);
    for sample in &streams {
        assert_eq!(sample, &StreamSample::bare(Medium::Audio, sample.way, sample.flow), "nothing is made up");
    }

    let killed = info("admin_handle_info_rtp_sender_killed");
    assert_eq!(killed.role, Role::Idle { plugin: Plugin::AudioBridge, party: Some(Id::Number(102)) });
    assert_eq!(killed.queue_in, None);
}

#[test]
fn a_frozen_sender_is_in_the_room_for_ever_and_only_its_queue_is_gone() {
    let timeline: Vec<Value> =
        serde_json::from_str(&recorded("audiobridge_frozen_sender_timeline.json")).unwrap();
    let mut queue = Queue::default();
    let mut looks = 0;
    for step in timeline.iter().filter(|step| step[0] == "frozen_sender") {
        assert!(step[2].as_array().unwrap().iter().any(|site| *site == serde_json::json!([100, true])));
        assert_eq!(queue.flow(false) == Flow::Flowing, looks == 0);
        queue.look(mixed(step[3]["queue-in"].as_u64()), false, Utc(looks));
        looks += 1;
    }
    assert_eq!((looks, queue.flow(false)), (10, Flow::Unknown), "few empty looks decide nothing");
    for look in looks..i64::from(LOOKS_MIN) {
        queue.look(mixed(None), false, Utc(look));
    }
    assert_eq!(queue.flow(false), Flow::NoMedia { since: Some(Utc(0)) });
    assert_eq!(queue.flow(true), Flow::Paused, "a muted site's packets never reach the queue");
    queue.look(mixed(Some(1)), false, Utc(99));
    assert_eq!(queue.flow(false), Flow::Flowing);
}

/// A look at a queue that is being mixed from.
fn mixed(waiting: Option<u64>) -> Look {
    Look { waiting, filling: false }
}

#[test]
fn a_queue_that_froze_while_it_was_filled_shows_nothing_though_it_is_not_empty() {
    let mut queue = Queue::default();
    let filling = |waiting| Look { waiting: Some(waiting), filling: true };
    queue.look(filling(1), false, Utc(1));
    queue.look(filling(3), false, Utc(2));
    assert_eq!(queue.flow(false), Flow::Flowing, "it grows");
    for look in 3..3 + i64::from(LOOKS_MIN) {
        queue.look(filling(3), false, Utc(look));
    }
    assert_eq!(queue.flow(false), Flow::NoMedia { since: Some(Utc(3)) });
}

/// What the table in the next test compares: flow, rate, packets, lost, loss, jitter.
type Figures = (Flow, Given<f64>, i64, i64, Given<f64>, Given<f64>);

fn figures(sample: &StreamSample) -> Figures {
    let count =
        |given: Given<_>| given.value().map(|c: vcops::observation::device::Counted| c.count).unwrap();
    (
        sample.flow,
        sample.kbps.map(f64::round),
        count(sample.packets),
        count(sample.lost),
        sample.loss_pct.map(|loss| (loss * 10.0).round() / 10.0),
        sample.jitter_ms,
    )
}

#[test]
fn a_black_hole_is_no_media_and_never_no_loss() {
    let gone = Flow::NoMedia { since: Some(Utc(3)) };
    let nothing = Given::Absent(Absent::NothingMoved);
    // The black hole is at another site: its SSRC is another, and so is its epoch.
    let steps: [(&str, Figures, Figures); 4] = [
        (
            "clean",
            (Flow::Flowing, Given::Value(128.0), 550, 0, Given::Absent(Absent::NotYet), Given::Value(1.0)),
            (Flow::Flowing, Given::Value(941.0), 959, 0, Given::Absent(Absent::NotYet), Given::Value(0.0)),
        ),
        (
            "loss10",
            (Flow::Flowing, Given::Value(116.0), 1228, 70, Given::Value(9.4), Given::Value(1.0)),
            (Flow::Flowing, Given::Value(955.0), 2386, 132, Given::Value(8.5), Given::Value(0.0)),
        ),
        (
            "3s",
            (gone, Given::Value(0.0), 1439, 62, Given::Absent(Absent::NotYet), nothing),
            (gone, Given::Value(0.0), 2806, 149, Given::Absent(Absent::NotYet), nothing),
        ),
        (
            "11s",
            (gone, Given::Value(0.0), 1439, 62, nothing, nothing),
            (gone, Given::Value(0.0), 2806, 149, nothing, nothing),
        ),
    ];
    let mut meters = Meters::new();
    for (at, (moment, audio, video)) in (1..).zip(steps) {
        let file = if moment.ends_with('s') && moment != "loss10" { "blackholed" } else { "publisher" };
        let info = info(&format!("webrtc_handle_info_{file}_{moment}"));
        assert_eq!((info.ready, info.muted), (Some(true), None), "{moment}: the call looks up all the while");
        let at = Moment { mono: Duration::from_secs(10 * at as u64), utc: Utc(at) };
        let streams = media::call_streams(&mut meters, 7, &info, CallRules::default(), at);
        let found: Vec<_> = streams.iter().map(figures).collect();
        assert_eq!(found, [audio, video], "{moment}");
        for (sample, codec) in streams.iter().zip(["opus", "vp8"]) {
            assert_eq!((sample.way, sample.codec.as_deref()), (Way::FromSite, Some(codec)), "{moment}");
            assert_eq!(sample.rtt_ms, Given::Absent(Absent::Sentinel), "{moment}: 0 is not a round trip");
            assert_eq!(sample.width, Given::Absent(Absent::NotProvided), "{moment}");
        }
    }
}

#[test]
fn what_a_site_watches_is_to_the_site() {
    let mut meters = Meters::new();
    for (at, moment) in (1..).zip(["clean", "loss10"]) {
        let info = info(&format!("webrtc_handle_info_subscriber_{moment}"));
        assert!(
            matches!(&info.role, Role::Viewer { room, private: None } if room.to_string() == "videoroom:1234")
        );
        let at = Moment { mono: Duration::from_secs(at), utc: Utc(at as i64) };
        let streams = media::call_streams(&mut meters, 9, &info, CallRules::default(), at);
        let found: Vec<_> = streams.iter().map(|s| (s.medium, s.way, s.flow)).collect();
        let expected = [Medium::Audio, Medium::Video].map(|medium| (medium, Way::ToSite, Flow::Flowing));
        assert_eq!(found, expected, "{moment}");
        // What the site misses of the feed is counted too, for an SFU passes the gaps on: 10 % and 10 %.
        let loss = streams[0].loss_pct.value().map(f64::round);
        assert_eq!(loss, (moment == "loss10").then_some(19.0), "{moment}");
    }
}

#[test]
fn the_timeline_of_a_black_hole_never_says_so() {
    let timeline: Vec<Value> = serde_json::from_str(&recorded("webrtc_blackhole_timeline.json")).unwrap();
    assert!(timeline.len() > 30);
    for step in timeline {
        assert_eq!(
            step[1],
            serde_json::json!([[501, false], [502, false]]),
            "the room lists both all the while"
        );
        assert_eq!(step[2], "ready");
    }
}
