//! A small RTSP server (RFC 2326): what a codec, an MCU or a recorder offers to watchers, over TCP or UDP, with
//! passwords, and with the ill manners that such devices have.
//!
//! Knows how streams are offered; must not know who watches or what a watcher makes of it.

pub mod auth;
pub mod request;
mod answer;
mod connection;
mod describe;
mod offer;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::sender::Sender;
use super::sender::packed::Packed;
use auth::Account;
use connection::Connection;

/// Players at once.
const CONNECTIONS_MAX: usize = 512;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 128;
/// After a connection could not be accepted.
const REST: Duration = Duration::from_millis(100);

/// How a server behaves. It may change at any time; connections that exist follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// As it should.
    #[default]
    Fine,
    /// It accepts connections and reads, and neither answers nor sends any more: a process that hangs.
    Hung,
    /// Each answer comes so many milliseconds late.
    Slow {
        /// How late.
        ms: u32,
    },
    /// Every description is elsewhere, which is here.
    Redirecting,
    /// It describes pictures of a codec that nobody knows.
    OddCodec,
    /// It knows no stream.
    Forgetful,
    /// It answers what is not RTSP.
    Babbling,
    /// It closes each connection after so many milliseconds of playing.
    Dying {
        /// How soon.
        ms: u32,
    },
}

/// A stream on offer.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Who sends it.
    pub sender: Arc<Sender>,
    /// What it is described as, pictures first.
    pub tracks: Vec<Arc<Packed>>,
}

/// Streams by their path, without slashes at its ends.
pub type Mounts = BTreeMap<String, Mount>;

/// A running server; it ends, with all its connections, when it is dropped.
#[derive(Debug)]
pub struct RtspServer {
    local: SocketAddr,
    state: watch::Sender<State>,
    task: AbortHandle,
}

/// What connections look at.
#[derive(Debug, Clone)]
pub(super) struct State {
    mounts: Arc<Mounts>,
    account: Option<Arc<Account>>,
    manner: Manner,
}

impl RtspServer {
    /// Listens and offers `mounts`, to everybody or to whoever has the account. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(listen: SocketAddr, mounts: Mounts, account: Option<Account>) -> io::Result<Self> {
        let listener = listener(listen)?;
        let local = listener.local_addr()?;
        let account = account.map(Arc::new);
        let first = State { mounts: Arc::new(mounts), account, manner: Manner::Fine };
        let (state, seen) = watch::channel(first);
        let task = tokio::spawn(serve(listener, seen)).abort_handle();
        Ok(Self { local, state, task })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Behave like this from now on.
    pub fn behave(&self, manner: Manner) {
        self.state.send_modify(|state| state.manner = manner);
    }

    /// Offer these streams and no others to whoever asks from now on.
    pub fn offer(&self, mounts: Mounts) {
        self.state.send_modify(|state| state.mounts = Arc::new(mounts));
    }
}

impl Drop for RtspServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn listener(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that is started again listens where it did.
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

/// Accepts until it is aborted; the connections end with it.
async fn serve(listener: TcpListener, state: watch::Receiver<State>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let state = state.clone();
                connections.spawn(async move {
                    let _place = place;
                    if let Err(error) = Connection::new(stream, peer, state).run().await {
                        tracing::debug!(%peer, %error, "a player's connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a player could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}
