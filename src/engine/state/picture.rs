//! What is only seen now: agents' freshness, running tests, holds, timers, and indices over the durable half.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::AGENT_FRESH;
use super::agent::{AgentPicture, HubPicture};
use super::alarm::AlarmsPicture;
use super::call::ProofPicture;
use super::device::DevicesPicture;
use super::durable::DurableState;
use super::index::{Index, automatic};
use super::membership::IncidentsPicture;
use super::run::PlansPicture;
use super::stream::{StreamSeen, StreamsPicture};
use crate::domain::check::{Check, CheckKey, RoundId, TestId};
use crate::domain::id::{AgentId, LinkId, McuId, TrunkId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::{Inventory, Resource};
use crate::domain::time::{Mono, Span, Utc};
use crate::engine::event::{Durable, Picture, What};
use crate::engine::finding::FindingKey;
use crate::observation::device::Device;
use crate::observation::{AgentHealth, LossSecond, Order};

/// Bits per packet beyond its UDP payload: UDP and IPv4 headers and Ethernet framing.
const FRAMING_BYTES: u64 = 46;

/// The picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PictureState {
    /// When this process began to look.
    pub began: Mono,
    /// Agents that were heard or that did something odd.
    pub agents: BTreeMap<AgentId, AgentPicture>,
    /// Tests that run.
    pub tests: BTreeMap<TestId, RunningTest>,
    /// Tests ordered since the start: the counter of [`TestId`].
    pub ordered: u32,
    /// Conditions that hold but are not raised yet.
    pub holds: BTreeMap<FindingKey, Hold>,
    /// Raised findings that look clear, since when.
    pub clearing: BTreeMap<FindingKey, Mono>,
    /// Loss second by second in each link's last test.
    pub losses: BTreeMap<LinkId, Vec<LossSecond>>,
    /// Sum of the wall clock's steps since the start, microseconds.
    pub clock_steps_us: i64,
    /// Until when a round waits for agents that are not heard.
    pub grace: BTreeMap<RoundId, Mono>,
    /// The controller itself.
    pub hub: HubPicture,
    /// Streams.
    pub streams: StreamsPicture,
    /// Devices.
    pub devices: DevicesPicture,
    pub(in crate::engine) incidents: IncidentsPicture,
    pub(in crate::engine) plans: PlansPicture,
    pub(in crate::engine) alarms: AlarmsPicture,
    /// How each MCU was proved.
    pub proofs: BTreeMap<McuId, ProofPicture>,
    /// Which test runs on a link: one at a time.
    pub testing: BTreeMap<LinkId, TestId>,
    pub(in crate::engine) timers: BTreeSet<(Mono, Timer)>,
    pub(in crate::engine) queue: BTreeMap<VenueId, BTreeSet<(RoundId, CheckKey)>>,
    pub(in crate::engine) lines: BTreeSet<(Utc, RoundId, CheckKey)>,
    pub(in crate::engine) calls_waiting: BTreeSet<(Utc, RoundId, CheckKey)>,
    pub(in crate::engine) trunk_load: BTreeMap<TrunkId, u64>,
    pub(in crate::engine) open_rounds: BTreeSet<RoundId>,
    pub(in crate::engine) index: Index,
}

/// A test that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTest {
    /// In which round.
    pub round: RoundId,
    /// For which cell.
    pub key: CheckKey,
    /// When it must have ended.
    pub deadline: Mono,
    /// Packets sent so far.
    pub sent: u32,
    /// Packets planned; 0 until its first progress.
    pub planned: u32,
    trunks: Vec<TrunkId>,
    bps: u64,
}

/// A condition that holds, not yet long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Onset, monotonic.
    pub since: Mono,
    /// Onset, wall clock.
    pub since_utc: Utc,
}

/// What a monotonic deadline is for. Those due at once stand at [`Mono`] zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Every cell of a round is judged: end it.
    Settle(RoundId),
    /// A round was opened, asked again or found after a restart: look at all its cells.
    Attend(RoundId),
    /// A venue's agent came back: look at the venue's cells.
    AttendVenue(VenueId),
    /// The inventory changed: call off what may not go on.
    Review,
    /// Capacity became free: send waiting tests.
    Send,
    /// Agents that have not been heard by now are off, for this round.
    Grace(RoundId),
    /// A test must have ended.
    Overdue(TestId),
    /// An agent has been silent for [`AGENT_FRESH`].
    Silent(AgentId),
    /// A finding's hold or clearing may be over.
    Finding(FindingKey),
    /// Look over all streams for those of which nothing is heard.
    Patrol,
    /// A device said something, or has said nothing for `DEVICE_FRESH`.
    Device(Device),
    /// A place for a call became free, a venue agreed, or a device was seen.
    Calls,
    /// A call must have ended.
    CallOverdue(TestId),
    /// An MCU is to be proved, or its proof must have ended.
    Prove(McuId),
    /// Findings or incidents changed, or one has waited long enough for others.
    Incidents,
    /// Plans that are carried out are to be looked at.
    Plans,
    /// What stays broken after an MCU came back is to stand for itself.
    Part {
        /// Which MCU.
        mcu: McuId,
        /// Whether it was gone.
        was_down: bool,
    },
}

impl PictureState {
    pub(super) fn from_durable(durable: &DurableState) -> Self {
        let mut picture = Self::default();
        picture.rebuild(durable);
        picture
    }

    /// Makes every index anew from the durable half and forgets tests that serve no waiting cell.
    pub(super) fn rebuild(&mut self, durable: &DurableState) {
        let waits = |running: &RunningTest| {
            let round = durable.rounds.get(&running.round);
            round.and_then(|round| round.cells.get(&running.key)).is_some_and(|cell| cell.awaiting)
        };
        let idle = self.tests.iter().filter(|(_, running)| !waits(running)).map(|(test, _)| *test);
        idle.collect::<Vec<TestId>>().into_iter().for_each(|test| self.test_ended(durable, test));
        self.index = Index::of(durable);
        self.turn(durable, self.streams.turned);
        self.queue.clear();
        self.lines.clear();
        self.calls_waiting.clear();
        self.open_rounds.clear();
        for round in durable.rounds.values().filter(|round| round.is_open()) {
            self.open_rounds.insert(round.id);
            self.enqueue(durable, round.id);
            self.settle(durable, round.id);
        }
        if !self.lines.is_empty() {
            self.timers.insert((Mono(0), Timer::Send));
        }
        self.incidents = IncidentsPicture::of(durable);
        self.replan(durable);
        self.alarms.rebuild(durable);
        if self.incidents.waits() {
            self.timers.insert((Mono(0), Timer::Incidents));
        }
        self.holds.retain(|finding, _| !durable.findings.contains_key(finding));
        self.clearing.retain(|finding, _| durable.findings.contains_key(finding));
        for (finding, hold) in &self.holds {
            self.streams.held(finding, hold.since);
        }
    }

    /// Works out every stream's part as of `at`; holds stay as they are.
    fn turn(&mut self, durable: &DurableState, at: Utc) {
        self.streams.turn(durable, &self.index.links_of, at);
        self.devices.rebuild(durable, self.holds.keys());
        self.devices.turn(&durable.inventory, at);
        let again = self.devices.each.keys().map(|device| (Mono(0), Timer::Device(device.clone())));
        self.timers.extend(again);
        for (finding, hold) in &self.holds {
            self.streams.held(finding, hold.since);
        }
    }

    /// Keeps indices, queues and holds in step with a durable event that was just applied.
    pub(super) fn follow(&mut self, durable: &DurableState, event: &Durable) {
        self.follow_plans(durable, event);
        match &event.what {
            What::InventoryChanged { changes, .. } => {
                self.index = Index::of(durable);
                self.streams.forget(changes);
                self.turn(durable, event.at);
                let rounds: Vec<RoundId> = self.open_rounds.iter().copied().collect();
                self.lines.clear();
                self.calls_waiting.clear();
                // Another address, another make: what could not be proved may be now.
                self.proofs.values_mut().for_each(|known| known.provided = true);
                rounds.into_iter().for_each(|round| self.enqueue(durable, round));
                self.timers.insert((Mono(0), Timer::Review));
                self.timers.insert((Mono(0), Timer::Send));
            }
            What::RoundOpened { round, .. } | What::RetestAsked { round, .. } => {
                self.index.automatic = automatic(durable);
                self.open_rounds.insert(*round);
                self.enqueue(durable, *round);
                self.settle(durable, *round);
            }
            What::CheckJudged { round, judgement } => self.close_cell(durable, *round, &judgement.key),
            What::CallOrdered { round, key, order } => {
                self.ordered = self.ordered.max(order.test.n);
                self.dequeue(durable, *round, key);
            }
            What::CallEnded { round, key, .. } => self.call_ended(durable, *round, key),
            What::ConsentGiven { .. } => self.look_at_calls(),
            What::CheckWaived { round, key, .. } => self.close_cell(durable, *round, key),
            What::RoundEnded { round, .. } => {
                self.open_rounds.remove(round);
                self.grace.remove(round);
            }
            What::FindingRaised { .. }
            | What::CauseFound { .. }
            | What::CauseParted { .. }
            | What::FindingCleared { .. } => self.found(durable, event),
            What::FindingWeighed { .. }
            | What::IncidentOpened { .. }
            | What::IncidentChanged { .. }
            | What::AlarmsChanged { .. } => self.stir(durable, event),
            What::AgentEnrolled { agent, .. } => {
                // A new key may come with a new start counter.
                if let Some(seen) = self.agents.get_mut(agent) {
                    seen.order = Order::default();
                }
                self.streams.new_key(agent);
            }
            What::AgentRevoked { agent, .. } => self.revoked(agent),
            What::Started { .. } => self.turn(durable, event.at),
            What::PlanBegun { .. } | What::StepChanged { .. } | What::PlanEnded { .. } => {
                self.replan(durable)
            }
            What::RoomRecorded { .. }
            | What::SignedOff { .. }
            | What::ConfirmRecorded { .. }
            | What::RollCalled { .. }
            | What::AgentInvited { .. }
            | What::EvidenceKept { .. }
            | What::ActionOrdered { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::ActionFrozen { .. }
            | What::ActionThawed { .. }
            | What::PagingChanged { .. }
            | What::DutyChanged { .. }
            | What::FloodChanged { .. }
            | What::IdentityChanged { .. } => {}
            What::Gap { since, .. } => self.hub.gap = Some((event.at, *since)),
        }
    }

    /// Incidents look at what changed, in a decision of its own.
    fn stir(&mut self, durable: &DurableState, event: &Durable) {
        self.incidents.follow(durable, event);
        self.alarms.follow(durable, event);
        self.timers.insert((Mono(0), Timer::Incidents));
    }

    fn settled(&mut self, findings: &[(FindingKey, Mono)], incidents: &[(IncidentId, Mono)]) {
        let untils = findings.iter().map(|(_, until)| until).chain(incidents.iter().map(|(_, until)| until));
        self.timers.extend(untils.map(|until| (*until, Timer::Incidents)));
        self.incidents.settled(findings, incidents);
    }

    /// What is raised, grouped and over.
    fn found(&mut self, durable: &DurableState, event: &Durable) {
        self.stir(durable, event);
        if let What::FindingRaised { finding, since, cause, .. } = &event.what {
            self.holds.remove(finding);
            self.streams.raised(finding, *since);
            self.devices.held(finding);
            self.suspect(finding);
            if let Some(cause) = cause {
                self.streams.shares(finding, cause, *since);
            }
        }
        // One cause and one kind of fault at a time: the newest onset stands for all.
        if let What::CauseFound { cause, members } = &event.what
            && let Some(member) = members.last()
        {
            let since = durable.findings.get(member).map_or(event.at, |finding| finding.since);
            self.streams.shares(member, cause, since);
        }
        if let What::CauseParted { cause, .. } = &event.what {
            self.streams.named.retain(|(_, named), _| named != cause);
        }
        if let What::FindingCleared { finding } = &event.what {
            let since = self.clearing.remove(finding);
            self.streams.cleared(finding, since);
            self.devices.over(finding);
        }
    }

    pub(super) fn apply(&mut self, durable: &DurableState, event: &Picture) {
        match event {
            Picture::Began { at } => self.began = *at,
            Picture::Woken { at } => {
                self.timers = self.timers.split_off(&(*at + Span(1), Timer::Settle(RoundId(0))))
            }
            Picture::AgentSeen { agent, at, order, health } => {
                self.agent_seen(durable, agent, (*at, *order), health);
            }
            Picture::AgentExpected { agent, by } => {
                let seen = self.agents.entry(agent.clone()).or_default();
                let before = seen.silent_at.replace(*by);
                self.unset_silence(agent, before);
                self.timers.insert((*by, Timer::Silent(agent.clone())));
            }
            Picture::AgentMisbehaved { agent, at, what, count } => {
                let seen = self.agents.entry(agent.clone()).or_default();
                seen.misbehaved = Some(*at);
                let total = seen.misbehaviour.entry(*what).or_default();
                *total = total.saturating_add(*count);
            }
            Picture::PartAt { mcu, was_down, at } => {
                self.timers.insert((*at, Timer::Part { mcu: mcu.clone(), was_down: *was_down }));
            }
            Picture::RoundWatched { round, grace } => {
                self.grace.insert(*round, *grace);
                self.timers.insert((Mono(0), Timer::Attend(*round)));
                self.timers.insert((*grace, Timer::Grace(*round)));
            }
            Picture::TestOrdered { test, round, key, deadline } => {
                self.test_ordered(durable, *test, (*round, key), *deadline);
            }
            Picture::TestProgressed { test, sent, planned } => self.test_progressed(*test, *sent, *planned),
            Picture::TestEnded { test } => self.test_ended(durable, *test),
            Picture::LossSeen { link, seconds } => {
                self.losses.insert(link.clone(), seconds.clone());
            }
            Picture::StreamSeen { stream, at, sent: (sent, order), report } => {
                let report = Arc::clone(report);
                self.streams.seen(stream, StreamSeen { at: *at, sent: *sent, order: *order, report });
            }
            Picture::CallDue { test, at } => {
                self.timers.insert((*at, Timer::CallOverdue(*test)));
            }
            Picture::ProveAt { .. } | Picture::ProofOrdered { .. } | Picture::ProofEnded { .. } => {
                self.proof(event);
            }
            Picture::DeviceSeen { device, at, order, report } => {
                self.device_seen(durable, device, (*at, *order), report);
            }
            Picture::Turned { at } => self.turn(durable, *at),
            Picture::PatrolAt { at } => {
                if let Some(before) = std::mem::replace(&mut self.streams.patrol, *at) {
                    self.timers.remove(&(before, Timer::Patrol));
                }
                self.timers.extend(at.map(|at| (at, Timer::Patrol)));
            }
            Picture::HoldBegan { .. }
            | Picture::HoldEnded { .. }
            | Picture::ClearBegan { .. }
            | Picture::RecheckAt { .. } => self.hold(durable, event),
            Picture::IncidentsSettled { findings, incidents } => self.settled(findings, incidents),
            Picture::PlansAt { at } => self.look_at_plans(*at),
            Picture::AlarmRose { alarm, at } => self.alarms.rose(alarm, *at),
            Picture::HubSeen { at, health } => self.hub.seen(*at, health),
            Picture::ClockStepped { by_us, at } => {
                self.clock_steps_us = self.clock_steps_us.saturating_add(*by_us);
                self.hub.stepped = Some((*at, *by_us));
            }
        }
    }

    /// What rules wait for.
    fn hold(&mut self, durable: &DurableState, event: &Picture) {
        if let Picture::HoldBegan { finding, since, since_utc } = event {
            self.streams.held(finding, *since);
            self.devices.held(finding);
            self.holds.insert(finding.clone(), Hold { since: *since, since_utc: *since_utc });
        }
        if let Picture::HoldEnded { finding } = event {
            self.holds.remove(finding);
            self.clearing.remove(finding);
            let raised = durable.findings.contains_key(finding);
            self.streams.hold_ended(finding, raised);
            if !raised {
                self.devices.over(finding);
            }
        }
        if let Picture::ClearBegan { finding, since } = event {
            self.clearing.insert(finding.clone(), *since);
        }
        if let Picture::RecheckAt { finding, at } = event {
            self.timers.insert((*at, Timer::Finding(finding.clone())));
        }
    }

    fn agent_seen(
        &mut self,
        durable: &DurableState,
        agent: &AgentId,
        at: (Mono, Order),
        health: &AgentHealth,
    ) {
        let (at, order) = at;
        let silent_at = at + AGENT_FRESH;
        let seen = self.agents.entry(agent.clone()).or_default();
        let was_fresh = seen.at.is_some_and(|before| at.since(before) < AGENT_FRESH);
        let consented = seen.health.as_ref().is_some_and(|health| health.consent);
        if health.consent && !consented && !self.calls_waiting.is_empty() {
            self.timers.insert((Mono(0), Timer::Calls));
        }
        let knew_clock = seen.health.as_ref().is_some_and(|health| health.clock_offset_ms.is_some());
        seen.at = Some(at);
        seen.order = order;
        seen.health = Some(health.clone());
        let before = seen.silent_at.replace(silent_at);
        self.unset_silence(agent, before);
        self.timers.insert((silent_at, Timer::Silent(agent.clone())));
        if self.queue.is_empty() || (was_fresh && (knew_clock || health.clock_offset_ms.is_none())) {
            return;
        }
        let venue = durable.inventory.agents.get(agent).map(|agent| &agent.venue);
        if let Some(venue) = venue.filter(|venue| self.queue.contains_key(*venue)) {
            self.timers.insert((Mono(0), Timer::AttendVenue(venue.clone())));
        }
    }

    fn revoked(&mut self, agent: &AgentId) {
        if let Some(gone) = self.agents.remove(agent) {
            self.unset_silence(agent, gone.silent_at);
        }
    }

    fn unset_silence(&mut self, agent: &AgentId, at: Option<Mono>) {
        if let Some(at) = at {
            self.timers.remove(&(at, Timer::Silent(agent.clone())));
        }
    }

    fn test_ordered(
        &mut self,
        durable: &DurableState,
        test: TestId,
        cell: (RoundId, &CheckKey),
        deadline: Mono,
    ) {
        let (round, key) = cell;
        self.ordered = self.ordered.max(test.n);
        self.dequeue(durable, round, key);
        let Check::Path { link } = &key.check else { return };
        let (trunks, bps) = load_of(durable, round, link);
        for trunk in &trunks {
            *self.trunk_load.entry(trunk.clone()).or_default() += bps;
        }
        self.testing.insert(link.clone(), test);
        self.timers.insert((deadline, Timer::Overdue(test)));
        let running = RunningTest { round, key: key.clone(), deadline, sent: 0, planned: 0, trunks, bps };
        self.tests.insert(test, running);
    }

    fn test_progressed(&mut self, test: TestId, sent: u32, planned: u32) {
        if let Some(running) = self.tests.get_mut(&test) {
            running.sent = sent.max(running.sent);
            running.planned = planned;
        }
    }

    fn test_ended(&mut self, durable: &DurableState, test: TestId) {
        let Some(running) = self.tests.remove(&test) else { return };
        self.timers.remove(&(running.deadline, Timer::Overdue(test)));
        for trunk in &running.trunks {
            if let Some(load) = self.trunk_load.get_mut(trunk) {
                *load = load.saturating_sub(running.bps);
            }
        }
        if let Check::Path { link } = &running.key.check {
            self.testing.remove(link);
        }
        let still = |cell: &super::Cell| cell.awaiting;
        let round = durable.rounds.get(&running.round);
        if round.and_then(|round| round.cells.get(&running.key)).is_some_and(still) {
            self.enqueue_cell(durable, running.round, &running.key);
        }
        if !self.lines.is_empty() {
            self.timers.insert((Mono(0), Timer::Send));
        }
    }

    /// Puts every waiting cell of a round that no test serves yet into the queue.
    fn enqueue(&mut self, durable: &DurableState, id: RoundId) {
        let Some(round) = durable.rounds.get(&id) else { return };
        for key in round.cells.values().filter(|cell| cell.awaiting).map(|cell| &cell.key) {
            self.enqueue_cell(durable, id, key);
        }
    }

    pub(super) fn enqueue_cell(&mut self, durable: &DurableState, id: RoundId, key: &CheckKey) {
        let call = matches!(key.check, Check::CodecCall { .. } | Check::BackupCall { .. } | Check::Standby);
        let runs = || durable.calls.values().any(|call| call.round == id && &call.key == key);
        if matches!(key.check, Check::Room { .. } | Check::Confirm { .. }) || (call && runs()) {
            return;
        }
        if call {
            self.calls_waiting.insert((starts(durable, id), id, key.clone()));
            self.timers.insert((Mono(0), Timer::Calls));
        }
        if let Check::Path { link } = &key.check {
            let serves = |running: &RunningTest| running.round == id && &running.key == key;
            if self.testing.get(link).and_then(|test| self.tests.get(test)).is_some_and(serves) {
                return;
            }
            self.lines.insert((starts(durable, id), id, key.clone()));
        }
        self.queue.entry(key.venue.clone()).or_default().insert((id, key.clone()));
    }

    fn dequeue(&mut self, durable: &DurableState, id: RoundId, key: &CheckKey) {
        let cell = (id, key.clone());
        if let Some(cells) = self.queue.get_mut(&key.venue) {
            cells.remove(&cell);
            if cells.is_empty() {
                self.queue.remove(&key.venue);
            }
        }
        let place = (starts(durable, id), cell.0, cell.1);
        self.lines.remove(&place);
        self.calls_waiting.remove(&place);
    }

    fn close_cell(&mut self, durable: &DurableState, id: RoundId, key: &CheckKey) {
        self.dequeue(durable, id, key);
        self.settle(durable, id);
    }

    fn settle(&mut self, durable: &DurableState, id: RoundId) {
        if durable.rounds.get(&id).is_some_and(|round| round.is_open() && round.open == 0) {
            self.timers.insert((Mono(0), Timer::Settle(id)));
        }
    }
}

/// The trunks under a link whose rate is known, and what its test puts on them in bit/s, both ways counted once.
pub(in crate::engine) fn load_of(
    durable: &DurableState,
    round: RoundId,
    link: &LinkId,
) -> (Vec<TrunkId>, u64) {
    let inventory = &durable.inventory;
    let known = |resource: Resource| match resource {
        Resource::Trunk(id) => {
            inventory.trunks.get(&id).is_some_and(|trunk| trunk.rate_kbps.is_some()).then_some(id)
        }
        Resource::Link(_)
        | Resource::Venue(_)
        | Resource::Carrier(_)
        | Resource::Region(_)
        | Resource::Mcu(_)
        | Resource::Hub => None,
    };
    let trunks = inventory.beneath_link(link).into_iter().filter_map(known).collect();
    let plan = path_plan(durable, round);
    let bps = u64::from(plan.pps) * (u64::from(plan.payload_bytes) + FRAMING_BYTES) * 8;
    (trunks, bps)
}

/// How paths are tested in a round: as its meeting's profile says.
pub(in crate::engine) fn path_plan(durable: &DurableState, round: RoundId) -> crate::domain::check::PathPlan {
    let inventory: &Inventory = &durable.inventory;
    let meeting = durable.rounds.get(&round).and_then(|round| inventory.meetings.get(&round.meeting));
    let profile = meeting.and_then(|meeting| inventory.profiles.get(&meeting.profile));
    profile.map(|profile| profile.path).unwrap_or_default()
}

fn starts(durable: &DurableState, round: RoundId) -> Utc {
    let meeting = durable.rounds.get(&round).map(|round| &round.meeting);
    meeting.and_then(|id| durable.inventory.meetings.get(id)).map_or(Utc(i64::MAX), |meeting| meeting.starts)
}
