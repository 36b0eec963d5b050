//! Statistics and the list of incidents, as workbooks to calculate with.

use super::{Document, Setting, Value, minute};
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::state::Incident;
use crate::engine::wording;
use crate::report::statistics::{Statistics, kind_word};

/// Statistics, a sheet for each table.
pub fn statistics_book(statistics: &Statistics, setting: &Setting<'_>) -> Document {
    let lang = setting.lang;
    let mut document =
        Document::new(lang.pick("视频会议保障统计", "Statistics of video conferences"), setting);
    overview(&mut document, statistics, setting);
    measures(&mut document, statistics, lang);
    venues(&mut document, statistics, lang);
    availability(&mut document, statistics, lang);
    burden(&mut document, statistics, lang);
    document.heading(lang.pick("故障类别", "Classes"));
    let rows = statistics.classes.iter();
    let rows =
        rows.map(|one| [Value::text(one.text), Value::count(one.n), Value::count(one.minutes)]).collect();
    document.table(
        [
            (lang.pick("类别", "Class"), 40),
            (lang.pick("事件", "Incidents"), 20),
            (lang.pick("合计(分)", "Minutes"), 20),
        ],
        rows,
    );
    document
}

fn overview(document: &mut Document, statistics: &Statistics, setting: &Setting<'_>) {
    let (lang, zone) = (setting.lang, setting.zone);
    let (first, counts) = (&statistics.first_pass, statistics.incidents);
    let pct = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value} %"));
    document.heading(lang.pick("概况", "Overview"));
    let mut facts = vec![
        (lang.pick("起", "From"), minute(statistics.from, zone)),
        (lang.pick("止", "Until"), minute(statistics.until, zone)),
        (
            lang.pick("记录始于", "Journal begins"),
            statistics.known_since.map_or_else(|| "–".to_owned(), |at| minute(at, zone)),
        ),
        (lang.pick("系统未运行(时)", "Not watching (h)"), (statistics.not_watching_s / 3600).to_string()),
        (lang.pick("联调轮次", "Rounds"), first.rounds.to_string()),
        (lang.pick("一次通过率", "First-pass rate"), pct(first.pct)),
        (lang.pick("一次通过 / 已测(会场次)", "Passed / tested"), format!("{} / {}", first.passed, first.of)),
        (lang.pick("测试未完成(会场次)", "Unfinished"), first.unfinished.to_string()),
        (lang.pick("事件", "Incidents"), counts.counted.to_string()),
        (lang.pick("未结", "Open"), counts.open.to_string()),
        (lang.pick("误报(另计)", "False alarms, apart"), counts.false_alarms.to_string()),
        (lang.pick("演练(另计)", "Drills, apart"), counts.drills.to_string()),
    ];
    if let Some(saved) = statistics.saved {
        let hours = saved.hours.map(|hours| (lang.pick("节约工时(时)", "Hours saved"), hours.to_string()));
        let km = saved.travel_km.map(|km| (lang.pick("节约里程(km)", "Travel saved (km)"), km.to_string()));
        facts.extend(hours.into_iter().chain(km));
    }
    document.facts(facts);
}

fn measures(document: &mut Document, statistics: &Statistics, lang: Lang) {
    document.heading(lang.pick("用时", "Times"));
    let titles = match lang {
        Lang::Zh => [
            ("指标", 10),
            ("名称", 18),
            ("定义", 34),
            ("n", 8),
            ("中位(秒)", 12),
            ("p90(秒)", 12),
            ("最长(秒)", 12),
            ("无此时刻", 12),
            ("其中未结", 12),
        ],
        Lang::En => [
            ("Figure", 10),
            ("Name", 18),
            ("From → to", 34),
            ("n", 8),
            ("Median s", 12),
            ("p90 s", 12),
            ("Longest s", 12),
            ("Without", 12),
            ("Of which open", 12),
        ],
    };
    let rows = statistics.measures.iter().map(|one| {
        [
            Value::text(one.code.to_uppercase()),
            Value::text(one.name),
            Value::text(one.definition),
            Value::count(one.n),
            Value::maybe(one.median_s),
            Value::maybe(one.p90_s),
            Value::maybe(one.max_s),
            Value::count(one.without),
            Value::count(one.without_open),
        ]
    });
    document.table(titles, rows.collect());
}

fn venues(document: &mut Document, statistics: &Statistics, lang: Lang) {
    document.heading(lang.pick("会场评分", "Venues"));
    let titles = match lang {
        Lang::Zh => [
            ("名次", 8),
            ("会场", 24),
            ("轮次", 8),
            ("一次通过", 10),
            ("一次通过率(%)", 14),
            ("测试未完成", 12),
            ("事件", 8),
            ("会中受影响(分)", 14),
            ("可用率(%)", 12),
            ("不明(时)", 10),
        ],
        Lang::En => [
            ("Place", 8),
            ("Venue", 24),
            ("Rounds", 8),
            ("Passed", 10),
            ("First pass %", 14),
            ("Unfinished", 12),
            ("Incidents", 8),
            ("Minutes lost", 14),
            ("Available %", 12),
            ("Unknown h", 10),
        ],
    };
    let rows = statistics.venues.iter().map(|card| {
        [
            Value::maybe(card.rank.map(f64::from)),
            Value::text(card.name.clone()),
            Value::count(card.rounds),
            Value::count(card.passed),
            Value::maybe(card.first_pass_pct),
            Value::count(card.unfinished),
            Value::count(card.incidents),
            Value::count(card.lost_min),
            Value::maybe(card.available_pct),
            Value::count(card.unknown_h),
        ]
    });
    document.table(titles, rows.collect());
}

fn availability(document: &mut Document, statistics: &Statistics, lang: Lang) {
    document.heading(lang.pick("可用率", "Availability"));
    let titles = match lang {
        Lang::Zh => [
            ("类别", 10),
            ("对象", 24),
            ("可用率(%)", 12),
            ("正常(分)", 12),
            ("中断(分)", 12),
            ("不明(分)", 12),
            ("探测次数", 12),
            ("不通过", 12),
        ],
        Lang::En => [
            ("Kind", 10),
            ("Which", 24),
            ("Available %", 12),
            ("Up min", 12),
            ("Down min", 12),
            ("Unknown min", 12),
            ("Tests", 12),
            ("Failed", 12),
        ],
    };
    let minutes = |seconds: u64| Value::Number((seconds / 60) as f64);
    let rows = statistics.availability.iter().map(|one| {
        [
            Value::text(kind_word(one.kind, lang)),
            Value::text(one.name.clone()),
            Value::maybe(one.available_pct),
            minutes(one.up_s),
            minutes(one.down_s),
            minutes(one.unknown_s),
            Value::count(one.tests),
            Value::count(one.tests_failed),
        ]
    });
    document.table(titles, rows.collect());
}

fn burden(document: &mut Document, statistics: &Statistics, lang: Lang) {
    document.heading(lang.pick("告警负荷", "Alarm load"));
    let titles = match lang {
        Lang::Zh => [
            ("值机员", 18),
            ("告警", 10),
            ("每10分钟", 12),
            ("10分钟峰值", 14),
            ("泛滥占比(%)", 14),
            ("严重以上占比(%)", 16),
            ("本人确认", 12),
            ("可承受", 10),
        ],
        Lang::En => [
            ("Operator", 18),
            ("Asked", 10),
            ("Per 10 min", 12),
            ("Peak per 10 min", 14),
            ("Flooded %", 14),
            ("Grave %", 16),
            ("Acknowledged", 12),
            ("Manageable", 10),
        ],
    };
    let rows = statistics.burden.iter().map(|one| {
        [
            Value::text(one.name.clone()),
            Value::count(one.asked),
            Value::maybe(one.per_10_min),
            Value::count(one.peak_per_10_min),
            Value::maybe(one.flooded_pct),
            Value::maybe(one.grave_pct),
            Value::count(one.acknowledged),
            Value::text(if one.manageable { lang.pick("是", "yes") } else { lang.pick("否", "no") }),
        ]
    });
    document.table(titles, rows.collect());
}

/// Incidents, a row each.
pub fn incident_book<'a>(
    incidents: impl Iterator<Item = &'a Incident>,
    inventory: &Inventory,
    setting: &Setting<'_>,
) -> Document {
    let (lang, zone) = (setting.lang, setting.zone);
    let mut document = Document::new(lang.pick("事件清单", "Incidents"), setting);
    document.heading(lang.pick("事件", "Incidents"));
    let titles = match lang {
        Lang::Zh => [
            ("编号", 8),
            ("级别", 10),
            ("状态", 16),
            ("类别", 16),
            ("事件", 40),
            ("始于", 22),
            ("发现", 22),
            ("确认", 22),
            ("临时恢复", 22),
            ("排除", 22),
            ("历时(分)", 12),
            ("会场数", 10),
        ],
        Lang::En => [
            ("No.", 8),
            ("Severity", 10),
            ("State", 16),
            ("Class", 16),
            ("Incident", 40),
            ("Onset", 22),
            ("Detected", 22),
            ("Acknowledged", 22),
            ("Mitigated", 22),
            ("Resolved", 22),
            ("Minutes", 12),
            ("Venues", 10),
        ],
    };
    let moment = |at: Option<Utc>| at.map_or(Value::Unknown, |at| Value::text(minute(at, zone)));
    let rows = incidents.map(|incident| {
        let (times, assessment) = (&incident.times, &incident.assessment);
        let took = times.resolved.map(|at| (at.since(times.onset).as_s() / 6.0).round() / 10.0);
        [
            Value::Number(incident.id.0 as f64),
            Value::text(wording::severity(assessment.severity, lang)),
            Value::text(wording::incident_state(incident.state, lang)),
            Value::text(wording::fault_class(assessment.class, lang)),
            Value::text(wording::incident_title(incident, inventory, lang)),
            moment(Some(times.onset)),
            moment(Some(times.detected)),
            moment(times.acked),
            moment(times.mitigated),
            moment(times.resolved),
            Value::maybe(took),
            Value::Number(incident.venues().len() as f64),
        ]
    });
    document.table(titles, rows.collect());
    document
}
