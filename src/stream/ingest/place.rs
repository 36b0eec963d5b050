//! Where an order's stream is received, worked out before anything is opened. Pure.
//!
//! `rtp://address:port?video=h264/96&audio=opus/97` names RTP without a description: codec, payload type, and for
//! sound the sampling rate and channels (`aac/97/48000/2`, its AudioSpecificConfig in `config=` as hex). Sound comes by
//! the same port unless `audio_port=` names its own. Without `video=` type 96 is H.264; types 0, 8 and 9 are G.711 and
//! G.722 (RFC 3551) unless something else is said.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::Url;

use crate::domain::inventory::PictureKind;
use crate::domain::stream::{AudioCodec, SourceKind, StreamSource, VideoCodec};
use crate::observation::{BlindWhy, DownWhy, StreamOrder};
use crate::stream::headers::TrackSpec;
use crate::stream::liveness::Failure;
use crate::stream::settings::{Credential, StreamSettings};
use crate::wire::coding::{AudioFormat, Coding};
use crate::wire::sdp;
use crate::worker::kind::{FetchKind, FetchProtocol};

/// Where a stream comes from.
#[derive(Debug, Clone)]
pub(in crate::stream) enum Place {
    /// RTP at sockets of ours.
    Rtp(RtpPlace),
    /// MPEG-TS at a socket of ours.
    Transport(UdpPlace),
    /// An RTSP server.
    Rtsp(RtspPlace),
    /// A server that a worker fetches from.
    Fetch(FetchPlace),
}

/// Sockets of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stream) struct UdpPlace {
    /// What to bind or join; [`TrackSpec::port`] counts these.
    pub(in crate::stream) at: Vec<SocketAddr>,
    /// The interface for IPv4 multicast.
    pub(in crate::stream) multicast_at: Ipv4Addr,
}

/// RTP and what its payload types mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stream) struct RtpPlace {
    pub(in crate::stream) udp: UdpPlace,
    pub(in crate::stream) tracks: Vec<TrackSpec>,
}

/// An RTSP server.
#[derive(Debug, Clone)]
pub(in crate::stream) struct RtspPlace {
    pub(in crate::stream) url: Url,
    pub(in crate::stream) credential: Option<Credential>,
    /// Media over UDP instead of inside the connection.
    pub(in crate::stream) over_udp: bool,
    /// Sound alone is not what is asked for.
    pub(in crate::stream) wants_pictures: bool,
}

/// A server that a worker fetches from. Never shown: its address may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::stream) struct FetchPlace {
    pub(in crate::stream) kind: FetchKind,
}

impl fmt::Debug for FetchPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchPlace").field("protocol", &self.kind.protocol).finish_non_exhaustive()
    }
}

impl Place {
    /// Where an order's stream is received, or why that cannot even be tried.
    pub(in crate::stream) fn of(order: &StreamOrder, settings: &StreamSettings) -> Result<Self, Failure> {
        let credential = match &order.credential {
            None => None,
            Some(id) => {
                let known = settings.credentials.get(id).cloned();
                Some(known.ok_or(Failure::Blind(BlindWhy::NoCredential))?)
            }
        };
        match order.source.kind() {
            SourceKind::Rtp(address) => rtp(&order.source, address, settings.multicast_at),
            SourceKind::Sdp => described(order, settings.multicast_at),
            SourceKind::Ts(address) => {
                let udp = UdpPlace { at: vec![address], multicast_at: settings.multicast_at };
                Ok(Self::Transport(udp))
            }
            SourceKind::Rtsp => rtsp(order, credential),
            SourceKind::Srt => fetch(&order.source, FetchProtocol::Srt, credential.as_ref()),
            SourceKind::Rtmp => fetch(&order.source, FetchProtocol::Rtmp, credential.as_ref()),
            SourceKind::Hls => fetch(&order.source, FetchProtocol::Hls, credential.as_ref()),
        }
    }

    /// Whether opening it again may help against silence.
    pub(in crate::stream) fn is_connection(&self) -> bool {
        match self {
            Self::Rtp(_) | Self::Transport(_) => false,
            Self::Rtsp(_) | Self::Fetch(_) => true,
        }
    }

    /// Whether each attempt takes a process of its own.
    pub(in crate::stream) fn is_costly(&self) -> bool {
        matches!(self, Self::Fetch(_))
    }
}

const UNREADABLE: Failure = Failure::Down(DownWhy::Protocol);

/// A worker's session ends after so long without a byte; HLS comes in pieces of several seconds.
const SILENCE_MS: u32 = 3_000;
const SILENCE_HLS_MS: u32 = 15_000;

/// A name and password become part of the address; SRT takes a password alone, as its passphrase.
fn fetch(
    source: &StreamSource,
    protocol: FetchProtocol,
    credential: Option<&Credential>,
) -> Result<Place, Failure> {
    let mut url = Url::parse(source.as_str()).map_err(|_| UNREADABLE)?;
    if let Some(known) = credential {
        match protocol {
            FetchProtocol::Srt => {
                url.query_pairs_mut().append_pair("passphrase", &known.password);
            }
            FetchProtocol::Rtmp | FetchProtocol::Hls => {
                url.set_username(&known.user).map_err(|()| UNREADABLE)?;
                url.set_password(Some(&known.password)).map_err(|()| UNREADABLE)?;
            }
        }
    }
    let silence_ms = match protocol {
        FetchProtocol::Srt | FetchProtocol::Rtmp => SILENCE_MS,
        FetchProtocol::Hls => SILENCE_HLS_MS,
    };
    Ok(Place::Fetch(FetchPlace { kind: FetchKind { protocol, url: url.into(), silence_ms } }))
}

fn rtsp(order: &StreamOrder, credential: Option<Credential>) -> Result<Place, Failure> {
    let mut url = Url::parse(order.source.as_str()).map_err(|_| UNREADABLE)?;
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let over_udp = query.iter().any(|(key, value)| key == "transport" && value == "udp");
    // The parameter is ours; servers get the rest.
    if query.iter().any(|(key, _)| key == "transport") {
        let rest: Vec<_> = query.into_iter().filter(|(key, _)| key != "transport").collect();
        url.set_query(None);
        if !rest.is_empty() {
            url.query_pairs_mut().extend_pairs(rest);
        }
    }
    let wants_pictures = order.picture != PictureKind::None;
    Ok(Place::Rtsp(RtspPlace { url, credential, over_udp, wants_pictures }))
}

fn rtp(source: &StreamSource, address: SocketAddr, multicast_at: Ipv4Addr) -> Result<Place, Failure> {
    // `rtp` is no special scheme to the parser, but its query is read all the same.
    let url = Url::parse(source.as_str()).map_err(|_| UNREADABLE)?;
    let query =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let mut at = vec![address];
    let audio_port = query("audio_port").map(|port| port.parse().map_err(|_| UNREADABLE)).transpose()?;
    if let Some(port) = audio_port.filter(|port| *port != address.port()) {
        at.push(SocketAddr::new(address.ip(), port));
    }
    let audio_at = at.len() - 1;
    let mut tracks = Vec::new();
    match query("video") {
        Some(text) => tracks.push(video_track(&text)?),
        None if query("audio").is_none() => tracks.push(track(0, 96, Coding::Video(VideoCodec::H264))),
        None => {}
    }
    match query("audio") {
        Some(text) => tracks.push(audio_track(&text, query("config").as_deref(), audio_at)?),
        None => tracks.extend(statics(audio_at)),
    }
    Ok(Place::Rtp(RtpPlace { udp: UdpPlace { at, multicast_at }, tracks }))
}

/// Payload types that mean the same everywhere (RFC 3551 §6).
fn statics(port: usize) -> impl Iterator<Item = TrackSpec> {
    let codecs = [(0, AudioCodec::Pcmu), (8, AudioCodec::Pcma), (9, AudioCodec::G722)];
    codecs.into_iter().map(move |(payload_type, codec)| {
        track(port, payload_type, Coding::Audio(AudioFormat::telephone(codec)))
    })
}

/// `h264/96`
fn video_track(text: &str) -> Result<TrackSpec, Failure> {
    let (codec, payload_type) = text.split_once('/').ok_or(UNREADABLE)?;
    let codec = match codec {
        "h264" => VideoCodec::H264,
        "h265" => VideoCodec::H265,
        _ => return Err(Failure::Down(DownWhy::Codec)),
    };
    Ok(track(0, payload_type_of(payload_type)?, Coding::Video(codec)))
}

/// `opus/97`, `aac/97/48000/2`
fn audio_track(text: &str, config: Option<&str>, port: usize) -> Result<TrackSpec, Failure> {
    let mut words = text.split('/');
    let (codec, payload_type) = (words.next().unwrap_or(""), words.next().ok_or(UNREADABLE)?);
    let rate_hz: Option<u32> = words.next().map(|word| word.parse().map_err(|_| UNREADABLE)).transpose()?;
    let channels: Option<u8> = words.next().map(|word| word.parse().map_err(|_| UNREADABLE)).transpose()?;
    let format = match codec {
        "opus" => AudioFormat::opus(channels.unwrap_or(2)),
        "pcma" => AudioFormat::telephone(AudioCodec::Pcma),
        "pcmu" => AudioFormat::telephone(AudioCodec::Pcmu),
        "g722" => AudioFormat::telephone(AudioCodec::G722),
        "aac" => match config.map(|config| hex::decode(config).map_err(|_| UNREADABLE)).transpose()? {
            Some(config) => AudioFormat::from_aac_config(&config).ok_or(UNREADABLE)?,
            None => AudioFormat::aac(rate_hz.unwrap_or(48_000), channels.unwrap_or(2)),
        },
        _ => return Err(Failure::Down(DownWhy::Codec)),
    };
    Ok(track(port, payload_type_of(payload_type)?, Coding::Audio(format)))
}

fn payload_type_of(text: &str) -> Result<u8, Failure> {
    text.parse().ok().filter(|payload_type| *payload_type < 128).ok_or(UNREADABLE)
}

fn track(port: usize, payload_type: u8, coding: Coding) -> TrackSpec {
    TrackSpec { port, payload_type, coding, sets: Vec::new() }
}

fn described(order: &StreamOrder, multicast_at: Ipv4Addr) -> Result<Place, Failure> {
    let text = order.source.as_str().strip_prefix("sdp:").unwrap_or_default();
    let session = sdp::parse(text).map_err(|_| UNREADABLE)?;
    let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut at: Vec<SocketAddr> = Vec::new();
    let mut tracks = Vec::new();
    for media in session.media.iter().filter(|media| media.port != 0) {
        let ip = media.connection.or(session.connection).unwrap_or(anywhere);
        let address = SocketAddr::new(ip, media.port);
        let port = at.iter().position(|known| *known == address).unwrap_or(at.len());
        let before = tracks.len();
        tracks.extend(tracks_of(media, port));
        if tracks.len() > before && port == at.len() {
            at.push(address);
        }
    }
    readable(&session, &tracks, order.picture != PictureKind::None)?;
    Ok(Place::Rtp(RtpPlace { udp: UdpPlace { at, multicast_at }, tracks }))
}

/// Whether what is described can be read: at least one track, and pictures if there are any and they are wanted.
pub(super) fn readable(
    session: &sdp::Session,
    tracks: &[TrackSpec],
    wants_pictures: bool,
) -> Result<(), Failure> {
    let has_pictures = tracks.iter().any(|track| matches!(track.coding, Coding::Video(_)));
    let describes_pictures = session.media.iter().any(|media| media.kind == sdp::MediaKind::Video);
    let misses_pictures = wants_pictures && describes_pictures && !has_pictures;
    if tracks.is_empty() || misses_pictures { Err(Failure::Down(DownWhy::Codec)) } else { Ok(()) }
}

/// The payload formats of one `m=` that can be read.
pub(super) fn tracks_of(media: &sdp::Media, port: usize) -> Vec<TrackSpec> {
    let spec = |format: &sdp::Format| {
        let (coding, sets) = (format.coding()?, format.parameter_sets());
        Some(TrackSpec { port, payload_type: format.payload_type, coding, sets })
    };
    media.formats.iter().filter_map(spec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::StreamId;
    use crate::domain::inventory::SoundKind;

    fn rtp_place(text: &str) -> Result<RtpPlace, Failure> {
        let source = StreamSource::parse(text).unwrap();
        let SourceKind::Rtp(address) = source.kind() else { panic!("{text}") };
        match rtp(&source, address, Ipv4Addr::UNSPECIFIED)? {
            Place::Rtp(place) => Ok(place),
            other @ (Place::Transport(_) | Place::Rtsp(_) | Place::Fetch(_)) => panic!("{other:?}"),
        }
    }

    fn order(source: &str) -> StreamOrder {
        StreamOrder {
            stream: StreamId::parse("one").unwrap(),
            source: StreamSource::parse(source).unwrap(),
            credential: None,
            picture: PictureKind::Camera,
            sound: SoundKind::Optional,
            codec: None,
            fps: None,
        }
    }

    #[test]
    fn a_description_names_sockets_and_tracks() {
        let text = "sdp:v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 5006 RTP/AVP 8\r\n\
            m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
        let Ok(Place::Rtp(place)) = described(&order(text), Ipv4Addr::UNSPECIFIED) else { panic!("{text}") };
        assert_eq!(place.udp.at, ["10.0.0.1:5006".parse().unwrap(), "10.0.0.1:5004".parse().unwrap()]);
        let places: Vec<_> = place.tracks.iter().map(|track| (track.port, track.payload_type)).collect();
        assert_eq!(places, [(0, 8), (1, 96)]);
        let odd = text.replace("H264", "VP8");
        let refused = described(&order(&odd), Ipv4Addr::UNSPECIFIED);
        assert_eq!(refused.unwrap_err(), Failure::Down(DownWhy::Codec));
    }

    #[test]
    fn a_query_names_tracks() {
        let place =
            rtp_place("rtp://10.0.0.1:5004?video=h265/100&audio=aac/97/44100/1&audio_port=5006").unwrap();
        assert_eq!(place.udp.at, ["10.0.0.1:5004".parse().unwrap(), "10.0.0.1:5006".parse().unwrap()]);
        let expected = [
            track(0, 100, Coding::Video(VideoCodec::H265)),
            track(1, 97, Coding::Audio(AudioFormat::aac(44_100, 1))),
        ];
        assert_eq!(place.tracks, expected);
    }

    #[test]
    fn nothing_said_means_h264_and_the_static_types() {
        let place = rtp_place("rtp://239.1.1.1:5004").unwrap();
        let types: Vec<u8> = place.tracks.iter().map(|track| track.payload_type).collect();
        assert_eq!(types, [96, 0, 8, 9]);
        assert_eq!(place.udp.at.len(), 1);
    }

    #[test]
    fn a_query_that_cannot_be_read_says_so() {
        for (query, why) in [
            ("video=vp8/96", DownWhy::Codec),
            ("video=h264", DownWhy::Protocol),
            ("video=h264/200", DownWhy::Protocol),
            ("audio=speex/97", DownWhy::Codec),
            ("audio=aac/97&config=zz", DownWhy::Protocol),
            ("audio_port=x", DownWhy::Protocol),
        ] {
            let place = rtp_place(&format!("rtp://10.0.0.1:5004?{query}"));
            assert_eq!(place.unwrap_err(), Failure::Down(why), "{query}");
        }
    }

    #[test]
    fn the_transport_parameter_stays_with_us() {
        for (text, url, over_udp) in [
            ("rtsp://10.0.0.1/live", "rtsp://10.0.0.1/live", false),
            ("rtsp://10.0.0.1/live?transport=udp", "rtsp://10.0.0.1/live", true),
            ("rtsp://h/live?channel=1&transport=tcp&sub=0", "rtsp://h/live?channel=1&sub=0", false),
        ] {
            let Ok(Place::Rtsp(place)) = rtsp(&order(text), None) else { panic!("{text}") };
            assert_eq!((place.url.as_str(), place.over_udp), (url, over_udp));
        }
    }
}
