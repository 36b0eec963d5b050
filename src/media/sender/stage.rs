//! The thread behind all senders: waits for the next deadline or order, and lets units go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use super::impairment::{Impairment, TrackKind};
use super::outlet::Outlet;
use super::packed::Packed;
use super::stream::Stream;
use super::track::{Entry, NS_PER_S, Told};
use super::{Renaming, StreamSpec, Tally};

/// Longest sleep: an idle thread wakes as often as that.
const IDLE: Duration = Duration::from_millis(500);

/// What a handle may ask.
#[derive(Debug)]
pub(super) enum Order {
    Add(u64, Box<StreamSpec>, Arc<Tally>),
    Play(u64, Arc<Packed>, Entry, Told),
    Impair(u64, Impairment, Told),
    Rename(u64, Renaming, Told),
    Outlet(u64, Box<Outlet>),
    Remove(u64),
}

pub(super) struct Stage {
    orders: Receiver<Order>,
    streams: BTreeMap<u64, Stream>,
    /// By when they are due; one entry per track of each stream.
    due: BinaryHeap<Reverse<(u64, u64, TrackKind)>>,
    began: Instant,
}

impl Stage {
    pub(super) fn new(orders: Receiver<Order>) -> Self {
        Self { orders, streams: BTreeMap::new(), due: BinaryHeap::new(), began: Instant::now() }
    }

    /// Until the last handle is gone.
    pub(super) fn run(mut self) {
        loop {
            let wait = self.wait();
            let order = if wait.is_zero() {
                self.orders.try_recv().map_err(|error| error == TryRecvError::Disconnected)
            } else {
                self.orders.recv_timeout(wait).map_err(|error| error == RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(order) => self.carry_out(order),
                Err(true) => return,
                Err(false) => {}
            }
            self.let_go();
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn wait(&self) -> Duration {
        let next = self.due.peek().map_or(u64::MAX, |Reverse((at, _, _))| *at);
        Duration::from_nanos(next.saturating_sub(self.now_ns())).min(IDLE)
    }

    /// Sends everything that is due.
    fn let_go(&mut self) {
        while let Some(Reverse((at, id, kind))) = self.due.peek().copied() {
            let now = self.now_ns();
            if at > now {
                return;
            }
            self.due.pop();
            if let Some(next) = self.streams.get_mut(&id).and_then(|stream| stream.send(kind, at, now)) {
                self.due.push(Reverse((next, id, kind)));
            }
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Add(id, spec, tally) => self.add(id, *spec, tally),
            Order::Play(id, packed, entry, told) => {
                self.with(id, |stream| stream.play(packed, entry, told));
            }
            Order::Impair(id, what, told) => self.with(id, |stream| stream.impair(what, told)),
            Order::Rename(id, how, told) => self.with(id, |stream| stream.rename(how, told)),
            Order::Outlet(id, outlet) => self.with(id, |stream| stream.add_outlet(*outlet)),
            Order::Remove(id) => drop(self.streams.remove(&id)),
        }
    }

    fn add(&mut self, id: u64, spec: StreamSpec, tally: Arc<Tally>) {
        let phase = u64::try_from(spec.phase.as_nanos()).unwrap_or(NS_PER_S);
        let stream = Stream::new(spec, tally, self.now_ns() + phase);
        self.due.extend(stream.first_due().map(|(at, kind)| Reverse((at, id, kind))));
        self.streams.insert(id, stream);
    }

    fn with(&mut self, id: u64, change: impl FnOnce(&mut Stream)) {
        if let Some(stream) = self.streams.get_mut(&id) {
            change(stream);
        }
    }
}

impl Tally {
    /// One unit left so late.
    pub(super) fn unit(&self, late: Duration, tolerance: Duration) {
        self.units.fetch_add(1, Ordering::Relaxed);
        self.late.fetch_add(u64::from(late > tolerance), Ordering::Relaxed);
        self.late_max_us.fetch_max(u64::try_from(late.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn packets(&self, sent: u64, refused: u64) {
        self.packets.fetch_add(sent, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }
}
