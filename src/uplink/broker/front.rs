//! The gate's connections: accepts, shakes hands, lets in, and carries bytes both ways, whole packets inward.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::gate::{self, Attempt, PACKET_MAX, Refusal, Scope};
use super::{BrokerNotice, BrokerUsers, LOGIN_MAX, Offence};
use crate::domain::time::Mono;
use crate::uplink::quota::Quota;

/// Bytes per second an agent may send for good, and at once. A path test's figures take some kilobytes.
const BYTES_PER_SECOND: u64 = 128 * 1024;
const BYTES_BURST: u64 = 512 * 1024;
/// Packets per second an agent may send for good, and at once.
const PACKETS_PER_SECOND: u64 = 300;
const PACKETS_BURST: u64 = 600;
/// An agent that was made to wait is named at most so often.
const NAME_EVERY: Duration = Duration::from_secs(5);
/// The refusal of a log-in: CONNACK with return code 4 (MQTT 3.1.1 §3.2.2.3).
const BAD_LOGIN: [u8; 4] = [0x20, 2, 0, 4];

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What all connections share.
pub(super) struct Front {
    tls: Option<TlsAcceptor>,
    users: watch::Receiver<Arc<BrokerUsers>>,
    inner: watch::Receiver<Option<SocketAddr>>,
    notices: mpsc::Sender<BrokerNotice>,
    room: Arc<Semaphore>,
    /// The connection of each user: a new one ends the old, which may hang on a dead line.
    online: Mutex<BTreeMap<String, CancellationToken>>,
}

/// Why a connection ended before its time.
enum End {
    Refused(Refusal),
    Io(io::Error),
}

struct Client {
    user: String,
    scope: Scope,
    replaced: CancellationToken,
}

impl Front {
    pub(super) fn new(
        tls: Option<TlsAcceptor>,
        users: watch::Receiver<Arc<BrokerUsers>>,
        inner: watch::Receiver<Option<SocketAddr>>,
        notices: mpsc::Sender<BrokerNotice>,
        connections_max: usize,
    ) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(connections_max));
        Arc::new(Self { tls, users, inner, notices, room, online: Mutex::default() })
    }

    /// Accepts until it is dropped.
    pub(super) async fn run(self: Arc<Self>, listener: std::net::TcpListener) {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        loop {
            match listener.accept().await {
                Ok((stream, from)) => self.admit(stream, from),
                // No file descriptors left, most likely: give the others time to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, from: SocketAddr) {
        // When full the stream is dropped: the client sees its connection closed and comes again later.
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return };
        let front = Arc::clone(self);
        tokio::spawn(async move {
            let (user, end) = front.serve(stream, from).await;
            match end {
                Err(End::Refused(refusal)) => {
                    tracing::warn!(code = refusal.code(), user, %from, "a client of the broker was cut off");
                    front.notice(user, from, Offence::Refused(refusal));
                }
                Err(End::Io(error)) => {
                    tracing::debug!(%error, user, %from, "a client of the broker has gone")
                }
                Ok(()) => {}
            }
            drop(room);
        });
    }

    async fn serve(&self, stream: TcpStream, from: SocketAddr) -> (Option<String>, Result<(), End>) {
        let _ = stream.set_nodelay(true);
        let login = tokio::time::timeout(LOGIN_MAX, self.log_in(stream));
        let late = io::Error::from(io::ErrorKind::TimedOut);
        let (stream, inner, client, rest) = match login.await.unwrap_or(Err(End::Io(late))) {
            Ok(logged_in) => logged_in,
            Err(end) => return (None, Err(end)),
        };
        let (mut from_client, mut to_client) = tokio::io::split(stream);
        let (mut from_broker, to_broker) = inner.into_split();
        let inward = Inward { front: self, client: &client, from };
        let end = tokio::select! {
            end = inward.carry(rest, &mut from_client, to_broker) => end,
            outward = tokio::io::copy(&mut from_broker, &mut to_client) => outward.map(drop).map_err(End::Io),
            () = client.replaced.cancelled() => Ok(()),
        };
        (Some(client.user.clone()), end)
    }

    /// Handshake and log-in; gives the stream, the connection to the broker, who it is, and what it already said.
    async fn log_in(&self, stream: TcpStream) -> Result<(Box<dyn Stream>, TcpStream, Client, Vec<u8>), End> {
        let mut stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.accept(stream).await.map_err(End::Io)?),
            None => Box::new(stream),
        };
        let mut said = Vec::new();
        let length = loop {
            if let Some(length) = gate::whole_packet(&said).map_err(End::Refused)? {
                break length;
            }
            read_some(&mut stream, &mut said).await.map_err(End::Io)?;
        };
        let client = match gate::connect(&said[..length], |attempt| self.find(attempt)) {
            Ok((scope, user)) => self.come_online(user, scope),
            Err(refusal) => {
                if refusal == Refusal::Login {
                    stream.write_all(&BAD_LOGIN).await.map_err(End::Io)?;
                }
                return Err(End::Refused(refusal));
            }
        };
        let address = *self.inner.borrow();
        let address = address.ok_or_else(|| End::Io(io::ErrorKind::NotConnected.into()))?;
        let mut inner = TcpStream::connect(address).await.map_err(End::Io)?;
        let _ = inner.set_nodelay(true);
        inner.write_all(&said[..length]).await.map_err(End::Io)?;
        Ok((stream, inner, client, said.split_off(length)))
    }

    fn find(&self, attempt: &Attempt<'_>) -> Option<(Scope, String)> {
        let users = self.users.borrow();
        let user = users.get(attempt.user).filter(|user| user.admits(attempt.client, attempt.password))?;
        Some((user.scope.clone(), attempt.user.to_owned()))
    }

    fn come_online(&self, user: String, scope: Scope) -> Client {
        let replaced = CancellationToken::new();
        let mut online = self.online.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = online.insert(user.clone(), replaced.clone()) {
            old.cancel();
        }
        Client { user, scope, replaced }
    }

    fn may_stay(&self, client: &Client) -> bool {
        self.users.borrow().get(&client.user).is_some_and(|user| user.scope == client.scope)
    }

    fn notice(&self, user: Option<String>, from: SocketAddr, what: Offence) {
        let _ = self.notices.try_send(BrokerNotice { user, from, what });
    }
}

/// The way from a client to the broker.
struct Inward<'a> {
    front: &'a Front,
    client: &'a Client,
    from: SocketAddr,
}

impl Inward<'_> {
    async fn carry(
        &self,
        mut said: Vec<u8>,
        from_client: &mut (impl AsyncRead + Unpin),
        mut to_broker: impl AsyncWrite + Unpin,
    ) -> Result<(), End> {
        let mut pace = Pace::new();
        loop {
            while let Some(length) = next_packet(&said).map_err(End::Refused)? {
                gate::packet(&said[..length], &self.client.scope).map_err(End::Refused)?;
                if self.client.scope != Scope::Hub && pace.take(length).await {
                    self.front.notice(Some(self.client.user.clone()), self.from, Offence::Flooded);
                }
                to_broker.write_all(&said[..length]).await.map_err(End::Io)?;
                said.drain(..length);
            }
            if !self.front.may_stay(self.client) {
                return Err(End::Refused(Refusal::Login));
            }
            read_some(from_client, &mut said).await.map_err(End::Io)?;
        }
    }
}

fn next_packet(said: &[u8]) -> Result<Option<usize>, Refusal> {
    if said.is_empty() { Ok(None) } else { gate::whole_packet(said) }
}

/// Reads what is there, into a buffer that never holds more than one packet and a read.
async fn read_some(stream: &mut (impl AsyncRead + Unpin), said: &mut Vec<u8>) -> io::Result<()> {
    debug_assert!(said.len() <= PACKET_MAX, "whole packets are carried on before more is read");
    said.reserve(4096);
    match stream.read_buf(said).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// An agent's rate. Whoever is above it waits, so that its own line fills up and nobody else's.
struct Pace {
    bytes: Quota,
    packets: Quota,
    started: Instant,
    named: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        let bytes = Quota::full(BYTES_PER_SECOND, BYTES_BURST, Mono(0));
        let packets = Quota::full(PACKETS_PER_SECOND, PACKETS_BURST, Mono(0));
        Self { bytes, packets, started: Instant::now(), named: None }
    }

    /// Waits for the packet's turn. Gives whether its sender is to be named.
    async fn take(&mut self, length: usize) -> bool {
        let mut waited = false;
        while !self.packets.admits(1, self.now()) {
            waited = true;
            tokio::time::sleep(self.packets.wait_for(1).std()).await;
        }
        while !self.bytes.admits(length as u64, self.now()) {
            waited = true;
            tokio::time::sleep(self.bytes.wait_for(length as u64).std()).await;
        }
        let name = waited && self.named.is_none_or(|at| at.elapsed() >= NAME_EVERY);
        if name {
            self.named = Some(Instant::now());
        }
        name
    }

    fn now(&self) -> Mono {
        Mono(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
