//! Samples of replies with the documented fields, read to the expected values.

use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::domain::time::Utc;
use vcops::mcu::fault::Fault;
use vcops::mcu::smc3::reply::{self, Off};
use vcops::observation::device::{ConferenceSeen, Presence};

const AT: Utc = Utc(1_800_000_000_000_000);

fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mcu/smc3/");
    std::fs::read(format!("{folder}{name}.json")).unwrap()
}

#[test]
fn a_no_is_told_by_its_number_whatever_the_status() {
    let no = Some(Fault::Said { code: "0x20040010".into(), words: "MCU资源不足".into() });
    for status in [200, 400, 500] {
        assert_eq!(reply::refusal(status, &sample("error")), no, "{status}");
    }
    assert_eq!(reply::refusal(204, b""), None);
    assert_eq!(reply::refusal(200, br#"{"errorNo":"0"}"#), None);
    assert_eq!(reply::refusal(500, b"<html>"), Some(Fault::Shape("HTTP 500".into())));
    let plain = Some(Fault::Said { code: "http_404".into(), words: String::new() });
    assert_eq!(reply::refusal(404, b"{}"), plain);
}

#[test]
fn a_token_stands_alone_or_in_an_object() {
    let token = reply::token(&sample("token")).unwrap();
    assert_eq!(token.as_str(), "6f1c2f0e-5b1e-4a57-9a62-1f7d5d0c1111");
    for body in [&b"abc-1"[..], b"\"abc-1\"", b"{\"ticket\":\"abc-1\"}", b" abc-1\r\n"] {
        assert_eq!(reply::bare_token(body).unwrap().as_str(), "abc-1", "{}", String::from_utf8_lossy(body));
    }
    for body in [&b""[..], b"{}", b"[]", b"a b", b"a\nb: c", b"\xff"] {
        assert!(reply::bare_token(body).is_err(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn what_has_not_begun_is_no_conference() {
    let page = reply::page(&sample("conferences")).unwrap();
    assert_eq!(page.total, 3);
    let read = page.rows.iter().filter_map(|row| reply::conference(row, AT).unwrap());
    let names: Vec<String> = read.map(|conference| conference.name).collect();
    assert_eq!(names, ["全市防汛会商", "没有阶段的版本"]);
}

#[test]
fn the_details_count_the_sites_and_name_who_is_shown() {
    let detail = reply::detail(&sample("detail")).unwrap();
    assert_eq!((detail.sites, detail.alarmed), (Some(4), true));
    assert_eq!(detail.shown, Some(ParticipantRef::new("p-1")));
}

#[test]
fn every_row_is_a_site_and_a_failed_call_has_its_cause() {
    let page = reply::page(&sample("sites")).unwrap();
    let sites: Vec<_> = page.rows.iter().map(|row| reply::site(row).unwrap()).collect();
    let presence: Vec<_> = sites.iter().map(|site| site.seen.presence.clone()).collect();
    let left = Presence::Left { cause: "33".into() };
    assert_eq!(presence, [Presence::Connected, Presence::Calling, left, Presence::Connected]);
    let ids: Vec<_> = sites.iter().map(|site| site.seen.participant.to_string()).collect();
    assert_eq!(ids, ["p-1", "p-2", "p-3", "p-4"]);
    assert_eq!(sites[1].off, Off { mute: true, quiet: true, picture: true });
    let muted: Vec<_> = sites.iter().map(|site| site.seen.muted).collect();
    assert_eq!(muted, [Some(false), Some(true), None, Some(false)]);
    let cascades: Vec<_> = sites.iter().map(|site| site.seen.cascade).collect();
    assert_eq!(cascades, [false, false, false, true]);
}

#[test]
fn codecs_are_named_and_unknown_alarms_are_kept() {
    let codecs = reply::codecs(&sample("detail_info")).unwrap();
    assert_eq!(codecs, (Some("audio protocol 12".into()), Some("H.264 BP".into())));
    let conference = ConferenceSeen {
        conference: ConferenceRef::new("c"),
        name: String::new(),
        expected: None,
        present: Vec::new(),
        complete: false,
        at: AT,
    };
    let alarms = reply::alarms(&conference, &sample("alarms")).unwrap();
    let told: Vec<_> = alarms.iter().map(|alarm| (alarm.id.as_str(), alarm.what.as_str())).collect();
    assert_eq!(told, [("c/5", "会场掉线"), ("c/1", "conference_alarm")]);
    assert_eq!(alarms[0].since, Utc::parse("2026-11-28T01:00:00Z"));
}

#[test]
fn another_shape_is_said_to_be_one() {
    for body in [&b""[..], b"[]", b"{\"content\":[]}", b"{\"totalElements\":-1,\"content\":[]}", b"\xff\xfe"]
    {
        assert!(matches!(reply::page(body), Err(Fault::Shape(_))), "{}", String::from_utf8_lossy(body));
    }
}
