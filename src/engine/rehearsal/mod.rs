//! Rehearsal 联调: what a round tests, when each test may run, and what each result means.
//!
//! Plan, run and result are three things: `plan` says which cells there are, `schedule` when one may run,
//! `judge` what came of it. A round goes on by wake-ups: whatever makes work possible asks for one at once.

mod ask;
mod calls;
mod call_figures;
mod judge;
mod plan;
mod schedule;
mod standby;

use crate::domain::check::{Check, CheckKey, RoundId, RoundKind, TestId};
use crate::domain::id::{LinkId, MeetingId, VenueId};
use crate::domain::inventory::{Limits, Phase};
use crate::domain::time::{Now, Span, Utc};
use crate::observation::{Fact, Observation, PathStats, Source, TestBroke, TestOutcome};

pub(super) use ask::answer;
pub(super) use judge::{Finding, figures};

use super::draft::Draft;
use super::event::{Picture, What};
use super::input::Input;
use super::state::{Round, State, Timer};
use super::verdict::{ReasonCode, Verdict};

/// How long a new round waits for agents that are not heard.
const GRACE: Span = Span::seconds(5);
/// The same after a restart, when every agent must first find the controller again.
const GRACE_AFTER_START: Span = Span::seconds(10);
/// How long a manual item, or anything else, waits for an answer at most.
const ANSWER_WAIT: Span = Span::minutes(24 * 60);
/// A heartbeat older than this at the end of a test makes its missing tail the agent's, not the line's.
const SUSPECT: Span = Span::seconds(2);

/// Lets rounds go on after an input.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    match input {
        Input::Started { .. } => {
            calls::hang_up_all(draft);
            watch_open_rounds(draft);
        }
        Input::Observed { observation } => observed(draft, observation),
        Input::Commanded { .. } => {}
        Input::Woke => woken(draft),
        Input::ClockStepped { .. } => schedule::call_off_forbidden(draft),
    }
}

/// The earliest wall-clock moment at which a rehearsal needs a decision.
pub(super) fn next_utc(state: &State, now: Now) -> Option<Utc> {
    let open = state.picture.open_rounds.iter().filter_map(|id| state.durable.rounds.get(id));
    let deadlines = open.filter(|round| round.open > 0).map(|round| deadline(state, round));
    let automatic = automatic(state, now).map(|(at, ..)| at).next();
    deadlines.chain(automatic).min()
}

/// The limits of a venue in a round's meeting; the defaults when that meeting is gone.
fn limits(state: &State, round: RoundId, venue: &VenueId) -> Limits {
    let inventory = &state.durable.inventory;
    let meeting = state.durable.rounds.get(&round).and_then(|round| inventory.meetings.get(&round.meeting));
    meeting.map(|meeting| inventory.limits(meeting, venue)).unwrap_or_default()
}

/// When what still waits in a round is given up: at the roll call, or a day after it was asked for.
fn deadline(state: &State, round: &Round) -> Utc {
    let late = round.since + ANSWER_WAIT;
    let meeting = state.durable.inventory.meetings.get(&round.meeting);
    // A round that began after the meeting has no roll call to wait for.
    let ahead = meeting.filter(|meeting| meeting.phase(round.since) != Phase::Over);
    ahead.map_or(late, |meeting| meeting.roll_call_at().min(late))
}

/// Automatic rounds that are due or will be, earliest first: not after the roll call, not beside another round,
/// and the day-before round no more once the hour-before round is due.
fn automatic(state: &State, now: Now) -> impl Iterator<Item = (Utc, &MeetingId, RoundKind)> {
    state.picture.index.automatic.iter().filter_map(move |(at, meeting, kind)| {
        let planned = state.durable.inventory.meetings.get(meeting)?;
        let phase = planned.phase(now.utc);
        let last = if *kind == RoundKind::WholeNetwork { Phase::DayBefore } else { Phase::HourBefore };
        let due = phase <= last && state.durable.open_round_of(meeting).is_none();
        due.then_some((*at, meeting, *kind))
    })
}

fn watch_open_rounds(draft: &mut Draft<'_>) {
    let grace = draft.now.mono + GRACE_AFTER_START;
    for round in &draft.state.picture.open_rounds {
        draft.picture(Picture::RoundWatched { round: *round, grace });
    }
}

fn observed(draft: &mut Draft<'_>, observation: &Observation) {
    match (&observation.source, &observation.fact) {
        (Source::Hub, Fact::CodecCalled { test, outcome }) => calls::finished(draft, *test, outcome),
        (Source::Hub, Fact::PathTested { test, link, outcome }) => finished(draft, *test, link, outcome),
        (Source::Agent(_), Fact::PathTested { test, link, .. }) => evidence(draft, *test, link, observation),
        (Source::Agent(agent), Fact::Heartbeat { health }) if health.no_test => {
            let venue = draft.state.durable.inventory.agents.get(agent).map(|agent| &agent.venue);
            if let Some(venue) = venue {
                schedule::call_off_venue(draft, venue);
            }
        }
        (
            _,
            Fact::Heartbeat { .. }
            | Fact::Progress { .. }
            | Fact::Misbehaved { .. }
            | Fact::StreamSeen { .. }
            | Fact::DeviceSeen { .. }
            | Fact::ActionReported { .. }
            | Fact::CodecCalled { .. }
            | Fact::Proved { .. }
            | Fact::HubSeen { .. }
            | Fact::NoticeDelivered { .. }
            | Fact::NoticeAnswered { .. },
        ) => {}
    }
}

/// Files a result of the hub. Unknown and ended tests change nothing: a result counts once.
fn finished(draft: &mut Draft<'_>, test: TestId, link: &LinkId, outcome: &TestOutcome) {
    let state = draft.state;
    let Some(running) = state.picture.tests.get(&test) else { return };
    if running.key.check != (Check::Path { link: link.clone() }) {
        return;
    }
    let (round, key) = (running.round, &running.key);
    let finding = match outcome {
        TestOutcome::Measured(stats) => {
            draft.picture(Picture::LossSeen { link: link.clone(), seconds: stats.loss_seconds.clone() });
            measured(draft, round, key, stats)
        }
        TestOutcome::Broke(why) => Finding::broke(match why {
            TestBroke::NoSocket | TestBroke::NoCapacity => ReasonCode::TestBroke,
            TestBroke::Cancelled => ReasonCode::Cancelled,
            TestBroke::TimedOut => ReasonCode::TimedOut,
            TestBroke::RefusedByVenue => ReasonCode::RefusedByVenue,
        }),
    };
    draft.judge(round, key, Some(test), finding);
    draft.end_test(test);
}

/// Judges a measurement, unless what is missing is the agent's doing rather than the line's.
fn measured(draft: &Draft<'_>, round: RoundId, key: &CheckKey, stats: &PathStats) -> Finding {
    let state = draft.state;
    let finding = judge::path(stats, &limits(state, round, &key.venue));
    let missing =
        stats.answered == 0 || (finding.direction.is_none() && finding.figures.contains_key("loss_pct"));
    if !missing || finding.verdict == Verdict::TestBroke {
        return finding;
    }
    let reason = match state.picture.index.agent_of.get(&key.venue) {
        None if stats.answered == 0 => ReasonCode::NoAgent,
        None => return finding,
        Some(agent) => {
            let heard = state.picture.agents.get(agent).and_then(|seen| seen.at);
            let silent = heard.is_none_or(|at| draft.now.mono.since(at) >= SUSPECT);
            if !silent {
                return finding;
            }
            ReasonCode::AgentOffline
        }
    };
    Finding { verdict: Verdict::TestBroke, reason, direction: None, ..finding }
}

/// Keeps what an agent measured on a link of its own venue, once per test.
fn evidence(draft: &mut Draft<'_>, test: TestId, link: &LinkId, observation: &Observation) {
    let durable = &draft.state.durable;
    let Source::Agent(agent) = &observation.source else { return };
    let venue = durable.inventory.agents.get(agent).map(|agent| &agent.venue);
    let own = venue.is_some() && durable.inventory.links.get(link).map(|link| &link.venue) == venue;
    let known = durable.evidence.get(agent).is_some_and(|tests| {
        tests.contains(&test)
            || (tests.len() >= crate::engine::state::durable::EVIDENCE_KEPT && tests.first() > Some(&test))
    });
    if durable.agent_key(agent).is_some()
        && own
        && !known
        && test.boot <= durable.boot
        && readable(observation)
    {
        draft.conclude(What::EvidenceKept { test, observation: Box::new(observation.clone()) });
    }
}

/// Whether every figure is finite: JSON has no other numbers, and what is journalled must be read back.
fn readable(observation: &Observation) -> bool {
    serde_json::to_value(observation).is_ok_and(|value| serde_json::from_value::<Observation>(value).is_ok())
}

fn woken(draft: &mut Draft<'_>) {
    let state = draft.state;
    let now = draft.now;
    let due = |timer: &&(crate::domain::time::Mono, Timer)| timer.0 <= now.mono;
    for (_, timer) in state.picture.timers.iter().take_while(due) {
        match timer {
            Timer::Settle(round) => settle(draft, *round),
            Timer::Attend(round) | Timer::Grace(round) => schedule::attend_round(draft, *round),
            Timer::AttendVenue(venue) => schedule::attend_venue(draft, venue),
            Timer::Review => schedule::call_off_forbidden(draft),
            Timer::Send => schedule::send(draft),
            Timer::Overdue(test) => schedule::call_off(draft, *test, ReasonCode::TimedOut),
            Timer::Calls => calls::send(draft),
            Timer::CallOverdue(test) => calls::overdue(draft, *test),
            Timer::Silent(_)
            | Timer::Prove(_)
            | Timer::Finding(_)
            | Timer::Incidents
            | Timer::Plans
            | Timer::Patrol
            | Timer::Device(_)
            | Timer::Part { .. } => {}
        }
    }
    give_up_late(draft);
    open_due(draft);
}

fn settle(draft: &mut Draft<'_>, id: RoundId) {
    let round = draft.state.durable.rounds.get(&id);
    if round.is_some_and(|round| round.is_open() && round.open == 0) {
        draft.conclude(What::RoundEnded { round: id, closed: false });
    }
}

/// Gives up what still waits in rounds whose time is over.
fn give_up_late(draft: &mut Draft<'_>) {
    let state = draft.state;
    let now = draft.now.utc;
    let open = state.picture.open_rounds.iter().filter_map(|id| state.durable.rounds.get(id));
    for round in open.filter(|round| round.open > 0 && deadline(state, round) <= now) {
        let meeting = state.durable.inventory.meetings.get(&round.meeting);
        let near = meeting.is_some_and(|meeting| meeting.phase(now) >= Phase::RollCall);
        give_up(draft, round, if near { ReasonCode::MeetingTooNear } else { ReasonCode::TimedOut });
    }
}

/// Judges every cell that still waits: nobody answered, or not tested for `reason`.
fn give_up(draft: &mut Draft<'_>, round: &Round, reason: ReasonCode) {
    let state = draft.state;
    for cell in round.cells.values().filter(|cell| cell.awaiting) {
        if let Some((test, _)) = state.running(round.id, &cell.key) {
            schedule::call_off(draft, test, reason);
        }
        let call = state.durable.calls.values().find(|call| call.round == round.id && call.key == cell.key);
        if let Some(call) = call {
            calls::call_off(draft, call, reason);
        }
        let silent = |code| Finding::bare(Verdict::NoAnswer, code);
        let finding = match &cell.key.check {
            Check::Room { .. } | Check::Confirm { .. } => silent(ReasonCode::NobodyAnswered),
            // The venue was asked whether it may be called, and did not answer.
            Check::CodecCall { .. } | Check::BackupCall { .. }
                if reason != ReasonCode::Cancelled && !calls::consents(draft, &cell.key.venue) =>
            {
                silent(ReasonCode::NoConsent)
            }
            Check::Presence
            | Check::Clock
            | Check::Path { .. }
            | Check::CodecCall { .. }
            | Check::BackupCall { .. }
            | Check::Standby => Finding::broke(reason),
        };
        draft.judge(round.id, &cell.key, None, finding);
    }
}

fn open_due(draft: &mut Draft<'_>) {
    let state = draft.state;
    let due: Vec<(MeetingId, RoundKind)> = automatic(state, draft.now)
        .take_while(|(at, ..)| *at <= draft.now.utc)
        .map(|(_, meeting, kind)| (meeting.clone(), kind))
        .collect();
    let mut opened = Vec::new();
    for (meeting, kind) in due {
        // One round of a meeting at a time: another one that is due waits for its end.
        if !opened.contains(&meeting) {
            let nth = opened.len() as u64;
            ask::open_automatic(draft, &meeting, kind, nth);
            opened.push(meeting);
        }
    }
}
