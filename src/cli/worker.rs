//! `vcops worker`: a media worker, started by the daemon, the agent or a probe, which speak with it through its
//! standard input and output. Not for people, and therefore hidden.

use std::process::ExitCode;

use crate::worker::child::{self, Limits};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Address space in MiB.
    #[arg(long, default_value_t = 2048)]
    memory_mib: u32,
    /// Niceness, 0 to 19.
    #[arg(long, default_value_t = 5)]
    nice: u8,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    child::run(Limits { memory_mib: arguments.memory_mib, nice: arguments.nice })
}
