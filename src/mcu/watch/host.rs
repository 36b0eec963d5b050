//! Asks whether a host answers at all, beside the interface of the device on it. Knows no device.
//!
//! A host that never answered such a question proves nothing by its silence: whoever asks must remember that.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::mcu::fault::is_own_side;

/// Longest wait for one sign of life.
const PATIENCE: Duration = Duration::from_millis(1500);
/// A port on which nothing listens as a rule: the refusal is the sign of life.
const QUIET_PORT: u16 = 9;
/// ICMP echo request and reply, RFC 792, and the same of RFC 4443.
const ECHO_V4: (u8, u8) = (8, 0);
const ECHO_V6: (u8, u8) = (128, 129);

/// Asks a host whether it is there.
#[async_trait]
pub trait Host: Send + Sync + fmt::Debug {
    /// Whether it gave any sign of life within a short time.
    async fn answers(&self) -> bool;
}

/// A host in the network: an ICMP echo where this process may send one, and a TCP connection to a quiet port; to be
/// refused there is an answer.
#[derive(Debug, Clone)]
pub struct NetworkHost {
    name: String,
}

impl NetworkHost {
    /// A host by its name or address.
    pub fn new(name: String) -> Self {
        Self { name }
    }
}

#[async_trait]
impl Host for NetworkHost {
    async fn answers(&self) -> bool {
        let resolved = timeout(PATIENCE, lookup_host((self.name.as_str(), QUIET_PORT))).await;
        let Some(at) = resolved.ok().and_then(Result::ok).and_then(|mut found| found.next()) else {
            return false;
        };
        let echoed = async { echoes(at.ip()).await.unwrap_or(false) };
        let (echoed, refused) = tokio::join!(echoed, refuses(at));
        echoed || refused
    }
}

/// Whether a TCP connection is taken or refused, rather than lost.
async fn refuses(at: SocketAddr) -> bool {
    match timeout(PATIENCE, TcpStream::connect(at)).await {
        Ok(Ok(_)) => true,
        // That we have no way out at all says nothing about a host.
        Ok(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused || is_own_side(&error),
        Err(_) => false,
    }
}

/// Whether an ICMP echo comes back. The kernel numbers and checks it; an error says that we may not ask.
async fn echoes(ip: IpAddr) -> io::Result<bool> {
    let (domain, protocol, (ask, reply)) = match ip {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, ECHO_V4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, ECHO_V6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(std::net::UdpSocket::from(socket))?;
    socket.send_to(&[ask, 0, 0, 0, 0, 0, 0, 1], (ip, 0)).await?;
    let mut answer = [0_u8; 64];
    let heard = async {
        loop {
            let (length, from) = socket.recv_from(&mut answer).await?;
            if from.ip() == ip && answer.get(..length).and_then(<[u8]>::first) == Some(&reply) {
                return Ok::<bool, io::Error>(true);
            }
        }
    };
    timeout(PATIENCE, heard).await.unwrap_or(Ok(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_answers_and_a_name_that_is_nobodys_does_not() {
        assert!(NetworkHost::new("127.0.0.1".into()).answers().await);
        assert!(!NetworkHost::new("nobody.invalid".into()).answers().await);
    }
}
