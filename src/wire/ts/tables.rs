//! Programme association and map (ISO/IEC 13818-1 §2.4.4): which packets are whose.

use super::TRACKS_MAX;
use super::demux::TsTrack;
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::wire::coding::{AudioFormat, Coding};

/// `stream_type` of H.264.
pub(super) const H264: u8 = 0x1b;
/// `stream_type` of H.265.
pub(super) const H265: u8 = 0x24;
/// `stream_type` of AAC in ADTS.
pub(super) const ADTS: u8 = 0x0f;
/// `stream_type` of PES packets whose descriptors say what they carry.
pub(super) const PRIVATE: u8 = 0x06;

/// `table_id` of the association.
pub(super) const ASSOCIATION: u8 = 0;
/// `table_id` of the map.
pub(super) const MAP: u8 = 2;

/// Longest section, its head included (§2.4.4.1).
const SECTION_BYTES_MAX: usize = 1024;

/// Puts the sections of one PID together.
#[derive(Debug, Clone, Default)]
pub(super) struct Sections {
    data: Vec<u8>,
    begun: bool,
}

/// What became of a packet's sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Section {
    /// A table that holds: its bytes from `table_id` to before the checksum.
    Whole(Vec<u8>),
    /// A table with a wrong checksum.
    Bad,
}

impl Sections {
    /// Takes a packet's payload; `start` says that a section begins behind its first byte's distance.
    pub(super) fn push(&mut self, payload: &[u8], start: bool) -> Option<Section> {
        if !start {
            return self.take(payload);
        }
        let (pointer, rest) = payload.split_first()?;
        let (tail, next) = rest.split_at_checked(usize::from(*pointer))?;
        let ended = self.take(tail);
        self.data.clear();
        self.begun = true;
        // A short table often begins and ends in one packet, then it counts; of two in one packet, the later.
        self.take(next).or(ended)
    }

    /// Forgets what is begun.
    pub(super) fn lose(&mut self) {
        self.data.clear();
        self.begun = false;
    }

    fn take(&mut self, bytes: &[u8]) -> Option<Section> {
        if !self.begun {
            return None;
        }
        let room = SECTION_BYTES_MAX - self.data.len();
        self.data.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let [_, high, low, ..] = self.data[..] else { return None };
        let length = 3 + usize::from(u16::from_be_bytes([high & 0x0f, low]));
        if length > SECTION_BYTES_MAX {
            self.lose();
            return Some(Section::Bad);
        }
        let section = self.data.get(..length)?;
        let good = length >= 12 && checksum(section) == 0;
        let section = if good { Section::Whole(section[..length - 4].to_vec()) } else { Section::Bad };
        self.lose();
        Some(section)
    }
}

/// The PID of the first programme's map. Programme 0 is the network's own.
pub(super) fn map_pid(section: &[u8]) -> Option<u16> {
    let body = current(section, ASSOCIATION)?;
    let (programmes, _) = body.as_chunks::<4>();
    let first = programmes.iter().find(|entry| entry[..2] != [0, 0])?;
    Some(u16::from_be_bytes([first[2] & 0x1f, first[3]]))
}

/// The tracks of a programme's map.
pub(super) fn tracks(section: &[u8]) -> Option<Vec<TsTrack>> {
    let body = current(section, MAP)?;
    let (head, rest) = body.split_first_chunk::<4>()?;
    let mut rest = rest.get(usize::from(u16::from_be_bytes([head[2] & 0x0f, head[3]]))..)?;
    let mut tracks = Vec::new();
    while let Some((entry, after)) = rest.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([entry[3] & 0x0f, entry[4]]));
        let (descriptors, after) = after.split_at_checked(length)?;
        rest = after;
        let coding = coding(entry[0], descriptors);
        tracks.push(TsTrack {
            pid: u16::from_be_bytes([entry[1] & 0x1f, entry[2]]),
            stream_type: entry[0],
            coding,
        });
    }
    tracks.truncate(TRACKS_MAX);
    Some(tracks)
}

/// The body of a table that is in force, behind its head of eight bytes.
fn current(section: &[u8], table: u8) -> Option<&[u8]> {
    let in_force = *section.first()? == table && section.get(5)? & 1 == 1;
    in_force.then(|| section.get(8..)).flatten()
}

fn coding(stream_type: u8, descriptors: &[u8]) -> Option<Coding> {
    match (stream_type, registration(descriptors)) {
        (H264, _) => Some(Coding::Video(VideoCodec::H264)),
        (H265, _) | (PRIVATE, Some(b"HEVC")) => Some(Coding::Video(VideoCodec::H265)),
        (ADTS, _) => Some(Coding::Audio(AudioFormat {
            codec: AudioCodec::Aac,
            rate_hz: 0,
            channels: 0,
            config: Vec::new(),
        })),
        (PRIVATE, Some(b"Opus")) => Some(Coding::Audio(AudioFormat::opus(opus_channels(descriptors)))),
        (_, _) => None,
    }
}

fn registration(descriptors: &[u8]) -> Option<&[u8; 4]> {
    all(descriptors).find(|(tag, _)| *tag == 5).and_then(|(_, data)| data.first_chunk())
}

/// The extension descriptor of Opus in a transport stream: a channel configuration, 1–8 in the usual orders.
fn opus_channels(descriptors: &[u8]) -> u8 {
    let code = all(descriptors).find_map(|(tag, data)| match (tag, data) {
        (0x7f, [0x80, code, ..]) => Some(*code),
        (_, _) => None,
    });
    code.filter(|code| (1..=8).contains(code)).unwrap_or(2)
}

fn all(descriptors: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = descriptors;
    std::iter::from_fn(move || {
        let (head, after) = rest.split_first_chunk::<2>()?;
        let (data, after) = after.split_at_checked(usize::from(head[1]))?;
        rest = after;
        Some((head[0], data))
    })
}

/// CRC-32 of ISO/IEC 13818-1 Annex A; over a section with its own checksum it is 0.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 0x8000_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x04c1_1db7 };
    bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte) << 24, step))
}
