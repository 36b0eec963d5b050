//! A rehearsal round as the journal tells it: its cells, their judgements, who signed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::listed::{self, Keyed};
use crate::domain::actor::Actor;
use crate::domain::check::{Check, CheckKey, RoundId, RoundKind, TestId};
use crate::domain::id::{MeetingId, PersonId, VenueId};
use crate::domain::inventory::{Inventory, LinkRole};
use crate::domain::time::Utc;
use crate::engine::input::{Party, RoomOutcome};
use crate::engine::verdict::{Judgement, Verdict};

/// One rehearsal round of one meeting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Its number.
    pub id: RoundId,
    /// Of which meeting.
    pub meeting: MeetingId,
    /// What kind.
    pub kind: RoundKind,
    /// Whether a timer opened it.
    pub automatic: bool,
    /// Who opened it.
    pub by: Actor,
    /// When it was opened.
    pub opened: Utc,
    /// When it was last opened or asked to test again: waiting times count from here.
    pub since: Utc,
    /// When and how it ended; a retest opens it again.
    pub ended: Option<RoundEnd>,
    /// Who signed it off, by party.
    pub signatures: BTreeMap<Party, Signature>,
    /// Cells that still wait for a judgement.
    pub open: u32,
    /// The matrix.
    #[serde(with = "listed")]
    pub cells: BTreeMap<CheckKey, Cell>,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundEnd {
    /// When.
    pub at: Utc,
    /// Whether it was closed by hand before its end.
    pub closed: bool,
}

/// One signature of 三方会签.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The name that was signed.
    pub person: String,
    /// The account that signed.
    pub by: Actor,
    /// When.
    pub at: Utc,
}

/// One cell of the matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Row and column.
    pub key: CheckKey,
    /// Whether it waits for a judgement: from its planning, or from a retest, until it is judged or waived.
    pub awaiting: bool,
    /// How often it has been judged in this round.
    pub attempts: u32,
    /// The latest judgement, if there was one yet. A waiver shows here as [`Verdict::Waived`].
    pub latest: Option<Judged>,
    /// 免测, if it was waived.
    pub waiver: Option<Waiver>,
    /// 现场核对, if someone looked.
    pub room: Option<RoomRecord>,
    /// What the venue's own side measured, if it said so.
    pub evidence: Option<Evidence>,
}

/// A judgement with its author and time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// When.
    pub at: Utc,
    /// By whom; mostly vcops itself.
    pub by: Actor,
    /// How.
    pub judgement: Judgement,
}

/// Who took a cell out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Utc,
    /// Why; never empty.
    pub why: String,
}

/// What a person found in the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomRecord {
    /// What was found.
    pub outcome: RoomOutcome,
    /// Free text.
    pub note: String,
    /// Evidence by content hash.
    pub photo: Option<String>,
    /// 电话代填: who looked, if not the author.
    pub by_telephone_from: Option<PersonId>,
    /// Who wrote it down.
    pub by: Actor,
    /// When.
    pub at: Utc,
}

/// A measurement from the venue's side: shown beside the hub's own, never judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Which test it answers.
    pub test: TestId,
    /// When it was recorded.
    pub at: Utc,
    /// The same figures as a judgement has; empty when its test broke.
    pub figures: BTreeMap<String, f64>,
}

impl Keyed for Round {
    type Key = RoundId;
    fn key(&self) -> RoundId {
        self.id
    }
}

impl Keyed for Cell {
    type Key = CheckKey;
    fn key(&self) -> CheckKey {
        self.key.clone()
    }
}

impl Cell {
    /// A planned cell.
    pub(super) fn planned(key: CheckKey) -> Self {
        Self { key, awaiting: true, attempts: 0, latest: None, waiver: None, room: None, evidence: None }
    }

    /// The verdict that stands; `None` while the first judgement is awaited.
    pub fn verdict(&self) -> Option<Verdict> {
        self.latest.as_ref().map(|judged| judged.judgement.verdict)
    }

    /// Whether a signature must wait for it: still open, or worse than a warning and not waived.
    pub fn blocks_sign_off(&self) -> bool {
        self.awaiting || self.verdict().is_none_or(|verdict| verdict > Verdict::Warn)
    }
}

impl Round {
    /// Whether it still runs.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// The cells of one venue, in the order of the matrix.
    pub fn cells_of<'a>(&'a self, venue: &'a VenueId) -> impl Iterator<Item = &'a Cell> {
        let first = CheckKey { venue: venue.clone(), check: Check::Presence };
        self.cells.range(first..).map(|(_, cell)| cell).take_while(move |cell| &cell.key.venue == venue)
    }

    /// The venues it tests, each once, by id.
    pub fn venues(&self) -> Vec<&VenueId> {
        let mut venues: Vec<&VenueId> = self.cells.keys().map(|key| &key.venue).collect();
        venues.dedup();
        venues
    }

    /// A venue's verdict so far: its worst check's, except that a failure on a backup link is a warning there.
    /// `None` while nothing at the venue is judged.
    pub fn venue_verdict(&self, venue: &VenueId, inventory: &Inventory) -> Option<Verdict> {
        self.cells_of(venue)
            .filter_map(|cell| cell.verdict().map(|verdict| weighed(&cell.key, verdict, inventory)))
            .max()
    }

    /// Whether a cell of this venue still waits.
    pub fn venue_awaits(&self, venue: &VenueId) -> bool {
        self.cells_of(venue).any(|cell| cell.awaiting)
    }
}

/// What a check's verdict counts for its venue: a failure on a backup alone is a warning there.
pub fn weighed(key: &CheckKey, verdict: Verdict, inventory: &Inventory) -> Verdict {
    let standby = matches!(key.check, Check::BackupCall { .. } | Check::Standby);
    if standby && verdict == Verdict::Fail {
        return Verdict::Warn;
    }
    let Check::Path { link } = &key.check else { return verdict };
    let backup = inventory.links.get(link).is_some_and(|link| link.role == LinkRole::Backup);
    if backup && verdict == Verdict::Fail { Verdict::Warn } else { verdict }
}
