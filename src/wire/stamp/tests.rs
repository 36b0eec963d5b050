//! Golden vectors of RFC 8762 and RFC 8972, and what must hold for any bytes.

use proptest::prelude::*;

use super::tlv::{ClassOfService, FollowUp, Summary, Tlvs};
use super::*;

/// 2026-11-22T01:31:20.5Z.
const AT_NS: i64 = 1_795_311_080_500_000_000;

fn facts<'a>() -> ReplyFacts<'a> {
    ReplyFacts {
        seq: 7,
        received: Ntp(0x0102_0304_0506_0708),
        error: ErrorEstimate::from_bits(0x8c01),
        ttl: 61,
        tos: 0x88,
        follow_up: None,
        summary: None,
    }
}

#[test]
fn a_probe_stands_as_in_the_rfc() {
    let mut bytes = Vec::new();
    let probe = Probe {
        seq: 5,
        sent: Ntp::from_unix_ns(AT_NS),
        error: ErrorEstimate::UNSYNCHRONISED,
        ssid: 0x1234,
        tail: &[],
    };
    probe.write(&mut bytes);
    let head = "00000005eeacc4688000000020011234";
    assert_eq!(hex::encode(&bytes[..16]), head);
    assert_eq!(bytes[16..], [0; 28]);
    assert_eq!(Probe::parse(&bytes), Ok(probe));
}

#[test]
fn a_reply_stands_as_in_the_rfc() {
    let probe = Probe {
        seq: 9,
        sent: Ntp(0xaabb_ccdd_eeff_0011),
        error: ErrorEstimate::default(),
        ssid: 3,
        tail: &[],
    };
    let mut bytes = Vec::new();
    write_reply(&probe, &facts(), &mut bytes);
    set_reply_sent(&mut bytes, Ntp(0x1112_1314_1516_1718));
    let expected =
        "00000007111213141516171 88c010003 0102030405060708 00000009 aabbccddeeff0011 0000 0000 3d 000000";
    assert_eq!(hex::encode(&bytes), expected.replace(' ', ""));
    let reply = Reply::parse(&bytes).unwrap();
    assert_eq!((reply.seq, reply.probe_seq, reply.ssid, reply.probe_ttl), (7, 9, 3, 61));
    assert_eq!((reply.sent.0, reply.received.0), (0x1112_1314_1516_1718, 0x0102_0304_0506_0708));
}

#[test]
fn a_twamp_light_reply_of_41_bytes_is_accepted_and_40_are_not() {
    assert!(Reply::parse(&[0; 41]).is_ok());
    assert_eq!(Reply::parse(&[0; 40]), Err(NotStamp::Short { got: 40, least: 41 }));
    assert_eq!(Probe::parse(&[0; 43]), Err(NotStamp::Short { got: 43, least: 44 }));
}

#[test]
fn timestamps_follow_the_era_and_the_format() {
    let cases = [
        (0, 0x83aa_7e80_0000_0000),
        (500_000_000, 0x83aa_7e80_8000_0000),
        (2_085_978_496_000_000_000, 0),
        (2_085_978_497_000_000_000, 0x0000_0001_0000_0000),
    ];
    for (ns, ntp) in cases {
        assert_eq!(Ntp::from_unix_ns(ns), Ntp(ntp), "{ns}");
        assert_eq!(Ntp(ntp).unix_ns(), ns, "{ntp:x}");
    }
    let ptp = ErrorEstimate { ptp: true, ..ErrorEstimate::UNSYNCHRONISED };
    assert_eq!(ptp.to_unix_ns(Ntp(3 << 32 | 17)), 3_000_000_017);
    assert_eq!(ErrorEstimate::UNSYNCHRONISED.seconds(), Some(1.0));
    assert_eq!(ErrorEstimate::default().seconds(), None);
}

#[test]
fn a_reflector_fills_what_it_knows_and_marks_what_it_does_not() {
    let mut tail = Vec::new();
    let wanted = ClassOfService { wanted_dscp: 34, seen_dscp: 0, seen_ecn: 0, reverse_path: 0 };
    tlv::append(&mut tail, tlv::CLASS_OF_SERVICE, &wanted.bytes());
    tlv::append(&mut tail, tlv::FOLLOW_UP, &[0; 16]);
    tlv::append(&mut tail, 200, &[1, 2, 3]);
    tlv::append(&mut tail, tlv::EXTRA_PADDING, &[9; 5]);
    tail.extend_from_slice(&[tlv::UNRECOGNISED, tlv::EXTRA_PADDING, 0, 99, 1]);
    let probe = Probe { seq: 1, sent: Ntp(2), error: ErrorEstimate::default(), ssid: 0, tail: &tail };
    let follow_up = FollowUp { seq: 6, sent: Ntp(77), method: 2 };
    let mut bytes = Vec::new();
    write_reply(&probe, &ReplyFacts { follow_up: Some(follow_up), ..facts() }, &mut bytes);
    let reply = Reply::parse(&bytes).unwrap();
    let answered: Vec<_> = reply.tlvs().collect();
    let flags: Vec<_> = answered.iter().map(|item| item.map(|tlv| tlv.flags)).collect();
    assert_eq!(flags[..4], [Ok(0), Ok(0), Ok(tlv::UNRECOGNISED), Ok(0)]);
    let broken = flags[4].unwrap_err();
    assert_eq!(reply.tail[broken.at], tlv::MALFORMED);
    let seen = ClassOfService::parse(reply.tlvs().find(tlv::CLASS_OF_SERVICE).unwrap().value);
    assert_eq!(seen, Some(ClassOfService { seen_dscp: 34, ..wanted }));
    assert_eq!(FollowUp::parse(reply.tlvs().find(tlv::FOLLOW_UP).unwrap().value), Some(follow_up));
}

#[test]
fn a_summary_carries_the_asked_part_of_the_bitmap() {
    let bitmap: Vec<u8> = (1..=20).collect();
    let mut tail = Vec::new();
    tlv::append_summary_request(&mut tail, 83, 4);
    let probe = Probe { seq: 1, sent: Ntp(2), error: ErrorEstimate::default(), ssid: 0, tail: &tail };
    let session = SummaryFacts {
        received: 100,
        duplicates: 2,
        reordered: 3,
        limited: 4,
        replies: 100,
        bitmap: &bitmap,
    };
    let mut bytes = Vec::new();
    write_reply(&probe, &ReplyFacts { summary: Some(session), ..facts() }, &mut bytes);
    let reply = Reply::parse(&bytes).unwrap();
    let summary = Summary::parse(reply.tlvs().find(tlv::SUMMARY).unwrap().value).unwrap();
    assert!(summary.filled);
    assert_eq!((summary.from_seq, summary.bitmap), (80, &[11, 12, 13, 14][..]));
    assert_eq!((summary.received, summary.duplicates, summary.reordered, summary.limited), (100, 2, 3, 4));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Reply::parse(&bytes).map(|reply| (reply.received_ns(), reply.sent_ns(), reply.tlvs().count()));
        if let Ok(probe) = Probe::parse(&bytes) {
            let mut reply = Vec::new();
            let summary = Some(SummaryFacts { bitmap: &[255; 9], ..SummaryFacts::default() });
            write_reply(&probe, &ReplyFacts { summary, ..facts() }, &mut reply);
            prop_assert_eq!(reply.len(), bytes.len());
            prop_assert!(Reply::parse(&reply).is_ok());
        }
    }

    #[test]
    fn chains_are_walked_to_their_end(parts in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..12)) {
        let mut tail = Vec::new();
        for (kind, value) in &parts {
            tlv::append(&mut tail, *kind, value);
        }
        let read: Vec<_> = Tlvs::new(&tail).map(|item| item.map(|tlv| (tlv.kind, tlv.value.to_vec()))).collect();
        prop_assert_eq!(read, parts.into_iter().map(Ok).collect::<Vec<_>>());
    }

    #[test]
    fn every_nanosecond_survives(ns in 0_i64..4_000_000_000_000_000_000) {
        prop_assert_eq!(Ntp::from_unix_ns(ns).unix_ns(), ns);
    }

    #[test]
    fn every_error_estimate_survives(bits in any::<u16>()) {
        prop_assert_eq!(ErrorEstimate::from_bits(bits).bits(), bits);
    }
}
