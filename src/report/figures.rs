//! Figures as people read them: the important ones, in reading order, with their units.

use std::collections::BTreeMap;

use super::cell::Figure;
use crate::domain::check::Direction;
use crate::domain::lang::Lang;
use crate::engine::verdict::Judgement;

/// The figures of a judgement, the important ones, in reading order.
pub(super) fn figures(judgement: &Judgement, lang: Lang) -> Vec<Figure> {
    let figures = &judgement.figures;
    let both = |name: &str, unit: &str| pair(figures, name, unit);
    let one = |name: &str| figures.get(name).map(|value| quantity(name, *value));
    let rows = [
        (
            lang.pick("往返时延(中位 / p99)", "Round trip (median / p99)"),
            one("rtt_p50_ms").zip(one("rtt_p99_ms")).map(slash),
        ),
        (lang.pick("丢包 主→分 / 分→主", "Loss to / from venue"), both("loss_{}_pct", "%")),
        (lang.pick("抖动 p95 主→分 / 分→主", "Jitter p95 to / from venue"), both("jitter_{}_p95_ms", "ms")),
        (lang.pick("最长丢包串 主→分 / 分→主", "Longest burst to / from venue"), both("burst_{}_max", "")),
        (lang.pick("乱序 主→分 / 分→主", "Reordered to / from venue"), both("reordered_{}", "")),
        (lang.pick("重复 主→分 / 分→主", "Duplicates to / from venue"), both("duplicates_{}", "")),
        (
            lang.pick("已发 / 应答(包)", "Sent / answered (packets)"),
            one("sent").zip(one("answered")).map(slash),
        ),
        (lang.pick("时钟偏差 ±", "Clock offset ±"), one("offset_ms").zip(one("offset_bound_ms")).map(slash)),
    ];
    rows.into_iter()
        .filter_map(|(label, value)| Some(Figure { label: label.to_owned(), value: value? }))
        .collect()
}

fn slash((a, b): (String, String)) -> String {
    format!("{a} / {b}")
}

fn pair(figures: &BTreeMap<String, f64>, name: &str, unit: &str) -> Option<String> {
    let get = |direction| figures.get(&name.replace("{}", way(direction)));
    let (to, from) = (get(Direction::ToVenue)?, get(Direction::FromVenue)?);
    let digits = usize::from(!unit.is_empty());
    Some(format!("{to:.digits$} / {from:.digits$} {unit}").trim_end().to_owned())
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::ToVenue => "to_venue",
        Direction::FromVenue => "from_venue",
    }
}

/// A figure with the unit that its name ends in.
fn quantity(name: &str, value: f64) -> String {
    match name {
        name if name.ends_with("_pct") => format!("{value:.1} %"),
        name if name.ends_with("_ms") => format!("{value:.1} ms"),
        _ => format!("{value:.0}"),
    }
}
