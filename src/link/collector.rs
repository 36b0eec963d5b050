//! What the receiving thread does for the sender: gives each reply and each stamp to its run.
//!
//! A reply counts only when it comes from the address that was probed and repeats a time that was really sent.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::udp::batch::{Packet, TxStamp};
use crate::udp::clock::wall_ns;
use crate::udp::pacer::SentNote;
use crate::udp::receiver::Inbox;
use crate::udp::socket::Socket;
use crate::wire::stamp::tlv::{
    CLASS_OF_SERVICE, ClassOfService, FOLLOW_UP, FollowUp, MALFORMED, SUMMARY, Summary, Tlv, UNRECOGNISED,
};
use crate::wire::stamp::{Ntp, Reply};

use super::raw::{FarSide, RawReply, RawRun, Remembered, SentPacket};

/// A session's closing probes carry numbers from the number of its packets plus this: far enough above what a counting
/// reflector can have reached that one which merely repeats numbers is recognised.
pub(super) const CLOSING_GAP: u32 = 1 << 20;

/// Replies kept per packet sent; a line that multiplies more than this is cut off.
const COPIES_MAX: usize = 4;

/// Live counts of one run, for whoever waits for it.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Packets sent.
    pub(super) sent: Arc<AtomicU32>,
    /// Probes answered at least once.
    pub(super) answered: AtomicU32,
    /// Replies received, copies included.
    pub(super) replies: AtomicU32,
    /// Longest round trip seen, microseconds, dwell included.
    pub(super) rtt_us_max: AtomicU32,
    /// 1 once the reflector's own knowledge of the run is complete.
    pub(super) closed: AtomicU32,
}

/// One run as the receiving thread is told of it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: u32,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) packets: u32,
    pub(super) live: Arc<Live>,
}

/// What the rest of the program asks.
#[derive(Debug)]
pub(super) enum Order {
    /// Expects a run; answers once it does, so that no packet leaves before.
    Open(Session, oneshot::Sender<()>),
    /// Gives the run back and forgets it.
    Finish(u32, oneshot::Sender<RawRun>),
    /// Forgets the run.
    Forget(u32),
}

/// The session identifier of a key; never 0, which means "none".
pub(super) fn ssid(key: u32) -> u16 {
    (key % u32::from(u16::MAX)) as u16 + 1
}

pub(super) struct Collector {
    notes: mpsc::Receiver<SentNote>,
    runs: HashMap<u16, Open>,
    /// Which run talks over a pair of addresses, for reflectors that do not repeat the session identifier.
    by_path: HashMap<(SocketAddr, SocketAddr), u16>,
    lanes: HashMap<SocketAddr, Lane>,
}

/// What is known of one socket.
#[derive(Default)]
struct Lane {
    awaiting_stamp: VecDeque<SentNote>,
    overflow: u32,
}

struct Open {
    session: Session,
    overflow_before: u32,
    raw: RawRun,
    answered: Vec<bool>,
    closing: Closing,
}

/// What closing probes have brought so far.
#[derive(Default)]
struct Closing {
    /// Bytes of the bitmap that have come, by their position.
    bitmap: BTreeMap<usize, u8>,
    /// Numbers of closing probes answered by a reflector that keeps no memory, with its own number.
    counted: BTreeMap<u32, u32>,
}

impl Collector {
    pub(super) fn new(notes: mpsc::Receiver<SentNote>) -> Self {
        Self { notes, runs: HashMap::new(), by_path: HashMap::new(), lanes: HashMap::new() }
    }

    fn take_notes(&mut self) {
        while let Ok(note) = self.notes.try_recv() {
            let Some(open) = self.runs.get_mut(&ssid(note.key)).filter(|open| open.session.key == note.key)
            else {
                continue;
            };
            let sent = SentPacket { program_ns: note.wall_ns, kernel_ns: None };
            if let Some(slot) = open.raw.sent.get_mut(note.seq as usize) {
                *slot = sent;
            }
            let lane = self.lanes.entry(note.from).or_default();
            lane.awaiting_stamp.push_back(note);
        }
    }

    fn open(&mut self, session: Session) {
        let id = ssid(session.key);
        let overflow_before = self.lanes.entry(session.local).or_default().overflow;
        self.by_path.insert((session.local, session.remote), id);
        let answered = vec![false; session.packets as usize];
        let sent = vec![SentPacket::default(); session.packets as usize];
        let (raw, closing) = (RawRun { sent, ..RawRun::default() }, Closing::default());
        self.runs.insert(id, Open { session, overflow_before, raw, answered, closing });
    }

    fn close(&mut self, key: u32) -> Option<RawRun> {
        self.take_notes();
        let id = ssid(key);
        let open = self.runs.remove(&id)?;
        let path = (open.session.local, open.session.remote);
        if self.by_path.get(&path) == Some(&id) {
            self.by_path.remove(&path);
        }
        let overflow = self.lanes.get(&open.session.local).map_or(0, |lane| lane.overflow);
        Some(open.into_raw(overflow))
    }

    fn take_reply(&mut self, local: SocketAddr, packet: &Packet<'_>) {
        let Ok(reply) = Reply::parse(packet.bytes) else {
            return;
        };
        let id = match reply.ssid {
            0 => self.by_path.get(&(local, packet.from)).copied().unwrap_or(0),
            id => id,
        };
        if let Some(open) = self.runs.get_mut(&id)
            && open.session.remote == packet.from
            && open.session.local == local
        {
            open.take_reply(&reply, packet);
        }
    }
}

impl Inbox for Collector {
    type Order = Order;

    fn order(&mut self, order: Order) {
        match order {
            Order::Open(session, ready) => {
                self.open(session);
                // Whoever asked may have given up meanwhile; then the run is forgotten by its next order.
                let _ = ready.send(());
            }
            Order::Forget(key) => drop(self.close(key)),
            Order::Finish(key, answer) => {
                if let Some(raw) = self.close(key) {
                    // Whoever asked may have given up meanwhile; then nobody wants the run.
                    let _ = answer.send(raw);
                }
            }
        }
    }

    fn packet(&mut self, socket: &Arc<Socket>, packet: &Packet<'_>) {
        self.take_notes();
        let local = socket.local_addr();
        self.lanes.entry(local).or_default().overflow = packet.overflow;
        self.take_reply(local, packet);
    }

    fn tx_stamps(&mut self, socket: &Arc<Socket>, stamps: &[TxStamp]) {
        self.take_notes();
        let Some(lane) = self.lanes.get_mut(&socket.local_addr()) else {
            return;
        };
        for stamp in stamps {
            let fits = |note: &SentNote| note.id == stamp.id && note.wall_ns <= stamp.wall_ns;
            let Some(at) = lane.awaiting_stamp.iter().rposition(fits) else {
                continue;
            };
            let note = lane.awaiting_stamp.drain(..=at).next_back();
            let run = note.and_then(|note| Some((note, self.runs.get_mut(&ssid(note.key))?)));
            if let Some((note, open)) = run
                && open.session.key == note.key
                && let Some(sent) = open.raw.sent.get_mut(note.seq as usize)
            {
                sent.kernel_ns = Some(stamp.wall_ns);
            }
        }
    }

    fn expecting(&self) -> bool {
        !self.runs.is_empty()
    }
}

impl Open {
    fn take_reply(&mut self, reply: &Reply<'_>, packet: &Packet<'_>) {
        self.take_follow_up(reply);
        if reply.probe_seq >= self.session.packets {
            return self.take_closing(reply);
        }
        let Some(sent) = self.raw.sent.get_mut(reply.probe_seq as usize) else {
            return;
        };
        if sent.program_ns == 0 {
            // Its announcement was lost; the reply itself repeats when it left.
            sent.program_ns = reply.probe_sent.unix_ns();
        }
        let genuine = Ntp::from_unix_ns(sent.program_ns) == reply.probe_sent;
        if !genuine || self.raw.replies.len() >= self.session.packets as usize * COPIES_MAX {
            return;
        }
        let back_ns = packet.stamp_ns.unwrap_or_else(wall_ns);
        let rtt_ns = back_ns - sent.program_ns;
        self.note_live(reply.probe_seq, rtt_ns);
        self.raw.replies.push(RawReply {
            probe: reply.probe_seq,
            seq: reply.seq,
            reached_ns: reply.received_ns(),
            left_ns: reply.sent_ns(),
            back_ns,
            back_by_kernel: packet.stamp_ns.is_some(),
            ttl_there: reply.probe_ttl,
            ttl_here: packet.ttl,
            dscp_there: class_of_service(reply).map(|class| class.seen_dscp),
            dscp_here: packet.tos >> 2,
        });
    }

    fn note_live(&mut self, seq: u32, rtt_ns: i64) {
        let live = &self.session.live;
        live.replies.fetch_add(1, Ordering::Relaxed);
        live.rtt_us_max.fetch_max(u32::try_from(rtt_ns / 1000).unwrap_or(0), Ordering::Relaxed);
        if let Some(answered) = self.answered.get_mut(seq as usize)
            && !std::mem::replace(answered, true)
        {
            live.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take_follow_up(&mut self, reply: &Reply<'_>) {
        let bound = self.session.packets as usize * COPIES_MAX;
        if let Some(follow_up) = understood(reply, FOLLOW_UP).and_then(|tlv| FollowUp::parse(tlv.value))
            && self.raw.follow_ups.len() < bound
        {
            self.raw.follow_ups.insert(follow_up.seq, reply.error.to_unix_ns(follow_up.sent));
        }
    }

    /// A reply to a closing probe: the reflector's memory, its count, or the sign that it keeps none.
    fn take_closing(&mut self, reply: &Reply<'_>) {
        let closing = reply.probe_seq.wrapping_sub(self.session.packets + CLOSING_GAP);
        if closing >= CLOSING_GAP {
            return;
        }
        let summary =
            understood(reply, SUMMARY).and_then(|tlv| Summary::parse(tlv.value)).filter(|s| s.filled);
        match summary {
            Some(summary) => self.take_summary(&summary),
            None if reply.seq == reply.probe_seq => self.raw.far_side = FarSide::Stateless,
            None => {
                self.closing.counted.insert(closing, reply.seq);
            }
        }
        if summary.is_none() || self.memory_complete() {
            self.session.live.closed.store(1, Ordering::Relaxed);
        }
    }

    fn take_summary(&mut self, summary: &Summary<'_>) {
        let from = summary.from_seq as usize / 8;
        let wanted = self.bitmap_bytes();
        let bytes = summary.bitmap.iter().enumerate().map(|(at, byte)| (from + at, *byte));
        for (at, byte) in bytes.filter(|(at, _)| *at < wanted) {
            // A packet may still arrive between two closing probes: what was once received stays so.
            *self.closing.bitmap.entry(at).or_insert(0) |= byte;
        }
        self.raw.far_side = FarSide::Remembered(Remembered {
            received: summary.received,
            duplicates: summary.duplicates,
            reordered: summary.reordered,
            limited: summary.limited,
            replies: summary.replies,
            bitmap: Vec::new(),
        });
    }

    fn bitmap_bytes(&self) -> usize {
        (self.session.live.sent.load(Ordering::Relaxed) as usize).div_ceil(8)
    }

    fn memory_complete(&self) -> bool {
        self.closing.bitmap.len() >= self.bitmap_bytes()
    }

    fn into_raw(mut self, overflow: u32) -> RawRun {
        self.raw.overflow = u64::from(overflow.wrapping_sub(self.overflow_before));
        let complete = self.memory_complete();
        match &mut self.raw.far_side {
            FarSide::Remembered(memory) if complete => {
                memory.bitmap = self.closing.bitmap.into_values().collect()
            }
            FarSide::Remembered(_) => self.raw.far_side = FarSide::Silent,
            FarSide::Stateless | FarSide::Counted { .. } => {}
            FarSide::Silent => {
                if let Some((&closing, &number)) = self.closing.counted.first_key_value() {
                    // Closing probes before this one may or may not have been counted.
                    self.raw.far_side =
                        FarSide::Counted { low: number.saturating_sub(closing), high: number };
                }
            }
        }
        self.raw
    }
}

fn class_of_service(reply: &Reply<'_>) -> Option<ClassOfService> {
    understood(reply, CLASS_OF_SERVICE).and_then(|tlv| ClassOfService::parse(tlv.value))
}

/// An extension that the reflector says it has understood.
fn understood<'a>(reply: &Reply<'a>, kind: u8) -> Option<Tlv<'a>> {
    reply.tlvs().find(kind).filter(|tlv| tlv.flags & (UNRECOGNISED | MALFORMED) == 0)
}
