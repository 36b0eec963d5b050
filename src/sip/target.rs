//! Whom to speak SIP to: a SIP URI or `host:port`, as people and inventories write it. Resolves names, knows no calls.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Port where none is written (RFC 3261 §19.1.2).
pub const PORT: u16 = 5060;
/// Longest address that is read, in bytes.
pub const TARGET_BYTES_MAX: usize = 512;
/// Longest wait for a name.
const RESOLVE: Duration = Duration::from_secs(2);

/// What is between us and whom we speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
}

/// Whom to speak SIP to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    transport: Transport,
    parameters: Vec<(String, String)>,
}

/// Why a text is nobody's SIP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATarget {
    /// Longer than [`TARGET_BYTES_MAX`], or with blanks, control characters, quotes or angle brackets.
    #[error("a SIP address is short and has no blanks, quotes or angle brackets")]
    Characters,
    /// `sips:`, `tel:` or another scheme.
    #[error("only sip: is spoken, over UDP or TCP")]
    Scheme,
    /// A password in the address.
    #[error("a SIP address holds no password: name a credential instead")]
    Password,
    /// No host, or one that is not a name or an address.
    #[error("the SIP address names no host")]
    Host,
    /// A port that is not 1–65535.
    #[error("the port of the SIP address is not 1 to 65535")]
    Port,
    /// A transport other than UDP and TCP.
    #[error("only UDP and TCP are spoken")]
    Transport,
}

/// Why a name led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name {0} leads to no address")]
pub struct NameUnknown(pub String);

impl Target {
    /// Reads `sip:user@host:port;transport=tcp`, with or without each part but the host.
    ///
    /// # Errors
    /// See [`NotATarget`].
    pub fn parse(text: &str) -> Result<Self, NotATarget> {
        let text = text.trim();
        let foreign = |c: char| c.is_control() || c.is_whitespace() || "<>\"\\?,".contains(c);
        if text.len() > TARGET_BYTES_MAX || text.contains(foreign) {
            return Err(NotATarget::Characters);
        }
        let mut parts = without_scheme(text)?.split(';');
        let address = parts.next().unwrap_or_default();
        let parameters = parts.filter(|part| !part.is_empty()).map(parameter).collect::<Vec<_>>();
        let (user, place) = match address.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, address),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(NotATarget::Password);
        }
        let (host, port) = place_of(place)?;
        let user = user.filter(|user| !user.is_empty()).map(str::to_owned);
        let transport = transport_of(&parameters)?;
        Ok(Self { user, host: host.to_owned(), port, transport, parameters })
    }

    /// How it is spoken to.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(PORT)
    }

    /// Its port, if one is written.
    pub fn written_port(&self) -> Option<u16> {
        self.port
    }

    /// Host as written: a name or an address, an IPv6 one without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Who is called there, if anybody is named.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A URI parameter by its name in lower case; empty when it has no value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The address to send to. Names are asked of the system's resolver.
    ///
    /// # Errors
    /// When the name leads nowhere in two seconds.
    pub async fn resolve(&self) -> Result<SocketAddr, NameUnknown> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, self.port()));
        }
        let found = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((self.host.as_str(), self.port())));
        let unknown = || NameUnknown(self.host.clone());
        found.await.ok().and_then(Result::ok).and_then(|mut all| all.next()).ok_or_else(unknown)
    }
}

/// As a SIP URI, without parameters of our own.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sip:")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match self.transport {
            Transport::Udp => Ok(()),
            Transport::Tcp => f.write_str(";transport=tcp"),
        }
    }
}

fn without_scheme(text: &str) -> Result<&str, NotATarget> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("sip") => Ok(&text[4..]),
        Some("sips" | "tel" | "h323" | "http" | "https") => Err(NotATarget::Scheme),
        _ => Ok(text),
    }
}

fn parameter(part: &str) -> (String, String) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    (name.to_ascii_lowercase(), value.to_owned())
}

fn transport_of(parameters: &[(String, String)]) -> Result<Transport, NotATarget> {
    let written = parameters.iter().find(|(name, _)| name == "transport");
    match written.map(|(_, value)| value.to_ascii_lowercase()).as_deref() {
        None | Some("udp") => Ok(Transport::Udp),
        Some("tcp") => Ok(Transport::Tcp),
        Some(_) => Err(NotATarget::Transport),
    }
}

fn place_of(place: &str) -> Result<(&str, Option<u16>), NotATarget> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(NotATarget::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| NotATarget::Host)?;
            (host, port.strip_prefix(':').or((!port.is_empty()).then_some("?")))
        }
        None => {
            let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
            let named = |c: char| c.is_alphanumeric() || c == '.' || c == '-' || c == '_';
            if host.is_empty() || !host.chars().all(named) {
                return Err(NotATarget::Host);
            }
            (host, port)
        }
    };
    let port = port.map(|port| port.parse().ok().filter(|port| *port > 0).ok_or(NotATarget::Port));
    Ok((host, port.transpose()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let cases = [
            ("sip:3001@10.1.1.2", "sip:3001@10.1.1.2", 5060, Transport::Udp),
            ("10.1.1.2:5070", "sip:10.1.1.2:5070", 5070, Transport::Udp),
            ("SIP:codec.a.gov.cn;transport=TCP", "sip:codec.a.gov.cn;transport=tcp", 5060, Transport::Tcp),
            ("sip:[2001:db8::1]:5061;ng=10.1.1.2:2223", "sip:[2001:db8::1]:5061", 5061, Transport::Udp),
            ("room@mcu", "sip:room@mcu", 5060, Transport::Udp),
        ];
        for (text, written, port, transport) in cases {
            let target = Target::parse(text).unwrap();
            assert_eq!(
                (target.to_string().as_str(), target.port(), target.transport()),
                (written, port, transport)
            );
        }
        let with_ng = Target::parse("sip:mcu;NG=10.1.1.2:2223").unwrap();
        assert_eq!(with_ng.parameter("ng"), Some("10.1.1.2:2223"));
    }

    #[test]
    fn what_is_no_address_says_why() {
        let cases = [
            ("sips:a@b", NotATarget::Scheme),
            ("h323:a@b", NotATarget::Scheme),
            ("sip:a:secret@b", NotATarget::Password),
            ("sip:a@", NotATarget::Host),
            ("", NotATarget::Host),
            ("sip:[::1", NotATarget::Host),
            ("sip:b:0", NotATarget::Port),
            ("sip:b:70000", NotATarget::Port),
            ("sip:b;transport=tls", NotATarget::Transport),
            ("sip:a@b\r\nVia: x", NotATarget::Characters),
        ];
        for (text, why) in cases {
            assert_eq!(Target::parse(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(text in "(sip:)?([a-z0-9]{1,5}@)?[a-z0-9.:\\[\\]@-]{0,20}(;transport=(udp|tcp))?") {
            if let Ok(target) = Target::parse(&text) {
                let again = Target::parse(&target.to_string()).unwrap();
                prop_assert_eq!(again.to_string(), target.to_string());
                prop_assert_eq!((again.port(), again.transport()), (target.port(), target.transport()));
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,60}") {
            let _ = Target::parse(&text);
        }
    }
}
