//! The test signal on the wire: in time, in order, and wrong only in the way that was ordered.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::media_rig::{Arrived, FPS, ear, listen, pictures, sound, spec, steps, transmitter};
use vcops::media::sender::impairment::Impairment;
use vcops::media::sender::outlet::{Outlet, RtpOutlet, TsOutlet};
use vcops::media::sender::packed::Packed;
use vcops::media::sender::{Entry, Renaming, Sender, Transmitter};
use vcops::wire::rtcp::{self, Rtcp};

/// Ticks between pictures of the rig's clips.
const STEP: u32 = 90_000 / FPS;
/// How long an order may take to show.
const SOON: Duration = Duration::from_secs(5);

fn rtp_to(address: std::net::SocketAddr) -> Outlet {
    Outlet::Rtp(RtpOutlet::new(Some(address), Some(address), Ipv4Addr::LOCALHOST).unwrap())
}

/// A stream of pictures labelled 1 on the way to a socket.
fn stream(transmitter: &Transmitter, to: std::net::SocketAddr, audio: Option<Arc<Packed>>) -> Sender {
    let mut spec = spec(Some(pictures(1, 20, None)), audio);
    spec.outlets.push(rtp_to(to));
    transmitter.send(spec).unwrap()
}

#[test]
fn many_streams_leave_in_order_and_never_early() {
    let (ear, address) = ear();
    let (transmitter, began) = (transmitter(), Instant::now());
    let senders: Vec<Sender> = (0..20).map(|_| stream(&transmitter, address, None)).collect();
    let arrived = listen(&ear, |arrived| arrived.len() >= 20 * 60);
    let mut by_source: BTreeMap<u32, Vec<Arrived>> = BTreeMap::new();
    for packet in arrived {
        by_source.entry(packet.ssrc).or_default().push(packet);
    }
    assert_eq!(by_source.len(), 20);
    for packets in by_source.values() {
        assert!(steps(packets).iter().all(|(sequence, ticks)| *sequence == 1 && [0, STEP].contains(ticks)));
        for packet in packets {
            let media = packet.timestamp.wrapping_sub(packets[0].timestamp) / STEP;
            assert!(packet.at - began >= Duration::from_secs(1) * media / FPS);
        }
    }
    assert!(senders.iter().all(|sender| sender.sent().refused == 0 && sender.sent().packets > 0));
}

#[tokio::test]
async fn the_onset_told_is_the_moment_of_the_first_bad_picture() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, None);
    listen(&ear, |arrived| arrived.len() > 5);
    let pending = sender.play(pictures(3, 40, Some(7)), Entry::NextKey);
    let arrived = tokio::task::spawn_blocking(move || {
        listen(&ear, |arrived| arrived.iter().filter(|packet| packet.label == 4).count() > 3)
    });
    let onset = pending.within(SOON).await.unwrap();
    let arrived = arrived.await.unwrap();
    assert!(steps(&arrived).iter().all(|(sequence, ticks)| *sequence == 1 && [0, STEP].contains(ticks)));
    let labels: Vec<u8> = arrived.iter().map(|packet| packet.label).filter(|label| *label > 0).collect();
    assert!(labels.is_sorted(), "{labels:?}");
    assert_eq!(labels.iter().filter(|label| **label == 3).count(), 7);
    let first_bad = arrived.iter().find(|packet| packet.label == 4).unwrap();
    assert!(first_bad.at >= onset.at);
    let good = arrived.iter().rfind(|packet| packet.label == 3).unwrap();
    assert_eq!(first_bad.timestamp.wrapping_sub(good.timestamp), STEP);
}

#[tokio::test]
async fn packets_are_lost_by_seed_and_come_back() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, None);
    let lossy = Impairment { lose_one_in: 5, seed: 3, ..Impairment::default() };
    sender.impair(lossy).within(SOON).await.unwrap();
    let arrived = listen(&ear, |arrived| arrived.len() > 150);
    let missing: u32 = steps(&arrived).iter().map(|(step, _)| u32::from(*step) - 1).sum();
    assert!((10..80).contains(&missing), "{missing}");
    sender.impair(Impairment::default()).within(SOON).await.unwrap();
    let rest = listen(&ear, |arrived| arrived.len() > 150);
    assert!(steps(&rest[rest.len() - 50..]).iter().all(|(step, _)| *step == 1));
}

#[tokio::test]
async fn pictures_that_are_left_out_leave_no_gap_in_the_numbers() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, None);
    let skipping = Impairment { skip_one_in: 3, seed: 1, ..Impairment::default() };
    sender.impair(skipping).within(SOON).await.unwrap();
    let steps = steps(&listen(&ear, |arrived| arrived.len() > 100));
    assert!(steps.iter().all(|(sequence, _)| *sequence == 1));
    assert!(steps.iter().filter(|(_, ticks)| *ticks > STEP).count() > 10);
}

#[tokio::test]
async fn a_cut_stream_is_silent_and_time_goes_on_meanwhile() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, None);
    let before = listen(&ear, |arrived| arrived.len() > 10);
    let cut = sender.impair(Impairment { cut: true, ..Impairment::default() }).within(SOON).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let back = sender.impair(Impairment::default()).within(SOON).await.unwrap();
    let after = listen(&ear, |arrived| arrived.len() > 30);
    let all: Vec<Arrived> = before.into_iter().chain(after).collect();
    let gap = steps(&all).into_iter().max_by_key(|(_, ticks)| *ticks).unwrap();
    let silent = (back.at - cut.at).as_secs_f64() * 90_000.0;
    assert_eq!(gap.0, 1);
    assert!((f64::from(gap.1) - silent).abs() < f64::from(STEP) * 3.0, "{gap:?} {silent}");
}

#[tokio::test]
async fn sound_can_be_muted_and_changed_while_pictures_go_on() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, Some(sound(200)));
    listen(&ear, |arrived| arrived.iter().any(|packet| packet.label == 200));
    let mute = Impairment { no_audio: true, ..Impairment::default() };
    sender.impair(mute).within(SOON).await.unwrap();
    // What left before has arrived by now.
    let _ = listen(&ear, |arrived| arrived.len() > 20);
    let muted = listen(&ear, |arrived| arrived.len() > 40);
    assert!(muted.iter().all(|packet| packet.label < 200));
    sender.impair(Impairment::default()).within(SOON).await.unwrap();
    sender.play(sound(201), Entry::Now).within(SOON).await.unwrap();
    let changed = listen(&ear, |arrived| arrived.iter().filter(|packet| packet.label == 201).count() > 5);
    assert!(changed.iter().any(|packet| packet.label == 1));
}

#[tokio::test]
async fn a_renamed_stream_is_another_source_or_another_time() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, None);
    let first = listen(&ear, |arrived| arrived.len() > 5);
    sender.rename(Renaming::Clock { ms: 10_000 }).within(SOON).await.unwrap();
    let second = listen(&ear, |arrived| arrived.len() > 20);
    let jump = second.last().unwrap().timestamp.wrapping_sub(first[0].timestamp);
    assert!((900_000..1_200_000).contains(&jump), "{jump}");
    assert_eq!(second.last().unwrap().ssrc, first[0].ssrc);
    sender.rename(Renaming::Source).within(SOON).await.unwrap();
    let third = listen(&ear, |arrived| arrived.len() > 20);
    assert_ne!(third.last().unwrap().ssrc, first[0].ssrc);
}

#[tokio::test]
async fn garbage_and_short_packets_leave_among_whole_ones() {
    let (ear, address) = ear();
    let transmitter = transmitter();
    let sender = stream(&transmitter, address, None);
    let bad = Impairment { garbage_one_in: 3, cut_short_one_in: 3, seed: 2, ..Impairment::default() };
    sender.impair(bad).within(SOON).await.unwrap();
    let (mut short, mut strange) = (0, 0);
    let mut bytes = [0; 2048];
    for _ in 0..300 {
        let Ok(length) = ear.recv(&mut bytes) else { continue };
        match vcops::wire::rtp::parse(&bytes[..length]) {
            Ok(packet) if packet.payload_type == 96 => short += usize::from(length < 300),
            Ok(_) | Err(_) => strange += 1,
        }
    }
    assert!(short > 10 && strange > 10, "{short} {strange}");
}

#[test]
fn sender_reports_tie_both_tracks_to_one_clock() {
    let (ear, address) = ear();
    let (rtcp_ear, transmitter) =
        (std::net::UdpSocket::bind((address.ip(), address.port() + 1)), transmitter());
    // The port beside may be taken by somebody else; then another pair is tried.
    let Ok(rtcp_ear) = rtcp_ear else { return sender_reports_tie_both_tracks_to_one_clock() };
    rtcp_ear.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _sender = stream(&transmitter, address, Some(sound(200)));
    let packets = listen(&ear, |arrived| arrived.len() > 20);
    let mut reports = BTreeMap::new();
    let mut bytes = [0; 2048];
    while reports.len() < 2 {
        let length = rtcp_ear.recv(&mut bytes).unwrap();
        for report in rtcp::parse(&bytes[..length]) {
            if let Rtcp::SenderReport(report) = report {
                reports.insert(report.ssrc, report);
            }
        }
    }
    // The wall-clock time of each track's first packet, by its own report.
    let begins = packets.iter().take(2).map(|packet| {
        let report = &reports[&packet.ssrc];
        let hz = if packet.label < 200 { 90_000.0 } else { 8_000.0 };
        let ticks = f64::from(report.rtp_timestamp.wrapping_sub(packet.timestamp) as i32);
        report.unix_us().unwrap() as f64 / 1e6 - ticks / hz
    });
    let begins: Vec<f64> = begins.collect();
    assert!((begins[0] - begins[1]).abs() < 0.1, "{begins:?}");
}

#[test]
fn a_transport_stream_is_one_programme_with_both_tracks() {
    use vcops::wire::ts::{Demux, TsEvent};
    let (ear, address) = ear();
    let transmitter = transmitter();
    let mut spec = spec(Some(pictures(1, 20, None)), Some(sound(200)));
    spec.audio = None;
    spec.outlets.push(Outlet::Ts(TsOutlet::new(address, Some(7), Ipv4Addr::LOCALHOST).unwrap()));
    let _sender = transmitter.send(spec).unwrap();
    let (mut demux, mut events, mut bytes) = (Demux::new(), Vec::new(), [0; 2048]);
    let began = Instant::now();
    let units = |events: &[TsEvent]| events.iter().filter(|event| matches!(event, TsEvent::Unit(_))).count();
    while units(&events) < 30 && began.elapsed() < Duration::from_secs(10) {
        let Ok(length) = ear.recv(&mut bytes) else { continue };
        demux.push(vcops::wire::ts::payload(&bytes[..length]).unwrap(), &mut events);
    }
    assert!(units(&events) >= 30);
}
