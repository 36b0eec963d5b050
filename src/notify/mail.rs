//! Mail by SMTP, encrypted as the settings say.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use lettre::address::AddressError;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message as Letter, Tokio1Executor};
use zeroize::Zeroizing;

use super::channel::{Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::guard::Guard;
use super::line::{Trust, inside};
use super::message::{Addressee, Message};
use super::pace::Pace;
use super::secret::Secrets;
use super::text::{Style, compose, subject};
use crate::domain::id::ChannelId;

/// Longest time of one command of the protocol.
const COMMAND: Duration = Duration::from_secs(5);
/// Longest time of one delivery.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest text.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314), port 465 as a rule.
    Tls,
    /// STARTTLS, never without (RFC 3207), port 587 as a rule.
    StartTls,
    /// In the clear.
    None,
}

/// A mail server and what is written on the envelope.
pub struct MailServer {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How it is spoken to.
    pub encryption: Encryption,
    /// Name and password, if it asks for them.
    pub login: Option<(String, Zeroizing<String>)>,
    /// Sender.
    pub from: Address,
    /// Who receives what is for whoever reads the channel.
    pub group: Vec<Address>,
    /// Whose certificates count.
    pub trust: Trust,
}

impl std::fmt::Debug for MailServer {
    /// Hides the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailServer").field("host", &self.host).finish_non_exhaustive()
    }
}

/// Reads a mail address.
pub fn address(text: &str) -> Result<Address, AddressError> {
    text.parse()
}

/// Mail.
#[derive(Debug)]
pub struct Mail {
    id: ChannelId,
    server: MailServer,
    guard: Guard,
    secrets: Secrets,
    pace: Pace,
}

impl Mail {
    /// Mail by that server.
    pub fn new(id: ChannelId, server: MailServer, guard: Guard, per_minute: u32) -> Self {
        let secrets = Secrets::new(server.login.iter().map(|(_, password)| password.clone()));
        Self { id, server, guard, secrets, pace: Pace::new(per_minute) }
    }

    async fn send(&self, message: &Message) -> Result<(), Fault> {
        let letter = self.letter(message)?;
        let addresses = self.guard.resolve(&self.server.host, self.server.port).await?;
        let mut last = None;
        for at in addresses.into_iter().take(3) {
            match self.transport(&at.ip().to_string())?.send(letter.clone()).await {
                Ok(_) => return Ok(()),
                // Another address of the same server may answer; a server that answered has said what it had to.
                Err(error) => match fault_of(&error) {
                    fault @ Fault { code: Code::Unreachable, .. } => last = Some(fault),
                    fault => return Err(fault),
                },
            }
        }
        Err(last.unwrap_or_else(|| Fault::new(Class::Again, Code::Unreachable, "no address answered")))
    }

    /// The connection goes to an address that was judged; the certificate must be that of the name.
    fn transport(&self, ip: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, Fault> {
        let server = &self.server;
        let tls = match server.encryption {
            Encryption::Tls => Tls::Wrapper(self.tls()?),
            Encryption::StartTls => Tls::Required(self.tls()?),
            Encryption::None => Tls::None,
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(ip)
            .port(server.port)
            .tls(tls)
            .hello_name(ClientId::Domain("vcops.localdomain".into()))
            .timeout(Some(COMMAND));
        Ok(match &server.login {
            Some((user, password)) => {
                transport.credentials(Credentials::new(user.clone(), password.to_string())).build()
            }
            None => transport.build(),
        })
    }

    fn tls(&self) -> Result<TlsParameters, Fault> {
        let ours =
            |error: lettre::transport::smtp::Error| Fault::new(Class::Final, Code::Tls, error.to_string());
        let mut parameters =
            TlsParameters::builder(self.server.host.clone()).certificate_store(CertificateStore::None);
        for authority in &self.server.trust.0 {
            let certificate = Certificate::from_der(authority.to_vec()).map_err(ours)?;
            parameters = parameters.add_root_certificate(certificate);
        }
        parameters.build_rustls().map_err(ours)
    }

    fn letter(&self, message: &Message) -> Result<Letter, Fault> {
        let ours = |error: &dyn Error| Fault::new(Class::Final, Code::Ours, error.to_string());
        let text = compose(message, Style::Full, self.limits().text);
        let from = Mailbox::new(
            Some(message.site.clone()).filter(|site| !site.is_empty()),
            self.server.from.clone(),
        );
        let sent = std::time::UNIX_EPOCH + Duration::from_micros(message.at.0.unsigned_abs());
        // The same for every attempt: a mailbox may put a repetition away.
        let name = format!("<{}.{}@{}>", message.key.0, message.at.0, self.server.from.domain());
        let mut letter =
            Letter::builder().from(from).subject(subject(message)).date(sent).message_id(Some(name));
        for to in self.recipients(&message.to)? {
            letter = letter.to(Mailbox::new(None, to));
        }
        letter.header(ContentType::TEXT_PLAIN).body(text).map_err(|error| ours(&error))
    }

    fn recipients(&self, to: &Addressee) -> Result<Vec<Address>, Fault> {
        let none = || Fault::new(Class::Final, Code::NoAddress, "no mail address");
        let found = match to {
            Addressee::Group => self.server.group.clone(),
            Addressee::Person { mail, .. } => {
                let mail = mail.as_deref().ok_or_else(none)?;
                vec![
                    address(mail)
                        .map_err(|error| Fault::new(Class::Final, Code::NoAddress, error.to_string()))?,
                ]
            }
        };
        if found.is_empty() { Err(none()) } else { Ok(found) }
    }
}

#[async_trait]
impl Channel for Mail {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Bytes(TEXT_BYTES_MAX);
        Limits { text, patience: PATIENCE, personal: true, digests: true }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        let late = |_| Fault::new(Class::Again, Code::Timeout, "the server took too long");
        let sent =
            tokio::time::timeout(PATIENCE, self.send(message)).await.map_err(late).and_then(|sent| sent);
        sent.map_err(|fault| Fault { detail: self.secrets.redact(fault.detail), ..fault })
    }
}

/// RFC 5321 §4.2.1: 4yz may go later, 5yz never; 535 (RFC 4954) is the password.
fn fault_of(error: &lettre::transport::smtp::Error) -> Fault {
    let mut words = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        if let Some(tls) = inside::<rustls::Error>(cause) {
            return Fault::new(Class::Again, Code::Tls, tls.to_string());
        }
        words = cause.to_string();
        at = cause.source();
    }
    let status = error.status().map(u16::from);
    let (class, code) = match status {
        Some(530 | 534 | 535 | 538) => (Class::Final, Code::Credential),
        Some(421) => (Class::Again, Code::Busy),
        Some(450..=452) => (Class::Again, Code::Busy),
        Some(400..=499) => (Class::Again, Code::Busy),
        Some(_) => (Class::Final, Code::Rejected),
        None if error.is_tls() => (Class::Again, Code::Tls),
        None if error.is_timeout() => (Class::Again, Code::Timeout),
        None if error.is_client() => (Class::Final, Code::Ours),
        None if error.is_response() => (Class::Again, Code::Shape),
        None => (Class::Again, Code::Unreachable),
    };
    Fault::new(class, code, words)
}
