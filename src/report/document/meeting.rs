//! 《电视电话会议记录表》: a meeting with its rounds, roll call and what went wrong.

use super::rehearsal::conclusion;
use super::{Document, Setting, Value, minute};
use crate::domain::id::{MeetingId, VenueId};
use crate::domain::inventory::Meeting;
use crate::domain::lang::Lang;
use crate::engine::wording;
use crate::report::{Snapshot, matrix, meeting_shown};

/// The record of a meeting, as far as the reader may see its venues; nothing when there is no such meeting.
pub fn meeting_record(
    snapshot: &Snapshot,
    id: &MeetingId,
    sees: &dyn Fn(&VenueId) -> bool,
    setting: &Setting<'_>,
) -> Option<Document> {
    let meeting = snapshot.inventory.meetings.get(id)?;
    let lang = setting.lang;
    let title = lang.pick("电视电话会议记录表", "Record of a video conference");
    let mut document = Document::new(title, setting);
    head(&mut document, snapshot, meeting, setting);
    document.heading(lang.pick("一、会前联调", "1. Rehearsals"));
    rounds(&mut document, snapshot, id, sees, setting);
    document.heading(lang.pick("二、点名", "2. Roll call"));
    roll_call(&mut document, snapshot, meeting, sees, setting);
    document.heading(lang.pick("三、会中事件", "3. Incidents"));
    incidents(&mut document, snapshot, id, sees, setting);
    Some(document)
}

fn head(document: &mut Document, snapshot: &Snapshot, meeting: &Meeting, setting: &Setting<'_>) {
    let (lang, zone) = (setting.lang, setting.zone);
    let shown = meeting_shown(&snapshot.inventory, meeting, snapshot.at, lang);
    document.facts([
        (lang.pick("会议", "Meeting"), shown.name),
        (lang.pick("主会场", "Main venue"), shown.main_venue),
        (lang.pick("开会时间", "Starts"), minute(shown.starts, zone)),
        (lang.pick("计划结束", "Planned end"), minute(shown.ends, zone)),
        (lang.pick("点名时间", "Roll call"), minute(shown.roll_call_at, zone)),
        (lang.pick("会场数", "Venues"), shown.venues.to_string()),
        (lang.pick("规格", "Profile"), shown.profile),
        (lang.pick("阶段", "Phase"), shown.phase_text),
    ]);
}

fn rounds(
    document: &mut Document,
    snapshot: &Snapshot,
    id: &MeetingId,
    sees: &dyn Fn(&VenueId) -> bool,
    setting: &Setting<'_>,
) {
    let (lang, zone) = (setting.lang, setting.zone);
    let mine = snapshot.rounds.iter().filter(|round| &round.meeting == id);
    let rows: Vec<[Value; 4]> = mine
        .filter_map(|round| matrix(snapshot, round.id, lang, sees))
        .map(|matrix| {
            let ended = matrix.ended.map_or_else(String::new, |at| minute(at, zone));
            let kind = format!("{} #{}", matrix.kind_text, matrix.round);
            [kind, minute(matrix.opened, zone), ended, conclusion(matrix.counts, lang)].map(Value::text)
        })
        .collect();
    let titles = match lang {
        Lang::Zh => [("调试方式", 18), ("开始", 19), ("结束", 19), ("结果", 44)],
        Lang::En => [("Kind", 18), ("Began", 19), ("Ended", 19), ("Outcome", 44)],
    };
    table_or_none(document, titles, rows, lang);
}

fn roll_call(
    document: &mut Document,
    snapshot: &Snapshot,
    meeting: &Meeting,
    sees: &dyn Fn(&VenueId) -> bool,
    setting: &Setting<'_>,
) {
    let lang = setting.lang;
    let answers = snapshot.roll_calls.get(&meeting.id);
    let rows: Vec<[Value; 4]> = (1u32..)
        .zip(meeting.all_venues().filter(|venue| sees(venue)))
        .map(|(n, venue)| {
            let name =
                snapshot.inventory.venues.get(venue).map_or_else(|| venue.to_string(), |v| v.name.clone());
            let answer = answers.and_then(|answers| answers.get(venue));
            let said = answer
                .map_or(lang.pick("未点名", "not called"), |call| wording::roll_call(call.answer, lang));
            let at = answer.map_or_else(String::new, |call| minute(call.at, setting.zone));
            [Value::count(n), Value::text(name), Value::text(said), Value::text(at)]
        })
        .collect();
    let titles = match lang {
        Lang::Zh => [("序号", 10), ("会场", 40), ("应答", 25), ("时间", 25)],
        Lang::En => [("No.", 10), ("Venue", 40), ("Answer", 25), ("When", 25)],
    };
    table_or_none(document, titles, rows, lang);
}

fn incidents(
    document: &mut Document,
    snapshot: &Snapshot,
    id: &MeetingId,
    sees: &dyn Fn(&VenueId) -> bool,
    setting: &Setting<'_>,
) {
    let (lang, zone) = (setting.lang, setting.zone);
    let of_it = snapshot.incidents.iter().filter(|incident| incident.assessment.meeting.as_ref() == Some(id));
    let seen = of_it.filter(|incident| {
        let venues = incident.venues();
        venues.is_empty() || venues.into_iter().any(sees)
    });
    let rows: Vec<[Value; 5]> = seen
        .map(|incident| {
            let over = incident.times.resolved.map_or_else(String::new, |at| minute(at, zone));
            let title = wording::incident_title(incident, &snapshot.inventory, lang);
            let state = wording::incident_state(incident.state, lang).to_owned();
            let onset = minute(incident.times.onset, zone);
            [incident.id.to_string(), title, onset, over, state].map(Value::text)
        })
        .collect();
    let titles = match lang {
        Lang::Zh => [("编号", 8), ("事件", 38), ("始于", 20), ("排除", 20), ("状态", 14)],
        Lang::En => [("No.", 8), ("Incident", 38), ("Onset", 20), ("Resolved", 20), ("State", 14)],
    };
    table_or_none(document, titles, rows, lang);
}

fn table_or_none<const N: usize>(
    document: &mut Document,
    titles: [(&str, u16); N],
    rows: Vec<[Value; N]>,
    lang: Lang,
) {
    if rows.is_empty() {
        return document.text(lang.pick("无。", "None."));
    }
    document.table(titles, rows);
}
