//! The inventory: everything vcops was told about, versioned, with every cross-reference checked.
//!
//! It changes only by [`Change`]s, which the journal keeps. People's names and numbers are not here: the
//! journal holds their ids, a side table holds [`PersonDetails`].

mod network;
mod venue;
mod meeting;
mod equipment;
mod people;
mod duty;
mod item;
mod refs;
mod graph;
mod watching;
mod clash;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use clash::{Clash, ClashOver};
pub use duty::{DutyFlaw, OnDuty, Substitute};
pub use equipment::{Equipment, EquipmentKind};
pub use graph::Resource;
pub use item::{Change, Item, ItemRef};
pub use meeting::{
    AgendaItem, CALLS_AT_ONCE, Limits, LimitsPatch, Meeting, MeetingClass, MeetingOwner, Phase, Profile,
    SupportLevel,
};
pub use network::{Carrier, Link, LinkKind, LinkRole, NetworkAttribute, Trunk};
pub use people::{Contact, ContactRole, Person, PersonDetails, Shift, Telephone, TelephoneKind};
pub use refs::{Broken, BrokenWhy};
pub use venue::{
    Agent, Consent, Endpoint, EndpointProtocol, Mcu, PictureKind, Region, SoundKind, Stream, StreamRole,
    Venue, Watcher,
};
pub use watching::{WATCH_AFTER, WATCH_BEFORE};

use super::id::{
    AgentId, CarrierId, EndpointId, EquipmentId, LinkId, McuId, MeetingId, PersonId, PlanId, ProfileId,
    RegionId, ShiftId, StreamId, TrunkId, VenueId,
};
use super::plan::Plan;

/// Everything vcops was told about. Ordered maps, so that two equal inventories are equal bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inventory {
    /// Counts accepted submissions; a submission names the version it was made against.
    pub version: u64,
    /// Regions 区域.
    pub regions: BTreeMap<RegionId, Region>,
    /// Venues 会场.
    pub venues: BTreeMap<VenueId, Venue>,
    /// Links 线路.
    pub links: BTreeMap<LinkId, Link>,
    /// Trunks 汇聚链路.
    pub trunks: BTreeMap<TrunkId, Trunk>,
    /// Carriers 运营商.
    pub carriers: BTreeMap<CarrierId, Carrier>,
    /// Endpoints 终端.
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    /// Agents 测试机.
    pub agents: BTreeMap<AgentId, Agent>,
    /// MCUs.
    pub mcus: BTreeMap<McuId, Mcu>,
    /// Other equipment 机房设备.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub equipment: BTreeMap<EquipmentId, Equipment>,
    /// Streams to watch.
    pub streams: BTreeMap<StreamId, Stream>,
    /// Profiles 会议规格.
    pub profiles: BTreeMap<ProfileId, Profile>,
    /// Meetings 会议.
    pub meetings: BTreeMap<MeetingId, Meeting>,
    /// People, by id only.
    pub people: BTreeMap<PersonId, Person>,
    /// Duty shifts 值班班次.
    pub shifts: BTreeMap<ShiftId, Shift>,
    /// Emergency plans 应急预案.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plans: BTreeMap<PlanId, Plan>,
}

impl Inventory {
    /// Applies one accepted change. Total: an unknown removal changes nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(item) => self.put(item),
            Change::Remove(item) => self.remove(item),
        }
    }

    /// The links of one venue, primary first.
    pub fn links_of(&self, venue: &VenueId) -> Vec<&Link> {
        let mut links: Vec<&Link> = self.links.values().filter(|link| &link.venue == venue).collect();
        links.sort_by_key(|link| (link.role, link.id.clone()));
        links
    }

    /// The limits that hold for a venue in a meeting: the defaults, then the profile's, then the venue's own.
    pub fn limits(&self, meeting: &Meeting, venue: &VenueId) -> Limits {
        let profile = self.profiles.get(&meeting.profile).map(|profile| &profile.limits);
        let own = self.venues.get(venue).map(|venue| &venue.limits);
        [profile, own].into_iter().flatten().fold(Limits::default(), |limits, patch| patch.over(limits))
    }

    /// Whether `region` is `scope` or lies below it. A cycle ends the walk.
    pub fn region_within(&self, region: &RegionId, scope: &RegionId) -> bool {
        let mut at = Some(region);
        for _ in 0..=self.regions.len() {
            match at {
                Some(id) if id == scope => return true,
                Some(id) => at = self.regions.get(id).and_then(|region| region.parent.as_ref()),
                None => return false,
            }
        }
        false
    }
}
