//! A mistake in something people wrote: where it is, what it is, what to do about it.
//!
//! It says nothing of how the mistake was found or how it is shown.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::lang::Text;

/// A place in a text, both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl Position {
    /// The first character.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as its author calls it.
    pub file: String,
    /// Where in the file.
    #[serde(flatten)]
    pub at: Position,
    /// Stable machine word, such as `intake.unknown_field`.
    pub code: Cow<'static, str>,
    /// What is wrong.
    pub what: Text,
    /// What to do about it.
    pub remedy: Text,
}
