//! Opens the WebSocket of an SMC: our own TCP and TLS, the ticket, the signature. Knows nothing of what is said on it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error as SocketError;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request as Upgrade;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use zeroize::Zeroizing;

use super::Smc3;
use super::portal::Request;
use super::reply;
use super::stomp::FRAME_BYTES_MAX;
use crate::mcu::fault::{AuthWhy, Fault};

/// Longest wait for a connection, and again for the upgrade.
const CONNECT: Duration = Duration::from_secs(2);
const UPGRADE: Duration = Duration::from_secs(5);

/// A connection, with or without TLS.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Io for T {}

/// The open WebSocket.
pub(super) type Socket = WebSocketStream<Box<dyn Io>>;

/// How we say who we are. The manual has a signature; programs in use send name and password instead.
#[derive(Debug, Clone, Copy)]
enum Proof {
    Signature,
    Password,
}

/// Opens it with a signature, and where that is refused with name and password.
pub(super) async fn open(smc: &Smc3) -> Result<Socket, Fault> {
    match upgrade(smc, Proof::Signature).await {
        Err(Fault::Auth(_)) => upgrade(smc, Proof::Password).await,
        other @ (Ok(_) | Err(_)) => other,
    }
}

async fn upgrade(smc: &Smc3, proof: Proof) -> Result<Socket, Fault> {
    let request = match proof {
        Proof::Signature => signed(smc).await?,
        Proof::Password => with_password(smc)?,
    };
    let io = connect(smc).await?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(2 * FRAME_BYTES_MAX))
        .max_frame_size(Some(2 * FRAME_BYTES_MAX));
    let upgraded = tokio::time::timeout(UPGRADE, client_async_with_config(request, io, Some(config))).await;
    match upgraded {
        Err(_) => Err(Fault::Timeout { sent: true }),
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(fault_of(&error)),
    }
}

async fn connect(smc: &Smc3) -> Result<Box<dyn Io>, Fault> {
    let base = smc.line.base();
    let (host, port) = (base.host_str().unwrap_or_default(), base.port_or_known_default().unwrap_or(443));
    let tcp = tokio::time::timeout(CONNECT, TcpStream::connect((host.trim_matches(['[', ']']), port)))
        .await
        .map_err(|_| Fault::Timeout { sent: false })?
        .map_err(|error| Fault::Unreachable(error.to_string()))?;
    if base.scheme() != "https" {
        return Ok(Box::new(tcp));
    }
    let name = host.trim_matches(['[', ']']).to_owned();
    let name = name.try_into().map_err(|_| Fault::Tls("no name for a certificate".into()))?;
    let connector = TlsConnector::from(Arc::new(smc.tls.clone()));
    let tls = tokio::time::timeout(UPGRADE, connector.connect(name, tcp))
        .await
        .map_err(|_| Fault::Timeout { sent: false })?
        .map_err(|error| Fault::Tls(error.to_string()))?;
    Ok(Box::new(tls))
}

/// The signature covers the time, our name, a ticket that was fetched for this, and the token of the portal.
async fn signed(smc: &Smc3) -> Result<Upgrade, Fault> {
    let user = smc.login.user.as_str();
    let name: String = url::form_urlencoded::byte_serialize(user.as_bytes()).collect();
    let path = format!("tickets?username={name}");
    let ticket = reply::bare_token(&smc.read(&Request::get(path)).await?.body)?;
    let token = smc.conf.uuid().await?;
    let time = jiff::Timestamp::now().as_millisecond().to_string();
    let signature = signature(&time, user, &ticket, &token);
    address(smc, &format!("?timestamp={time}&signature={signature}&username={name}"))
}

fn signature(time: &str, user: &str, ticket: &str, token: &str) -> String {
    let text = Zeroizing::new(format!("timestamp={time}|username={user}|ticket={ticket}|token={token}"));
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn with_password(smc: &Smc3) -> Result<Upgrade, Fault> {
    let mut request = address(smc, "")?;
    let both = Zeroizing::new(format!("{}:{}", smc.login.user, smc.login.secret.as_str()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(both.as_bytes());
    let mut value =
        HeaderValue::from_str(&format!("Basic {encoded}")).map_err(|_| Fault::Auth(AuthWhy::Wrong))?;
    value.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(request)
}

fn address(smc: &Smc3, query: &str) -> Result<Upgrade, Fault> {
    let base = smc.line.base();
    let origin = base.origin().ascii_serialization();
    let place = base.join("conf-portal/websocket").map_err(|error| Fault::Shape(error.to_string()))?;
    let place = place.as_str().replacen("http", "ws", 1) + query;
    let mut request = place.into_client_request().map_err(|error| fault_of(&error))?;
    let origin = HeaderValue::from_str(&origin).map_err(|_| Fault::Shape("origin".into()))?;
    request.headers_mut().insert(header::ORIGIN, origin);
    Ok(request)
}

fn fault_of(error: &SocketError) -> Fault {
    let SocketError::Http(response) = error else {
        // The connection was there and broke, or what came is no upgrade.
        return Fault::Timeout { sent: true };
    };
    match response.status() {
        StatusCode::UNAUTHORIZED => Fault::Auth(AuthWhy::Wrong),
        StatusCode::FORBIDDEN => Fault::Auth(AuthWhy::Denied),
        StatusCode::TOO_MANY_REQUESTS => Fault::RateLimited { retry_after: None },
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Fault::Busy(response.status().as_u16().to_string())
        }
        other => Fault::Shape(format!("HTTP {} instead of an upgrade", other.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_digest_of_the_four_in_their_order() {
        let expected = Sha256::digest(b"timestamp=1|username=u|ticket=t|token=k");
        assert_eq!(signature("1", "u", "t", "k"), hex::encode(expected));
    }
}
