//! Live monitors: receive a stream, read its headers packet by packet, have key pictures decoded, and say what looks
//! wrong, since when, with which numbers.
//!
//! Decides only what to measure next. Hold, severity, expected absence and wording are the engine's; nothing here
//! knows a meeting.

pub mod settings;
pub mod unit;
pub mod clock;
mod ingest;
mod headers;
mod liveness;
mod line;
mod findings;
pub mod eye;
pub mod ear;
pub mod burst;
pub mod analyst;
mod monitor;
pub mod fmp4;
mod set;

pub use set::{Means, Outlets, WatchSet};
