//! Actions: what a device may be told to do, once, and what is refused because it could do harm.
//!
//! An order is in the journal before it leaves. After a restart one without an end is looked at and never given
//! again; what nobody can tell, somebody decides.

mod harm;

use super::draft::Draft;
use super::effect::{Effect, Outcome, Preview, Refusal, TOUCHES_MAX};
use super::event::What;
use super::input::{Command, Input};
use super::state::Freeze;
use super::state::device::has_device;
use super::wording;
use crate::domain::lang::Lang;
use crate::observation::action::{Action, ActionKey, ActionReport, DeviceOrder};
use crate::observation::device::Device;
use crate::observation::{Fact, Source};
use harm::Case;

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
        Command::Act { device, action, why, dry_run, request } => {
            let case = Case { state: draft.state, now: draft.now, device, action };
            if *dry_run { preview(&case) } else { act(draft, &case, why, request.as_deref()) }
        }
        Command::DecideAction { key, happened } => decide(draft, key, *happened),
        Command::ThawAction { freeze, why } => thaw(draft, freeze, why),
        Command::SubmitInventory { .. }
        | Command::OpenRound { .. }
        | Command::Retest { .. }
        | Command::CloseRound { .. }
        | Command::Waive { .. }
        | Command::RecordRoom { .. }
        | Command::Confirm { .. }
        | Command::GiveConsent { .. }
        | Command::RecordRollCall { .. }
        | Command::SignOff { .. }
        | Command::InviteAgent { .. }
        | Command::EnrolAgent { .. }
        | Command::RotateAgentKey { .. }
        | Command::RevokeAgent { .. }
        | Command::Incident { .. }
        | Command::Plan { .. }
        | Command::Duty { .. }
        | Command::Alarms { .. }
        | Command::RecordIdentity { .. } => return None,
    };
    Some(outcome.unwrap_or_else(Outcome::Refused))
}

fn preview(case: &Case<'_>) -> Result<Outcome, Refusal> {
    known(case)?;
    case.check()?;
    let mut touches = case.touches();
    let count = touches.len();
    let words = |lang| wording::preview(case.action, &touches, lang);
    let (zh, en) = (words(Lang::Zh), words(Lang::En));
    touches.truncate(TOUCHES_MAX);
    let meeting = case.meeting().map(|meeting| meeting.id.clone());
    Ok(Outcome::WouldDo(Box::new(Preview { force: case.action.force(), meeting, touches, count, zh, en })))
}

fn act(draft: &mut Draft<'_>, case: &Case<'_>, why: &str, request: Option<&str>) -> Result<Outcome, Refusal> {
    known(case)?;
    if let Some(key) = asked_before(draft, request) {
        return Ok(Outcome::Ordered(key));
    }
    give(draft, case, why, request).map(Outcome::Ordered)
}

/// Has a device do something for a plan, unless it could do harm.
pub(super) fn order(
    draft: &mut Draft<'_>,
    device: &Device,
    action: &Action,
    why: &str,
) -> Result<ActionKey, Refusal> {
    let case = Case { state: draft.state, now: draft.now, device, action };
    known(&case)?;
    give(draft, &case, why, None)
}

fn give(
    draft: &mut Draft<'_>,
    case: &Case<'_>,
    why: &str,
    request: Option<&str>,
) -> Result<ActionKey, Refusal> {
    let why = filled(why)?;
    case.check()?;
    let key = next_key(draft);
    let order = DeviceOrder { key: key.clone(), device: case.device.clone(), action: case.action.clone() };
    let (force, meeting) = (case.action.force(), case.meeting().map(|meeting| meeting.id.clone()));
    let request = request.map(str::to_owned);
    draft.record(What::ActionOrdered { order: order.clone(), force, meeting, why, request });
    draft.effect(Effect::Act { order });
    Ok(key)
}

fn known(case: &Case<'_>) -> Result<(), Refusal> {
    let there = has_device(&case.state.durable.inventory, case.device);
    there.then_some(()).ok_or_else(|| Refusal::NotFound { what: case.device.to_string() })
}

/// The order that was given under the name of this request, also before a restart.
fn asked_before(draft: &Draft<'_>, request: Option<&str>) -> Option<ActionKey> {
    let request = request?;
    let mut orders = draft.state.durable.actions.values();
    let known = orders.find(|record| record.request.as_deref() == Some(request));
    known.map(|record| record.order.key.clone())
}

/// Counts orders over the life of the journal. The moment stands in it as well: a restored backup counts again from
/// where it was, and its keys must still be new to every device.
fn next_key(draft: &mut Draft<'_>) -> ActionKey {
    draft.orders += 1;
    let n = draft.state.durable.actions_ordered.saturating_add(draft.orders);
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
