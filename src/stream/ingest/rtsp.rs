//! RTSP: the session is retina's, packets are ours from there on, so that every track of every protocol is accounted
//! for in one way.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use retina::client::{
    Credentials, Described, InitialSequenceNumberPolicy, InitialTimestampPolicy, PacketItem, PlayOptions,
    Playing, Session, SessionGroup, SessionOptions, SetupOptions, TcpTransportOptions, Transport,
    UdpTransportOptions, UnknownRtcpSsrcPolicy,
};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::place::{RtspPlace, readable, tracks_of};
use crate::domain::time::Span;
use crate::observation::DownWhy;
use crate::stream::clock::StreamClock;
use crate::stream::headers::{Begin, Headers, TrackSpec};
use crate::stream::liveness::Failure;
use crate::wire::coding::Coding;
use crate::wire::sdp::{self, MediaKind};

/// Default port (RFC 2326).
const PORT: u16 = 554;

/// Longest wait for the answer to "why does it not answer".
const ASK_WHY: Duration = Duration::from_millis(500);

/// Longest wait for farewells of sessions before this one.
const FAREWELLS: Duration = Duration::from_millis(300);

/// Errors in packets after which the session is given up, and within which time.
const ERRORS_MAX: u32 = 8;
const ERRORS_WITHIN: Span = Span::seconds(1);

/// Packets taken at once before others get their turn.
const AT_ONCE: usize = 64;

/// A session that plays.
pub(in crate::stream) struct RtspIngest {
    session: Session<Playing>,
    clock: StreamClock,
    errors: u32,
    errors_since: crate::domain::time::Mono,
}

impl std::fmt::Debug for RtspIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtspIngest").field("errors", &self.errors).finish_non_exhaustive()
    }
}

impl RtspIngest {
    /// DESCRIBE, SETUP of one track of pictures and one of sound, PLAY.
    pub(super) async fn open(
        place: &RtspPlace,
        group: &Arc<SessionGroup>,
        clock: StreamClock,
    ) -> Result<(Self, Begin), Failure> {
        // A server that still serves a session of ours may refuse another; it gets a moment, not more.
        let _ = timeout(FAREWELLS, group.await_stale_sessions(&group.stale_sessions())).await;
        let options =
            SessionOptions::default()
                .creds(place.credential.as_ref().map(|known| Credentials {
                    username: known.user.clone(),
                    password: known.password.clone(),
                }))
                .user_agent("vcops".to_owned())
                .session_group(group.clone());
        let session = match Session::describe(place.url.clone(), options).await {
            Ok(session) => session,
            Err(error) => return Err(refused(place, &error).await),
        };
        let tracks = choose(&session, place.wants_pictures)?;
        let playing = play(session, place, &tracks).await.map_err(|error| Failure::Down(why(&error)))?;
        let errors_since = clock.now().mono;
        let ingest = Self { session: playing, clock, errors: 0, errors_since };
        Ok((ingest, Begin::Rtp { tracks, keeps_order: true }))
    }

    /// Waits for packets, then takes all that have come.
    pub(super) async fn receive(&mut self, headers: &mut Headers) -> Result<(), Failure> {
        let mut next = Some(self.session.next().await);
        for _ in 0..AT_ONCE {
            match next {
                None => return Ok(()),
                Some(None) => return Err(Failure::Down(DownWhy::Closed)),
                Some(Some(Ok(packet))) => self.take(&packet, headers),
                Some(Some(Err(error))) => self.note_error(&error)?,
            }
            // What has come already is taken without another wake-up.
            next = self.session.next().now_or_never();
        }
        // The one that was taken out and not looked at.
        match next {
            Some(Some(Ok(packet))) => self.take(&packet, headers),
            Some(Some(Err(error))) => self.note_error(&error)?,
            Some(None) => return Err(Failure::Down(DownWhy::Closed)),
            None => {}
        }
        Ok(())
    }

    fn take(&self, packet: &PacketItem, headers: &mut Headers) {
        match packet {
            PacketItem::Rtp(packet) => {
                let at = self.clock.mono(packet.ctx().received());
                headers.rtp(packet.stream_id(), packet.raw(), at);
            }
            PacketItem::Rtcp(packet) => headers.rtcp(packet.raw()),
            _ => {}
        }
    }

    /// A bad packet does not end a session, a connection that broke does; many bad packets do as well, as after a
    /// change of SSRC, which a new session accepts.
    fn note_error(&mut self, error: &retina::Error) -> Result<(), Failure> {
        let now = self.clock.now().mono;
        if now.since(self.errors_since) > ERRORS_WITHIN {
            self.errors = 0;
            self.errors_since = now;
        }
        self.errors += 1;
        tracing::debug!(%error, "an RTSP session's packet cannot be used");
        if self.errors < ERRORS_MAX { Ok(()) } else { Err(Failure::Down(DownWhy::Protocol)) }
    }
}

/// SETUP and PLAY, in the session's order.
async fn play(
    mut session: Session<Described>,
    place: &RtspPlace,
    tracks: &[TrackSpec],
) -> Result<Session<Playing>, retina::Error> {
    for track in tracks {
        let transport = if place.over_udp {
            Transport::Udp(UdpTransportOptions::default())
        } else {
            Transport::Tcp(TcpTransportOptions::default())
        };
        session.setup(track.port, SetupOptions::default().transport(transport)).await?;
    }
    // Servers that share one source between clients announce numbers that are not the ones they send.
    let options = PlayOptions::default()
        .initial_seq(InitialSequenceNumberPolicy::Ignore)
        .initial_timestamp(InitialTimestampPolicy::Ignore)
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets);
    session.play(options).await
}

/// The first track of pictures and the first of sound that can be read, numbered as the session numbers them.
fn choose(session: &Session<Described>, wants_pictures: bool) -> Result<Vec<TrackSpec>, Failure> {
    let text = String::from_utf8_lossy(session.sdp());
    let description = sdp::parse(&text).map_err(|_| Failure::Down(DownWhy::Protocol))?;
    let mut chosen: Vec<TrackSpec> = Vec::new();
    for (port, stream) in session.streams().iter().enumerate() {
        let kind = match stream.media() {
            "video" => MediaKind::Video,
            "audio" => MediaKind::Audio,
            _ => continue,
        };
        let media = description.media.iter().filter(|media| media.kind == kind);
        let mut tracks = media.flat_map(|media| tracks_of(media, port));
        let found = tracks.find(|track| track.payload_type == stream.rtp_payload_type());
        chosen.extend(
            found.filter(|track| !chosen.iter().any(|known| same_kind(&known.coding, &track.coding))),
        );
    }
    readable(&description, &chosen, wants_pictures)?;
    Ok(chosen)
}

fn same_kind(one: &Coding, other: &Coding) -> bool {
    matches!(one, Coding::Video(_)) == matches!(other, Coding::Video(_))
}

/// Why a server gave no description. retina does not tell refusals of the connection apart, so the address is asked.
async fn refused(place: &RtspPlace, error: &retina::Error) -> Failure {
    if error.status_code().is_some() {
        return Failure::Down(why(error));
    }
    Failure::Down(timeout(ASK_WHY, reach(place)).await.unwrap_or(DownWhy::NoAnswer))
}

async fn reach(place: &RtspPlace) -> DownWhy {
    let Some(host) = place.url.host_str() else { return DownWhy::NameUnknown };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(mut addresses) = lookup_host((host, place.url.port().unwrap_or(PORT))).await else {
        return DownWhy::NameUnknown;
    };
    let Some(address) = addresses.next() else { return DownWhy::NameUnknown };
    match TcpStream::connect(address).await {
        // It takes connections, but what it said was no answer.
        Ok(_) => DownWhy::Protocol,
        Err(error) => of_io(error.kind()),
    }
}

fn of_io(kind: ErrorKind) -> DownWhy {
    let is_one_of = |kinds: &[ErrorKind]| kinds.contains(&kind);
    if kind == ErrorKind::ConnectionRefused {
        DownWhy::Refused
    } else if is_one_of(&[ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::NetworkDown])
    {
        DownWhy::Unreachable
    } else if is_one_of(&[ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::UnexpectedEof])
    {
        DownWhy::Closed
    } else {
        DownWhy::NoAnswer
    }
}

/// Why a server that answered did not serve (RFC 2326 §7.1.1).
fn why(error: &retina::Error) -> DownWhy {
    match error.status_code() {
        Some(401 | 403 | 407) => DownWhy::Unauthorised,
        Some(404 | 410 | 454) => DownWhy::NotFound,
        Some(415) => DownWhy::Codec,
        Some(_) | None => DownWhy::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_says_why() {
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, DownWhy::Refused),
            (ErrorKind::HostUnreachable, DownWhy::Unreachable),
            (ErrorKind::NetworkUnreachable, DownWhy::Unreachable),
            (ErrorKind::ConnectionReset, DownWhy::Closed),
            (ErrorKind::TimedOut, DownWhy::NoAnswer),
        ] {
            assert_eq!(of_io(kind), expected, "{kind}");
        }
    }
}
