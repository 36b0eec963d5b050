//! One cell of the matrix as people read it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::view::{CellView, RoundView};
use super::words::{direction_word, next_step, quality_word, reason_word, room_outcome_word, verdict_word};
use crate::domain::check::{Check, CheckKey, Direction, RoundId};
use crate::domain::inventory::{Inventory, LinkRole};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::input::RoomOutcome;
use crate::engine::verdict::{Judgement, QualityWord, ReasonCode, Verdict};

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cell {
    /// The check in a word: `presence`, `clock`, `path:LINK`, `room:ITEM`.
    pub check: String,
    /// The cell's name in commands.
    #[schema(value_type = Object)]
    pub key: CheckKey,
    /// The link's shown name, for paths.
    pub link: Option<String>,
    /// Where it stands.
    pub state: CellState,
    /// Progress of the running test, 0–1.
    pub progress: Option<f64>,
    /// Newest verdict; while it is tested again, the one before.
    #[schema(value_type = Option<String>)]
    pub verdict: Option<Verdict>,
    /// The verdict in words.
    pub verdict_text: String,
    /// Stable reason code.
    #[schema(value_type = Option<String>)]
    pub reason: Option<ReasonCode>,
    /// The reason in a word or two.
    pub reason_text: String,
    /// The whole finding in a sentence, with figures and limits.
    pub text: String,
    /// What can be done.
    pub next_step: String,
    /// Direction that the reason speaks of.
    #[schema(value_type = Option<String>)]
    pub direction: Option<Direction>,
    /// Figures, units in their names.
    pub figures: BTreeMap<String, f64>,
    /// The figures as people read them.
    pub shown: Vec<Figure>,
    /// Quality of the measurement.
    #[schema(value_type = Option<String>)]
    pub quality: Option<QualityWord>,
    /// The quality in a word.
    pub quality_text: String,
    /// How often it was judged in this round.
    pub attempt: u32,
    /// When it was judged.
    #[schema(value_type = Option<String>)]
    pub judged_at: Option<Utc>,
    /// The same cell in the round before.
    pub previous: Option<PreviousCell>,
    /// 免测: who and why.
    pub waived: Option<WaivedShown>,
    /// 现场核对: what was found.
    pub room: Option<RoomShown>,
}

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// To be tested.
    Waiting,
    /// Under test.
    Running,
    /// Judged.
    Done,
}

/// One figure with its label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figure {
    /// What, such as 往返时延(中位).
    pub label: String,
    /// Value and unit, such as `18.4 ms`.
    pub value: String,
}

/// The same cell one round earlier.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PreviousCell {
    /// Which round.
    #[schema(value_type = u64)]
    pub round: RoundId,
    /// Its verdict.
    #[schema(value_type = String)]
    pub verdict: Verdict,
    /// The verdict in words.
    pub verdict_text: String,
    /// What it said.
    pub text: String,
    /// Whether it is worse, better or the same now.
    pub change: &'static str,
}

/// 免测.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaivedShown {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    #[schema(value_type = String)]
    pub at: Utc,
}

/// 现场核对.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomShown {
    /// What was found.
    #[schema(value_type = String)]
    pub outcome: RoomOutcome,
    /// In a word.
    pub outcome_text: String,
    /// In their words.
    pub note: String,
    /// Who wrote it down.
    pub by: String,
    /// When.
    #[schema(value_type = String)]
    pub at: Utc,
    /// 电话代填: id of the person who looked.
    pub by_telephone_from: Option<String>,
}

/// What a cell is built from.
pub(super) struct Context<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) before: Option<&'a RoundView>,
    pub(super) lang: Lang,
}

impl Context<'_> {
    /// The cell of `key`.
    pub(super) fn cell(&self, key: &CheckKey, view: &CellView) -> Cell {
        let lang = self.lang;
        let judgement = view.judged.as_ref().map(|(judgement, _)| judgement);
        let reason = judgement.map(|judgement| judgement.reason);
        let verdict = judgement.map(|judgement| judgement.verdict);
        Cell {
            check: key.check.to_string(),
            key: key.clone(),
            link: self.link_name(key),
            state: state(view),
            progress: view.running.map(|(sent, planned)| f64::from(sent) / f64::from(planned.max(1))),
            verdict,
            verdict_text: verdict.map_or(String::new(), |verdict| verdict_word(verdict, lang).to_owned()),
            reason,
            reason_text: judgement.map_or(String::new(), |judgement| short(judgement, lang)),
            text: judgement.map_or(String::new(), |judgement| sentence(judgement, lang)),
            next_step: reason.map_or(String::new(), |reason| next_step(reason, self.backup(key), lang).to_owned()),
            direction: judgement.and_then(|judgement| judgement.direction),
            figures: judgement.map(|judgement| judgement.figures.clone()).unwrap_or_default(),
            shown: judgement.map(|judgement| figures(&judgement.figures, lang)).unwrap_or_default(),
            quality: judgement.and_then(|judgement| judgement.quality),
            quality_text: judgement
                .and_then(|judgement| judgement.quality)
                .map_or(String::new(), |quality| quality_word(quality, lang).to_owned()),
            attempt: judgement.map_or(0, |judgement| judgement.attempt),
            judged_at: view.judged.as_ref().map(|(_, at)| *at),
            previous: self.previous(key, verdict),
            waived: view.waived.as_ref().map(|waived| WaivedShown {
                by: waived.by.to_string(),
                why: waived.why.clone(),
                at: waived.at,
            }),
            room: view.room.as_ref().map(|room| RoomShown {
                outcome: room.outcome,
                outcome_text: room_outcome_word(room.outcome, lang).to_owned(),
                note: room.note.clone(),
                by: room.by.to_string(),
                at: room.at,
                by_telephone_from: room.by_telephone_from.as_ref().map(ToString::to_string),
            }),
        }
    }

    fn link_name(&self, key: &CheckKey) -> Option<String> {
        let Check::Path { link } = &key.check else { return None };
        Some(self.inventory.links.get(link).map_or_else(|| link.to_string(), |link| link.name.clone()))
    }

    /// Whether the cell is about a backup link.
    pub(super) fn backup(&self, key: &CheckKey) -> bool {
        let Check::Path { link } = &key.check else { return false };
        self.inventory.links.get(link).is_some_and(|link| link.role == LinkRole::Backup)
    }

    fn previous(&self, key: &CheckKey, now: Option<Verdict>) -> Option<PreviousCell> {
        let before = self.before?;
        let (judgement, _) = before.cells.get(key)?.judged.as_ref()?;
        let change = match now {
            Some(now) if now > judgement.verdict => "worse",
            Some(now) if now < judgement.verdict => "better",
            Some(_) | None => "same",
        };
        Some(PreviousCell {
            round: before.id,
            verdict: judgement.verdict,
            verdict_text: verdict_word(judgement.verdict, self.lang).to_owned(),
            text: sentence(judgement, self.lang),
            change,
        })
    }
}

fn state(view: &CellView) -> CellState {
    match view {
        CellView { running: Some(_), .. } => CellState::Running,
        CellView { waiting: true, .. } | CellView { judged: None, .. } => CellState::Waiting,
        CellView { .. } => CellState::Done,
    }
}

fn short(judgement: &Judgement, lang: Lang) -> String {
    let word = reason_word(judgement.reason, lang);
    match judgement.direction {
        Some(direction) => format!("{} {word}", direction_word(direction, lang)),
        None => word.to_owned(),
    }
}

/// The finding in a sentence: direction, reason, and the figures that the reason rests on with their limits.
pub(super) fn sentence(judgement: &Judgement, lang: Lang) -> String {
    let mut text = short(judgement, lang);
    let basis: Vec<String> = basis(judgement)
        .iter()
        .filter_map(|name| Some((name, judgement.figures.get(*name)?)))
        .map(|(name, value)| lang.pick(format!("{}{}", label(name, lang), number(name, *value)), format!("{} {}", label(name, lang), number(name, *value))))
        .collect();
    if !basis.is_empty() {
        text.push_str(lang.pick("：", ": "));
        text.push_str(&basis.join(lang.pick("，", ", ")));
    }
    text
}

/// The figures behind a reason, in the order of the sentence.
fn basis(judgement: &Judgement) -> &'static [&'static str] {
    match (judgement.reason, judgement.direction) {
        (ReasonCode::Loss | ReasonCode::BurstLoss, _) => &["loss_pct", "limit_pct", "burst_mean", "burst_max"],
        (ReasonCode::Jitter, _) => &["jitter_ms", "limit_ms"],
        (ReasonCode::Rtt, _) => &["rtt_p50_ms", "limit_ms"],
        (ReasonCode::ClockOffset, _) => &["clock_offset_ms", "limit_ms"],
        (ReasonCode::LineDead | ReasonCode::TooFewPackets, _) => &["sent", "answered"],
        _ => &[],
    }
}

/// All figures as label and value; unknown names show as they are.
fn figures(figures: &BTreeMap<String, f64>, lang: Lang) -> Vec<Figure> {
    figures.iter().map(|(name, value)| Figure { label: label(name, lang), value: number(name, *value) }).collect()
}

fn label(name: &str, lang: Lang) -> String {
    let (zh, en) = match name {
        "loss_pct" => ("丢包 ", "loss"),
        "limit_pct" | "limit_ms" => ("限 ", "limit"),
        "burst_mean" => ("平均每串 ", "mean burst"),
        "burst_max" => ("最长一串 ", "longest burst"),
        "jitter_ms" => ("抖动 ", "jitter"),
        "rtt_p50_ms" => ("往返时延中位 ", "median round trip"),
        "rtt_p99_ms" => ("往返时延 p99 ", "round trip p99"),
        "clock_offset_ms" => ("时钟偏差 ", "clock offset"),
        "sent" => ("已发 ", "sent"),
        "answered" => ("应答 ", "answered"),
        other => return other.to_owned(),
    };
    lang.pick(zh, en).to_owned()
}

/// A figure with the unit that its name ends in.
pub(super) fn number(name: &str, value: f64) -> String {
    match name {
        name if name.ends_with("_pct") => format!("{value:.1} %"),
        name if name.ends_with("_ms") => format!("{value:.1} ms"),
        name if name.ends_with("_s") => format!("{value:.1} s"),
        "burst_mean" => format!("{value:.1}"),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}
