//! Where the events of Janus come in: from a broker to which its `mqttevh` publishes, or by HTTP from its
//! `sampleevh`. Knows how to get them and not what they say.
//!
//! `will_enabled = true` is required of `mqttevh`: without it nobody says that Janus was killed, and the broker goes
//! on serving the `connected` of the dead.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rumqttc::{AsyncClient, ConnectReturnCode, ConnectionError, Event, MqttOptions, Packet, QoS};
use rumqttc::{TlsConfiguration, Transport};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::mcu::fault::{AuthWhy, Fault};
use crate::mcu::trust::{Login, Trust};

/// Messages that wait to be read. A broker keeps what does not fit; Janus sends an HTTP event again.
const WAITING_MAX: usize = 256;
/// Longest message, in bytes: the start event lists every plugin in 3 kB, a group of events is a few hundred kB.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// How often the broker is pinged; one that answers nothing for twice as long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Longest wait for the broker to let us in.
const CONNECT: Duration = Duration::from_secs(5);

/// A message as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Whether it came on the status topic.
    pub status: bool,
    /// Whether the broker had kept it from before.
    pub retained: bool,
    /// What it says.
    pub body: Value,
}

impl Message {
    /// Reads a message; `None` for what is no JSON.
    pub fn read(topic: &str, retained: bool, payload: &[u8]) -> Option<Self> {
        let body = serde_json::from_slice(payload).ok()?;
        Some(Self { status: topic.ends_with("/status"), retained, body })
    }
}

/// Where events come from.
#[derive(Debug, Clone)]
pub enum EventSource {
    /// A broker.
    Mqtt(MqttSource),
    /// The router that [`http_events`] made.
    Http(HttpSource),
}

/// A broker to which `mqttevh` publishes.
#[derive(Debug, Clone)]
pub struct MqttSource {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The topic that `mqttevh` is set to, without a slash at its end: `/janus/events`.
    pub topic: String,
    /// A client name that nobody else has at this broker.
    pub client: String,
    /// Name and password; `None` for a broker that asks for none.
    pub login: Option<Login>,
    /// Whose certificate it may show; [`Trust::Nobody`] means no TLS.
    pub trust: Trust,
}

impl MqttSource {
    /// Reads until told to stop or until the connection breaks, and hands on every message.
    pub(super) async fn read(
        &self,
        to: &mpsc::Sender<Message>,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        let (client, mut events) = AsyncClient::new(self.options()?, 10);
        let filter = format!("{}/#", self.topic);
        let mut connected = false;
        loop {
            let wait = if connected { 2 * KEEP_ALIVE } else { CONNECT };
            let event = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                event = tokio::time::timeout(wait, events.poll()) => event,
            };
            match event.map_err(|_| lost())?.map_err(|error| fault_of(&error))? {
                Event::Incoming(Packet::ConnAck(_)) => {
                    connected = true;
                    client.try_subscribe(&filter, QoS::AtLeastOnce).map_err(|_| lost())?;
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    let read = Message::read(&publish.topic, publish.retain, &publish.payload);
                    // Whoever reads is slow: the broker waits meanwhile, and nothing is lost.
                    if let Some(message) = read
                        && to.send(message).await.is_err()
                    {
                        return Ok(());
                    }
                }
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
    }

    fn options(&self) -> Result<MqttOptions, Fault> {
        let mut options = MqttOptions::new(&self.client, &self.host, self.port);
        options.set_clean_session(true).set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
        if let Some(login) = &self.login {
            options.set_credentials(&login.user, login.secret.as_str());
        }
        if !matches!(self.trust, Trust::Nobody) {
            let tls = TlsConfiguration::Rustls(Arc::new(self.trust.client()?));
            options.set_transport(Transport::tls_with_config(tls));
        }
        Ok(options)
    }
}

/// That a broker cannot be reached says nothing about Janus: never [`Fault::Unreachable`].
fn fault_of(error: &ConnectionError) -> Fault {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => Fault::Auth(AuthWhy::Wrong),
        ConnectionError::Tls(error) => Fault::Tls(error.to_string()),
        ConnectionError::ConnectionRefused(_)
        | ConnectionError::MqttState(_)
        | ConnectionError::NetworkTimeout
        | ConnectionError::FlushTimeout
        | ConnectionError::Io(_)
        | ConnectionError::NotConnAck(_)
        | ConnectionError::RequestsDone => lost(),
    }
}

fn lost() -> Fault {
    Fault::Timeout { sent: false }
}

/// The reading end of an HTTP source. Cheap to clone; one reads at a time.
#[derive(Clone)]
pub struct HttpSource {
    messages: Arc<AsyncMutex<mpsc::Receiver<Message>>>,
}

impl fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSource").finish_non_exhaustive()
    }
}

impl HttpSource {
    /// Reads until told to stop, and hands on every message.
    pub(super) async fn read(
        &self,
        to: &mpsc::Sender<Message>,
        stop: &CancellationToken,
    ) -> Result<(), Fault> {
        let mut messages = self.messages.lock().await;
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                message = messages.recv() => message,
            };
            // The router is gone: nothing can come any more.
            let Some(message) = message else { return Err(Fault::NotSupported) };
            if to.send(message).await.is_err() {
                return Ok(());
            }
        }
    }
}

#[derive(Clone)]
struct Door {
    login: Option<Login>,
    to: mpsc::Sender<Message>,
}

/// A router for `sampleevh` to post to, and the source that reads what comes. `login` is what `backend_user` and
/// `backend_pwd` of Janus must be; without it anybody on the listener's network can post.
pub fn http_events(login: Option<Login>) -> (Router, HttpSource) {
    let (to, from) = mpsc::channel(WAITING_MAX);
    let router = Router::new()
        .route("/", post(take))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(Door { login, to });
    (router, HttpSource { messages: Arc::new(AsyncMutex::new(from)) })
}

async fn take(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if door.login.as_ref().is_some_and(|login| !lets_in(login, &headers)) {
        return StatusCode::UNAUTHORIZED;
    }
    let Some(message) = Message::read("", false, &body) else { return StatusCode::BAD_REQUEST };
    match door.to.try_send(message) {
        Ok(()) => StatusCode::OK,
        // Janus sends it again when it is set to (`max_retransmissions`).
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn lets_in(login: &Login, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let wanted = STANDARD.encode(format!("{}:{}", login.user, login.secret.as_str()));
    given.ct_eq(format!("Basic {wanted}").as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;
    use zeroize::Zeroizing;

    use super::*;

    #[tokio::test]
    async fn only_who_knows_the_password_posts_and_only_json_and_only_as_much_as_fits() {
        let login = Login { user: "janus".into(), secret: Zeroizing::new("pass".into()) };
        let (router, source) = http_events(Some(login));
        let post = |authorization: &'static str, body: &'static str| {
            let request = Request::post("/").header("authorization", authorization);
            router.clone().oneshot(request.body(Body::from(body)).unwrap())
        };
        let good = "Basic amFudXM6cGFzcw==";
        for (authorization, body, status) in [
            (good, "{\"type\":1}", 200),
            (good, "{", 400),
            ("Basic amFudXM6cGFzcx==", "{}", 401),
            ("", "{}", 401),
        ] {
            let response = post(authorization, body).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{authorization} {body}");
        }
        for _ in 1..WAITING_MAX {
            post(good, "[]").await.unwrap();
        }
        assert_eq!(post(good, "[]").await.unwrap().status().as_u16(), 503);
        let first = source.messages.lock().await.recv().await.unwrap();
        assert_eq!(first, Message { status: false, retained: false, body: serde_json::json!({"type": 1}) });
    }
}
