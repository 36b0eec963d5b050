//! Signed statements from the store's own file and from anchors, by the row they cover.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::problem::{Fault, Place, Problem};
use crate::store::chain::Trusted;
use crate::store::checkpoint::Checkpoint;

/// All statements, each known to be signed by a trusted key.
#[derive(Debug, Default)]
pub(super) struct Statements {
    by_seq: BTreeMap<u64, Vec<(Place, String)>>,
    own: u64,
    newest_own: u64,
}

impl Statements {
    /// Reads the file and adds the anchors, or names the first that is not a trusted statement.
    pub(super) fn read(file: &Path, anchors: &[Checkpoint], trusted: &Trusted) -> Result<Self, Problem> {
        let mut statements = Self::default();
        for (index, checkpoint) in lines(file)?.into_iter().enumerate() {
            let place = Place::Checkpoint { line: index + 1 };
            let Some(checkpoint) = checkpoint else {
                return Err(Problem { place, fault: Fault::Malformed });
            };
            statements.own += 1;
            statements.newest_own = statements.newest_own.max(checkpoint.seq);
            statements.add(place, &checkpoint, trusted)?;
        }
        for (index, checkpoint) in anchors.iter().enumerate() {
            statements.add(Place::Anchor { number: index + 1 }, checkpoint, trusted)?;
        }
        Ok(statements)
    }

    /// Checkpoints in the store's own file.
    pub(super) const fn own(&self) -> u64 {
        self.own
    }

    /// The last row that the store's own file covers.
    pub(super) const fn newest_own(&self) -> u64 {
        self.newest_own
    }

    /// The last row that any statement covers.
    pub(super) fn newest(&self) -> u64 {
        self.by_seq.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// Who states another hash for this row.
    pub(super) fn against(&self, seq: u64, hash: &[u8]) -> Option<&Place> {
        let hash = hex::encode(hash);
        let stated = self.by_seq.get(&seq)?;
        stated.iter().find(|(_, stated)| *stated != hash).map(|(place, _)| place)
    }

    /// The last row before `seq` that a statement covers.
    pub(super) fn confirmed_before(&self, seq: u64) -> u64 {
        self.by_seq.range(..seq).next_back().map_or(0, |(seq, _)| *seq)
    }

    /// The first statement about a row beyond the journal's end.
    pub(super) fn beyond(&self, ends_at: u64) -> Option<Problem> {
        let (stated, places) = self.by_seq.range(ends_at + 1..).next()?;
        let place = places.first()?.0.clone();
        Some(Problem { place, fault: Fault::TailMissing { ends_at, stated: *stated } })
    }

    fn add(&mut self, place: Place, checkpoint: &Checkpoint, trusted: &Trusted) -> Result<(), Problem> {
        if let Some(fault) = fault(checkpoint, trusted) {
            return Err(Problem { place, fault });
        }
        self.by_seq.entry(checkpoint.seq).or_default().push((place, checkpoint.hash.clone()));
        Ok(())
    }
}

/// What is wrong with a signature.
pub(super) fn fault(checkpoint: &Checkpoint, trusted: &Trusted) -> Option<Fault> {
    match checkpoint.signed_by(trusted) {
        Some(true) => None,
        Some(false) => Some(Fault::BadSignature),
        None => Some(Fault::UnknownKey { key: checkpoint.key.clone() }),
    }
}

/// The lines of a checkpoint file; a torn last one, left by a crash, is no line.
fn lines(file: &Path) -> Result<Vec<Option<Checkpoint>>, Problem> {
    let unreadable =
        |e| Problem::file("checkpoints.log", crate::store::error::StoreError::io("reading", file)(e));
    let bytes = fs::read(file).map_err(unreadable)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n');
    let parse = |line: &[u8]| Checkpoint::parse(std::str::from_utf8(&line[..line.len() - 1]).ok()?);
    Ok(lines.map(parse).collect())
}
