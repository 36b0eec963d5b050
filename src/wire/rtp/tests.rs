//! Packets as they stand in the RFC, and accounting that adds up.

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
    let bytes = hex::decode(
        "b2e1000a00000014deadbeef0000000100000002bede00021085 220102030000aa0bcc000003".replace(' ', ""),
    )
    .unwrap();
    let read = parse(&bytes).unwrap();
    assert!(read.marker);
    assert_eq!((read.payload_type, read.sequence, read.timestamp, read.ssrc), (97, 10, 20, 0xdead_beef));
    assert_eq!(read.audio_level(1), Some(AudioLevel { voice: true, below_full_scale_db: 5 }));
    assert_eq!(read.audio_level(3), None);
    assert_eq!(read.payload, [0xaa, 0x0b, 0xcc]);
}

#[test]
fn counts_add_up() {
    let mut reception = Reception::new(90_000);
    let arrivals: Vec<_> = [65_534, 65_535, 1, 0, 0, 2]
        .into_iter()
        .map(|sequence| reception.packet(&packet(sequence, 0), Mono(0)))
        .collect();
    use Arrival::{Duplicate, First, Gap, Late, Next};
    assert_eq!(arrivals, [First, Next, Gap { missing: 1 }, Late, Duplicate, Next]);
    let counts = Counts { received: 5, expected: 5, lost: 0, reordered: 1, duplicates: 1 };
    assert_eq!(reception.counts(), counts);
}
