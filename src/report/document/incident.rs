//! 故障分析报告: what happened in an incident, when, what was done, and what is to be put right.

use super::{Document, Setting, Value, minute};
use crate::domain::id::VenueId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::{Span, Utc};
use crate::engine::state::{Incident, Member};
use crate::engine::wording;

/// The review of an incident, with the venues that the reader may see.
pub fn incident_review(
    incident: &Incident,
    inventory: &Inventory,
    sees: &dyn Fn(&VenueId) -> bool,
    setting: &Setting<'_>,
) -> Document {
    let lang = setting.lang;
    let mut document = Document::new(lang.pick("故障分析报告", "Analysis of an incident"), setting);
    head(&mut document, incident, inventory, setting);
    document.text(&conclusion(incident, inventory, sees, lang));
    document.heading(lang.pick("一、时间", "1. Times"));
    times(&mut document, incident, setting);
    document.heading(lang.pick("二、告警", "2. Alarms"));
    members(&mut document, incident, inventory, sees, setting);
    document.heading(lang.pick("三、经过", "3. What happened"));
    let rows = incident.timeline.iter().map(|entry| {
        let text = wording::incident_change(&entry.change, lang);
        [second(entry.at, setting), entry.by.to_string(), text].map(Value::text)
    });
    let titles = match lang {
        Lang::Zh => [("时间", 25), ("操作人", 20), ("内容", 55)],
        Lang::En => [("When", 25), ("By", 20), ("What", 55)],
    };
    document.table(titles, rows.collect());
    document.heading(lang.pick("四、原因与总结", "4. Cause and review"));
    review(&mut document, incident, setting);
    document.heading(lang.pick("五、整改", "5. To be put right"));
    corrections(&mut document, incident, setting);
    document
}

fn head(document: &mut Document, incident: &Incident, inventory: &Inventory, setting: &Setting<'_>) {
    let (lang, assessment) = (setting.lang, &incident.assessment);
    let meeting = assessment.meeting.as_ref();
    let meeting =
        meeting.map(|id| inventory.meetings.get(id).map_or_else(|| id.to_string(), |m| m.name.clone()));
    let cause = assessment.cause.as_ref().map(|cause| wording::resource(cause, inventory, lang));
    let none = || lang.pick("无", "none").to_owned();
    document.facts([
        (lang.pick("编号", "Number"), incident.id.to_string()),
        (lang.pick("事件", "Incident"), wording::incident_title(incident, inventory, lang)),
        (lang.pick("类别", "Class"), wording::fault_class(assessment.class, lang).to_owned()),
        (lang.pick("级别", "Severity"), wording::severity(assessment.severity, lang).to_owned()),
        (lang.pick("状态", "State"), wording::incident_state(incident.state, lang).to_owned()),
        (lang.pick("会议", "Meeting"), meeting.unwrap_or_else(none)),
        (lang.pick("研判原因", "Cause"), cause.unwrap_or_else(none)),
        (lang.pick("可信度", "Confidence"), wording::confidence(assessment.confidence, lang).to_owned()),
    ]);
}

/// One sentence: venues, how long, why vcops thinks so.
fn conclusion(
    incident: &Incident,
    inventory: &Inventory,
    sees: &dyn Fn(&VenueId) -> bool,
    lang: Lang,
) -> String {
    let all = incident.members.values().filter_map(|member| member.venue.as_ref());
    let mut venues: Vec<&VenueId> = all.filter(|venue| sees(venue)).collect();
    venues.sort_unstable();
    venues.dedup();
    let name = |venue: &&VenueId| {
        inventory.venues.get(*venue).map_or_else(|| venue.to_string(), |known| known.name.clone())
    };
    let named: Vec<String> = venues.iter().take(5).map(name).collect();
    let named = named.join(lang.pick("、", ", "));
    let lasted = incident.times.resolved.map(|at| span(at.since(incident.times.onset), lang));
    let why = incident.assessment.reason.pick(lang);
    match lang {
        Lang::Zh => format!(
            "涉及 {} 个会场{}，{}。研判依据：{why}。",
            venues.len(),
            if named.is_empty() { String::new() } else { format!("（{named}）") },
            lasted.map_or_else(|| "尚未排除".to_owned(), |lasted| format!("历时 {lasted}")),
        ),
        Lang::En => format!(
            "{} venues ({named}); {}. Why: {why}.",
            venues.len(),
            lasted.map_or_else(|| "not over yet".to_owned(), |lasted| format!("it took {lasted}")),
        ),
    }
}

fn span(span: Span, lang: Lang) -> String {
    let seconds = span.0 / 1_000_000;
    match (seconds / 60, lang) {
        (0, Lang::Zh) => format!("{seconds} 秒"),
        (0, Lang::En) => format!("{seconds} s"),
        (minutes, Lang::Zh) => format!("{minutes} 分 {} 秒", seconds % 60),
        (minutes, Lang::En) => format!("{minutes} min {} s", seconds % 60),
    }
}

fn second(at: Utc, setting: &Setting<'_>) -> String {
    at.timestamp().to_zoned(setting.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn times(document: &mut Document, incident: &Incident, setting: &Setting<'_>) {
    let (lang, times) = (setting.lang, &incident.times);
    let moments = [
        (lang.pick("首个异常样本", "first bad sample"), Some(times.onset)),
        (lang.pick("告警成立", "detected"), Some(times.detected)),
        (lang.pick("首个通道受理通知", "first channel accepted"), times.notified),
        (lang.pick("有人看到", "seen"), times.seen),
        (lang.pick("有人确认", "acknowledged"), times.acked),
        (lang.pick("首次处置", "first action"), times.first_action),
        (lang.pick("临时恢复", "mitigated"), times.mitigated),
        (lang.pick("故障排除", "resolved"), times.resolved),
    ];
    let row = |(word, at): (&str, Option<Utc>)| {
        let never = || lang.pick("无此时刻", "no such moment").to_owned();
        let after = at.map_or_else(String::new, |at| span(at.since(times.onset), lang));
        [word.to_owned(), at.map_or_else(never, |at| second(at, setting)), after].map(Value::text)
    };
    let titles = match lang {
        Lang::Zh => [("节点", 35), ("时刻", 35), ("距首个异常样本", 30)],
        Lang::En => [("Moment", 35), ("When", 35), ("After the first bad sample", 30)],
    };
    document.table(titles, moments.into_iter().map(row).collect());
}

fn members(
    document: &mut Document,
    incident: &Incident,
    inventory: &Inventory,
    sees: &dyn Fn(&VenueId) -> bool,
    setting: &Setting<'_>,
) {
    let lang = setting.lang;
    let seen = |member: &&Member| member.venue.as_ref().is_none_or(sees);
    let row = |member: &Member| {
        let venue = member.venue.as_ref();
        let venue =
            venue.map(|id| inventory.venues.get(id).map_or_else(|| id.to_string(), |v| v.name.clone()));
        let over = member.cleared.map(|at| second(at, setting));
        [
            wording::rule(member.finding.rule, lang).to_owned(),
            venue.unwrap_or_default(),
            second(member.joined, setting),
            over.unwrap_or_else(|| lang.pick("未恢复", "raised").to_owned()),
        ]
        .map(Value::text)
    };
    let titles = match lang {
        Lang::Zh => [("告警", 30), ("会场", 24), ("发现", 23), ("恢复", 23)],
        Lang::En => [("Alarm", 30), ("Venue", 24), ("Found", 23), ("Over", 23)],
    };
    document.table(titles, incident.members.values().filter(seen).map(row).collect());
}

fn review(document: &mut Document, incident: &Incident, setting: &Setting<'_>) {
    let lang = setting.lang;
    let Some(review) = &incident.review else {
        return document.text(lang.pick("尚未审签。", "Not reviewed yet."));
    };
    document.text(&review.text);
    document.facts([
        (lang.pick("查明类别", "Root cause"), wording::fault_class(review.root_cause, lang).to_owned()),
        (lang.pick("审签", "Signed"), format!("{} {}", review.by, minute(review.at, setting.zone))),
    ]);
}

fn corrections(document: &mut Document, incident: &Incident, setting: &Setting<'_>) {
    let lang = setting.lang;
    if incident.corrections.is_empty() {
        return document.text(lang.pick("无。", "None."));
    }
    let rows = incident.corrections.iter().map(|one| {
        let done = one.done.as_ref().map(|done| format!("{} {}", minute(done.at, setting.zone), done.note));
        let done = done.unwrap_or_else(|| lang.pick("未完成", "open").to_owned());
        [one.text.clone(), one.owner.to_string(), minute(one.due, setting.zone), done].map(Value::text)
    });
    let titles = match lang {
        Lang::Zh => [("事项", 40), ("责任人", 15), ("期限", 20), ("完成情况", 25)],
        Lang::En => [("What", 40), ("Owner", 15), ("Due", 20), ("Done", 25)],
    };
    document.table(titles, rows.collect());
}
