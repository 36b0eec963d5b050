//! Incidents and alarms in stories: what people do with them, what is expected of them, and how a timeline tells them.

use std::collections::BTreeSet;

use vcops::domain::incident::{IncidentId, IncidentState};
use vcops::domain::inventory::Inventory;
use vcops::domain::lang::Lang;
use vcops::domain::time::Utc;
use vcops::engine::alarm::{AlarmChange, Suppressor, load, view};
use vcops::engine::event::{Durable, What};
use vcops::engine::finding::{FindingKey, Severity, Subject};
use vcops::engine::incident::{Assessment, IncidentChange, Opening};
use vcops::engine::input::{AlarmAsk, Command, IncidentAsk};
use vcops::engine::state::Finding;
use vcops::engine::wording;
use vcops::observation::device::Device;

use super::story::{tag, word};
use super::world::World;

/// What is expected of incidents and alarms; false when it is about something else.
pub(super) fn expected(world: &World, words: &[&str]) -> bool {
    let durable = &world.state.durable;
    match words {
        ["incident", id, state, rest @ ..] => {
            let incident = &durable.incidents[&IncidentId(id.parse().unwrap())];
            assert_eq!(incident.state.code(), *state);
            if let [raised] = rest {
                assert_eq!(incident.raised.to_string(), *raised);
            }
            assert!(!incident.assessment.reason.zh.is_empty() && !incident.assessment.reason.en.is_empty());
        }
        ["alarm", alarm, state, rest @ ..] => {
            let shown = view(&world.state, world.now, &alarm_key(alarm));
            assert_eq!(shown.state.code(), *state);
            let over = [
                shown.shelf.is_some().then_some("shelved"),
                shown.service.is_some().then_some("out_of_service"),
                shown.suppressed.as_ref().map(|by| match by {
                    Suppressor::Parent { .. } => "parent",
                    Suppressor::Phase => "phase",
                    Suppressor::Flood => "flood",
                }),
                shown.annunciates().then_some("speaks"),
            ];
            assert_eq!(over.into_iter().flatten().collect::<Vec<_>>(), rest);
        }
        ["load", per_10_min, "standing", standing] => {
            let open = durable.incidents.values().filter(|incident| incident.state.is_open());
            let open = open.map(|incident| (incident.times.detected, None));
            let load = load::of(&durable.annunciations, open, None, world.now.utc);
            assert_eq!(
                (load.per_10_min.to_string(), load.standing.to_string()),
                ((*per_10_min).into(), (*standing).into())
            );
        }
        ["flood", yes] => assert_eq!(durable.flood.is_some().to_string(), *yes),
        ["class", id, class] => {
            let incident = &durable.incidents[&IncidentId(id.parse().unwrap())];
            assert_eq!(tag(&incident.assessment.class), *class);
        }
        ["open", "incidents", count] => {
            let open = durable.incidents.values().filter(|incident| incident.state.is_open());
            assert_eq!(open.count().to_string(), *count);
        }
        _ => return false,
    }
    true
}

/// What a finding about a stream or a device says.
pub(super) fn raised(event: &Durable, inventory: &Inventory) -> String {
    let What::FindingRaised { finding, since, severity, proof, cause, members } = &event.what else {
        return String::new();
    };
    let finding = Finding {
        key: finding.clone(),
        since: *since,
        raised: event.at,
        cause: cause.clone(),
        members: members.clone(),
        severity: *severity,
        proof: proof.clone(),
        incident: None,
    };
    let ago = event.at.since(*since).as_ms();
    let text = wording::finding(&finding, Lang::Zh);
    let cause = wording::cause(&finding, inventory, Lang::Zh).map(|cause| format!("；{cause}"));
    let severity = wording::severity(*severity, Lang::Zh);
    format!("{severity} 始于 {ago:.0} ms 前: {text}{}", cause.unwrap_or_default())
}

/// Why alarms changed.
pub(super) fn put(change: &AlarmChange) -> String {
    match change {
        AlarmChange::Unacked { why }
        | AlarmChange::Reset { why }
        | AlarmChange::Shelved { why, .. }
        | AlarmChange::Unshelved { why }
        | AlarmChange::OutOfService { why, .. }
        | AlarmChange::InService { why } => format!(": {}", why.zh),
        AlarmChange::Acked { .. }
        | AlarmChange::Latches
        | AlarmChange::Chattering { .. }
        | AlarmChange::Calmed => String::new(),
    }
}

/// How an incident begins.
pub(super) fn opened(opening: &Opening) -> String {
    let Assessment { class, severity, confidence, reason, .. } = &opening.assessment;
    let severity = wording::severity(*severity, Lang::Zh);
    let sure = wording::confidence(*confidence, Lang::Zh);
    let from = opening.from.map(|from| format!(" 出自 {from}")).unwrap_or_default();
    let members = opening.members.len();
    format!("{from} {} {severity} {members} 项 {sure}: {}", class.zh(), reason.zh)
}

/// What a change of an incident says beyond its name.
pub(super) fn told(change: &IncidentChange) -> String {
    match change {
        IncidentChange::Joined { members } => format!(" {} 项", members.len()),
        IncidentChange::Assessed { assessment } => {
            let severity = wording::severity(assessment.severity, Lang::Zh);
            let sure = wording::confidence(assessment.confidence, Lang::Zh);
            format!(" {} {severity} {sure}: {}", assessment.class.zh(), assessment.reason.zh)
        }
        IncidentChange::Unacked { why }
        | IncidentChange::Mitigating { why }
        | IncidentChange::Mitigated { why }
        | IncidentChange::Resolved { why }
        | IncidentChange::Reopened { why }
        | IncidentChange::FalseAlarm { why } => format!(": {}", why.zh),
        IncidentChange::Merged { into, why } => format!(" into {into}: {}", why.zh),
        IncidentChange::Marked { moment } => format!(" {}", tag(moment)),
        IncidentChange::Assigned { to } => {
            format!(" {}", to.as_ref().map_or("nobody", |person| person.as_str()))
        }
        IncidentChange::Noted { text, .. } => format!(": {text}"),
        IncidentChange::Reviewed { root_cause, text } => format!(" {}: {text}", root_cause.zh()),
        IncidentChange::CorrectionAsked { n, text, owner, .. } => format!(" #{n} {owner}: {text}"),
        IncidentChange::CorrectionReminded { n } => format!(" #{n}"),
        IncidentChange::CorrectionDone { n, note } => format!(" #{n}: {note}"),
        IncidentChange::Acked => String::new(),
    }
}

/// `ack|unack|reset|unshelve|in_service ALARM… because …`, `shelve|once|out_of_service UNTIL ALARM… because …`.
pub(super) fn alarm_ask(words: &[&str], why: &str) -> Command {
    let why = why.to_owned();
    let at = |text: &str| Utc::parse(text).unwrap();
    let (ask, rest) = match words {
        ["ack", rest @ ..] => (AlarmAsk::Ack, rest),
        ["unack", rest @ ..] => (AlarmAsk::Unack { why }, rest),
        ["reset", rest @ ..] => (AlarmAsk::Reset { why }, rest),
        ["unshelve", rest @ ..] => (AlarmAsk::Unshelve { why }, rest),
        ["in_service", rest @ ..] => (AlarmAsk::InService { why }, rest),
        ["shelve", until, rest @ ..] => (AlarmAsk::Shelve { until: at(until), once: false, why }, rest),
        ["once", until, rest @ ..] => (AlarmAsk::Shelve { until: at(until), once: true, why }, rest),
        ["out_of_service", until, rest @ ..] => (AlarmAsk::OutOfService { until: at(until), why }, rest),
        other => panic!("nobody does {other:?} with alarms"),
    };
    let named = rest.iter().take_while(|word| **word != "because");
    Command::Alarms { alarms: named.map(|word| alarm_key(word)).collect(), ask }
}

/// `RULE/STREAM`.
fn alarm_key(pair: &str) -> FindingKey {
    let (rule, subject) = pair.split_once('/').unwrap();
    let subject = match rule.split_once('.').unwrap().0 {
        "stream" => Subject::Stream(subject.parse().unwrap()),
        "agent" => Subject::Agent(subject.parse().unwrap()),
        "mcu" => Subject::Device(Device::Mcu(subject.parse().unwrap())),
        other => panic!("no alarm is about {other}"),
    };
    FindingKey { rule: word(rule), subject }
}

pub(super) fn incident_ask(words: &[&str], why: &str) -> IncidentAsk {
    let why = why.to_owned();
    match words {
        ["ack"] => IncidentAsk::Ack,
        ["telephoned", from] => IncidentAsk::Telephoned { from: from.parse().unwrap() },
        ["saw"] => IncidentAsk::Saw,
        ["unack", ..] => IncidentAsk::Unack { why },
        ["mitigating", ..] => IncidentAsk::Mitigating { why },
        ["mitigated", ..] => IncidentAsk::Mitigated { why },
        ["resolve", ..] => IncidentAsk::Resolve { why },
        ["false_alarm", ..] => IncidentAsk::FalseAlarm { why },
        ["reopen", ..] => IncidentAsk::Reopen { why },
        ["note", ..] => IncidentAsk::Note { text: why, evidence: Some("ab".repeat(32)) },
        ["assign", "nobody"] => IncidentAsk::Assign { to: None },
        ["assign", person] => IncidentAsk::Assign { to: Some(person.parse().unwrap()) },
        ["merge", into, ..] => IncidentAsk::Merge { into: IncidentId(into.parse().unwrap()), why },
        ["split", rest @ ..] => {
            let streams = rest.iter().take_while(|word| **word != "because");
            IncidentAsk::Split { members: streams.map(|pair| alarm_key(pair)).collect(), why }
        }
        ["review", class, ..] => IncidentAsk::Review { root_cause: word(class), text: why },
        ["correct", owner, due, ..] => {
            IncidentAsk::Correct { text: why, owner: owner.parse().unwrap(), due: Utc::parse(due).unwrap() }
        }
        ["corrected", n, ..] => IncidentAsk::Corrected { n: n.parse().unwrap(), note: why },
        other => panic!("nobody does {other:?} with an incident"),
    }
}

/// No alarm is lost: what is raised has one that says so, and it is in the one incident that names it.
pub(super) fn no_alarm_is_lost(world: &World) {
    let durable = &world.state.durable;
    let active = durable.alarms.values().filter(|alarm| alarm.core.is_active()).map(|alarm| &alarm.key);
    assert_eq!(active.collect::<BTreeSet<_>>(), durable.findings.keys().collect(), "alarms that are raised");
    for incident in durable.incidents.values() {
        for raised in incident.raised() {
            let of = durable.findings[raised].incident;
            assert_eq!(of, Some(incident.id), "{raised} is in one incident");
        }
        assert_eq!(incident.raised().count(), incident.raised as usize, "incident {}", incident.id);
        assert!(incident.state != IncidentState::Merged || incident.raised == 0);
        assert!(!incident.assessment.reason.zh.is_empty(), "incident {} explains itself", incident.id);
    }
}

/// When all is quiet, what matters and was not put aside is somebody's to take care of.
pub(super) fn nothing_is_forgotten(world: &World) {
    let durable = &world.state.durable;
    for finding in durable.findings.values().filter(|finding| finding.severity > Severity::Information) {
        let aside = durable.alarms.get(&finding.key).is_some_and(|alarm| alarm.is_aside());
        assert!(finding.incident.is_some() || aside, "{} is nobody's", finding.key);
    }
    let quiet = durable.incidents.values().filter(|known| known.state.is_open() && known.raised == 0);
    let left: Vec<_> = quiet.filter(|known| known.state != IncidentState::Mitigated).collect();
    assert!(
        left.iter().all(|known| known.members.is_empty()
            || durable.alarms.values().any(|alarm| alarm.chatters_until.is_some())),
        "over and not resolved: {left:?}"
    );
}
