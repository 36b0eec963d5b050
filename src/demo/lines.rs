//! The lines: before every reflector a relay, each on a loopback address of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::city::{LinkAddresses, VenueAddresses, venue_ids};
use super::faults::{SLOW_MS, bursty, sound};
use crate::domain::check::Direction;
use crate::domain::id::VenueId;
use crate::domain::inventory::LinkRole;
use crate::relay::impairment::Impairment;
use crate::relay::{Relay, RelayHost, RelaySpec};
use crate::report::{SeededFault, SeededKind};

/// The hub's own address.
pub(super) const HUB: Ipv4Addr = Ipv4Addr::new(127, 76, 0, 1);
/// Relays wait actively for the last microseconds before a packet is due only in benches.
const SPIN_US: u32 = 0;

/// Every line of the city.
#[derive(Debug)]
pub(super) struct Lines {
    venues: Vec<VenueLines>,
    // Relays end when they are dropped.
    _relays: Vec<Relay>,
}

/// One venue's end of its lines.
#[derive(Debug, Clone)]
pub(super) struct VenueLines {
    /// Which.
    pub(super) venue: VenueId,
    /// Where its agent's reflector is to listen, primary first.
    pub(super) reflectors: [SocketAddr; 2],
    /// Where the relays before it answer, primary first.
    addresses: VenueAddresses,
}

impl Lines {
    /// Opens two relays for every link: one towards the venue, one towards the hub.
    pub(super) fn open(seed: u64, hub: SocketAddr, seeded: &[SeededFault]) -> io::Result<Self> {
        let host = RelayHost::start(SPIN_US)?;
        let faults: BTreeMap<&VenueId, &SeededFault> =
            seeded.iter().map(|fault| (&fault.venue, fault)).collect();
        let mut lines = Self { venues: Vec::new(), _relays: Vec::new() };
        for (n, venue) in (1..=u8::MAX).zip(venue_ids()) {
            let fault = faults.get(&venue).copied();
            let mut site = Site { n, seed, hub, host: &host, fault, relays: &mut lines._relays };
            let (primary, primary_reflector) = site.link(LinkRole::Primary)?;
            let (backup, backup_reflector) = site.link(LinkRole::Backup)?;
            let reflectors = [primary_reflector, backup_reflector];
            lines.venues.push(VenueLines {
                venue,
                reflectors,
                addresses: VenueAddresses { primary, backup },
            });
        }
        Ok(lines)
    }

    /// Addresses for the inventory, in seating order.
    pub(super) fn addresses(&self) -> Vec<VenueAddresses> {
        self.venues.iter().map(|venue| venue.addresses).collect()
    }

    /// The venues' ends, in seating order.
    pub(super) fn venues(&self) -> &[VenueLines] {
        &self.venues
    }
}

/// One venue while its lines are being opened.
struct Site<'a> {
    n: u8,
    seed: u64,
    hub: SocketAddr,
    host: &'a RelayHost,
    fault: Option<&'a SeededFault>,
    relays: &'a mut Vec<Relay>,
}

impl Site<'_> {
    fn link(&mut self, role: LinkRole) -> io::Result<(LinkAddresses, SocketAddr)> {
        let last = match role {
            LinkRole::Primary => 1,
            LinkRole::Backup => 2,
        };
        let at = |block| IpAddr::V4(Ipv4Addr::new(127, block, self.n, last));
        let (here, towards_venue, towards_hub) = (at(77), at(78), at(79));
        let reflector = free_port(here)?;
        let (out, back) = self.impairments(role);
        let to_venue = self.relay(towards_venue, reflector, (out, back))?;
        let to_hub = self.relay(towards_hub, self.hub, (back, out))?;
        Ok((LinkAddresses { to_venue, to_hub }, reflector))
    }

    fn relay(
        &mut self,
        at: IpAddr,
        target: SocketAddr,
        (there, back): (Impairment, Impairment),
    ) -> io::Result<SocketAddr> {
        let seed = self.seed.wrapping_mul(1000).wrapping_add(self.relays.len() as u64);
        let spec = RelaySpec::new(SocketAddr::new(at, 0), target);
        let spec = RelaySpec { to_target: there, to_client: back, seed, truth_packets_max: 0, ..spec };
        let relay = self.host.add(spec)?;
        let address = relay.local_addr();
        self.relays.push(relay);
        Ok(address)
    }

    /// What happens 主→分 and 分→主.
    fn impairments(&self, role: LinkRole) -> (Impairment, Impairment) {
        let delay_ms = f64::from(self.n).mul_add(0.8, if role == LinkRole::Primary { 2.0 } else { 14.0 });
        let fine = sound(delay_ms);
        match (self.fault.map(|fault| (fault.fault, fault.direction)), role) {
            (Some((SeededKind::BurstLoss, Some(Direction::ToVenue))), LinkRole::Primary) => {
                (bursty(delay_ms), fine)
            }
            (Some((SeededKind::BurstLoss, Some(Direction::FromVenue))), LinkRole::Primary) => {
                (fine, bursty(delay_ms))
            }
            (Some((SeededKind::SlowBackup, _)), LinkRole::Backup) => (sound(SLOW_MS), sound(SLOW_MS)),
            _ => (fine, fine),
        }
    }
}

/// A port that is free on this address at this moment. The address is the demo's own, so nobody takes it meanwhile.
fn free_port(address: IpAddr) -> io::Result<SocketAddr> {
    UdpSocket::bind((address, 0))?.local_addr()
}
