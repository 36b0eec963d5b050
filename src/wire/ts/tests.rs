//! What is multiplexed comes out again, and what is missing damages what is around it.

use proptest::prelude::*;

use super::*;
use crate::domain::stream::VideoCodec;
use crate::wire::coding::{AudioFormat, Coding};

/// Track, time and bytes of each access unit.
type Sent = Vec<(usize, u64, Vec<u8>)>;

fn codings() -> [Coding; 3] {
    [
        Coding::Video(VideoCodec::H264),
        Coding::Audio(AudioFormat::aac(48_000, 2)),
        Coding::Audio(AudioFormat::opus(1)),
    ]
}

fn stream(sent: &Sent) -> Vec<u8> {
    let (mut mux, mut out) = (Mux::new(&codings()), Vec::new());
    mux.tables(&mut out);
    for (track, pts, data) in sent {
        mux.unit(*track, &MuxUnit { pts: *pts, dts: None, data, random_access: *track == 0 }, &mut out);
    }
    out
}

fn demux<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<TsEvent>, TsCounts) {
    let (mut demux, mut out) = (Demux::new(), Vec::new());
    pieces.into_iter().for_each(|piece| demux.push(piece, &mut out));
    demux.flush(&mut out);
    (out, demux.counts())
}

fn units<'e>(events: &'e [TsEvent]) -> Vec<&'e TsUnit> {
    let unit = |event: &'e TsEvent| if let TsEvent::Unit(unit) = event { Some(unit) } else { None };
    events.iter().filter_map(unit).collect()
}

fn picture(length: usize) -> Vec<u8> {
    [&[0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x65][..], &vec![7; length]].concat()
}

#[test]
fn a_lost_packet_damages_its_picture_only() {
    let sent: Sent = (0..3).map(|at| (0, at * 3600, picture(500))).collect();
    let bytes = stream(&sent);
    // Two packets of tables, then pictures of three: the middle of the second is left out.
    let (packets, _) = bytes.as_chunks::<PACKET_BYTES>();
    let kept = packets.iter().enumerate().filter(|(at, _)| *at != 2 + 4).map(|(_, packet)| &packet[..]);
    let (events, counts) = demux(kept);
    let damaged: Vec<_> = units(&events).iter().map(|unit| (unit.pts, unit.damaged)).collect();
    assert_eq!(damaged, [(Some(0), false), (Some(3600), true), (Some(7200), false)]);
    assert_eq!((counts.discontinuities, counts.packets), (1, packets.len() as u64 - 1));
}

#[test]
fn repetitions_garbage_and_marked_errors_are_stepped_over() {
    let sent: Sent = (0..2).map(|at| (0, at * 3600, picture(300))).collect();
    let bytes = stream(&sent);
    let (packets, _) = bytes.as_chunks::<PACKET_BYTES>();
    let mut error = packets[3];
    error[1] |= 0x80;
    let pieces: Vec<&[u8]> = packets
        .iter()
        .flat_map(|packet| [&packet[..], &packet[..]])
        .chain([&[1, 2, 3][..], &error])
        .collect();
    let (events, counts) = demux(pieces);
    assert_eq!(units(&events).len(), 2);
    assert!(units(&events).iter().all(|unit| !unit.damaged));
    assert_eq!((counts.skipped_bytes, counts.transport_errors, counts.discontinuities), (3, 1, 0));
}

#[test]
fn a_wrong_checksum_is_no_table() {
    let mut bytes = stream(&Sent::new());
    bytes[20] ^= 1;
    let (events, counts) = demux([&bytes[..]]);
    assert_eq!((events, counts.bad_tables), (vec![], 1));
}

#[test]
fn the_tracks_are_told_and_the_clock_runs_ahead() {
    let bytes = stream(&vec![(0, 90_000, picture(10)), (1, 90_000, vec![1; 20])]);
    let (events, _) = demux([&bytes[..]]);
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| if let TsEvent::Tracks(tracks) = event { Some(tracks) } else { None })
        .collect();
    // AAC says its rate with the first frame.
    assert_eq!(told.len(), 2);
    let found: Vec<_> = told[1].iter().map(|track| track.coding.clone()).collect();
    assert_eq!(found, codings().map(Some));
    let clock = TsEvent::Pcr { pid: Mux::pid(0), ticks: (90_000 - 18_000) * 300, discontinuity: false };
    assert!(events.contains(&clock), "{events:?}");
}

#[test]
fn packets_behind_an_rtp_header_are_found() {
    let bytes = stream(&Sent::new());
    let head = [0x80, 33, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
    assert_eq!(payload(&[&head[..], &bytes].concat()), Some(&bytes[..]));
    assert_eq!(payload(&bytes), Some(&bytes[..]));
    assert_eq!(payload(&bytes[1..]), None);
}

fn access_unit() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let body = || proptest::collection::vec(1_u8..=255, 1..1500);
    prop_oneof![
        body().prop_map(|body| (0, [&[0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x65][..], &body].concat())),
        (1_usize..3, body()),
    ]
}

proptest! {
    #[test]
    fn what_is_multiplexed_comes_out_again(
        sent in proptest::collection::vec(access_unit(), 0..8),
        piece in 1_usize..600,
    ) {
        let sent: Sent = sent.into_iter().enumerate().map(|(at, (track, data))| (track, at as u64 * 1000, data)).collect();
        let bytes = stream(&sent);
        let (events, counts) = demux(bytes.chunks(piece));
        prop_assert_eq!(counts.discontinuities + counts.skipped_bytes + counts.bad_tables, 0);
        for track in 0..3 {
            let came: Vec<_> = units(&events).into_iter().filter(|unit| unit.pid == Mux::pid(track))
                .map(|unit| (track, unit.pts.unwrap(), unit.data.to_vec())).collect();
            let sent: Sent = sent.iter().filter(|(which, ..)| *which == track).cloned().collect();
            prop_assert_eq!(came, sent);
        }
    }

    #[test]
    fn any_bytes_are_taken_without_panic(
        heads in proptest::collection::vec((0_u8..4, any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..12),
    ) {
        let mut bytes = stream(&vec![(0, 0, picture(10)), (1, 0, vec![1; 20]), (2, 0, vec![1; 20])]);
        for (pid, flags, control, body) in heads {
            let pid = [0x00_u16, 0x20, 0x100, 0x101][usize::from(pid)];
            let mut packet = vec![SYNC_BYTE, flags & 0xe0 | (pid >> 8) as u8, pid as u8, control];
            packet.extend_from_slice(&body);
            packet.resize(PACKET_BYTES, 0xff);
            bytes.extend_from_slice(&packet);
        }
        let (events, _) = demux([&bytes[..]]);
        let came: usize = units(&events).iter().map(|unit| unit.data.len()).sum();
        prop_assert!(came <= bytes.len());
    }
}

/// Streams of another multiplexer: H.264 with AAC, H.265 with Opus.
const AAC: &[u8] = include_bytes!("../../../tests/data/wire/aac.ts");
const OPUS: &[u8] = include_bytes!("../../../tests/data/wire/opus.ts");

#[test]
fn streams_of_another_multiplexer() {
    let read = |bytes| {
        let (events, counts) = demux([bytes]);
        assert_eq!(counts.discontinuities + counts.bad_tables + counts.skipped_bytes, 0);
        let tracks = events
            .iter()
            .rev()
            .find_map(|event| if let TsEvent::Tracks(tracks) = event { Some(tracks.clone()) } else { None });
        let tracks = tracks.unwrap();
        let of = |track: &TsTrack| {
            let mine = units(&events).into_iter().filter(|unit| unit.pid == track.pid);
            mine.map(|unit| (unit.pts.unwrap(), unit.data.len())).collect::<Vec<_>>()
        };
        (tracks[1].coding.clone().unwrap(), of(&tracks[0]), of(&tracks[1]))
    };
    let (coding, pictures, sound) = read(AAC);
    assert_eq!(coding, Coding::Audio(AudioFormat::aac(48_000, 1)));
    assert_eq!(pictures, [(127_920, 1020), (131_520, 20), (135_120, 26), (138_720, 29), (142_320, 37)]);
    // Lengths without the seven bytes of each ADTS header.
    let lengths = [116, 122, 52, 72, 55, 53];
    assert_eq!(
        sound,
        lengths.into_iter().zip(0..).map(|(bytes, at)| (126_000 + at * 1920, bytes)).collect::<Vec<_>>()
    );
    let (coding, pictures, sound) = read(OPUS);
    assert_eq!(coding, Coding::Audio(AudioFormat::opus(2)));
    assert_eq!(
        pictures.iter().map(|(pts, _)| *pts).collect::<Vec<_>>(),
        [133_200, 136_800, 140_400, 144_000, 147_600]
    );
    assert_eq!((sound.len(), sound[1].0 - sound[0].0), (6, 1800));
}
