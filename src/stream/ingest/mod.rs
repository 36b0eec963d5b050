//! Receiving: opens what an order names and puts what arrives into the headers. Says why it cannot, and nothing else.

mod place;
mod udp;
mod rtsp;

use std::fmt;
use std::sync::Arc;

use retina::client::SessionGroup;

pub(super) use self::place::Place;
use self::rtsp::RtspIngest;
use self::udp::UdpIngest;
use super::clock::StreamClock;
use super::headers::{Begin, Headers};
use super::liveness::Failure;

/// Everything that opening a stream takes.
pub(super) struct Door {
    /// Where.
    pub(super) place: Place,
    /// Stamps what arrives.
    pub(super) clock: StreamClock,
    /// RTSP sessions of this stream that are not yet closed at their server.
    pub(super) sessions: Arc<SessionGroup>,
}

/// An open receiver of one stream.
#[derive(Debug)]
pub(super) enum Ingest {
    /// Sockets of our own.
    Udp(Box<UdpIngest>),
    /// An RTSP session.
    Rtsp(Box<RtspIngest>),
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
        }
    }

    /// Waits until something arrived, and puts it into the headers. May be dropped while it waits.
    pub(super) async fn receive(&mut self, headers: &mut Headers) -> Result<(), Failure> {
        match self {
            Self::Udp(udp) => udp.receive(headers).await,
            Self::Rtsp(rtsp) => rtsp.receive(headers).await,
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("place", &self.place).finish_non_exhaustive()
    }
}
