//! Every field of a terminal, every code and every wrong shape.

use proptest::prelude::*;

use super::*;

/// A terminal with the fields of a recorded reply.
const TERMINAL: &[u8] = r#"{"success":1,"mt_id":"3","alias":"A县分会场","ip":"10.20.1.7","online":1,"mute":1,
    "silence":0,"bitrate":2048,"call_mode":2,"protocol":1,"dual":1,"mix":0,"vmp":1,"type":1,"unheard_of":{"x":[1]},
    "v_snd_chn":[{"chn_id":1,"format":4,"bitrate":1856,"resolution":12}],
    "v_rcv_chn":[{"chn_id":1,"format":4,"bitrate":2048,"resolution":13}],
    "dv_snd_chn":[],"dv_rcv_chn":[{"chn_id":1,"format":4,"bitrate":0,"resolution":99}],
    "a_snd_chn":[{"chn_id":1,"format":8,"bitrate":64}],"a_rcv_chn":[{"chn_id":1,"format":8,"bitrate":64}]}"#
    .as_bytes();

fn stream(medium: Medium, way: Way) -> StreamSample {
    let all = streams(&checked(TERMINAL).unwrap()).unwrap();
    all.into_iter().find(|stream| stream.medium == medium && stream.way == way).unwrap()
}

#[test]
fn what_the_terminal_sends_comes_from_the_site() {
    let sent = stream(Medium::Video, Way::FromSite);
    assert_eq!(
        (sent.kbps, sent.width, sent.height),
        (Given::Value(1856.0), Given::Value(1280), Given::Value(720))
    );
    let received = stream(Medium::Video, Way::ToSite);
    assert_eq!((received.kbps, received.height), (Given::Value(2048.0), Given::Value(1080)));
}

#[test]
fn loss_jitter_round_trip_and_frame_rate_are_not_provided_and_never_zero() {
    for stream in streams(&checked(TERMINAL).unwrap()).unwrap() {
        let figures = [stream.loss_pct, stream.jitter_ms, stream.rtt_ms, stream.fps];
        assert_eq!(figures, [Given::Absent(Absent::NotProvided); 4], "{stream:?}");
        assert_eq!((stream.packets.value(), stream.lost.value()), (None, None));
    }
}

#[test]
fn a_muted_site_is_paused_and_of_the_others_nothing_is_known() {
    assert_eq!(stream(Medium::Audio, Way::FromSite).flow, Flow::Paused);
    assert_eq!(stream(Medium::Audio, Way::ToSite).flow, Flow::Unknown);
    assert_eq!(stream(Medium::Video, Way::FromSite).flow, Flow::Unknown);
}

#[test]
fn an_unknown_size_and_a_rate_of_zero_are_absent_with_their_reason() {
    let content = stream(Medium::Content, Way::ToSite);
    assert_eq!(content.width, Given::Absent(Absent::OutOfRange));
    assert_eq!(content.kbps, Given::Absent(Absent::Sentinel));
}

#[test]
fn the_roster_says_who_belongs_and_who_is_there() {
    let list =
        br#"{"success":1,"mts":[{"mt_id":"1","alias":"Hub","online":1,"mute":0,"call_mode":0,"type":1},
        {"mt_id":2,"account":"051299","online":"0","call_mode":2,"type":7}]}"#;
    let (sites, whole) = roster(&checked(list).unwrap()).unwrap();
    assert!(whole);
    assert_eq!((sites[0].name.as_str(), sites[0].muted), ("Hub", Some(false)));
    assert_eq!(sites[0].presence, Presence::Connected);
    assert_eq!((sites[1].name.as_str(), sites[1].muted, sites[1].cascade), ("051299", None, true));
    assert_eq!(sites[1].presence, Presence::Left { cause: String::new() });
    assert!(sites[1].redialled_by_platform && !sites[0].redialled_by_platform);
}

#[test]
fn a_list_that_is_shorter_than_it_says_is_not_whole() {
    let list = br#"{"success":1,"total":9,"mts":[{"mt_id":"1","online":1}]}"#;
    assert!(!roster(&checked(list).unwrap()).unwrap().1);
}

#[test]
fn every_code_has_its_fault() {
    let fault =
        |code: i64| checked(format!(r#"{{"success":0,"error_code":{code}}}"#).as_bytes()).unwrap_err();
    assert_eq!(fault(10101), Fault::Auth(AuthWhy::Wrong));
    assert_eq!(fault(10102), Fault::Auth(AuthWhy::Expired));
    assert_eq!(fault(20003), Fault::Busy("20003".into()));
    assert!(matches!(fault(20410), Fault::Said { code, words } if code == "20410" && words.contains("busy")));
    assert!(matches!(fault(7), Fault::Said { code, .. } if code == "7"));
}

#[test]
fn another_shape_is_told_as_such() {
    let shapes = [
        &b"<html>"[..],
        br#"{"result":1}"#,
        br#"{"success":"maybe"}"#,
        br#"{"success":1,"mts":{}}"#,
        br#"{"success":1,"mts":[{"mt_id":"1","on_line":1}]}"#,
        br#"{"success":1,"mts":[{"id":"1","online":1}]}"#,
    ];
    for shape in shapes {
        let read = checked(shape).and_then(|value| roster(&value));
        assert!(matches!(read, Err(Fault::Shape(_))), "{read:?}");
    }
}

#[test]
fn capacity_keeps_what_cannot_be() {
    let list = br#"{"success":1,"resources":[{"name":"port","resolution":"1080P","total":10,"used":12},
        {"name":"smcu","total":-1,"used":0}]}"#;
    let all = resources(&checked(list).unwrap()).unwrap();
    assert_eq!((all[0].what.as_str(), all[0].free()), ("port 1080P", Given::Absent(Absent::OutOfRange)));
    assert_eq!((all[1].total, all[1].used), (Given::Absent(Absent::Sentinel), Given::Value(0.0)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = checked(&bytes);
    }

    #[test]
    fn any_terminal_is_read_without_a_panic(online in -2_i64..3, rate in any::<f64>(), code in any::<i64>()) {
        let terminal = serde_json::json!({"success": 1, "online": online, "v_snd_chn":
            [{"bitrate": rate, "resolution": code}]});
        if let Ok(all) = streams(&terminal) {
            prop_assert!(all.iter().all(|stream| stream.kbps.value().is_none_or(|kbps| kbps > 0.0)));
        }
    }
}
