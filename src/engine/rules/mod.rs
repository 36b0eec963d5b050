//! Rules: what is wrong with what, and since when. The only place for hold, clear, hysteresis and staleness.
//!
//! A capability says in its own file what its conditions are: true, false, unknown, or gone with its subject.
//! Here a condition becomes a finding: true for its hold raises it, false for its clearing time clears it, unknown
//! does neither, so nothing clears because it is merely not seen. Causes are named elsewhere.

mod agent;
mod link;

use super::draft::Draft;
use super::event::{Event, FindingKey, Picture, RuleCode, Subject, What};
use super::input::Input;
use super::state::{State, Timer};
use crate::domain::inventory::Resource;
use crate::domain::time::{Mono, Now, Span, Utc};
use crate::observation::{Fact, Observation, Source};

/// What a rule sees at its subject now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Wrong, since then.
    True {
        /// Onset.
        since: Mono,
        /// Onset by the wall clock.
        since_utc: Utc,
    },
    /// In order.
    False,
    /// Not seen, or not seen well enough.
    Unknown,
    /// Its subject is no more.
    Gone,
}

/// Findings ripen in steps of this.
const LOOKS_EVERY: Span = Span::millis(250);

/// How long a condition must hold before its finding is raised, and be false before it clears.
fn times(rule: RuleCode) -> (Span, Span) {
    match rule {
        RuleCode::AgentOffline => (Span::seconds(5), Span::seconds(5)),
        RuleCode::AgentClock => (Span::seconds(10), Span::seconds(30)),
        RuleCode::AgentDisk => (Span::seconds(30), Span::minutes(5)),
        RuleCode::AgentTemperature => (Span::seconds(30), Span::minutes(2)),
        RuleCode::AgentMisbehaves => (Span::ZERO, Span::minutes(10)),
        RuleCode::LinkPath => (Span::seconds(10), Span::ZERO),
    }
}

/// Judges the conditions that an input may have changed.
pub(super) fn judge(draft: &mut Draft<'_>, input: &Input) {
    match input {
        Input::Started { .. } => look_again(draft),
        Input::Observed { observation } => observed(draft, observation),
        Input::Woke => woken(draft),
        Input::Commanded { .. } | Input::ClockStepped { .. } => {}
    }
    follow_events(draft);
}

/// The earliest wall-clock moment at which a finding may have to clear.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    let ends = state.durable.findings.keys().filter_map(|key| link::matters_until(state, key));
    ends.min()
}

fn observed(draft: &mut Draft<'_>, observation: &Observation) {
    let Source::Agent(agent) = &observation.source else { return };
    match &observation.fact {
        Fact::Heartbeat { health } if seen_now(draft) => {
            for rule in agent::BY_HEALTH {
                let key = FindingKey { rule, subject: Subject::Agent(agent.clone()) };
                let raised = draft.state.durable.findings.contains_key(&key);
                let condition = agent::by_health(&key, health, raised, draft);
                turn(draft, &key, condition);
            }
        }
        Fact::Misbehaved { .. } if seen_now(draft) => {
            let key = FindingKey { rule: RuleCode::AgentMisbehaves, subject: Subject::Agent(agent.clone()) };
            let since = draft.now;
            turn(draft, &key, Condition::True { since: since.mono, since_utc: since.utc });
            recheck(draft, &key, draft.now.mono + agent::MISBEHAVIOUR_LASTS);
        }
        Fact::Heartbeat { .. }
        | Fact::Misbehaved { .. }
        | Fact::Progress { .. }
        | Fact::PathTested { .. }
        | Fact::StreamSeen { .. } => {}
    }
}

/// Whether the first stage took the observation in.
fn seen_now(draft: &Draft<'_>) -> bool {
    let taken = |event: &Event| {
        matches!(event, Event::Picture(Picture::AgentSeen { .. } | Picture::AgentMisbehaved { .. }))
    };
    draft.events.iter().any(taken)
}

fn woken(draft: &mut Draft<'_>) {
    let state = draft.state;
    let now = draft.now;
    for (_, timer) in state.picture.timers.iter().take_while(|(at, _)| *at <= now.mono) {
        match timer {
            Timer::Finding(key) => evaluate(draft, key),
            Timer::Silent(agent) => {
                for rule in agent::BY_HEALTH {
                    evaluate(draft, &FindingKey { rule, subject: Subject::Agent(agent.clone()) });
                }
            }
            Timer::Settle(_)
            | Timer::Attend(_)
            | Timer::AttendVenue(_)
            | Timer::Review
            | Timer::Send
            | Timer::Grace(_)
            | Timer::Overdue(_) => {}
        }
    }
    let over = |key: &&FindingKey| link::matters_until(state, key).is_some_and(|at| at <= now.utc);
    let over: Vec<&FindingKey> = state.durable.findings.keys().filter(over).collect();
    over.into_iter().for_each(|key| evaluate(draft, key));
}

/// Asks for another look where events of this decision changed what a rule sees.
fn follow_events(draft: &mut Draft<'_>) {
    let state = draft.state;
    let mut again: Vec<FindingKey> = Vec::new();
    for event in &draft.events {
        let Event::Durable(durable) = event else { continue };
        match &durable.what {
            What::CheckJudged { judgement, .. } => again.extend(link::key_of(&judgement.key)),
            What::CheckWaived { key, .. } => again.extend(link::key_of(key)),
            What::RoundEnded { .. } => again.extend(link::held(state)),
            What::InventoryChanged { .. } | What::AgentRevoked { .. } => {
                again.extend(state.durable.findings.keys().chain(state.picture.holds.keys()).cloned());
            }
            What::Started { .. }
            | What::RoundOpened { .. }
            | What::RetestAsked { .. }
            | What::RoomRecorded { .. }
            | What::SignedOff { .. }
            | What::ConsentGiven { .. }
            | What::RollCalled { .. }
            | What::FindingRaised { .. }
            | What::FindingCleared { .. }
            | What::AgentInvited { .. }
            | What::AgentEnrolled { .. }
            | What::EvidenceKept { .. }
            | What::IdentityChanged { .. }
            | What::Gap { .. } => {}
        }
    }
    let now = draft.now.mono;
    again.iter().for_each(|key| recheck(draft, key, now));
}

/// After a start: what was raised may long be over, once enough has been seen to say so.
fn look_again(draft: &mut Draft<'_>) {
    for key in draft.state.durable.findings.keys() {
        recheck(draft, key, draft.now.mono + agent::MISBEHAVIOUR_LASTS);
    }
}

fn evaluate(draft: &mut Draft<'_>, key: &FindingKey) {
    let condition = match (&key.subject, key.rule) {
        (Subject::Resource(Resource::Link(id)), RuleCode::LinkPath) => link::path(draft.state, id, draft.now),
        (Subject::Agent(id), _) => agent::by_picture(draft.state, id, key, draft.now),
        (Subject::Resource(_), _) => Condition::Gone,
    };
    turn(draft, key, condition);
}

/// Takes a finding one step on.
fn turn(draft: &mut Draft<'_>, key: &FindingKey, condition: Condition) {
    let raised = draft.state.durable.findings.contains_key(key);
    if raised { turn_raised(draft, key, condition) } else { turn_normal(draft, key, condition) }
}

fn turn_normal(draft: &mut Draft<'_>, key: &FindingKey, condition: Condition) {
    let hold = draft.state.picture.holds.get(key).copied();
    let finding = || key.clone();
    match (condition, hold) {
        (Condition::True { since, since_utc }, None) => {
            draft.picture(Picture::HoldBegan { finding: finding(), since, since_utc });
            let ripe = since + times(key.rule).0;
            if ripe <= draft.now.mono || link::ripe(draft.state, key) {
                raise(draft, key, since_utc)
            } else {
                recheck(draft, key, ripe)
            }
        }
        (Condition::True { .. }, Some(hold)) => {
            let ripe = hold.since + times(key.rule).0 <= draft.now.mono || link::ripe(draft.state, key);
            if ripe {
                raise(draft, key, hold.since_utc);
            }
        }
        (Condition::False | Condition::Gone, Some(_)) => {
            draft.picture(Picture::HoldEnded { finding: finding() })
        }
        (Condition::False | Condition::Gone, None) | (Condition::Unknown, _) => {}
    }
}

fn turn_raised(draft: &mut Draft<'_>, key: &FindingKey, condition: Condition) {
    let clearing = draft.state.picture.clearing.get(key).copied();
    let span = times(key.rule).1;
    let finding = || key.clone();
    match (condition, clearing) {
        (Condition::Gone, _) => draft.conclude(What::FindingCleared { finding: finding() }),
        (Condition::False, None) if span > Span::ZERO => {
            let since = draft.now.mono;
            draft.picture(Picture::ClearBegan { finding: finding(), since });
            recheck(draft, key, since + span);
        }
        (Condition::False, Some(since)) if draft.now.mono < since + span => {}
        (Condition::False, _) => draft.conclude(What::FindingCleared { finding: finding() }),
        (Condition::True { .. } | Condition::Unknown, Some(_)) => {
            draft.picture(Picture::HoldEnded { finding: finding() });
        }
        (Condition::True { .. } | Condition::Unknown, None) => {}
    }
}

/// Once per decision: two timers may speak of one finding.
fn raise(draft: &mut Draft<'_>, key: &FindingKey, since: Utc) {
    let same = |event: &Event| match event {
        Event::Durable(durable) => {
            matches!(&durable.what, What::FindingRaised { finding, .. } if finding == key)
        }
        Event::Picture(_) => false,
    };
    if !draft.events.iter().any(same) {
        let finding = key.clone();
        draft.conclude(What::FindingRaised { finding, since, cause: None, members: Vec::new() });
    }
}

/// Looks again at the next quarter of a second after `at`: what fell silent together is then judged together.
fn recheck(draft: &mut Draft<'_>, key: &FindingKey, at: Mono) {
    let at = Mono(at.0.next_multiple_of(LOOKS_EVERY.0));
    draft.picture(Picture::RecheckAt { finding: key.clone(), at });
}

/// The wall clock at an earlier monotonic moment.
fn utc_at(now: Now, at: Mono) -> Utc {
    now.utc - now.mono.since(at)
}
