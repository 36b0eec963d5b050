//! Rules about streams: which of the things a monitor saw is wrong here and now, since when, and how much it matters.
//!
//! A monitor holds what it sees itself (a freeze 0.9 s, black 0.4 s, silence of the line 0.7 s), so what must be known
//! within a second has no hold of its own here. A report is the whole truth for three seconds; a later look at an
//! older one knows nothing, raises nothing and clears nothing. What is only suspected waits a little for pictures to
//! confirm it, and weighs little until they do.

mod look;
mod weigh;

use super::{Condition, LOOKS_EVERY, evaluate, turn};
use crate::domain::id::StreamId;
use crate::domain::inventory::{Phase, Watcher};
use crate::domain::time::{Mono, Now, Span};
use crate::engine::draft::Draft;
use crate::engine::event::{Event, Picture};
use crate::engine::finding::{FindingKey, RuleCode, Subject, Why};
use crate::engine::state::stream::RuleSet;
use crate::engine::state::{State, StreamPicture, StreamSeen};
use crate::observation::{Seen, StreamReport};
use look::{Look, Sight, View};

/// How often all streams are looked over for those of which nothing is heard.
const PATROL_EVERY: Span = Span::seconds(5);
/// A monitor that has said nothing for so long cannot look.
const MUTE_AFTER: Span = Span::seconds(6);
/// The longest a finding that keeps coming back has to be good before it is over.
const CLEAR_MAX: Span = Span::seconds(30);

/// Hold, and how long it must be good again; see [`super::times`].
pub(super) fn times(rule: RuleCode) -> (Span, Span) {
    let s = Span::seconds;
    match rule {
        RuleCode::StreamLost
        | RuleCode::StreamNoVideo
        | RuleCode::StreamFreeze
        | RuleCode::StreamBlack
        | RuleCode::StreamFlat => (Span::ZERO, s(1)),
        RuleCode::StreamCorrupt => (s(1), s(2)),
        RuleCode::StreamNoAudio | RuleCode::StreamFps | RuleCode::StreamCodec => (s(2), s(2)),
        RuleCode::StreamBitrate | RuleCode::StreamClipping | RuleCode::StreamOpenMicrophone => (s(3), s(5)),
        // Counted over ten seconds by the monitor: what was lost shows for as long again.
        RuleCode::StreamLoss | RuleCode::StreamTransport => (s(2), s(5)),
        RuleCode::StreamJitter | RuleCode::StreamSkew => (s(5), s(5)),
        // People pause.
        RuleCode::StreamSilence => (s(10), s(1)),
        RuleCode::StreamStatic => (s(10), s(3)),
        // A worker is back within a second; only what lasts is worth a word.
        RuleCode::StreamUnavailable => (s(3), s(2)),
        RuleCode::AgentOffline
        | RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::AgentMisbehaves
        | RuleCode::LinkPath
        | RuleCode::AccountBreakGlass
        | RuleCode::SelfDisk
        | RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfClock
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices
        | RuleCode::McuDown
        | RuleCode::McuSuspected
        | RuleCode::McuBlind
        | RuleCode::McuDegraded
        | RuleCode::McuAlarm
        | RuleCode::McuCapacity
        | RuleCode::McuDiedAfterAction
        | RuleCode::McuNoProof
        | RuleCode::RosterDrift
        | RuleCode::SiteMissing
        | RuleCode::SiteIntruder
        | RuleCode::SiteWrongName
        | RuleCode::SiteDuplicate
        | RuleCode::SiteNoMedia
        | RuleCode::SiteLoss
        | RuleCode::DeviceDown
        | RuleCode::DeviceBlind
        | RuleCode::DeviceAlarm
        | RuleCode::EquipmentReading => (Span::ZERO, Span::ZERO),
    }
}

/// How long it must be good, after so many relapses.
pub(super) fn clears_after(state: &State, key: &FindingKey) -> Span {
    let base = times(key.rule).1;
    let relapses = u64::from(state.picture.streams.relapsed(key));
    let longer = Span(base.0.saturating_mul(relapses.saturating_add(1)));
    longer.min(CLEAR_MAX).max(base)
}

/// Judges what a report that was just taken in says.
pub(super) fn observed(draft: &mut Draft<'_>) {
    let taken = draft.events.iter().find_map(|event| match event {
        Event::Picture(Picture::StreamSeen { stream, at, sent: (sent, order), report }) => {
            let seen = StreamSeen { at: *at, sent: *sent, order: *order, report: report.clone() };
            Some((stream.clone(), seen))
        }
        Event::Picture(_) | Event::Durable(_) => None,
    });
    let Some((id, seen)) = taken else { return };
    let state = draft.state;
    let Some(stream) = state.picture.streams.each.get(&id) else { return };
    let concerned = concerned(stream, &seen.report);
    for rule in concerned.iter() {
        let key = FindingKey { rule, subject: Subject::Stream(id.clone()) };
        let condition = condition(state, &key, stream, Some(&seen), draft.now);
        turn(draft, &key, condition);
    }
}

/// What the picture says, when time has passed.
pub(super) fn by_picture(state: &State, id: &StreamId, key: &FindingKey, now: Now) -> Condition {
    let Some(stream) = state.picture.streams.each.get(id) else { return Condition::Gone };
    let seen = stream.seen.as_ref().filter(|_| stream.fresh(now.mono));
    condition(state, key, stream, seen, now)
}

/// Looks over all streams for those whose monitor says nothing, and at the wall clock's turns for parts that change.
pub(super) fn woken(draft: &mut Draft<'_>) {
    let state = draft.state;
    let streams = &state.picture.streams;
    if streams.next_turn.is_some_and(|at| at <= draft.now.utc) {
        turn_parts(draft);
    }
    if streams.patrol.is_none_or(|at| at > draft.now.mono) {
        return;
    }
    let mut watched = false;
    for (id, stream) in &streams.each {
        watched |= stream.watcher.is_some();
        if mute(state, stream, draft.now) && !stream.active.contains(RuleCode::StreamUnavailable) {
            let rule = RuleCode::StreamUnavailable;
            evaluate(draft, &FindingKey { rule, subject: Subject::Stream(id.clone()) });
        }
    }
    let at = watched.then(|| draft.now.mono + PATROL_EVERY);
    draft.picture(Picture::PatrolAt { at });
}

/// The inventory changed or the process began: patrols go on from here.
pub(super) fn set_out(draft: &mut Draft<'_>) {
    let at = Mono((draft.now.mono + PATROL_EVERY).0.next_multiple_of(LOOKS_EVERY.0));
    draft.picture(Picture::PatrolAt { at: Some(at) });
}

/// Another phase, another speaker: what is raised or held is weighed anew once the parts are.
pub(super) fn turn_parts(draft: &mut Draft<'_>) {
    draft.picture(Picture::Turned { at: draft.now.utc });
    let active = draft.state.picture.streams.each.iter().filter(|(_, stream)| !stream.active.is_empty());
    for (id, stream) in active {
        for rule in stream.active.iter() {
            let finding = FindingKey { rule, subject: Subject::Stream(id.clone()) };
            draft.picture(Picture::RecheckAt { finding, at: draft.now.mono });
        }
    }
}

/// The rules that a report may change: those that something in it speaks to, and those with a past.
fn concerned(stream: &StreamPicture, report: &StreamReport) -> RuleSet {
    let mut rules = stream.active;
    if stream.part.is_some() {
        look::speaks_to(report).for_each(|rule| rules.insert(rule));
    }
    rules
}

fn condition(
    state: &State,
    key: &FindingKey,
    stream: &StreamPicture,
    seen: Option<&StreamSeen>,
    now: Now,
) -> Condition {
    let Some(part) = stream.part.as_ref().filter(|_| stream.watcher.is_some()) else {
        return Condition::Gone;
    };
    let finding = state.durable.findings.get(key);
    let looked = match seen {
        Some(seen) => {
            let yields = key.rule == RuleCode::StreamSilence && heard_before(state, stream, now.mono);
            let view = View { stream, part, seen, now: now.mono, raised: finding.is_some(), yields };
            look::look(key.rule, &view)
        }
        None if key.rule == RuleCode::StreamUnavailable && mute(state, stream, now) => {
            Look::Wrong(Sight::of(Why::NoReport))
        }
        None => Look::Unknown,
    };
    match looked {
        Look::Wrong(sight) => {
            let before = finding.and_then(|finding| finding.proof.as_deref());
            let weight = weigh::weight(key.rule, &sight, stream, before);
            // Onsets are told by the watcher's clock; how long ago they were is the same by every clock.
            let age = Span(sight.age.0.saturating_add(seen.map_or(0, |seen| now.mono.since(seen.at).0)));
            let since = Mono(now.mono.0.saturating_sub(age.0));
            Condition::True { since, since_utc: now.utc - age, weight }
        }
        Look::InOrder => Condition::False,
        Look::Unknown => Condition::Unknown,
        Look::Gone => Condition::Gone,
    }
}

/// Whether nothing has been heard of a stream that somebody should be watching, though its watcher lives.
fn mute(state: &State, stream: &StreamPicture, now: Now) -> bool {
    let last = stream.seen.as_ref().map_or(state.picture.began, |seen| seen.at);
    let alive = match &stream.watcher {
        Some(Watcher::Hub) => true,
        // An agent that is off is its own finding.
        Some(Watcher::Agent(agent)) => state.agent_fresh(agent, now.mono),
        None => false,
    };
    let matters = stream.part.as_ref().is_some_and(|part| part.phase > Phase::HourBefore);
    alive && matters && now.mono.since(last.max(state.picture.began)) >= MUTE_AFTER
}

/// Whether the venue that spoke before is still heard: then the one that should speak by the agenda waits.
fn heard_before(state: &State, stream: &StreamPicture, now: Mono) -> bool {
    let Some(before) = stream.part.as_ref().and_then(|part| part.after.as_ref()) else { return false };
    let heard = |other: &StreamPicture| {
        let sound = |report: &StreamReport| {
            report.detections.iter().any(|detection| matches!(detection.seen, Seen::Sound { .. }))
        };
        other.venue.as_ref() == Some(before)
            && other.fresh(now)
            && other.seen.as_ref().is_some_and(|seen| sound(&seen.report))
    };
    let streams = &state.picture.streams;
    let of_venue = streams.of_venue.get(before).into_iter().flatten();
    of_venue.filter_map(|id| streams.each.get(id)).any(heard)
}
