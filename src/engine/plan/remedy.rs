//! A remedy made concrete: which device is told what, for the trouble at hand.
//!
//! What is named here is only proposed: whether it may be done is asked by [`crate::engine::action`], order by order.

use super::trouble::Trouble;
use crate::domain::id::{EndpointId, McuId, VenueId};
use crate::domain::inventory::{Endpoint, Meeting};
use crate::domain::lang::Text;
use crate::domain::mcu::ConferenceRef;
use crate::domain::plan::Remedy;
use crate::engine::finding::{Subject, Who};
use crate::engine::roster::{self, Roster, Seated};
use crate::engine::state::State;
use crate::observation::action::Action;
use crate::observation::device::{Device, Flow, Medium, Way};

/// Most orders of one step.
pub(super) const ORDERS_MAX: usize = 1_000;

/// One thing that a device would be told.
pub(super) type Proposal = (Device, Action);

/// What devices would be told; a reason when there is nothing to tell anybody.
pub(super) fn proposals(state: &State, trouble: &Trouble<'_>, remedy: Remedy) -> Result<Vec<Proposal>, Text> {
    let bench = Bench { state, trouble };
    let mut found = match remedy {
        Remedy::KeyFrame => bench.on_sites(|conference, site| Action::KeyFrame {
            conference: conference.clone(),
            participant: site.participant.clone(),
        }),
        Remedy::Mute => bench.on_sites(|conference, site| mute(conference, site, true)),
        Remedy::Unmute => bench.on_sites(|conference, site| mute(conference, site, false)),
        Remedy::Redial => bench.redial(),
        Remedy::DialSpare => bench.spare(true),
        Remedy::HangUpSpare => bench.spare(false),
        Remedy::DialStandby => bench.standby(true),
        Remedy::HangUpStandby => bench.standby(false),
        Remedy::Remove => Ok(bench.remove()),
    }?;
    found.truncate(ORDERS_MAX);
    if found.is_empty() { Err(nobody()) } else { Ok(found) }
}

fn nobody() -> Text {
    Text::new("没有可以操作的对象", "there is nothing that it could be done to")
}

fn mute(conference: &ConferenceRef, site: &Seated, on: bool) -> Action {
    Action::Mute {
        conference: conference.clone(),
        participant: Some(site.participant.clone()),
        medium: Medium::Audio,
        way: Way::FromSite,
        on,
    }
}

struct Bench<'a> {
    state: &'a State,
    trouble: &'a Trouble<'a>,
}

impl<'a> Bench<'a> {
    fn meeting(&self) -> Result<&'a Meeting, Text> {
        self.trouble.meeting.ok_or_else(|| Text::new("不属于任何会议", "it belongs to no meeting"))
    }

    fn mcu(&self) -> Result<&'a McuId, Text> {
        self.trouble.mcus().0.ok_or_else(|| Text::new("会议没有登记MCU", "the meeting has no MCU"))
    }

    fn roster(&self, mcu: &McuId, venue: &VenueId) -> Option<(&'a ConferenceRef, &'a Roster)> {
        let roster = self.state.picture.devices.roster_of(mcu, venue)?;
        Some((roster.conference.as_ref()?, roster))
    }

    /// Something on every site that is there for a venue in trouble.
    fn on_sites(&self, make: impl Fn(&ConferenceRef, &Seated) -> Action) -> Result<Vec<Proposal>, Text> {
        let mcu = self.mcu()?;
        let mut found = Vec::new();
        for venue in &self.trouble.venues {
            let Some((conference, roster)) = self.roster(mcu, venue) else { continue };
            let sites = roster.seats.get(venue).into_iter().flat_map(|seat| seat.there());
            found.extend(sites.map(|site| (Device::Mcu(mcu.clone()), make(conference, site))));
        }
        Ok(found)
    }

    /// Hang up and call again; who is not known to the MCU at all is called by the address of the inventory. Where
    /// many are in trouble those whose media flow are left alone.
    fn redial(&self) -> Result<Vec<Proposal>, Text> {
        let mcu = self.mcu()?;
        let many = self.trouble.venues.len() > 1;
        let mut found = Vec::new();
        for venue in &self.trouble.venues {
            let Some((conference, roster)) = self.roster(mcu, venue) else { continue };
            let sites = roster.seats.get(venue).map_or(&[][..], |seat| &seat.sites);
            if many && sites.iter().any(flows) {
                continue;
            }
            let device = || Device::Mcu(mcu.clone());
            found.extend(sites.iter().map(|site| {
                let (conference, participant) = (conference.clone(), site.participant.clone());
                (device(), Action::Redial { conference, participant })
            }));
            if sites.is_empty() {
                let endpoint = self.endpoints(venue).next();
                found.extend(endpoint.map(|endpoint| (device(), dial(conference, endpoint))));
            }
        }
        Ok(found)
    }

    /// Calls, or hangs up, another endpoint than the one that a venue takes part with.
    fn spare(&self, call: bool) -> Result<Vec<Proposal>, Text> {
        let mcu = self.mcu()?;
        let mut found = Vec::new();
        for venue in &self.trouble.venues {
            let Some((conference, roster)) = self.roster(mcu, venue) else { continue };
            let sites = roster.seats.get(venue).map_or(&[][..], |seat| &seat.sites);
            let of = |id: &EndpointId| sites.iter().find(|site| site.by.endpoint() == Some(id));
            let spare = self.endpoints(venue).nth(1);
            let Some(spare) = spare else { continue };
            let action = match (call, of(&spare.id)) {
                (true, None) => dial(conference, spare),
                (false, Some(site)) => Action::Disconnect {
                    conference: conference.clone(),
                    participant: site.participant.clone(),
                },
                (true, Some(_)) | (false, None) => continue,
            };
            found.push((Device::Mcu(mcu.clone()), action));
        }
        Ok(found)
    }

    /// The standby MCU calls every venue that is not there yet, the main hall first; or hangs up on them.
    fn standby(&self, call: bool) -> Result<Vec<Proposal>, Text> {
        let meeting = self.meeting()?;
        let none = || Text::new("会议没有登记备用MCU", "the meeting has no standby MCU");
        let mcu = self.trouble.mcus().1.ok_or_else(none)?;
        let unseen = || Text::new("备用MCU上没有这个会议", "the standby MCU does not have this meeting");
        let roster = standby_roster(self.state, meeting, mcu).ok_or_else(unseen)?;
        let conference = roster.conference.clone().ok_or_else(unseen)?;
        let mut found = Vec::new();
        for venue in meeting.all_venues() {
            let there: Vec<&Seated> =
                roster.seats.get(venue).into_iter().flat_map(|seat| seat.there()).collect();
            let device = || Device::Mcu(mcu.clone());
            if call && there.is_empty() {
                let endpoint = self.endpoints(venue).next();
                found.extend(endpoint.map(|endpoint| (device(), dial(&conference, endpoint))));
            }
            if !call {
                found.extend(there.into_iter().map(|site| {
                    let (conference, participant) = (conference.clone(), site.participant.clone());
                    (device(), Action::Disconnect { conference, participant })
                }));
            }
        }
        Ok(found)
    }

    /// Hangs up on whom nobody invited.
    fn remove(&self) -> Vec<Proposal> {
        let strangers = self.trouble.findings.iter().filter_map(|key| match &key.subject {
            Subject::Site(site) => match &site.who {
                Who::Stranger { conference, participant } => {
                    let (conference, participant) = (conference.clone(), participant.clone());
                    Some((Device::Mcu(site.mcu.clone()), Action::Disconnect { conference, participant }))
                }
                Who::Venue(_) => None,
            },
            Subject::Agent(_)
            | Subject::Resource(_)
            | Subject::Stream(_)
            | Subject::Device(_)
            | Subject::Reading(_) => None,
        });
        strangers.collect()
    }

    fn endpoints(&self, venue: &VenueId) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
        let venue = venue.clone();
        let inventory = self.trouble.inventory();
        inventory.endpoints.values().filter(move |endpoint| endpoint.venue == venue)
    }
}

fn dial(conference: &ConferenceRef, endpoint: &Endpoint) -> Action {
    Action::Dial {
        conference: conference.clone(),
        address: endpoint.address.clone(),
        name: endpoint.name.clone(),
        kbps: None,
        via: None,
    }
}

/// The meeting as the standby MCU knows it, by what it said last.
fn standby_roster(state: &State, meeting: &Meeting, mcu: &McuId) -> Option<Roster> {
    let known = state.picture.devices.each.get(&Device::Mcu(mcu.clone()))?;
    roster::rosters(&state.durable.inventory, &[meeting], &known.report).pop()
}

/// Whether the media of a site flow by the MCU's word.
fn flows(site: &Seated) -> bool {
    let mut streams = site.streams.iter().filter(|stream| stream.medium != Medium::Content);
    streams.any(|stream| stream.flow == Flow::Flowing)
        && !site.streams.iter().any(|stream| matches!(stream.flow, Flow::NoMedia { .. }))
}

/// Whether every venue in trouble is there on an MCU of its meeting and its media flow.
pub(super) fn all_flow(state: &State, trouble: &Trouble<'_>) -> bool {
    let Some(meeting) = trouble.meeting else { return false };
    let (mcu, standby) = trouble.mcus();
    let standby = standby.and_then(|mcu| standby_roster(state, meeting, mcu));
    let on_main = |venue: &VenueId| mcu.and_then(|mcu| state.picture.devices.roster_of(mcu, venue));
    let there = |roster: Option<&Roster>, venue: &VenueId| {
        let seat = roster.and_then(|roster| roster.seats.get(venue));
        seat.is_some_and(|seat| seat.there().any(flows))
    };
    let up = |venue: &VenueId| there(on_main(venue), venue) || there(standby.as_ref(), venue);
    !trouble.venues.is_empty() && trouble.venues.iter().all(up)
}
