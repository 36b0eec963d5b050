//! One stream on the sending thread: its tracks, its outlets, and what goes wrong with it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::impairment::{Fate, Impairment, Spoiler, TrackKind};
use super::outlet::{Outlet, TapUnit};
use super::packed::Packed;
use super::report::Moment;
use super::track::{Due, Entry, Identity, NS_PER_S, Told, Track};
use super::{Onset, Renaming, StreamSpec, Tally};
use crate::domain::time::Utc;

/// Packets of one unit that leave back to back; the rest follows in such pieces, so that a key picture does not
/// overflow the receiver's socket.
const BURST: usize = 32;
/// The distance of such pieces.
const PIECE_EVERY_NS: u64 = 1_000_000;
/// Sender reports.
const REPORT_EVERY_NS: u64 = NS_PER_S;

pub(super) struct Stream {
    tracks: Vec<Lane>,
    outlets: Vec<Outlet>,
    tally: Arc<Tally>,
    tolerance: Duration,
    /// When it began, by the thread's clock.
    origin_ns: u64,
    scratch: Vec<u8>,
}

/// A track, and what of its last unit has not left yet.
struct Lane {
    track: Track,
    rest: Option<Rest>,
    report_at_ns: u64,
}

/// A unit that leaves in pieces.
struct Rest {
    due: Due,
    from: usize,
    /// Packets as they leave, for outlets that want whole units.
    left: Vec<Bytes>,
}

impl Stream {
    pub(super) fn new(spec: StreamSpec, tally: Arc<Tally>, origin_ns: u64) -> Self {
        let tracks = [(TrackKind::Video, spec.video), (TrackKind::Audio, spec.audio)];
        let lane = |(kind, packed): (TrackKind, Option<Arc<Packed>>)| {
            packed.map(|packed| Lane {
                track: Track::new(kind, packed, fresh_identity()),
                rest: None,
                report_at_ns: 0,
            })
        };
        let (tolerance, scratch) = (spec.tolerance, Vec::new());
        let tracks = tracks.into_iter().filter_map(lane).collect();
        let mut stream = Self { tracks, outlets: Vec::new(), tally, tolerance, origin_ns, scratch };
        spec.outlets.into_iter().for_each(|outlet| stream.add_outlet(outlet));
        stream
    }

    pub(super) fn first_due(&self) -> impl Iterator<Item = (u64, TrackKind)> {
        self.tracks.iter().map(|lane| (self.origin_ns + lane.track.due_ns(), lane.track.kind))
    }

    pub(super) fn add_outlet(&mut self, outlet: Outlet) {
        self.outlets.push(outlet);
        self.tune();
    }

    /// Another clip for the track of its kind; without such a track the order is dropped, which its giver hears.
    pub(super) fn play(&mut self, packed: Arc<Packed>, entry: Entry, told: Told) {
        let kind = packed.kind();
        if let Some(lane) = self.tracks.iter_mut().find(|lane| lane.track.kind == kind) {
            lane.track.change(packed, entry, told);
        }
    }

    pub(super) fn impair(&mut self, what: Impairment, told: Told) {
        let mut told = Some(told);
        let wants_audio = what.no_audio || what.audio_late_ms > 0;
        for lane in &mut self.tracks {
            lane.track.spoiler = Spoiler::new(what, lane.track.kind);
            // The track that will show it first tells: sound if only sound is concerned, pictures otherwise.
            lane.track.at_harm = None;
            if (lane.track.kind == TrackKind::Audio) == wants_audio {
                lane.track.at_harm = told.take();
            }
        }
        if let (Some(told), Some(lane)) = (told, self.tracks.first_mut()) {
            lane.track.at_harm = Some(told);
        }
    }

    pub(super) fn rename(&mut self, how: Renaming, told: Told) {
        for lane in &mut self.tracks {
            let was = lane.track.identity();
            let clock = i64::from(lane.track.packed().clock_hz());
            lane.track.become_another(match how {
                Renaming::Source => fresh_identity(),
                Renaming::Clock { ms } => {
                    let jump = (ms.wrapping_mul(clock) / 1000) as u32;
                    Identity { timestamp_base: was.timestamp_base.wrapping_add(jump), ..was }
                }
            });
            lane.report_at_ns = 0;
        }
        if let Some(lane) = self.tracks.first_mut() {
            lane.track.at_harm = Some(told);
        }
    }

    /// Sends what of a track is due at `at_ns`; when it wants to be called again.
    pub(super) fn send(&mut self, kind: TrackKind, at_ns: u64, now_ns: u64) -> Option<u64> {
        let lane = self.tracks.iter().position(|lane| lane.track.kind == kind)?;
        if self.tracks[lane].rest.is_none() {
            self.begin_unit(lane, now_ns.saturating_sub(at_ns));
            self.report(lane, now_ns);
        }
        if let Some(rest) = self.tracks[lane].rest.take() {
            self.piece(lane, rest);
        }
        let lane = &self.tracks[lane];
        let next = self.origin_ns + lane.track.due_ns();
        Some(if lane.rest.is_some() { (now_ns + PIECE_EVERY_NS).min(next) } else { next })
    }

    fn begin_unit(&mut self, lane: usize, late_ns: u64) {
        let before = Arc::clone(self.tracks[lane].track.packed());
        let track = &mut self.tracks[lane].track;
        let mut due = track.take();
        self.tally.unit(Duration::from_nanos(late_ns), self.tolerance);
        tell(due.told.take());
        if !track.spoiler.sends() || track.spoiler.skips(due.slot().key) {
            tell(track.at_harm.take());
            return;
        }
        if track.spoiler.is_harmless() || track.spoiler.late_ns() > 0 {
            tell(track.at_harm.take());
        }
        let changed = before.coding() != due.packed.coding();
        self.tracks[lane].rest = Some(Rest { due, from: 0, left: Vec::new() });
        if changed {
            self.tune();
        }
    }

    /// Sends the next packets of a unit.
    fn piece(&mut self, lane: usize, mut rest: Rest) {
        let to = (rest.from + BURST).min(rest.due.packets().len());
        let first = rest.from == 0;
        let taps = self.outlets.iter().any(|outlet| matches!(outlet, Outlet::Tap(_)));
        let (mut sent, mut refused) = (0, 0);
        for at in rest.from..to {
            let track = &mut self.tracks[lane].track;
            track.head(rest.due.timestamp, &rest.due.packets()[at], &mut self.scratch);
            let fate = track.spoiler.packet(&mut self.scratch);
            if fate != Fate::Whole {
                tell(track.at_harm.take());
            }
            if fate == Fate::Lost {
                continue;
            }
            if fate == Fate::AfterGarbage {
                let mut garbage = Vec::new();
                track.spoiler.garbage(&mut garbage);
                refused += datagram(&self.outlets, track.kind, &garbage);
            }
            refused += datagram(&self.outlets, self.tracks[lane].track.kind, &self.scratch);
            sent += 1;
            if taps {
                rest.left.push(Bytes::copy_from_slice(&self.scratch));
            }
        }
        self.tally.packets(sent, refused);
        if first {
            self.transport(lane, &rest.due);
        }
        rest.from = to;
        if to < rest.due.packets().len() {
            self.tracks[lane].rest = Some(rest);
        } else if taps {
            let (track, key) = (self.tracks[lane].track.kind, rest.due.slot().key);
            self.tap(&TapUnit { track, rtcp: false, key, packets: rest.left });
        }
    }

    /// The unit as part of transport streams, spoiled datagram by datagram.
    fn transport(&mut self, lane: usize, due: &Due) {
        let track = &mut self.tracks[lane].track;
        let mut refused = 0;
        for outlet in &mut self.outlets {
            if let Outlet::Ts(ts) = outlet {
                let slot = due.slot();
                refused += ts.unit((track.kind, slot.key), due.shown_ns, &slot.unit, |datagram| {
                    let fate = track.spoiler.packet(datagram);
                    if fate != Fate::Whole {
                        tell(track.at_harm.take());
                    }
                    fate != Fate::Lost
                });
            }
        }
        self.tally.packets(0, refused);
    }

    fn report(&mut self, lane: usize, now_ns: u64) {
        let lane = &mut self.tracks[lane];
        if now_ns < lane.report_at_ns || !lane.track.spoiler.sends() {
            return;
        }
        lane.report_at_ns = now_ns + REPORT_EVERY_NS;
        let since = now_ns.saturating_sub(self.origin_ns);
        let track = &lane.track;
        let moment = Moment {
            ssrc: track.identity().ssrc,
            at: wall(),
            timestamp: track.timestamp_at(since),
            packets: track.sent_packets,
            bytes: track.sent_bytes,
        };
        let (kind, report) = (track.kind, moment.report());
        for outlet in &self.outlets {
            if let Outlet::Rtp(rtp) = outlet {
                rtp.send(kind, true, &report);
            }
        }
        self.tap(&TapUnit { track: kind, rtcp: true, key: false, packets: vec![report.into()] });
    }

    /// Hands packets to the readers in this process; readers that are gone are forgotten.
    fn tap(&mut self, unit: &TapUnit) {
        let tally = &self.tally;
        self.outlets.retain(|outlet| {
            let Outlet::Tap(tap) = outlet else { return true };
            match tap.try_send(unit.clone()) {
                Ok(()) => true,
                Err(tokio::sync::mpsc::error::TrySendError::Full(unit)) => {
                    tally.packets(0, unit.packets.len() as u64);
                    true
                }
                Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => false,
            }
        });
    }

    fn tune(&mut self) {
        let tracks: Vec<(TrackKind, &Packed)> =
            self.tracks.iter().map(|lane| (lane.track.kind, &**lane.track.packed())).collect();
        for outlet in &mut self.outlets {
            if let Outlet::Ts(ts) = outlet {
                ts.tune(&tracks);
            }
        }
    }
}

/// Sends a packet to the RTP outlets; how many did not take it.
fn datagram(outlets: &[Outlet], kind: TrackKind, packet: &[u8]) -> u64 {
    let refused = outlets.iter().filter(|outlet| match outlet {
        Outlet::Rtp(rtp) => !rtp.send(kind, false, packet),
        Outlet::Ts(_) | Outlet::Tap(_) => false,
    });
    refused.count() as u64
}

fn tell(told: Option<Told>) {
    if let Some(told) = told {
        // Whoever no longer waits does not want to know.
        let _ = told.send(Onset { at: Instant::now(), utc: wall() });
    }
}

fn wall() -> Utc {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn fresh_identity() -> Identity {
    Identity { ssrc: rand::random(), sequence: rand::random(), timestamp_base: rand::random() }
}
