//! What can be wrong with a store, and where: values that interfaces put into words. The words here are English.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::store::error::StoreError;

/// The first thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

/// A place in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// A journal row.
    Row {
        /// Its number.
        seq: u64,
    },
    /// A segment's closing record.
    Segment {
        /// Its number.
        number: u32,
    },
    /// A line of the store's checkpoint file.
    Checkpoint {
        /// Its number, from 1.
        line: usize,
    },
    /// A statement kept elsewhere.
    Anchor {
        /// Its position among those handed in, from 1.
        number: usize,
    },
    /// An evidence file.
    Evidence {
        /// Its name.
        sha256: String,
    },
    /// Another file of the store.
    File {
        /// Its name within the store.
        name: String,
    },
}

/// What is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The row's content does not match its hash.
    Changed,
    /// The row's stored hash was changed; its content is what the next row vouches for.
    HashChanged,
    /// The row's stored predecessor hash was changed; its content is right.
    PrevChanged,
    /// The row is whole but stands at another's place.
    Moved {
        /// Where it belongs.
        belongs_at: u64,
    },
    /// The row is whole but does not follow the one before: one was inserted, removed or replaced.
    Unlinked,
    /// The row is missing.
    MissingRow {
        /// The row found in its place.
        found: u64,
    },
    /// Rows up to here follow each other, but this is not the history that was signed.
    Rewritten {
        /// Who states otherwise.
        stated_by: Box<Place>,
        /// The last row that a statement confirms; rows after it may be false.
        confirmed: u64,
    },
    /// A signed statement covers a row beyond the journal's end: the tail was cut off, or the database was replaced
    /// by an older copy.
    TailMissing {
        /// Where the journal ends.
        ends_at: u64,
        /// The row stated.
        stated: u64,
    },
    /// The signature is not that key's over this text.
    BadSignature,
    /// The signing key is not among the public keys.
    UnknownKey {
        /// Its fingerprint.
        key: String,
    },
    /// The line is not a checkpoint.
    Malformed,
    /// The database has noted a newer checkpoint than the file holds: lines were removed or the file was replaced
    /// by an older copy.
    CheckpointsMissing {
        /// The row that the noted one covers.
        noted: u64,
        /// The row that the newest one in the file covers.
        newest: u64,
    },
    /// A segment's record does not fit its rows.
    SegmentMismatch {
        /// How.
        detail: String,
    },
    /// The file's content has another hash than its name.
    EvidenceChanged {
        /// The hash found.
        found: String,
    },
    /// The file is not there.
    Absent,
    /// It cannot be read as what it should be.
    Unreadable {
        /// What the reader said.
        detail: String,
    },
}

impl Problem {
    pub(super) fn file(name: &str, error: StoreError) -> Self {
        let fault = match error {
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Fault::Absent,
            other => Fault::Unreadable { detail: other.to_string() },
        };
        Self { place: Place::File { name: name.to_owned() }, fault }
    }
}

impl Fault {
    /// A stable code for interfaces and documents.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Changed => "verify.changed",
            Self::HashChanged => "verify.hash_changed",
            Self::PrevChanged => "verify.prev_changed",
            Self::Moved { .. } => "verify.moved",
            Self::Unlinked => "verify.unlinked",
            Self::MissingRow { .. } => "verify.missing_row",
            Self::Rewritten { .. } => "verify.rewritten",
            Self::TailMissing { .. } => "verify.tail_missing",
            Self::BadSignature => "verify.bad_signature",
            Self::UnknownKey { .. } => "verify.unknown_key",
            Self::Malformed => "verify.malformed",
            Self::CheckpointsMissing { .. } => "verify.checkpoints_missing",
            Self::SegmentMismatch { .. } => "verify.segment_mismatch",
            Self::EvidenceChanged { .. } => "verify.evidence_changed",
            Self::Absent => "verify.absent",
            Self::Unreadable { .. } => "verify.unreadable",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { seq } => write!(f, "journal row {seq}"),
            Self::Segment { number } => write!(f, "closing record of segment {number}"),
            Self::Checkpoint { line } => write!(f, "checkpoints.log line {line}"),
            Self::Anchor { number } => write!(f, "anchor {number}"),
            Self::Evidence { sha256 } => write!(f, "evidence {sha256}"),
            Self::File { name } => write!(f, "{name}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => write!(f, "was changed after it was written"),
            Self::HashChanged => write!(f, "its stored hash was changed"),
            Self::PrevChanged => write!(f, "its stored hash of the row before was changed"),
            Self::Moved { belongs_at } => write!(f, "holds the row that belongs at {belongs_at}"),
            Self::Unlinked => {
                write!(f, "does not follow the row before: one was inserted, removed or replaced")
            }
            Self::MissingRow { found } => write!(f, "is missing; row {found} stands in its place"),
            Self::Rewritten { stated_by, confirmed } => {
                write!(f, "is not the row that was signed ({stated_by}); rows after {confirmed} may be false")
            }
            Self::TailMissing { ends_at, stated } => write!(
                f,
                "states row {stated}, but the journal ends at row {ends_at}: its tail was cut off or the file was \
                 replaced by an older copy"
            ),
            Self::BadSignature => write!(f, "the signature is wrong"),
            Self::UnknownKey { key } => write!(f, "signed by key {key}, which is not trusted"),
            Self::Malformed => write!(f, "is not a checkpoint"),
            Self::CheckpointsMissing { noted, newest } => write!(
                f,
                "ends with row {newest}, but row {noted} had a checkpoint: lines were removed or the file was \
                 replaced by an older copy"
            ),
            Self::SegmentMismatch { detail } => write!(f, "{detail}"),
            Self::EvidenceChanged { found } => write!(f, "was changed; its content has the hash {found}"),
            Self::Absent => write!(f, "is missing"),
            Self::Unreadable { detail } => write!(f, "cannot be read: {detail}"),
        }
    }
}
