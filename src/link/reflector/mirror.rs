//! What the reflecting thread does with each packet.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::udp::batch::{Packet, SendBatch, TxStamp};
use crate::udp::clock::wall_ns;
use crate::udp::receiver::Inbox;
use crate::udp::socket::Socket;
use crate::wire::stamp::tlv::{CLASS_OF_SERVICE, ClassOfService, SUMMARY, Summary};
use crate::wire::stamp::{ErrorEstimate, Ntp, Probe, ReplyFacts, set_reply_sent, write_reply};

use super::admission::{Admission, SessionKey};
use super::network::Network;
use super::{Counters, ReflectorSettings};

/// Sent replies whose kernel time is awaited, per socket.
const AWAITING_MAX: usize = 4096;

/// What the rest of the program may ask of the thread.
#[derive(Debug)]
pub(super) enum Order {
    Allow(Vec<Network>),
}

pub(super) struct Mirror {
    allow: Vec<Network>,
    counters: Arc<Counters>,
    admission: Admission,
    lanes: HashMap<SocketAddr, Lane>,
}

/// Replies through one socket.
#[derive(Default)]
struct Lane {
    batch: SendBatch,
    waiting: Vec<(SessionKey, u32)>,
    next_id: u32,
    awaiting_stamp: VecDeque<(u32, SessionKey, u32)>,
}

impl Mirror {
    pub(super) fn new(settings: &ReflectorSettings, counters: Arc<Counters>) -> Self {
        Self {
            allow: settings.allow.clone(),
            counters,
            admission: Admission::new(settings.packets_per_second_max, settings.sessions_max),
            lanes: HashMap::new(),
        }
    }

    fn reflect(&mut self, local: SocketAddr, probe: &Probe<'_>, packet: &Packet<'_>) {
        let at_ns = packet.stamp_ns.unwrap_or_else(wall_ns);
        let closing = probe.tlvs().find(SUMMARY).and_then(|tlv| Summary::parse(tlv.value)).is_some();
        let Some(session) = self.admission.admit(packet.from, probe.ssid, at_ns) else {
            return add(&self.counters.limited);
        };
        let seq = if closing {
            session.next_number()
        } else {
            session.note(probe.seq);
            session.take_number()
        };
        let facts = ReplyFacts {
            seq,
            received: Ntp::from_unix_ns(at_ns),
            error: ErrorEstimate::UNSYNCHRONISED,
            ttl: packet.ttl,
            tos: packet.tos,
            follow_up: session.take_follow_up(),
            summary: closing.then(|| session.summary()),
        };
        let lane = self.lanes.entry(local).or_default();
        lane.batch.push(packet.from, reply_tos(probe, packet), |out| write_reply(probe, &facts, out));
        // The reply to a closing probe has no number of its own, so its time is of no use to anybody.
        lane.waiting.push(((packet.from, probe.ssid), if closing { u32::MAX } else { seq }));
    }
}

impl Inbox for Mirror {
    type Order = Order;

    fn order(&mut self, order: Order) {
        match order {
            Order::Allow(networks) => self.allow = networks,
        }
    }

    fn packet(&mut self, socket: &Arc<Socket>, packet: &Packet<'_>) {
        add(&self.counters.received);
        if !self.allow.iter().any(|network| network.contains(packet.from.ip())) {
            return add(&self.counters.refused);
        }
        match Probe::parse(packet.bytes) {
            Ok(probe) => self.reflect(socket.local_addr(), &probe, packet),
            Err(_) => add(&self.counters.malformed),
        }
    }

    fn batch_over(&mut self, socket: &Arc<Socket>) {
        if let Some(lane) = self.lanes.get_mut(&socket.local_addr()) {
            let sent = lane.flush(socket);
            self.counters.reflected.fetch_add(sent, Ordering::Relaxed);
        }
    }

    fn tx_stamps(&mut self, socket: &Arc<Socket>, stamps: &[TxStamp]) {
        let Some(lane) = self.lanes.get_mut(&socket.local_addr()) else {
            return;
        };
        for stamp in stamps {
            let Some(at) = lane.awaiting_stamp.iter().position(|(id, ..)| *id == stamp.id) else {
                continue;
            };
            if let Some((_, key, seq)) = lane.awaiting_stamp.drain(..=at).next_back()
                && seq != u32::MAX
                && let Some(session) = self.admission.session(&key)
            {
                session.note_left(seq, stamp.wall_ns);
            }
        }
    }

    fn expecting(&self) -> bool {
        true
    }
}

impl Lane {
    /// Sends the waiting replies, stamping each as late as possible. Gives how many left.
    fn flush(&mut self, socket: &Socket) -> u64 {
        for reply in self.batch.payloads_mut() {
            set_reply_sent(reply, Ntp::from_unix_ns(wall_ns()));
        }
        let (mut from, mut left) = (0, 0);
        while from < self.waiting.len() {
            let (sent, result) = socket.send(&self.batch, from);
            self.await_stamps(from, sent);
            (from, left) = (from + sent, left + sent as u64);
            if result.is_err() {
                // The failed reply is given up: its sender sees it as lost on the way back, which is what it is.
                from += 1;
                let _ = socket.restart_tx_ids();
                self.next_id = 0;
                self.awaiting_stamp.clear();
            }
        }
        self.batch.clear();
        self.waiting.clear();
        left
    }

    fn await_stamps(&mut self, from: usize, sent: usize) {
        for (key, seq) in &self.waiting[from..from + sent] {
            self.awaiting_stamp.push_back((self.next_id, *key, *seq));
            self.next_id = self.next_id.wrapping_add(1);
        }
        let excess = self.awaiting_stamp.len().saturating_sub(AWAITING_MAX);
        self.awaiting_stamp.drain(..excess);
    }
}

/// The class the sender asks for, or else the one it used; never its ECN bits.
fn reply_tos(probe: &Probe<'_>, packet: &Packet<'_>) -> u8 {
    let wanted = probe.tlvs().find(CLASS_OF_SERVICE).and_then(|tlv| ClassOfService::parse(tlv.value));
    wanted.map_or(packet.tos & !3, |class| class.wanted_dscp << 2)
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
