//! The replay mark: the highest (boot, seq) taken from one key in one lane. Pure; the owner makes it durable.

use serde::{Deserialize, Serialize};

/// Where a message stands in its sender's life: `boot` counts the sender's starts, `seq` its messages of one
/// [kind](crate::uplink::envelope::Kind) since. Compared boot first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The sender's count of starts.
    pub boot: u64,
    /// The sender's count of messages of this kind since that start, from 1.
    pub seq: u64,
}

impl Mark {
    /// Whether a message at `next` is new after this mark. Lanes are in order, so anything not above is a replay.
    pub fn admits(self, next: Self) -> bool {
        next > self
    }

    /// The mark after one more message.
    pub fn next(self) -> Self {
        Self { boot: self.boot, seq: self.seq.saturating_add(1) }
    }

    /// The mark before the first message of a start.
    pub fn start(boot: u64) -> Self {
        Self { boot, seq: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_above_the_mark_is_new() {
        let mark = Mark { boot: 3, seq: 9 };
        let cases = [(3, 10, true), (4, 1, true), (3, 9, false), (3, 8, false), (2, 99, false)];
        for (boot, seq, new) in cases {
            assert_eq!(mark.admits(Mark { boot, seq }), new, "{boot}:{seq}");
        }
    }
}
