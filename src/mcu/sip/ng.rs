//! The ng protocol of rtpengine: one datagram each way, a cookie that ties them together, bencode within.
//!
//! rtpengine remembers its answer to a cookie for some seconds and gives it again to whoever repeats the question, so
//! a repeated datagram is carried out once. Must not know what is asked for.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::bencode::Value;
use crate::mcu::budget::Budget;
use crate::mcu::fault::Fault;
use crate::mcu::http::Intent;
use crate::sip::target::Target;

/// Largest datagram.
const REPLY_BYTES_MAX: usize = 65_535;
/// Longest wait for an answer, repetitions included. Far below the time for which rtpengine remembers a cookie.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time to the first repetition; the next is twice as far.
const REPEAT: Duration = Duration::from_millis(400);

/// How one rtpengine is spoken to.
#[derive(Debug, Clone)]
pub struct NgLine {
    target: Target,
    budget: Arc<Budget>,
}

impl NgLine {
    /// A line to `host:port`, with the budget of its device.
    pub fn new(target: Target, budget: Arc<Budget>) -> Self {
        Self { target, budget }
    }

    /// Asks once, under a cookie of its own.
    ///
    /// # Errors
    /// A [`Fault`]; [`Fault::Said`] when rtpengine says no.
    pub async fn ask(&self, command: &str, about: &[(&str, Value)]) -> Result<Value, Fault> {
        self.ask_as(&format!("{:016x}", rand::random::<u64>()), command, about, Intent::Read).await
    }

    /// Asks under a cookie: the same cookie within some seconds is the same request.
    ///
    /// # Errors
    /// See [`NgLine::ask`].
    pub async fn ask_as(
        &self,
        cookie: &str,
        command: &str,
        about: &[(&str, Value)],
        intent: Intent,
    ) -> Result<Value, Fault> {
        match intent {
            Intent::Read => self.budget.read().await?,
            Intent::Act => self.budget.act(),
        }
        let address = self.target.resolve().await.map_err(|name| Fault::Unreachable(name.to_string()))?;
        let request = request(cookie, command, about);
        let answer = exchange(address, cookie, &request).await.map_err(|error| fault_of(&error))?;
        judged(answer?)
    }
}

/// Cookie, blank, dictionary.
fn request(cookie: &str, command: &str, about: &[(&str, Value)]) -> Vec<u8> {
    let command = ("command", Value::text(command));
    let pairs = about.iter().cloned().chain([command]);
    let pairs = pairs.map(|(key, value)| (key.as_bytes().to_vec(), value)).collect();
    let mut out = format!("{cookie} ").into_bytes();
    Value::Dictionary(pairs).write(&mut out);
    out
}

/// The answer's bencode, cut from its cookie; `None` for an answer to another question.
pub fn answer<'a>(datagram: &'a [u8], cookie: &str) -> Option<&'a [u8]> {
    datagram.strip_prefix(cookie.as_bytes())?.strip_prefix(b" ")
}

async fn exchange(address: SocketAddr, cookie: &str, request: &[u8]) -> io::Result<Result<Value, Fault>> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected: what others send is dropped, and a closed port is told.
    socket.connect(address).await?;
    let until = Instant::now() + PATIENCE;
    let (mut pause, mut buffer) = (REPEAT, vec![0; REPLY_BYTES_MAX]);
    while Instant::now() < until {
        socket.send(request).await?;
        let next = (Instant::now() + pause).min(until);
        while let Ok(length) = timeout_at(next, socket.recv(&mut buffer)).await {
            if let Some(bytes) = answer(&buffer[..length?], cookie) {
                return Ok(Value::parse(bytes).map_err(|error| Fault::Shape(error.to_string())));
            }
        }
        pause *= 2;
    }
    Ok(Err(Fault::Timeout { sent: true }))
}

fn judged(answer: Value) -> Result<Value, Fault> {
    match answer.str("result") {
        Some("ok" | "pong") => Ok(answer),
        Some("load limit") => Err(Fault::Busy("load limit".to_owned())),
        Some(code) => {
            let words = answer.str("error-reason").unwrap_or_default();
            let bounded = crate::domain::mcu::bounded;
            Err(Fault::Said { code: bounded(code).to_owned(), words: bounded(words).to_owned() })
        }
        None => Err(Fault::Shape("an answer without a result".to_owned())),
    }
}

fn fault_of(error: &io::Error) -> Fault {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
        Fault::Unreachable(error.kind().to_string())
    } else {
        Fault::Ours(error.kind().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_cookie_and_dictionary() {
        let about = [("call-id", Value::text("a b"))];
        assert_eq!(request("c1", "query", &about), b"c1 d7:call-id3:a b7:command5:querye");
        assert_eq!(answer(b"c1 d6:result4:ponge", "c1"), Some(&b"d6:result4:ponge"[..]));
        assert_eq!(answer(b"c12 de", "c1"), None);
    }

    #[test]
    fn a_no_is_told_from_an_answer_of_another_shape() {
        let said = |bytes: &[u8]| judged(Value::parse(bytes).unwrap()).map(|_| ());
        let unknown = Fault::Said { code: "error".into(), words: "Unknown call-id".into() };
        assert_eq!(said(b"d6:result4:ponge"), Ok(()));
        assert_eq!(said(b"d12:error-reason15:Unknown call-id6:result5:errore"), Err(unknown));
        assert_eq!(said(b"d6:result10:load limite"), Err(Fault::Busy("load limit".into())));
        assert!(matches!(said(b"d6:resulti1ee"), Err(Fault::Shape(_))));
        assert!(matches!(said(b"le"), Err(Fault::Shape(_))));
    }
}
