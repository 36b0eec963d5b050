//! An MCU that is gone, and sites that fail together on one: the MCU, or the trunk, carrier or region they share.
//!
//! An MCU that is gone is the cause of whatever stands on it and fails from then on, or failed just before. When it is
//! back, what stays broken is given a while to follow, and then each stands for itself.

use std::collections::{BTreeMap, BTreeSet};

use super::stream::{Shared, apart, is_shared};
use super::{Tally, raising};
use crate::domain::id::{McuId, VenueId};
use crate::domain::inventory::Resource;
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::event::{Event, Picture, What};
use crate::engine::finding::{FindingKey, RuleCode, SiteKey, Subject, Who};
use crate::engine::input::Input;
use crate::engine::state::durable::MEMBERS_MAX;
use crate::engine::state::{Finding, State, Timer};
use crate::observation::device::Device;

/// What fails up to so long before an MCU is known to be gone fails with it: monitors are faster than a second sign.
const BEFORE_DOWN: Span = Span::seconds(30);
/// Sites that fail within this time of one another fail together: rosters are read every few seconds.
const TOGETHER: Span = Span::seconds(15);
/// So long what failed with an MCU may take to come back with it: everybody is redialled at a gentle pace.
const PART_AFTER: Span = Span::seconds(60);

/// An MCU is gone: what stands on it and failed with it is given this cause.
pub(super) fn down(draft: &mut Draft<'_>, key: &FindingKey, mcu: &McuId) -> Option<Shared> {
    let since = draft.events.iter().filter_map(raising).find(|(raised, _)| *raised == key)?.1;
    let state = draft.state;
    let cause = Resource::Mcu(mcu.clone());
    let with_it = |finding: &&Finding| {
        finding.since >= since - BEFORE_DOWN && stands_on(state, &finding.key, mcu) && &finding.key != key
    };
    let before: Vec<&Finding> = state.durable.findings.values().filter(with_it).collect();
    let others: Vec<FindingKey> = before.iter().map(|finding| finding.key.clone()).collect();
    if before.iter().any(|finding| finding.cause.as_ref() != Some(&cause)) {
        draft.found_cause(cause.clone(), others.iter().cloned().chain([key.clone()]).collect());
    }
    let raised_now = draft.events.iter().filter_map(raising).map(|(key, _)| key.clone());
    let now = raised_now.filter(|other| other != key && stands_on(state, other, mcu));
    let members = others.into_iter().chain(now).take(MEMBERS_MAX).collect();
    Some((cause, members))
}

/// The MCU beneath a stream that is gone, if one is, with its own finding.
pub(super) fn gone_beneath(draft: &Draft<'_>, key: &FindingKey, since: Utc) -> Option<Shared> {
    let Subject::Stream(id) = &key.subject else { return None };
    let stream = draft.state.picture.streams.each.get(id)?;
    stream.beneath.iter().find_map(|resource| match resource {
        Resource::Mcu(mcu) => gone(draft, mcu, since),
        Resource::Link(_)
        | Resource::Venue(_)
        | Resource::Trunk(_)
        | Resource::Carrier(_)
        | Resource::Region(_)
        | Resource::Hub => None,
    })
}

fn gone(draft: &Draft<'_>, mcu: &McuId, since: Utc) -> Option<Shared> {
    let down = key_of(mcu);
    let now = draft.events.iter().filter_map(raising).find(|(raised, _)| **raised == down);
    let before = draft.state.durable.findings.get(&down).map(|finding| finding.since);
    let began = now.map(|(_, began)| began).or(before)?;
    (since >= began - BEFORE_DOWN).then(|| (Resource::Mcu(mcu.clone()), vec![down]))
}

fn key_of(mcu: &McuId) -> FindingKey {
    FindingKey { rule: RuleCode::McuDown, subject: Subject::Device(Device::Mcu(mcu.clone())) }
}

/// Whether a finding is about something that an MCU carries.
fn stands_on(state: &State, key: &FindingKey, mcu: &McuId) -> bool {
    match &key.subject {
        Subject::Stream(id) => {
            let stream = state.picture.streams.each.get(id).filter(|_| is_shared(key.rule));
            stream.is_some_and(|stream| stream.beneath.contains(&Resource::Mcu(mcu.clone())))
        }
        Subject::Site(site) => &site.mcu == mcu && fails_with_others(key.rule),
        Subject::Device(device) => {
            let own = device == &Device::Mcu(mcu.clone());
            own && matches!(key.rule, RuleCode::McuNoProof | RuleCode::McuDegraded | RuleCode::RosterDrift)
        }
        Subject::Agent(_) | Subject::Resource(_) | Subject::Reading(_) => false,
    }
}

/// Whether a rule about a site can have a cause outside the site.
fn fails_with_others(rule: RuleCode) -> bool {
    matches!(rule, RuleCode::SiteMissing | RuleCode::SiteNoMedia | RuleCode::SiteLoss)
}

type Kind = (RuleCode, McuId);

/// Sites in trouble, by rule and MCU, with their onsets.
pub(super) struct Sites {
    since: BTreeMap<Kind, BTreeMap<VenueId, Utc>>,
}

impl Sites {
    pub(super) fn of(draft: &Draft<'_>) -> Self {
        let before = draft.state.durable.findings.values().map(|finding| (&finding.key, finding.since));
        let now = draft.events.iter().filter_map(raising);
        let mut sites = Self { since: BTreeMap::new() };
        for (key, since) in before.chain(now) {
            if let Subject::Site(SiteKey { mcu, who: Who::Venue(venue) }) = &key.subject {
                let kind = (key.rule, mcu.clone());
                sites.since.entry(kind).or_default().insert(venue.clone(), since);
            }
        }
        sites
    }

    /// What a site's trouble shares with that of others. Earlier ones that stood alone are given the cause too.
    pub(super) fn cause(&self, draft: &mut Draft<'_>, key: &FindingKey, site: &SiteKey) -> Option<Shared> {
        let Who::Venue(venue) = &site.who else { return None };
        if !fails_with_others(key.rule) {
            return None;
        }
        let state = draft.state;
        let with = self.since.get(&(key.rule, site.mcu.clone()))?;
        let since = *with.get(venue)?;
        if let Some(gone) = gone(draft, &site.mcu, since) {
            return Some(gone);
        }
        let together = |other: &VenueId| with.get(other).is_some_and(|at| apart(*at, since) <= TOGETHER);
        let mut tally = Tally::default();
        for other in venues_on(state, &site.mcu) {
            tally.count(&beneath(state, &site.mcu, other), together(other));
        }
        let named = tally.pick(&beneath(state, &site.mcu, venue))?;
        let shares = |other: &&VenueId| together(other) && beneath(state, &site.mcu, other).contains(&named);
        let of = |other: &VenueId| {
            let who = Who::Venue(other.clone());
            FindingKey { rule: key.rule, subject: Subject::Site(SiteKey { mcu: site.mcu.clone(), who }) }
        };
        let members: Vec<FindingKey> = with.keys().filter(shares).map(of).collect();
        let alone = |member: &FindingKey| {
            let known = state.durable.findings.get(member);
            known.is_some_and(|known| known.cause.as_ref() != Some(&named))
        };
        if members.iter().any(alone) {
            draft.found_cause(named.clone(), members.clone());
        }
        Some((named, members.into_iter().filter(|member| member != key).take(MEMBERS_MAX).collect()))
    }
}

/// The venues of the meetings that an MCU carries now.
fn venues_on<'a>(state: &'a State, mcu: &McuId) -> impl Iterator<Item = &'a VenueId> {
    let carried = state.picture.devices.carries.get(mcu).into_iter().flatten();
    let meetings = carried.filter_map(|meeting| state.durable.inventory.meetings.get(meeting));
    meetings.flat_map(|meeting| meeting.all_venues())
}

/// What a site stands on, nearest first: the MCU, the trunks and carriers of its first link, the regions above.
fn beneath(state: &State, mcu: &McuId, venue: &VenueId) -> Vec<Resource> {
    let inventory = &state.durable.inventory;
    let link = state.picture.index.links_of.get(venue).and_then(|links| links.first());
    let under = link.map(|link| inventory.beneath_link(link)).unwrap_or_default();
    let mut found = vec![Resource::Mcu(mcu.clone())];
    found.extend(under.into_iter().skip(1).filter(|resource| *resource != Resource::Hub));
    found.extend(inventory.regions_of(venue));
    found
}

/// Lets findings stand for themselves when the MCU they failed with has been back for a while.
pub(super) fn part(draft: &mut Draft<'_>, input: &Input) {
    for (mcu, was_down) in comebacks(draft) {
        let at = draft.now.mono + PART_AFTER;
        draft.picture(Picture::PartAt { mcu, was_down, at });
    }
    match input {
        Input::Woke => {
            let (state, now) = (draft.state, draft.now.mono);
            for (_, timer) in state.picture.timers.iter().take_while(|(at, _)| *at <= now) {
                if let Timer::Part { mcu, was_down } = timer {
                    part_from(draft, mcu, *was_down);
                }
            }
        }
        Input::Started { .. } => {
            let causes = draft.state.durable.findings.values().filter_map(|finding| finding.cause.as_ref());
            let mcus: BTreeSet<McuId> = causes.filter_map(mcu_of).cloned().collect();
            let at = draft.now.mono + PART_AFTER;
            mcus.into_iter().for_each(|mcu| draft.picture(Picture::PartAt { mcu, was_down: false, at }));
        }
        Input::Observed { .. } | Input::Commanded { .. } | Input::ClockStepped { .. } => {}
    }
}

fn mcu_of(cause: &Resource) -> Option<&McuId> {
    match cause {
        Resource::Mcu(mcu) => Some(mcu),
        Resource::Link(_)
        | Resource::Venue(_)
        | Resource::Trunk(_)
        | Resource::Carrier(_)
        | Resource::Region(_)
        | Resource::Hub => None,
    }
}

/// MCUs that are back, or of which something that failed with them is.
fn comebacks(draft: &Draft<'_>) -> BTreeMap<McuId, bool> {
    let mut found = BTreeMap::new();
    for finding in draft.events.iter().filter_map(clearing) {
        let known = draft.state.durable.findings.get(finding);
        let cause = known.and_then(|known| known.cause.as_ref()).and_then(mcu_of);
        if let Some(mcu) = cause {
            let was_down = finding == &key_of(mcu);
            *found.entry(mcu.clone()).or_insert(false) |= was_down;
        }
    }
    found
}

fn clearing(event: &Event) -> Option<&FindingKey> {
    let Event::Durable(durable) = event else { return None };
    if let What::FindingCleared { finding } = &durable.what { Some(finding) } else { None }
}

/// Those under an MCU stay together while it is gone, and, if it never was, while more than half of them stay.
fn part_from(draft: &mut Draft<'_>, mcu: &McuId, was_down: bool) {
    let state = draft.state;
    if state.durable.findings.contains_key(&key_of(mcu)) {
        return;
    }
    let cause = Resource::Mcu(mcu.clone());
    let over: BTreeSet<&FindingKey> = draft.events.iter().filter_map(clearing).collect();
    let stays = |finding: &&Finding| finding.cause.as_ref() == Some(&cause) && !over.contains(&finding.key);
    let under: Vec<&Finding> = state.durable.findings.values().filter(stays).collect();
    let once = under.iter().map(|finding| finding.members.len() + 1).max().unwrap_or(0);
    if !under.is_empty() && (was_down || under.len() * 2 <= once) {
        let members = under.iter().map(|finding| finding.key.clone()).collect();
        draft.conclude(What::CauseParted { cause, members });
    }
}
