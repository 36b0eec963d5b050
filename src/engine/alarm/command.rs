//! What people do with alarms, many at once and with one reason, and what is refused.

use std::collections::BTreeMap;

use super::ack_lasts;
use super::change::AlarmChange;
use super::machine::Core;
use crate::domain::inventory::{Inventory, Resource};
use crate::domain::lang::Text;
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::effect::{Outcome, Refusal};
use crate::engine::event::What;
use crate::engine::finding::{FindingKey, Severity, Subject, Who};
use crate::engine::input::{AlarmAsk, Command};
use crate::engine::state::device::has_device;
use crate::engine::state::{Alarm, State};

/// Most alarms in one command.
const ALARMS_MAX: usize = 20_000;
/// Alarms that a refusal names.
const NAMED_MAX: usize = 20;
/// Longest reason, in characters.
const WHY_MAX: usize = 1_000;
/// Longest time on the shelf.
const SHELVED_MAX: Span = Span::minutes(8 * 60);
/// The same of what everybody in the meeting notices.
const SHELVED_MAX_CRITICAL: Span = Span::minutes(30);
/// Longest time out of service.
const OUT_OF_SERVICE_MAX: Span = Span::minutes(30 * 24 * 60);

/// Answers a command about alarms; `None` when it is about something else.
pub(in crate::engine) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<Outcome> {
    let Command::Alarms { alarms, ask } = command else { return None };
    let outcome = known(draft.state, alarms).and_then(|()| decide(draft, alarms, ask));
    Some(outcome.unwrap_or_else(Outcome::Refused))
}

/// Refused whole when one is about nothing that there is: who mistypes one of many wants to know.
fn known(state: &State, alarms: &[FindingKey]) -> Result<(), Refusal> {
    if alarms.is_empty() || alarms.len() > ALARMS_MAX {
        return Err(Refusal::Empty { field: "alarms".to_owned() });
    }
    let there = |key: &&FindingKey| {
        state.durable.alarms.contains_key(*key) || exists(&state.durable.inventory, &key.subject)
    };
    let missing: Vec<String> =
        alarms.iter().filter(|key| !there(key)).take(NAMED_MAX).map(ToString::to_string).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::NotFound { what: missing.join(", ") }) }
}

fn exists(inventory: &Inventory, subject: &Subject) -> bool {
    match subject {
        Subject::Agent(id) => inventory.agents.contains_key(id),
        Subject::Stream(id) => inventory.streams.contains_key(id),
        Subject::Device(device) => has_device(inventory, device),
        Subject::Reading(reading) => has_device(inventory, &reading.device),
        Subject::Site(site) => match &site.who {
            Who::Venue(venue) => inventory.venues.contains_key(venue),
            Who::Stranger { .. } => false,
        },
        Subject::Resource(Resource::Link(id)) => inventory.links.contains_key(id),
        Subject::Resource(Resource::Venue(id)) => inventory.venues.contains_key(id),
        Subject::Resource(Resource::Trunk(id)) => inventory.trunks.contains_key(id),
        Subject::Resource(Resource::Carrier(id)) => inventory.carriers.contains_key(id),
        Subject::Resource(Resource::Region(id)) => inventory.regions.contains_key(id),
        Subject::Resource(Resource::Mcu(id)) => inventory.mcus.contains_key(id),
        Subject::Resource(Resource::Hub) => true,
    }
}

fn decide(draft: &mut Draft<'_>, alarms: &[FindingKey], ask: &AlarmAsk) -> Result<Outcome, Refusal> {
    let now = draft.now.utc;
    let is = |core: Core| move |alarm: &Alarm| alarm.core == core;
    match ask {
        AlarmAsk::Ack => ack(draft, alarms),
        AlarmAsk::Unack { why } => {
            let why = said(why)?;
            change(draft, alarms, is(Core::Ack), AlarmChange::Unacked { why });
        }
        AlarmAsk::Reset { why } => {
            let why = said(why)?;
            change(draft, alarms, is(Core::Latched), AlarmChange::Reset { why });
        }
        AlarmAsk::Shelve { until, once, why } => {
            let why = said(why)?;
            ahead(now, *until, shelved_max(draft.state, alarms))?;
            put(draft, alarms, AlarmChange::Shelved { until: *until, once: *once, why });
        }
        AlarmAsk::Unshelve { why } => {
            let why = said(why)?;
            change(draft, alarms, |alarm| alarm.shelf.is_some(), AlarmChange::Unshelved { why });
        }
        AlarmAsk::OutOfService { until, why } => {
            let why = said(why)?;
            ahead(now, *until, OUT_OF_SERVICE_MAX)?;
            put(draft, alarms, AlarmChange::OutOfService { until: *until, why });
        }
        AlarmAsk::InService { why } => {
            let why = said(why)?;
            change(draft, alarms, |alarm| alarm.service.is_some(), AlarmChange::InService { why });
        }
    }
    Ok(Outcome::Done)
}

/// Those it fits; the others stand where they are and that is no mistake: somebody else was faster.
fn change(draft: &mut Draft<'_>, alarms: &[FindingKey], fits: impl Fn(&Alarm) -> bool, change: AlarmChange) {
    let state = draft.state;
    let fits = |key: &&FindingKey| state.durable.alarms.get(*key).is_some_and(&fits);
    let alarms: Vec<FindingKey> = alarms.iter().filter(fits).cloned().collect();
    put(draft, &alarms, change);
}

fn put(draft: &mut Draft<'_>, alarms: &[FindingKey], change: AlarmChange) {
    if !alarms.is_empty() {
        draft.record(What::AlarmsChanged { alarms: alarms.to_vec(), change });
    }
}

/// Each for as long as its severity lets it.
fn ack(draft: &mut Draft<'_>, alarms: &[FindingKey]) {
    let state = draft.state;
    let mut by_end: BTreeMap<Utc, Vec<FindingKey>> = BTreeMap::new();
    for key in alarms {
        let alarm = state.durable.alarms.get(key);
        if alarm.is_some_and(|alarm| matches!(alarm.core, Core::Unack | Core::RtnUnack)) {
            let until = draft.now.utc + ack_lasts(severity(state, key));
            by_end.entry(until).or_default().push(key.clone());
        }
    }
    for (until, alarms) in by_end {
        draft.record(What::AlarmsChanged { alarms, change: AlarmChange::Acked { until } });
    }
}

fn severity(state: &State, key: &FindingKey) -> Severity {
    state.durable.findings.get(key).map(|finding| finding.severity).unwrap_or_default()
}

fn shelved_max(state: &State, alarms: &[FindingKey]) -> Span {
    let critical = alarms.iter().any(|key| severity(state, key) == Severity::Critical);
    if critical { SHELVED_MAX_CRITICAL } else { SHELVED_MAX }
}

fn ahead(now: Utc, until: Utc, most: Span) -> Result<(), Refusal> {
    match () {
        () if until <= now => Err(Refusal::Past { field: "until".to_owned() }),
        () if until > now + most => Err(Refusal::TooLong { field: "until".to_owned(), most }),
        () => Ok(()),
    }
}

fn said(why: &str) -> Result<Text, Refusal> {
    let why: String = why.trim().chars().take(WHY_MAX).collect();
    if why.is_empty() {
        return Err(Refusal::Empty { field: "why".to_owned() });
    }
    Ok(Text::new(why.clone(), why))
}
