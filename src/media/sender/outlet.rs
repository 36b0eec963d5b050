//! Where a stream goes: RTP over UDP, a transport stream over UDP with or without RTP, or a bounded channel to
//! whoever carries it further. An outlet that does not take a packet loses it; nobody waits.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;

use super::impairment::TrackKind;
use super::packed::Packed;
use crate::wire::coding::Coding;
use crate::wire::rtp::HEAD_BYTES;
use crate::wire::ts::{Mux, MuxUnit, PACKET_BYTES};

/// Transport packets per datagram: what an Ethernet frame carries.
const TS_PER_DATAGRAM: usize = 7;
/// Tables of a transport stream are repeated after so many nanoseconds.
const TABLES_EVERY_NS: u64 = 200_000_000;
/// Payload type of a transport stream in RTP (RFC 3551).
const TS_TYPE: u8 = 33;
/// Room for a burst of packets in the socket.
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Where a stream goes.
#[derive(Debug)]
pub enum Outlet {
    /// RTP over UDP, RTCP beside it.
    Rtp(RtpOutlet),
    /// A transport stream.
    Ts(TsOutlet),
    /// Packets for somebody in this process, whole units at a time.
    Tap(mpsc::Sender<TapUnit>),
}

/// The packets of one unit, or one report.
#[derive(Debug, Clone)]
pub struct TapUnit {
    /// Of which track.
    pub track: TrackKind,
    /// Whether it is RTCP.
    pub rtcp: bool,
    /// Whether decoding can begin here.
    pub key: bool,
    /// RTP or RTCP packets.
    pub packets: Vec<Bytes>,
}

/// RTP over UDP.
#[derive(Debug)]
pub struct RtpOutlet {
    socket: UdpSocket,
    /// Where RTP and RTCP of each track go.
    video: Option<[SocketAddr; 2]>,
    audio: Option<[SocketAddr; 2]>,
    /// Whether RTCP is sent.
    reports: bool,
}

/// MPEG-TS over UDP.
#[derive(Debug)]
pub struct TsOutlet {
    socket: UdpSocket,
    to: SocketAddr,
    mux: Option<Mux>,
    tracks: Vec<TrackKind>,
    waiting: Vec<u8>,
    tables_at_ns: u64,
    rtp: Option<RtpHead>,
}

/// What stands before a transport stream in RTP.
#[derive(Debug, Clone, Copy)]
struct RtpHead {
    ssrc: u32,
    sequence: u16,
}

impl RtpOutlet {
    /// Sends pictures and sound to these ports, RTCP to the next higher ones (RFC 3550 §11). Both tracks may share a
    /// port: their payload types differ. Multicast leaves by the interface of `multicast_from`.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn new(
        video: Option<SocketAddr>,
        audio: Option<SocketAddr>,
        multicast_from: Ipv4Addr,
    ) -> io::Result<Self> {
        let with_rtcp = |to: SocketAddr| [to, SocketAddr::new(to.ip(), to.port().saturating_add(1))];
        let any = video.or(audio).ok_or(io::ErrorKind::InvalidInput)?;
        let socket = socket(any, multicast_from)?;
        Ok(Self { socket, video: video.map(with_rtcp), audio: audio.map(with_rtcp), reports: true })
    }

    /// Sends from a socket that exists, RTP and RTCP of each track to where they are wanted.
    ///
    /// # Errors
    /// When the socket cannot be made not to wait.
    pub fn from_socket(
        socket: UdpSocket,
        video: Option<[SocketAddr; 2]>,
        audio: Option<[SocketAddr; 2]>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, video, audio, reports: true })
    }

    /// Sends sound from a socket that exists, and no RTCP: for a far side that has no port for it.
    ///
    /// # Errors
    /// When the socket cannot be made not to wait.
    pub fn without_reports(socket: UdpSocket, to: SocketAddr) -> io::Result<Self> {
        Ok(Self { reports: false, ..Self::from_socket(socket, None, Some([to, to]))? })
    }

    /// Sends one packet; whether it left. A track without address is nobody's loss.
    pub(super) fn send(&self, track: TrackKind, rtcp: bool, packet: &[u8]) -> bool {
        if rtcp && !self.reports {
            return true;
        }
        let to = match track {
            TrackKind::Video => self.video,
            TrackKind::Audio => self.audio,
        };
        to.is_none_or(|to| self.socket.send_to(packet, to[usize::from(rtcp)]).is_ok())
    }
}

impl TsOutlet {
    /// Sends a transport stream there, in RTP (RFC 2250) if `rtp` names a source.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub fn new(to: SocketAddr, rtp: Option<u32>, multicast_from: Ipv4Addr) -> io::Result<Self> {
        let socket = socket(to, multicast_from)?;
        let rtp = rtp.map(|ssrc| RtpHead { ssrc, sequence: ssrc as u16 });
        let (tracks, waiting) = (Vec::new(), Vec::new());
        Ok(Self { socket, to, mux: None, tracks, waiting, tables_at_ns: 0, rtp })
    }

    /// Names the tracks; to be called before the first unit and whenever their codings change.
    pub(super) fn tune(&mut self, tracks: &[(TrackKind, &Packed)]) {
        let codings: Vec<Coding> = tracks.iter().map(|(_, packed)| packed.coding.clone()).collect();
        self.mux = Some(Mux::new(&codings));
        self.tracks = tracks.iter().map(|(kind, _)| *kind).collect();
        self.tables_at_ns = 0;
    }

    /// Sends one unit; how many datagrams did not leave. `pass` may change or refuse each datagram.
    pub(super) fn unit(
        &mut self,
        (track, key): (TrackKind, bool),
        shown_ns: u64,
        unit: &[u8],
        mut pass: impl FnMut(&mut Vec<u8>) -> bool,
    ) -> u64 {
        let Some(at) = self.tracks.iter().position(|kind| *kind == track) else { return 0 };
        let Some(mux) = &mut self.mux else { return 0 };
        if shown_ns >= self.tables_at_ns {
            mux.tables(&mut self.waiting);
            self.tables_at_ns = shown_ns + TABLES_EVERY_NS;
        }
        let ticks = shown_ns * 9 / 100_000;
        let unit = MuxUnit { pts: ticks, dts: None, data: unit, random_access: key };
        mux.unit(at, &unit, &mut self.waiting);
        self.flush(ticks as u32, &mut pass)
    }

    fn flush(&mut self, ticks: u32, pass: &mut impl FnMut(&mut Vec<u8>) -> bool) -> u64 {
        let waiting = std::mem::take(&mut self.waiting);
        let mut refused = 0;
        for packets in waiting.chunks(TS_PER_DATAGRAM * PACKET_BYTES) {
            let mut datagram = Vec::with_capacity(HEAD_BYTES + packets.len());
            if let Some(head) = &mut self.rtp {
                head.write(ticks, &mut datagram);
            }
            datagram.extend_from_slice(packets);
            if pass(&mut datagram) && self.socket.send_to(&datagram, self.to).is_err() {
                refused += 1;
            }
        }
        self.waiting = waiting;
        self.waiting.clear();
        refused
    }
}

impl RtpHead {
    fn write(&mut self, ticks: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x80, TS_TYPE]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&ticks.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
    }
}

/// An unbound socket that never waits and can send to this address.
fn socket(to: SocketAddr, multicast_from: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM, Some(Protocol::UDP))?;
    if to.is_ipv4() && to.ip().is_multicast() {
        socket.set_multicast_if_v4(&multicast_from)?;
        socket.set_multicast_loop_v4(true)?;
    }
    // As much as the system allows is enough.
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
