//! When a planned check may run: who waits, what is forbidden, what each shared resource can bear.

use crate::domain::check::{Check, CheckClass, CheckKey, PathPlan, RoundId, TestId};
use crate::domain::id::{LinkId, VenueId};
use crate::domain::inventory::{Link, Meeting, Phase};
use crate::domain::time::{Span, Window};
use crate::engine::draft::Draft;
use crate::engine::effect::Effect;
use crate::engine::event::Picture;
use crate::engine::rehearsal::{Finding, calls, judge, standby};
use crate::engine::state::picture::{load_of, path_plan};
use crate::engine::verdict::ReasonCode;
use crate::observation::{AgentCommand, PathOrder};

/// Light tests that run at once, over all venues: 100,000 packets/s at 50 each.
pub(super) const TESTS_MAX: usize = 2_000;
/// The share of a trunk's rate that tests may take.
const TRUNK_SHARE_PCT: u64 = 20;
/// Starts of tests sent out together are spread over at most this time.
const SPREAD_MS: u32 = 2_000;
/// Distance of two starts: one packet interval at 50 packets/s, so that no two tests tick together.
const STAGGER_MS: u32 = 20;
/// What a test may take beyond its packets: replies, report, a busy machine.
const TEST_MARGIN: Span = Span::seconds(8);
/// Waiting cells looked at when capacity becomes free.
const LOOKED_AT_MAX: usize = 1024;
/// Packets per second of an idle check.
const IDLE_PPS_MAX: u16 = 10;

/// Attends to every waiting cell of a round.
pub(super) fn attend_round(draft: &mut Draft<'_>, id: RoundId) {
    let Some(round) = draft.state.durable.rounds.get(&id) else { return };
    let waiting: Vec<&CheckKey> =
        round.cells.values().filter(|cell| cell.awaiting).map(|cell| &cell.key).collect();
    waiting.into_iter().for_each(|key| attend(draft, id, key));
}

/// Attends to every waiting cell of a venue.
pub(super) fn attend_venue(draft: &mut Draft<'_>, venue: &VenueId) {
    let state = draft.state;
    let waiting = state.picture.queue.get(venue).into_iter().flatten();
    waiting.for_each(|(round, key)| attend(draft, *round, key));
}

/// Sends waiting path tests, the earliest meeting's first, as far as capacity allows.
pub(super) fn send(draft: &mut Draft<'_>) {
    let state = draft.state;
    for (_, round, key) in state.picture.lines.iter().take(LOOKED_AT_MAX) {
        if running(draft) >= TESTS_MAX {
            return;
        }
        attend(draft, *round, key);
    }
}

/// Why a check is forbidden during `window`, if it is. What sends nothing that a line would notice never is.
pub(super) fn forbidden(draft: &Draft<'_>, key: &CheckKey, window: Window) -> Option<ReasonCode> {
    let state = draft.state;
    let venue = &key.venue;
    match key.check.class() {
        CheckClass::Idle | CheckClass::Manual => return None,
        CheckClass::Light | CheckClass::Rate | CheckClass::Hall => {}
    }
    let inventory = &state.durable.inventory;
    let near = |meeting: &&_| {
        inventory.meetings.get(*meeting).is_some_and(|meeting| {
            let now = matches!(meeting.phase(window.from), Phase::RollCall | Phase::Live);
            now || (meeting.phase(window.from) < Phase::RollCall && meeting.roll_call_at() < window.until)
        })
    };
    if state.picture.index.meetings_of.get(venue).into_iter().flatten().any(|meeting| near(&meeting)) {
        return Some(ReasonCode::MeetingTooNear);
    }
    let closed =
        inventory.venues.get(venue).is_some_and(|venue| venue.no_test.iter().any(|w| w.overlaps(&window)));
    let agent = state.picture.index.agent_of.get(venue).and_then(|agent| state.picture.agents.get(agent));
    let says_so = agent.and_then(|agent| agent.health.as_ref()).is_some_and(|health| health.no_test);
    (closed || says_so).then_some(ReasonCode::NoTestWindow)
}

/// Judges or sends what can be, leaves the rest waiting.
pub(super) fn attend(draft: &mut Draft<'_>, round: RoundId, key: &CheckKey) {
    if draft.judged.contains(&(round, key.clone())) {
        return;
    }
    match &key.check {
        Check::Presence | Check::Clock => attend_agent(draft, round, key),
        Check::Path { link } => attend_path(draft, round, key, link),
        Check::CodecCall { endpoint } | Check::BackupCall { endpoint } => {
            calls::attend(draft, round, key, endpoint);
        }
        Check::Standby => standby::attend(draft, round, key),
        Check::Room { .. } | Check::Confirm { .. } => {}
    }
}

/// The meeting of a round.
pub(super) fn meeting_of<'a>(draft: &Draft<'a>, round: RoundId) -> Option<&'a Meeting> {
    let durable = &draft.state.durable;
    durable.rounds.get(&round).and_then(|round| durable.inventory.meetings.get(&round.meeting))
}

/// What the venue's agent allows.
enum Agent {
    /// The inventory names none: a reflector there is a router's.
    NotPlanned,
    /// None can be heard: its key was never shown, or was revoked.
    NotEnrolled,
    /// It is off, and the time to wait for it is over.
    Off,
    /// It is not heard, but may yet be.
    Waiting,
    /// It is there.
    There,
}

fn agent_at(draft: &Draft<'_>, round: RoundId, venue: &VenueId) -> Agent {
    let state = draft.state;
    let Some(agent) = state.picture.index.agent_of.get(venue) else { return Agent::NotPlanned };
    if state.durable.agent_key(agent).is_none() {
        return Agent::NotEnrolled;
    }
    if state.agent_fresh(agent, draft.now.mono) {
        return Agent::There;
    }
    if grace_over(draft, round) { Agent::Off } else { Agent::Waiting }
}

pub(super) fn grace_over(draft: &Draft<'_>, round: RoundId) -> bool {
    draft.state.picture.grace.get(&round).is_none_or(|grace| *grace <= draft.now.mono)
}

fn attend_agent(draft: &mut Draft<'_>, round: RoundId, key: &CheckKey) {
    let finding = match agent_at(draft, round, &key.venue) {
        Agent::NotPlanned | Agent::NotEnrolled => Finding::broke(ReasonCode::NoAgent),
        Agent::Off => Finding::broke(ReasonCode::AgentOffline),
        Agent::Waiting => return,
        Agent::There => match heard(draft, round, key) {
            Some(finding) => finding,
            None => return,
        },
    };
    draft.judge(round, key, None, finding);
}

/// Judges presence or clock by the last heartbeat; `None` while an unknown clock may still become known.
fn heard(draft: &Draft<'_>, round: RoundId, key: &CheckKey) -> Option<Finding> {
    let state = draft.state;
    let agent = state.picture.index.agent_of.get(&key.venue)?;
    let health = state.picture.agents.get(agent)?.health.as_ref()?;
    if key.check == Check::Presence {
        return Some(judge::presence(health, &state.durable.version));
    }
    let finding = judge::clock(health.clock_offset_ms, &super::limits(state, round, &key.venue));
    (finding.reason != ReasonCode::ClockUnknown || grace_over(draft, round)).then_some(finding)
}

fn attend_path(draft: &mut Draft<'_>, round: RoundId, key: &CheckKey, id: &LinkId) {
    let state = draft.state;
    let link = state.durable.inventory.links.get(id).filter(|link| link.reflector.is_some());
    let Some(link) = link else {
        return draft.judge(round, key, None, Finding::broke(ReasonCode::NotTestable));
    };
    let reason = match agent_at(draft, round, &key.venue) {
        Agent::NotEnrolled => Some(ReasonCode::NoAgent),
        Agent::Off => Some(ReasonCode::AgentOffline),
        Agent::Waiting => return,
        Agent::NotPlanned | Agent::There => forbidden(draft, key, window(draft, round)),
    };
    match reason {
        Some(reason) => draft.judge(round, key, None, Finding::broke(reason)),
        None if fits(draft, round, id) => order(draft, round, key, link),
        None => {}
    }
}

fn window(draft: &Draft<'_>, round: RoundId) -> Window {
    let from = draft.now.utc;
    Window { from, until: from + duration(draft, round) + Span::millis(SPREAD_MS.into()) }
}

fn duration(draft: &Draft<'_>, round: RoundId) -> Span {
    let plan = path_plan(&draft.state.durable, round);
    Span::millis(u64::from(plan.packets) * 1000 / u64::from(plan.pps.max(1)))
}

fn running(draft: &Draft<'_>) -> usize {
    (draft.state.picture.tests.len() + draft.ordered.len()).saturating_sub(draft.ended.len())
}

/// Whether the link is free and no shared resource would bear more than its budget.
fn fits(draft: &Draft<'_>, round: RoundId, link: &LinkId) -> bool {
    let state = draft.state;
    let test = state.picture.testing.get(link);
    let busy = draft.ordered.contains(link) || test.is_some_and(|test| !draft.ended.contains(test));
    if busy || running(draft) >= TESTS_MAX {
        return false;
    }
    let (trunks, bps) = load_of(&state.durable, round, link);
    trunks.iter().all(|id| {
        let rate =
            state.durable.inventory.trunks.get(id).and_then(|trunk| trunk.rate_kbps).unwrap_or(u32::MAX);
        let now =
            state.picture.trunk_load.get(id).copied().unwrap_or(0) + draft.load.get(id).copied().unwrap_or(0);
        // One test always fits: else a thin trunk would never be tested at all.
        now == 0 || now + bps <= u64::from(rate) * 1000 * TRUNK_SHARE_PCT / 100
    })
}

fn order(draft: &mut Draft<'_>, round: RoundId, key: &CheckKey, link: &Link) {
    let state = draft.state;
    let Some(remote) = link.reflector else { return };
    let nth = u32::try_from(draft.ordered.len()).unwrap_or(u32::MAX);
    let test = draft.next_test();
    let after_ms = nth.saturating_mul(STAGGER_MS) % SPREAD_MS;
    let (trunks, bps) = load_of(&state.durable, round, &link.id);
    for trunk in trunks {
        *draft.load.entry(trunk).or_default() += bps;
    }
    draft.ordered.insert(link.id.clone());
    let deadline = draft.now.mono + Span::millis(after_ms.into()) + duration(draft, round) + TEST_MARGIN;
    draft.picture(Picture::TestOrdered { test, round, key: key.clone(), deadline });
    let plan = path_plan(&state.durable, round);
    let order = PathOrder { test, link: link.id.clone(), local: link.hub_address, remote, plan };
    draft.effect(Effect::TestPath { order: order.clone(), after_ms });
    let agent = state.picture.index.agent_of.get(&key.venue);
    if let (Some(agent), Some(remote)) = (agent, link.hub_reflector) {
        let plan = alongside(plan);
        let command = AgentCommand::TestPath { order: PathOrder { local: None, remote, plan, ..order } };
        draft.effect(Effect::TellAgent { agent: agent.clone(), command });
    }
}

/// The venue's own look at the same line for the same time: at the idle rate, so that the two together stay a light
/// check.
fn alongside(plan: PathPlan) -> PathPlan {
    let pps = plan.pps.min(IDLE_PPS_MAX);
    let packets = u64::from(plan.packets) * u64::from(pps) / u64::from(plan.pps.max(1));
    PathPlan { pps, packets: u32::try_from(packets).unwrap_or(u32::MAX).max(10), ..plan }
}

/// Calls a running test off and judges its cell, if it still waits.
pub(super) fn call_off(draft: &mut Draft<'_>, test: TestId, reason: ReasonCode) {
    let state = draft.state;
    let Some(running) = state.picture.tests.get(&test).filter(|_| !draft.ended.contains(&test)) else {
        return;
    };
    draft.effect(Effect::CancelTest { test });
    let tells = match &running.key.check {
        Check::Path { link } => {
            state.durable.inventory.links.get(link).is_some_and(|link| link.hub_reflector.is_some())
        }
        Check::Presence
        | Check::Clock
        | Check::Room { .. }
        | Check::CodecCall { .. }
        | Check::BackupCall { .. }
        | Check::Standby
        | Check::Confirm { .. } => false,
    };
    let agent = state.picture.index.agent_of.get(&running.key.venue).filter(|_| tells);
    if let Some(agent) = agent {
        draft.effect(Effect::TellAgent { agent: agent.clone(), command: AgentCommand::CancelTest { test } });
    }
    draft.judge(running.round, &running.key, Some(test), Finding::broke(reason));
    draft.end_test(test);
}

/// Calls off every test that may not go on: a meeting came near, a no-test window opened.
pub(super) fn call_off_forbidden(draft: &mut Draft<'_>) {
    let state = draft.state;
    let at = draft.now.utc;
    for (test, running) in &state.picture.tests {
        if let Some(reason) = forbidden(draft, &running.key, Window { from: at, until: at + Span(1) }) {
            call_off(draft, *test, reason);
        }
    }
    calls::call_off_forbidden(draft);
}

/// Calls off the tests of a venue whose agent says that tests are not welcome now.
pub(super) fn call_off_venue(draft: &mut Draft<'_>, venue: &VenueId) {
    let state = draft.state;
    let links = state.picture.index.links_of.get(venue).into_iter().flatten();
    for test in links.filter_map(|link| state.picture.testing.get(link)) {
        call_off(draft, *test, ReasonCode::NoTestWindow);
    }
    calls::call_off_venue(draft, venue);
}
