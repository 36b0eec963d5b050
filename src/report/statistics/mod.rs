//! Statistics 统计: what a month or a quarter was like, from the journal alone.
//!
//! A [`Chronicle`] folds the journal into few facts; [`statistics`] counts those of a period. Nothing is estimated:
//! an incident without a time is counted as being without it, and time in which nothing was watched is unknown, not
//! good. Pure; knows no database and no rule of the engine, only its durable state and events.

mod availability;
mod burden;
mod chronicle;
mod rehearsal;
mod response;
mod saving;
mod scorecard;
mod spans;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

pub use availability::{Availability, ThingKind};
pub use burden::{Burden, Desk};
pub use chronicle::Chronicle;
pub use rehearsal::{FirstPass, FirstPassOf};
pub use response::{IncidentCounts, Measure, OfClass};
pub use saving::{ByHand, Saved};
pub use scorecard::Scorecard;
pub use text::{kind_word, statistics_text};

use crate::domain::id::VenueId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::{Utc, Window};

/// What is asked.
pub struct Question<'a> {
    /// Of which time.
    pub period: Window,
    /// The moment of asking: what lies ahead is left out.
    pub now: Utc,
    /// The inventory as it is now: names, and what is watched.
    pub inventory: &'a Inventory,
    /// Whether a venue is the reader's.
    pub sees: &'a dyn Fn(&VenueId) -> bool,
    /// Whether the reader sees everything, and so what is at no venue.
    pub sees_all: bool,
    /// Who watches which regions.
    pub desks: &'a [Desk],
    /// What the same work costs by hand.
    pub by_hand: ByHand,
    /// The reader's language.
    pub lang: Lang,
}

impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").field("period", &self.period).finish_non_exhaustive()
    }
}

/// What a period was like.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Statistics {
    /// Its first moment.
    #[schema(value_type = String)]
    pub from: Utc,
    /// The first moment after it.
    #[schema(value_type = String)]
    pub until: Utc,
    /// Since when the journal tells anything; later than `from` where the period reaches further back.
    #[schema(value_type = Option<String>)]
    pub known_since: Option<Utc>,
    /// Seconds of the period in which the controller did not run, as far as the journal can tell.
    pub not_watching_s: u64,
    /// Rehearsals: venues that passed at the first attempt.
    pub first_pass: FirstPass,
    /// Incidents, drills and false alarms apart.
    pub incidents: IncidentCounts,
    /// MTTD, MTTN, MTTA, MTTM, MTTR.
    pub measures: Vec<Measure>,
    /// Incidents by what they were.
    pub classes: Vec<OfClass>,
    /// Venues, the best first; those of which nothing is known come last, without a place.
    pub venues: Vec<Scorecard>,
    /// Venues in their meetings, links and MCUs.
    pub availability: Vec<Availability>,
    /// How much the alarms asked of each operator (EEMUA 191).
    pub burden: Vec<Burden>,
    /// What was saved; nothing where the settings do not say what the work costs by hand.
    pub saved: Option<Saved>,
}

/// Counts the facts of a period.
pub fn statistics(chronicle: &Chronicle, question: &Question<'_>) -> Statistics {
    let period = Window { from: question.period.from, until: question.period.until.min(question.now) };
    let period = Window { until: period.until.max(period.from), ..period };
    let incidents = response::of_period(chronicle, question, period);
    let availability = availability::of(chronicle, question, period);
    let in_meetings: BTreeMap<&VenueId, &Availability> =
        availability.iter().filter_map(|one| Some((one.venue.as_ref()?, one))).collect();
    Statistics {
        from: question.period.from,
        until: question.period.until,
        known_since: chronicle.since(),
        not_watching_s: availability::not_watching_s(chronicle, period),
        first_pass: rehearsal::first_pass(chronicle, question, period),
        incidents: response::counts(&incidents),
        measures: response::measures(&incidents, question.lang),
        classes: response::classes(&incidents, question.lang),
        venues: scorecard::of(chronicle, question, period, &incidents, &in_meetings),
        burden: burden::of(chronicle, question, period),
        saved: saving::of(chronicle, question, period),
        availability,
    }
}

/// Hundredths of a percent are enough, and equal figures are equal bytes.
fn percent(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| (part as f64 * 10_000.0 / of as f64).round() / 100.0)
}
