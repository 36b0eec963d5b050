//! The embedded MQTT broker: rumqttd behind a gate of our own, for the demo and a start on one machine.
//!
//! rumqttd 0.20 binds its own listener, shakes TLS hands one client at a time, knows no rights on topics and no rates,
//! can not be stopped and keeps nothing over a restart. So it listens on a loopback port only, and the gate in front
//! takes the connections: TLS, limits, log-in, topic rights, rates. What is left: whoever already has an agent's
//! password *and* an account on this machine can reach the inner port past the gate, and a stopped broker leaves one
//! idle thread behind. Neither matters to what counts, the signature; for production there is Mosquitto.

mod front;
mod gate;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rumqttd::protocol::v4::V4;
use rumqttd::{ConnectionSettings, LinkType, Router, RouterConfig, Server, ServerSettings};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use gate::{Refusal, Scope};

use crate::uplink::envelope::BYTES_MAX;

/// How long a client may take to shake hands and log in.
const LOGIN_MAX: Duration = Duration::from_secs(5);
/// Notices that may wait; beyond that they are dropped, the refusals are not.
const NOTICES: usize = 256;

/// How to run the broker.
#[derive(Debug, Clone)]
pub struct BrokerSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Certificate chain and key, PEM; `None` means no TLS.
    pub tls: Option<(String, String)>,
    /// Connections at once, agents and hub together.
    pub connections_max: usize,
}

/// Who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUser {
    /// SHA-256 of the password, which is random and long.
    pub password_sha256: [u8; 32],
    /// The only client id this user may take, so that nobody can push another's connection out.
    pub client: String,
    /// What it may do.
    pub scope: Scope,
}

/// All users by name.
pub type BrokerUsers = BTreeMap<String, BrokerUser>;

/// A client that was cut off or slowed down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerNotice {
    /// The user, once logged in.
    pub user: Option<String>,
    /// Where it came from.
    pub from: SocketAddr,
    /// What it did.
    pub what: Offence,
}

/// What a client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// It was cut off.
    Refused(Refusal),
    /// It sent too much and was made to wait.
    Flooded,
}

/// A running broker. Dropping it stops it.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl BrokerUser {
    /// A user whose password is `password`.
    pub fn new(password: &str, client: String, scope: Scope) -> Self {
        Self { password_sha256: Sha256::digest(password).into(), client, scope }
    }

    fn admits(&self, client: &str, password: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(password).into();
        self.client == client && bool::from(digest.ct_eq(&self.password_sha256))
    }
}

impl Broker {
    /// Listens and serves in a thread of its own. Gives the broker and what it has to report.
    pub fn start(
        settings: &BrokerSettings,
        users: watch::Receiver<Arc<BrokerUsers>>,
    ) -> io::Result<(Self, mpsc::Receiver<BrokerNotice>)> {
        let listener = TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let tls = settings.tls.as_ref().map(|(chain, key)| acceptor(chain, key)).transpose()?;
        let (notices, notices_rx) = mpsc::channel(NOTICES);
        let stop = CancellationToken::new();
        let (inner, inner_rx) = watch::channel(None);
        let limit = settings.connections_max;
        let front = front::Front::new(tls, users.clone(), inner_rx, notices, limit);
        let (stop_inside, runtime) = (stop.clone(), runtime()?);
        let thread = std::thread::Builder::new().name("broker".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = front.run(listener) => {}
                    () = keep_inner(&inner, &users, limit) => {}
                    () = stop_inside.cancelled() => {}
                }
            });
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok((Self { address, stop, thread: Some(thread) }, notices_rx))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // The thread ends within its shutdown time; a panic in it was logged by the panic hook.
            let _ = thread.join();
        }
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn acceptor(chain_pem: &str, key_pem: &str) -> io::Result<TlsAcceptor> {
    let bad = |e: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, e.to_string());
    let chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|e| bad(&e))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.map_err(|e| bad(&e))?.with_no_client_auth();
    let config = config.with_single_cert(chain.map_err(|e| bad(&e))?, key).map_err(|e| bad(&e))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Keeps a rumqttd alive behind the gate: a router that has died is replaced, and every client comes again.
async fn keep_inner(
    inner: &watch::Sender<Option<SocketAddr>>,
    users: &watch::Receiver<Arc<BrokerUsers>>,
    connections_max: usize,
) {
    loop {
        let Ok(address) = free_port() else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let router = Router::new(0, router_settings(connections_max)).spawn();
        let mut server = Server::new(server_settings(address, users.clone()), router.clone(), V4);
        inner.send_replace(Some(address));
        let died = async {
            while !router.is_disconnected() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            // Only when the port was taken by somebody else in between.
            result = server.start(LinkType::Remote) => drop(result),
            () = died => tracing::error!("the embedded broker died and is started again"),
        }
        inner.send_replace(None);
    }
}

fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn router_settings(connections_max: usize) -> RouterConfig {
    RouterConfig {
        max_connections: connections_max + 8,
        max_outgoing_packet_count: 200,
        // A ring per subscription: about 10 MiB for the hub's, far less than that for an agent's two.
        max_segment_size: 1024 * 1024,
        max_segment_count: 10,
        ..RouterConfig::default()
    }
}

fn server_settings(listen: SocketAddr, users: watch::Receiver<Arc<BrokerUsers>>) -> ServerSettings {
    let connections = ConnectionSettings {
        connection_timeout_ms: 5000,
        max_payload_size: BYTES_MAX + 1024,
        max_inflight_count: 200,
        auth: None::<HashMap<String, String>>,
        external_auth: None,
        dynamic_filters: true,
    };
    let mut settings =
        ServerSettings { name: "broker".into(), listen, tls: None, next_connection_delay_ms: 1, connections };
    settings.set_auth_handler(move |client: String, user: String, password: String| {
        let known = users.borrow().get(&user).is_some_and(|known| known.admits(&client, password.as_bytes()));
        std::future::ready(known)
    });
    settings
}
