//! The sockets of one medium: receives, accounts, and reports to the far side, until its call ends.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::tally::Tally;
use crate::domain::time::{Mono, Utc};
use crate::wire::rtcp;

/// Tries to find a pair of ports.
const TRIES: usize = 64;
/// Room for a datagram.
const DATAGRAM_BYTES: usize = 2_048;
/// Distance of our own reports.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// A pair of ports for one medium: RTP on the even one, RTCP above it (RFC 3550 §11).
#[derive(Debug)]
pub(super) struct Sockets {
    rtp: StdSocket,
    rtcp: StdSocket,
}

impl Sockets {
    /// Opens a pair.
    pub(super) fn open(own: IpAddr) -> io::Result<Self> {
        for _ in 0..TRIES {
            let rtp = StdSocket::bind((own, 0))?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            if let Ok(rtcp) = StdSocket::bind((own, port + 1)) {
                rtp.set_nonblocking(true)?;
                rtcp.set_nonblocking(true)?;
                return Ok(Self { rtp, rtcp });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Port of RTP.
    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.rtp.local_addr()?.port())
    }

    /// Where RTP is received.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.rtp.local_addr()
    }

    /// The socket from which our own packets leave: the one whose port was described.
    pub(super) fn outgoing(&self) -> io::Result<StdSocket> {
        self.rtp.try_clone()
    }

    /// Receives until it is dropped, and reports to the far side where that takes reports.
    pub(super) async fn hear(
        self,
        tally: Shared,
        far_rtcp: Option<SocketAddr>,
        clock: Clock,
    ) -> io::Result<()> {
        let (rtp, rtcp) = (UdpSocket::from_std(self.rtp)?, UdpSocket::from_std(self.rtcp)?);
        let (mut media, mut control) = (vec![0; DATAGRAM_BYTES], vec![0; DATAGRAM_BYTES]);
        let mut reports = interval_at(Instant::now() + REPORT_EVERY, REPORT_EVERY);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ssrc = rand::random();
        loop {
            // An error is the echo of a closed far port; the next datagram may be one again.
            tokio::select! {
                Ok((length, from)) = rtp.recv_from(&mut media) => {
                    tally.with(|tally| tally.take(&media[..length], from, clock.now()));
                }
                Ok((length, from)) = rtcp.recv_from(&mut control) => {
                    tally.with(|tally| tally.take(&control[..length], from, clock.now()));
                }
                _ = reports.tick() => {
                    let Some(far_rtcp) = far_rtcp else { continue };
                    let block = tally.with(|tally| tally.block(clock.now().0));
                    let mut report = Vec::new();
                    rtcp::write_receiver_report(ssrc, block.as_slice(), &mut report);
                    // A report that does not leave is followed by another.
                    let _ = rtcp.send_to(&report, far_rtcp).await;
                }
            }
        }
    }
}

/// A tally that the ear fills and the scorer reads.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Tally>>);

impl Shared {
    pub(super) fn new(tally: Tally) -> Self {
        Self(Arc::new(Mutex::new(tally)))
    }

    pub(super) fn with<T>(&self, with: impl FnOnce(&mut Tally) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The clocks of one probe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { began: Instant::now() }
    }

    pub(super) fn now(self) -> (Mono, Utc) {
        let mono = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (Mono(mono), Utc(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)))
    }
}
