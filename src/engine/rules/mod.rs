//! Rules: what is wrong with what, and since when. Under construction order: see `agent` and `link`.

use super::draft::Draft;
use super::input::Input;
use super::state::State;
use crate::domain::time::Utc;

/// Judges conditions.
pub(super) fn judge(_draft: &mut Draft<'_>, _input: &Input) {}

/// Earliest wall-clock deadline of a rule.
pub(super) fn next_utc(_state: &State) -> Option<Utc> {
    None
}
