//! Active path tests: a STAMP sender for many paths at once, a reflector, and the statistics of both directions.
//!
//! Measures and says how well it measured; what a figure means for a meeting is not known here.

pub mod raw;
pub mod stats;
mod collector;
mod train;
pub mod sender;
pub mod reflector;
