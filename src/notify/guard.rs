//! Where this machine may connect to deliver: never to itself or its neighbours on the wire, unless listed.
//!
//! A name is looked up once, every address it has is judged, and the connection goes to a judged address: a name that
//! means another address a moment later gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use url::Host;

use super::fault::{Class, Code, Fault};

/// Longest time for looking up a name.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Where a cloud tells a machine its secrets: Alibaba's is not link-local, nor is Amazon's for IPv6.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether an address is in the list of the settings.
pub type Listed = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The guard of outbound connections. Cheap to clone.
#[derive(Clone)]
pub struct Guard {
    listed: Option<Listed>,
    names: Arc<[String]>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Guard {
    /// With lists: only what they hold. Without any list: whatever is not this machine, link-local or metadata.
    pub fn new(listed: Option<Listed>, names: Vec<String>) -> Self {
        Self { listed, names: names.into() }
    }

    /// Whether a URL's host may be connected to, before any look-up.
    pub fn permits_host(&self, host: &Host<&str>) -> Result<(), Fault> {
        let permitted = match host {
            Host::Domain(name) => self.is_open() || self.names.iter().any(|listed| listed == name),
            Host::Ipv4(ip) => self.permits((*ip).into(), Named::No),
            Host::Ipv6(ip) => self.permits((*ip).into(), Named::No),
        };
        if permitted { Ok(()) } else { Err(refused(host)) }
    }

    /// The addresses of a host that may be connected to.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = bare.parse::<IpAddr>() {
            let permitted = self.permits(ip, Named::No);
            return if permitted { Ok(vec![SocketAddr::new(ip, port)]) } else { Err(refused(&ip)) };
        }
        self.permits_host(&Host::Domain(bare))?;
        let dns = |why: String| Fault::new(Class::Again, Code::Dns, format!("{bare}: {why}"));
        let looked_up = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((bare, port)));
        let found = looked_up.await.map_err(|_| dns("no answer in time".into()))?;
        let found: Vec<SocketAddr> = found.map_err(|error| dns(error.to_string()))?.collect();
        if found.is_empty() {
            return Err(dns("has no address".into()));
        }
        let kept: Vec<_> = found.into_iter().filter(|at| self.permits(at.ip(), Named::Yes)).collect();
        if kept.is_empty() { Err(refused(&bare)) } else { Ok(kept) }
    }

    fn is_open(&self) -> bool {
        self.listed.is_none() && self.names.is_empty()
    }

    /// A permitted name need not have a listed address, but an address of this machine must be listed.
    fn permits(&self, ip: IpAddr, named: Named) -> bool {
        let ip = ip.to_canonical();
        let listed = self.listed.as_ref().is_some_and(|listed| listed(ip));
        listed || (!is_local(ip) && (named == Named::Yes || self.is_open()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Yes,
    No,
}

fn is_local(ip: IpAddr) -> bool {
    let local = match ip {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast()
        }
    };
    local || METADATA.contains(&ip)
}

fn refused(host: &dyn std::fmt::Display) -> Fault {
    Fault::new(Class::Final, Code::NotPermitted, format!("{host} is not among the permitted addresses"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Listed {
        Arc::new(|ip| ip.is_loopback())
    }

    #[tokio::test]
    async fn local_addresses_and_metadata_are_refused_unless_listed() {
        let open = Guard::new(None, Vec::new());
        let listed = Guard::new(Some(loopback()), Vec::new());
        let cases = [
            ("10.0.0.1", true, false),
            ("127.0.0.1", false, true),
            ("::1", false, true),
            ("[::1]", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("169.254.169.254", false, false),
            ("100.100.100.200", false, false),
            ("fd00:ec2::254", false, false),
            ("0.0.0.0", false, false),
            ("224.0.0.1", false, false),
        ];
        for (host, without_list, with_list) in cases {
            assert_eq!(open.resolve(host, 80).await.is_ok(), without_list, "{host}");
            assert_eq!(listed.resolve(host, 80).await.is_ok(), with_list, "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_that_means_this_machine_is_refused_even_when_the_name_is_listed() {
        let named = Guard::new(None, vec!["localhost".into()]);
        assert_eq!(named.resolve("localhost", 80).await.unwrap_err().code, Code::NotPermitted);
        let both = Guard::new(Some(loopback()), vec!["localhost".into()]);
        assert!(both.resolve("localhost", 80).await.is_ok());
        assert_eq!(both.resolve("other.example", 80).await.unwrap_err().code, Code::NotPermitted);
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_is_a_fault_of_names() {
        let open = Guard::new(None, Vec::new());
        let fault = open.resolve("nothing.invalid", 80).await.unwrap_err();
        assert_eq!((fault.code, fault.class), (Code::Dns, Class::Again));
    }
}
