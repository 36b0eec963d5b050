//! The kinds of values that settings have.

use std::fmt;
use std::net::SocketAddr;

use jiff::tz::TimeZone;
use url::Url;

use super::notify::LogCarriage;
use super::setting::{Setting, Spec};
use crate::domain::id::{ChannelId, CredentialId, EndpointId, EquipmentId, MappingId, McuId};
use crate::domain::inventory::Consent;
use crate::domain::lang::{Lang, Text};
use crate::domain::mcu::Interface;
use crate::intake::fields::Reading;
use crate::intake::mistake::Mistake;
use crate::intake::tree::{Node, Value};
use crate::intake::value::{parsed, text, whole, word, zone};
use crate::intake::words::Word;
use crate::link::reflector::Network;
use crate::notify::gateway::{Charset, Digesting, Expect, Kind};
use crate::notify::mail::Encryption;
use crate::observation::device::Device;

/// A host, by name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where an MQTT broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// Whether TLS is spoken: `mqtts`.
    pub tls: bool,
    /// Host and port.
    pub at: HostPort,
}

/// How loud the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// And what is worth waking someone for.
    Warn,
    /// And what happened.
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

impl LogLevel {
    /// The machine word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Word for Lang {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[(Self::Zh, &["zh"]), (Self::En, &["en"])];
}

impl Word for LogFormat {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Text, &["text"]), (Self::Json, &["json"])];
}

impl Word for LogLevel {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Error, &["error"]),
        (Self::Warn, &["warn"]),
        (Self::Info, &["info"]),
        (Self::Debug, &["debug"]),
        (Self::Trace, &["trace"]),
    ];
}

impl Word for Encryption {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Tls, &["tls"]), (Self::StartTls, &["starttls"]), (Self::None, &["none"])];
}

impl Word for LogCarriage {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Udp, &["udp"]), (Self::Tcp, &["tcp"]), (Self::Tls, &["tls"])];
}

impl Word for Kind {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Json, &["json"]), (Self::Form, &["form"]), (Self::Xml, &["xml"])];
}

impl Word for Charset {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Utf8, &["utf-8"]), (Self::Gbk, &["gbk"])];
}

impl Word for Digesting {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Md5, &["md5"]), (Self::Sha256, &["sha256"])];
}

macro_rules! words {
    ($($word:ident)+) => {$(
        impl Setting for $word {
            fn kind() -> Text {
                let words: Vec<String> = $word::WORDS.iter().map(|(_, words)| format!("`\"{}\"`", words[0])).collect();
                Text::new(words.join("、"), words.join(", "))
            }

            fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
                word(reading, node)
            }
        }
    )+};
}

words! { Lang LogFormat LogLevel Consent Interface Encryption LogCarriage Kind Charset Digesting }

macro_rules! numbers {
    ($($number:ident)+) => {$(
        impl Setting for $number {
            fn kind() -> Text {
                Text::new("整数", "a whole number")
            }

            fn read(reading: &mut Reading, node: &Node, spec: &Spec) -> Option<Self> {
                let (min, max) = spec.range.unwrap_or((0, i64::MAX));
                whole(min..=max)(reading, node)
            }
        }
    )+};
}

numbers! { u16 u32 u64 usize }

impl Setting for bool {
    fn kind() -> Text {
        Text::new("`true` 或 `false`", "`true` or `false`")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wanted = Text::new(" true 或 false", "true or false");
        let flag = match &node.value {
            Value::Flag(flag) => Ok(*flag),
            Value::Text(_) | Value::Whole(_) | Value::Number(_) => Err(()),
            Value::Moment(_) | Value::List(_) | Value::Table(_) => Err(()),
        };
        reading.keep(node.at, flag.map_err(|()| Mistake::wrong_kind(&wanted, &node.value.kind())))
    }
}

impl Setting for String {
    fn kind() -> Text {
        Text::new("文字", "text")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        text(reading, node)
    }
}

impl Setting for TimeZone {
    fn kind() -> Text {
        Text::new("时区名", "a time zone's name")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        zone(reading, node)
    }
}

impl Setting for SocketAddr {
    fn kind() -> Text {
        Text::new(" IP 地址和端口", "an IP address with a port")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        parsed(|text| text.parse().map_err(|_| Mistake::wrong_form(text, &Self::kind(), "127.0.0.1:8080")))(
            reading, node,
        )
    }
}

impl Setting for Network {
    fn kind() -> Text {
        Text::new(" IP 地址或网段", "an IP address or network")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        parsed(|text| text.parse().map_err(|_| Mistake::wrong_form(text, &Self::kind(), "10.43.0.0/16")))(
            reading, node,
        )
    }
}

macro_rules! names {
    ($($name:ident $example:literal)+) => {$(
        impl Setting for $name {
            fn kind() -> Text {
                Text::new("名称（小写字母、数字、连字符）", "a name (small letters, digits, hyphens)")
            }

            fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
                parsed(|text| Self::parse(text).map_err(|_| Mistake::wrong_form(text, &Self::kind(), $example)))(
                    reading, node,
                )
            }
        }
    )+};
}

names! { CredentialId "cameras" MappingId "room-sensors" ChannelId "duty-robot" }

/// A URL of http or https. It may hold a secret, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl(pub url::Url);

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebUrl({}://{}, …)", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

impl Setting for WebUrl {
    fn kind() -> Text {
        Text::new("网址，`http://` 或 `https://`", "a URL, `http://` or `https://`")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        // What was written may be a secret: it is not repeated.
        let wrong = || Mistake::wrong_form("…", &Self::kind(), "https://alerts.example/hook");
        let read = |text: &str| {
            let url: url::Url = text.parse().map_err(|_| wrong())?;
            let spoken = matches!(url.scheme(), "http" | "https") && url.has_host();
            if spoken { Ok(Self(url)) } else { Err(wrong()) }
        };
        parsed(read)(reading, node)
    }
}

/// A mail address.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(pub String);

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(…)")
    }
}

impl Setting for MailAddress {
    fn kind() -> Text {
        Text::new("邮箱地址", "a mail address")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let good = |text: &str| crate::notify::mail::address(text).is_ok();
        let read = |text: &str| match good(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(Mistake::wrong_form(text, &Self::kind(), "duty@example.gov.cn")),
        };
        parsed(read)(reading, node)
    }
}

impl Setting for Expect {
    fn kind() -> Text {
        Text::new("应答条件", "a condition on an answer")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        parsed(|text| text.parse().map_err(|_| Mistake::wrong_form(text, &Self::kind(), "json /code = 0")))(
            reading, node,
        )
    }
}

/// A device of the inventory, written as in the API: `mcus/prov-mcu`, `endpoints/a-codec`, `equipment/ups-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName(pub Device);

impl DeviceName {
    fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('/')?;
        let device = match kind {
            "mcus" => McuId::parse(id).ok().map(Device::Mcu),
            "endpoints" => EndpointId::parse(id).ok().map(Device::Endpoint),
            "equipment" => EquipmentId::parse(id).ok().map(Device::Equipment),
            _ => None,
        };
        device.map(Self)
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Device::Mcu(id) => write!(f, "mcus/{id}"),
            Device::Endpoint(id) => write!(f, "endpoints/{id}"),
            Device::Equipment(id) => write!(f, "equipment/{id}"),
        }
    }
}

impl Setting for DeviceName {
    fn kind() -> Text {
        Text::new("清单中的设备", "a device of the inventory")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wrong = |text: &str| Mistake::wrong_form(text, &Self::kind(), "mcus/prov-mcu");
        parsed(|text| Self::parse(text).ok_or_else(|| wrong(text)))(reading, node)
    }
}

/// An address below which paths stand: HTTP or HTTPS, without name, password or query, with a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpBase(pub Url);

impl HttpBase {
    fn parse(text: &str) -> Option<Self> {
        let slash = if text.ends_with('/') { "" } else { "/" };
        let url: Url = format!("{text}{slash}").parse().ok()?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let speaks = matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none();
        (plain && speaks).then_some(Self(url))
    }
}

impl Setting for HttpBase {
    fn kind() -> Text {
        Text::new(" HTTP 地址", "an HTTP address")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wrong = |text: &str| Mistake::wrong_form(text, &Self::kind(), "https://10.1.2.3:8445/");
        parsed(|text| Self::parse(text).ok_or_else(|| wrong(text)))(reading, node)
    }
}

/// The SHA-256 of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// From 64 hexadecimal digits; colons between them are left out.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text.replace(':', ""), &mut digest).ok()?;
        Some(Self(digest))
    }
}

impl Setting for Fingerprint {
    fn kind() -> Text {
        Text::new("SHA-256 指纹，64 位十六进制", "a SHA-256 fingerprint, 64 hexadecimal digits")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wrong = |text: &str| Mistake::wrong_form(text, &Self::kind(), "9F:86:D0:81:…");
        parsed(|text| Self::parse(text).ok_or_else(|| wrong(text)))(reading, node)
    }
}

impl Setting for HostPort {
    fn kind() -> Text {
        Text::new("主机和端口", "a host with a port")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wrong = |text: &str| Mistake::wrong_form(text, &Self::kind(), "vcops.example:8444");
        parsed(|text| host_port(text).ok_or_else(|| wrong(text)))(reading, node)
    }
}

impl Setting for BrokerUrl {
    fn kind() -> Text {
        Text::new(" MQTT 地址", "an MQTT address")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wrong = |text: &str| Mistake::wrong_form(text, &Self::kind(), "mqtts://broker.example:8883");
        parsed(|text| broker_url(text).ok_or_else(|| wrong(text)))(reading, node)
    }
}

fn host_port(text: &str) -> Option<HostPort> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let named = !host.is_empty() && (bare.is_some() || host.chars().all(plain));
    let port = port.parse().ok().filter(|port| *port != 0 && named)?;
    Some(HostPort { host, port })
}

/// The port may be left out: 8883 with TLS, 1883 without (MQTT 3.1.1 §4.2).
fn broker_url(text: &str) -> Option<BrokerUrl> {
    let (scheme, rest) = text.split_once("://")?;
    let (tls, port) = match scheme {
        "mqtts" => (true, 8883),
        "mqtt" => (false, 1883),
        _ => return None,
    };
    let rest = rest.trim_end_matches('/');
    let at = host_port(rest).or_else(|| host_port(&format!("{rest}:{port}")))?;
    Some(BrokerUrl { tls, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_bases_are_read_as_written() {
        let device = |text| DeviceName::parse(text).map(|name| name.to_string());
        for text in ["mcus/prov-mcu", "endpoints/a.codec", "equipment/ups_1"] {
            assert_eq!(device(text).as_deref(), Some(text));
        }
        for text in ["prov-mcu", "mcu/prov", "mcus/", "mcus/A", "mcus/a/b", ""] {
            assert_eq!(device(text), None, "{text}");
        }
        let base = |text| HttpBase::parse(text).map(|base| base.0.to_string());
        assert_eq!(base("https://10.1.2.3:8445").as_deref(), Some("https://10.1.2.3:8445/"));
        assert_eq!(base("http://vcops.city/devices/").as_deref(), Some("http://vcops.city/devices/"));
        for text in
            ["10.1.2.3:8445", "ftp://a/", "https://me:secret@a/", "https://a/?b=1", "https://a/#b", ""]
        {
            assert_eq!(base(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_and_brokers_are_read_as_written() {
        let cases = [
            ("a.example:80", Some("a.example:80")),
            ("[::1]:80", Some("[::1]:80")),
            ("10.0.0.1:862", Some("10.0.0.1:862")),
            ("a.example", None),
            ("a.example:0", None),
            ("a b:80", None),
            (":80", None),
            ("::1:80", None),
        ];
        for (text, expected) in cases {
            assert_eq!(host_port(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
        let url = broker_url("mqtts://b.example/").unwrap();
        assert_eq!((url.tls, url.at.port), (true, 8883));
        assert_eq!(broker_url("https://b.example"), None);
    }
}
