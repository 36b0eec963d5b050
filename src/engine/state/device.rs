//! Devices as they are seen now: what each said last, the rosters in it, and the part each plays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::durable::DurableState;
use super::part::{Part, Stage};
use super::picture::{PictureState, Timer};
use crate::domain::id::{McuId, MeetingId, VenueId};
use crate::domain::inventory::{Inventory, Meeting, Phase, Resource};
use crate::domain::time::{Mono, Span, Utc};
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::roster::{self, Roster};
use crate::engine::state::stream::StreamsPicture;
use crate::observation::Order;
use crate::observation::device::{Device, DeviceReport, Sight, Signal};

/// A report is the truth for so long: a device that nothing pushes is asked every 5 to 15 seconds.
pub const DEVICE_FRESH: Span = Span::seconds(45);
/// Fewest things that must have fallen silent together before our own side is taken for the cause, and their share.
const OWN_SIDE_LEAST: usize = 3;
const OWN_SIDE_SHARE: f64 = 0.9;

/// Whether so many of so many are enough to blame our own side.
pub(super) fn mostly(silent: usize, all: usize) -> bool {
    silent >= OWN_SIDE_LEAST && silent as f64 >= all as f64 * OWN_SIDE_SHARE
}

/// Share of the streams that leave an MCU whose silence is a sign that it is gone.
const MEDIA_GONE: f64 = 0.7;
/// Fewest such streams.
const MEDIA_LEAST: usize = 2;

/// All devices of which something was heard since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DevicesPicture {
    /// Each.
    pub each: BTreeMap<Device, DevicePicture>,
    /// The part of each MCU that a meeting near its time stands on.
    pub roles: BTreeMap<McuId, McuRole>,
    /// The part that each venue of such a meeting plays.
    pub(in crate::engine) parts: BTreeMap<VenueId, Part>,
    /// The meetings near their time that each MCU carries.
    pub(in crate::engine) carries: BTreeMap<McuId, Vec<MeetingId>>,
    /// Findings and holds that a device's reports speak to.
    pub(in crate::engine) active: BTreeMap<Device, BTreeSet<FindingKey>>,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct DevicePicture {
    /// Receipt of its newest report, monotonic.
    pub at: Mono,
    /// That report's order.
    pub order: Order,
    /// The report.
    pub report: Arc<DeviceReport>,
    /// The meetings that it carries, as it knows them.
    pub rosters: Arc<[Roster]>,
}

/// The part that an MCU plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McuRole {
    /// In which meeting.
    pub meeting: MeetingId,
    /// Where that meeting stands.
    pub phase: Phase,
    /// Whether it carries the meeting, or stands by.
    pub carries: bool,
}

impl DevicesPicture {
    /// What a device said last, while it still counts.
    pub fn fresh(&self, device: &Device, now: Mono) -> Option<&DevicePicture> {
        self.each.get(device).filter(|known| now.since(known.at) < DEVICE_FRESH)
    }

    /// Whether a device can be seen, as the engine takes it: one sign that an MCU is gone and the silence of most
    /// streams that leave it are two.
    pub fn sight(&self, device: &Device, streams: &StreamsPicture, now: Mono) -> Sight {
        let Some(known) = self.fresh(device, now) else { return Sight::Unknown };
        match (known.report.sight, device) {
            (Sight::Suspected { signal }, Device::Mcu(mcu))
                if signal != Signal::Media && silent(streams, mcu) =>
            {
                Sight::Down { signals: [signal, Signal::Media] }
            }
            (sight, _) => sight,
        }
    }

    /// The roster that an invited venue stands in, by the word of this MCU.
    pub fn roster_of(&self, mcu: &McuId, venue: &VenueId) -> Option<&Roster> {
        let known = self.each.get(&Device::Mcu(mcu.clone()))?;
        known.rosters.iter().find(|roster| roster.seats.contains_key(venue))
    }

    /// Works out anew which part each device plays at `at`, and what each said means for it.
    pub(super) fn turn(&mut self, inventory: &Inventory, at: Utc) {
        let stage = Stage::of(inventory, at);
        self.roles.clear();
        self.carries.clear();
        self.parts.clear();
        for (meeting, phase) in stage.meetings() {
            for (mcu, carries) in [(&meeting.mcu, true), (&meeting.standby_mcu, false)] {
                let Some(mcu) = mcu else { continue };
                let role = McuRole { meeting: meeting.id.clone(), phase, carries };
                let known = self.roles.get(mcu).map(|known| (known.phase, known.carries));
                if known.is_none_or(|known| (phase, carries) > known) {
                    self.roles.insert(mcu.clone(), role);
                }
                if carries {
                    self.carries.entry(mcu.clone()).or_default().push(meeting.id.clone());
                }
            }
        }
        for (venue, part) in stage.venues() {
            let known = self.parts.get(venue).map(|known| (known.phase, known.first));
            if known.is_none_or(|known| (part.phase, part.first) > known) {
                self.parts.insert(venue.clone(), part);
            }
        }
        for (device, known) in &mut self.each {
            known.rosters = rosters(inventory, &self.carries, device, &known.report);
        }
    }

    /// Takes a report in.
    pub(super) fn seen(
        &mut self,
        inventory: &Inventory,
        device: &Device,
        (at, order): (Mono, Order),
        report: &Arc<DeviceReport>,
    ) {
        let rosters = rosters(inventory, &self.carries, device, report);
        let seen = DevicePicture { at, order, report: Arc::clone(report), rosters };
        self.each.insert(device.clone(), seen);
    }

    /// What is raised or held speaks to a device's next report.
    pub(super) fn held(&mut self, key: &FindingKey) {
        if let Some(device) = key.subject.device() {
            self.active.entry(device).or_default().insert(key.clone());
        }
    }

    pub(super) fn over(&mut self, key: &FindingKey) {
        let Some(device) = key.subject.device() else { return };
        if let Some(active) = self.active.get_mut(&device) {
            active.remove(key);
            if active.is_empty() {
                self.active.remove(&device);
            }
        }
    }

    /// Makes the index anew and forgets devices that are no more.
    pub(super) fn rebuild<'a>(
        &mut self,
        durable: &'a DurableState,
        held: impl Iterator<Item = &'a FindingKey>,
    ) {
        self.active.clear();
        durable.findings.keys().chain(held).for_each(|key| self.held(key));
        self.each.retain(|device, _| has_device(&durable.inventory, device));
    }

    /// The MCU whose silence a lost stream may be, if one is under suspicion.
    pub(super) fn suspects(&self, rule: RuleCode, beneath: &[Resource]) -> Option<Device> {
        let mcu = beneath.iter().find_map(|resource| match resource {
            Resource::Mcu(mcu) => Some(Device::Mcu(mcu.clone())),
            Resource::Link(_)
            | Resource::Venue(_)
            | Resource::Trunk(_)
            | Resource::Carrier(_)
            | Resource::Region(_)
            | Resource::Hub => None,
        })?;
        let suspected =
            self.each.get(&mcu).is_some_and(|known| matches!(known.report.sight, Sight::Suspected { .. }));
        (rule == RuleCode::StreamLost && suspected).then_some(mcu)
    }
}

/// How soon after an MCU is first seen it is proved.
const FIRST_PROOF: Span = Span::seconds(30);

impl PictureState {
    /// A stream that is lost may be the second sign that its MCU is gone.
    pub(super) fn suspect(&mut self, finding: &FindingKey) {
        let Subject::Stream(stream) = &finding.subject else { return };
        let beneath = self.streams.each.get(stream).map(|stream| Arc::clone(&stream.beneath));
        let device = beneath.and_then(|beneath| self.devices.suspects(finding.rule, &beneath));
        self.timers.extend(device.map(|device| (Mono(0), Timer::Device(device))));
    }

    pub(super) fn device_seen(
        &mut self,
        durable: &DurableState,
        device: &Device,
        at: (Mono, Order),
        report: &Arc<DeviceReport>,
    ) {
        if let Some(before) = self.devices.each.get(device) {
            self.timers.remove(&(before.at + DEVICE_FRESH, Timer::Device(device.clone())));
        }
        self.timers.insert((at.0 + DEVICE_FRESH, Timer::Device(device.clone())));
        self.timers.insert((Mono(0), Timer::Device(device.clone())));
        if let (Device::Mcu(mcu), None) = (device, self.devices.each.get(device)) {
            self.timers.insert((at.0 + FIRST_PROOF, Timer::Prove(mcu.clone())));
        }
        self.devices.seen(&durable.inventory, device, at, report);
        self.look_at_calls();
    }
}

/// Whether the inventory has that device.
pub(in crate::engine) fn has_device(inventory: &Inventory, device: &Device) -> bool {
    match device {
        Device::Mcu(id) => inventory.mcus.contains_key(id),
        Device::Endpoint(id) => inventory.endpoints.contains_key(id),
        Device::Equipment(id) => inventory.equipment.contains_key(id),
    }
}

/// Whether most streams that leave an MCU are silent by our own monitors.
fn silent(streams: &StreamsPicture, mcu: &McuId) -> bool {
    let resource = Resource::Mcu(mcu.clone());
    let all = streams.standing.get(&resource).copied().unwrap_or(0);
    let lost = streams.raised_on.get(&(RuleCode::StreamLost, resource)).map_or(0, |on| on.len());
    lost >= MEDIA_LEAST && lost as f64 >= all as f64 * MEDIA_GONE
}

fn rosters(
    inventory: &Inventory,
    carries: &BTreeMap<McuId, Vec<MeetingId>>,
    device: &Device,
    report: &DeviceReport,
) -> Arc<[Roster]> {
    let Device::Mcu(mcu) = device else { return Arc::new([]) };
    let carried = carries.get(mcu).into_iter().flatten();
    let meetings: Vec<&Meeting> = carried.filter_map(|id| inventory.meetings.get(id)).collect();
    roster::rosters(inventory, &meetings, report).into()
}
