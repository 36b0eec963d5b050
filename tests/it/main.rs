//! Whole behaviour and the shape of the project, one file per topic, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

//! it

mod architecture;
mod config;
mod engine;
mod intake;
mod link;
mod project;
mod store;
mod store_backup;
mod store_tables;
mod store_verify;
mod tidy;
mod uplink_loss;
mod uplink_rig;
