//! What a child allows itself. Set by the child, at its start, so that starting it needs nothing special.

use rustix::process::{Resource, Rlimit, Signal};

/// What a child may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Address space, in MiB.
    pub memory_mib: u32,
    /// Niceness, 0 to 19.
    pub nice: u8,
}

impl Limits {
    /// Puts the limits on this process. What the system refuses is left: a child without a limit still has deadlines.
    pub(super) fn apply(self) {
        let bytes = u64::from(self.memory_mib) << 20;
        limit(Resource::As, bytes);
        // A crash on hostile bytes must not fill the disk with what venues showed.
        limit(Resource::Core, 0);
        let _ = rustix::process::nice(i32::from(self.nice.min(19)));
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    }
}

fn limit(resource: Resource, most: u64) {
    let most = Rlimit { current: Some(most), maximum: Some(most) };
    let _ = rustix::process::setrlimit(resource, most);
}
