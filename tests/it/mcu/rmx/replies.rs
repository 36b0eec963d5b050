//! Samples of replies with the fields of real ones, read to the expected values.

use vcops::domain::mcu::ConferenceRef;
use vcops::domain::time::Utc;
use vcops::mcu::fault::Fault;
use vcops::mcu::rmx::media;
use vcops::mcu::rmx::reply::{self, Answer, Muted};
use vcops::observation::device::{
    Absent, AlarmLevel, Counted, Flow, Given, Medium, Presence, Service, SiteSeen, StreamSample, Way,
};

const AT: Utc = Utc(1_800_000_000_000_000);

fn sample(name: &str) -> Result<Answer, Fault> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcu/rmx/");
    reply::open(&std::fs::read(format!("{folder}{name}.xml")).unwrap())
}

#[test]
fn a_login_gives_two_tokens_and_shows_none() {
    let login = reply::login(&sample("login").unwrap()).unwrap();
    assert_eq!((login.tokens.mcu.as_str(), login.tokens.user.as_str()), ("7", "12"));
    assert_eq!(login.version.as_deref(), Some("Rmx_1800 2000"));
    assert!(!format!("{login:?}").contains("12\""));
}

#[test]
fn in_progress_is_no_failure_and_a_no_has_its_number() {
    assert!(sample("in_progress").unwrap().in_progress);
    let no = Fault::Said { code: "10041".into(), words: "Party not found".into() };
    assert_eq!(sample("refused"), Err(no));
}

#[test]
fn the_state_says_normal_and_counts_its_alarms() {
    let state = reply::state(&sample("state").unwrap()).unwrap();
    assert_eq!(state.health.service, Service::Up);
    let alarms: Vec<_> = state.alarms.iter().map(|alarm| (alarm.detail.as_str(), alarm.level)).collect();
    assert_eq!(alarms, [("2", AlarmLevel::Minor)]);
}

#[test]
fn reserved_counts_as_used_and_the_threshold_as_nothing() {
    let capacity = reply::resources(&sample("resources").unwrap()).unwrap();
    let rows: Vec<_> = capacity.iter().map(|row| (row.what.as_str(), row.total, row.used)).collect();
    let expected = [
        ("audio", Given::Value(0.0), Given::Value(0.0)),
        ("video", Given::Value(120.0), Given::Value(30.0)),
        ("HD720p30_video", Given::Value(60.0), Given::Absent(Absent::Sentinel)),
    ];
    assert_eq!(rows, expected);
    assert_eq!(capacity[1].free(), Given::Value(90.0));
}

#[test]
fn the_list_names_what_changed_and_what_ended() {
    let list = reply::list(&sample("list").unwrap(), AT).unwrap();
    assert_eq!((list.token, list.changed), (1268, true));
    let names: Vec<_> = list.conferences.iter().map(|conference| conference.name.as_str()).collect();
    assert_eq!(names, ["防汛会商", "plain"]);
    assert_eq!(list.touched, [ConferenceRef::new("96")]);
    assert_eq!(list.deleted, [ConferenceRef::new("91")]);
}

#[test]
fn defined_parties_are_expected_and_connected_ones_are_there() {
    let asked = ConferenceRef::new("96");
    let conference = reply::conference(&sample("conference").unwrap(), &asked, AT).unwrap();
    let ids = |sites: &[SiteSeen]| {
        sites.iter().map(|site| site.participant.to_string()).collect::<Vec<_>>().join(" ")
    };
    let seen = &conference.seen;
    assert!(seen.complete, "three are connected and three are counted");
    assert_eq!(ids(seen.expected.as_ref().unwrap()), "2 5 7 8 9 10");
    assert_eq!(ids(&seen.present), "2 5 6 8");
    let a = &seen.present[0];
    assert_eq!((a.name.as_str(), a.address.as_deref()), ("桂东县 & 城关镇", Some("40031@172.16.100.232")));
    assert_eq!((a.muted, a.redialled_by_platform), (Some(true), true));
    let b = &seen.present[1];
    assert_eq!((b.name.as_str(), b.address.as_deref(), b.muted), ("b", Some("10.1.3.150"), Some(false)));
    let presence: Vec<_> = seen.expected.iter().flatten().map(|site| site.presence.clone()).collect();
    let left = |cause: &str| Presence::Left { cause: cause.into() };
    let expected = [
        Presence::Connected,
        Presence::Connected,
        left("Remote device did not respond"),
        Presence::Calling,
        left(""),
        Presence::Unknown,
    ];
    assert_eq!(presence, expected);
    assert!(seen.expected.iter().flatten().any(|site| site.cascade && site.name == "province"));
    assert_eq!(conference.muted[1].1, Muted { audio: true, video: false }, "muted by itself");
}

fn one(streams: &[StreamSample], medium: Medium, way: Way) -> &StreamSample {
    streams.iter().find(|stream| (stream.medium, stream.way) == (medium, way)).unwrap()
}

#[test]
fn in_is_from_the_site_and_what_was_not_measured_is_absent() {
    let streams = media::streams(&sample("party").unwrap(), Muted::default()).unwrap();
    assert_eq!(streams.len(), 6, "signalling and camera control are no media");
    let audio = one(&streams, Medium::Audio, Way::FromSite);
    assert_eq!((audio.flow, audio.kbps), (Flow::Flowing, Given::Value(48.0)));
    assert_eq!(audio.packets, Given::Value(Counted { epoch: 0, count: 567_250 }));
    assert_eq!(audio.lost, Given::Value(Counted { epoch: 0, count: 3 }));
    assert_eq!(audio.loss_pct, Given::Absent(Absent::Sentinel));
    assert_eq!(audio.jitter_ms, Given::Absent(Absent::Sentinel), "0, and never was anything else");
    assert_eq!(audio.rtt_ms, Given::Absent(Absent::NotProvided));
    assert_eq!(audio.width, Given::Absent(Absent::NotProvided));
    let out = one(&streams, Medium::Video, Way::ToSite);
    assert_eq!((out.fps, out.jitter_ms), (Given::Value(41.0), Given::Value(6.0)));
    assert_eq!(out.lost, Given::Absent(Absent::Sentinel));
    assert_eq!((out.width, out.height), (Given::Value(1280), Given::Value(720)));
}

#[test]
fn flow_is_judged_by_the_rate_and_muted_is_paused() {
    let answer = sample("party").unwrap();
    let streams = media::streams(&answer, Muted::default()).unwrap();
    let video = one(&streams, Medium::Video, Way::FromSite);
    assert_eq!((video.flow, video.loss_pct), (Flow::NoMedia { since: None }, Given::Value(2.5)));
    let idle = one(&streams, Medium::Content, Way::FromSite);
    assert_eq!((idle.flow, idle.loss_pct), (Flow::Paused, Given::Absent(Absent::NothingMoved)));
    assert_eq!(idle.width, Given::Absent(Absent::Sentinel));
    let content = one(&streams, Medium::Content, Way::ToSite);
    assert_eq!((content.flow, content.fps), (Flow::Flowing, Given::Absent(Absent::OutOfRange)));
    let muted = media::streams(&answer, Muted { audio: true, video: true }).unwrap();
    let paused =
        muted.iter().filter(|stream| stream.flow == Flow::Paused).map(|stream| (stream.medium, stream.way));
    let expected =
        [(Medium::Audio, Way::FromSite), (Medium::Video, Way::FromSite), (Medium::Content, Way::FromSite)];
    assert_eq!(paused.collect::<Vec<_>>(), expected);
}

#[test]
fn a_reply_cut_anywhere_is_no_reply() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcu/rmx/conference.xml");
    let whole = std::fs::read(folder).unwrap();
    let end = whole.trim_ascii_end().len();
    for cut in (0..end).step_by(97) {
        assert!(matches!(reply::open(&whole[..cut]), Err(Fault::Shape(_))), "cut at {cut}");
    }
}
