//! Proof that an MCU carries media: now and then a participant of our own joins a test conference through it.
//!
//! Every ten minutes while no meeting on it is at its roll call or live, an hour before each meeting, and for the
//! rehearsal of a standby. A proof that failed is tried once more before anybody is told.

use super::draft::Draft;
use super::effect::Effect;
use super::event::Picture;
use super::input::Input;
use super::state::{ProofPicture, State, Timer};
use crate::domain::check::TestId;
use crate::domain::id::McuId;
use crate::domain::inventory::Phase;
use crate::domain::time::Span;
use crate::observation::call::{CallFailed, ProofFigures, ProofOrder, ProofOutcome};
use crate::observation::device::{Device, Flow, Medium, Sight, Way};
use crate::observation::{Fact, Source};

/// How often an MCU is proved.
const EVERY: Span = Span::minutes(10);
/// How soon a proof that failed is tried again.
const AGAIN_AFTER: Span = Span::seconds(20);
/// Proofs follow one another no faster, whoever asks.
const APART: Span = Span::seconds(15);
/// What a proof may take.
const PATIENCE: Span = Span::seconds(60);

/// Follows proofs after an input.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    match input {
        Input::Observed { observation } => {
            if let (Source::Hub, Fact::Proved { test, outcome }) = (&observation.source, &observation.fact) {
                ended(draft, *test, outcome);
            }
        }
        Input::Woke => woken(draft),
        Input::Started { .. } | Input::Commanded { .. } | Input::ClockStepped { .. } => {}
    }
}

/// Orders a proof now, if one may be; whether one runs then.
pub(super) fn ask(draft: &mut Draft<'_>, mcu: &McuId) -> bool {
    let state = draft.state;
    let known = state.picture.proofs.get(mcu);
    if known.is_some_and(|known| known.running.is_some()) || draft.proving.contains(mcu) {
        return true;
    }
    let soon = known.and_then(|known| known.ended).is_some_and(|at| draft.now.mono.since(at) < APART);
    if soon || !may(state, mcu, draft) {
        return false;
    }
    let order = ProofOrder { test: draft.next_test(), mcu: mcu.clone() };
    let deadline = draft.now.mono + PATIENCE;
    draft.proving.insert(mcu.clone());
    draft.picture(Picture::ProofOrdered { mcu: mcu.clone(), test: order.test, deadline });
    draft.effect(Effect::Prove { order });
    true
}

/// Only what can be seen, can be proved, and has no meeting that a test conference could take room from.
fn may(state: &State, mcu: &McuId, draft: &Draft<'_>) -> bool {
    let devices = &state.picture.devices;
    let busy = devices
        .roles
        .get(mcu)
        .is_some_and(|role| role.carries && matches!(role.phase, Phase::RollCall | Phase::Live));
    let provable = state.picture.proofs.get(mcu).is_none_or(|known| known.provided);
    let seen = state.sight(&Device::Mcu(mcu.clone()), draft.now.mono) == Sight::Seen;
    seen && provable && !busy
}

fn woken(draft: &mut Draft<'_>) {
    let state = draft.state;
    let now = draft.now.mono;
    for (_, timer) in state.picture.timers.iter().take_while(|(at, _)| *at <= now) {
        let Timer::Prove(mcu) = timer else { continue };
        if !state.durable.inventory.mcus.contains_key(mcu) {
            continue;
        }
        let running = state.picture.proofs.get(mcu).and_then(|known| known.running);
        match running {
            // Nothing was heard of it: that says nothing about the MCU.
            Some((_, deadline)) if deadline <= now => {
                draft.picture(Picture::ProofEnded { mcu: mcu.clone(), at: now, outcome: None });
            }
            Some(_) => continue,
            // Its end, or its deadline, sets the next one.
            None if ask(draft, mcu) => continue,
            None => {}
        }
        draft.picture(Picture::ProveAt { mcu: mcu.clone(), at: now + EVERY });
    }
}

fn ended(draft: &mut Draft<'_>, test: TestId, outcome: &ProofOutcome) {
    let state = draft.state;
    let own =
        |(_, known): &(&McuId, &ProofPicture)| known.running.is_some_and(|(running, _)| running == test);
    let Some((mcu, known)) = state.picture.proofs.iter().find(own) else { return };
    let (mcu, at) = (mcu.clone(), draft.now.mono);
    let again = works(outcome) == Some(false) && known.failures == 0;
    draft.picture(Picture::ProofEnded { mcu: mcu.clone(), at, outcome: Some(outcome.clone()) });
    let wait = if again { AGAIN_AFTER } else { EVERY };
    draft.picture(Picture::ProveAt { mcu, at: at + wait });
}

/// Whether an outcome shows that the MCU carries media; `None` when it shows neither.
pub(super) fn works(outcome: &ProofOutcome) -> Option<bool> {
    match outcome {
        ProofOutcome::Joined(figures) => Some(dead(figures).is_empty()),
        ProofOutcome::NotJoined(CallFailed::Incompatible)
        | ProofOutcome::Broke(_)
        | ProofOutcome::NotProvided => None,
        ProofOutcome::NotJoined(
            CallFailed::Busy | CallFailed::Declined | CallFailed::NoAnswer | CallFailed::Unreachable,
        ) => Some(false),
    }
}

/// The lanes in which our own media did not come through. Nothing at all counts as no sound and no picture.
pub(super) fn dead(figures: &ProofFigures) -> Vec<(Medium, Way)> {
    let lanes = figures.lanes.iter();
    let dead = |flow: Flow| matches!(flow, Flow::NoMedia { .. });
    let found: Vec<(Medium, Way)> =
        lanes.filter(|lane| dead(lane.flow)).map(|lane| (lane.medium, lane.way)).collect();
    if figures.lanes.is_empty() { vec![(Medium::Audio, Way::ToSite)] } else { found }
}
