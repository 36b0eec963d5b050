//! Calls to venues' own codecs: the agent's path is not the codec's path.
//!
//! An MCU calls each codec into a test conference. A call touches the hall: it needs the venue's consent, never falls
//! into a no-test period or behind the roll call, and each MCU makes a few at a time. Without consent it waits, and
//! at the roll call it was not answered. After a restart open calls are hung up and not made again by themselves.

use crate::domain::check::{Check, CheckKey, RoundId, TestId};
use crate::domain::id::{EndpointId, McuId, VenueId};
use crate::domain::inventory::{Consent, Endpoint, Mcu, Meeting, MeetingOwner};
use crate::domain::time::{Span, Window};
use crate::engine::draft::Draft;
use crate::engine::effect::Effect;
use crate::engine::event::{Picture, What};
use crate::engine::rehearsal::{Finding, call_figures, schedule};
use crate::engine::state::CallRecord;
use crate::engine::verdict::{ReasonCode, Verdict};
use crate::observation::call::{CallOrder, CallOutcome};
use crate::observation::device::{Device, Sight};

/// How long a call stays connected: long enough for figures and for people to look.
const STAY: Span = Span::seconds(30);
/// What a call may take beyond that: dialling, an answer by hand, hanging up.
const CALL_MARGIN: Span = Span::seconds(60);
/// Waiting calls looked at when a place becomes free.
const LOOKED_AT_MAX: usize = 1024;

/// The MCU that makes a call, for a round of `meeting`.
pub(super) fn caller<'a>(draft: &Draft<'a>, meeting: &Meeting, check: &Check) -> Option<&'a Mcu> {
    let id = match check {
        Check::CodecCall { .. } => meeting.mcu.as_ref(),
        Check::BackupCall { .. } | Check::Standby => meeting.standby_mcu.as_ref(),
        Check::Presence | Check::Clock | Check::Path { .. } | Check::Room { .. } | Check::Confirm { .. } => {
            None
        }
    };
    id.and_then(|id| draft.state.durable.inventory.mcus.get(id)).filter(|mcu| mcu.control.is_some())
}

/// Attends to every waiting call, the earliest meeting's first.
pub(super) fn send(draft: &mut Draft<'_>) {
    let state = draft.state;
    for (_, round, key) in state.picture.calls_waiting.iter().take(LOOKED_AT_MAX) {
        schedule::attend(draft, *round, key);
    }
}

/// Makes a call, judges it without one, or leaves it waiting.
pub(super) fn attend(draft: &mut Draft<'_>, round: RoundId, key: &CheckKey, endpoint: &EndpointId) {
    let state = draft.state;
    if state.durable.calls.values().any(|call| call.round == round && &call.key == key) {
        return;
    }
    let inventory = &state.durable.inventory;
    let meeting = schedule::meeting_of(draft, round);
    let mcu = meeting.and_then(|meeting| caller(draft, meeting, &key.check));
    let endpoint = inventory.endpoints.get(endpoint);
    let (Some(meeting), Some(mcu), Some(endpoint)) = (meeting, mcu, endpoint) else {
        return draft.judge(round, key, None, Finding::broke(ReasonCode::DeviceUnregistered));
    };
    let reason = match barred(draft, key, (meeting, mcu)) {
        Some(reason) => Some(reason),
        None if !is_seen(draft, &mcu.id) => {
            schedule::grace_over(draft, round).then_some(ReasonCode::McuUnseen)
        }
        None if consents(draft, &key.venue) && has_place(draft, meeting, mcu, endpoint) => {
            return order(draft, (round, key), meeting, (mcu, endpoint));
        }
        None => None,
    };
    let Some(reason) = reason else { return };
    // The venue was asked whether it may be called, and did not answer until it was too late.
    let unanswered = reason == ReasonCode::MeetingTooNear && !consents(draft, &key.venue);
    let finding = if unanswered {
        Finding::bare(Verdict::NoAnswer, ReasonCode::NoConsent)
    } else {
        Finding::broke(reason)
    };
    draft.judge(round, key, None, finding);
}

/// Why a call must not be made now.
fn barred(draft: &Draft<'_>, key: &CheckKey, (meeting, mcu): (&Meeting, &Mcu)) -> Option<ReasonCode> {
    if meeting.owner == MeetingOwner::Superior {
        return Some(ReasonCode::SuperiorMeeting);
    }
    // Nothing crosses networks, a test call neither.
    let links = draft.state.durable.inventory.links_of(&key.venue);
    if !links.is_empty() && !links.iter().any(|link| link.network == mcu.network) {
        return Some(ReasonCode::OtherNetwork);
    }
    let from = draft.now.utc;
    schedule::forbidden(draft, key, Window { from, until: from + STAY + CALL_MARGIN })
}

fn is_seen(draft: &Draft<'_>, mcu: &McuId) -> bool {
    draft.state.sight(&Device::Mcu(mcu.clone()), draft.now.mono) == Sight::Seen
}

/// Whether a venue agrees to checks that touch its hall: standing, by record, or by its agent.
pub(super) fn consents(draft: &Draft<'_>, venue: &VenueId) -> bool {
    let state = draft.state;
    let standing =
        state.durable.inventory.venues.get(venue).is_some_and(|venue| venue.consent == Consent::Standing);
    let agent = state.picture.index.agent_of.get(venue);
    let fresh = agent.filter(|agent| state.agent_fresh(agent, draft.now.mono));
    let health =
        fresh.and_then(|agent| state.picture.agents.get(agent)).and_then(|seen| seen.health.as_ref());
    standing || state.durable.consents_at(venue, draft.now.utc) || health.is_some_and(|health| health.consent)
}

/// One call at a venue at a time, and no more at once from an MCU than the profile says.
fn has_place(draft: &Draft<'_>, meeting: &Meeting, mcu: &Mcu, endpoint: &Endpoint) -> bool {
    let state = draft.state;
    let profile = state.durable.inventory.profiles.get(&meeting.profile);
    let most = profile.map_or(1, |profile| usize::from(profile.calls_at_once.max(1)));
    let running = state.durable.calls.values().map(|call| &call.order);
    let running = running.filter(|order| !draft.ended.contains(&order.test));
    let all: Vec<&CallOrder> = running.chain(&draft.called).collect();
    let on_mcu = all.iter().filter(|order| order.mcu == mcu.id).count();
    on_mcu < most && !all.iter().any(|order| order.venue == endpoint.venue)
}

fn order(
    draft: &mut Draft<'_>,
    (round, key): (RoundId, &CheckKey),
    meeting: &Meeting,
    (mcu, endpoint): (&Mcu, &Endpoint),
) {
    let inventory = &draft.state.durable.inventory;
    let profile = inventory.profiles.get(&meeting.profile);
    let name = inventory.venues.get(&endpoint.venue).map_or(&endpoint.name, |venue| &venue.name);
    let order = CallOrder {
        test: draft.next_test(),
        mcu: mcu.id.clone(),
        endpoint: endpoint.id.clone(),
        venue: endpoint.venue.clone(),
        address: endpoint.address.clone(),
        protocol: endpoint.protocol,
        name: name.clone(),
        kbps: profile.map_or(0, |profile| profile.rate_kbps),
        content: profile.is_some_and(|profile| profile.content),
        stay: STAY,
    };
    draft.conclude(What::CallOrdered { round, key: key.clone(), order: order.clone() });
    let at = draft.now.mono + STAY + CALL_MARGIN;
    draft.picture(Picture::CallDue { test: order.test, at });
    draft.called.push(order.clone());
    draft.effect(Effect::CallCodec { order });
}

/// Files what came of a call. One that is over or was never made changes nothing.
pub(super) fn finished(draft: &mut Draft<'_>, test: TestId, outcome: &CallOutcome) {
    let state = draft.state;
    let Some(call) = state.durable.calls.get(&test).filter(|_| !draft.ended.contains(&test)) else { return };
    let meeting = schedule::meeting_of(draft, call.round);
    let profile = meeting.and_then(|meeting| state.durable.inventory.profiles.get(&meeting.profile));
    let finding = call_figures::judge(outcome, profile, &call.order);
    draft.judge(call.round, &call.key, Some(test), finding);
    end(draft, call);
}

fn end(draft: &mut Draft<'_>, call: &CallRecord) {
    let (round, key, test) = (call.round, call.key.clone(), call.order.test);
    if draft.ended.insert(test) {
        draft.conclude(What::CallEnded { round, key, test });
    }
}

/// Hangs a call up and judges its cell, if it still waits.
pub(super) fn call_off(draft: &mut Draft<'_>, call: &CallRecord, reason: ReasonCode) {
    let test = call.order.test;
    if draft.ended.contains(&test) {
        return;
    }
    draft.effect(Effect::EndCall { order: call.order.clone() });
    draft.judge(call.round, &call.key, Some(test), Finding::broke(reason));
    end(draft, call);
}

/// A restart: nobody knows how far the calls were.
pub(super) fn hang_up_all(draft: &mut Draft<'_>) {
    let state = draft.state;
    state.durable.calls.values().for_each(|call| call_off(draft, call, ReasonCode::Cancelled));
}

/// A call has had no end in time.
pub(super) fn overdue(draft: &mut Draft<'_>, test: TestId) {
    let state = draft.state;
    if let Some(call) = state.durable.calls.get(&test) {
        call_off(draft, call, ReasonCode::TimedOut);
    }
}

/// Hangs up what may not go on: a meeting came near, a no-test period began.
pub(super) fn call_off_forbidden(draft: &mut Draft<'_>) {
    let state = draft.state;
    let at = draft.now.utc;
    for call in state.durable.calls.values() {
        if let Some(reason) = schedule::forbidden(draft, &call.key, Window { from: at, until: at + Span(1) })
        {
            call_off(draft, call, reason);
        }
    }
}

/// Hangs up the calls at a venue whose agent says that tests are not welcome now.
pub(super) fn call_off_venue(draft: &mut Draft<'_>, venue: &VenueId) {
    let state = draft.state;
    let at_venue = state.durable.calls.values().filter(|call| &call.order.venue == venue);
    at_venue.for_each(|call| call_off(draft, call, ReasonCode::NoTestWindow));
}
