//! Statistics for a terminal.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::{Availability, Burden, Measure, Scorecard, Statistics, ThingKind};
use crate::domain::lang::Lang;
use crate::report::table::aligned;

/// All figures as tables. Times are shown in `zone`.
pub fn statistics_text(statistics: &Statistics, zone: &TimeZone, lang: Lang) -> String {
    let mut text = head(statistics, zone, lang);
    let mut part = |zh: &str, en: &str, lines: Vec<Vec<String>>| {
        if lines.len() > 1 {
            let _ = write!(text, "\n{}\n{}", lang.pick(zh, en), aligned(&lines));
        }
    };
    part("用时", "Times", measures(&statistics.measures, lang));
    part("会场评分", "Venues", scorecards(&statistics.venues, lang));
    part("可用率", "Availability", availability(&statistics.availability, lang));
    part("告警负荷", "Alarm load", burden(&statistics.burden, lang));
    text
}

fn head(statistics: &Statistics, zone: &TimeZone, lang: Lang) -> String {
    let (first, counts) = (&statistics.first_pass, statistics.incidents);
    let mut lines = vec![format!("{} – {}", statistics.from.minute(zone), statistics.until.minute(zone))];
    if let Some(since) = statistics.known_since.filter(|since| *since > statistics.from) {
        lines.push(format!("{} {}", lang.pick("记录始于", "the journal begins"), since.minute(zone)));
    }
    lines.push(format!(
        "{} {} ({}/{})  {} {}",
        lang.pick("一次通过率", "first-pass rate"),
        pct(first.pct),
        first.passed,
        first.of,
        lang.pick("测试未完成", "unfinished"),
        first.unfinished,
    ));
    lines.push(match lang {
        Lang::Zh => format!(
            "事件 {}（未结 {}），误报 {}，演练 {}",
            counts.counted, counts.open, counts.false_alarms, counts.drills
        ),
        Lang::En => format!(
            "{} incidents ({} open), {} false alarms, {} drills",
            counts.counted, counts.open, counts.false_alarms, counts.drills
        ),
    });
    if let Some(saved) = statistics.saved {
        let hours = saved.hours.map(|hours| format!("{hours} {}", lang.pick("小时", "h")));
        let km = saved.travel_km.map(|km| format!("{km} km"));
        let both: Vec<String> = hours.into_iter().chain(km).collect();
        lines.push(format!("{} {}", lang.pick("节约", "saved"), both.join("  ")));
    }
    lines.join("\n") + "\n"
}

fn pct(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value} %"))
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value} s"))
}

fn titled<const N: usize>(titles: [&str; N]) -> Vec<Vec<String>> {
    vec![titles.map(str::to_owned).to_vec()]
}

fn measures(measures: &[Measure], lang: Lang) -> Vec<Vec<String>> {
    let mut lines = match lang {
        Lang::Zh => titled(["指标", "名称", "定义", "n", "中位", "p90", "最长", "无此时刻"]),
        Lang::En => titled(["Figure", "Name", "From → to", "n", "median", "p90", "longest", "without"]),
    };
    lines.extend(measures.iter().map(|one| {
        vec![
            one.code.to_uppercase(),
            one.name.to_owned(),
            one.definition.to_owned(),
            one.n.to_string(),
            seconds(one.median_s),
            seconds(one.p90_s),
            seconds(one.max_s),
            one.without.to_string(),
        ]
    }));
    lines
}

fn scorecards(cards: &[Scorecard], lang: Lang) -> Vec<Vec<String>> {
    let mut lines = match lang {
        Lang::Zh => titled(["名次", "会场", "一次通过", "事件", "会中受影响(分)", "可用率"]),
        Lang::En => titled(["Place", "Venue", "First pass", "Incidents", "Minutes lost", "Available"]),
    };
    lines.extend(cards.iter().map(|card| {
        vec![
            card.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string()),
            card.name.clone(),
            format!("{} ({}/{})", pct(card.first_pass_pct), card.passed, card.rounds),
            card.incidents.to_string(),
            card.lost_min.to_string(),
            pct(card.available_pct),
        ]
    }));
    lines
}

fn availability(things: &[Availability], lang: Lang) -> Vec<Vec<String>> {
    let mut lines = match lang {
        Lang::Zh => titled(["对象", "可用率", "中断(分)", "不明(时)", "探测", "不通过"]),
        Lang::En => titled(["What", "Available", "Down min", "Unknown h", "Tests", "Failed"]),
    };
    lines.extend(things.iter().map(|thing| {
        vec![
            format!("{} {}", kind_word(thing.kind, lang), thing.name),
            pct(thing.available_pct),
            (thing.down_s / 60).to_string(),
            (thing.unknown_s / 3600).to_string(),
            thing.tests.to_string(),
            thing.tests_failed.to_string(),
        ]
    }));
    lines
}

/// The word for a kind of thing.
pub fn kind_word(kind: ThingKind, lang: Lang) -> &'static str {
    match kind {
        ThingKind::Venue => lang.pick("会场", "venue"),
        ThingKind::Link => lang.pick("线路", "line"),
        ThingKind::Mcu => "MCU",
    }
}

fn burden(burdens: &[Burden], lang: Lang) -> Vec<Vec<String>> {
    let mut lines = match lang {
        Lang::Zh => titled(["值机员", "告警", "每10分钟", "峰值", "告警泛滥占比", "确认"]),
        Lang::En => titled(["Operator", "Asked", "Per 10 min", "Peak", "Flooded", "Acknowledged"]),
    };
    lines.extend(burdens.iter().map(|one| {
        vec![
            one.name.clone(),
            one.asked.to_string(),
            one.per_10_min.map_or_else(|| "–".to_owned(), |mean| mean.to_string()),
            one.peak_per_10_min.to_string(),
            pct(one.flooded_pct),
            one.acknowledged.to_string(),
        ]
    }));
    lines
}
