//! Failpoints: named places where a test may kill this process, so that durability is proved and not believed.
//!
//! The composition arms at most one, once, at start; an unarmed process pays one load per place. It knows
//! nothing of what the places do; each adapter names its own here.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! failpoints {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// Every place where the process may be killed on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Failpoint {
            $($(#[$doc])* $variant),+
        }

        impl Failpoint {
            /// All of them, in the order of the enumeration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name, as written in a [`Spec`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

failpoints! {
    /// Before a batch asks for the write lock.
    StoreCommitBeforeBegin = "store.commit.before_begin",
    /// The write lock is held, nothing is written.
    StoreCommitAfterBegin = "store.commit.after_begin",
    /// A journal row is written, the next is not.
    StoreCommitBetweenRows = "store.commit.between_rows",
    /// Rows are written, replay marks are not.
    StoreMarkBeforeUpsert = "store.mark.before_upsert",
    /// Rows and marks are written, deliveries are not.
    StoreOutboxBeforeInsert = "store.outbox.before_insert",
    /// All is written, nothing is committed.
    StoreCommitBeforeCommit = "store.commit.before_commit",
    /// Committed, nobody told.
    StoreCommitAfterCommit = "store.commit.after_commit",
    /// Before a checkpoint is written.
    StoreCheckpointBeforeWrite = "store.checkpoint.before_write",
    /// Half of a checkpoint line is written.
    StoreCheckpointTorn = "store.checkpoint.torn",
    /// A checkpoint is written, not synced.
    StoreCheckpointBeforeSync = "store.checkpoint.before_sync",
    /// A checkpoint is synced, its anchor is not written.
    StoreAnchorBeforeWrite = "store.anchor.before_write",
    /// The old segment is marked closed, the new one is not open.
    StoreSegmentAfterClose = "store.segment.after_close",
    /// The new segment's state row is written, not committed.
    StoreSegmentAfterState = "store.segment.after_state",
    /// A segment is written to its export, not yet renamed.
    StoreSegmentExport = "store.segment.export",
    /// A segment's rows are deleted, not committed.
    StoreSegmentDrop = "store.segment.drop",
    /// A delivery is about to be marked done.
    StoreOutboxBeforeDone = "store.outbox.before_done",
    /// An evidence file is written under its temporary name.
    StoreEvidenceTemp = "store.evidence.temp",
    /// An evidence file has its name, its directory is not synced.
    StoreEvidenceRenamed = "store.evidence.renamed",
    /// An evidence file is durable, its index row is not written.
    StoreEvidenceBeforeIndex = "store.evidence.before_index",
    /// A recording is full, the next file is not open.
    StoreRecordingRotate = "store.recording.rotate",
    /// A backup's database is copied, nothing else.
    StoreBackupDatabase = "store.backup.database",
    /// A backup is whole but for its manifest.
    StoreBackupBeforeManifest = "store.backup.before_manifest",
    /// The judge has decided, nothing is committed.
    ControllerBeforeCommit = "controller.before_commit",
    /// A batch is committed, the judge does not know.
    ControllerAfterCommit = "controller.after_commit",
    /// Agents may be told, askers are not.
    ControllerAfterAcknowledge = "controller.after_acknowledge",
    /// Effects have left, the next batch is not begun.
    ControllerAfterEffects = "controller.after_effects",
    /// A notice is about to be sent.
    NotifyBeforeSend = "notify.before_send",
    /// A notice was sent, nobody in this process knows.
    NotifyAfterSend = "notify.after_send",
    /// What became of a notice is recorded by the engine, its delivery is not marked done.
    NotifyBeforeDone = "notify.before_done",
    /// An answer has come, the engine does not know.
    NotifyAnswerBeforeTell = "notify.answer.before_tell",
    /// The engine knows of an answer, its link is not used up.
    NotifyAnswerAfterTell = "notify.answer.after_tell",
    /// A backup is restored, not yet verified.
    StoreRestoreBeforeVerify = "store.restore.before_verify",
    /// An agent's or controller's new key is made, not written.
    UplinkKeyBeforeWrite = "uplink.key.before_write",
    /// A start is about to be counted.
    UplinkBootBeforeCount = "uplink.boot.before_count",
    /// A small file is written beside the old one, not renamed.
    UplinkFileWritten = "uplink.file.written",
    /// A small file has its name, its directory is not synced.
    UplinkFileRenamed = "uplink.file.renamed",
    /// An event is about to be written.
    UplinkOutboxBeforeWrite = "uplink.outbox.before_write",
    /// Half of an event is written.
    UplinkOutboxTorn = "uplink.outbox.torn",
    /// An event is written, not synced.
    UplinkOutboxBeforeSync = "uplink.outbox.before_sync",
    /// An event is durable, its author not told.
    UplinkOutboxAfterSync = "uplink.outbox.after_sync",
    /// A segment has a name and no header.
    UplinkSegmentCreated = "uplink.segment.created",
    /// All events of a segment are acknowledged, it is about to be removed.
    UplinkSegmentBeforeRemove = "uplink.segment.before_remove",
    /// A segment is removed, its directory not synced.
    UplinkSegmentRemoved = "uplink.segment.removed",
    /// An event is about to be sent.
    UplinkEventBeforeSend = "uplink.event.before_send",
    /// An acknowledgement has come, the outbox has not heard of it.
    UplinkAckBeforeTake = "uplink.ack.before_take",
    /// A command has come, it is not noted.
    UplinkCommandBeforeNote = "uplink.command.before_note",
    /// A command is noted, nobody has begun it.
    UplinkCommandAfterNote = "uplink.command.after_note",
}

impl fmt::Display for Failpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Kill at the `nth` time (from 1) that `point` is reached. Written `name@nth`, or `name` for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Where.
    pub point: Failpoint,
    /// At which passage; 1 is the first.
    pub nth: u64,
}

/// Why a text is not a [`Spec`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSpec {
    /// No failpoint has this name.
    #[error("no failpoint is called {0:?}")]
    Unknown(String),
    /// The count is not a number from 1.
    #[error("the passage must be a number from 1, not {0:?}")]
    Passage(String),
}

impl FromStr for Spec {
    type Err = BadSpec;

    fn from_str(text: &str) -> Result<Self, BadSpec> {
        let (name, passage) = text.split_once('@').unwrap_or((text, "1"));
        let point = Failpoint::ALL.iter().copied().find(|point| point.name() == name);
        let nth = passage.parse().ok().filter(|nth| *nth > 0);
        Ok(Self {
            point: point.ok_or_else(|| BadSpec::Unknown(name.to_owned()))?,
            nth: nth.ok_or_else(|| BadSpec::Passage(passage.to_owned()))?,
        })
    }
}

struct Armed {
    spec: Spec,
    passed: AtomicU64,
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// Arms one failpoint for the life of the process. The first call wins; called by compositions and tests only.
pub fn arm(spec: Option<Spec>) {
    if let Some(spec) = spec {
        let _ = ARMED.set(Armed { spec, passed: AtomicU64::new(0) });
    }
}

/// Passes a failpoint. Kills the process, without unwinding or flushing, when it is the armed one's turn.
#[inline]
pub fn hit(point: Failpoint) {
    if let Some(armed) = ARMED.get() {
        pass(armed, point);
    }
}

#[cold]
fn pass(armed: &Armed, point: Failpoint) {
    if armed.spec.point == point && armed.passed.fetch_add(1, Ordering::Relaxed) + 1 == armed.spec.nth {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_parse_back() {
        for point in Failpoint::ALL {
            assert_eq!(format!("{point}@3").parse(), Ok(Spec { point: *point, nth: 3 }));
        }
        let mut names: Vec<_> = Failpoint::ALL.iter().map(|point| point.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Failpoint::ALL.len());
    }

    #[test]
    fn a_bad_spec_says_why() {
        assert_eq!("nowhere".parse::<Spec>(), Err(BadSpec::Unknown("nowhere".into())));
        let name = Failpoint::StoreCommitBeforeCommit.name();
        for passage in ["0", "", "-1", "x"] {
            assert_eq!(format!("{name}@{passage}").parse::<Spec>(), Err(BadSpec::Passage(passage.into())));
        }
    }
}
