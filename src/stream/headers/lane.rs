//! One track over RTP: from packets of a known payload type to access units. Knows no socket.

use super::TrackSpec;
use super::sequencer::{Sequencer, Turn};
use crate::domain::stream::VideoCodec;
use crate::domain::time::Mono;
use crate::wire::coding::Coding;
use crate::wire::depay::{AccessUnit, Depay};
use crate::wire::rtp::{self, Arrival, Counts, Reception, RtpPacket};

use super::sniff::Sniffer;

/// Packets of one track.
#[derive(Debug)]
pub(super) struct Lane {
    /// The socket or RTSP track it comes by.
    pub(super) port: usize,
    pub(super) payload_type: u8,
    pub(super) coding: Coding,
    /// Parameter sets that came beside the pictures.
    pub(super) sets: Vec<Vec<u8>>,
    reception: Reception,
    sequencer: Sequencer,
    depay: Depay,
    sniffer: Sniffer,
    /// SSRC of the packets now.
    pub(super) ssrc: Option<u32>,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It belongs to the stream.
    Fine,
    /// The sender began anew: another source or other numbers.
    Restarted,
    /// Not counted.
    Stray,
}

impl Lane {
    pub(super) fn new(spec: &TrackSpec, keeps_order: bool) -> Self {
        Self {
            port: spec.port,
            payload_type: spec.payload_type,
            coding: spec.coding.clone(),
            sets: spec.sets.clone(),
            reception: Reception::new(spec.coding.rtp_clock_hz()),
            sequencer: Sequencer::new(!keeps_order),
            depay: Depay::new(&spec.coding),
            sniffer: Sniffer::default(),
            ssrc: None,
        }
    }

    /// Takes a packet; finished units are appended with the arrival of their last packet.
    pub(super) fn push(
        &mut self,
        packet: &RtpPacket<'_>,
        raw: &[u8],
        at: Mono,
        out: &mut Vec<(AccessUnit, Mono)>,
    ) -> Taken {
        let arrival = self.reception.packet(packet, at);
        if matches!(arrival, Arrival::First | Arrival::Restarted) {
            self.ssrc = Some(packet.ssrc);
            self.depay = Depay::new(&self.coding);
        }
        if self.sequencer.turn(arrival, packet.sequence, raw, at) == Turn::Now {
            self.feed(packet, at, out);
        }
        self.release(at, out);
        match arrival {
            Arrival::Restarted => Taken::Restarted,
            Arrival::Stray => Taken::Stray,
            Arrival::First | Arrival::Next | Arrival::Gap { .. } | Arrival::Late | Arrival::Duplicate => {
                Taken::Fine
            }
        }
    }

    /// Gives up waiting for packets that are too late.
    pub(super) fn release(&mut self, now: Mono, out: &mut Vec<(AccessUnit, Mono)>) {
        while let Some((raw, at)) = self.sequencer.released(now) {
            if let Ok(packet) = rtp::parse(&raw) {
                self.feed(&packet, at, out);
            }
        }
    }

    /// The codec that the payloads look like, when it is another than was said.
    pub(super) fn other_codec(&self) -> Option<VideoCodec> {
        let Coding::Video(said) = self.coding else { return None };
        self.sniffer.codec().filter(|found| *found != said)
    }

    pub(super) fn counts(&self) -> Counts {
        self.reception.counts()
    }

    pub(super) fn jitter_ms(&self) -> f64 {
        self.reception.jitter_ms()
    }

    fn feed(&mut self, packet: &RtpPacket<'_>, at: Mono, out: &mut Vec<(AccessUnit, Mono)>) {
        if matches!(self.coding, Coding::Video(_)) {
            self.sniffer.look(packet.payload);
        }
        let mut units = Vec::new();
        self.depay.push(packet, &mut units);
        out.extend(units.into_iter().map(|unit| (unit, at)));
    }
}
