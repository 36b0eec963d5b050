//! First stage: what an input changes in the picture, before anything is concluded from it.

use std::sync::Arc;

use super::draft::Draft;
use super::event::{Picture, What};
use super::input::Input;
use super::state::device::has_device;
use crate::domain::id::AgentId;
use crate::domain::inventory::Watcher;
use crate::domain::time::Span;
use crate::observation::device::DeviceReport;
use crate::observation::{
    AgentHealth, DETECTIONS_MAX, Fact, Misbehaviour, Observation, Order, Source, StreamReport,
};

/// How long after a start an agent's silence says nothing.
const SILENCE_AFTER_START: Span = Span::seconds(10);

/// Notes what an input shows.
pub(super) fn see(draft: &mut Draft<'_>, input: &Input) {
    match input {
        Input::Started { boot, version } => started(draft, *boot, version),
        Input::Observed { observation } => observed(draft, observation),
        Input::Woke => {
            let at = draft.now.mono;
            draft.picture(Picture::Woken { at });
        }
        Input::ClockStepped { by_us } => {
            let at = draft.now.mono;
            draft.picture(Picture::ClockStepped { by_us: *by_us, at });
        }
        Input::Commanded { .. } => {}
    }
}

/// How long an agent that has just got its key may stay silent.
pub(super) fn expect(draft: &mut Draft<'_>, agent: &AgentId) {
    let by = draft.now.mono + SILENCE_AFTER_START;
    draft.picture(Picture::AgentExpected { agent: agent.clone(), by });
}

fn started(draft: &mut Draft<'_>, boot: u32, version: &str) {
    // Test numbers must never come again, whatever the caller counts.
    let boot = boot.max(draft.state.durable.boot.saturating_add(1));
    draft.conclude(What::Started { boot, version: version.to_owned() });
    let at = draft.now.mono;
    draft.picture(Picture::Began { at });
    let state = draft.state;
    for (agent, enrolment) in &state.durable.enrolments {
        if enrolment.key.is_some() && state.durable.inventory.agents.contains_key(agent) {
            expect(draft, agent);
        }
    }
}

fn observed(draft: &mut Draft<'_>, observation: &Observation) {
    match (&observation.source, &observation.fact) {
        (Source::Agent(agent), Fact::Heartbeat { health }) => heard(draft, agent, observation.order, health),
        (Source::Agent(agent), Fact::Misbehaved { what, count }) => misbehaved(draft, agent, *what, *count),
        (Source::Hub, Fact::Progress { test, sent, planned }) => {
            let newer = |sent_before| *sent > sent_before;
            if draft.state.picture.tests.get(test).is_some_and(|running| newer(running.sent)) {
                draft.picture(Picture::TestProgressed { test: *test, sent: *sent, planned: *planned });
            }
        }
        (Source::Hub, Fact::Heartbeat { .. } | Fact::Misbehaved { .. } | Fact::PathTested { .. })
        | (Source::Agent(_), Fact::Progress { .. } | Fact::PathTested { .. }) => {}
        (Source::Hub | Source::Agent(_), Fact::StreamSeen { report }) => watched(draft, observation, report),
        (Source::Hub, Fact::DeviceSeen { report }) => asked(draft, observation.order, report),
        // What became of orders is taken in by those who gave them; agents do not speak to devices.
        (Source::Hub, Fact::HubSeen { health }) => {
            let (at, health) = (draft.now.mono, health.clone());
            draft.picture(Picture::HubSeen { at, health });
        }
        (
            Source::Hub,
            Fact::ActionReported { .. }
            | Fact::CodecCalled { .. }
            | Fact::Proved { .. }
            | Fact::NoticeDelivered { .. }
            | Fact::NoticeAnswered { .. },
        )
        | (
            Source::Agent(_),
            Fact::DeviceSeen { .. }
            | Fact::ActionReported { .. }
            | Fact::CodecCalled { .. }
            | Fact::Proved { .. }
            | Fact::HubSeen { .. }
            | Fact::NoticeDelivered { .. }
            | Fact::NoticeAnswered { .. },
        ) => {}
    }
}

/// A report counts if it is of a known stream, from whom the inventory lets watch it, and the newest yet.
fn watched(draft: &mut Draft<'_>, observation: &Observation, report: &StreamReport) {
    let Some(stream) = draft.state.picture.streams.each.get(&report.stream) else { return };
    let own = match (&stream.watcher, &observation.source) {
        (Some(Watcher::Hub), Source::Hub) => true,
        (Some(Watcher::Agent(agent)), Source::Agent(author)) => {
            agent == author && draft.state.durable.agent_key(author).is_some()
        }
        (Some(Watcher::Hub), Source::Agent(_)) | (Some(Watcher::Agent(_)), Source::Hub) | (None, _) => false,
    };
    let order = observation.order;
    let fits = report.detections.len() <= DETECTIONS_MAX;
    if own && fits && stream.seen.as_ref().is_none_or(|seen| order > seen.order) {
        let (stream, at) = (report.stream.clone(), draft.now.mono);
        let report = Arc::new(report.clone());
        draft.picture(Picture::StreamSeen { stream, at, sent: (observation.at, order), report });
    }
}

/// A report counts if it is of a known device and the newest yet. What a hostile device wrote too long is cut.
fn asked(draft: &mut Draft<'_>, order: Order, report: &DeviceReport) {
    let state = draft.state;
    let device = &report.device;
    let newer = state.picture.devices.each.get(device).is_none_or(|seen| order > seen.order);
    if newer && has_device(&state.durable.inventory, device) {
        let (device, at) = (device.clone(), draft.now.mono);
        let report = Arc::new(report.clone().bounded());
        draft.picture(Picture::DeviceSeen { device, at, order, report });
    }
}

/// A heartbeat counts if its author is enrolled and nothing newer was heard.
fn heard(draft: &mut Draft<'_>, agent: &AgentId, order: Order, health: &AgentHealth) {
    let durable = &draft.state.durable;
    let known = durable.inventory.agents.contains_key(agent) && durable.agent_key(agent).is_some();
    let newer =
        draft.state.picture.agents.get(agent).is_none_or(|seen| order > seen.order || seen.at.is_none());
    if known && newer {
        let at = draft.now.mono;
        draft.picture(Picture::AgentSeen { agent: agent.clone(), at, order, health: health.clone() });
    }
}

/// Names are taken from the inventory only: an invented one must not fill the memory.
fn misbehaved(draft: &mut Draft<'_>, agent: &AgentId, what: Misbehaviour, count: u64) {
    if draft.state.durable.inventory.agents.contains_key(agent) {
        let at = draft.now.mono;
        draft.picture(Picture::AgentMisbehaved { agent: agent.clone(), at, what, count });
    }
}
