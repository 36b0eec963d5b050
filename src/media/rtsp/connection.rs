//! One player's connection: requests in, answers and packets out.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::answer::{Answer, Status};
use super::auth::Account;
use super::describe::describe;
use super::offer::Offer;
use super::request::{Begin, Method, Request, begin, transport};
use super::{Manner, Mount, State};

/// A player that says nothing for so long, and reads nothing, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// A player that takes nothing for so long is gone.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// What is told of the session's end.
const SESSION_TIMEOUT_S: u32 = 60;
/// Bytes read at once.
const READ_BYTES: usize = 4096;

pub(super) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    state: watch::Receiver<State>,
    nonce: String,
    session: String,
    offer: Option<Offer>,
    playing_since: Option<Instant>,
    read: Vec<u8>,
    heard: Instant,
}

/// What happens next on a connection.
enum Event {
    Bytes(usize),
    Unit(Option<crate::media::sender::outlet::TapUnit>),
    State,
    Deadline,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, state: watch::Receiver<State>) -> Self {
        Self {
            stream,
            peer,
            state,
            nonce: format!("{:032x}", rand::random::<u128>()),
            session: format!("{:016x}", rand::random::<u64>()),
            offer: None,
            playing_since: None,
            read: Vec::new(),
            heard: Instant::now(),
        }
    }

    /// Until the player leaves, breaks the rules or falls silent.
    pub(super) async fn run(mut self) -> io::Result<()> {
        // Packets are small and late ones are worthless.
        self.stream.set_nodelay(true)?;
        loop {
            match self.event().await? {
                Event::Bytes(0) | Event::Unit(None) => return Ok(()),
                Event::Bytes(_) => {
                    self.heard = Instant::now();
                    if !self.requests().await? {
                        return Ok(());
                    }
                }
                Event::Unit(Some(unit)) => self.carry(&unit).await?,
                Event::State => {}
                Event::Deadline => return Ok(()),
            }
        }
    }

    fn manner(&self) -> Manner {
        self.state.borrow().manner
    }

    async fn event(&mut self) -> io::Result<Event> {
        let deadline = self.deadline();
        let hung = self.manner() == Manner::Hung;
        let mut piece = [0; READ_BYTES];
        let unit = async {
            match &mut self.offer {
                // A hung server leaves what it should send where it is.
                Some(offer) if !hung => offer.next().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = self.stream.read(&mut piece) => {
                let read = read?;
                self.read.extend_from_slice(&piece[..read]);
                Ok(Event::Bytes(read))
            }
            unit = unit => Ok(Event::Unit(unit)),
            changed = self.state.changed() => Ok(if changed.is_ok() { Event::State } else { Event::Deadline }),
            () = sleep_until(deadline) => Ok(Event::Deadline),
        }
    }

    fn deadline(&self) -> Instant {
        let silence = self.heard + SILENCE_MAX;
        match (self.manner(), self.playing_since) {
            (Manner::Dying { ms }, Some(since)) => silence.min(since + Duration::from_millis(ms.into())),
            (_, _) => silence,
        }
    }

    /// Answers what has come; whether the connection goes on.
    async fn requests(&mut self) -> io::Result<bool> {
        if self.manner() == Manner::Hung {
            self.read.clear();
            return Ok(true);
        }
        loop {
            match begin(&self.read) {
                Begin::Incomplete => return Ok(true),
                Begin::Interleaved { used, .. } => drop(self.read.drain(..used.0)),
                Begin::Request(request, used) => {
                    drop(self.read.drain(..used.0));
                    let answer = self.answer(&request).await;
                    self.write(&answer).await?;
                    if request.method == Method::Teardown {
                        return Ok(false);
                    }
                }
                Begin::Bad(_) => {
                    self.write(&Answer::new(Status::BadRequest, None).bytes()).await?;
                    return Ok(false);
                }
            }
        }
    }

    /// The answer to one request, as good as the server's manners.
    async fn answer(&mut self, request: &Request) -> Vec<u8> {
        match self.manner() {
            Manner::Slow { ms } => sleep(Duration::from_millis(ms.into())).await,
            Manner::Babbling => {
                return b"SSH-2.0-OpenSSH_9.2\r\n\x00\xff\x17nothing of RTSP\r\n\r\n".to_vec();
            }
            Manner::Fine
            | Manner::Hung
            | Manner::Redirecting
            | Manner::OddCodec
            | Manner::Forgetful
            | Manner::Dying { .. } => {}
        }
        let account = self.state.borrow().account.clone();
        let open = request.method == Method::Options;
        if let Some(account) = account.filter(|account| !open && !account.admits(request, &self.nonce)) {
            drop(account);
            let challenge = Account::challenge(&self.nonce);
            return Answer::new(Status::Unauthorized, request.cseq)
                .with("WWW-Authenticate", &challenge)
                .bytes();
        }
        self.obey(request).await.bytes()
    }

    async fn obey(&mut self, request: &Request) -> Answer {
        let said = |status| Answer::new(status, request.cseq);
        match request.method {
            Method::Options => {
                said(Status::Ok).with("Public", "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
            }
            Method::Describe => self.describe(request),
            Method::Setup => self.set_up(request).await,
            Method::Play => self.play(request).await,
            Method::Teardown => {
                self.offer = None;
                said(Status::Ok)
            }
            Method::GetParameter => said(Status::Ok).with("Session", &self.session),
            Method::Pause | Method::Other => said(Status::NotImplemented),
        }
    }

    fn describe(&self, request: &Request) -> Answer {
        let said = |status| Answer::new(status, request.cseq);
        let manner = self.manner();
        if manner == Manner::Redirecting {
            return said(Status::Found).with("Location", &request.uri);
        }
        let Some(mount) = self.mount(request.path()) else { return said(Status::NotFound) };
        let tracks: Vec<_> = mount.tracks.iter().map(|packed| &**packed).collect();
        let description = describe(request.path(), &tracks, manner == Manner::OddCodec);
        let base = format!("{}/", request.uri.trim_end_matches('/'));
        said(Status::Ok).with("Content-Base", &base).body("application/sdp", description)
    }

    async fn set_up(&mut self, request: &Request) -> Answer {
        let said = |status| Answer::new(status, request.cseq);
        let Some((path, control)) = request.path().rsplit_once('/') else { return said(Status::NotFound) };
        if self.offer.as_ref().is_none_or(|offer| offer.path != path) {
            let Some(mount) = self.mount(path) else { return said(Status::NotFound) };
            self.offer = Some(Offer::new(mount, path.to_owned()));
        }
        let local = self.stream.local_addr().map(|local| local.ip());
        let (Some(offer), Ok(local)) = (&mut self.offer, local) else { return said(Status::NotFound) };
        let Some(track) = offer.track(control) else { return said(Status::NotFound) };
        let Some(transport) = request.header("Transport").and_then(transport) else {
            return said(Status::UnsupportedTransport);
        };
        match offer.set_up(track, transport, (local, self.peer.ip())).await {
            Ok(transport) => {
                let session = format!("{};timeout={SESSION_TIMEOUT_S}", self.session);
                said(Status::Ok).with("Transport", &transport).with("Session", &session)
            }
            Err(_) => said(Status::UnsupportedTransport),
        }
    }

    async fn play(&mut self, request: &Request) -> Answer {
        let said = |status| Answer::new(status, request.cseq);
        let Some(offer) = self.offer.as_mut().filter(|offer| offer.is_set_up()) else {
            return said(Status::NotAllowed);
        };
        if self.playing_since.is_some() {
            return said(Status::Ok).with("Session", &self.session);
        }
        let Ok(info) = offer.play(request.uri.trim_end_matches('/')).await else {
            return said(Status::NoSession);
        };
        self.playing_since = Some(Instant::now());
        let answer = said(Status::Ok).with("Session", &self.session).with("Range", "npt=0.000-");
        if info.is_empty() { answer } else { answer.with("RTP-Info", &info) }
    }

    fn mount(&self, path: &str) -> Option<Mount> {
        let state = self.state.borrow();
        (state.manner != Manner::Forgetful).then(|| state.mounts.get(path).cloned()).flatten()
    }

    async fn carry(&mut self, unit: &crate::media::sender::outlet::TapUnit) -> io::Result<()> {
        let mut out = Vec::new();
        if let Some(offer) = &self.offer {
            offer.carry(unit, &mut out).await;
        }
        if out.is_empty() { Ok(()) } else { self.write(&out).await }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(WRITE_MAX, self.stream.write_all(bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}
