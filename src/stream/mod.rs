//! Live monitors: receive a stream, read its headers packet by packet, have key pictures decoded, and say what looks
//! wrong, since when, with which numbers.
//!
//! Decides only what to measure next. Hold, severity, expected absence and wording are the engine's; nothing here
//! knows a meeting.

pub mod analyst;
pub mod burst;
pub mod ear;
pub mod eye;
pub mod settings;
pub mod unit;
mod set;

pub use set::{Outlets, WatchSet};
