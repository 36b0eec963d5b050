//! What the inventory knows of a meeting's venues, arranged to recognise a site.

use std::collections::BTreeMap;

use super::Naming;
use super::text::{hides_something, plain_address, plain_name};
use crate::domain::id::{EndpointId, VenueId};
use crate::domain::inventory::{Inventory, Meeting};
use crate::observation::device::SiteSeen;

/// Fewest characters of a shortened name that still mean a venue: 桂东县 for 桂东县分会场.
const SHORT_NAME_LEAST: usize = 2;

/// By what a site was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchedBy {
    /// By this endpoint's address.
    Address(EndpointId),
    /// By its name alone.
    Name {
        /// Whether it has an address and the inventory has others for this venue.
        elsewhere: bool,
    },
}

impl MatchedBy {
    /// The endpoint, where the address says which.
    pub(in crate::engine) fn endpoint(&self) -> Option<&EndpointId> {
        match self {
            Self::Address(endpoint) => Some(endpoint),
            Self::Name { .. } => None,
        }
    }
}

type Place<'a> = (&'a VenueId, &'a EndpointId);

/// Names and addresses of a meeting's venues. What means two venues means none.
pub(super) struct Index<'a> {
    addresses: BTreeMap<String, Option<Place<'a>>>,
    /// The part before the `@`, for devices that write only that.
    users: BTreeMap<String, Option<Place<'a>>>,
    names: BTreeMap<String, Option<&'a VenueId>>,
    with_address: Vec<&'a VenueId>,
}

impl<'a> Index<'a> {
    pub(super) fn of(inventory: &'a Inventory, meeting: &'a Meeting) -> Self {
        let mut index = Self {
            addresses: BTreeMap::new(),
            users: BTreeMap::new(),
            names: BTreeMap::new(),
            with_address: Vec::new(),
        };
        let invited: Vec<&VenueId> = meeting.all_venues().collect();
        for venue in invited.iter().filter_map(|id| inventory.venues.get(*id)) {
            index.name(&venue.name, &venue.id);
        }
        for endpoint in inventory.endpoints.values() {
            let Some(venue) = invited.iter().find(|venue| **venue == &endpoint.venue) else { continue };
            index.name(&endpoint.name, venue);
            index.address(&endpoint.address, (venue, &endpoint.id));
        }
        index
    }

    fn name(&mut self, name: &str, venue: &'a VenueId) {
        let name = plain_name(name);
        if !name.is_empty() {
            let known = self.names.entry(name).or_insert(Some(venue));
            *known = known.filter(|known| *known == venue);
        }
    }

    fn address(&mut self, address: &str, place: Place<'a>) {
        let address = plain_address(address);
        if address.is_empty() {
            return;
        }
        self.with_address.push(place.0);
        let one = |known: &mut Option<Place<'a>>| *known = known.filter(|known| *known == place);
        if let Some((user, _)) = address.split_once('@') {
            one(self.users.entry(user.to_owned()).or_insert(Some(place)));
        }
        one(self.addresses.entry(address).or_insert(Some(place)));
    }

    /// The venue that a site is, and by what it is recognised.
    pub(super) fn find(&self, site: &SiteSeen) -> Option<(&'a VenueId, MatchedBy)> {
        let address = site.address.as_deref().map(plain_address).filter(|address| !address.is_empty());
        if let Some((venue, endpoint)) = address.as_deref().and_then(|address| self.at(address)) {
            return Some((venue, MatchedBy::Address(endpoint.clone())));
        }
        let venue = self.named(&plain_name(&site.name))?;
        let elsewhere = address.is_some() && self.with_address.contains(&venue);
        Some((venue, MatchedBy::Name { elsewhere }))
    }

    fn at(&self, address: &str) -> Option<Place<'a>> {
        let whole = self.addresses.get(address).copied().flatten();
        whole.or_else(|| match address.split_once('@') {
            // The inventory may have a bare number or host where the device writes both.
            Some((user, host)) => {
                let bare = |part: &str| self.addresses.get(part).copied().flatten();
                bare(user).or_else(|| bare(host))
            }
            None => self.users.get(address).copied().flatten(),
        })
    }

    /// The venue of a plain name: the whole name, or one that only one venue's name begins with.
    fn named(&self, name: &str) -> Option<&'a VenueId> {
        if let Some(venue) = self.names.get(name) {
            return *venue;
        }
        if name.chars().count() < SHORT_NAME_LEAST {
            return None;
        }
        let longer = self.names.range(name.to_owned()..).take_while(|(known, _)| known.starts_with(name));
        let mut venues = longer.map(|(_, venue)| *venue);
        let first = venues.next()??;
        venues.all(|venue| venue == Some(first)).then_some(first)
    }

    /// Whether a name is that of a venue.
    pub(super) fn naming(&self, venue: &VenueId, name: &str) -> Naming {
        let plain = plain_name(name);
        match self.named(&plain) {
            _ if hides_something(name) => Naming::Unknown,
            _ if plain.is_empty() => Naming::Right,
            Some(named) if named == venue => Naming::Right,
            Some(named) => Naming::Other(named.clone()),
            None => Naming::Unknown,
        }
    }
}
