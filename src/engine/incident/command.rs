//! What people do with incidents, and what is refused.

use std::sync::Arc;

use super::change::{IncidentChange, Opening};
use super::{assess, change};
use crate::domain::fault::FaultClass;
use crate::domain::id::PersonId;
use crate::domain::incident::{IncidentId, IncidentState, Moment};
use crate::domain::lang::Text;
use crate::domain::time::Utc;
use crate::engine::draft::Draft;
use crate::engine::effect::{Outcome, Refusal};
use crate::engine::escalation;
use crate::engine::event::{Event, What};
use crate::engine::finding::FindingKey;
use crate::engine::input::{Command, IncidentAsk};
use crate::engine::state::Incident;

/// Longest text of a note, a reason or a review, in characters.
const TEXT_MAX: usize = 4_000;
/// Hex digits of a SHA-256.
const HASH_DIGITS: usize = 64;
/// Members that a refusal names.
const NAMED_MAX: usize = 20;

/// Answers a command about an incident; `None` when it is about something else.
pub(in crate::engine) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<Outcome> {
    let Command::Incident { incident, ask } = command else { return None };
    let outcome = known(draft, *incident).and_then(|incident| decide(draft, incident, ask));
    Some(outcome.unwrap_or_else(Outcome::Refused))
}

fn known<'a>(draft: &Draft<'a>, id: IncidentId) -> Result<&'a Incident, Refusal> {
    let state = draft.state;
    state
        .durable
        .incidents
        .get(&id)
        .map(Arc::as_ref)
        .ok_or_else(|| Refusal::NotFound { what: format!("incident {id}") })
}

fn decide(draft: &mut Draft<'_>, incident: &Incident, ask: &IncidentAsk) -> Result<Outcome, Refusal> {
    use IncidentState::{Acked, FalseAlarm, Mitigated, Mitigating, Open, Resolved};
    match ask {
        IncidentAsk::Ack => ack(draft, incident),
        IncidentAsk::Telephoned { from } => telephoned(draft, incident, from),
        // What vcops does by itself meanwhile does not make a mistake good.
        IncidentAsk::Unack { why } => {
            let from = if incident.times.acked.is_some() { &[Acked, Mitigating, Mitigated][..] } else { &[] };
            step(draft, incident, from, why, |why| IncidentChange::Unacked { why })
        }
        IncidentAsk::Saw => Ok(saw(draft, incident)),
        IncidentAsk::Assign { to } => assign(draft, incident, to.as_ref()),
        IncidentAsk::Note { text, evidence } => note(draft, incident, text, evidence.as_deref()),
        IncidentAsk::Mitigating { why } => {
            step(draft, incident, &[Open, Acked, Mitigated], why, |why| IncidentChange::Mitigating { why })
        }
        IncidentAsk::Mitigated { why } => {
            step(draft, incident, &[Open, Acked, Mitigating], why, |why| IncidentChange::Mitigated { why })
        }
        IncidentAsk::Resolve { why } => nothing_raised(incident).and_then(|()| {
            let from = [Open, Acked, Mitigating, Mitigated];
            step(draft, incident, &from, why, |why| IncidentChange::Resolved { why })
        }),
        IncidentAsk::FalseAlarm { why } => {
            let from = [Open, Acked, Mitigating, Mitigated, Resolved];
            step(draft, incident, &from, why, |why| IncidentChange::FalseAlarm { why })
        }
        IncidentAsk::Merge { into, why } => merge(draft, incident, *into, why),
        IncidentAsk::Split { members, why } => split(draft, incident, members, why),
        IncidentAsk::Reopen { why } => {
            step(draft, incident, &[Resolved, FalseAlarm], why, |why| IncidentChange::Reopened { why })
        }
        IncidentAsk::Review { root_cause, text } => review(draft, incident, *root_cause, text),
        IncidentAsk::Correct { text, owner, due } => correct(draft, incident, text, owner, *due),
        IncidentAsk::Corrected { n, note } => corrected(draft, incident, *n, note),
    }
}

fn record(draft: &mut Draft<'_>, id: IncidentId, change: IncidentChange) -> Outcome {
    draft.record(What::IncidentChanged { incident: id, change });
    Outcome::Done
}

/// The first acknowledgement counts, of one that is over by itself as well: somebody looked.
fn ack(draft: &mut Draft<'_>, incident: &Incident) -> Result<Outcome, Refusal> {
    not(incident, &[IncidentState::Merged])?;
    if incident.times.acked.is_some() {
        return Ok(Outcome::Done);
    }
    Ok(record(draft, incident.id, IncidentChange::Acked))
}

/// Somebody who is not at a screen takes care.
fn telephoned(draft: &mut Draft<'_>, incident: &Incident, from: &PersonId) -> Result<Outcome, Refusal> {
    not(incident, &[IncidentState::Merged])?;
    if !draft.state.durable.inventory.people.contains_key(from) {
        return Err(Refusal::NotFound { what: format!("person {from}") });
    }
    escalation::telephoned(draft, incident.id, from.clone());
    ack(draft, incident)
}

/// Somebody answered a notice about it that they take care.
pub(in crate::engine) fn acked(draft: &mut Draft<'_>, id: IncidentId) {
    let incident = draft.state.durable.incidents.get(&id).map(Arc::as_ref);
    // One that was merged is told under another number: its answer changes nothing.
    let _ = incident.map(|incident| ack(draft, incident));
}

fn saw(draft: &mut Draft<'_>, incident: &Incident) -> Outcome {
    if incident.times.seen.is_some() {
        return Outcome::Done;
    }
    record(draft, incident.id, IncidentChange::Marked { moment: Moment::Seen })
}

/// A step of its life from one of these states, with a reason in the words of whoever takes it.
fn step(
    draft: &mut Draft<'_>,
    incident: &Incident,
    from: &[IncidentState],
    why: &str,
    change: impl FnOnce(Text) -> IncidentChange,
) -> Result<Outcome, Refusal> {
    let why = said(why)?;
    if !from.contains(&incident.state) {
        return Err(Refusal::IncidentIs { state: incident.state });
    }
    Ok(record(draft, incident.id, change(why)))
}

/// What is still raised is not over, whatever people say: it may be a false alarm, or be mitigated.
fn nothing_raised(incident: &Incident) -> Result<(), Refusal> {
    if incident.raised == 0 {
        return Ok(());
    }
    let what = incident.raised().take(NAMED_MAX).map(ToString::to_string).collect();
    Err(Refusal::StillRaised { what })
}

fn merge(
    draft: &mut Draft<'_>,
    incident: &Incident,
    into: IncidentId,
    why: &str,
) -> Result<Outcome, Refusal> {
    let why = said(why)?;
    let target = known(draft, into)?;
    open(incident)?;
    open(target)?;
    if into == incident.id {
        return Err(Refusal::IncidentIs { state: incident.state });
    }
    Ok(record(draft, incident.id, IncidentChange::Merged { into, why }))
}

/// Some members are another matter: they become an incident of their own, and stay so.
fn split(
    draft: &mut Draft<'_>,
    incident: &Incident,
    members: &[FindingKey],
    why: &str,
) -> Result<Outcome, Refusal> {
    let why = said(why)?;
    open(incident)?;
    let raised = |key: &&FindingKey| incident.raised().any(|raised| raised == *key);
    if let Some(other) = members.iter().find(|key| !raised(key)) {
        return Err(Refusal::NotFound { what: other.to_string() });
    }
    if members.is_empty() || members.len() >= incident.raised as usize {
        // All of it, or nothing, is no part of it.
        return Err(Refusal::Empty { field: "members".to_owned() });
    }
    let id = IncidentId(draft.state.durable.incidents_opened + 1);
    let assessment = assess::by_hand(draft.state, incident, members, why);
    let opening = Opening { anchor: None, assessment, members: members.to_vec(), from: Some(incident.id) };
    draft.record(What::IncidentOpened { incident: id, opening: Box::new(opening) });
    Ok(Outcome::Incident(id))
}

fn review(
    draft: &mut Draft<'_>,
    incident: &Incident,
    root_cause: FaultClass,
    text: &str,
) -> Result<Outcome, Refusal> {
    let text = filled(text, "text")?;
    if !matches!(incident.state, IncidentState::Resolved | IncidentState::FalseAlarm) {
        return Err(Refusal::IncidentIs { state: incident.state });
    }
    nothing_raised(incident)?;
    Ok(record(draft, incident.id, IncidentChange::Reviewed { root_cause, text }))
}

fn correct(
    draft: &mut Draft<'_>,
    incident: &Incident,
    text: &str,
    owner: &PersonId,
    due: Utc,
) -> Result<Outcome, Refusal> {
    not(incident, &[IncidentState::Merged])?;
    let text = filled(text, "text")?;
    person(draft, owner)?;
    if due <= draft.now.utc {
        return Err(Refusal::Past { field: "due".to_owned() });
    }
    let n = u32::try_from(incident.corrections.len()).unwrap_or(u32::MAX).saturating_add(1);
    let owner = owner.clone();
    Ok(record(draft, incident.id, IncidentChange::CorrectionAsked { n, text, owner, due }))
}

fn corrected(draft: &mut Draft<'_>, incident: &Incident, n: u32, note: &str) -> Result<Outcome, Refusal> {
    let note = filled(note, "note")?;
    let asked = incident.corrections.iter().find(|correction| correction.n == n);
    let asked = asked.ok_or_else(|| Refusal::NotFound { what: format!("correction {n}") })?;
    if asked.done.is_some() {
        return Ok(Outcome::Done);
    }
    Ok(record(draft, incident.id, IncidentChange::CorrectionDone { n, note }))
}

fn note(
    draft: &mut Draft<'_>,
    incident: &Incident,
    text: &str,
    evidence: Option<&str>,
) -> Result<Outcome, Refusal> {
    let text = filled(text, "text")?;
    let hash = |hash: &str| hash.len() == HASH_DIGITS && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    if evidence.is_some_and(|evidence| !hash(evidence)) {
        return Err(Refusal::NotFound { what: "evidence".to_owned() });
    }
    let evidence = evidence.map(str::to_ascii_lowercase);
    Ok(record(draft, incident.id, IncidentChange::Noted { text, evidence }))
}

fn assign(draft: &mut Draft<'_>, incident: &Incident, to: Option<&PersonId>) -> Result<Outcome, Refusal> {
    not(incident, &[IncidentState::Merged])?;
    if let Some(to) = to {
        person(draft, to)?;
    }
    if incident.owner.as_ref() == to {
        return Ok(Outcome::Done);
    }
    Ok(record(draft, incident.id, IncidentChange::Assigned { to: to.cloned() }))
}

fn person(draft: &Draft<'_>, id: &PersonId) -> Result<(), Refusal> {
    let known = draft.state.durable.inventory.people.contains_key(id);
    known.then_some(()).ok_or_else(|| Refusal::NotFound { what: format!("person {id}") })
}

fn open(incident: &Incident) -> Result<(), Refusal> {
    if incident.state.is_open() { Ok(()) } else { Err(Refusal::IncidentIs { state: incident.state }) }
}

fn not(incident: &Incident, states: &[IncidentState]) -> Result<(), Refusal> {
    if states.contains(&incident.state) { Err(Refusal::IncidentIs { state: incident.state }) } else { Ok(()) }
}

/// What a person said, the same in both languages.
fn said(why: &str) -> Result<Text, Refusal> {
    let why = filled(why, "why")?;
    Ok(Text::new(why.clone(), why))
}

fn filled(text: &str, field: &str) -> Result<String, Refusal> {
    let text: String = text.trim().chars().take(TEXT_MAX).collect();
    if text.is_empty() { Err(Refusal::Empty { field: field.to_owned() }) } else { Ok(text) }
}

/// A step against it was taken or is under way: by a plan, or by vcops itself.
pub(in crate::engine) fn mitigating(draft: &mut Draft<'_>, id: IncidentId, why: Text) {
    let incident = draft.state.durable.incidents.get(&id);
    let before = |state| matches!(state, IncidentState::Open | IncidentState::Acked);
    if incident.is_some_and(|incident| before(incident.state)) && !said_already(draft, id) {
        change(draft, id, IncidentChange::Mitigating { why });
    }
}

/// Whether this decision says so already: a plan and its order are one step.
fn said_already(draft: &Draft<'_>, id: IncidentId) -> bool {
    draft.events.iter().any(|event| {
        let Event::Durable(durable) = event else { return false };
        let What::IncidentChanged { incident, change } = &durable.what else { return false };
        *incident == id && matches!(change, IncidentChange::Mitigating { .. })
    })
}

/// The meeting goes on by a makeshift of its plan.
pub(in crate::engine) fn mitigated(draft: &mut Draft<'_>, id: IncidentId, why: Text) {
    let incident = draft.state.durable.incidents.get(&id);
    let before =
        |state| matches!(state, IncidentState::Open | IncidentState::Acked | IncidentState::Mitigating);
    if incident.is_some_and(|incident| before(incident.state)) {
        change(draft, id, IncidentChange::Mitigated { why });
    }
}

/// A moment of it that another stage knows: the first report counts.
pub(in crate::engine) fn mark(draft: &mut Draft<'_>, id: IncidentId, moment: Moment) {
    let Some(incident) = draft.state.durable.incidents.get(&id) else { return };
    let known = match moment {
        Moment::Notified => incident.times.notified,
        Moment::Seen => incident.times.seen,
        Moment::FirstAction => incident.times.first_action,
    };
    if known.is_none() {
        change(draft, id, IncidentChange::Marked { moment });
    }
}
