//! Incidents for a terminal: a list, and one with its timeline.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::story::{Happened, story};
use super::table::aligned;
use super::view::Snapshot;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::state::{Incident, Member};
use crate::engine::wording;

/// A row for each incident.
pub fn incident_list<'a>(
    incidents: impl Iterator<Item = &'a Incident>,
    inventory: &Inventory,
    zone: &TimeZone,
    lang: Lang,
) -> String {
    let heading = match lang {
        Lang::Zh => ["编号", "级别", "状态", "发现", "未恢复", "事件"],
        Lang::En => ["Number", "Severity", "State", "Detected", "Raised", "Incident"],
    };
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    lines.extend(incidents.map(|incident| {
        vec![
            incident.id.to_string(),
            wording::severity(incident.assessment.severity, lang).to_owned(),
            wording::incident_state(incident.state, lang).to_owned(),
            incident.times.detected.minute(zone),
            incident.raised.to_string(),
            wording::incident_title(incident, inventory, lang),
        ]
    }));
    aligned(&lines)
}

/// One incident: what it is and why, its times, its alarms, and what happened.
pub fn incident_text(snapshot: &Snapshot, incident: &Incident, zone: &TimeZone, lang: Lang) -> String {
    let inventory = &snapshot.inventory;
    let assessment = &incident.assessment;
    let mut text = format!("{}  {}\n", incident.id, wording::incident_title(incident, inventory, lang));
    let state = wording::incident_state(incident.state, lang);
    let severity = wording::severity(assessment.severity, lang);
    let sure = wording::confidence(assessment.confidence, lang);
    let _ = writeln!(text, "{severity}  {state}  {sure}\n{}\n", assessment.reason.pick(lang));
    for (word, at) in times(incident, lang) {
        if let Some(at) = at {
            let _ = writeln!(text, "{word}  {}", at.clock(zone));
        }
    }
    text.push('\n');
    text.push_str(&aligned(
        &incident.members.values().map(|member| row(member, zone, lang)).collect::<Vec<_>>(),
    ));
    text.push('\n');
    text.push_str(&aligned(
        &story(snapshot, incident, lang).iter().map(|happened| line(happened, zone)).collect::<Vec<_>>(),
    ));
    text
}

fn times(incident: &Incident, lang: Lang) -> [(&'static str, Option<Utc>); 8] {
    let times = &incident.times;
    [
        (lang.pick("始于    ", "onset       "), Some(times.onset)),
        (lang.pick("发现    ", "detected    "), Some(times.detected)),
        (lang.pick("已通知  ", "notified    "), times.notified),
        (lang.pick("已看到  ", "seen        "), times.seen),
        (lang.pick("已确认  ", "acknowledged"), times.acked),
        (lang.pick("首次处置", "first action"), times.first_action),
        (lang.pick("临时恢复", "mitigated   "), times.mitigated),
        (lang.pick("故障排除", "resolved    "), times.resolved),
    ]
}

fn row(member: &Member, zone: &TimeZone, lang: Lang) -> Vec<String> {
    let over = member.cleared.map(|at| at.clock(zone));
    let over = over.unwrap_or_else(|| lang.pick("未恢复", "raised").to_owned());
    vec![member.joined.clock(zone), over, member.finding.to_string()]
}

fn line(happened: &Happened, zone: &TimeZone) -> Vec<String> {
    vec![happened.at.clock(zone), happened.by.clone(), happened.text.clone()]
}
