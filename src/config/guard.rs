//! Where this machine may connect, for streams and devices alike: what is listed, or what is not its own.

use std::net::IpAddr;

use url::Host;

use crate::link::reflector::Network;

/// What is permitted where nothing is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// Anything that is not loopback and not link-local: the controller, whose inventory only few may write.
    Permitted,
    /// Nothing: an agent, whose venue has the last word.
    Refused,
}

/// Networks and names that may be connected to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard<'a> {
    pub(super) networks: &'a [Network],
    pub(super) names: &'a [String],
}

impl Guard<'_> {
    pub(super) fn permits(&self, host: &Host<String>, unlisted: Unlisted) -> bool {
        let nothing_listed = self.networks.is_empty() && self.names.is_empty();
        match host {
            _ if nothing_listed && unlisted == Unlisted::Refused => false,
            Host::Domain(name) => nothing_listed || self.names.iter().any(|listed| listed == name),
            Host::Ipv4(ip) => self.permits_address((*ip).into(), nothing_listed),
            Host::Ipv6(ip) => self.permits_address((*ip).into(), nothing_listed),
        }
    }

    fn permits_address(&self, ip: IpAddr, nothing_listed: bool) -> bool {
        let ip = ip.to_canonical();
        let local = match ip {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
        };
        (nothing_listed && !local) || self.networks.iter().any(|network| network.contains(ip))
    }
}

/// The host of an address: a URL of any scheme, `host:port`, or a SIP URI. The schemes of media and calls are not
/// those whose hosts the library reads: it is asked as for http.
pub(crate) fn host_of(address: &str) -> Option<Host<String>> {
    let rest = match address.split_once("://") {
        Some((_, rest)) => rest,
        None => ["sips:", "sip:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address),
    };
    let rest = rest.split(';').next().unwrap_or_default();
    let parsed = url::Url::parse(&format!("http://{rest}")).ok()?;
    parsed.host().map(|host| host.to_owned())
}
