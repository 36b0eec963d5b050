//! The thread behind all relays: takes packets in, holds them, lets them go on time, and writes down the truth.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use crate::udp::batch::{Packet, RecvBatch, TxStamp};
use crate::udp::clock::{mono_ns, wall_minus_mono_ns, wall_ns};
use crate::udp::socket::{Socket, make_punctual, wait_readable};

use super::course::Course;
use super::impairment::Impairment;
use super::port::{PacketName, Port};
use super::truth::{DirectionTruth, Fate, PacketTruth, Truth};
use super::{RelaySpec, Way};

/// Priority asked for under SCHED_FIFO: above the threads that are measured through the relay.
const FIFO_PRIORITY: i32 = 30;
/// How long an idle thread waits before it looks for orders.
const LOOK_EVERY_NS: i64 = 25_000_000;
/// Clients of one relay at once; the one longest silent makes room.
const CLIENTS_MAX: usize = 64;
/// Packets held at once by all relays; further ones find the queue full.
const HELD_MAX: usize = 200_000;

/// What a handle may ask.
#[derive(Debug)]
pub(super) enum Order {
    Add(Box<RelaySpec>, Arc<Socket>, SyncSender<u64>),
    Impair(u64, Way, Impairment),
    Restart(u64),
    Truth(u64, SyncSender<Truth>),
    Remove(u64),
}

pub(super) struct Host {
    orders: Receiver<Order>,
    spin_ns: i64,
    next_relay: u64,
    relays: BTreeMap<u64, State>,
    ports: BTreeMap<u64, Port>,
    next_port: u64,
    held: BinaryHeap<Reverse<Held>>,
    next_held: u64,
    batch: RecvBatch,
}

/// One relay.
struct State {
    spec: RelaySpec,
    front: u64,
    backs: BTreeMap<SocketAddr, u64>,
    epoch: u32,
    to_target: Course,
    to_client: Course,
    truth: Truth,
}

/// A packet on its way, ordered by when it is due, then by when it came.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due_mono_ns: i64,
    number: u64,
    port: u64,
    to: SocketAddr,
    tos: u8,
    name: (u64, u32, Way, u64, bool),
    bytes: Vec<u8>,
}

impl State {
    fn new(spec: RelaySpec, front: u64) -> Self {
        let to_target = Course::new(spec.to_target, spec.seed, Way::ToTarget);
        let to_client = Course::new(spec.to_client, spec.seed, Way::ToClient);
        Self { spec, front, backs: BTreeMap::new(), epoch: 0, to_target, to_client, truth: Truth::default() }
    }

    fn course(&mut self, way: Way) -> &mut Course {
        match way {
            Way::ToTarget => &mut self.to_target,
            Way::ToClient => &mut self.to_client,
        }
    }

    fn truth(&mut self, way: Way) -> &mut DirectionTruth {
        match way {
            Way::ToTarget => &mut self.truth.to_target,
            Way::ToClient => &mut self.truth.to_client,
        }
    }

    fn restart(&mut self) {
        self.epoch += 1;
        self.truth = Truth::default();
        self.to_target = Course::new(self.to_target.impairment, self.spec.seed, Way::ToTarget);
        self.to_client = Course::new(self.to_client.impairment, self.spec.seed, Way::ToClient);
    }

    fn record(&mut self, way: Way, packet: PacketTruth) {
        let most = self.spec.truth_packets_max;
        let truth = self.truth(way);
        if truth.packets.len() < most {
            truth.packets.push(packet);
        } else {
            truth.beyond += 1;
        }
    }

    fn packet(&mut self, name: &PacketName) -> Option<&mut PacketTruth> {
        let current = name.epoch == self.epoch;
        self.truth(name.way).packets.get_mut(name.index as usize).filter(|_| current)
    }
}

impl Host {
    pub(super) fn new(orders: Receiver<Order>, spin_us: u32) -> Self {
        Self {
            orders,
            spin_ns: i64::from(spin_us) * 1000,
            next_relay: 0,
            relays: BTreeMap::new(),
            ports: BTreeMap::new(),
            next_port: 0,
            held: BinaryHeap::new(),
            next_held: 0,
            batch: RecvBatch::default(),
        }
    }

    pub(super) fn run(mut self) {
        make_punctual(Some(FIFO_PRIORITY));
        let mut ready = Vec::new();
        while self.take_orders() {
            let keys: Vec<u64> = self.ports.keys().copied().collect();
            let sockets: Vec<&Socket> = self.ports.values().map(|port| port.socket.as_ref()).collect();
            let wait_ns =
                self.held.peek().map_or(LOOK_EVERY_NS, |Reverse(h)| h.due_mono_ns - mono_ns() - self.spin_ns);
            if let Ok(1..) = wait_readable(&sockets, wait_ns.min(LOOK_EVERY_NS), &mut ready) {
                for (key, _) in keys.into_iter().zip(&ready).filter(|(_, ready)| **ready) {
                    self.drain(key);
                }
            }
            self.release();
        }
    }

    /// Carries out waiting orders. Gives whether to go on.
    fn take_orders(&mut self) -> bool {
        let wait = if self.ports.is_empty() { Duration::from_millis(500) } else { Duration::ZERO };
        let mut next = self.orders.recv_timeout(wait);
        loop {
            match next {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            next = self.orders.recv_timeout(Duration::ZERO);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Add(spec, socket, answer) => self.add(*spec, socket, &answer),
            Order::Impair(id, way, impairment) => {
                if let Some(state) = self.relays.get_mut(&id) {
                    state.course(way).impairment = impairment;
                }
            }
            Order::Restart(id) => {
                if let Some(state) = self.relays.get_mut(&id) {
                    state.restart();
                }
            }
            Order::Truth(id, answer) => {
                let ports = self.ports.iter().filter(|(_, port)| port.relay == id);
                let keys: Vec<u64> = ports.map(|(key, _)| *key).collect();
                keys.into_iter().for_each(|key| self.drain(key));
                // Whoever asked may have given up waiting.
                let _ = answer
                    .try_send(self.relays.get(&id).map(|state| state.truth.clone()).unwrap_or_default());
            }
            Order::Remove(id) => {
                self.relays.remove(&id);
                self.ports.retain(|_, port| port.relay != id);
            }
        }
    }

    fn add(&mut self, spec: RelaySpec, socket: Arc<Socket>, answer: &SyncSender<u64>) {
        let id = self.next_relay;
        self.next_relay += 1;
        let front = self.open(Port::new(id, socket, None, mono_ns()));
        self.relays.insert(id, State::new(spec, front));
        let _ = answer.try_send(id);
    }

    fn open(&mut self, port: Port) -> u64 {
        self.next_port += 1;
        self.ports.insert(self.next_port, port);
        self.next_port
    }

    /// Reads one socket empty and takes the stamps of what it sent.
    fn drain(&mut self, key: u64) {
        let Some(socket) = self.ports.get(&key).map(|port| Arc::clone(&port.socket)) else {
            return;
        };
        let mut batch = std::mem::take(&mut self.batch);
        while let Ok(1..) = socket.receive(&mut batch) {
            batch.packets().for_each(|packet| self.take_in(key, &packet));
        }
        let mut stamps = Vec::new();
        while let Ok(1..) = socket.collect_tx_stamps(&mut batch, &mut stamps) {}
        self.batch = batch;
        stamps.into_iter().for_each(|stamp| self.stamp(key, stamp));
    }

    fn stamp(&mut self, key: u64, stamp: TxStamp) {
        let Some(name) = self.ports.get_mut(&key).and_then(|port| port.claim(stamp)) else {
            return;
        };
        if let Some(packet) = self.relays.get_mut(&name.relay).and_then(|state| state.packet(&name))
            && !name.copy
        {
            packet.out_ns = Some(stamp.wall_ns);
        }
    }

    /// Decides about a packet and holds it.
    fn take_in(&mut self, key: u64, packet: &Packet<'_>) {
        let Some((relay, way, port, to)) = self.route(key, packet.from) else {
            return;
        };
        let full = self.held.len() >= HELD_MAX;
        let Some(state) = self.relays.get_mut(&relay) else {
            return;
        };
        let in_ns = packet.stamp_ns.unwrap_or_else(wall_ns);
        let course = state.course(way);
        let mut decision = course.decide(in_ns, packet.bytes.len());
        let tos = course.impairment.remark_dscp.map_or(packet.tos, |dscp| dscp << 2 | packet.tos & 3);
        if full && decision.fate == Fate::Delivered {
            decision.fate = Fate::QueueFull;
        }
        let delivered = decision.fate == Fate::Delivered;
        let extra_copies = u8::from(delivered && decision.doubled);
        let (due_ns, fate, bytes) = (decision.out_ns, decision.fate, packet.bytes.len() as u16);
        state.record(way, PacketTruth { in_ns, out_ns: None, due_ns, fate, extra_copies, bytes });
        let epoch = state.epoch;
        for copy in [false, true].into_iter().take(usize::from(delivered) + usize::from(extra_copies)) {
            let name = (relay, epoch, way, decision.index, copy);
            let due_mono_ns = due_ns - wall_minus_mono_ns();
            self.next_held += 1;
            let (number, bytes) = (self.next_held, packet.bytes.to_vec());
            self.held.push(Reverse(Held { due_mono_ns, number, port, to, tos, name, bytes }));
        }
    }

    /// Which relay, which way, through which socket and where to.
    fn route(&mut self, key: u64, from: SocketAddr) -> Option<(u64, Way, u64, SocketAddr)> {
        let port = self.ports.get_mut(&key)?;
        port.used_ns = mono_ns();
        let (relay, client) = (port.relay, port.client);
        let state = self.relays.get(&relay)?;
        let (target, front) = (state.spec.target, state.front);
        match client {
            // Only the target's own packets go back to the client.
            Some(client) => (from == target).then_some((relay, Way::ToClient, front, client)),
            None => Some((relay, Way::ToTarget, self.back_port(relay, from)?, target)),
        }
    }

    /// The socket that speaks to the target for one client.
    fn back_port(&mut self, relay: u64, client: SocketAddr) -> Option<u64> {
        let state = self.relays.get(&relay)?;
        if let Some(port) = state.backs.get(&client) {
            return Some(*port);
        }
        let socket = Socket::bind(SocketAddr::new(state.spec.listen.ip(), 0)).ok()?;
        if state.backs.len() >= CLIENTS_MAX {
            let silent = |port: &&u64| self.ports.get(port).map_or(0, |port| port.used_ns);
            let oldest = *state.backs.values().min_by_key(silent)?;
            self.ports.remove(&oldest);
            self.relays.get_mut(&relay)?.backs.retain(|_, port| *port != oldest);
        }
        let port = self.open(Port::new(relay, Arc::new(socket), Some(client), mono_ns()));
        self.relays.get_mut(&relay)?.backs.insert(client, port);
        Some(port)
    }

    /// Lets go what is due, waiting actively for what is due very soon.
    fn release(&mut self) {
        let mut touched = Vec::new();
        while let Some(Reverse(next)) = self.held.peek() {
            let mut now = mono_ns();
            if next.due_mono_ns - now > self.spin_ns {
                break;
            }
            while now < next.due_mono_ns {
                std::hint::spin_loop();
                now = mono_ns();
            }
            let Some(Reverse(held)) = self.held.pop() else {
                break;
            };
            let (relay, epoch, way, index, copy) = held.name;
            let name = PacketName { relay, epoch, way, index, copy };
            let Some(port) = self.ports.get_mut(&held.port) else {
                continue;
            };
            let full = port.push(name, held.to, held.tos, &held.bytes);
            touched.push(held.port);
            if full || self.spin_ns > 0 {
                self.flush(held.port);
            }
        }
        touched.into_iter().for_each(|key| self.flush(key));
    }

    fn flush(&mut self, key: u64) {
        let Some(flushed) = self.ports.get_mut(&key).map(Port::flush) else {
            return;
        };
        for name in flushed.left {
            let Some(state) = self.relays.get_mut(&name.relay) else {
                continue;
            };
            if state.packet(&name).is_some() {
                state.truth(name.way).left.push(name.index as u32);
            }
        }
        for name in flushed.refused {
            if let Some(packet) = self.relays.get_mut(&name.relay).and_then(|state| state.packet(&name)) {
                packet.fate = if name.copy { packet.fate } else { Fate::Unsent };
                packet.extra_copies = 0;
            }
        }
    }
}
