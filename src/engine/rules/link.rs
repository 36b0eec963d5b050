//! Rules about links: a path that failed in the last rehearsal of a meeting that is still ahead.

use super::Condition;
use crate::domain::check::{Check, CheckKey};
use crate::domain::id::LinkId;
use crate::domain::inventory::{Meeting, Phase, Resource};
use crate::domain::time::{Now, Utc};
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::engine::state::{Cell, Round, State};
use crate::engine::verdict::Verdict;

/// The finding about a link's path.
pub(super) fn key(link: &LinkId) -> FindingKey {
    FindingKey { rule: RuleCode::LinkPath, subject: Subject::Resource(Resource::Link(link.clone())) }
}

/// The finding that a cell's judgement speaks to.
pub(super) fn key_of(cell: &CheckKey) -> Option<FindingKey> {
    match &cell.check {
        Check::Path { link } => Some(key(link)),
        Check::Presence
        | Check::Clock
        | Check::Room { .. }
        | Check::CodecCall { .. }
        | Check::BackupCall { .. }
        | Check::Standby
        | Check::Confirm { .. } => None,
    }
}

/// Findings that wait for their hold.
pub(super) fn held(state: &State) -> impl Iterator<Item = FindingKey> + '_ {
    state.picture.holds.keys().filter(|key| key.rule == RuleCode::LinkPath).cloned()
}

/// What the link's last judgement says.
pub(super) fn path(state: &State, link: &LinkId, now: Now) -> Condition {
    if !state.durable.inventory.links.contains_key(link) {
        return Condition::Gone;
    }
    let ahead = |meeting: &Meeting| meeting.phase(now.utc) < Phase::Over;
    let Some((cell, round)) = last(state, link) else { return Condition::False };
    if !meeting(state, round).is_some_and(ahead) {
        return Condition::False;
    }
    let Some(judged) = &cell.latest else { return Condition::Unknown };
    match judged.judgement.verdict {
        Verdict::Fail => Condition::wrong(now.mono, judged.at),
        Verdict::Pass | Verdict::Warn | Verdict::Waived => Condition::False,
        Verdict::NoAnswer | Verdict::TestBroke => Condition::Unknown,
    }
}

/// Whether the hold is over early: once its round has ended no further result can show a shared cause.
pub(super) fn ripe(state: &State, key: &FindingKey) -> bool {
    subject(key).and_then(|link| last(state, link)).is_some_and(|(_, round)| !round.is_open())
}

/// Until when a raised finding of this kind matters: the end of its meeting.
pub(super) fn matters_until(state: &State, key: &FindingKey) -> Option<Utc> {
    let (_, round) = subject(key).and_then(|link| last(state, link))?;
    meeting(state, round).map(|meeting| meeting.ends)
}

fn subject(key: &FindingKey) -> Option<&LinkId> {
    match &key.subject {
        Subject::Resource(Resource::Link(link)) => Some(link),
        Subject::Resource(_)
        | Subject::Agent(_)
        | Subject::Stream(_)
        | Subject::Device(_)
        | Subject::Site(_)
        | Subject::Reading(_) => None,
    }
}

fn meeting<'a>(state: &'a State, round: &Round) -> Option<&'a Meeting> {
    state.durable.inventory.meetings.get(&round.meeting)
}

fn last<'a>(state: &'a State, link: &LinkId) -> Option<(&'a Cell, &'a Round)> {
    let round = state.durable.last_path.get(link).and_then(|id| state.durable.rounds.get(id))?;
    let venue = state.durable.inventory.links.get(link)?.venue.clone();
    let cell = round.cells.get(&CheckKey { venue, check: Check::Path { link: link.clone() } })?;
    Some((cell, round))
}
