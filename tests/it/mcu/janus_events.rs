//! The events that a real Janus pushed during two calls, a loss, a black hole and two deaths, by HTTP and by a broker.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::domain::time::Utc;
use vcops::mcu::Pushed;
use vcops::mcu::janus::event::{Follower, Told};
use vcops::mcu::janus::media::Moment;
use vcops::mcu::janus::name::Plugin;
use vcops::mcu::janus::reply;
use vcops::mcu::janus::source::Message;
use vcops::observation::device::{Absent, Flow, Given, Medium, StreamSample};

use super::janus_replies::{folder, recorded};

const PERIOD: Duration = Duration::from_secs(2);

fn at(ms: u64) -> Moment {
    Moment { mono: Duration::from_millis(ms), utc: Utc(ms as i64 * 1_000) }
}

/// What a broker delivered, line by line: topic, a blank, JSON.
fn from_broker(name: &str) -> Vec<Message> {
    let lines = recorded(name);
    let read = |line: &str| {
        let (topic, payload) = line.split_once(' ').unwrap();
        Message::read(topic, false, payload.as_bytes()).unwrap_or_else(|| panic!("{name}: {line}"))
    };
    lines.lines().filter(|line| line.starts_with('/')).map(read).collect()
}

fn from_http(name: &str) -> Vec<Value> {
    recorded(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Follows a recording at the times that it names, silence included.
fn followed(events: &[Value]) -> Vec<(u64, Told)> {
    let ms = |event: &Value| event["timestamp"].as_u64().unwrap() / 1_000;
    let begun = ms(&events[0]);
    let mut follower = Follower::new(PERIOD, Duration::ZERO);
    let mut told = Vec::new();
    let mut clock = 0;
    for event in events {
        let now = ms(event) - begun;
        for tick in (clock..now).step_by(250) {
            told.extend(follower.silence(Duration::from_millis(tick)).into_iter().map(|told| (tick, told)));
        }
        clock = now;
        told.extend(follower.take(event, at(now)).into_iter().map(|told| (now, told)));
    }
    told
}

fn media(told: &[(u64, Told)]) -> Vec<(u64, &str, &StreamSample)> {
    told.iter()
        .filter_map(|(at, told)| match told {
            Told::Pushed(Pushed::Media { site, streams, .. }) => Some((*at, site.as_str(), streams)),
            Told::Pushed(_) | Told::Joined { .. } | Told::Gone(_) | Told::Started(_) => None,
        })
        .flat_map(|(at, site, streams)| streams.iter().map(move |sample| (at, site, sample)))
        .collect()
}

#[test]
fn a_black_hole_is_pushed_seconds_after_the_cut_and_the_other_site_flows_on() {
    let told = followed(&from_http("webrtc-sampleevh-events.ndjson"));
    let first = |site: &str, medium| {
        media(&told).into_iter().find(|(_, who, sample)| {
            *who == site && sample.medium == medium && matches!(sample.flow, Flow::NoMedia { .. })
        })
    };
    let (video, audio) = (first("502", Medium::Video).unwrap(), first("502", Medium::Audio).unwrap());
    assert_eq!((video.0, audio.0), (34_879, 35_878));
    assert_eq!(video.2.flow, Flow::NoMedia { since: Some(Utc(34_879_000)) });
    assert_eq!(first("501", Medium::Video), None, "the other site");
    let statistics_after: Vec<_> = media(&told)
        .into_iter()
        .filter(|(at, site, sample)| *at > 37_000 && *site == "502" && sample.packets.value().is_some())
        .collect();
    assert!(statistics_after.len() > 10);
    for (at, _, sample) in statistics_after {
        assert!(matches!(sample.flow, Flow::NoMedia { .. }), "{at}: {sample:?}");
        let nothing = Given::Absent(Absent::NothingMoved);
        assert!(sample.loss_pct == nothing || at < 38_000, "{at}: never 0 % while nothing comes: {sample:?}");
    }
}

#[test]
fn ten_percent_loss_is_in_the_statistics() {
    let told = followed(&from_http("webrtc-sampleevh-events.ndjson"));
    let losses: Vec<f64> = media(&told)
        .into_iter()
        .filter(|(at, site, _)| (17_000..33_000).contains(at) && *site == "502")
        .filter_map(|(_, _, sample)| sample.loss_pct.value())
        .collect();
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(losses.len() >= 10 && (5.0..15.0).contains(&mean), "{mean} of {losses:?}");
}

#[test]
fn who_joins_where_and_on_which_handle_is_known_without_asking() {
    let told = followed(&from_http("webrtc-sampleevh-events.ndjson"));
    let joined: Vec<_> = told
        .iter()
        .filter_map(|(_, told)| match told {
            Told::Joined { at, room, party, private } => {
                Some((at.to_string(), room.to_string(), party.to_string(), *private))
            }
            Told::Pushed(_) | Told::Gone(_) | Told::Started(_) => None,
        })
        .collect();
    let room = || "videoroom:1234".to_owned();
    let expected = [
        ("4377796945119004/8045143155794850".to_owned(), room(), "501".to_owned(), Some(469007027)),
        ("436837388927159/4802448101092522".to_owned(), room(), "502".to_owned(), Some(1847562154)),
    ];
    assert_eq!(joined, expected);
    assert!(told.contains(&(0, Told::Started("1795331933957814".into()))), "a start names itself");
    let last = told.last().unwrap();
    assert_eq!(last.1, Told::Pushed(Pushed::Farewell), "shut down in order");
}

#[test]
fn plain_rtp_events_name_the_room_that_changed() {
    let told = followed(&from_http("sampleevh-events.ndjson"));
    let changed: BTreeSet<_> = told
        .iter()
        .filter_map(|(_, told)| match told {
            Told::Pushed(Pushed::Changed(conference)) => Some(conference.clone()),
            Told::Pushed(_) | Told::Joined { .. } | Told::Gone(_) | Told::Started(_) => None,
        })
        .collect();
    assert!(changed.contains(&Some(ConferenceRef::new("audiobridge:3001"))), "{changed:?}");
    assert!(media(&told).is_empty(), "nothing is pushed about the media of plain RTP");
    let farewells = told.iter().filter(|(_, told)| *told == Told::Pushed(Pushed::Farewell)).count();
    assert_eq!(farewells, 2, "only the shutdowns at both ends: silence without a call is normal");
}

#[test]
fn the_broker_tells_the_same_as_http() {
    for (broker, http) in [
        ("mqtt-events.txt", "sampleevh-events.ndjson"),
        ("webrtc-mqtt-events.txt", "webrtc-sampleevh-events.ndjson"),
    ] {
        let told_by = |events: &[Value]| {
            let mut follower = Follower::new(PERIOD, Duration::ZERO);
            let told = events.iter().flat_map(|event| follower.take(event, at(1))).filter(|told| {
                matches!(told, Told::Joined { .. } | Told::Pushed(Pushed::Media { .. } | Pushed::Changed(_)))
            });
            told.map(|told| format!("{told:?}")).collect::<Vec<_>>()
        };
        let events: Vec<Value> = from_broker(broker)
            .into_iter()
            .filter(|message| !message.status)
            .map(|message| message.body)
            .collect();
        let (mut one, mut two) = (told_by(&events), told_by(&from_http(http)));
        // The two handlers of one Janus need not keep step.
        one.sort();
        two.sort();
        assert!(!one.is_empty());
        assert_eq!(one, two, "{broker}");
    }
}

#[test]
fn a_kept_greeting_is_no_life_and_a_will_is_told_once() {
    let greeting = json!({"event": "connected", "eventhandler": "janus.eventhandler.mqttevh"});
    let farewell = json!({"event": "disconnected"});
    let mut follower = Follower::new(PERIOD, Duration::ZERO);
    assert_eq!(follower.status(&greeting, true, at(1)), [], "from whom, and when?");
    let told = follower.status(&greeting, false, at(2));
    assert_eq!(told, [Told::Pushed(Pushed::Alive), Told::Pushed(Pushed::Gap)]);
    assert_eq!(follower.status(&farewell, false, at(3)), [Told::Pushed(Pushed::Farewell)]);
    assert_eq!(follower.status(&farewell, true, at(4)), [], "told already");
    let told = follower.status(&greeting, false, at(5));
    assert_eq!(told, [Told::Pushed(Pushed::Alive), Told::Pushed(Pushed::Gap)], "it is back");

    let recorded = recorded("mqtt_last_will_test.txt");
    let statuses = recorded.lines().filter(|line| line.starts_with('/')).collect::<Vec<_>>();
    let message = |line: &str| {
        let (topic, payload) = line.split_once(' ').unwrap();
        Message::read(topic, false, payload.as_bytes()).unwrap()
    };
    assert!(statuses.iter().all(|line| message(line).status));
    assert_eq!(message(statuses.last().unwrap()).body, farewell, "with a will, the broker says it");
}

#[test]
fn silence_while_a_call_is_up_is_a_lost_source_and_without_one_it_is_not() {
    let up = json!({"type": 16, "subtype": 6, "session_id": 1, "handle_id": 2, "event": {"connection": "webrtcup"}});
    let hangup =
        json!({"type": 16, "subtype": 6, "session_id": 1, "handle_id": 2, "event": {"connection": "hangup"}});
    let mut follower = Follower::new(PERIOD, Duration::ZERO);
    assert_eq!(follower.silence(Duration::from_secs(3600)), []);
    follower.take(&up, at(10_000));
    assert_eq!(follower.silence(Duration::from_millis(13_999)), []);
    assert_eq!(follower.silence(Duration::from_millis(14_001)), [Told::Pushed(Pushed::Farewell)]);
    assert_eq!(follower.silence(Duration::from_millis(20_000)), [], "told once");
    assert_eq!(follower.take(&json!({"type": 128, "event": {}}), at(21_000)), [Told::Pushed(Pushed::Alive)]);
    follower.take(&hangup, at(21_500));
    assert_eq!(follower.silence(Duration::from_secs(60)), [], "nothing is due");
}

#[test]
fn receiving_false_of_somebody_unknown_has_everything_read() {
    let mut follower = Follower::new(PERIOD, Duration::ZERO);
    let event = json!({
        "type": 32, "subtype": 1, "session_id": 1, "handle_id": 2, "future-field": [1],
        "event": {"media": "video", "mid": "1", "receiving": false, "why": "?"},
    });
    assert_eq!(
        follower.take(&json!([event]), at(5)),
        [Told::Pushed(Pushed::Alive), Told::Pushed(Pushed::Changed(None))]
    );
    let join = json!({
        "type": 64, "session_id": 1, "handle_id": 2,
        "event": {"plugin": "janus.plugin.videoroom", "data": {"event": "joined", "room": 9, "id": 7}},
    });
    follower.take(&join, at(6));
    let told = follower.take(&event, at(7));
    let Told::Pushed(Pushed::Media { conference, site, streams }) = &told[0] else { panic!("{told:?}") };
    assert_eq!((conference.as_str(), site), ("videoroom:9", &ParticipantRef::new("7")));
    assert_eq!(streams[0].flow, Flow::NoMedia { since: Some(Utc(7_000)) });
}

#[test]
fn what_a_session_hears_by_long_poll_is_of_its_plugin() {
    let part: Vec<Value> = serde_json::from_str(&recorded("long_poll_events_part0.json")).unwrap();
    assert_eq!(part.len(), 10);
    for event in &part {
        let answer = reply::answer(event.to_string().as_bytes()).unwrap();
        reply::plugin_answer(&answer, Plugin::AudioBridge).unwrap();
    }
    for name in ["webrtc_pub1_events.json", "webrtc_pub2_events.json"] {
        let events: Vec<Value> = serde_json::from_str(&recorded(name)).unwrap();
        let of_the_room = events
            .iter()
            .filter(|event| event["janus"] == "event")
            .map(|event| reply::plugin_answer(event, Plugin::VideoRoom).unwrap())
            .filter(|data| data["room"] == 1234)
            .count();
        assert!(of_the_room > 0, "{name}");
    }
}

/// Every recording is read by one of the tests here or beside: a new one must find its table.
#[test]
fn no_recording_is_left_out() {
    let tests = [include_str!("janus_replies.rs"), include_str!("janus_events.rs")].concat();
    // These are named in pieces.
    let pieces =
        ["webrtc_handle_info_publisher_", "webrtc_handle_info_subscriber_", "webrtc_handle_info_blackholed_"];
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches(".json");
        let in_pieces = pieces.iter().any(|piece| name.starts_with(piece));
        assert!(in_pieces || tests.contains(stem), "{name} is read by no test");
    }
}
