//! Causes: what findings share.

use super::draft::Draft;

/// Names the shared cause of findings raised in this decision.
pub(super) fn group(_draft: &mut Draft<'_>) {}
