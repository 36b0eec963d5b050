//! From packets to access units: PAT, PMT, PES, continuity.

use bytes::Bytes;

use crate::wire::coding::Coding;

/// Takes the packets of one transport stream apart; follows the first programme.
#[derive(Debug, Default)]
pub struct Demux {
    counts: TsCounts,
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
    /// How it is coded; `None` when that is not known. AAC says its rate and channels with the first frame.
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
    /// Gaps of the continuity counter.
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

impl Demux {
    /// Knows nothing of the stream yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes, of any length; what they complete is appended to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<TsEvent>) {
        let _ = (bytes, out);
    }

    /// Ends what is begun.
    pub fn flush(&mut self, out: &mut Vec<TsEvent>) {
        let _ = out;
    }

    /// Totals so far.
    pub fn counts(&self) -> TsCounts {
        self.counts
    }
}
