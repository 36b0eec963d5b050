//! Incidents and alarms in words.

use crate::domain::fault::FaultClass;
use crate::domain::id::VenueId;
use crate::domain::incident::{Confidence, IncidentState, Moment};
use crate::domain::inventory::Inventory;
use crate::domain::lang::{Lang, Text};
use crate::engine::alarm::AlarmState;
use crate::engine::incident::IncidentChange;
use crate::engine::state::Incident;

/// How far an incident is.
pub fn incident_state(state: IncidentState, lang: Lang) -> &'static str {
    match state {
        IncidentState::Open => lang.pick("待确认", "open"),
        IncidentState::Acked => lang.pick("已确认", "acknowledged"),
        IncidentState::Mitigating => lang.pick("处置中", "being dealt with"),
        IncidentState::Mitigated => lang.pick("已临时恢复(备用)", "mitigated"),
        IncidentState::Resolved => lang.pick("故障排除", "resolved"),
        IncidentState::Reviewed => lang.pick("已审签", "reviewed"),
        IncidentState::FalseAlarm => lang.pick("误报", "false alarm"),
        IncidentState::Merged => lang.pick("已并入", "merged"),
    }
}

/// How sure vcops is.
pub fn confidence(confidence: Confidence, lang: Lang) -> &'static str {
    match confidence {
        Confidence::Low => lang.pick("研判可信度低", "low confidence"),
        Confidence::Medium => lang.pick("研判可信度中", "medium confidence"),
        Confidence::High => lang.pick("研判可信度高", "high confidence"),
    }
}

/// A kind of trouble.
pub fn fault_class(class: FaultClass, lang: Lang) -> &'static str {
    lang.pick(class.zh(), class.en())
}

/// An incident in one line: what, and where.
pub fn incident_title(incident: &Incident, inventory: &Inventory, lang: Lang) -> String {
    let class = fault_class(incident.assessment.class, lang);
    let venues = incident.venues();
    let name = |venue: &VenueId| {
        inventory.venues.get(venue).map_or_else(|| venue.to_string(), |venue| venue.name.clone())
    };
    let cause = incident.assessment.cause.as_ref().map(|cause| super::resource(cause, inventory, lang));
    match (cause, venues.len()) {
        (Some(cause), 0) => format!("{class} · {cause}"),
        (Some(cause), count) => match lang {
            Lang::Zh => format!("{class} · {cause}（{count} 个会场）"),
            Lang::En => format!("{class} · {cause} ({count} venues)"),
        },
        (None, 1) => format!("{class} · {}", venues.first().map(|venue| name(venue)).unwrap_or_default()),
        (None, 0) => {
            let what = incident.members.keys().next().map(ToString::to_string).unwrap_or_default();
            format!("{class} · {what}")
        }
        (None, count) => match lang {
            Lang::Zh => format!("{class}（{count} 个会场）"),
            Lang::En => format!("{class} ({count} venues)"),
        },
    }
}

/// A change of an incident in a sentence, for its timeline.
pub fn incident_change(change: &IncidentChange, lang: Lang) -> String {
    let with =
        |zh: &str, en: &str, why: &Text| lang.pick(format!("{zh}：{}", why.zh), format!("{en}: {}", why.en));
    match change {
        IncidentChange::Joined { members } => {
            let first = members.first().map(ToString::to_string).unwrap_or_default();
            let count = members.len();
            lang.pick(
                format!("并入 {count} 项告警（{first} 等）"),
                format!("{count} alarms joined ({first} …)"),
            )
        }
        IncidentChange::Assessed { assessment } => with("重新研判", "judged anew", &assessment.reason),
        IncidentChange::Acked => lang.pick("已确认", "acknowledged").to_owned(),
        IncidentChange::Unacked { why } => with("取消确认", "acknowledgement taken back", why),
        IncidentChange::Mitigating { why } => with("处置", "being dealt with", why),
        IncidentChange::Mitigated { why } => with("已临时恢复", "mitigated", why),
        IncidentChange::Resolved { why } => with("故障排除", "resolved", why),
        IncidentChange::Reopened { why } => with("重新打开", "opened again", why),
        IncidentChange::FalseAlarm { why } => with("误报", "false alarm", why),
        IncidentChange::Merged { into, why } => {
            with(&format!("并入事件 {into}"), &format!("told under {into}"), why)
        }
        IncidentChange::Marked { moment } => match moment {
            Moment::Notified => lang.pick("已通知", "a notice was accepted").to_owned(),
            Moment::Seen => lang.pick("已看到", "seen").to_owned(),
            Moment::FirstAction => lang.pick("首次处置", "first action").to_owned(),
        },
        IncidentChange::Assigned { to: Some(to) } => {
            lang.pick(format!("指派给 {to}"), format!("assigned to {to}"))
        }
        IncidentChange::Assigned { to: None } => lang.pick("取消指派", "assigned to nobody").to_owned(),
        IncidentChange::Noted { text, .. } => text.clone(),
        IncidentChange::Reviewed { root_cause, text } => {
            format!("{} {}: {text}", lang.pick("审签", "reviewed"), fault_class(*root_cause, lang))
        }
        IncidentChange::CorrectionAsked { n, text, owner, .. } => {
            lang.pick(format!("整改 {n}（{owner}）：{text}"), format!("correction {n} ({owner}): {text}"))
        }
        IncidentChange::CorrectionReminded { n } => {
            lang.pick(format!("整改 {n} 已提醒"), format!("correction {n}: its owner was reminded"))
        }
        IncidentChange::CorrectionDone { n, note } => {
            lang.pick(format!("整改 {n} 完成：{note}"), format!("correction {n} done: {note}"))
        }
    }
}

/// Where an alarm stands.
pub fn alarm_state(state: AlarmState, lang: Lang) -> &'static str {
    match state {
        AlarmState::Normal => lang.pick("正常", "normal"),
        AlarmState::Pending => lang.pick("待定", "pending"),
        AlarmState::Unack => lang.pick("未确认", "unacknowledged"),
        AlarmState::Ack => lang.pick("已确认", "acknowledged"),
        AlarmState::RtnUnack => lang.pick("已恢复未确认", "over, unacknowledged"),
        AlarmState::Latched => lang.pick("锁存待复位", "latched"),
        AlarmState::Unknown => lang.pick("未知", "unknown"),
        AlarmState::Chatter => lang.pick("抖动", "chattering"),
    }
}
