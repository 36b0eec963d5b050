//! Cross-references: an inventory that is accepted refers to nothing that is not there.

use std::collections::BTreeSet;

use super::{Inventory, ItemRef, Meeting, Trunk, Venue, Watcher};
use crate::domain::address::BadAddress;
use crate::domain::id::{PersonId, RegionId};
use crate::domain::mcu::Control;
use crate::domain::plan::{Flaw, Plan};

/// A reference or value that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// The item that refers.
    pub item: ItemRef,
    /// Its field, as written in a file.
    pub field: &'static str,
    /// What is wrong.
    pub why: BrokenWhy,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrokenWhy {
    /// Names an item that is not there.
    Missing(ItemRef),
    /// Leads back to the item itself.
    Cycle,
    /// A span ends before it begins.
    EndsBeforeStart,
    /// A warning limit lies above its failing limit, or a limit is not a finite, non-negative number.
    Limits,
    /// Names the same thing twice.
    Twice(String),
    /// The primary and the standby are one.
    SameAsPrimary,
    /// Lies on another network than the meeting.
    OtherNetwork,
    /// A path plan outside 1–50 packets/s, 10–60,000 packets, 44–1,400 bytes, DSCP 0–63.
    PathPlan,
    /// The address of an interface is none.
    Address(BadAddress),
    /// An emergency plan leads nowhere, or may do what it must not.
    Plan(Flaw),
}

impl Inventory {
    /// Everything that does not hold, all at once, in a stable order.
    pub fn broken(&self) -> Vec<Broken> {
        let mut found = Found { inventory: self, broken: Vec::new() };
        self.regions.values().for_each(|region| {
            let me = ItemRef::Region(region.id.clone());
            found.refers(&me, "parent", region.parent.clone().map(ItemRef::Region));
            let up = |id: &RegionId| self.regions.get(id).and_then(|region| region.parent.clone());
            found.cycle(&me, circular(&region.id, up));
        });
        self.trunks.values().for_each(|trunk| found.trunk(trunk));
        self.venues.values().for_each(|venue| found.venue(venue));
        found.links_and_agents();
        found.devices();
        self.profiles.values().for_each(|profile| {
            let me = ItemRef::Profile(profile.id.clone());
            found.limits(&me, profile.limits.over(super::Limits::default()));
            let path = profile.path;
            let fits = (1..=50).contains(&path.pps)
                && (10..=60_000).contains(&path.packets)
                && (44..=1400).contains(&path.payload_bytes)
                && path.dscp < 64;
            found.unless(fits, &me, "path", BrokenWhy::PathPlan);
            found.twice(&me, "confirm", profile.confirm.iter().map(|item| item.code().to_owned()));
            found.twice(&me, "room", profile.room.iter().map(|item| item.code().to_owned()));
        });
        self.meetings.values().for_each(|meeting| found.meeting(meeting));
        found.people();
        self.plans.values().for_each(|plan| found.plan(plan));
        found.broken
    }
}

/// Whether following `up` from `start` comes back to it.
fn circular<T: Clone + Ord>(start: &T, up: impl Fn(&T) -> Option<T>) -> bool {
    let mut seen = BTreeSet::new();
    let mut at = up(start);
    while let Some(id) = at {
        if &id == start {
            return true;
        }
        if !seen.insert(id.clone()) {
            return false;
        }
        at = up(&id);
    }
    false
}

struct Found<'a> {
    inventory: &'a Inventory,
    broken: Vec<Broken>,
}

impl Found<'_> {
    fn unless(&mut self, holds: bool, item: &ItemRef, field: &'static str, why: BrokenWhy) {
        if !holds {
            self.broken.push(Broken { item: item.clone(), field, why });
        }
    }

    fn refers(&mut self, item: &ItemRef, field: &'static str, to: Option<ItemRef>) {
        if let Some(to) = to {
            let there = self.inventory.item(&to).is_some();
            self.unless(there, item, field, BrokenWhy::Missing(to));
        }
    }

    fn cycle(&mut self, item: &ItemRef, circular: bool) {
        self.unless(!circular, item, "parent", BrokenWhy::Cycle);
    }

    fn twice(&mut self, item: &ItemRef, field: &'static str, names: impl Iterator<Item = String>) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name.clone()) {
                self.unless(false, item, field, BrokenWhy::Twice(name));
            }
        }
    }

    fn limits(&mut self, item: &ItemRef, limits: super::Limits) {
        let pairs = [
            (limits.loss_warn_pct, limits.loss_fail_pct),
            (limits.jitter_warn_ms, limits.jitter_fail_ms),
            (limits.rtt_warn_ms, limits.rtt_fail_ms),
            (limits.clock_warn_ms, f64::MAX),
            (limits.stream_loss_warn_pct, limits.stream_loss_severe_pct),
            (limits.stream_jitter_warn_ms, limits.stream_jitter_severe_ms),
        ];
        let holds = pairs.iter().all(|(warn, fail)| *warn >= 0.0 && warn <= fail && fail.is_finite());
        self.unless(holds, item, "limits", BrokenWhy::Limits);
    }

    fn person(&mut self, item: &ItemRef, field: &'static str, person: &PersonId) {
        self.refers(item, field, Some(ItemRef::Person(person.clone())));
    }

    fn trunk(&mut self, trunk: &Trunk) {
        let me = ItemRef::Trunk(trunk.id.clone());
        self.refers(&me, "parent", trunk.parent.clone().map(ItemRef::Trunk));
        self.refers(&me, "carrier", trunk.carrier.clone().map(ItemRef::Carrier));
        let inventory = self.inventory;
        self.cycle(
            &me,
            circular(&trunk.id, |id| inventory.trunks.get(id).and_then(|trunk| trunk.parent.clone())),
        );
    }

    fn venue(&mut self, venue: &Venue) {
        let me = ItemRef::Venue(venue.id.clone());
        self.refers(&me, "region", Some(ItemRef::Region(venue.region.clone())));
        venue.contacts.iter().for_each(|contact| self.person(&me, "contacts", &contact.person));
        let ordered = venue.no_test.iter().all(|window| window.from < window.until);
        self.unless(ordered, &me, "no_test", BrokenWhy::EndsBeforeStart);
        self.limits(&me, venue.limits.over(super::Limits::default()));
    }

    fn links_and_agents(&mut self) {
        for link in self.inventory.links.values() {
            let me = ItemRef::Link(link.id.clone());
            self.refers(&me, "venue", Some(ItemRef::Venue(link.venue.clone())));
            self.refers(&me, "trunk", link.trunk.clone().map(ItemRef::Trunk));
            self.refers(&me, "carrier", link.carrier.clone().map(ItemRef::Carrier));
        }
        let mut taken = BTreeSet::new();
        for agent in self.inventory.agents.values() {
            let me = ItemRef::Agent(agent.id.clone());
            self.refers(&me, "venue", Some(ItemRef::Venue(agent.venue.clone())));
            let alone = taken.insert(agent.venue.clone());
            self.unless(alone, &me, "venue", BrokenWhy::Twice(agent.venue.to_string()));
        }
    }

    fn devices(&mut self) {
        for endpoint in self.inventory.endpoints.values() {
            let me = ItemRef::Endpoint(endpoint.id.clone());
            self.refers(&me, "venue", Some(ItemRef::Venue(endpoint.venue.clone())));
            self.control(&me, endpoint.control.as_ref());
        }
        for mcu in self.inventory.mcus.values() {
            let me = ItemRef::Mcu(mcu.id.clone());
            self.refers(&me, "region", Some(ItemRef::Region(mcu.region.clone())));
            self.control(&me, mcu.control.as_ref());
        }
        for equipment in self.inventory.equipment.values() {
            let me = ItemRef::Equipment(equipment.id.clone());
            self.refers(&me, "region", Some(ItemRef::Region(equipment.region.clone())));
            self.refers(&me, "venue", equipment.venue.clone().map(ItemRef::Venue));
            self.control(&me, equipment.control.as_ref());
            let holds = equipment.limits.values().all(|limit| limit.holds());
            self.unless(holds, &me, "limits", BrokenWhy::Limits);
        }
        for stream in self.inventory.streams.values() {
            let me = ItemRef::Stream(stream.id.clone());
            self.refers(&me, "venue", stream.venue.clone().map(ItemRef::Venue));
            self.refers(&me, "mcu", stream.mcu.clone().map(ItemRef::Mcu));
            if let Watcher::Agent(agent) = &stream.watcher {
                self.refers(&me, "watcher", Some(ItemRef::Agent(agent.clone())));
            }
        }
    }

    fn control(&mut self, item: &ItemRef, control: Option<&Control>) {
        if let Some(bad) = control.and_then(Control::bad_address) {
            self.unless(false, item, "control", BrokenWhy::Address(bad));
        }
    }

    fn meeting(&mut self, meeting: &Meeting) {
        let me = ItemRef::Meeting(meeting.id.clone());
        self.refers(&me, "region", Some(ItemRef::Region(meeting.region.clone())));
        self.refers(&me, "profile", Some(ItemRef::Profile(meeting.profile.clone())));
        self.refers(&me, "main_venue", Some(ItemRef::Venue(meeting.main_venue.clone())));
        meeting
            .venues
            .iter()
            .for_each(|venue| self.refers(&me, "venues", Some(ItemRef::Venue(venue.clone()))));
        self.twice(&me, "venues", meeting.all_venues().map(ToString::to_string));
        for item in &meeting.agenda {
            self.refers(&me, "agenda", Some(ItemRef::Venue(item.venue.clone())));
        }
        self.unless(meeting.starts < meeting.ends, &me, "ends", BrokenWhy::EndsBeforeStart);
        let same = meeting.mcu.is_some() && meeting.mcu == meeting.standby_mcu;
        self.unless(!same, &me, "standby_mcu", BrokenWhy::SameAsPrimary);
        for (field, mcu) in [("mcu", &meeting.mcu), ("standby_mcu", &meeting.standby_mcu)] {
            self.refers(&me, field, mcu.clone().map(ItemRef::Mcu));
            let network = mcu.as_ref().and_then(|mcu| self.inventory.mcus.get(mcu)).map(|mcu| mcu.network);
            let fits = network.is_none_or(|network| network == meeting.network);
            self.unless(fits, &me, field, BrokenWhy::OtherNetwork);
        }
    }

    fn plan(&mut self, plan: &Plan) {
        let me = ItemRef::Plan(plan.id.clone());
        for region in &plan.trigger.regions {
            self.refers(&me, "regions", Some(ItemRef::Region(region.clone())));
        }
        plan.flaws().into_iter().for_each(|flaw| self.unless(false, &me, "step", BrokenWhy::Plan(flaw)));
    }

    fn people(&mut self) {
        for person in self.inventory.people.values() {
            let me = ItemRef::Person(person.id.clone());
            self.refers(&me, "region", Some(ItemRef::Region(person.region.clone())));
        }
        for shift in self.inventory.shifts.values() {
            let me = ItemRef::Shift(shift.id.clone());
            self.refers(&me, "region", Some(ItemRef::Region(shift.region.clone())));
            shift.operators.iter().for_each(|person| self.person(&me, "operators", person));
            shift.leader.iter().for_each(|person| self.person(&me, "leader", person));
            let substitutes =
                shift.substitutes.iter().flat_map(|substitute| [&substitute.absent, &substitute.by]);
            substitutes.for_each(|person| self.person(&me, "substitutes", person));
            self.twice(&me, "operators", shift.operators.iter().map(ToString::to_string));
            self.unless(shift.window.from < shift.window.until, &me, "window", BrokenWhy::EndsBeforeStart);
        }
    }
}
