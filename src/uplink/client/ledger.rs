//! Which commands were taken: kept on the disk before a command is handed on, so that a kill can not make one run
//! twice. Bounded; what is older than the oldest entry counts as taken.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::uplink::durable;
use crate::uplink::message::CommandId;
use crate::uplink::replay::Mark;

/// Entries kept. Commands live for minutes at most, so this is far more than can still be valid.
const ENTRIES: usize = 256;
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The commands taken from one controller.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// Highest mark taken in the command lane.
    mark: Mark,
    taken: BTreeSet<CommandId>,
}

impl Ledger {
    /// Reads the ledger; a missing or unreadable one is empty: commands expire, so little can be repeated.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let stored = durable::read(path, FILE_BYTES_MAX)?;
        let content = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self { path: path.to_path_buf(), content })
    }

    /// The highest mark taken.
    pub(super) fn mark(&self) -> Mark {
        self.content.mark
    }

    /// Whether a command was taken, or is so old that it must be treated so.
    pub(super) fn knows(&self, id: CommandId) -> bool {
        let full = self.content.taken.len() == ENTRIES;
        let oldest = self.content.taken.first();
        self.content.taken.contains(&id) || (full && oldest.is_some_and(|oldest| id < *oldest))
    }

    /// Notes a command as taken; it may be handed on when this returns `Ok`.
    pub(super) fn take(&mut self, id: CommandId, mark: Mark) -> io::Result<()> {
        let mut next = self.content.clone();
        next.mark = next.mark.max(mark);
        next.taken.insert(id);
        if next.taken.len() > ENTRIES {
            next.taken.pop_first();
        }
        let bytes = serde_json::to_vec(&next)?;
        durable::replace(&self.path, &bytes, 0o600)?;
        self.content = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_once_over_restarts_and_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("commands");
        let id = |n| CommandId { boot: 1, n };
        let mut ledger = Ledger::open(&path).unwrap();
        assert!(!ledger.knows(id(1)));
        for n in 1..=300 {
            ledger.take(id(n), Mark { boot: 1, seq: n }).unwrap();
        }
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.mark(), Mark { boot: 1, seq: 300 });
        assert!((1..=300).all(|n| ledger.knows(id(n))), "forgotten entries are old, hence known");
        assert!(!ledger.knows(id(301)));
    }
}
