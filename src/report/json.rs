//! The JSON answer of a rehearsal, for programs. Its names are stable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use crate::domain::check::Direction;
use crate::domain::id::VenueId;
use crate::engine::verdict::{QualityWord, ReasonCode, Verdict};

/// One rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RehearsalJson {
    /// Faults that were put in on purpose; empty outside the demo.
    pub seeded: Vec<SeededFault>,
    /// Every judged cell, in the order of the matrix.
    pub verdicts: Vec<VerdictJson>,
    /// Worst quality of the measurements; `invalid` when nothing was measured.
    pub quality: QualityWord,
    /// Length of the round.
    pub seconds: f64,
}

/// A fault that the demo put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeededFault {
    /// Where.
    pub venue: VenueId,
    /// Which.
    pub fault: SeededKind,
    /// In which direction, if it has one.
    pub direction: Option<Direction>,
}

/// The kinds of faults that the demo puts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeededKind {
    /// Burst loss on the primary link, one direction.
    BurstLoss,
    /// A backup link with 600 ms round trip.
    SlowBackup,
    /// An agent that is off.
    AgentOff,
}

/// One judged cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictJson {
    /// Row.
    pub venue: VenueId,
    /// The check in a word: `presence`, `clock`, `path:LINK`, `room:ITEM`.
    pub check: String,
    /// Direction that the reason speaks of.
    pub direction: Option<Direction>,
    /// Outcome.
    pub verdict: Verdict,
    /// Stable code.
    pub reason: ReasonCode,
    /// The finding in a sentence.
    pub text: String,
    /// Figures, units in their names.
    pub figures: BTreeMap<String, f64>,
}

/// The answer for a matrix.
pub fn json(matrix: &Matrix, seeded: Vec<SeededFault>) -> RehearsalJson {
    let cells = matrix.rows.iter().flat_map(|row| row.cells.iter().flatten().map(move |cell| (row, cell)));
    let verdicts = cells.filter_map(|(row, cell)| {
        Some(VerdictJson {
            venue: row.venue.clone(),
            check: cell.check.clone(),
            direction: cell.direction,
            verdict: cell.verdict?,
            reason: cell.reason?,
            text: cell.text.clone(),
            figures: cell.figures.clone(),
        })
    });
    RehearsalJson {
        seeded,
        verdicts: verdicts.collect(),
        quality: matrix.quality.unwrap_or(QualityWord::Invalid),
        seconds: matrix.progress.elapsed_s,
    }
}
