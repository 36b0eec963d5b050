//! Packets as they stand in the RFC, and accounting that adds up.

use proptest::prelude::*;

use super::Arrival::{Duplicate, First, Gap, Late, Next, Restarted, Stray};
use super::*;
use crate::domain::time::Mono;

fn packet(sequence: u16, timestamp: u32) -> RtpPacket<'static> {
    RtpPacket {
        marker: false,
        payload_type: 96,
        sequence,
        timestamp,
        ssrc: 7,
        extension: None,
        payload: &[1],
    }
}

#[test]
fn a_packet_with_everything() {
    // One contributing source, one-byte extension elements 1 (level) and 2 with padding, three bytes of padding.
    let bytes =
        hex::decode("b1e1000a00000014deadbeef00000001bede0002108522010203 0000aa0bcc000003".replace(' ', ""));
    let bytes = bytes.unwrap();
    let read = parse(&bytes).unwrap();
    assert!(read.marker);
    assert_eq!((read.payload_type, read.sequence, read.timestamp, read.ssrc), (97, 10, 20, 0xdead_beef));
    assert_eq!(read.audio_level(1), Some(AudioLevel { voice: true, below_full_scale_db: 5 }));
    assert_eq!(read.audio_level(3), None);
    assert_eq!(read.payload, [0xaa, 0x0b, 0xcc]);
}

#[test]
fn what_is_no_packet_is_named() {
    let cases: [(&str, NotRtp); 6] = [
        ("", NotRtp::Short { got: 0 }),
        ("406000010000000200000003", NotRtp::Version(1)),
        ("816000010000000200000003", NotRtp::Short { got: 12 }),
        ("906000010000000200000003bede0001", NotRtp::Short { got: 16 }),
        ("a0600001000000020000000305", NotRtp::Padding(5)),
        ("80c800060000000200000003", NotRtp::Rtcp(200)),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(&hex::decode(text).unwrap()), Err(expected), "{text}");
    }
}

#[test]
fn two_byte_elements_may_be_empty_and_long() {
    let extension = Extension { profile: 0x1000, data: &[1, 0, 2, 3, 7, 8, 9, 0] };
    assert_eq!(extension.elements().collect::<Vec<_>>(), [(1, &[][..]), (2, &[7, 8, 9])]);
    assert_eq!(Extension { profile: 0xabcd, ..extension }.elements().count(), 0);
}

#[test]
fn arrivals_are_told_apart() {
    let cases: [(&[u16], &[Arrival], Counts); 4] = [
        (
            &[65_534, 65_535, 1, 0, 0, 2],
            &[First, Next, Gap { missing: 1 }, Late, Duplicate, Next],
            Counts { received: 5, expected: 5, lost: 0, reordered: 1, duplicates: 1 },
        ),
        (
            &[10, 9, 15],
            &[First, Late, Gap { missing: 4 }],
            Counts { received: 3, expected: 7, lost: 4, reordered: 1, duplicates: 0 },
        ),
        // One packet from nowhere changes nothing; two in a row are a new beginning.
        (
            &[10, 30_000, 11],
            &[First, Stray, Next],
            Counts { received: 2, expected: 2, lost: 0, reordered: 0, duplicates: 0 },
        ),
        (
            &[10, 30_000, 30_001, 30_003],
            &[First, Stray, Restarted, Gap { missing: 1 }],
            Counts { received: 3, expected: 4, lost: 1, reordered: 0, duplicates: 0 },
        ),
    ];
    for (sequences, arrivals, counts) in cases {
        let mut reception = Reception::new(90_000);
        let told: Vec<_> =
            sequences.iter().map(|sequence| reception.packet(&packet(*sequence, 0), Mono(0))).collect();
        assert_eq!((&told[..], reception.counts()), (arrivals, counts), "{sequences:?}");
    }
    let mut reception = Reception::new(90_000);
    reception.packet(&packet(1, 0), Mono(0));
    assert_eq!(reception.packet(&RtpPacket { ssrc: 8, ..packet(2, 0) }, Mono(0)), Restarted);
}

#[test]
fn jitter_follows_the_rfc_over_a_wrapping_timestamp() {
    let mut reception = Reception::new(8_000);
    // Every 20 ms, each second packet 4 ms late: 32 ticks of difference, which the estimate approaches.
    for at in 0..400_u32 {
        let timestamp = (at * 160).wrapping_sub(3200);
        let late = if at % 2 == 1 { 4_000 } else { 0 };
        reception.packet(&packet(at as u16, timestamp), Mono(u64::from(at) * 20_000 + late));
    }
    assert!((reception.jitter_ms() - 4.0).abs() < 0.1, "{}", reception.jitter_ms());
}

#[test]
fn a_report_says_what_was_lost_since_the_one_before() {
    let mut reception = Reception::new(90_000);
    assert_eq!(reception.report(), None);
    for sequence in [0, 1, 4] {
        reception.packet(&packet(sequence, 0), Mono(0));
    }
    let first = reception.report().unwrap();
    assert_eq!((first.fraction_lost, first.lost, first.highest_sequence, first.ssrc), (102, 2, 4, 7));
    reception.packet(&packet(5, 0), Mono(0));
    let second = reception.report().unwrap();
    assert_eq!((second.fraction_lost, second.lost), (0, 2));
}

#[test]
fn timestamps_count_on_over_their_wrap() {
    let mut ticks = Ticks::rtp(90_000);
    let raw = [u64::from(u32::MAX) - 89_999, 0, 90_000, u64::from(u32::MAX)];
    let told: Vec<_> = raw.iter().map(|raw| ticks.extend(*raw) - i64::from(u32::MAX) - 1).collect();
    assert_eq!(told, [-90_000, 0, 90_000, -1]);
    let mut ticks = Ticks::pes();
    assert_eq!([90_000, 45_000, 135_000].map(|raw| ticks.extend_us(raw)), [1_000_000, 500_000, 1_500_000]);
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        head: (bool, u8, u16, u32, u32),
        payload in proptest::collection::vec(any::<u8>(), 0..50),
        words in proptest::option::of(proptest::collection::vec(any::<[u8; 4]>(), 0..5)),
        profile: u16,
    ) {
        let (marker, payload_type, sequence, timestamp, ssrc) = head;
        // 64 to 95 with a marker are RTCP (RFC 5761).
        let payload_type = 96 + payload_type % 32;
        let data = words.map(|words| words.concat());
        let extension = data.as_ref().map(|data| Extension { profile, data });
        let packet = RtpPacket { marker, payload_type, sequence, timestamp, ssrc, extension, payload: &payload };
        let mut written = Vec::new();
        packet.write(&mut written);
        prop_assert_eq!(parse(&written), Ok(packet));
    }

    #[test]
    fn any_bytes_are_read_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(first) = bytes.first_mut() {
            *first = *first & 0x3f | 0x80;
        }
        if let Ok(packet) = parse(&bytes) {
            prop_assert!(packet.payload.len() <= bytes.len());
            let _ = packet.extension.map(|extension| extension.elements().count());
        }
    }

    #[test]
    fn accounts_add_up_whatever_comes(packets in proptest::collection::vec((0_u16..300, 0_u32..3), 0..300)) {
        let mut reception = Reception::new(90_000);
        let mut repeated = 0;
        for (at, (sequence, ssrc)) in packets.iter().enumerate() {
            let arrival = reception.packet(&RtpPacket { ssrc: ssrc / 2, ..packet(*sequence, 0) }, Mono(at as u64));
            repeated += u64::from(matches!(arrival, Duplicate | Stray));
        }
        let counts = reception.counts();
        prop_assert_eq!(counts.received + repeated, packets.len() as u64);
        prop_assert_eq!(counts.expected, counts.received + counts.lost);
    }
}
