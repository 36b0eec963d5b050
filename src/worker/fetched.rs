//! What a fetching session gives: coded media as they arrive, and why it ended. Knows shapes of bytes; must not know
//! the protocol that brought them.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::protocol::Chunk;
use crate::domain::stream::{AudioCodec, VideoCodec};

/// One thing that a fetching session brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What it is.
    pub what: FetchedKind,
    /// Media time in microseconds; for [`FetchedKind::Transport`] without meaning.
    pub pts_us: i64,
    /// Annex B access unit, raw sound frame (AAC without ADTS), or whole transport packets.
    pub data: Bytes,
}

/// What a [`Fetched`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchedKind {
    /// 188-byte MPEG transport packets (SRT), for a demultiplexer of ours.
    Transport,
    /// An access unit.
    Video(VideoCodec),
    /// A frame of sound.
    Audio {
        /// The codec.
        codec: AudioCodec,
        /// Samples a second.
        rate_hz: u32,
        /// Channels.
        channels: u8,
        /// `AudioSpecificConfig` of AAC; empty for others.
        config: Bytes,
    },
}

/// Why a fetching session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchEnd {
    /// The server could not be reached or refused.
    Unreachable(String),
    /// The server ended the stream.
    Ended,
    /// No byte within the session's limit.
    Silent,
    /// What came cannot be read: wrong container or codec.
    Unreadable(String),
    /// The child ended: says nothing about the server.
    WorkerGone,
}

const MARK_TRANSPORT: u8 = 0;
const MARK_H264: u8 = 1;
const MARK_H265: u8 = 2;
const MARK_AUDIO: u8 = 3;
const CONFIG_BYTES_MAX: usize = 255;

impl Fetched {
    pub(crate) fn into_chunk(self) -> Chunk {
        let (mark, head) = match self.what {
            FetchedKind::Transport => (MARK_TRANSPORT, None),
            FetchedKind::Video(VideoCodec::H264) => (MARK_H264, None),
            FetchedKind::Video(VideoCodec::H265) => (MARK_H265, None),
            FetchedKind::Audio { codec, rate_hz, channels, config } => {
                (MARK_AUDIO, Some(audio_head(codec, rate_hz, channels, &config)))
            }
        };
        let data = match head {
            None => self.data,
            Some(mut head) => {
                head.extend_from_slice(&self.data);
                head.freeze()
            }
        };
        Chunk { pts_us: self.pts_us, mark, data }
    }

    /// What a chunk carries; `None` if it is nothing of the kind.
    pub fn of_chunk(chunk: &Chunk) -> Option<Self> {
        let mut data = chunk.data.clone();
        let what = match chunk.mark {
            MARK_TRANSPORT => FetchedKind::Transport,
            MARK_H264 => FetchedKind::Video(VideoCodec::H264),
            MARK_H265 => FetchedKind::Video(VideoCodec::H265),
            MARK_AUDIO => audio_of_head(&mut data)?,
            _ => return None,
        };
        Some(Self { what, pts_us: chunk.pts_us, data })
    }
}

fn audio_head(codec: AudioCodec, rate_hz: u32, channels: u8, config: &[u8]) -> BytesMut {
    let config = &config[..config.len().min(CONFIG_BYTES_MAX)];
    let mut head = BytesMut::new();
    head.put_u8(match codec {
        AudioCodec::Aac => 0,
        AudioCodec::Opus => 1,
        AudioCodec::Pcma => 2,
        AudioCodec::Pcmu => 3,
        AudioCodec::G722 => 4,
    });
    head.put_u32_le(rate_hz);
    head.put_u8(channels);
    head.put_u8(u8::try_from(config.len()).unwrap_or(u8::MAX));
    head.extend_from_slice(config);
    head
}

fn audio_of_head(data: &mut Bytes) -> Option<FetchedKind> {
    if data.len() < 7 {
        return None;
    }
    let codec = match data.get_u8() {
        0 => AudioCodec::Aac,
        1 => AudioCodec::Opus,
        2 => AudioCodec::Pcma,
        3 => AudioCodec::Pcmu,
        4 => AudioCodec::G722,
        _ => return None,
    };
    let (rate_hz, channels, length) = (data.get_u32_le(), data.get_u8(), usize::from(data.get_u8()));
    (length <= data.len()).then(|| FetchedKind::Audio {
        codec,
        rate_hz,
        channels,
        config: data.split_to(length),
    })
}

impl FetchEnd {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unreachable(why) => format!("unreachable:{why}"),
            Self::Ended => "ended".to_owned(),
            Self::Silent => "silent".to_owned(),
            Self::Unreadable(why) => format!("unreadable:{why}"),
            Self::WorkerGone => "gone".to_owned(),
        }
    }

    /// The end that a child tells; anything else is our own fault.
    pub fn of_text(text: &str) -> Self {
        match text.split_once(':').unwrap_or((text, "")) {
            ("unreachable", why) => Self::Unreachable(why.to_owned()),
            ("unreadable", why) => Self::Unreadable(why.to_owned()),
            ("ended", _) => Self::Ended,
            ("silent", _) => Self::Silent,
            _ => Self::WorkerGone,
        }
    }
}
