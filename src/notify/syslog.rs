//! A log host: RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587) or TLS (RFC 5425).
//!
//! The structured data holds what GB/T 22239-2019 8.1.4.3 b asks of a record: time, subject, type of event, whether it
//! succeeded, and what else belongs to it. The protocol has no receipt: over TCP the host reading to the end is taken
//! for one, over UDP that the packet left and nothing refused it.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use super::channel::{Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::guard::Guard;
use super::line::{Trust, inside};
use super::message::Message;
use super::pace::Pace;
use super::text::{Style, compose};
use crate::domain::id::ChannelId;
use crate::domain::notice::{NoticeKind, Urgency};

/// Longest time of one delivery.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long the host may take to read to the end.
const READ_OUT: Duration = Duration::from_secs(2);
/// How long a refusal of a UDP packet is waited for.
const REFUSAL: Duration = Duration::from_millis(100);
/// Longest text: with its header below the 2048 bytes that every receiver should take (RFC 5424 §6.1).
const TEXT_BYTES_MAX: usize = 1400;
/// Longest value of a parameter.
const VALUE_BYTES_MAX: usize = 120;
/// The private enterprise number that is set aside for examples and documentation (RFC 5612): vcops has none.
const SD_ID: &str = "vcops@32473";

/// How the log host is spoken to.
#[derive(Debug)]
pub enum Carriage {
    /// One packet each.
    Udp,
    /// One connection each.
    Tcp,
    /// One encrypted connection each.
    Tls(Trust),
}

/// A log host.
#[derive(Debug)]
pub struct LogHost {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How it is spoken to.
    pub carriage: Carriage,
    /// Facility, 0–23 (RFC 5424 §6.2.1); 16 is local0.
    pub facility: u8,
    /// What this host calls itself there.
    pub own_name: String,
}

/// A log host as a channel.
#[derive(Debug)]
pub struct Syslog {
    id: ChannelId,
    host: LogHost,
    guard: Guard,
    pace: Pace,
}

impl Syslog {
    /// Writes to that host.
    pub fn new(id: ChannelId, host: LogHost, guard: Guard, per_minute: u32) -> Self {
        Self { id, host, guard, pace: Pace::new(per_minute) }
    }

    async fn send(&self, line: &[u8]) -> Result<(), Fault> {
        let addresses = self.guard.resolve(&self.host.host, self.host.port).await?;
        let sent = match &self.host.carriage {
            // The guard gives at least one address.
            Carriage::Udp => by_udp(addresses[0], line).await,
            Carriage::Tcp => {
                read_out(connect(&addresses).await.map_err(|error| fault_of(&error))?, line).await
            }
            Carriage::Tls(trust) => self.by_tls(&addresses, trust, line).await?,
        };
        sent.map_err(|error| fault_of(&error))
    }

    async fn by_tls(
        &self,
        addresses: &[SocketAddr],
        trust: &Trust,
        line: &[u8],
    ) -> Result<io::Result<()>, Fault> {
        let name = ServerName::try_from(self.host.host.clone())
            .map_err(|error| Fault::new(Class::Final, Code::Tls, error.to_string()))?;
        let connector = TlsConnector::from(Arc::new(trust.client()?));
        let stream = connect(addresses).await.map_err(|error| fault_of(&error))?;
        let stream = connector.connect(name, stream).await.map_err(|error| fault_of(&error))?;
        Ok(read_out(stream, line).await)
    }
}

#[async_trait]
impl Channel for Syslog {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Bytes(TEXT_BYTES_MAX);
        Limits { text, patience: PATIENCE, personal: false, digests: false }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        let line = record(message, self.host.facility, &self.host.own_name);
        let late = |_| Fault::new(Class::Again, Code::Timeout, "the log host took too long");
        tokio::time::timeout(PATIENCE, self.send(line.as_bytes())).await.map_err(late)?
    }
}

/// One record, without the count before it.
pub fn record(message: &Message, facility: u8, own_name: &str) -> String {
    // RFC 5424 §6.2.1: 1 alert, 4 warning, 5 notice, 6 informational.
    let severity = match (message.kind, message.urgency) {
        (NoticeKind::AllClear, _) => 5,
        (_, Urgency::Urgent) => 1,
        (_, Urgency::Important) => 4,
        (_, Urgency::Routine) => 6,
    };
    let text = compose(message, Style::Short, TextLimit::Bytes(TEXT_BYTES_MAX));
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (priority, data) = (u32::from(facility.min(23)) * 8 + severity, data(message));
    // A byte-order mark says that the text is UTF-8 (RFC 5424 §6.4).
    format!(
        "<{priority}>1 {} {} vcops {} {} [{SD_ID}{data}] \u{feff}{text}",
        message.at,
        name(own_name, 255),
        std::process::id(),
        kind_word(message.kind),
    )
}

fn data(message: &Message) -> String {
    let mut data = String::new();
    let mut put = |name: &str, value: &str| {
        let value = super::text::cut(value, TextLimit::Bytes(VALUE_BYTES_MAX), VALUE_BYTES_MAX);
        let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let _ = write!(data, " {name}=\"{value}\"");
    };
    put("key", &message.key.0);
    if let Some(incident) = message.incident {
        put("incident", &incident.to_string());
    }
    put("site", &message.site);
    put("type", kind_word(message.kind));
    put("level", urgency_word(message.urgency));
    put("subject", "vcops");
    put("object", &message.title);
    put("result", "success");
    if message.drill {
        put("drill", "true");
    }
    if message.unrecorded {
        put("unrecorded", "true");
    }
    data
}

/// Printable ASCII without blanks (RFC 5424 §6), or `-`.
fn name(text: &str, most: usize) -> String {
    let name: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if name.is_empty() { "-".into() } else { name }
}

/// The words of the interface, as in JSON.
pub(super) fn kind_word(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Incident => "incident",
        NoticeKind::Escalation => "escalation",
        NoticeKind::Step => "step",
        NoticeKind::Report => "report",
        NoticeKind::Reminder => "reminder",
        NoticeKind::Digest => "digest",
        NoticeKind::AllClear => "all_clear",
        NoticeKind::Test => "test",
    }
}

/// The words of the interface, as in JSON.
pub(super) fn urgency_word(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Routine => "routine",
        Urgency::Important => "important",
        Urgency::Urgent => "urgent",
    }
}

async fn by_udp(at: SocketAddr, line: &[u8]) -> io::Result<()> {
    let any: SocketAddr = if at.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(at).await?;
    socket.send(line).await?;
    // A host without a listener refuses by ICMP, which shows at the next call.
    match tokio::time::timeout(REFUSAL, socket.recv(&mut [0; 1])).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// The first address that answers.
async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(Duration::from_secs(3), TcpStream::connect(addresses)).await.map_err(late)?
}

/// Octet counting: the length, a blank, the record. Then the host is let read to the end.
async fn read_out(mut stream: impl AsyncRead + AsyncWrite + Unpin, line: &[u8]) -> io::Result<()> {
    let mut framed = format!("{} ", line.len()).into_bytes();
    framed.extend_from_slice(line);
    stream.write_all(&framed).await?;
    stream.flush().await?;
    stream.shutdown().await?;
    // A host that closes has read all; one that keeps the connection has it in its buffers.
    match tokio::time::timeout(READ_OUT, stream.read(&mut [0; 1])).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => Err(error),
        Ok(Ok(_) | Err(_)) | Err(_) => Ok(()),
    }
}

fn fault_of(error: &io::Error) -> Fault {
    if let Some(tls) = inside::<rustls::Error>(error) {
        return Fault::new(Class::Again, Code::Tls, tls.to_string());
    }
    let broke = matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
    let code = if error.kind() == io::ErrorKind::TimedOut {
        Code::Timeout
    } else if broke {
        Code::Busy
    } else {
        Code::Unreachable
    };
    Fault::new(Class::Again, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn a_record_is_of_rfc_5424_and_cannot_be_broken_by_its_text() {
        let mut message = message();
        message.title = "MCU \"A\" [主用]\\失联\n<13>1 forged".into();
        message.why = String::new();
        let record = record(&message, 16, "hub 一");
        let pid = std::process::id();
        let expected = format!(
            "<129>1 {} hub vcops {pid} incident [vcops@32473 key=\"12-3\" incident=\"12\" site=\"市视联\" \
             type=\"incident\" level=\"urgent\" subject=\"vcops\" \
             object=\"MCU \\\"A\\\" [主用\\]\\\\失联\n<13>1 forged\" result=\"success\"] \
             \u{feff}【紧急】MCU \"A\" [主用]\\失联 <13>1 forged 13 个分会场无图像无声音 [12-3]",
            message.at
        );
        assert_eq!(record, expected.replace("失联\n<13>1 forged\" result", "失联 <13>1 forged\" result"));
        assert!(!record.contains('\n'));
    }
}
