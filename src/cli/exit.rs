//! Exit codes (sysexits where one fits) and the last line of a failure.

use std::process::ExitCode;

use super::daemon::DaemonError;

/// The command line was wrong.
pub(super) fn usage() -> ExitCode {
    ExitCode::from(64)
}

/// A file or value given was wrong.
pub(super) fn bad_input() -> ExitCode {
    ExitCode::from(65)
}

/// Prints why a subcommand failed and picks its exit code.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("vcops: {error:#}");
    match error.downcast_ref::<DaemonError>() {
        Some(DaemonError::Unreachable { .. }) => ExitCode::from(69),
        Some(DaemonError::Refused { .. }) => bad_input(),
        Some(DaemonError::Protocol(_)) | None => ExitCode::from(70),
    }
}
