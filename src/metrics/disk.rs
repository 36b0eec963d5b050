//! Free space, as agents and the controller measure it for themselves.

use std::path::Path;

/// Free space for us where `directory` lies, MiB; `None` where it cannot be read.
pub fn free_mib(directory: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize) / (1024 * 1024))
}
