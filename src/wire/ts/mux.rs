//! From access units to packets: one programme, its clock on the first track.

use super::elementary::{adts_head, push_opus_head};
use super::tables::{ADTS, ASSOCIATION, H264, H265, MAP, PRIVATE, checksum};
use super::{PACKET_BYTES, SYNC_BYTE, TRACKS_MAX};
use crate::domain::stream::{AudioCodec, VideoCodec};
use crate::wire::coding::Coding;
use crate::wire::nal::{UnitKind, annex_b, unit_kind};

/// PID of the programme's map.
const MAP_PID: u16 = 0x20;

/// How far the clock runs before the pictures, so that a decoder has time: 200 ms of 90 kHz.
const LEAD_TICKS: u64 = 18_000;

/// Payload of a packet without adaptation field.
const PAYLOAD_BYTES: usize = PACKET_BYTES - 4;

/// 33 bits.
const TIME_MASK: u64 = (1 << 33) - 1;

/// Multiplexes the tracks of one programme.
#[derive(Debug, Clone)]
pub struct Mux {
    tracks: Vec<Coding>,
    counters: Vec<u8>,
    association_counter: u8,
    map_counter: u8,
}

/// One access unit or frame to be sent.
#[derive(Debug, Clone, Copy)]
pub struct MuxUnit<'a> {
    /// When it is shown, ticks of 90 kHz.
    pub pts: u64,
    /// When it is decoded, where that differs.
    pub dts: Option<u64>,
    /// Annex B, or a raw frame of sound.
    pub data: &'a [u8],
    /// Decoding can begin here.
    pub random_access: bool,
}

impl Mux {
    /// A programme of these tracks, at most [`TRACKS_MAX`]; the first carries the clock. G.711 and G.722 have no place in
    /// a transport stream: they are announced as private data that receivers step over.
    pub fn new(tracks: &[Coding]) -> Self {
        let tracks = tracks[..tracks.len().min(TRACKS_MAX)].to_vec();
        Self { counters: vec![0; tracks.len()], tracks, association_counter: 0, map_counter: 0 }
    }

    /// The PID of track `track`.
    pub fn pid(track: usize) -> u16 {
        0x100 + track.min(TRACKS_MAX - 1) as u16
    }

    /// Appends the tables (PAT and PMT, two packets). To be repeated at least each 500 ms (TR 101 290).
    pub fn tables(&mut self, out: &mut Vec<u8>) {
        let association = [0, 1, 0xe0 | (MAP_PID >> 8) as u8, MAP_PID as u8];
        table(0, &mut self.association_counter, &section(ASSOCIATION, &association), out);
        let clock = Self::pid(0);
        let mut map = vec![0xe0 | (clock >> 8) as u8, clock as u8, 0xf0, 0];
        for (place, coding) in self.tracks.iter().enumerate() {
            let (stream_type, descriptors) = announcement(coding);
            let pid = Self::pid(place);
            map.extend_from_slice(&[
                stream_type,
                0xe0 | (pid >> 8) as u8,
                pid as u8,
                0xf0,
                descriptors.len() as u8,
            ]);
            map.extend_from_slice(&descriptors);
        }
        table(MAP_PID, &mut self.map_counter, &section(MAP, &map), out);
    }

    /// Appends one access unit or frame of track `track` (0 is the first). On the first track the clock goes with it.
    /// Nothing is appended for a track that does not exist.
    pub fn unit(&mut self, track: usize, unit: &MuxUnit<'_>, out: &mut Vec<u8>) {
        let (Some(coding), Some(counter)) = (self.tracks.get(track), self.counters.get_mut(track)) else {
            return;
        };
        let pes = pes(coding, unit);
        let clock = unit.dts.unwrap_or(unit.pts).wrapping_sub(LEAD_TICKS) & TIME_MASK;
        let clock = (track == 0).then_some(clock);
        let mut about = About { start: true, clock, random_access: unit.random_access };
        let mut rest = pes.as_slice();
        while !rest.is_empty() {
            let taken = packet(Self::pid(track), about, counter, rest, out);
            rest = &rest[taken..];
            about = About { start: false, clock: None, random_access: false };
        }
    }
}

/// What the head and the adaptation field of a packet say.
#[derive(Debug, Clone, Copy)]
struct About {
    start: bool,
    clock: Option<u64>,
    random_access: bool,
}

/// `stream_type` and descriptors.
fn announcement(coding: &Coding) -> (u8, Vec<u8>) {
    match coding {
        Coding::Video(VideoCodec::H264) => (H264, Vec::new()),
        Coding::Video(VideoCodec::H265) => (H265, Vec::new()),
        Coding::Audio(format) => match format.codec {
            AudioCodec::Aac => (ADTS, Vec::new()),
            AudioCodec::Opus => {
                let registration = [5, 4, b'O', b'p', b'u', b's'];
                (PRIVATE, [&registration[..], &[0x7f, 2, 0x80, format.channels]].concat())
            }
            AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => (PRIVATE, Vec::new()),
        },
    }
}

/// A section with head and checksum.
fn section(table: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 9;
    let mut out = vec![table, 0xb0 | (length >> 8) as u8, length as u8, 0, 1, 0xc1, 0, 0];
    out.extend_from_slice(body);
    out.extend_from_slice(&checksum(&out).to_be_bytes());
    out
}

/// A table's packets, filled up.
fn table(pid: u16, counter: &mut u8, section: &[u8], out: &mut Vec<u8>) {
    let bytes = [&[0], section].concat();
    for (place, chunk) in bytes.chunks(PAYLOAD_BYTES).enumerate() {
        head(pid, place == 0, 0x10, counter, out);
        out.extend_from_slice(chunk);
        out.extend(std::iter::repeat_n(0xff, PAYLOAD_BYTES - chunk.len()));
    }
}

fn head(pid: u16, start: bool, control: u8, counter: &mut u8, out: &mut Vec<u8>) {
    let flags = u8::from(start) << 6;
    out.extend_from_slice(&[SYNC_BYTE, flags | (pid >> 8) as u8, pid as u8, control | *counter]);
    *counter = (*counter + 1) & 15;
}

/// One packet with as much of `rest` as fits; says how much that was.
fn packet(pid: u16, about: About, counter: &mut u8, rest: &[u8], out: &mut Vec<u8>) -> usize {
    let mut said = Vec::new();
    if about.clock.is_some() || about.random_access {
        said.push(u8::from(about.random_access) << 6 | u8::from(about.clock.is_some()) << 4);
        said.extend(about.clock.map(clock_bytes).iter().flatten());
    }
    let plain = said.is_empty() && rest.len() >= PAYLOAD_BYTES;
    if plain {
        head(pid, about.start, 0x10, counter, out);
        out.extend_from_slice(&rest[..PAYLOAD_BYTES]);
        return PAYLOAD_BYTES;
    }
    let room = PAYLOAD_BYTES - 1 - said.len();
    let taken = rest.len().min(room);
    let fill = room - taken;
    head(pid, about.start, 0x30, counter, out);
    out.push((said.len() + fill) as u8);
    if said.is_empty() && fill > 0 {
        out.push(0);
        out.extend(std::iter::repeat_n(0xff, fill - 1));
    } else {
        out.extend_from_slice(&said);
        out.extend(std::iter::repeat_n(0xff, fill));
    }
    out.extend_from_slice(&rest[..taken]);
    taken
}

fn clock_bytes(base: u64) -> [u8; 6] {
    let bits = (base & TIME_MASK) << 15 | 0x7e00;
    let [_, _, bytes @ ..] = bits.to_be_bytes();
    bytes
}

/// The unit as a PES packet.
fn pes(coding: &Coding, unit: &MuxUnit<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(unit.data.len() + 32);
    let stream_id = match coding {
        Coding::Video(codec) => {
            delimit(*codec, unit.data, &mut body);
            0xe0
        }
        Coding::Audio(format) => match format.codec {
            AudioCodec::Aac => {
                body.extend_from_slice(&adts_head(format, unit.data.len()));
                0xc0
            }
            AudioCodec::Opus => {
                push_opus_head(unit.data.len(), &mut body);
                0xbd
            }
            AudioCodec::Pcma | AudioCodec::Pcmu | AudioCodec::G722 => 0xbd,
        },
    };
    body.extend_from_slice(unit.data);
    let times = [Some(unit.pts), unit.dts];
    let fields = 5 * times.iter().flatten().count();
    // Pictures may be longer than the field can say; 0 leaves it open.
    let length = if stream_id == 0xe0 { 0 } else { u16::try_from(3 + fields + body.len()).unwrap_or(0) };
    let flags = if unit.dts.is_some() { 0xc0 } else { 0x80 };
    let mut out = vec![0, 0, 1, stream_id, (length >> 8) as u8, length as u8, 0x84, flags, fields as u8];
    let mark = if unit.dts.is_some() { [3, 1] } else { [2, 0] };
    for (time, mark) in times.into_iter().flatten().zip(mark) {
        out.extend_from_slice(&time_bytes(time, mark));
    }
    out.extend_from_slice(&body);
    out
}

/// Every picture begins with a delimiter (ISO/IEC 13818-1 §2.14.1).
fn delimit(codec: VideoCodec, access_unit: &[u8], body: &mut Vec<u8>) {
    let first = annex_b(access_unit).next();
    if first.is_some_and(|unit| unit_kind(codec, unit) == UnitKind::Delimiter) {
        return;
    }
    body.extend_from_slice(match codec {
        VideoCodec::H264 => &[0, 0, 0, 1, 9, 0xf0],
        VideoCodec::H265 => &[0, 0, 0, 1, 0x46, 1, 0x50],
    });
}

fn time_bytes(ticks: u64, mark: u8) -> [u8; 5] {
    let part = |shift: u32| (ticks >> shift) as u8;
    [mark << 4 | (part(30) & 7) << 1 | 1, part(22), part(15) << 1 | 1, part(7), part(0) << 1 | 1]
}
