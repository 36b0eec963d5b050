//! Causes: what findings raised together share. The only place that names one.
//!
//! A cause is a resource of the dependency graph on which most of what stands is affected at the same time. Agents
//! fall silent at once; lines lose packets in the same seconds; streams break off together. The controller's own side is named when almost
//! everything is affected, else the resource that explains most, and of equals the nearest.

mod agent;
mod device;
mod link;
mod stream;

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::event::{Event, What};
use super::finding::{FindingKey, RuleCode, Subject};
use super::input::Input;
use crate::domain::inventory::Resource;
use crate::domain::time::Utc;
use crate::observation::device::Device;

/// Share of what stands on a resource that must be affected before it is named.
const SHARE: f64 = 0.7;
/// The same for the controller's own side.
const HUB_SHARE: f64 = 0.9;
/// Fewest things that must stand on the controller's side before it is named.
const HUB_LEAST: usize = 3;

/// Names the shared cause of findings raised in this decision.
pub(super) fn group(draft: &mut Draft<'_>, input: &Input) {
    device::part(draft, input);
    let raised = raised(draft);
    if raised.is_empty() {
        return;
    }
    let mut found: BTreeMap<FindingKey, (Resource, Vec<FindingKey>)> = BTreeMap::new();
    let mut silences = None;
    let mut breaks: Option<stream::Breaks> = None;
    let mut sites: Option<device::Sites> = None;
    for key in &raised {
        let cause = match (&key.subject, key.rule) {
            (Subject::Agent(_), RuleCode::AgentOffline) => {
                let named = silences.get_or_insert_with(|| agent::Silences::of(draft, &raised)).cause(key);
                stream::follow_agent(draft, key, named.as_ref()).or(named)
            }
            (Subject::Resource(Resource::Link(link)), RuleCode::LinkPath) => link::cause(draft.state, link),
            (Subject::Stream(_), _) => {
                breaks.get_or_insert_with(|| stream::Breaks::of(draft)).cause(draft, key)
            }
            (Subject::Device(Device::Mcu(mcu)), RuleCode::McuDown) => device::down(draft, key, mcu),
            (Subject::Site(site), _) => {
                sites.get_or_insert_with(|| device::Sites::of(draft)).cause(draft, key, site)
            }
            (Subject::Agent(_) | Subject::Resource(_) | Subject::Device(_) | Subject::Reading(_), _) => None,
        };
        if let Some(cause) = cause {
            found.insert(key.clone(), cause);
        }
    }
    for event in &mut draft.events {
        let Event::Durable(durable) = event else { continue };
        if let What::FindingRaised { finding, cause, members, .. } = &mut durable.what
            && let Some((resource, others)) = found.remove(finding)
        {
            *cause = Some(resource);
            *members = others;
        }
    }
}

fn raised(draft: &Draft<'_>) -> BTreeSet<FindingKey> {
    draft.events.iter().filter_map(raising).map(|(key, _)| key.clone()).collect()
}

/// The finding that an event raises, and its onset.
fn raising(event: &Event) -> Option<(&FindingKey, Utc)> {
    let Event::Durable(durable) = event else { return None };
    if let What::FindingRaised { finding, since, .. } = &durable.what {
        Some((finding, *since))
    } else {
        None
    }
}

/// How many stand on each resource, and how many of them are affected.
#[derive(Default)]
struct Tally(BTreeMap<Resource, (usize, usize)>);

impl Tally {
    fn count(&mut self, resources: &[Resource], affected: bool) {
        for resource in resources {
            let (hit, all) = self.0.entry(resource.clone()).or_default();
            *all += 1;
            *hit += usize::from(affected);
        }
    }

    /// The resource to name among those that one thing stands on, nearest first.
    fn pick(&self, beneath: &[Resource]) -> Option<Resource> {
        let share = |(hit, all): (usize, usize)| hit as f64 / all.max(1) as f64;
        let of = |resource: &Resource| self.0.get(resource).copied().unwrap_or_default();
        let hub = of(&Resource::Hub);
        if hub.1 >= HUB_LEAST && share(hub) >= HUB_SHARE {
            return Some(Resource::Hub);
        }
        let mut best: Option<(usize, &Resource)> = None;
        for resource in beneath.iter().filter(|resource| **resource != Resource::Hub) {
            let (hit, all) = of(resource);
            let more = best.is_none_or(|(most, _)| hit > most);
            if hit >= 2 && share((hit, all)) >= SHARE && more {
                best = Some((hit, resource));
            }
        }
        best.map(|(_, resource)| resource.clone())
    }
}
