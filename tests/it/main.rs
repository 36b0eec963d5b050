//! Whole behaviour and the shape of the project, one file per topic, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod architecture;
mod config;
mod intake;
mod project;
mod store;
mod tidy;
