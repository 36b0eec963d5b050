//! Header analysis: every packet of one stream, nothing decoded. Turns packets into units and keeps what their headers
//! say: loss, rates, damage, effort, drift.
//!
//! Knows no socket and reads no clock: packets come with the moment of their arrival.

mod conformance;
mod effort;
mod lane;
mod pictures;
mod sequencer;
mod sniff;
mod sounds;
mod timeline;
mod travel;
mod usual;
mod window;

use self::conformance::Conformance;
use self::lane::{Lane, Taken};
pub(super) use self::pictures::Pictures;
pub(super) use self::sounds::Sounds;
use self::travel::Travel;
use super::unit::{SoundFormat, Unit};
use crate::domain::stream::VideoCodec;
use crate::domain::time::Mono;
use crate::observation::TransportFigures;
use crate::wire::coding::{AudioFormat, Coding, VIDEO_CLOCK_HZ};
use crate::wire::depay::AccessUnit;
use crate::wire::rtcp::{self, Rtcp};
use crate::wire::rtp;
use crate::wire::ts::{self, Demux, TsEvent, TsTrack, TsUnit};

/// Most tracks of one stream that are received.
const LANES_MAX: usize = 8;

/// A track as its source announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackSpec {
    /// The socket or RTSP track it comes by.
    pub(super) port: usize,
    /// RTP payload type.
    pub(super) payload_type: u8,
    /// How it is coded.
    pub(super) coding: Coding,
    /// Parameter sets that came beside the pictures, without start codes.
    pub(super) sets: Vec<Vec<u8>>,
}

/// What a stream's source is like.
#[derive(Debug, Clone)]
pub(super) enum Begin {
    /// RTP of these tracks.
    Rtp {
        /// At most [`LANES_MAX`] count.
        tracks: Vec<TrackSpec>,
        /// The protocol below keeps packets in order or drops what is late.
        keeps_order: bool,
    },
    /// MPEG transport packets.
    Transport,
    /// Whole access units that somebody else took out of their container.
    Units,
}

/// The headers of one stream.
#[derive(Debug)]
pub(super) struct Headers {
    lanes: Vec<Lane>,
    demux: Option<Demuxing>,
    travel: Travel,
    video: Option<Pictures>,
    audio: Option<Sounds>,
    units: Vec<Unit>,
    finished: Vec<(AccessUnit, Mono)>,
    strange: Option<Strange>,
}

/// Something that arrived and is not this stream's media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strange {
    /// When, last.
    pub(super) at: Mono,
    /// Whether it is sound RTP of an unknown payload type, not rubbish.
    pub(super) is_media: bool,
}

#[derive(Debug)]
struct Demuxing {
    demux: Demux,
    conformance: Conformance,
    events: Vec<TsEvent>,
    video: Option<u16>,
    audio: Option<u16>,
    /// Sequence numbers, where RTP stands before the packets.
    rtp: rtp::Reception,
}

impl Headers {
    pub(super) fn new(now: Mono) -> Self {
        Self {
            lanes: Vec::new(),
            demux: None,
            travel: Travel::new(now),
            video: None,
            audio: None,
            units: Vec::new(),
            finished: Vec::new(),
            strange: None,
        }
    }

    /// A connection stands: packets from here on are the new one's.
    pub(super) fn begin(&mut self, begin: &Begin, now: Mono) {
        self.travel.restart(now);
        self.lanes.clear();
        self.demux = None;
        self.restart();
        match begin {
            Begin::Rtp { tracks, keeps_order } => {
                let lanes = tracks.iter().take(LANES_MAX);
                self.lanes = lanes.map(|spec| Lane::new(spec, *keeps_order)).collect();
                self.learn();
            }
            Begin::Transport => self.demux = Some(Demuxing::new()),
            Begin::Units => {}
        }
    }

    /// Media begin again after a pause.
    pub(super) fn resume(&mut self, now: Mono) {
        if let Some(video) = &mut self.video {
            video.resume(now);
        }
        if let Some(audio) = &mut self.audio {
            audio.resume(now);
        }
    }

    /// A datagram, or an interleaved packet, of an RTP or RTCP port.
    pub(super) fn rtp(&mut self, port: usize, bytes: &[u8], at: Mono) {
        if rtp::is_rtcp(bytes) {
            return self.rtcp(bytes);
        }
        let Ok(packet) = rtp::parse(bytes) else {
            return self.note_strange(at, false);
        };
        let mine = |lane: &&mut Lane| lane.port == port && lane.payload_type == packet.payload_type;
        let Some(lane) = self.lanes.iter_mut().find(mine) else {
            return self.note_strange(at, true);
        };
        let taken = lane.push(&packet, bytes, at, &mut self.finished);
        let other = lane.other_codec();
        let coding = (!self.finished.is_empty()).then(|| lane.coding.clone());
        match taken {
            Taken::Fine => {}
            Taken::Restarted => self.restart(),
            Taken::Stray => self.note_strange(at, true),
        }
        if let Some(codec) = other {
            self.switch(port, packet.payload_type, codec, at);
        } else if let Some(coding) = coding {
            self.finish(&coding, at);
        }
    }

    /// An RTCP datagram.
    pub(super) fn rtcp(&mut self, bytes: &[u8]) {
        for packet in rtcp::parse(bytes) {
            let Rtcp::SenderReport(report) = packet else { continue };
            let lane = self.lanes.iter().find(|lane| lane.ssrc == Some(report.ssrc));
            let (Some(lane), Some(ntp_us)) = (lane, report.unix_us()) else { continue };
            match (&lane.coding, &mut self.video, &mut self.audio) {
                (Coding::Video(_), Some(video), _) => video.report(report.rtp_timestamp, ntp_us),
                (Coding::Audio(_), _, Some(audio)) => audio.report(report.rtp_timestamp, ntp_us),
                (Coding::Video(_) | Coding::Audio(_), _, _) => {}
            }
        }
    }

    /// Bytes that hold MPEG transport packets, with or without RTP before them.
    pub(super) fn transport(&mut self, bytes: &[u8], at: Mono) {
        let Some(packets) = ts::payload(bytes) else {
            return self.note_strange(at, false);
        };
        let Some(mut demux) = self.demux.take() else { return };
        if packets.len() < bytes.len()
            && let Ok(packet) = rtp::parse(bytes)
        {
            demux.rtp.packet(&packet, at);
        }
        demux.conformance.feed(packets, at);
        demux.demux.push(packets, &mut demux.events);
        for event in std::mem::take(&mut demux.events) {
            match event {
                TsEvent::Tracks(tracks) => demux.follow(&tracks, self, at),
                TsEvent::Unit(unit) => self.transport_unit(&demux, unit, at),
                TsEvent::Pcr { .. } => {}
            }
        }
        self.demux = Some(demux);
    }

    /// A whole access unit, timed in microseconds of the sender's clock.
    pub(super) fn unit(&mut self, coding: &Coding, pts_us: i64, unit: bytes::Bytes, at: Mono) {
        self.note_coding(coding, at);
        let clock_hz = i64::from(coding.rtp_clock_hz());
        let timestamp = (i128::from(pts_us) * i128::from(clock_hz) / 1_000_000) as u32;
        self.finished.push((AccessUnit { timestamp, data: unit, damaged: false, gap_before: false }, at));
        self.finish(coding, at);
    }

    /// A tenth of a second has passed.
    pub(super) fn tick(&mut self, now: Mono) {
        for at in 0..self.lanes.len() {
            self.lanes[at].release(now, &mut self.finished);
            if !self.finished.is_empty() {
                let coding = self.lanes[at].coding.clone();
                self.finish(&coding, now);
            }
        }
        if let Some(video) = &mut self.video {
            video.tick(now);
        }
        let counts = match &self.demux {
            Some(demux) => vec![demux.rtp.counts()],
            None => self.lanes.iter().map(Lane::counts).collect(),
        };
        self.travel.note(&counts, now);
    }

    /// Units since the last call, in the order they were finished.
    pub(super) fn take_units(&mut self) -> Vec<Unit> {
        std::mem::take(&mut self.units)
    }

    pub(super) fn video(&mut self) -> Option<&mut Pictures> {
        self.video.as_mut()
    }

    pub(super) fn audio(&mut self) -> Option<&mut Sounds> {
        self.audio.as_mut()
    }

    /// What arrived last that is not media.
    pub(super) fn strange(&self) -> Option<Strange> {
        self.strange
    }

    /// Loss of the last ten seconds and jitter now.
    pub(super) fn travel(&self) -> TransportFigures {
        let jitter = self.lanes.iter().map(Lane::jitter_ms).fold(0.0, f64::max);
        let wrapped = self.demux.as_ref().map_or(0.0, |demux| demux.rtp.jitter_ms());
        TransportFigures { jitter_ms: jitter.max(wrapped), ..self.travel.figures() }
    }

    /// When the first packet was lost of those lost in the last ten seconds.
    pub(super) fn lost_since(&self) -> Option<Mono> {
        self.travel.lost_since()
    }

    /// TR 101 290: indicator, count of the last ten seconds, and since when.
    pub(super) fn conformance(&mut self, now: Mono) -> Vec<(&'static str, u64, Mono)> {
        self.demux.as_mut().map_or_else(Vec::new, |demux| demux.conformance.raised(now))
    }

    /// How much later sound comes than its pictures, compared with the beginning, milliseconds.
    pub(super) fn audio_late_ms(&self) -> Option<f64> {
        let (video, audio) = (self.video.as_ref()?.late_us()?, self.audio.as_ref()?.late_us()?);
        Some((audio - video) as f64 / 1000.0)
    }

    /// Turns what lanes and containers finished into units.
    fn finish(&mut self, coding: &Coding, now: Mono) {
        if self.finished.is_empty() {
            return;
        }
        self.note_coding(coding, now);
        let finished = std::mem::take(&mut self.finished);
        for (unit, at) in finished {
            let unit = match (coding, &mut self.video, &mut self.audio) {
                (Coding::Video(_), Some(video), _) => video.take(unit, at),
                (Coding::Audio(_), _, Some(audio)) => audio.take(unit, at),
                (Coding::Video(_) | Coding::Audio(_), _, _) => continue,
            };
            self.units.push(unit);
        }
    }

    fn transport_unit(&mut self, demux: &Demuxing, unit: TsUnit, at: Mono) {
        let coding = match (self.video.as_ref(), self.audio.as_ref()) {
            (Some(video), _) if demux.video == Some(unit.pid) => Coding::Video(video.codec()),
            (_, Some(audio)) if demux.audio == Some(unit.pid) => {
                Coding::Audio(to_audio_format(audio.format()))
            }
            (_, _) => return,
        };
        // 33 bits of 90 kHz: the lower 32 wrap as RTP timestamps do.
        let ticks = unit.pts.or(unit.dts).unwrap_or(0);
        let rate = u64::from(coding.rtp_clock_hz());
        let timestamp = match coding {
            Coding::Video(_) => ticks as u32,
            Coding::Audio(_) => (u128::from(ticks) * u128::from(rate) / u128::from(VIDEO_CLOCK_HZ)) as u32,
        };
        self.finished
            .push((AccessUnit { timestamp, data: unit.data, damaged: unit.damaged, gap_before: false }, at));
        self.finish(&coding, at);
    }

    /// Makes room for a track's figures; a change of codec begins them anew.
    fn note_coding(&mut self, coding: &Coding, now: Mono) {
        match coding {
            Coding::Video(codec) => {
                if self.video.as_ref().is_none_or(|video| video.codec() != *codec) {
                    self.video = Some(Pictures::new(*codec, now));
                    self.learn();
                }
            }
            Coding::Audio(format) => {
                let is_new = |audio: &Sounds| {
                    let known = audio.format();
                    known.codec != format.codec || known.rate_hz != format.rate_hz
                };
                if self.audio.as_ref().is_none_or(is_new) {
                    let sound = to_sound_format(format);
                    self.audio = Some(Sounds::new(sound, format.rtp_clock_hz(), now));
                }
            }
        }
    }

    /// Parameter sets that came with the description.
    fn learn(&mut self) {
        let Some(video) = &mut self.video else { return };
        let codec = Coding::Video(video.codec());
        for lane in self.lanes.iter().filter(|lane| lane.coding == codec) {
            video.learn(&lane.sets);
        }
    }

    /// The sender changed its video codec without saying so.
    fn switch(&mut self, port: usize, payload_type: u8, codec: VideoCodec, now: Mono) {
        self.finished.clear();
        let spec = TrackSpec { port, payload_type, coding: Coding::Video(codec), sets: Vec::new() };
        if let Some(lane) = self.lanes.iter_mut().find(|l| l.port == port && l.payload_type == payload_type) {
            *lane = Lane::new(&spec, false);
        }
        self.note_coding(&spec.coding, now);
    }

    fn restart(&mut self) {
        if let Some(video) = &mut self.video {
            video.restart();
        }
        if let Some(audio) = &mut self.audio {
            audio.restart();
        }
    }

    fn note_strange(&mut self, at: Mono, is_media: bool) {
        self.strange = Some(Strange { at, is_media });
    }
}

impl Demuxing {
    fn new() -> Self {
        Self {
            demux: Demux::new(),
            conformance: Conformance::default(),
            events: Vec::new(),
            video: None,
            audio: None,
            rtp: rtp::Reception::new(VIDEO_CLOCK_HZ),
        }
    }

    /// Follows the first track of pictures and the first of sound that can be read.
    fn follow(&mut self, tracks: &[TsTrack], headers: &mut Headers, now: Mono) {
        let first =
            |want: fn(&Coding) -> bool| tracks.iter().find(|track| track.coding.as_ref().is_some_and(want));
        let video = first(|coding| matches!(coding, Coding::Video(_)));
        let audio = first(|coding| matches!(coding, Coding::Audio(_)));
        self.video = video.map(|track| track.pid);
        self.audio = audio.map(|track| track.pid);
        for coding in [video, audio].into_iter().flatten().filter_map(|track| track.coding.as_ref()) {
            headers.note_coding(coding, now);
        }
    }
}

fn to_sound_format(format: &AudioFormat) -> SoundFormat {
    SoundFormat {
        codec: format.codec,
        rate_hz: format.rate_hz,
        channels: format.channels,
        config: bytes::Bytes::copy_from_slice(&format.config),
    }
}

fn to_audio_format(format: &SoundFormat) -> AudioFormat {
    AudioFormat {
        codec: format.codec,
        rate_hz: format.rate_hz,
        channels: format.channels,
        config: format.config.to_vec(),
    }
}
