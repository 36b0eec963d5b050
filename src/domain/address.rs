//! How the address of a device's interface is written: which form each interface takes, and that no secret is in it.
//!
//! Knows no protocol beyond the shape of its addresses, and connects to nothing.

use super::mcu::{Control, Interface};

/// Longest address, in bytes.
pub const ADDRESS_BYTES_MAX: usize = 512;

/// Longest name of a host, in bytes (RFC 1035 §2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// The form of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressForm {
    /// `http://` or `https://`, with a path if need be.
    Http,
    /// `host` or `host:port`; an IPv6 address in square brackets.
    Host,
    /// A SIP URI (RFC 3261 §19.1) or `host:port`.
    Sip,
}

/// Why a text is not the address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BadAddress {
    /// Longer than [`ADDRESS_BYTES_MAX`].
    TooLong,
    /// A blank or a control character.
    Character,
    /// Not in the form that the interface asks for.
    Form(AddressForm),
    /// No host, or none that can be one; a port outside 1 to 65535.
    Host,
    /// A user name, a password or a query, where secrets hide.
    Secret,
    /// A second address for an interface that has one.
    OneOnly,
}

impl Interface {
    /// The form of its address.
    pub fn address_form(self) -> AddressForm {
        match self {
            Self::Snmp => AddressForm::Host,
            Self::Sip | Self::SipRtpengine => AddressForm::Sip,
            Self::Janus | Self::Pexip | Self::Cms | Self::Smc3 | Self::Rmx | Self::Kedacom => {
                AddressForm::Http
            }
            Self::Zte | Self::Te | Self::Roomos | Self::Prometheus | Self::Json => AddressForm::Http,
        }
    }

    /// The form of its second address; `None` for an interface that has one only.
    pub fn beside_form(self) -> Option<AddressForm> {
        match self {
            // The administrator's interface listens on a port of its own.
            Self::Janus => Some(AddressForm::Http),
            // The relay's control port, beside the bridge's SIP.
            Self::SipRtpengine => Some(AddressForm::Host),
            Self::Sip | Self::Pexip | Self::Cms | Self::Smc3 | Self::Rmx | Self::Kedacom => None,
            Self::Zte | Self::Te | Self::Roomos | Self::Snmp | Self::Prometheus | Self::Json => None,
        }
    }
}

impl Control {
    /// What is wrong with its addresses; the first mistake.
    pub fn bad_address(&self) -> Option<BadAddress> {
        let second = self.beside.as_deref().map(|text| check_beside(self.interface, text));
        check(self.interface.address_form(), &self.address).err().or(second.and_then(Result::err))
    }
}

/// Checks the second address of an interface.
pub fn check_beside(interface: Interface, text: &str) -> Result<(), BadAddress> {
    interface.beside_form().map_or(Err(BadAddress::OneOnly), |form| check(form, text))
}

/// Checks an address. Total over any text.
pub fn check(form: AddressForm, text: &str) -> Result<(), BadAddress> {
    if text.len() > ADDRESS_BYTES_MAX {
        return Err(BadAddress::TooLong);
    }
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(BadAddress::Character);
    }
    match form {
        AddressForm::Http => http(text),
        AddressForm::Host => match text.contains("//") {
            true => Err(BadAddress::Form(form)),
            false => authority(text),
        },
        AddressForm::Sip => sip(text),
    }
}

fn http(text: &str) -> Result<(), BadAddress> {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let rest = rest.ok_or(BadAddress::Form(AddressForm::Http))?;
    if text.contains(['?', '#']) {
        return Err(BadAddress::Secret);
    }
    authority(rest.split('/').next().unwrap_or_default())
}

/// A user may stand before the host, for it names whom to call; a password may not.
fn sip(text: &str) -> Result<(), BadAddress> {
    let rest = ["sip:", "sips:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    if rest.contains("//") {
        return Err(BadAddress::Form(AddressForm::Sip));
    }
    if rest.contains('?') {
        return Err(BadAddress::Secret);
    }
    let rest = rest.split(';').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => Err(BadAddress::Secret),
        Some((_, at)) => authority(at),
        None => authority(rest),
    }
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`, without a user.
fn authority(text: &str) -> Result<(), BadAddress> {
    if text.contains('@') {
        return Err(BadAddress::Secret);
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(BadAddress::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| BadAddress::Host)?;
            ("v6", port)
        }
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let fits = !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.chars().all(named);
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse::<u16>().unwrap_or(0) > 0
        }
        Some(_) => false,
        None => port.is_empty(),
    };
    if fits && port { Ok(()) } else { Err(BadAddress::Host) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressForm::{Host, Http, Sip};

    #[test]
    fn each_form_takes_its_addresses_and_no_secret() {
        let cases = [
            (Http, "https://10.43.0.10", Ok(())),
            (Http, "https://mcu.example.invalid:8443/api/", Ok(())),
            (Http, "http://[fd00::1]:8088/janus", Ok(())),
            (Http, "10.43.0.10", Err(BadAddress::Form(Http))),
            (Http, "ftp://10.43.0.10", Err(BadAddress::Form(Http))),
            (Http, "https://admin:geheim@10.43.0.10/", Err(BadAddress::Secret)),
            (Http, "https://10.43.0.10/?token=geheim", Err(BadAddress::Secret)),
            (Http, "https://10.43.0.10/#geheim", Err(BadAddress::Secret)),
            (Http, "https:///api", Err(BadAddress::Host)),
            (Http, "https://10.43.0.10:0", Err(BadAddress::Host)),
            (Http, "https://10.43.0.10:70000", Err(BadAddress::Host)),
            (Http, "https://10.43 .0.10", Err(BadAddress::Character)),
            (Host, "10.43.0.50", Ok(())),
            (Host, "10.43.0.50:161", Ok(())),
            (Host, "ups.example.invalid:1161", Ok(())),
            (Host, "[fd00::1]:161", Ok(())),
            (Host, "[fd00::zz]:161", Err(BadAddress::Host)),
            (Host, "fd00::1", Err(BadAddress::Host)),
            (Host, "udp://10.43.0.50", Err(BadAddress::Form(Host))),
            (Host, "public@10.43.0.50", Err(BadAddress::Secret)),
            (Host, "10.43.0.50:", Err(BadAddress::Host)),
            (Host, "10.43.0.50:+161", Err(BadAddress::Host)),
            (Host, "", Err(BadAddress::Host)),
            (Sip, "sip:hall@10.43.0.31:5060;transport=tcp", Ok(())),
            (Sip, "10.43.0.31:5060", Ok(())),
            (Sip, "sip:hall:geheim@10.43.0.31", Err(BadAddress::Secret)),
            (Sip, "sip:hall@", Err(BadAddress::Host)),
            (Sip, "http://10.43.0.31", Err(BadAddress::Form(Sip))),
        ];
        for (form, text, expected) in cases {
            assert_eq!(check(form, text), expected, "{form:?} {text}");
        }
        assert_eq!(check(Host, &"a".repeat(600)), Err(BadAddress::TooLong));
    }

    #[test]
    fn a_second_address_is_for_interfaces_that_have_two() {
        let control = |interface, address: &str, beside: Option<&str>| Control {
            interface,
            address: address.to_owned(),
            beside: beside.map(str::to_owned),
            credential: None,
            mapping: None,
        };
        let cases = [
            (control(Interface::Janus, "http://a:8088/", Some("http://a:7088/admin")), None),
            (control(Interface::SipRtpengine, "a:5060", Some("a:2223")), None),
            (control(Interface::Snmp, "a", Some("b")), Some(BadAddress::OneOnly)),
            (control(Interface::Snmp, "a b", None), Some(BadAddress::Character)),
            (control(Interface::Cms, "https://a", None), None),
        ];
        for (control, expected) in cases {
            assert_eq!(control.bad_address(), expected, "{control:?}");
        }
    }
}
