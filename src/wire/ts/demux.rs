//! From packets to access units: tables, PES packets, continuity.

use bytes::Bytes;

use super::elementary::{AAC_FRAME_SAMPLES, adts_frames, opus_packets, opus_ticks};
use super::packet::{Continuity, Follows, Packet};
use super::pes::{Content, Joins, Pes};
use super::tables::{Section, Sections, map_pid, tracks};
use super::{PACKET_BYTES, SYNC_BYTE};
use crate::domain::stream::AudioCodec;
use crate::wire::coding::{AudioFormat, Coding};

/// PID of the programme association.
const ASSOCIATION_PID: u16 = 0;

/// Takes the packets of one transport stream apart; follows the first programme.
#[derive(Debug, Default)]
pub struct Demux {
    counts: TsCounts,
    /// The beginning of a packet whose end has not come.
    part: Vec<u8>,
    association: Table,
    map: Option<(u16, Table)>,
    /// The map in force.
    section: Vec<u8>,
    tracks: Vec<Track>,
}

/// What came out of the packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TsEvent {
    /// The programme's tracks, when they are known first and whenever they change.
    Tracks(Vec<TsTrack>),
    /// One access unit.
    Unit(TsUnit),
    /// The programme's clock.
    Pcr {
        /// On which PID.
        pid: u16,
        /// Ticks of 27 MHz; wraps at 2^33 · 300.
        ticks: u64,
        /// The clock was set anew here.
        discontinuity: bool,
    },
}

/// One elementary stream of the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsTrack {
    /// Its packets.
    pub pid: u16,
    /// `stream_type` of the PMT.
    pub stream_type: u8,
    /// How it is coded; `None` when that is not known. AAC says its rate and channels with the first frame, and the
    /// tracks are told again then.
    pub coding: Option<Coding>,
}

/// One access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsUnit {
    /// Of which track.
    pub pid: u16,
    /// When it is shown: 90 kHz, wraps at 33 bits. Absent where the stream does not say.
    pub pts: Option<u64>,
    /// When it is decoded, where that differs.
    pub dts: Option<u64>,
    /// Annex B, or a raw frame of sound.
    pub data: Bytes,
    /// Packets of it, or right before it, are missing.
    pub damaged: bool,
    /// The multiplex says that decoding can begin here.
    pub random_access: bool,
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TsCounts {
    /// Packets read.
    pub packets: u64,
    /// Gaps of the continuity counter in the tables and tracks of the programme.
    pub discontinuities: u64,
    /// Packets that say themselves that they are damaged.
    pub transport_errors: u64,
    /// Bytes skipped to find the next packet.
    pub skipped_bytes: u64,
    /// Packets that are scrambled.
    pub scrambled: u64,
    /// Tables with a wrong checksum.
    pub bad_tables: u64,
}

#[derive(Debug, Default)]
struct Table {
    continuity: Continuity,
    sections: Sections,
}

#[derive(Debug)]
struct Track {
    about: TsTrack,
    continuity: Continuity,
    pes: Pes,
    /// The beginning of a frame of sound whose end has not come.
    part: Bytes,
}

impl Demux {
    /// Knows nothing of the stream yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, of any length; what they complete is appended to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<TsEvent>) {
        let mut rest = bytes;
        if !self.part.is_empty() {
            let (more, after) = rest.split_at(rest.len().min(PACKET_BYTES - self.part.len()));
            self.part.extend_from_slice(more);
            rest = after;
            let part = std::mem::take(&mut self.part);
            match part.first_chunk() {
                Some(packet) => self.packet(packet, out),
                None => self.part = part,
            }
        }
        loop {
            rest = self.synchronise(rest);
            let Some((packet, after)) = rest.split_first_chunk() else { break };
            self.packet(packet, out);
            rest = after;
        }
        if !rest.is_empty() {
            self.part = rest.to_vec();
        }
    }

    /// Ends what is begun.
    pub fn flush(&mut self, out: &mut Vec<TsEvent>) {
        for at in 0..self.tracks.len() {
            let ended = self.tracks[at].pes.end();
            self.emit(at, ended, out);
        }
    }

    /// Totals so far.
    pub fn counts(&self) -> TsCounts {
        self.counts
    }

    /// The bytes from the next packet on. Where the byte after a packet is there to be seen, it must begin another.
    fn synchronise<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let begins = |at: usize| {
            bytes[at] == SYNC_BYTE && bytes.get(at + PACKET_BYTES).is_none_or(|next| *next == SYNC_BYTE)
        };
        if bytes.first() == Some(&SYNC_BYTE) {
            return bytes;
        }
        let at = (0..bytes.len()).find(|at| begins(*at)).unwrap_or(bytes.len());
        self.counts.skipped_bytes += at as u64;
        &bytes[at..]
    }

    fn packet(&mut self, bytes: &[u8; PACKET_BYTES], out: &mut Vec<TsEvent>) {
        self.counts.packets += 1;
        let packet = Packet::parse(bytes);
        if packet.transport_error {
            self.counts.transport_errors += 1;
            return;
        }
        if let Some(ticks) = packet.adaptation.pcr {
            out.push(TsEvent::Pcr { pid: packet.pid, ticks, discontinuity: packet.adaptation.discontinuity });
        }
        if packet.scrambled {
            self.counts.scrambled += 1;
        } else if packet.pid == ASSOCIATION_PID {
            self.associate(&packet);
        } else if self.map.as_ref().is_some_and(|(pid, _)| *pid == packet.pid) {
            self.take_map(&packet, out);
        } else if let Some(at) = self.tracks.iter().position(|track| track.about.pid == packet.pid) {
            self.media(at, &packet, out);
        }
    }

    fn associate(&mut self, packet: &Packet<'_>) {
        let section = self.association.push(packet, &mut self.counts);
        let Some(pid) = section.as_deref().and_then(map_pid) else { return };
        if self.map.as_ref().is_none_or(|(known, _)| *known != pid) {
            self.map = Some((pid, Table::default()));
        }
    }

    fn take_map(&mut self, packet: &Packet<'_>, out: &mut Vec<TsEvent>) {
        let Some((_, table)) = &mut self.map else { return };
        let Some(section) = table.push(packet, &mut self.counts) else { return };
        if section == self.section {
            return;
        }
        let Some(tracks) = tracks(&section) else { return };
        self.flush(out);
        self.section = section;
        self.tracks = tracks.into_iter().map(Track::new).collect();
        self.tell(out);
    }

    fn media(&mut self, at: usize, packet: &Packet<'_>, out: &mut Vec<TsEvent>) {
        let track = &mut self.tracks[at];
        let Some(payload) = packet.payload else { return };
        match track.continuity.follow(packet) {
            Follows::Repeats => return,
            Follows::Gap => {
                self.counts.discontinuities += 1;
                track.pes.lose();
            }
            Follows::Closely => {}
        }
        if packet.start {
            let ended = track.pes.begin(payload, track.joins());
            if packet.adaptation.random_access {
                track.pes.mark_random_access();
            }
            self.emit(at, ended, out);
        } else {
            track.pes.append(payload);
        }
        if self.tracks[at].pes.is_whole() {
            let ended = self.tracks[at].pes.end();
            self.emit(at, ended, out);
        }
    }

    fn emit(&mut self, at: usize, content: Option<Content>, out: &mut Vec<TsEvent>) {
        let Some(content) = content else { return };
        let track = &mut self.tracks[at];
        let news = match &track.about.coding {
            Some(Coding::Video(_)) => {
                out.push(TsEvent::Unit(track.unit(&content, content.data.clone(), 0)));
                false
            }
            Some(Coding::Audio(format)) if format.codec == AudioCodec::Aac => track.aac(&content, out),
            Some(Coding::Audio(_)) => {
                track.opus(&content, out);
                false
            }
            None => false,
        };
        if news {
            self.tell(out);
        }
    }

    fn tell(&self, out: &mut Vec<TsEvent>) {
        out.push(TsEvent::Tracks(self.tracks.iter().map(|track| track.about.clone()).collect()));
    }
}

impl Table {
    fn push(&mut self, packet: &Packet<'_>, counts: &mut TsCounts) -> Option<Vec<u8>> {
        let payload = packet.payload?;
        match self.continuity.follow(packet) {
            Follows::Repeats => return None,
            Follows::Gap => {
                counts.discontinuities += 1;
                self.sections.lose();
            }
            Follows::Closely => {}
        }
        match self.sections.push(payload, packet.start)? {
            Section::Whole(section) => Some(section),
            Section::Bad => {
                counts.bad_tables += 1;
                None
            }
        }
    }
}

impl Track {
    fn new(about: TsTrack) -> Self {
        Self { about, continuity: Continuity::default(), pes: Pes::default(), part: Bytes::new() }
    }

    /// Encoders cut long pictures into several PES packets.
    fn joins(&self) -> Joins {
        if matches!(self.about.coding, Some(Coding::Video(_))) { Joins::Yes } else { Joins::No }
    }

    fn unit(&self, content: &Content, data: Bytes, later: u64) -> TsUnit {
        const WRAP: u64 = (1 << 33) - 1;
        TsUnit {
            pid: self.about.pid,
            pts: content.times.pts.map(|pts| pts.wrapping_add(later) & WRAP),
            dts: content.times.dts,
            data,
            damaged: content.damaged,
            random_access: content.random_access,
        }
    }

    /// Hands out the AAC frames; says whether the format is another than before.
    fn aac(&mut self, content: &Content, out: &mut Vec<TsEvent>) -> bool {
        let part = std::mem::take(&mut self.part);
        let joined = !part.is_empty() && !content.damaged;
        let data = if joined { [part, content.data.clone()].concat().into() } else { content.data.clone() };
        let (frames, taken) = adts_frames(&data);
        let mut news = false;
        // The time is that of the first frame that begins here, not of one that only ends here.
        let mut place = u64::from(joined).wrapping_neg();
        for (head, frame) in frames {
            news |= self.learn(&head.format);
            let ticks = AAC_FRAME_SAMPLES * 90_000 / u64::from(head.format.rate_hz);
            out.push(TsEvent::Unit(self.unit(content, frame, place.wrapping_mul(ticks))));
            place = place.wrapping_add(1);
        }
        self.part = data.slice(taken..);
        news
    }

    fn learn(&mut self, format: &AudioFormat) -> bool {
        let known = matches!(&self.about.coding, Some(Coding::Audio(known)) if known == format);
        if !known {
            self.about.coding = Some(Coding::Audio(format.clone()));
        }
        !known
    }

    fn opus(&self, content: &Content, out: &mut Vec<TsEvent>) {
        let mut later = 0;
        for packet in opus_packets(&content.data) {
            let ticks = opus_ticks(&packet);
            out.push(TsEvent::Unit(self.unit(content, packet, later)));
            later += ticks;
        }
    }
}
