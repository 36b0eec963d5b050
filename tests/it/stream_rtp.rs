//! RTP over UDP: what a monitor says when media come, stop, change and go wrong.

use std::net::UdpSocket;

use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::observation::{BlindWhy, DownWhy, Reception, Seen};
use vcops::stream::settings::StreamSettings;

use crate::stream_rig::{Clip, Fault, Source, Watch, find, free_port, is_down, is_flowing, order, seen};

const TRACKS: &str = "video=h264/96&audio=opus/97";

#[tokio::test]
async fn a_stream_is_described_and_its_end_is_dated_to_its_last_packet() {
    let at = free_port();
    let mut watch = Watch::one(&format!("rtp://{at}?{TRACKS}"));
    let before = watch.until("nothing comes", is_down).await;
    assert_eq!(before.reception, Reception::Down { why: DownWhy::Silent, tries: 0 });
    assert_eq!(before.video, None);

    let source = Source::rtp(at, Clip::h264());
    let steady = watch.until_steady().await;
    let (video, audio) = (steady.video.clone().unwrap(), steady.audio.clone().unwrap());
    assert_eq!((video.codec, video.width, video.height), (VideoCodec::H264, 320, 180));
    assert_eq!(audio.codec, AudioCodec::Opus);
    assert!((100.0..400.0).contains(&video.kbps), "{video:?}");
    assert_eq!(steady.transport.lost, 0);
    assert!(
        !seen(&steady).iter().any(|code| ["loss", "corrupt", "wrong_codec"].contains(code)),
        "{steady:?}"
    );

    source.order(Fault::Silent(true));
    let down = watch.until("it stops", is_down).await;
    let up = watch.until("still down", |report| is_down(report) && report.since == down.since).await;
    assert_eq!(up.reception, Reception::Down { why: DownWhy::Silent, tries: 0 });
    source.order(Fault::Silent(false));
    let again = watch.until("it goes on", is_flowing).await;
    assert!(again.since > down.since);
}

#[tokio::test]
async fn lost_packets_are_counted_exactly_and_damage_ends_with_a_key_picture() {
    let at = free_port();
    let mut watch = Watch::one(&format!("rtp://{at}?{TRACKS}"));
    let source = Source::rtp(at, Clip::h264());
    watch.until_steady().await;
    source.order(Fault::Lose(40));
    let lossy = watch.until("loss is seen", |report| find(report, "corrupt").is_some()).await;
    let Some(Seen::Loss { lost, expected }) = find(&lossy, "loss") else { panic!("{lossy:?}") };
    assert!(*lost > 0 && *expected > *lost, "{lost} of {expected}");
    source.order(Fault::Lose(0));
    let clean = watch.until("a key picture comes", |report| find(report, "corrupt").is_none()).await;
    assert!(find(&clean, "loss").is_some(), "loss is counted over ten seconds: {clean:?}");
}

#[tokio::test]
async fn packets_in_the_wrong_order_are_no_damage() {
    let at = free_port();
    let mut watch = Watch::one(&format!("rtp://{at}?{TRACKS}"));
    let source = Source::rtp(at, Clip::h264_larger());
    watch.until_steady().await;
    source.order(Fault::Reorder(true));
    let swapped = watch.until("packets are swapped", |report| report.transport.reordered > 10).await;
    assert_eq!(swapped.transport.lost, 0);
    assert!(find(&swapped, "corrupt").is_none(), "{swapped:?}");
}

#[tokio::test]
async fn a_sender_may_change_everything_about_itself() {
    let at = free_port();
    let mut watch = Watch::one(&format!("rtp://{at}?{TRACKS}"));
    let source = Source::rtp(at, Clip::h264());
    watch.until_steady().await;

    source.order(Fault::Play(Clip::h264_larger()));
    let larger = |width| {
        move |r: &vcops::observation::StreamReport| r.video.as_ref().is_some_and(|v| v.width == width)
    };
    watch.until("another resolution", larger(640)).await;
    for fault in [Fault::NewSource, Fault::NewBase] {
        source.order(fault.clone());
        let said = watch.during(1_500).await;
        assert!(said.iter().all(is_flowing), "{fault:?}");
        assert!(said.last().unwrap().transport.lost == 0, "{fault:?}: {said:#?}");
    }
    source.order(Fault::Play(Clip::h265()));
    let other =
        watch.until("another codec", |r| r.video.as_ref().is_some_and(|v| v.codec == VideoCodec::H265)).await;
    assert!(is_flowing(&other));
    watch.until("its size", larger(320)).await;
}

#[tokio::test]
async fn another_codec_than_agreed_is_said() {
    let at = free_port();
    let mut wanted = order("one", &format!("rtp://{at}?video=h265/96"));
    wanted.codec = Some(VideoCodec::H264);
    let mut watch = Watch::new(StreamSettings::default());
    watch.set.watch(vec![wanted]);
    let _source = Source::rtp(at, Clip::h265());
    let wrong = watch.until("the wrong codec", |report| find(report, "wrong_codec").is_some()).await;
    assert_eq!(find(&wrong, "wrong_codec"), Some(&Seen::WrongCodec { found: VideoCodec::H265 }));
}

#[tokio::test]
async fn rubbish_in_between_harms_nothing_and_rubbish_alone_is_named() {
    let at = free_port();
    let mut watch = Watch::one(&format!("rtp://{at}?{TRACKS}"));
    let source = Source::rtp(at, Clip::h264());
    watch.until_steady().await;
    source.order(Fault::Rubbish(true));
    for report in watch.during(2_000).await {
        assert!(is_flowing(&report) && find(&report, "corrupt").is_none(), "{report:#?}");
    }
    drop(source);
    watch.until("it stops", is_down).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..5 {
        socket.send_to(&[0x12; 300], at).unwrap();
        watch.during(200).await;
    }
    let garbage =
        |why| move |r: &vcops::observation::StreamReport| r.reception == (Reception::Down { why, tries: 0 });
    socket.send_to(&[0x12; 300], at).unwrap();
    watch.until("rubbish", garbage(DownWhy::Garbage)).await;
}

#[tokio::test]
async fn sound_that_stops_lags_or_comes_alone_is_seen() {
    let at = free_port();
    let mut wanted = order("one", &format!("rtp://{at}?{TRACKS}"));
    wanted.sound = vcops::domain::inventory::SoundKind::Expected;
    let mut watch = Watch::new(StreamSettings::default());
    watch.set.watch(vec![wanted]);
    let source = Source::rtp(at, Clip::h264());
    watch.until_steady().await;
    watch.during(5_500).await;
    source.order(Fault::SoundLate(200));
    let skew = watch.until("sound is late", |report| find(report, "skew").is_some()).await;
    let Some(Seen::Skew { audio_late_ms }) = find(&skew, "skew") else { panic!("{skew:?}") };
    assert!((150.0..250.0).contains(audio_late_ms), "{audio_late_ms}");
    source.order(Fault::SoundLate(0));
    watch.until("sound is in time", |report| find(report, "skew").is_none()).await;
    source.order(Fault::Mute(true));
    watch.until("no sound", |report| find(report, "no_audio").is_some()).await;
}

#[tokio::test]
async fn fewer_pictures_than_before_are_seen() {
    let at = free_port();
    let mut watch = Watch::one(&format!("rtp://{at}?{TRACKS}"));
    let source = Source::rtp(at, Clip::h264());
    watch.until_steady().await;
    source.order(Fault::EachPicture(5));
    let slow = watch.until("few pictures", |report| find(report, "low_fps").is_some()).await;
    let Some(Seen::LowFps { fps, declared }) = find(&slow, "low_fps") else { panic!("{slow:?}") };
    assert!(*fps < 20.0 && (*declared - 25.0).abs() < 1.0, "{fps} of {declared}");
}

#[tokio::test]
async fn what_cannot_be_watched_is_blind_and_not_down() {
    let at = free_port();
    let _taken = UdpSocket::bind(at).unwrap();
    let settings = StreamSettings { streams_max: 2, ..StreamSettings::default() };
    let mut watch = Watch::new(settings);
    let mut nameless = order("credential", "rtsp://127.0.0.1:1/live");
    nameless.credential = Some(vcops::domain::id::CredentialId::parse("nobody").unwrap());
    watch.set.watch(vec![
        order("taken", &format!("rtp://{at}")),
        nameless,
        order("third", "rtp://127.0.0.1:5004"),
    ]);
    for (stream, why) in [
        ("taken", BlindWhy::NoSocket),
        ("credential", BlindWhy::NoCredential),
        ("third", BlindWhy::NoCapacity),
    ] {
        let blind = watch.until(stream, |report| report.stream.as_str() == stream).await;
        let blind = if blind.reception == Reception::Connecting {
            watch.until(stream, |r| r.stream.as_str() == stream && r.reception != Reception::Connecting).await
        } else {
            blind
        };
        assert_eq!(blind.reception, Reception::Blind { why }, "{stream}");
        assert!(seen(&blind).is_empty());
    }
}

#[tokio::test]
async fn a_group_is_joined_and_a_tap_hands_units_on() {
    let port = free_port().port();
    let group = format!("239.255.77.1:{port}");
    let settings = StreamSettings { multicast_at: "127.0.0.1".parse().unwrap(), ..StreamSettings::default() };
    let mut watch = Watch::new(settings);
    watch.set.watch(vec![order("one", &format!("rtp://{group}?{TRACKS}"))]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&socket).set_multicast_if_v4(&"127.0.0.1".parse().unwrap()).unwrap();
    let _source = Source::start(Clip::h264(), move |bytes| {
        let _ = socket.send_to(bytes, &group);
    });
    let report = watch.until("media of the group", is_flowing).await;
    let mut tap = watch.set.tap(&report.stream).unwrap();
    let unit = tokio::time::timeout(crate::stream_rig::PATIENCE, tap.recv()).await.unwrap().unwrap();
    assert!(!unit.data.is_empty());
}
