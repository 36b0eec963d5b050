//! Asks with OPTIONS (RFC 3261 §11) whether somebody answers. Any final answer is a sign of life, a refusal too.
//!
//! Each question has a socket of its own that is connected to whom it asks: so the kernel drops what others send, and
//! tells when nobody listens there. Must not know what silence means.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::reply::{Framed, MESSAGE_BYTES_MAX, Reply, frame};
use super::target::{Target, Transport};

/// Time to the first repetition over UDP; each is twice as far as the one before (RFC 3261 §17.1.2.1).
const T1: Duration = Duration::from_millis(500);
/// Longest distance of two repetitions.
const T2: Duration = Duration::from_secs(4);

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Somebody answered.
    Answered(Answer),
    /// Nobody answered in time.
    NoAnswer,
    /// Nobody listens there, or no way leads there.
    Unreachable(String),
    /// The name leads to no address.
    NameUnknown(String),
    /// Something answers that does not speak SIP.
    NotSip,
    /// Our own trouble: no socket, not permitted.
    Ours(String),
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code, 200–699.
    pub code: u16,
    /// Its phrase.
    pub phrase: String,
    /// What answers, in its own words.
    pub server: Option<String>,
    /// From the question that was sent last to its answer.
    pub round_trip: Duration,
    /// Where the question was sent.
    pub address: SocketAddr,
}

impl Answer {
    /// Whether a call to there may be tried: 401, 403, 404 and their like say that somebody lives and takes no call.
    pub fn dialable(&self) -> bool {
        matches!(self.code, 200..=299 | 486 | 600)
    }
}

/// Asks once and waits at most `patience`, a name's address included.
pub async fn options(target: &Target, patience: Duration) -> Seen {
    let until = Instant::now() + patience;
    let Ok(found) = timeout_at(until, target.resolve()).await else { return Seen::NoAnswer };
    let address = match found {
        Ok(address) => address,
        Err(unknown) => return Seen::NameUnknown(unknown.0),
    };
    let asked = match target.transport() {
        Transport::Udp => over_udp(target, address, until).await,
        Transport::Tcp => over_tcp(target, address, until).await,
    };
    asked.unwrap_or_else(|error| trouble(&error))
}

async fn over_udp(target: &Target, address: SocketAddr, until: Instant) -> io::Result<Seen> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let question = Question::new(target, socket.local_addr()?);
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    let (mut pause, mut garbled) = (T1, false);
    while Instant::now() < until {
        socket.send(question.text.as_bytes()).await?;
        let (sent, next) = (Instant::now(), (Instant::now() + pause).min(until));
        while let Ok(length) = timeout_at(next, socket.recv(&mut buffer)).await {
            match question.answered(&buffer[..length?], sent, address) {
                Heard::Final(answer) => return Ok(Seen::Answered(answer)),
                Heard::Garbage => garbled = true,
                Heard::Nothing => {}
            }
        }
        pause = (pause * 2).min(T2);
    }
    Ok(if garbled { Seen::NotSip } else { Seen::NoAnswer })
}

async fn over_tcp(target: &Target, address: SocketAddr, until: Instant) -> io::Result<Seen> {
    let Ok(connected) = timeout_at(until, TcpStream::connect(address)).await else {
        return Ok(Seen::NoAnswer);
    };
    let mut stream = connected?;
    let question = Question::new(target, stream.local_addr()?);
    let sent = Instant::now();
    let asked = timeout_at(until, async {
        stream.write_all(question.text.as_bytes()).await?;
        read_answer(&mut stream, &question, sent, address).await
    });
    let asked = asked.await.unwrap_or(Ok(Seen::NoAnswer));
    // Who closes a fresh connection has nothing to say in SIP, but somebody is there.
    Ok(asked.unwrap_or(Seen::NotSip))
}

async fn read_answer(
    stream: &mut TcpStream,
    question: &Question,
    sent: Instant,
    address: SocketAddr,
) -> io::Result<Seen> {
    let mut bytes = Vec::new();
    loop {
        match frame(&bytes) {
            Framed::Broken => return Ok(Seen::NotSip),
            Framed::Incomplete => {
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Ok(Seen::NotSip);
                }
            }
            Framed::Whole(length) => {
                match question.answered(&bytes[..length], sent, address) {
                    Heard::Final(answer) => return Ok(Seen::Answered(answer)),
                    Heard::Garbage => return Ok(Seen::NotSip),
                    Heard::Nothing => {}
                }
                bytes.drain(..length);
            }
        }
    }
}

/// One OPTIONS request.
struct Question {
    text: String,
    branch: String,
}

enum Heard {
    Final(Answer),
    /// An answer to something else, or not the last one.
    Nothing,
    Garbage,
}

impl Question {
    fn new(target: &Target, local: SocketAddr) -> Self {
        let branch = format!("z9hG4bK{:016x}", rand::random::<u64>());
        let (tag, call) = (rand::random::<u32>(), rand::random::<u64>());
        let transport = match target.transport() {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        let text = format!(
            "OPTIONS {target} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {local};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:vcops@{local}>;tag={tag:08x}\r\n\
             To: <{target}>\r\n\
             Call-ID: {call:016x}\r\n\
             CSeq: 1 OPTIONS\r\n\
             Contact: <sip:vcops@{local}>\r\n\
             Accept: application/sdp\r\n\
             User-Agent: vcops\r\n\
             Content-Length: 0\r\n\r\n"
        );
        Self { text, branch }
    }

    fn answered(&self, bytes: &[u8], sent: Instant, address: SocketAddr) -> Heard {
        // Keep-alives of RFC 5626 are no messages.
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Heard::Nothing;
        }
        match Reply::parse(bytes) {
            Ok(reply) if reply.is_final() && reply.branch == self.branch && reply.method == "OPTIONS" => {
                let Reply { code, phrase, server, .. } = reply;
                Heard::Final(Answer { code, phrase, server, round_trip: sent.elapsed(), address })
            }
            Ok(_) | Err(super::reply::NotAReply::Request) => Heard::Nothing,
            Err(super::reply::NotAReply::Damaged | super::reply::NotAReply::Untied) => Heard::Garbage,
        }
    }
}

fn trouble(error: &io::Error) -> Seen {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    if matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
        Seen::Unreachable(error.kind().to_string())
    } else {
        Seen::Ours(error.kind().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_sign_of_life_and_no_invitation() {
        let answer = |code| Answer {
            code,
            phrase: String::new(),
            server: None,
            round_trip: Duration::ZERO,
            address: ([127, 0, 0, 1], 5060).into(),
        };
        let dialable: Vec<u16> = [200, 202, 401, 403, 404, 407, 480, 486, 503, 600]
            .into_iter()
            .filter(|code| answer(*code).dialable())
            .collect();
        assert_eq!(dialable, [200, 202, 486, 600]);
    }
}
