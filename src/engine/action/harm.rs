//! Never do harm: whom an action would touch, and why it is refused.
//!
//! Refused are actions on a superior level's meeting, across networks, on what cannot be seen if they disturb a
//! meeting, such as a device has died after, on a site where an earlier one may or may not have happened, and on a site
//! where one is under way. Whether the actor may act at all is asked at the edge.

use std::collections::BTreeSet;

use crate::domain::id::{McuId, VenueId};
use crate::domain::inventory::{Endpoint, Inventory, Meeting, MeetingOwner, NetworkAttribute, Phase};
use crate::domain::mcu::ConferenceRef;
use crate::domain::time::Now;
use crate::engine::effect::Refusal;
use crate::engine::roster::{self, plain_address};
use crate::engine::rules::device::make;
use crate::engine::state::{ActionRecord, Freeze, State};
use crate::observation::action::{Action, Does, Force};
use crate::observation::device::{ConferenceSeen, Device, DeviceReport, Presence, Sight, SiteSeen};

/// An action, what is known of its device, and when.
pub(super) struct Case<'a> {
    pub(super) state: &'a State,
    pub(super) now: Now,
    pub(super) device: &'a Device,
    pub(super) action: &'a Action,
}

impl<'a> Case<'a> {
    /// Why it is refused, if it is.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        self.superior()?;
        self.network()?;
        self.blind()?;
        self.frozen()?;
        self.others()
    }

    /// The meeting that it belongs to, if one is known.
    pub(super) fn meeting(&self) -> Option<&'a Meeting> {
        self.meeting_of(self.action.conference()?)
    }

    /// The names of the sites it touches, as the device shows them.
    pub(super) fn touches(&self) -> Vec<String> {
        if let Action::Dial { name, .. } = self.action {
            return vec![name.clone()];
        }
        let there = |site: &&SiteSeen| {
            !site.probe && matches!(site.presence, Presence::Connected | Presence::OnHold | Presence::Unknown)
        };
        let wide = self.action.force() >= Force::Conference;
        let meant = |site: &&SiteSeen| match self.action.participant() {
            Some(participant) if !wide => &site.participant == participant,
            Some(_) | None => there(site),
        };
        self.rooms().flat_map(|room| &room.present).filter(meant).map(|site| site.name.clone()).collect()
    }

    fn report(&self) -> Option<&'a DeviceReport> {
        self.state.picture.devices.each.get(self.device).map(|known| &*known.report)
    }

    /// The conferences that it touches.
    fn rooms(&self) -> impl Iterator<Item = &'a ConferenceSeen> {
        let named = self.action.conference();
        let of = move |room: &&ConferenceSeen| named.is_none_or(|named| &room.conference == named);
        self.report().into_iter().flat_map(|report| &report.conferences).filter(of)
    }

    /// Meetings of the next day that stand on this device.
    fn meetings(&self) -> Vec<&'a Meeting> {
        let inventory = &self.state.durable.inventory;
        let near = |meeting: &&Meeting| {
            !matches!(meeting.phase(self.now.utc), Phase::Planned | Phase::Over) && self.carries(meeting)
        };
        inventory.meetings.values().filter(near).collect()
    }

    fn carries(&self, meeting: &Meeting) -> bool {
        match self.device {
            Device::Mcu(mcu) => [&meeting.mcu, &meeting.standby_mcu].contains(&&Some(mcu.clone())),
            Device::Endpoint(id) => {
                let endpoint = self.state.durable.inventory.endpoints.get(id);
                endpoint.is_some_and(|endpoint| meeting.all_venues().any(|venue| venue == &endpoint.venue))
            }
            Device::Equipment(_) => false,
        }
    }

    fn meeting_of(&self, conference: &ConferenceRef) -> Option<&'a Meeting> {
        let inventory = &self.state.durable.inventory;
        roster::meeting_of(inventory, &self.meetings(), self.report()?, conference)
    }

    /// A conference that no meeting of ours is may be a superior's, while one of theirs stands on this device.
    fn superior(&self) -> Result<(), Refusal> {
        let meetings = self.meetings();
        let theirs = meetings.iter().find(|meeting| meeting.owner == MeetingOwner::Superior);
        let Some(theirs) = theirs else { return Ok(()) };
        let to = if let Action::MoveParticipant { to, .. } = self.action { Some(to) } else { None };
        let named: Vec<&ConferenceRef> = self.action.conference().into_iter().chain(to).collect();
        let ours = |conference: &&ConferenceRef| {
            self.meeting_of(conference).is_some_and(|meeting| meeting.owner == MeetingOwner::Own)
        };
        if !named.is_empty() && named.iter().all(ours) {
            return Ok(());
        }
        Err(Refusal::SuperiorMeeting { meeting: theirs.id.clone() })
    }

    /// Only what calls out can cross networks.
    fn network(&self) -> Result<(), Refusal> {
        let Action::Dial { address, .. } = self.action else { return Ok(()) };
        let inventory = &self.state.durable.inventory;
        let plain = plain_address(address);
        let known = |endpoint: &&Endpoint| plain_address(&endpoint.address) == plain;
        let Some(endpoint) = inventory.endpoints.values().find(known) else {
            return Err(Refusal::AddressUnknown { address: address.clone() });
        };
        let own: Vec<NetworkAttribute> = match self.device {
            Device::Mcu(mcu) => network_of(inventory, mcu).into_iter().collect(),
            Device::Endpoint(id) => {
                let venue = inventory.endpoints.get(id).map(|endpoint| &endpoint.venue);
                venue.map(|venue| networks_at(inventory, venue)).unwrap_or_default()
            }
            Device::Equipment(_) => Vec::new(),
        };
        let theirs = networks_at(inventory, &endpoint.venue);
        let shared = own.iter().any(|network| theirs.contains(network));
        if shared { Ok(()) } else { Err(Refusal::OtherNetwork { address: address.clone() }) }
    }

    fn disturbs(&self) -> bool {
        // A call that is made blindly may be the second one.
        self.action.force() >= Force::OneSiteLeaves || self.action.does() == Does::Dial
    }

    fn blind(&self) -> Result<(), Refusal> {
        let seen = self.state.sight(self.device, self.now.mono) == Sight::Seen;
        if seen || !self.disturbs() { Ok(()) } else { Err(Refusal::Blind { device: self.device.clone() }) }
    }

    fn frozen(&self) -> Result<(), Refusal> {
        let Some((interface, version)) = make(self.state, self.device) else { return Ok(()) };
        let freeze = Freeze { interface, version, does: self.action.does() };
        if self.state.durable.frozen.contains(&freeze) {
            return Err(Refusal::ActionFrozen { freeze });
        }
        Ok(())
    }

    /// One action at a time on one site; none that disturbs while the fate of an earlier one is unknown.
    fn others(&self) -> Result<(), Refusal> {
        let same = |record: &&ActionRecord| {
            &record.order.device == self.device && self.overlaps(&record.order.action)
        };
        for record in self.state.durable.actions.values().filter(same) {
            let key = record.order.key.clone();
            if record.is_open() {
                return Err(Refusal::ActionRunning { key });
            }
            if record.is_undecided() && self.disturbs() {
                return Err(Refusal::ActionUndecided { key });
            }
        }
        Ok(())
    }

    fn overlaps(&self, other: &Action) -> bool {
        let apart = match (self.action.conference(), other.conference()) {
            (Some(a), Some(b)) => a != b,
            (None, _) | (_, None) => false,
        };
        let (ours, theirs) = (self.who(self.action), self.who(other));
        let all = ours.is_empty() || theirs.is_empty();
        !apart && (all || !ours.is_disjoint(&theirs))
    }

    /// Whom an action is about: by reference and by address, so that a call and a redial of one site are one subject.
    /// Nobody in particular means everybody.
    fn who(&self, action: &Action) -> BTreeSet<String> {
        if let Action::Dial { address, .. } = action {
            return BTreeSet::from([format!("at {}", plain_address(address))]);
        }
        let Some(participant) = action.participant() else { return BTreeSet::new() };
        let sites = self.report().into_iter().flat_map(|report| &report.conferences);
        let mut sites = sites.flat_map(|room| &room.present);
        let site = sites.find(|site| &site.participant == participant);
        let address = site.and_then(|site| site.address.as_deref()).map(plain_address);
        let address = address.map(|address| format!("at {address}"));
        address.into_iter().chain([format!("is {participant}")]).collect()
    }
}

fn network_of(inventory: &Inventory, mcu: &McuId) -> Option<NetworkAttribute> {
    inventory.mcus.get(mcu).map(|mcu| mcu.network)
}

/// The networks that a venue has a line into.
fn networks_at(inventory: &Inventory, venue: &VenueId) -> Vec<NetworkAttribute> {
    inventory.links_of(venue).iter().map(|link| link.network).collect()
}
