//! Items and changes: how an inventory becomes another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Agent, Carrier, Endpoint, Equipment, Inventory, Link, Mcu, Meeting, Person, Profile, Region, Shift,
    Stream, Trunk, Venue,
};
use crate::domain::id::{
    AgentId, CarrierId, EndpointId, EquipmentId, LinkId, McuId, MeetingId, PersonId, PlanId, ProfileId,
    RegionId, ShiftId, StreamId, TrunkId, VenueId,
};
use crate::domain::plan::Plan;

/// One change of the inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "nearly every change puts something; removals are few")]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Adds an item or replaces the one with its id.
    Put(Item),
    /// Removes an item.
    Remove(ItemRef),
}

impl Change {
    /// What it changes.
    pub fn subject(&self) -> ItemRef {
        match self {
            Self::Put(item) => item.reference(),
            Self::Remove(item) => item.clone(),
        }
    }
}

macro_rules! items {
    ($($noun:ident, $id:ident, $map:ident, $code:literal;)+) => {
        /// Any item of the inventory.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[expect(clippy::large_enum_variant, reason = "plans are few, and an item lives for one change")]
        #[serde(rename_all = "snake_case")]
        pub enum Item {
            $(#[doc = concat!("A ", $code, ".")] $noun($noun),)+
        }

        /// The name of any item of the inventory.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ItemRef {
            $(#[doc = concat!("A ", $code, "'s id.")] $noun($id),)+
        }

        impl Item {
            /// Its name.
            pub fn reference(&self) -> ItemRef {
                match self { $(Self::$noun(item) => ItemRef::$noun(item.id.clone()),)+ }
            }
        }

        impl ItemRef {
            /// The noun, such as `venue`.
            pub fn noun(&self) -> &'static str {
                match self { $(Self::$noun(_) => $code,)+ }
            }

            /// The id as text.
            pub fn id(&self) -> &str {
                match self { $(Self::$noun(id) => id.as_str(),)+ }
            }
        }

        impl fmt::Display for ItemRef {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} {}", self.noun(), self.id())
            }
        }

        impl Inventory {
            pub(super) fn put(&mut self, item: &Item) {
                match item { $(Item::$noun(item) => { self.$map.insert(item.id.clone(), item.clone()); })+ }
            }

            pub(super) fn remove(&mut self, item: &ItemRef) {
                match item { $(ItemRef::$noun(id) => { self.$map.remove(id); })+ }
            }

            /// The item of that name, if there is one.
            pub fn item(&self, item: &ItemRef) -> Option<Item> {
                match item { $(ItemRef::$noun(id) => self.$map.get(id).cloned().map(Item::$noun),)+ }
            }

            /// Every item, noun by noun, in the order in which one may refer to another.
            pub fn items(&self) -> impl Iterator<Item = Item> + '_ {
                std::iter::empty()$(.chain(self.$map.values().cloned().map(Item::$noun)))+
            }
        }
    };
}

items! {
    Region, RegionId, regions, "region";
    Carrier, CarrierId, carriers, "carrier";
    Trunk, TrunkId, trunks, "trunk";
    Person, PersonId, people, "person";
    Venue, VenueId, venues, "venue";
    Link, LinkId, links, "link";
    Agent, AgentId, agents, "agent";
    Endpoint, EndpointId, endpoints, "endpoint";
    Mcu, McuId, mcus, "mcu";
    Equipment, EquipmentId, equipment, "equipment";
    Stream, StreamId, streams, "stream";
    Profile, ProfileId, profiles, "profile";
    Meeting, MeetingId, meetings, "meeting";
    Shift, ShiftId, shifts, "shift";
    Plan, PlanId, plans, "plan";
}
