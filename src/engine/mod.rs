//! The one decision loop: `decide` says what follows from an input, `apply` makes it so.
//!
//! Pure: no clock, I/O, task, lock, randomness or log; ordered maps only; nothing here can fail. Time comes in
//! with each input. What must survive a restart is a [`event::Durable`] event and goes through the journal;
//! windows, holds and freshness are [`event::Picture`] events and do not.
//!
//! The caller stamps an input, decides, applies the events in order, commits the durable ones and then lets the
//! effects out. It asks [`next_wakeup`] after every decision and hands in [`input::Input::Woke`] when that moment
//! has come, at once if it has passed: work that must see its own events applied is done by such a wake-up.

pub mod input;
pub mod event;
pub mod finding;
pub mod effect;
pub mod verdict;
pub mod state;
pub mod record;
pub mod wording;
mod draft;
mod picture;
pub mod roster;
mod action;
mod proof;
mod rehearsal;
mod register;
mod rules;
mod cause;
pub mod alarm;
pub mod incident;
pub mod plan;
pub mod escalation;

use serde::{Deserialize, Serialize};

pub use state::{DurableState, State, apply};

use crate::domain::actor::Actor;
use crate::domain::time::{Mono, Now, Utc};
use draft::Draft;
use effect::{Effect, Outcome};
use event::Event;
use input::{Command, CommandId, Input};

/// What follows from an input.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Decision {
    /// Changes of the state, to be applied in this order.
    pub events: Vec<Event>,
    /// What is to be done outside once the durable events are committed.
    pub effects: Vec<Effect>,
}

/// When the engine wants to be woken: at whichever clock comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wakeup {
    /// Earliest monotonic deadline; in the past when work is waiting.
    pub mono: Option<Mono>,
    /// Earliest wall-clock deadline.
    pub utc: Option<Utc>,
}

/// Decides. Total and deterministic: equal arguments give equal decisions.
pub fn decide(state: &State, now: Now, input: &Input) -> Decision {
    let mut draft = Draft::new(state, now, author(input));
    picture::see(&mut draft, input);
    if let Input::Commanded { id, command, .. } = input {
        answer(&mut draft, *id, command);
    }
    escalation::hear(&mut draft, input);
    action::go_on(&mut draft, input);
    proof::go_on(&mut draft, input);
    rehearsal::go_on(&mut draft, input);
    rules::judge(&mut draft, input);
    cause::group(&mut draft, input);
    incident::go_on(&mut draft, input);
    alarm::go_on(&mut draft, input);
    plan::go_on(&mut draft, input);
    escalation::go_on(&mut draft, input);
    Decision { events: draft.events, effects: draft.effects }
}

/// The next moment at which [`Input::Woke`] is due; `None` when nothing waits for time to pass.
pub fn next_wakeup(state: &State, now: Now) -> Option<Wakeup> {
    let mono = state.picture.timers.first().map(|(at, _)| *at);
    let utc = [
        rehearsal::next_utc(state, now),
        rules::next_utc(state),
        incident::next_utc(state),
        alarm::next_utc(state),
        plan::next_utc(state),
        escalation::next_utc(state),
    ];
    let utc = utc.into_iter().flatten().min();
    (mono.is_some() || utc.is_some()).then_some(Wakeup { mono, utc })
}

fn author(input: &Input) -> Actor {
    match input {
        Input::Commanded { actor, .. } => actor.clone(),
        Input::Observed { observation } => {
            observation.person().map_or(Actor::Vcops, |id| Actor::Person { id: id.clone() })
        }
        Input::Started { .. } | Input::Woke | Input::ClockStepped { .. } => Actor::Vcops,
    }
}

fn answer(draft: &mut Draft<'_>, to: CommandId, command: &Command) {
    let outcome = rehearsal::answer(draft, command)
        .or_else(|| action::answer(draft, command))
        .or_else(|| alarm::answer(draft, command))
        .or_else(|| incident::answer(draft, command))
        .or_else(|| plan::answer(draft, command))
        .or_else(|| escalation::answer(draft, command))
        .or_else(|| register::answer(draft, command));
    // They match every command between them; a command nobody knows would have been refused by its type.
    let outcome = outcome.unwrap_or(Outcome::Done);
    draft.effect(Effect::Reply { to, outcome });
}
