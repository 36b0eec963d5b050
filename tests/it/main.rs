//! Whole behaviours, one topic per module.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod store;
mod store_backup;
mod store_tables;
mod store_verify;
