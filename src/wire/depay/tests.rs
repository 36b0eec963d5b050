//! What is packetised comes out again, and what is missing damages what is around it.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::domain::stream::VideoCodec;
use crate::wire::coding::AudioFormat;
use crate::wire::nal::push_unit;
use crate::wire::pay::Pay;
use crate::wire::rtp;

const H264: Coding = Coding::Video(VideoCodec::H264);

fn packets(coding: &Coding, units: &[(u32, Vec<u8>)], payload_bytes_max: usize) -> Vec<Bytes> {
    let mut out = Vec::new();
    let mut pay = Pay { payload_bytes_max, ..Pay::new(coding.clone(), 96, 7, 65_530) };
    units.iter().for_each(|(timestamp, unit)| pay.push(unit, *timestamp, &mut out));
    out
}

fn depay<'a>(coding: &Coding, packets: impl IntoIterator<Item = &'a Bytes>) -> Vec<AccessUnit> {
    let (mut depay, mut out) = (Depay::new(coding), Vec::new());
    packets.into_iter().for_each(|bytes| depay.push(&rtp::parse(bytes).unwrap(), &mut out));
    depay.flush(&mut out);
    out
}

fn joined(units: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    units.iter().for_each(|unit| push_unit(unit, &mut out));
    out
}

/// Two pictures of one slice, three and two packets long.
fn two_pictures() -> Vec<Bytes> {
    let slice = |bytes| [vec![0x41], vec![7; bytes]].concat();
    packets(&H264, &[(0, joined(&[&slice(150)])), (3600, joined(&[&slice(100)]))], 64)
}

#[test]
fn losses_damage_the_picture_around_them() {
    let packets = two_pictures();
    assert_eq!(packets.len(), 5);
    // Lost packet, and for each picture that comes: timestamp, damaged, gap before.
    let cases = [
        (0, &[(3600, false, true)][..]),
        (1, &[(3600, false, true)]),
        (2, &[(3600, false, true)]),
        (3, &[(0, false, false)]),
        (4, &[(0, false, false)]),
    ];
    for (lost, expected) in cases {
        let kept = packets.iter().enumerate().filter(|(place, _)| *place != lost).map(|(_, bytes)| bytes);
        // The very first packet cannot be missed by its number.
        let came: Vec<_> =
            depay(&H264, kept).iter().map(|unit| (unit.timestamp, unit.damaged, unit.gap_before)).collect();
        assert_eq!(came, expected, "without packet {lost}");
    }
}

#[test]
fn a_late_or_repeated_packet_changes_nothing() {
    let packets = two_pictures();
    let whole = depay(&H264, &packets);
    let repeated = depay(&H264, packets.iter().flat_map(|bytes| [bytes, bytes]));
    assert_eq!(whole, repeated);
}

#[test]
fn parameter_sets_wait_for_their_picture() {
    let mut out = Vec::new();
    let mut depay = Depay::new(&H264);
    let mut push = |sequence, timestamp, marker, payload: &[u8]| {
        let packet =
            RtpPacket { marker, payload_type: 96, sequence, timestamp, ssrc: 1, extension: None, payload };
        depay.push(&packet, &mut out);
    };
    push(1, 90, true, &[0x67, 1]);
    push(2, 91, true, &[0x68, 2]);
    push(3, 92, true, &[0x65, 3]);
    // A sender that never marks: the next timestamp ends the picture. Two units aggregated.
    push(4, 93, false, &[0x78, 0, 2, 0x06, 4, 0, 2, 0x41, 5]);
    push(5, 94, false, &[0x41, 6]);
    let data: Vec<_> = out.iter().map(|unit| unit.data.to_vec()).collect();
    let expected = [joined(&[&[0x67, 1], &[0x68, 2], &[0x65, 3]]), joined(&[&[0x06, 4], &[0x41, 5]])];
    assert_eq!(data, expected);
    assert!(out.iter().all(|unit| !unit.damaged && !unit.gap_before));
}

#[test]
fn several_aac_frames_in_a_packet() {
    let coding = Coding::Audio(AudioFormat::aac(48_000, 2));
    let payload = [0, 32, 0, 2 << 3, 0, 1 << 3, 9, 9, 8];
    let packet = RtpPacket {
        marker: true,
        payload_type: 97,
        sequence: 1,
        timestamp: 10,
        ssrc: 1,
        extension: None,
        payload: &payload,
    };
    let (mut depay, mut out) = (Depay::new(&coding), Vec::new());
    depay.push(&packet, &mut out);
    let came: Vec<_> = out.iter().map(|unit| (unit.timestamp, unit.data.to_vec())).collect();
    assert_eq!(came, [(10, vec![9, 9]), (1034, vec![8])]);
}

/// Units that begin like slices and do not hold a start code.
fn slices(codec: VideoCodec) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let head = match codec {
        VideoCodec::H264 => vec![0x65],
        VideoCodec::H265 => vec![0x02, 0x01],
    };
    let unit =
        proptest::collection::vec(1_u8..=255, 1..600).prop_map(move |body| [head.clone(), body].concat());
    proptest::collection::vec(unit, 1..4)
}

proptest! {
    #[test]
    fn what_is_packetised_comes_out_again(
        units in proptest::collection::vec(
            prop_oneof![slices(VideoCodec::H264).prop_map(|units| (false, units)),
                        slices(VideoCodec::H265).prop_map(|units| (true, units))], 1..5),
        limit in 0_usize..300,
    ) {
        for hevc in [false, true] {
            let coding = Coding::Video(if hevc { VideoCodec::H265 } else { VideoCodec::H264 });
            let units: Vec<(u32, Vec<u8>)> = units.iter().filter(|(which, _)| *which == hevc).enumerate()
                .map(|(place, (_, units))| {
                    (place as u32 * 3600, joined(&units.iter().map(Vec::as_slice).collect::<Vec<_>>()))
                }).collect();
            let packets = packets(&coding, &units, limit);
            prop_assert!(packets.iter().all(|packet| packet.len() <= 12 + limit.max(64)));
            let came = depay(&coding, &packets);
            prop_assert!(came.iter().all(|unit| !unit.damaged && !unit.gap_before));
            let came: Vec<_> = came.into_iter().map(|unit| (unit.timestamp, unit.data.to_vec())).collect();
            prop_assert_eq!(came, units);
        }
    }

    #[test]
    fn sound_that_is_packetised_comes_out_again(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..3000), 1..5),
    ) {
        let aac = Coding::Audio(AudioFormat::aac(48_000, 1));
        for coding in [aac, Coding::Audio(AudioFormat::opus(2))] {
            let frames: Vec<_> = frames.iter().cloned().enumerate().map(|(at, frame)| (at as u32, frame)).collect();
            let came = depay(&coding, &packets(&coding, &frames, 500));
            let came: Vec<_> = came.into_iter().map(|unit| (unit.timestamp, unit.data.to_vec())).collect();
            prop_assert_eq!(came, frames);
        }
    }

    #[test]
    fn any_packets_are_taken_without_panic(
        packets in proptest::collection::vec((any::<bool>(), 0_u16..8, 0_u32..3, proptest::collection::vec(any::<u8>(), 0..40)), 0..40),
    ) {
        let codings = [H264, Coding::Video(VideoCodec::H265), Coding::Audio(AudioFormat::aac(8_000, 1))];
        for coding in codings {
            let (mut depay, mut out) = (Depay::new(&coding), Vec::new());
            for (marker, sequence, timestamp, payload) in &packets {
                let packet = RtpPacket {
                    marker: *marker, payload_type: 96, sequence: *sequence, timestamp: *timestamp, ssrc: 1,
                    extension: None, payload,
                };
                depay.push(&packet, &mut out);
            }
            depay.flush(&mut out);
            let bytes: usize = out.iter().map(|unit| unit.data.len()).sum();
            let sent: usize = packets.iter().map(|(_, _, _, payload)| payload.len() * 4 + 8).sum();
            prop_assert!(bytes <= sent, "{bytes} out of {sent}");
        }
    }
}
