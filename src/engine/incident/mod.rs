//! Incidents 事件: one per cause, so that a person has one thing to take care of and one plan to follow.
//!
//! A finding that is raised joins the incident that its anchor draws it to, or opens one. One that may share its
//! cause with others waits a moment for them. When a cause is named later, its findings move; when a cause is over,
//! what stays broken parts from it. What a person put together or apart stays so. An incident is over by itself when
//! nothing in it is raised any more, unless the meeting runs on a makeshift: then somebody says so.
//!
//! All of it happens in a decision of its own, after the events that it looks at were applied.

mod anchor;
mod assess;
mod change;
mod command;
mod deed;
mod pool;

use std::collections::{BTreeMap, BTreeSet};

pub use anchor::{Anchor, class_of, venue_of};
pub use change::{Assessment, IncidentChange, Opening};
pub(super) use command::{acked, answer, mark, mitigated, mitigating};

use super::alarm::CHATTER_LASTS;
use super::draft::Draft;
use super::escalation;
use super::event::{Picture, What};
use super::finding::{FindingKey, Severity};
use super::input::Input;
use super::state::{Alarm, Correction, Finding, Incident, State, Timer};
use crate::domain::incident::{IncidentId, IncidentState};
use crate::domain::lang::Text;
use crate::domain::time::{Mono, Span, Utc};
use pool::Openings;

/// So long a finding that may share its cause waits for others before it opens an incident of its own.
pub const GATHER: Span = Span::millis(200);
/// So long nothing in an incident is raised before it is over.
pub const QUIET: Span = Span::seconds(30);
/// What comes back within this time of its end is the same incident.
pub const REOPEN_WITHIN: Span = Span::minutes(10);

/// Settles findings into incidents, and incidents into their states.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    deed::follow(draft);
    if *input != Input::Woke {
        return;
    }
    forget_old_acks(draft);
    remind(draft);
    let (state, now) = (draft.state, draft.now.mono);
    let mut due = state.picture.timers.iter().take_while(|(at, _)| *at <= now);
    if due.any(|(_, timer)| *timer == Timer::Incidents) {
        settle(draft);
    }
}

/// The next moment at which an acknowledgement is too old, or somebody is to be told of what they are to put right.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    let incidents = &state.picture.incidents;
    let acks = incidents.ack_due.first().map(|(at, _)| *at);
    acks.into_iter().chain(incidents.reminders.first().map(|(at, _)| *at)).min()
}

/// Owners are told of what they are to put right 整改.
fn remind(draft: &mut Draft<'_>) {
    let (state, now) = (draft.state, draft.now.utc);
    let due = state.picture.incidents.reminders.iter().take_while(|(at, _)| *at <= now);
    for incident in due.filter_map(|(_, id)| state.durable.incidents.get(id)) {
        let is_due = |it: &&Correction| it.remind_at().is_some_and(|at| at <= now);
        for correction in incident.corrections.iter().filter(is_due) {
            escalation::remind(draft, incident, correction);
            change(draft, incident.id, IncidentChange::CorrectionReminded { n: correction.n });
        }
    }
}

/// Who acknowledged and has nothing to show in time has forgotten it, perhaps.
fn forget_old_acks(draft: &mut Draft<'_>) {
    let now = draft.now.utc;
    let due = &draft.state.picture.incidents.ack_due;
    let old: Vec<IncidentId> = due.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
    for id in old {
        let why = Text::new("确认后超时未处置", "acknowledged, and nothing was done in time");
        change(draft, id, IncidentChange::Unacked { why });
    }
}

/// What becomes of a finding that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// It is where it belongs.
    Stays,
    /// It waits until then for others that may share its cause.
    Waits(Mono),
    /// It belongs to an incident that there is.
    Joins(IncidentId),
    /// It opens one, together with all that hold on to the same.
    Opens(Anchor),
}

fn settle(draft: &mut Draft<'_>) {
    let state = draft.state;
    let mut waiting = Vec::new();
    let mut joins: BTreeMap<IncidentId, Vec<FindingKey>> = BTreeMap::new();
    let (mut opens, mut news) = (Openings::new(), Openings::new());
    for (key, until) in &state.picture.incidents.unsettled {
        let Some(finding) = state.durable.findings.get(key) else { continue };
        match fate(state, finding, *until, draft.now.mono) {
            Fate::Stays => {}
            Fate::Waits(until) => waiting.push((key.clone(), until)),
            Fate::Joins(incident) => joins.entry(incident).or_default().push(key.clone()),
            Fate::Opens(anchor) => opens.entry(anchor).or_default().push(key.clone()),
        }
    }
    for (anchor, members) in pool::guess(state, opens) {
        match state.picture.incidents.by_anchor.get(&anchor) {
            Some(id) => joins.entry(*id).or_default().extend(members),
            None => news.entry(anchor).or_default().extend(members),
        }
    }
    let quiet = quiet(draft, &joins);
    draft.picture_first(Picture::IncidentsSettled { findings: waiting, incidents: quiet.clone() });
    for (n, (anchor, members)) in (1..).zip(news) {
        open(draft, IncidentId(state.durable.incidents_opened + n), anchor, members);
    }
    // What was joined is looked at when that is so.
    let waits: BTreeSet<IncidentId> =
        quiet.into_iter().map(|(id, _)| id).chain(joins.keys().copied()).collect();
    for (id, members) in joins {
        change(draft, id, IncidentChange::Joined { members });
    }
    let stirred = state.picture.incidents.stirred.keys().filter(|id| !waits.contains(id));
    stirred.for_each(|id| turn(draft, *id));
}

/// Incidents that wait: nothing in them is raised and may come back, or most came back and the rest may. Each with
/// when that is known.
fn quiet(draft: &Draft<'_>, joins: &BTreeMap<IncidentId, Vec<FindingKey>>) -> Vec<(IncidentId, Mono)> {
    let (state, now) = (draft.state, draft.now);
    let waits = |id: &IncidentId| {
        let incident = state.durable.incidents.get(id)?;
        if let Some(until) = pool::parts_at(state, incident, now) {
            return (until > now.mono).then_some((*id, until));
        }
        let open = incident.state.is_open() && incident.state != IncidentState::Mitigated;
        let since = incident.quiet.filter(|_| open && !incident.members.is_empty())?;
        // What comes and goes is not over each time that it goes. A clock that was put back ends the wait.
        let over = match chatters_until(state, incident).filter(|until| *until > now.utc) {
            Some(calm) => calm + QUIET,
            None if since > now.utc => now.utc,
            None => since + QUIET,
        };
        let left = over.since(now.utc).min(Span(QUIET.0 + CHATTER_LASTS.0));
        (left > Span::ZERO && !joins.contains_key(id)).then(|| (*id, now.mono + left))
    };
    state.picture.incidents.stirred.keys().filter_map(waits).collect()
}

/// Until when a member of an incident chatters.
fn chatters_until(state: &State, incident: &Incident) -> Option<Utc> {
    let of = |key: &FindingKey| state.durable.alarms.get(key).and_then(|alarm| alarm.chatters_until);
    incident.members.keys().filter_map(of).max()
}

/// Where a raised finding belongs.
fn fate(state: &State, finding: &Finding, until: Mono, now: Mono) -> Fate {
    let anchor = Anchor::of(&state.durable.inventory, finding);
    let index = &state.picture.incidents;
    if let Some(incident) = finding.incident.and_then(|id| state.durable.incidents.get(&id)) {
        return moves(state, finding, incident, &anchor);
    }
    if let Some(id) = index.of.get(&finding.key).filter(|id| returns(state, **id, finding)) {
        return Fate::Joins(*id);
    }
    if let Some(id) = index.by_anchor.get(&anchor) {
        return Fate::Joins(*id);
    }
    let alarm = state.durable.alarms.get(&finding.key);
    if alarm.is_some_and(Alarm::is_aside) {
        // A person put it aside: it opens nothing until its time is over.
        return Fate::Stays;
    }
    if finding.severity == Severity::Information {
        // Worth knowing, nothing to do: it opens an incident when it comes to matter.
        return Fate::Stays;
    }
    let alone = anchor.cause().is_none() && anchor::may_share(finding.key.rule);
    let until = if until == Mono(0) { now + GATHER } else { until };
    if alone && now < until { Fate::Waits(until) } else { Fate::Opens(anchor) }
}

/// Where a finding that is in an incident belongs: with its cause, unless a person put it where it is.
fn moves(state: &State, finding: &Finding, incident: &Incident, anchor: &Anchor) -> Fate {
    let pinned = incident.members.get(&finding.key).is_some_and(|member| member.pinned);
    let stays = incident.anchor.as_ref() == Some(anchor)
        || pinned
        || incident.state == IncidentState::FalseAlarm
        || (finding.cause.is_none() && !state.picture.incidents.parted.contains(&finding.key));
    if stays {
        return Fate::Stays;
    }
    match state.picture.incidents.by_anchor.get(anchor) {
        Some(id) if *id == incident.id => Fate::Stays,
        Some(id) => Fate::Joins(*id),
        None => Fate::Opens(anchor.clone()),
    }
}

/// Whether a finding that was over is the same trouble again.
fn returns(state: &State, id: IncidentId, finding: &Finding) -> bool {
    let Some(incident) = state.durable.incidents.get(&id) else { return false };
    let cleared = incident.members.get(&finding.key).and_then(|member| member.cleared);
    let soon = cleared.is_some_and(|at| finding.since.since(at) <= REOPEN_WITHIN);
    let over =
        matches!(incident.state, IncidentState::FalseAlarm | IncidentState::Reviewed | IncidentState::Merged);
    soon && !over
}

/// Opens an incident. Members that were elsewhere leave; of which, the first is named as where it comes from.
fn open(draft: &mut Draft<'_>, id: IncidentId, anchor: Anchor, members: Vec<FindingKey>) {
    let state = draft.state;
    let before = members.iter().filter_map(|key| state.durable.findings.get(key)?.incident).next();
    let from = before.filter(|_| anchor.cause().is_none());
    let assessment = assess::assess(state, &anchor, &members);
    let opening = Opening { anchor: Some(anchor), assessment, members, from };
    draft.conclude(What::IncidentOpened { incident: id, opening: Box::new(opening) });
}

/// Takes an incident one step on: opened again, judged anew, told elsewhere, over.
fn turn(draft: &mut Draft<'_>, id: IncidentId) {
    let Some(incident) = draft.state.durable.incidents.get(&id) else { return };
    let why = |zh: &str, en: &str| Text::new(zh, en);
    match incident.state {
        IncidentState::Resolved if incident.raised > 0 => {
            let why = why("同一故障再次出现", "the same trouble came back");
            change(draft, id, IncidentChange::Reopened { why });
        }
        IncidentState::FalseAlarm if worse(draft.state, incident) => {
            let why = why("判为误报后加重", "it became worse after it was called a false alarm");
            change(draft, id, IncidentChange::Reopened { why });
        }
        IncidentState::Open | IncidentState::Acked | IncidentState::Mitigating if incident.raised == 0 => {
            over(draft, incident);
        }
        IncidentState::Open | IncidentState::Acked | IncidentState::Mitigating | IncidentState::Mitigated => {
            if pool::parts_at(draft.state, incident, draft.now).is_some_and(|at| at <= draft.now.mono) {
                pool::part(draft, incident);
            }
            if let Some(assessment) = assess::anew(draft.state, incident) {
                change(draft, id, IncidentChange::Assessed { assessment: Box::new(assessment) });
            }
        }
        IncidentState::Resolved
        | IncidentState::Reviewed
        | IncidentState::FalseAlarm
        | IncidentState::Merged => {}
    }
}

/// Nothing in it is raised: all is well again, or all of it went elsewhere.
fn over(draft: &mut Draft<'_>, incident: &Incident) {
    if !incident.members.is_empty() {
        let why = Text::new("所有告警均已恢复", "everything in it is in order again");
        return change(draft, incident.id, IncidentChange::Resolved { why });
    }
    // Those that left it name where; one that nobody can name has nothing to tell any more.
    let gone = |other: &&IncidentId| **other != incident.id;
    let into = draft.state.picture.incidents.went.get(&incident.id).filter(gone).copied();
    let change_to = match into {
        Some(into) => {
            let why = Text::new("查明为同一原因", "it has the same cause");
            IncidentChange::Merged { into, why }
        }
        None => IncidentChange::Resolved { why: Text::new("已无告警", "nothing is left in it") },
    };
    change(draft, incident.id, change_to);
}

/// Whether a member matters more than when the incident was judged.
fn worse(state: &State, incident: &Incident) -> bool {
    let severity = |key: &FindingKey| state.durable.findings.get(key).map(|finding| finding.severity);
    incident.raised().filter_map(severity).max() > Some(incident.assessment.severity)
}

fn change(draft: &mut Draft<'_>, incident: IncidentId, change: IncidentChange) {
    draft.conclude(What::IncidentChanged { incident, change });
}
