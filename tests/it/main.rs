//! Whole behaviours, one topic per module.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]
#![expect(clippy::print_stdout, reason = "a writer in a process of its own reports on its standard output")]

mod store;
mod store_backup;
mod store_kill;
mod store_powercut;
mod store_tables;
mod store_verify;
mod store_workload;
