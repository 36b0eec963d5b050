//! One cell of the matrix as people read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::figures::figures;
use crate::domain::check::{Check, CheckKey, Direction, RoundId};
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::input::RoomOutcome;
use crate::engine::state::{Cell as EngineCell, Round};
use crate::engine::verdict::{Judgement, QualityWord, ReasonCode, Verdict};
use crate::engine::wording;

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figure {
    /// What, such as 往返时延(中位).
    pub label: String,
    /// Value and unit, such as `18.4 ms`.
    pub value: String,
}

/// The same cell one round earlier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
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
    pub change: Change,
}

/// How a cell compares with the round before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// 变差.
    Worse,
    /// 变好.
    Better,
    /// 不变.
    Same,
}

/// 免测.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    pub(super) before: Option<&'a Round>,
    pub(super) lang: Lang,
}

impl Context<'_> {
    /// A cell as people read it; `running` is sent and planned packets.
    pub(super) fn cell(&self, cell: &EngineCell, running: Option<(u32, u32)>) -> Cell {
        let lang = self.lang;
        let key = &cell.key;
        let mut shown = Cell {
            check: key.check.to_string(),
            key: key.clone(),
            link: self.link_name(key),
            state: state(cell, running),
            progress: running.map(|(sent, planned)| f64::from(sent) / f64::from(planned.max(1))),
            attempt: cell.attempts,
            judged_at: cell.latest.as_ref().map(|judged| judged.at),
            previous: self.previous(key, cell.verdict()),
            waived: cell.waiver.as_ref().map(|waiver| WaivedShown {
                by: waiver.by.to_string(),
                why: waiver.why.clone(),
                at: waiver.at,
            }),
            room: cell.room.as_ref().map(|room| RoomShown {
                outcome: room.outcome,
                outcome_text: wording::room_outcome(room.outcome, lang).to_owned(),
                note: room.note.clone(),
                by: room.by.to_string(),
                at: room.at,
                by_telephone_from: room.by_telephone_from.as_ref().map(ToString::to_string),
            }),
            ..Cell::unjudged(key)
        };
        if let Some(judged) = &cell.latest {
            self.judged(&mut shown, &judged.judgement);
        }
        shown
    }

    fn judged(&self, shown: &mut Cell, judgement: &Judgement) {
        let lang = self.lang;
        shown.verdict = Some(judgement.verdict);
        wording::verdict(judgement.verdict, lang).clone_into(&mut shown.verdict_text);
        shown.reason = Some(judgement.reason);
        shown.reason_text = short(judgement, lang);
        shown.text = wording::text(judgement, self.inventory, lang);
        wording::next_step(judgement, lang).unwrap_or_default().clone_into(&mut shown.next_step);
        shown.direction = judgement.direction;
        shown.figures.clone_from(&judgement.figures);
        shown.shown = figures(judgement, lang);
        shown.quality = judgement.quality;
        shown.quality_text =
            judgement.quality.map_or("", |quality| wording::quality(quality, lang)).to_owned();
    }

    fn link_name(&self, key: &CheckKey) -> Option<String> {
        let Check::Path { link } = &key.check else { return None };
        Some(self.inventory.links.get(link).map_or_else(|| link.to_string(), |link| link.name.clone()))
    }

    fn previous(&self, key: &CheckKey, now: Option<Verdict>) -> Option<PreviousCell> {
        let before = self.before?;
        let judgement = &before.cells.get(key)?.latest.as_ref()?.judgement;
        let change = match now {
            Some(now) if now > judgement.verdict => Change::Worse,
            Some(now) if now < judgement.verdict => Change::Better,
            Some(_) | None => Change::Same,
        };
        Some(PreviousCell {
            round: before.id,
            verdict: judgement.verdict,
            verdict_text: wording::verdict(judgement.verdict, self.lang).to_owned(),
            text: wording::text(judgement, self.inventory, self.lang),
            change,
        })
    }
}

impl Cell {
    fn unjudged(key: &CheckKey) -> Self {
        Self {
            check: String::new(),
            key: key.clone(),
            link: None,
            state: CellState::Waiting,
            progress: None,
            verdict: None,
            verdict_text: String::new(),
            reason: None,
            reason_text: String::new(),
            text: String::new(),
            next_step: String::new(),
            direction: None,
            figures: BTreeMap::new(),
            shown: Vec::new(),
            quality: None,
            quality_text: String::new(),
            attempt: 0,
            judged_at: None,
            previous: None,
            waived: None,
            room: None,
        }
    }
}

/// A judged cell is done even while a test that was called off still winds down.
fn state(cell: &EngineCell, running: Option<(u32, u32)>) -> CellState {
    match running {
        _ if !cell.awaiting => CellState::Done,
        Some(_) => CellState::Running,
        None => CellState::Waiting,
    }
}

fn short(judgement: &Judgement, lang: Lang) -> String {
    let word = wording::reason(judgement.reason, lang);
    match judgement.direction {
        Some(direction) => format!("{} {word}", wording::direction(direction, lang)),
        None => word.to_owned(),
    }
}
