//! Rules: what is wrong with what, and since when. The only place for hold, clear, hysteresis and staleness.
//!
//! A capability says in its own file what its conditions are: true, false, unknown, or gone with its subject.
//! Here a condition becomes a finding: true for its hold raises it, false for its clearing time clears it, unknown
//! does neither, so nothing clears because it is merely not seen. Causes are named elsewhere.

mod account;
mod agent;
mod link;
mod own;
pub(in crate::engine) mod device;
mod stream;

use super::draft::Draft;
use super::event::{Event, Picture, What};
use super::finding::{FindingKey, Proof, RuleCode, Severity, Subject};
use super::input::{Command, Input};
use super::state::{Part, State, Timer};
use crate::domain::inventory::{Phase, Resource};
use crate::domain::time::{Mono, Now, Span, Utc};
use crate::observation::{Fact, Observation, Source};

/// What a rule sees at its subject now.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// Wrong, since then.
    True {
        /// Onset.
        since: Mono,
        /// Onset by the wall clock.
        since_utc: Utc,
        /// How much it matters.
        weight: Weight,
    },
    /// In order.
    False,
    /// Not seen, or not seen well enough.
    Unknown,
    /// Its subject is no more.
    Gone,
}

impl Condition {
    /// Wrong since then, and it matters as much as most things do.
    fn wrong(since: Mono, since_utc: Utc) -> Self {
        Self::True { since, since_utc, weight: Weight::default() }
    }
}

/// How much a condition matters, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Weight {
    severity: Severity,
    proof: Option<Box<Proof>>,
}

/// Findings ripen in steps of this. One that is ripe when it is seen does not wait for the next.
const LOOKS_EVERY: Span = Span::millis(250);

/// The times of rules about agents and links.
const TIMES: [(RuleCode, Span, Span); 6] = [
    (RuleCode::AgentOffline, Span::seconds(5), Span::seconds(5)),
    (RuleCode::AgentClock, Span::seconds(10), Span::seconds(30)),
    (RuleCode::AgentDisk, Span::seconds(30), Span::minutes(5)),
    (RuleCode::AgentTemperature, Span::seconds(30), Span::minutes(2)),
    (RuleCode::AgentMisbehaves, Span::ZERO, Span::minutes(10)),
    (RuleCode::LinkPath, Span::seconds(10), Span::ZERO),
];

/// How long a condition must hold before its finding is raised, and be false before it clears.
fn times(rule: RuleCode) -> (Span, Span) {
    match () {
        () if rule.is_stream() => stream::times(rule),
        () if rule.is_device() => device::times(rule),
        () => {
            let known = TIMES.iter().chain(&own::TIMES).find(|(known, ..)| *known == rule);
            known.map_or((Span::ZERO, Span::ZERO), |(_, hold, clear)| (*hold, *clear))
        }
    }
}

/// Judges the conditions that an input may have changed.
pub(super) fn judge(draft: &mut Draft<'_>, input: &Input) {
    match input {
        Input::Started { .. } => look_again(draft),
        Input::Observed { observation } => observed(draft, observation),
        Input::Woke => woken(draft),
        Input::ClockStepped { .. } => stream::turn_parts(draft),
        Input::Commanded { command: Command::RecordIdentity { what, .. }, .. } => account::told(draft, what),
        Input::Commanded { .. } => {}
    }
    follow_events(draft);
}

/// The earliest wall-clock moment at which a finding may have to clear.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    let ends = before_streams(state).filter_map(|key| link::matters_until(state, key));
    ends.chain(state.picture.streams.next_turn).min()
}

/// Raised findings about anything but streams, of which there may be very many.
fn before_streams(state: &State) -> impl Iterator<Item = &FindingKey> {
    state.durable.findings.keys().take_while(|key| !key.rule.is_stream())
}

fn observed(draft: &mut Draft<'_>, observation: &Observation) {
    if let Fact::StreamSeen { .. } = observation.fact {
        return stream::observed(draft);
    }
    if let (Source::Hub, Fact::HubSeen { health }) = (&observation.source, &observation.fact) {
        return own::observed(draft, health);
    }
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
            turn(draft, &key, Condition::wrong(since.mono, since.utc));
            recheck(draft, &key, draft.now.mono + agent::MISBEHAVIOUR_LASTS);
        }
        Fact::Heartbeat { .. }
        | Fact::Misbehaved { .. }
        | Fact::Progress { .. }
        | Fact::PathTested { .. }
        | Fact::StreamSeen { .. }
        | Fact::DeviceSeen { .. }
        | Fact::ActionReported { .. }
        | Fact::CodecCalled { .. }
        | Fact::Proved { .. }
        | Fact::HubSeen { .. }
        | Fact::NoticeDelivered { .. }
        | Fact::NoticeAnswered { .. } => {}
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
            Timer::Device(device) => device::attend(draft, device),
            Timer::Settle(_)
            | Timer::Attend(_)
            | Timer::AttendVenue(_)
            | Timer::Review
            | Timer::Send
            | Timer::Grace(_)
            | Timer::Patrol
            | Timer::Overdue(_)
            | Timer::Part { .. }
            | Timer::Incidents
            | Timer::Plans
            | Timer::Calls
            | Timer::CallOverdue(_)
            | Timer::Prove(_) => {}
        }
    }
    stream::woken(draft);
    let over = |key: &&FindingKey| link::matters_until(state, key).is_some_and(|at| at <= now.utc);
    let over: Vec<&FindingKey> = before_streams(state).filter(over).collect();
    over.into_iter().for_each(|key| evaluate(draft, key));
}

/// Asks for another look where events of this decision changed what a rule sees.
fn follow_events(draft: &mut Draft<'_>) {
    let state = draft.state;
    let mut again: Vec<FindingKey> = Vec::new();
    let mut set_out = false;
    for event in &draft.events {
        let Event::Durable(durable) = event else { continue };
        match &durable.what {
            What::CheckJudged { judgement, .. } => again.extend(link::key_of(&judgement.key)),
            What::CheckWaived { key, .. } => again.extend(link::key_of(key)),
            What::RoundEnded { .. } => again.extend(link::held(state)),
            What::InventoryChanged { .. } | What::AgentRevoked { .. } => {
                again.extend(state.durable.findings.keys().chain(state.picture.holds.keys()).cloned());
                set_out = true;
            }
            What::Started { .. }
            | What::RoundOpened { .. }
            | What::RetestAsked { .. }
            | What::RoomRecorded { .. }
            | What::ConfirmRecorded { .. }
            | What::CallOrdered { .. }
            | What::CallEnded { .. }
            | What::SignedOff { .. }
            | What::ConsentGiven { .. }
            | What::RollCalled { .. }
            | What::FindingRaised { .. }
            | What::FindingWeighed { .. }
            | What::CauseFound { .. }
            | What::CauseParted { .. }
            | What::FindingCleared { .. }
            | What::AgentInvited { .. }
            | What::AgentEnrolled { .. }
            | What::EvidenceKept { .. }
            | What::ActionOrdered { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::ActionFrozen { .. }
            | What::ActionThawed { .. }
            | What::IncidentOpened { .. }
            | What::IncidentChanged { .. }
            | What::PlanBegun { .. }
            | What::StepChanged { .. }
            | What::PlanEnded { .. }
            | What::PagingChanged { .. }
            | What::DutyChanged { .. }
            | What::AlarmsChanged { .. }
            | What::FloodChanged { .. }
            | What::IdentityChanged { .. }
            | What::Gap { .. } => {}
        }
    }
    let now = draft.now.mono;
    again.iter().for_each(|key| recheck(draft, key, now));
    if set_out {
        stream::set_out(draft);
        device::set_out(draft);
    }
}

/// After a start: what was raised may long be over, once enough has been seen to say so.
fn look_again(draft: &mut Draft<'_>) {
    stream::set_out(draft);
    device::set_out(draft);
    for key in draft.state.durable.findings.keys() {
        recheck(draft, key, draft.now.mono + agent::MISBEHAVIOUR_LASTS);
    }
}

fn evaluate(draft: &mut Draft<'_>, key: &FindingKey) {
    let condition = match (&key.subject, key.rule) {
        (Subject::Resource(Resource::Link(id)), RuleCode::LinkPath) => link::path(draft.state, id, draft.now),
        (Subject::Agent(id), _) => agent::by_picture(draft.state, id, key, draft.now),
        (Subject::Stream(id), _) => stream::by_picture(draft.state, id, key, draft.now),
        (Subject::Device(_) | Subject::Site(_) | Subject::Reading(_), _) => {
            device::by_picture(draft.state, key, draft.now)
        }
        // Until it is sealed again, whatever else happens.
        (Subject::Resource(_), RuleCode::AccountBreakGlass) => Condition::Unknown,
        (Subject::Resource(Resource::Hub), rule) => own::by_picture(draft.state, rule, draft.now),
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
        (Condition::True { since, since_utc, weight }, None) => {
            draft.picture(Picture::HoldBegan { finding: finding(), since, since_utc });
            let ripe = since + times(key.rule).0;
            if ripe <= draft.now.mono || link::ripe(draft.state, key) {
                raise(draft, key, since_utc, weight)
            } else {
                recheck(draft, key, ripe)
            }
        }
        (Condition::True { weight, .. }, Some(hold)) => {
            let ripe = hold.since + times(key.rule).0 <= draft.now.mono || link::ripe(draft.state, key);
            if ripe {
                raise(draft, key, hold.since_utc, weight);
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
    let span = clears_after(draft.state, key);
    let finding = || key.clone();
    match (&condition, clearing) {
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
    if let Condition::True { weight, .. } = condition {
        weigh(draft, key, weight);
    }
}

fn clears_after(state: &State, key: &FindingKey) -> Span {
    if key.rule.is_stream() { stream::clears_after(state, key) } else { times(key.rule).1 }
}

fn raise(draft: &mut Draft<'_>, key: &FindingKey, since: Utc, weight: Weight) {
    let Weight { severity, proof } = weight;
    let finding = key.clone();
    let (cause, members) = (None, Vec::new());
    draft.find(key, What::FindingRaised { finding, since, cause, members, severity, proof });
}

/// Notes that a raised finding matters more or less, is certain now, or has pictures. Figures alone that move on
/// are in the picture; the journal keeps those of its turning points.
fn weigh(draft: &mut Draft<'_>, key: &FindingKey, weight: Weight) {
    let Some(known) = draft.state.durable.findings.get(key) else { return };
    let Weight { severity, proof } = weight;
    let points = |proof: &Option<Box<Proof>>| {
        // Why a device is in trouble is the trouble itself; why a stream is, its monitor says again and again.
        let why = |proof: &Proof| proof.why.clone().filter(|_| key.rule.is_device());
        proof.as_ref().map(|proof| (proof.sure, proof.grave, proof.evidence.is_some(), why(proof)))
    };
    let news = known.severity != severity || points(&known.proof) != points(&proof);
    if news {
        draft.find(key, What::FindingWeighed { finding: key.clone(), severity, proof });
    }
}

/// How much something matters by the meeting's phase and the part it plays: the table of rules about streams.
fn by_part(grave: bool, part: &Part) -> Severity {
    match (grave, part.phase, part.first) {
        (true, Phase::Live, true) => Severity::Critical,
        (true, Phase::Live, false) | (true, Phase::RollCall, true) => Severity::Severe,
        (true, Phase::RollCall, false) | (false, Phase::Live, _) | (false, Phase::RollCall, true) => {
            Severity::Warning
        }
        (false, Phase::RollCall, false)
        | (_, Phase::Planned | Phase::DayBefore | Phase::HourBefore | Phase::Over, _) => {
            Severity::Information
        }
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
