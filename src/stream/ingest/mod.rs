//! Receiving: opens what an order names and puts what arrives into the headers. Says why it cannot, and nothing else.

mod place;
mod udp;
mod rtsp;
mod fetch;

use std::fmt;
use std::sync::Arc;

use retina::client::SessionGroup;

use self::fetch::FetchIngest;
pub(super) use self::place::Place;
use self::rtsp::RtspIngest;
use self::udp::UdpIngest;
use super::clock::StreamClock;
use super::headers::{Begin, Headers};
use super::liveness::Failure;
use crate::worker::pool::Pool;

/// Everything that opening a stream takes.
pub(super) struct Door {
    /// Where.
    pub(super) place: Place,
    /// Stamps what arrives.
    pub(super) clock: StreamClock,
    /// RTSP sessions of this stream that are not yet closed at their server.
    pub(super) sessions: Arc<SessionGroup>,
    /// Receives what foreign code must; without one such streams are not watched.
    pub(super) pool: Option<Pool>,
}

/// An open receiver of one stream.
#[derive(Debug)]
pub(super) enum Ingest {
    /// Sockets of our own.
    Udp(Box<UdpIngest>),
    /// An RTSP session.
    Rtsp(Box<RtspIngest>),
    /// A worker's session.
    Fetch(Box<FetchIngest>),
}

impl Ingest {
    /// Opens a receiver. Takes as long as the other side makes it take: the caller limits it.
    pub(super) async fn open(door: Arc<Door>) -> Result<(Self, Begin), Failure> {
        let clock = door.clock;
        match &door.place {
            Place::Rtp(rtp) => {
                let udp = UdpIngest::open_rtp(rtp, clock)?;
                let begin = Begin::Rtp { tracks: rtp.tracks.clone(), keeps_order: false };
                Ok((Self::Udp(Box::new(udp)), begin))
            }
            Place::Transport(transport) => {
                let udp = UdpIngest::open_transport(transport, clock)?;
                Ok((Self::Udp(Box::new(udp)), Begin::Transport))
            }
            Place::Rtsp(server) => {
                let (rtsp, begin) = RtspIngest::open(server, &door.sessions, clock).await?;
                Ok((Self::Rtsp(Box::new(rtsp)), begin))
            }
            Place::Fetch(server) => {
                let (fetch, begin) = FetchIngest::open(server, door.pool.as_ref(), clock).await?;
                Ok((Self::Fetch(Box::new(fetch)), begin))
            }
        }
    }

    /// Waits until something arrived, and puts it into the headers. May be dropped while it waits.
    pub(super) async fn receive(&mut self, headers: &mut Headers) -> Result<(), Failure> {
        match self {
            Self::Udp(udp) => udp.receive(headers).await,
            Self::Rtsp(rtsp) => rtsp.receive(headers).await,
            Self::Fetch(fetch) => fetch.receive(headers).await,
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("place", &self.place).finish_non_exhaustive()
    }
}
