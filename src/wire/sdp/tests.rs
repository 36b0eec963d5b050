//! Descriptions as devices write them.

use proptest::prelude::*;

use super::*;
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::wire::coding::{AudioFormat, Coding};

/// A camera: LF endings, static PCMA without a map, sets without padding, trailing blanks.
const CAMERA: &str = "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=Media Presentation\nc=IN IP4 0.0.0.0\nb=AS:5100\nt=0 0\n\
    a=control:rtsp://10.0.0.9/live/\nm=video 0 RTP/AVP 96\nb=AS:5000 \na=control:trackID=1\n\
    a=rtpmap:96 H264/90000 \na=fmtp:96 profile-level-id=42001f; packetization-mode=1; \
    sprop-parameter-sets=Z0IAH5WoFAFuQA,aM48gA==\na=framerate:25.0\nm=audio 0 RTP/AVP 8\na=control:trackID=2\n";

/// A codec that sends to a group, with content and levels.
const CODEC: &str = "v=0\r\no=x 1 1 IN IP4 10.0.0.9\r\ns=-\r\nt=0 0\r\nm=video 5004/2 RTP/AVP 98\r\n\
    c=IN IP4 239.1.2.3/127\r\na=rtpmap:98 H265/90000\r\na=content:slides\r\nm=audio 5008 RTP/AVP 97 101\r\n\
    c=IN IP6 ff15::7\r\na=rtpmap:97 opus/48000/2\r\na=fmtp:97 useinbandfec=1;sprop-stereo=1\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=extmap:1/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
    m=audio 5010 RTP/AVP 102\r\na=rtpmap:102 mpeg4-generic/48000/2\r\n\
    a=fmtp:102 streamtype=5;mode=AAC-hbr;config=1190;SizeLength=13;IndexLength=3;IndexDeltaLength=3\r\n";

#[test]
fn a_camera_is_understood() {
    let session = parse(CAMERA).unwrap();
    assert_eq!(session.control.as_deref(), Some("rtsp://10.0.0.9/live/"));
    let [video, audio] = &session.media[..] else { panic!("two media") };
    assert_eq!((video.fps(), video.bandwidth_kbps), (Some(25.0), Some(5000)));
    assert_eq!(video.control.as_deref(), Some("trackID=1"));
    let format = &video.formats[0];
    assert_eq!(format.coding(), Some(Coding::Video(VideoCodec::H264)));
    let sets = format.parameter_sets();
    assert_eq!(sets.iter().map(|unit| unit[0] & 0x1f).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(audio.formats[0].coding(), Some(Coding::Audio(AudioFormat::telephone(AudioCodec::Pcma))));
}

#[test]
fn a_codec_is_understood() {
    let session = parse(CODEC).unwrap();
    let [video, opus, aac] = &session.media[..] else { panic!("three media") };
    assert_eq!(session.address(video), Some("239.1.2.3".parse().unwrap()));
    assert_eq!((video.port, video.content.as_deref()), (5004, Some("slides")));
    assert_eq!(video.formats[0].coding(), Some(Coding::Video(VideoCodec::H265)));
    assert_eq!(opus.formats[0].coding(), Some(Coding::Audio(AudioFormat::opus(2))));
    assert_eq!((opus.formats[1].coding(), opus.audio_level_id()), (None, Some(1)));
    assert_eq!(session.address(opus), Some("ff15::7".parse().unwrap()));
    assert_eq!(aac.formats[0].coding(), Some(Coding::Audio(AudioFormat::aac(48_000, 2))));
}

#[test]
fn what_is_no_description_is_refused() {
    let cases = [
        ("", NotSdp::Version),
        ("RTSP/1.0 200 OK", NotSdp::Version),
        ("s=x\nv=0", NotSdp::Version),
        ("v=0\nm=video", NotSdp::Media(2)),
        ("v=0\nm=video x RTP/AVP 96", NotSdp::Media(2)),
        ("v=0\nm=vid\0eo 1 RTP/AVP 96", NotSdp::Media(2)),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
    let many = format!("v=0\n{}", "m=video 1 RTP/AVP 96\n".repeat(17));
    assert_eq!(parse(&many), Err(NotSdp::TooMany));
}

#[test]
fn the_words_of_a_media_are_tokens_and_what_is_written_of_them_reads() {
    let cases = [
        ("video", "RTP/AVP", true),
        ("x-slides!#$%&'*+-.^_`{|}~", "UDP/TLS/RTP/SAVPF", true),
        ("video", "", false),
        ("video", "RTP//AVP", false),
        ("video", "/AVP", false),
        ("vid=eo", "RTP/AVP", false),
        ("a/v", "RTP/AVP", false),
        ("\"video\"", "RTP/AVP", false),
        ("视频", "RTP/AVP", false),
        ("jjj", "=\u{55555}", false),
        // At the line's end a wide blank would be cut off.
        ("jjj", "\u{3000}", false),
        ("jjj", "RTP\u{85}", false),
        ("jj\u{1}", "RTP/AVP", false),
    ];
    for (kind, protocol, fits) in cases {
        let text = format!("v=0\nm=\t{kind}  0   {protocol}  \u{8}\0 96\n");
        let Ok(read) = parse(&text) else {
            assert!(!fits, "{kind} {protocol}");
            continue;
        };
        assert!(fits, "{kind} {protocol}");
        assert_eq!(parse(&read.write()).unwrap().media, read.media, "{kind} {protocol}");
    }
}

#[test]
fn a_codec_says_which_way_its_media_flow() {
    let said = |session: &str, media: &str| {
        let text =
            format!("v=0\r\n{session}m=audio 4000 RTP/AVP 8\r\n{media}a=rtcp:4005 IN IP4 10.0.0.9\r\n");
        let read = parse(&text).unwrap();
        assert_eq!(parse(&read.write()).unwrap().media, read.media);
        assert_eq!(read.media[0].rtcp_port, Some(4005));
        read.media[0].direction
    };
    assert_eq!(said("", ""), Direction::SendReceive);
    assert_eq!(said("", "a=recvonly\r\n"), Direction::ReceiveOnly);
    assert_eq!(said("a=inactive\r\n", ""), Direction::Inactive);
    assert_eq!(said("a=sendonly\r\n", "a=sendrecv\r\n"), Direction::SendReceive);
    assert!(Direction::SendOnly.sends() && !Direction::SendOnly.receives());
}

fn coding() -> impl Strategy<Value = Coding> {
    prop_oneof![
        Just(Coding::Video(VideoCodec::H264)),
        Just(Coding::Video(VideoCodec::H265)),
        Just(Coding::Audio(AudioFormat::opus(2))),
        Just(Coding::Audio(AudioFormat::opus(1))),
        Just(Coding::Audio(AudioFormat::aac(44_100, 2))),
        Just(Coding::Audio(AudioFormat::telephone(AudioCodec::G722))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        codings in proptest::collection::vec((coding(), 96_u8..128, any::<u16>()), 0..5),
        name in "[^\\s=][^\\r\\n]{0,20}[a-z]",
        address: Option<[u8; 4]>,
    ) {
        let sets = [vec![0x67, 0x42, 0, 31, 9], vec![0x68, 2]];
        let media: Vec<_> =
            codings.iter().map(|(coding, kind, port)| Media::track(coding, *kind, *port, &sets)).collect();
        let name: String = name.chars().map(|c| if c.is_control() { '.' } else { c }).collect();
        let session = Session { name, connection: address.map(IpAddr::from), control: Some("*".into()), media };
        prop_assert_eq!(parse(&session.write()), Ok(session.clone()));
        for (media, (coding, ..)) in session.media.iter().zip(&codings) {
            prop_assert_eq!(media.formats[0].coding(), Some(coding.clone()));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "(v=0\n)?([mabcs]=[a-z0-9:/ =;,.\n]{0,40}\n){0,8}") {
        if let Ok(session) = parse(&text) {
            let formats = session.media.iter().flat_map(|media| &media.formats);
            formats.for_each(|format| { let _ = (format.coding(), format.parameter_sets()); });
            prop_assert!(parse(&session.write()).is_ok());
        }
    }
}
