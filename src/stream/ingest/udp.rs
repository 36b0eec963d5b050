//! Sockets of our own: RTP and MPEG-TS over UDP. Read each 20 ms instead of at each packet: the kernel stamps arrivals,
//! so nothing is measured worse, and a wake-up per packet is what receiving would cost most.

use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::place::{RtpPlace, UdpPlace};
use crate::domain::time::{Mono, Now};
use crate::observation::BlindWhy;
use crate::stream::clock::StreamClock;
use crate::stream::headers::Headers;
use crate::stream::liveness::Failure;
use crate::udp::batch::{BATCH, PACKET_BYTES_MAX, RecvBatch};
use crate::udp::socket::Socket;

/// Distance of two readings. All streams of a process are read at the same moments, so that it wakes once for all.
const READ_EVERY: Duration = Duration::from_millis(20);

/// RTCP is read at each so manieth reading.
const CONTROL_EVERY: u32 = 10;

/// Most batches of one socket at one reading: a flood waits for the next one, and the kernel counts what it drops.
const BATCHES_MAX: usize = 16;

thread_local! {
    /// Room for one reading, which never spans a wait: one per thread instead of 150 KB per stream.
    static ROOM: RefCell<RecvBatch> = RefCell::default();
}

/// Sockets of one stream.
#[derive(Debug)]
pub(in crate::stream) struct UdpIngest {
    media: Vec<Socket>,
    /// RTCP of each, one port higher, where that could be had.
    control: Vec<Socket>,
    carries: Carries,
    clock: StreamClock,
    readings: Interval,
    reading: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Rtp,
    Transport,
}

impl UdpIngest {
    pub(super) fn open_rtp(place: &RtpPlace, clock: StreamClock) -> Result<Self, Failure> {
        Self::open(&place.udp, Carries::Rtp, clock)
    }

    pub(super) fn open_transport(place: &UdpPlace, clock: StreamClock) -> Result<Self, Failure> {
        Self::open(place, Carries::Transport, clock)
    }

    fn open(place: &UdpPlace, carries: Carries, clock: StreamClock) -> Result<Self, Failure> {
        let open = |at: &SocketAddr| bind(*at, place.multicast_at);
        let media: Result<Vec<Socket>, _> = place.at.iter().map(open).collect();
        let media = media.map_err(|error| {
            tracing::warn!(%error, at = ?place.at, "a stream's socket cannot be opened");
            Failure::Blind(BlindWhy::NoSocket)
        })?;
        let above = |at: &SocketAddr| Some(SocketAddr::new(at.ip(), at.port().checked_add(1)?));
        let control = match carries {
            Carries::Rtp => place.at.iter().filter_map(above).filter(|at| !place.at.contains(at)),
            Carries::Transport => return Ok(Self::with(media, Vec::new(), carries, clock)),
        };
        let control = control.filter_map(|at| bind(at, place.multicast_at).ok()).collect();
        Ok(Self::with(media, control, carries, clock))
    }

    fn with(media: Vec<Socket>, control: Vec<Socket>, carries: Carries, clock: StreamClock) -> Self {
        Self { media, control, carries, clock, readings: readings(clock), reading: 0 }
    }

    /// Waits for the next reading.
    pub(super) async fn receive(&mut self, headers: &mut Headers) -> Result<(), Failure> {
        self.readings.tick().await;
        let now = self.clock.now();
        self.reading = self.reading.wrapping_add(1);
        ROOM.with_borrow_mut(|room| {
            for (port, socket) in self.media.iter().enumerate() {
                read(socket, room, now, |bytes, at| match self.carries {
                    Carries::Rtp => headers.rtp(port, bytes, at),
                    Carries::Transport => headers.transport(bytes, at),
                })?;
            }
            if self.reading.is_multiple_of(CONTROL_EVERY) {
                for socket in &self.control {
                    read(socket, room, now, |bytes, _| headers.rtcp(bytes))?;
                }
            }
            Ok(())
        })
    }
}

/// Ticks at the same moments for every stream of the clock.
fn readings(clock: StreamClock) -> Interval {
    let period = READ_EVERY.as_micros();
    let passed = clock.origin().elapsed().as_micros();
    let next = u64::try_from((passed / period + 1) * period).unwrap_or(u64::MAX);
    let mut readings =
        interval_at(Instant::from_std(clock.origin()) + Duration::from_micros(next), READ_EVERY);
    readings.set_missed_tick_behavior(MissedTickBehavior::Skip);
    readings
}

/// A group is joined; an address that is not ours, as the one in a description written for somebody else, is received
/// at any of ours.
fn bind(at: SocketAddr, multicast_at: Ipv4Addr) -> std::io::Result<Socket> {
    if at.ip().is_multicast() {
        return Socket::join(at, multicast_at);
    }
    match Socket::bind(at) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
            let any = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            Socket::bind(SocketAddr::new(any, at.port()))
        }
        other => other,
    }
}

fn read(
    socket: &Socket,
    room: &mut RecvBatch,
    now: Now,
    mut take: impl FnMut(&[u8], Mono),
) -> Result<(), Failure> {
    for _ in 0..BATCHES_MAX {
        let count = socket.receive(room).map_err(|_| Failure::Blind(BlindWhy::NoSocket))?;
        // A packet that fills its room was cut.
        for packet in room.packets().filter(|packet| packet.bytes.len() < PACKET_BYTES_MAX) {
            take(packet.bytes, arrival(packet.stamp_ns, now));
        }
        if count < BATCH {
            break;
        }
    }
    Ok(())
}

/// The kernel's stamp on the monotonic axis. A stamp that cannot be right, as after a step of the wall clock, is now.
fn arrival(stamp_ns: Option<i64>, now: Now) -> Mono {
    const WAITED_MAX_US: i64 = 2_000_000;
    let waited_us = stamp_ns.map_or(0, |stamp_ns| now.utc.0 - stamp_ns / 1000);
    let plausible = (0..=WAITED_MAX_US).contains(&waited_us);
    Mono(now.mono.0.saturating_sub(if plausible { waited_us.unsigned_abs() } else { 0 }))
}
