//! One MQTT 3.1.1 connection, from connecting to its first fault; never repaired, always built again from scratch.
//!
//! The client library can stop for good after a packet-id collision with a lost session, and it forgets queued
//! messages on reconnecting; so nothing here outlives a connection, and two watchdogs end one that makes no
//! progress: nothing heard for [`SILENCE_MAX`], or no broker receipt for a published message for
//! [`RECEIPT_MAX`]. It must not know what a payload is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, MqttOptions, Packet, QoS,
};
use rumqttc::{SubscribeReasonCode, TlsConfiguration, Transport};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::uplink::envelope::BYTES_MAX;

/// How often the client pings.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// A connection on which nothing was heard for so long is given up. A ping is due every [`KEEP_ALIVE`].
pub const SILENCE_MAX: Duration = Duration::from_secs(6);
/// A connection on which the broker confirms nothing for so long, though something waits, is given up.
pub const RECEIPT_MAX: Duration = Duration::from_secs(10);

/// Longest packet taken from the broker. Far above any envelope, because a longer one ends our connection and so
/// must be stopped by the broker (`message_size_limit` in Mosquitto; the embedded broker does it by itself).
const PACKET_MAX: usize = 16 * 1024 * 1024;

/// Where the broker is and how to get in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerAccess {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// PEM of the certificate authority of the broker; `None` means no TLS.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// Name and password; `None` for a broker that asks for none.
    #[serde(default)]
    pub login: Option<Login>,
}

/// Name and password at the broker. The password never shows in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// Why a connection ended or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// The certificate authority can not be read.
    #[error("broker 的 CA 证书无法读取：{0} / the broker's CA certificate can not be read: {0}")]
    BadCertificate(String),
    /// The broker does not let us in.
    #[error("broker 拒绝登录：{0} / the broker refused the login: {0}")]
    Refused(String),
    /// The network failed.
    #[error("与 broker 的连接中断：{0} / connection to the broker lost: {0}")]
    Lost(String),
    /// Nothing was heard for [`SILENCE_MAX`].
    #[error("{} 秒没有收到 broker 的任何数据 / nothing heard from the broker for {} s", SILENCE_MAX.as_secs(), SILENCE_MAX.as_secs())]
    Silent,
    /// No receipt came for [`RECEIPT_MAX`].
    #[error("broker 在 {} 秒内没有确认任何报文 / the broker confirmed nothing for {} s", RECEIPT_MAX.as_secs(), RECEIPT_MAX.as_secs())]
    NoProgress,
}

/// Something that came over the connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The broker let us in: subscribe now.
    Connected,
    /// A subscription stands.
    Subscribed,
    /// A message.
    Message {
        /// Where it was published.
        topic: String,
        /// What.
        payload: Vec<u8>,
        /// Whether the broker says that it may have delivered it before.
        again: bool,
    },
    /// The broker's receipt for one of our messages.
    Receipt,
    /// An answer to a ping.
    Alive,
}

/// What the connection is opened with.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    /// Client id, one per connection at the broker.
    pub(crate) client: String,
    /// Where.
    pub(crate) access: &'a BrokerAccess,
    /// Topic on which the broker may hint that we are gone.
    pub(crate) will: Option<String>,
    /// Messages that may wait in either direction.
    pub(crate) queue: usize,
}

/// A live connection. Dropping it ends it.
pub(crate) struct Connection {
    client: AsyncClient,
    incoming: mpsc::Receiver<Result<Incoming, LinkFault>>,
    poller: AbortHandle,
    heard: Instant,
    unconfirmed: usize,
    confirmed_at: Instant,
}

impl Connection {
    /// Begins to connect; the first thing that comes is [`Incoming::Connected`] or a fault.
    pub(crate) fn open(opening: &Opening<'_>) -> Result<Self, LinkFault> {
        let (client, events) = AsyncClient::new(options(opening)?, opening.queue);
        let (tx, incoming) = mpsc::channel(opening.queue);
        let poller = tokio::spawn(poll(events, tx)).abort_handle();
        let now = Instant::now();
        Ok(Self { client, incoming, poller, heard: now, unconfirmed: 0, confirmed_at: now })
    }

    /// The next thing that comes, or why the connection has ended. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Incoming, LinkFault> {
        let silent_at = self.heard + SILENCE_MAX;
        let stuck_at = (self.unconfirmed > 0).then(|| self.confirmed_at + RECEIPT_MAX);
        let deadline = stuck_at.map_or(silent_at, |at| at.min(silent_at));
        match tokio::time::timeout_at(deadline, self.incoming.recv()).await {
            Ok(Some(Ok(incoming))) => {
                self.note(&incoming);
                Ok(incoming)
            }
            Ok(Some(Err(fault))) => Err(fault),
            Ok(None) => Err(LinkFault::Lost("closed".into())),
            Err(_) if deadline == silent_at => Err(LinkFault::Silent),
            Err(_) => Err(LinkFault::NoProgress),
        }
    }

    /// Hands a message over with QoS 1; `false` when the queue is full and the caller must try again later.
    pub(crate) fn publish_once_confirmed(&mut self, topic: &str, payload: Vec<u8>) -> bool {
        if self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).is_err() {
            return false;
        }
        if self.unconfirmed == 0 {
            self.confirmed_at = Instant::now();
        }
        self.unconfirmed += 1;
        true
    }

    /// Hands a message over with QoS 0; `false` when the queue is full.
    pub(crate) fn publish_freely(&self, topic: &str, payload: Vec<u8>) -> bool {
        self.client.try_publish(topic, QoS::AtMostOnce, false, payload).is_ok()
    }

    /// Asks for a topic with QoS 1; `false` when the queue is full.
    pub(crate) fn subscribe(&self, filter: &str) -> bool {
        self.client.try_subscribe(filter, QoS::AtLeastOnce).is_ok()
    }

    /// Says good-bye, so that no last will is sent, and waits a moment for it to leave.
    pub(crate) async fn close(mut self) {
        if self.client.try_disconnect().is_ok() {
            let drained = async { while let Some(Ok(_)) = self.incoming.recv().await {} };
            let _ = tokio::time::timeout(Duration::from_millis(500), drained).await;
        }
    }

    fn note(&mut self, incoming: &Incoming) {
        self.heard = Instant::now();
        // A stuck session still answers pings: only receipts are progress.
        if matches!(incoming, Incoming::Receipt) {
            self.unconfirmed = self.unconfirmed.saturating_sub(1);
            self.confirmed_at = self.heard;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("unconfirmed", &self.unconfirmed).finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.name)
    }
}

/// The library's loop is driven by a task of its own: it loses packets when it is cancelled half-way. It ends with
/// the first fault, because its own reconnecting is what we do not trust.
async fn poll(mut events: EventLoop, to: mpsc::Sender<Result<Incoming, LinkFault>>) {
    loop {
        let next = match events.poll().await {
            Ok(Event::Incoming(packet)) => match translate(packet) {
                Some(next) => next,
                None => continue,
            },
            Ok(Event::Outgoing(_)) => continue,
            Err(error) => Err(fault(&error)),
        };
        let ends = next.is_err();
        if to.send(next).await.is_err() || ends {
            return;
        }
    }
}

fn translate(packet: Packet) -> Option<Result<Incoming, LinkFault>> {
    match packet {
        Packet::ConnAck(_) => Some(Ok(Incoming::Connected)),
        Packet::SubAck(ack) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
            Some(Err(LinkFault::Refused("subscription".into())))
        }
        Packet::SubAck(_) => Some(Ok(Incoming::Subscribed)),
        Packet::Publish(publish) => Some(Ok(Incoming::Message {
            topic: publish.topic,
            payload: publish.payload.to_vec(),
            again: publish.dup,
        })),
        Packet::PubAck(_) => Some(Ok(Incoming::Receipt)),
        Packet::PingResp => Some(Ok(Incoming::Alive)),
        Packet::Disconnect => Some(Err(LinkFault::Lost("disconnected".into()))),
        Packet::Connect(_)
        | Packet::PubRec(_)
        | Packet::PubRel(_)
        | Packet::PubComp(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::UnsubAck(_)
        | Packet::PingReq => None,
    }
}

fn fault(error: &ConnectionError) -> LinkFault {
    if let ConnectionError::ConnectionRefused(code) = error {
        let why = match code {
            ConnectReturnCode::BadUserNamePassword => "bad user name or password".into(),
            ConnectReturnCode::NotAuthorized => "not authorized".into(),
            ConnectReturnCode::Success
            | ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::BadClientId
            | ConnectReturnCode::ServiceUnavailable => format!("{code:?}"),
        };
        return LinkFault::Refused(why);
    }
    LinkFault::Lost(error.to_string())
}

fn options(opening: &Opening<'_>) -> Result<MqttOptions, LinkFault> {
    let access = opening.access;
    let mut options = MqttOptions::new(&opening.client, &access.host, access.port);
    // A session kept by the broker would bring back messages of a dead connection; the outbox is our memory.
    options.set_clean_session(true).set_keep_alive(KEEP_ALIVE).set_inflight(100);
    options.set_max_packet_size(PACKET_MAX, 2 * BYTES_MAX);
    if let Some(login) = &access.login {
        options.set_credentials(&login.name, &login.password);
    }
    if let Some(topic) = &opening.will {
        options.set_last_will(LastWill::new(topic, Vec::new(), QoS::AtMostOnce, false));
    }
    if let Some(ca) = &access.ca_pem {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(tls(ca)?))));
    }
    Ok(options)
}

fn tls(ca_pem: &str) -> Result<rustls::ClientConfig, LinkFault> {
    let bad = |e: &dyn fmt::Display| LinkFault::BadCertificate(e.to_string());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
    }
    if roots.is_empty() {
        return Err(bad(&"no certificate"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(versions.map_err(|e| bad(&e))?.with_root_certificates(roots).with_no_client_auth())
}
