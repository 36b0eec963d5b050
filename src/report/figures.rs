//! Figures as people read them: which belong to a reason, in which words, with which unit.

use std::collections::BTreeMap;

use super::cell::Figure;
use super::words::{direction_word, reason_word};
use crate::domain::check::Direction;
use crate::domain::lang::Lang;
use crate::engine::verdict::{Judgement, ReasonCode};

/// The finding in a sentence: direction, reason, and the figures that the reason rests on with their limits.
pub(super) fn sentence(judgement: &Judgement, lang: Lang) -> String {
    let word = reason_word(judgement.reason, lang);
    let subject = judgement.direction.map_or_else(
        || word.to_owned(),
        |direction| format!("{}{}{word}", direction_word(direction, lang), lang.pick("", " ")),
    );
    let parts = [main(judgement, lang), bursts(judgement, lang), other_way(judgement, lang)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { subject } else { format!("{subject} {}", parts.join(lang.pick("，", ", "))) }
}

/// The figure that decided, with its limit.
fn main(judgement: &Judgement, lang: Lang) -> Option<String> {
    let (figure, limit) = match judgement.reason {
        ReasonCode::Loss | ReasonCode::BurstLoss => ("loss_pct", "limit_pct"),
        ReasonCode::Jitter => ("jitter_p95_ms", "limit_ms"),
        ReasonCode::Rtt => ("rtt_ms", "limit_ms"),
        ReasonCode::ClockOffset => ("offset_ms", "limit_ms"),
        ReasonCode::LineDead | ReasonCode::TooFewPackets => return answered(judgement, lang),
        ReasonCode::WithinLimits
        | ReasonCode::AgentOffline
        | ReasonCode::NoAgent
        | ReasonCode::AgentVersion
        | ReasonCode::ClockUnknown
        | ReasonCode::MeasurementPoor
        | ReasonCode::NotTestable
        | ReasonCode::NoTestWindow
        | ReasonCode::MeetingTooNear
        | ReasonCode::TestBroke
        | ReasonCode::TimedOut
        | ReasonCode::RefusedByVenue
        | ReasonCode::Cancelled
        | ReasonCode::Waived
        | ReasonCode::Confirmed
        | ReasonCode::ReportedFaulty
        | ReasonCode::NobodyAnswered => return None,
    };
    let value = judgement.figures.get(figure)?;
    let limit = judgement.figures.get(limit).map(|limit| {
        lang.pick(
            format!("(限 {})", quantity(figure, *limit)),
            format!(" (limit {})", quantity(figure, *limit)),
        )
    });
    Some(format!("{}{}", quantity(figure, *value), limit.unwrap_or_default()))
}

fn answered(judgement: &Judgement, lang: Lang) -> Option<String> {
    let (sent, answered) = (judgement.figures.get("sent")?, judgement.figures.get("answered")?);
    Some(lang.pick(
        format!("已发 {sent:.0} 包，应答 {answered:.0} 包"),
        format!("{answered:.0} of {sent:.0} packets answered"),
    ))
}

fn bursts(judgement: &Judgement, lang: Lang) -> Option<String> {
    let way = way(judgement.direction.filter(|_| judgement.reason == ReasonCode::BurstLoss)?);
    let mean = judgement.figures.get(&format!("burst_{way}_mean"))?;
    let longest = judgement.figures.get(&format!("burst_{way}_max"))?;
    Some(lang.pick(
        format!("平均每串 {mean:.1} 包，最长 {longest:.0} 包"),
        format!("mean burst {mean:.1} packets, longest {longest:.0}"),
    ))
}

/// Loss the other way, so that a one-way fault shows as one.
fn other_way(judgement: &Judgement, lang: Lang) -> Option<String> {
    let losses = matches!(judgement.reason, ReasonCode::Loss | ReasonCode::BurstLoss);
    let other = match judgement.direction.filter(|_| losses)? {
        Direction::ToVenue => Direction::FromVenue,
        Direction::FromVenue => Direction::ToVenue,
    };
    let loss = judgement.figures.get(&format!("loss_{}_pct", way(other)))?;
    Some(format!("{} {}", direction_word(other, lang), quantity("loss_pct", *loss)))
}

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
