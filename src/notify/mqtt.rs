//! Publishing to an MQTT broker: sirens, lamps and other programs of the site listen there.
//!
//! One connection per delivery: the broker's receipt (PUBACK) is the success, and nothing is left behind that could
//! forget or repeat it.

use std::time::Duration;

use async_trait::async_trait;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, MqttOptions, Packet, QoS, StateError,
    TlsConfiguration, Transport,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::channel::{Beat, Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::guard::Guard;
use super::line::{Trust, inside};
use super::message::Message;
use super::pace::Pace;
use super::secret::Secrets;
use crate::domain::id::ChannelId;

/// Longest time of one delivery.
const PATIENCE: Duration = Duration::from_secs(8);
/// Longest text.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// A broker and where on it notices go.
pub struct Broker {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whose certificates count; `None` for no TLS.
    pub trust: Option<Trust>,
    /// Name and password, if it asks for them.
    pub login: Option<(String, Zeroizing<String>)>,
    /// Topic of notices; heartbeats go below it, to `…/heartbeat`.
    pub topic: String,
}

impl std::fmt::Debug for Broker {
    /// Hides the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("host", &self.host).finish_non_exhaustive()
    }
}

/// An MQTT topic.
#[derive(Debug)]
pub struct Mqtt {
    id: ChannelId,
    broker: Broker,
    guard: Guard,
    secrets: Secrets,
    pace: Pace,
}

impl Mqtt {
    /// Publishes to that broker.
    pub fn new(id: ChannelId, broker: Broker, guard: Guard, per_minute: u32) -> Self {
        let secrets = Secrets::new(broker.login.iter().map(|(_, password)| password.clone()));
        Self { id, broker, guard, secrets, pace: Pace::new(per_minute) }
    }

    async fn publish(&self, topic: &str, body: &Value) -> Result<(), Fault> {
        let late = |_| Fault::new(Class::Again, Code::Timeout, "the broker confirmed nothing in time");
        let published = tokio::time::timeout(PATIENCE, self.publish_unbounded(topic, body)).await;
        let published = published.map_err(late).and_then(|published| published);
        published.map_err(|fault| Fault { detail: self.secrets.redact(fault.detail), ..fault })
    }

    async fn publish_unbounded(&self, topic: &str, body: &Value) -> Result<(), Fault> {
        let addresses = self.guard.resolve(&self.broker.host, self.broker.port).await?;
        // TLS needs the name; without it the judged address is used.
        let host = match (&self.broker.trust, addresses.first()) {
            (None, Some(at)) => at.ip().to_string(),
            (Some(_), _) | (None, None) => self.broker.host.clone(),
        };
        let (client, mut events) = AsyncClient::new(self.options(&host)?, 4);
        let payload = body.to_string();
        client
            .try_publish(topic, QoS::AtLeastOnce, false, payload)
            .map_err(|error| Fault::new(Class::Final, Code::Ours, error.to_string()))?;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::PubAck(_))) => break,
                Ok(_) => {}
                Err(error) => return Err(fault_of(&error)),
            }
        }
        let _ = client.try_disconnect();
        // Lets the farewell leave; the receipt is here whatever comes of it.
        let _ =
            tokio::time::timeout(Duration::from_millis(200), async { while events.poll().await.is_ok() {} })
                .await;
        Ok(())
    }

    fn options(&self, host: &str) -> Result<MqttOptions, Fault> {
        let client = format!("vcops-notify-{:016x}", rand::random::<u64>());
        let mut options = MqttOptions::new(client, host, self.broker.port);
        options
            .set_clean_session(true)
            .set_keep_alive(Duration::from_secs(5))
            .set_max_packet_size(16 << 10, 64 << 10);
        if let Some((name, password)) = &self.broker.login {
            options.set_credentials(name, password.as_str());
        }
        if let Some(trust) = &self.broker.trust {
            let config = TlsConfiguration::Rustls(std::sync::Arc::new(trust.client()?));
            options.set_transport(Transport::tls_with_config(config));
        }
        Ok(options)
    }
}

#[async_trait]
impl Channel for Mqtt {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Bytes(TEXT_BYTES_MAX);
        Limits { text, patience: PATIENCE + Duration::from_secs(1), personal: false, digests: false }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        self.publish(&self.broker.topic, &json!(message.json())).await
    }

    async fn beat(&self, beat: &Beat) -> Result<(), Fault> {
        let body = json!({ "v": 1, "site": beat.site, "at": beat.at, "every_s": beat.every.as_secs() });
        self.publish(&format!("{}/heartbeat", self.broker.topic), &body).await
    }
}

fn fault_of(error: &ConnectionError) -> Fault {
    if let ConnectionError::ConnectionRefused(code) = error {
        let (class, meaning) = match code {
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
                (Class::Final, Code::Credential)
            }
            ConnectReturnCode::ServiceUnavailable => (Class::Again, Code::Busy),
            ConnectReturnCode::Success
            | ConnectReturnCode::RefusedProtocolVersion
            | ConnectReturnCode::BadClientId => (Class::Final, Code::Rejected),
        };
        return Fault::new(class, meaning, format!("{code:?}"));
    }
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = at {
        if let Some(tls) = inside::<rustls::Error>(cause) {
            return Fault::new(Class::Again, Code::Tls, tls.to_string());
        }
        at = cause.source();
    }
    let code = if matches!(error, ConnectionError::Tls(_)) {
        Code::Tls
    } else if matches!(error, ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout) {
        Code::Timeout
    } else if matches!(error, ConnectionError::MqttState(StateError::Io(_) | StateError::ConnectionAborted)) {
        // A broker that hangs up after the publication refuses it: access lists of MQTT 3.1.1 say no that way.
        Code::Busy
    } else if matches!(error, ConnectionError::MqttState(_)) {
        Code::Shape
    } else {
        Code::Unreachable
    };
    Fault::new(Class::Again, code, error.to_string())
}
