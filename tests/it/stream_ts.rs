//! MPEG transport streams over UDP, with and without RTP, and what TR 101 290 says of them.

use std::net::SocketAddr;
use std::time::Duration;

use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::media::sender::impairment::Impairment;
use vcops::media::sender::outlet::{Outlet, TsOutlet};
use vcops::media::sender::{Sender, StreamSpec, Transmitter};
use vcops::observation::{Seen, StreamReport};

use crate::stream_rig::{PATIENCE, Watch, aac, free_port, is_down, is_flowing, pictures};

/// Indicators that do not depend on when a busy machine lets a sender send.
const STRUCTURE: [&str; 5] = ["1.1", "1.2", "1.4", "2.1", "2.2"];

/// Pictures and AAC to `to`.
fn start(transmitter: &Transmitter, to: SocketAddr, rtp: Option<u32>) -> Sender {
    let outlet = TsOutlet::new(to, rtp, "127.0.0.1".parse().unwrap()).unwrap();
    let spec = StreamSpec {
        video: Some(pictures()),
        audio: Some(aac()),
        outlets: vec![Outlet::Ts(outlet)],
        phase: Duration::ZERO,
        tolerance: Duration::from_millis(20),
    };
    transmitter.send(spec).unwrap()
}

fn indicators(report: &StreamReport) -> Vec<&str> {
    fn indicator(seen: &Seen) -> Option<&str> {
        if let Seen::Transport { indicator, .. } = seen { Some(indicator) } else { None }
    }
    report.detections.iter().filter_map(|detection| indicator(&detection.seen)).collect()
}

#[tokio::test]
async fn a_transport_stream_is_described_with_and_without_rtp() {
    let transmitter = Transmitter::start().unwrap();
    for rtp in [None, Some(7)] {
        let at = free_port();
        let mut watch = Watch::one(&format!("udp://{at}"));
        let sender = start(&transmitter, at, rtp);
        let steady = watch.until_steady().await;
        let (video, audio) = (steady.video.clone().unwrap(), steady.audio.clone().unwrap());
        assert_eq!((video.codec, video.width, video.height), (VideoCodec::H264, 320, 180));
        assert_eq!((audio.codec, audio.channels), (AudioCodec::Aac, 2));
        assert_eq!(steady.transport.expected > 0, rtp.is_some(), "sequence numbers come with RTP alone");
        assert!(!indicators(&steady).iter().any(|indicator| STRUCTURE.contains(indicator)), "{steady:?}");
        drop(sender);
        watch.until("it ends", is_down).await;
    }
}

#[tokio::test]
async fn lost_packets_break_continuity_and_pictures() {
    let transmitter = Transmitter::start().unwrap();
    let at = free_port();
    let mut watch = Watch::one(&format!("udp://{at}"));
    let sender = start(&transmitter, at, None);
    watch.until_steady().await;
    // What is raised while a stream is joined does not count.
    watch.during(1_200).await;
    let lossy = Impairment { lose_one_in: 20, seed: 3, ..Impairment::default() };
    sender.impair(lossy).within(PATIENCE).await.unwrap();
    let broken = watch.until("continuity breaks", |report| indicators(report).contains(&"1.4")).await;
    assert!(is_flowing(&broken));
    sender.impair(Impairment::default()).within(PATIENCE).await.unwrap();
    watch.until("it is whole again", |report| !indicators(report).contains(&"1.4")).await;
}
