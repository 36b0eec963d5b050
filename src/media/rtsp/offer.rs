//! What one player has been offered: its tracks, how each travels, and the packets on their way to it.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::request::Transport;
use super::{Mount, describe};
use crate::media::sender::NotDone;
use crate::media::sender::impairment::TrackKind;
use crate::media::sender::outlet::{Outlet, TapUnit};

/// Units that may wait for a player, over a second of a stream; a slower player loses what comes then.
const UNITS_MAX: usize = 128;
/// How long PLAY waits for the first packets, whose numbers its answer names.
const FIRST_WAIT: Duration = Duration::from_millis(300);

/// One player's session.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) mount: Mount,
    pub(super) path: String,
    routes: Vec<(TrackKind, Route)>,
    units: Option<mpsc::Receiver<TapUnit>>,
    /// Units that came while PLAY was answered.
    early: Vec<TapUnit>,
}

/// How a track travels to this player.
#[derive(Debug)]
enum Route {
    Interleaved { rtp: u8, rtcp: u8 },
    Udp { sockets: [UdpSocket; 2], to: [SocketAddr; 2] },
}

impl Offer {
    pub(super) fn new(mount: Mount, path: String) -> Self {
        Self { mount, path, routes: Vec::new(), units: None, early: Vec::new() }
    }

    /// The track of this name, if the mount has it.
    pub(super) fn track(&self, name: &str) -> Option<TrackKind> {
        let mut kinds = self.mount.tracks.iter().map(|packed| packed.kind());
        kinds.find(|kind| describe::control(*kind) == name)
    }

    /// Sets a track up; gives what the answer's `Transport` says.
    pub(super) async fn set_up(
        &mut self,
        track: TrackKind,
        transport: Transport,
        (local, peer): (IpAddr, IpAddr),
    ) -> io::Result<String> {
        let (route, said) = match transport {
            Transport::Interleaved { rtp, rtcp } => {
                (Route::Interleaved { rtp, rtcp }, format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"))
            }
            Transport::Udp { rtp, rtcp } => {
                let sockets = pair(local).await?;
                let (own_rtp, own_rtcp) = (sockets[0].local_addr()?.port(), sockets[1].local_addr()?.port());
                let said =
                    format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={own_rtp}-{own_rtcp}");
                let to = [SocketAddr::new(peer, rtp), SocketAddr::new(peer, rtcp)];
                (Route::Udp { sockets, to }, said)
            }
        };
        self.routes.retain(|(kind, _)| *kind != track);
        self.routes.push((track, route));
        Ok(said)
    }

    pub(super) fn is_set_up(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Begins; gives what the answer's `RTP-Info` says of the tracks whose first packets have come.
    pub(super) async fn play(&mut self, base: &str) -> Result<String, NotDone> {
        let (tap, mut units) = mpsc::channel(UNITS_MAX);
        self.mount.sender.add_outlet(Outlet::Tap(tap))?;
        let limit = Instant::now() + FIRST_WAIT;
        let mut first: Vec<(TrackKind, Arc<[u8; 8]>)> = Vec::new();
        self.early.clear();
        while first.len() < self.routes.len() {
            let Ok(Some(unit)) = timeout_at(limit, units.recv()).await else { break };
            let known = unit.rtcp || first.iter().any(|(track, _)| *track == unit.track);
            if let Some(head) =
                unit.packets.first().and_then(|packet| packet.first_chunk()).filter(|_| !known)
            {
                first.push((unit.track, Arc::new(*head)));
            }
            self.early.push(unit);
        }
        self.units = Some(units);
        Ok(rtp_info(base, &first))
    }

    /// The next unit for this player; for ever waiting while it does not play.
    pub(super) async fn next(&mut self) -> Option<TapUnit> {
        if !self.early.is_empty() {
            return Some(self.early.remove(0));
        }
        match &mut self.units {
            Some(units) => units.recv().await,
            None => std::future::pending().await,
        }
    }

    /// Sends a unit by UDP, or appends it to what is written into the connection.
    pub(super) async fn carry(&self, unit: &TapUnit, connection: &mut Vec<u8>) {
        let Some((_, route)) = self.routes.iter().find(|(track, _)| *track == unit.track) else { return };
        let which = usize::from(unit.rtcp);
        for packet in &unit.packets {
            match route {
                Route::Interleaved { rtp, rtcp } => {
                    connection.extend_from_slice(&[b'$', [*rtp, *rtcp][which]]);
                    connection.extend_from_slice(&(packet.len() as u16).to_be_bytes());
                    connection.extend_from_slice(packet);
                }
                Route::Udp { sockets, to } => {
                    // A player that no longer listens ends its connection soon.
                    let _ = sockets[which].send_to(packet, to[which]).await;
                }
            }
        }
    }
}

/// RFC 2326 §12.33.
fn rtp_info(base: &str, first: &[(TrackKind, Arc<[u8; 8]>)]) -> String {
    let mut info = String::new();
    for (track, head) in first {
        let sequence = u16::from_be_bytes([head[2], head[3]]);
        let timestamp = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let comma = if info.is_empty() { "" } else { "," };
        let control = describe::control(*track);
        let _ = write!(info, "{comma}url={base}/{control};seq={sequence};rtptime={timestamp}");
    }
    info
}

/// Two ports side by side, the lower one even (RFC 3550 §11).
async fn pair(local: IpAddr) -> io::Result<[UdpSocket; 2]> {
    for _ in 0..64 {
        let first = UdpSocket::bind((local, 0)).await?;
        let port = first.local_addr()?.port();
        if port % 2 == 0
            && let Ok(second) = UdpSocket::bind((local, port + 1)).await
        {
            return Ok([first, second]);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
