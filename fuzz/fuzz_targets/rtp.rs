//! Any bytes as datagrams of an RTP port: never a panic, accounts that add up, no access unit longer than what came,
//! and what is written reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::domain::time::Mono;
use vcops::wire::coding::{AudioFormat, Coding};
use vcops::wire::depay::Depay;
use vcops::wire::rtcp::{self, Rtcp};
use vcops::wire::rtp::{self, Reception};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let coding = match choice % 4 {
        0 => Coding::Video(VideoCodec::H264),
        1 => Coding::Video(VideoCodec::H265),
        2 => Coding::Audio(AudioFormat::aac(48_000, 2)),
        _ => Coding::Audio(AudioFormat::telephone(AudioCodec::G722)),
    };
    let (mut depay, mut reception) = (Depay::new(&coding), Reception::new(coding.rtp_clock_hz()));
    let (mut units, mut sent) = (Vec::new(), 0);
    for (at, datagram) in datagrams(rest).enumerate() {
        told(datagram);
        let Ok(packet) = rtp::parse(datagram) else { continue };
        let mut written = Vec::new();
        packet.write(&mut written);
        assert_eq!(rtp::parse(&written), Ok(packet));
        let _ = packet.audio_level(1);
        reception.packet(&packet, Mono(at as u64 * 20_000));
        depay.push(&packet, &mut units);
        // An aggregate's lengths of two bytes become start codes of four.
        sent += packet.payload.len() * 2 + 8;
    }
    depay.flush(&mut units);
    let counts = reception.counts();
    assert!(counts.received <= counts.expected && counts.lost == counts.expected - counts.received);
    assert!(reception.jitter_ms() >= 0.0);
    assert!(units.iter().map(|unit| unit.data.len()).sum::<usize>() <= sent);
});

/// Pieces behind lengths of one byte.
fn datagrams(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first()?;
        let (datagram, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        Some(datagram)
    })
}

fn told(datagram: &[u8]) {
    for packet in rtcp::parse(datagram) {
        match packet {
            Rtcp::SenderReport(report) => {
                let _ = report.unix_us();
            }
            Rtcp::ReceiverReport { ssrc, blocks } => {
                let mut written = Vec::new();
                rtcp::write_receiver_report(ssrc, &blocks, &mut written);
                assert_eq!(rtcp::parse(&written).next(), Some(Rtcp::ReceiverReport { ssrc, blocks }));
            }
            Rtcp::Bye { .. } | Rtcp::Other { .. } => {}
        }
    }
}
