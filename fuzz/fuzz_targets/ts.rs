//! Any bytes as a transport stream, by themselves and laid over a good one: never a panic, and no more comes out than
//! went in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::stream::VideoCodec;
use vcops::wire::coding::{AudioFormat, Coding};
use vcops::wire::ts::{self, Demux, Mux, MuxUnit, PACKET_BYTES, TsEvent};

fuzz_target!(|bytes: &[u8]| {
    let mut changed = good();
    // The input's first two bytes choose where it is laid over the good stream.
    let at = bytes.first_chunk::<2>().map_or(0, |at| usize::from(u16::from_be_bytes(*at))) % changed.len();
    changed.iter_mut().skip(at).zip(bytes.iter().skip(2)).for_each(|(old, new)| *old ^= *new);
    let raw = [good(), bytes.to_vec()].concat();
    for stream in [&changed, &raw] {
        let pieces = [PACKET_BYTES, 7 * PACKET_BYTES, 100];
        for piece in pieces {
            take(stream, piece);
        }
    }
    let _ = ts::payload(bytes);
});

fn take(stream: &[u8], piece: usize) {
    let (mut demux, mut events) = (Demux::new(), Vec::new());
    stream.chunks(piece).for_each(|piece| demux.push(piece, &mut events));
    demux.flush(&mut events);
    let length = |event: &TsEvent| if let TsEvent::Unit(unit) = event { unit.data.len() } else { 0 };
    assert!(events.iter().map(length).sum::<usize>() <= stream.len());
    assert!(demux.counts().packets as usize <= stream.len() / PACKET_BYTES);
}

fn good() -> Vec<u8> {
    let codings = [
        Coding::Video(VideoCodec::H264),
        Coding::Audio(AudioFormat::aac(48_000, 2)),
        Coding::Audio(AudioFormat::opus(2)),
    ];
    let (mut mux, mut out) = (Mux::new(&codings), Vec::new());
    mux.tables(&mut out);
    for pts in [0, 3600] {
        let picture = [&[0, 0, 0, 1, 9, 0x10, 0, 0, 0, 1, 0x65][..], &[7; 300]].concat();
        for (track, data) in [&picture[..], &[1; 50], &[0x78; 50]].into_iter().enumerate() {
            mux.unit(track, &MuxUnit { pts, dts: Some(pts), data, random_access: pts == 0 }, &mut out);
        }
    }
    out
}
