//! Actions: what a device may be told to do, once, and what is refused because it could do harm.
//!
//! An order is in the journal before it leaves. After a restart one without an end is looked at and never given
//! again; what nobody can tell, somebody decides.

use super::draft::Draft;
use super::effect::{Effect, Outcome, Refusal};
use super::event::What;
use super::input::{Command, Input};
use super::picture;
use super::state::Freeze;
use crate::observation::action::{Action, ActionKey, ActionReport, DeviceOrder};
use crate::observation::device::Device;
use crate::observation::{Fact, Source};

/// Follows orders after an input.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    match input {
        Input::Started { .. } => look_at_unfinished(draft),
        Input::Observed { observation } => {
            if let (Source::Hub, Fact::ActionReported { report }) = (&observation.source, &observation.fact) {
                reported(draft, report);
            }
        }
        Input::Commanded { .. } | Input::Woke | Input::ClockStepped { .. } => {}
    }
}

/// Answers a command about actions; `None` when it is about something else.
pub(super) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<Outcome> {
    let outcome = match command {
        Command::Act { device, action, why, dry_run: false } => act(draft, device, action, why),
        Command::Act { dry_run: true, .. } => Err(Refusal::Busy),
        Command::DecideAction { key, happened } => decide(draft, key, *happened),
        Command::ThawAction { freeze, why } => thaw(draft, freeze, why),
        Command::SubmitInventory { .. }
        | Command::OpenRound { .. }
        | Command::Retest { .. }
        | Command::CloseRound { .. }
        | Command::Waive { .. }
        | Command::RecordRoom { .. }
        | Command::GiveConsent { .. }
        | Command::RecordRollCall { .. }
        | Command::SignOff { .. }
        | Command::InviteAgent { .. }
        | Command::EnrolAgent { .. }
        | Command::RotateAgentKey { .. }
        | Command::RevokeAgent { .. }
        | Command::RecordIdentity { .. } => return None,
    };
    Some(outcome.unwrap_or_else(Outcome::Refused))
}

fn act(draft: &mut Draft<'_>, device: &Device, action: &Action, why: &str) -> Result<Outcome, Refusal> {
    if !picture::known(&draft.state.durable.inventory, device) {
        return Err(Refusal::NotFound { what: device.to_string() });
    }
    let why = filled(why)?;
    let key = next_key(draft);
    let order = DeviceOrder { key: key.clone(), device: device.clone(), action: action.clone() };
    let force = action.force();
    draft.record(What::ActionOrdered { order: order.clone(), force, meeting: None, why });
    draft.effect(Effect::Act { order });
    Ok(Outcome::Ordered(key))
}

/// Counts orders over the life of the journal. The moment stands in it as well: a restored backup counts again from
/// where it was, and its keys must still be new to every device.
fn next_key(draft: &Draft<'_>) -> ActionKey {
    let n = draft.state.durable.actions_ordered.saturating_add(1);
    ActionKey(format!("act-{n}-{:x}", draft.now.utc.0))
}

fn decide(draft: &mut Draft<'_>, key: &ActionKey, happened: bool) -> Result<Outcome, Refusal> {
    let known = draft.state.durable.actions.get(key);
    let record = known.ok_or_else(|| Refusal::NotFound { what: format!("action {}", key.0) })?;
    if !record.is_undecided() {
        return Err(Refusal::NothingToDecide);
    }
    draft.record(What::ActionDecided { key: key.clone(), happened });
    Ok(Outcome::Done)
}

fn thaw(draft: &mut Draft<'_>, freeze: &Freeze, why: &str) -> Result<Outcome, Refusal> {
    if !draft.state.durable.frozen.contains(freeze) {
        return Err(Refusal::NotFound { what: format!("{} {}", freeze.interface, freeze.version) });
    }
    let why = filled(why)?;
    draft.record(What::ActionThawed { freeze: freeze.clone(), why });
    Ok(Outcome::Done)
}

fn filled(why: &str) -> Result<String, Refusal> {
    let why = why.trim();
    if why.is_empty() { Err(Refusal::Empty { field: "why".to_owned() }) } else { Ok(why.to_owned()) }
}

/// Orders whose end is not in the journal: they may have been sent. None is given again.
fn look_at_unfinished(draft: &mut Draft<'_>) {
    let open = draft.state.durable.actions.values().filter(|record| record.is_open());
    for record in open {
        draft.effect(Effect::LookAt { order: record.order.clone() });
    }
}

/// Files how far an order is, if that is news.
fn reported(draft: &mut Draft<'_>, report: &ActionReport) {
    let known = draft.state.durable.actions.get(&report.key);
    if known.is_some_and(|record| record.is_news(&report.step)) {
        draft.conclude(What::ActionReported { report: report.clone() });
    }
}
