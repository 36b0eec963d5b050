//! The dependency graph: what a venue's meeting stands on, and who else stands on the same thing.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Inventory;
use crate::domain::id::{CarrierId, LinkId, McuId, RegionId, TrunkId, VenueId};

/// Something that venues can share, and that can therefore be one cause for many.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// One line: its access section.
    Link(LinkId),
    /// A venue itself: its power, its room.
    Venue(VenueId),
    /// A trunk.
    Trunk(TrunkId),
    /// A carrier.
    Carrier(CarrierId),
    /// A region: city, power.
    Region(RegionId),
    /// An MCU.
    Mcu(McuId),
    /// The controller's own side.
    Hub,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(id) => write!(f, "link {id}"),
            Self::Venue(id) => write!(f, "venue {id}"),
            Self::Trunk(id) => write!(f, "trunk {id}"),
            Self::Carrier(id) => write!(f, "carrier {id}"),
            Self::Region(id) => write!(f, "region {id}"),
            Self::Mcu(id) => write!(f, "mcu {id}"),
            Self::Hub => write!(f, "hub"),
        }
    }
}

impl Inventory {
    /// What a link stands on, nearest first: itself, its trunks upwards, carriers, the hub.
    pub fn beneath_link(&self, link: &LinkId) -> Vec<Resource> {
        let mut found = vec![Resource::Link(link.clone())];
        let Some(link) = self.links.get(link) else { return found };
        let mut carriers: Vec<CarrierId> = link.carrier.iter().cloned().collect();
        let mut at = link.trunk.as_ref();
        while let Some(trunk) = at.and_then(|id| self.trunks.get(id)) {
            let resource = Resource::Trunk(trunk.id.clone());
            if found.contains(&resource) {
                break;
            }
            found.push(resource);
            carriers.extend(trunk.carrier.iter().cloned());
            at = trunk.parent.as_ref();
        }
        for carrier in carriers {
            let resource = Resource::Carrier(carrier);
            if !found.contains(&resource) {
                found.push(resource);
            }
        }
        found.push(Resource::Hub);
        found
    }

    /// The regions a venue lies in, nearest first.
    pub fn regions_of(&self, venue: &VenueId) -> Vec<Resource> {
        let mut found = Vec::new();
        let mut at = self.venues.get(venue).map(|venue| &venue.region);
        while let Some(region) = at {
            let resource = Resource::Region(region.clone());
            if found.contains(&resource) {
                break;
            }
            found.push(resource);
            at = self.regions.get(region).and_then(|region| region.parent.as_ref());
        }
        found
    }

    /// The links that stand on a resource.
    pub fn links_on(&self, resource: &Resource) -> BTreeSet<LinkId> {
        let on = |link: &&LinkId| self.beneath_link(link).contains(resource);
        self.links.keys().filter(on).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        let text = r#"{
            "trunks": {"t1": {"id": "t1", "name": "一号", "parent": "t0", "carrier": "c1"},
                       "t0": {"id": "t0", "name": "骨干", "parent": "t1"}},
            "links": {"l1": {"id": "l1", "venue": "v1", "name": "线", "kind": "leased", "role": "primary",
                             "network": "extranet", "trunk": "t1"},
                      "l2": {"id": "l2", "venue": "v2", "name": "线", "kind": "vpn", "role": "backup",
                             "network": "vpdn"}}
        }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_link_stands_on_its_trunks_and_their_carriers_even_when_they_go_in_circles() {
        let found = inventory().beneath_link(&LinkId::parse("l1").unwrap());
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["link l1", "trunk t1", "trunk t0", "carrier c1", "hub"]);
    }

    #[test]
    fn a_trunk_carries_only_its_own_links() {
        let on = inventory().links_on(&Resource::Trunk(TrunkId::parse("t0").unwrap()));
        assert_eq!(on.iter().map(LinkId::as_str).collect::<Vec<_>>(), ["l1"]);
    }
}
