//! Verification: walks everything that the store keeps and names the first thing that is not as it was written.
//!
//! It opens its own read-only connection, trusts nothing it reads, and changes nothing.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chain::Trusted;
use super::checkpoint::Checkpoint;
use super::database::Reader;
use super::error::StoreError;
use super::query::query;
use super::segment::Segment;
use super::{Home, Layout, Store, blocking, evidence, segment};
use problem::{Fault, Place, Problem};
use rows::Walk;
use statements::Statements;

pub mod problem;
mod rows;
mod statements;

/// What was walked, and the first problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The first problem; `None` when all is as it was written.
    pub problem: Option<Problem>,
    /// Journal rows that were walked and found right.
    pub rows: u64,
    /// The first row kept; 0 when there is none.
    pub first_seq: u64,
    /// The last row walked; 0 when there is none.
    pub last_seq: u64,
    /// Its SHA-256, hex.
    pub last_hash: String,
    /// Rows after the last signed statement: nothing outside the database vouches for them yet.
    pub unsealed_rows: u64,
    /// Checkpoints in the store's own file.
    pub checkpoints: u64,
    /// Anchors handed in.
    pub anchors: u64,
    /// Segments, also dropped ones.
    pub segments: u64,
    /// Evidence files.
    pub evidence: u64,
    /// Fingerprints of the keys whose signatures were accepted; compare them with a printed copy.
    pub keys: Vec<String>,
}

impl Verification {
    /// Whether all is as it was written.
    pub const fn is_whole(&self) -> bool {
        self.problem.is_none()
    }
}

impl Store {
    /// Verifies this store, with statements kept elsewhere if there are any.
    pub async fn verify(&self, anchors: &[Checkpoint]) -> Result<Verification, StoreError> {
        verify_home(&self.inner.settings.dir, &self.inner.settings.home, anchors).await
    }
}

/// Verifies the store in a directory, open or not. An error means that it could not be looked at.
pub async fn verify_dir(dir: &Path, anchors: &[Checkpoint]) -> Result<Verification, StoreError> {
    verify_home(dir, &Home::File, anchors).await
}

/// Verifies the store of a directory whose tables may be elsewhere.
pub async fn verify_home(
    dir: &Path,
    home: &Home,
    anchors: &[Checkpoint],
) -> Result<Verification, StoreError> {
    let layout = Layout(dir.to_owned());
    if *home == Home::File && !layout.database().exists() {
        return Err(StoreError::Missing { what: format!("a store in {}", dir.display()) });
    }
    let mut seen = Verification::nothing(anchors.len() as u64);
    seen.problem = match Verifier::prepare((&layout, home), anchors, &mut seen).await? {
        Ok(verifier) => verifier.run(&mut seen).await?,
        Err(problem) => Some(problem),
    };
    Ok(seen)
}

impl Verification {
    fn nothing(anchors: u64) -> Self {
        Self {
            problem: None,
            rows: 0,
            first_seq: 0,
            last_seq: 0,
            last_hash: String::new(),
            unsealed_rows: 0,
            checkpoints: 0,
            anchors,
            segments: 0,
            evidence: 0,
            keys: Vec::new(),
        }
    }
}

/// The longest wait for one page of rows or one file.
const STEP: Duration = Duration::from_secs(60);

struct Verifier<'a> {
    layout: &'a Layout,
    trusted: Trusted,
    statements: Statements,
    reader: Reader,
}

/// A step finds nothing wrong, or the first problem.
type Found = Option<Problem>;

impl<'a> Verifier<'a> {
    /// Reads what lies outside the database first: a checkpoint written meanwhile must not look like a lost row.
    async fn prepare(
        (layout, home): (&'a Layout, &Home),
        anchors: &[Checkpoint],
        seen: &mut Verification,
    ) -> Result<Result<Self, Problem>, StoreError> {
        let trusted = match Trusted::read(&layout.public_keys()) {
            Ok(trusted) => trusted,
            Err(error) => return Ok(Err(Problem::file("signing.pub", &error))),
        };
        seen.keys = trusted.fingerprints();
        let statements = match Statements::read(&layout.checkpoints(), anchors, &trusted) {
            Ok(statements) => statements,
            Err(problem) => return Ok(Err(problem)),
        };
        seen.checkpoints = statements.own();
        let reader = match Reader::open(home, &layout.database()).await {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(Problem::file("journal.db", &error))),
        };
        Ok(Ok(Self { layout, trusted, statements, reader }))
    }

    async fn run(mut self, seen: &mut Verification) -> Result<Found, StoreError> {
        match self.walk(seen).await {
            Ok(found) => Ok(found),
            // The database refuses to give a row or a table: that is a finding, not a failure of verification.
            Err(
                StoreError::Damaged { detail }
                | StoreError::Database { detail }
                | StoreError::DatabaseIo { detail },
            ) => {
                let place = Place::Row { seq: seen.last_seq + 1 };
                Ok(Some(Problem { place, fault: Fault::Unreadable { detail } }))
            }
            Err(other) => Err(other),
        }
    }

    async fn walk(&mut self, seen: &mut Verification) -> Result<Found, StoreError> {
        self.reader.hold_still().await?;
        let segments = segment::list(&mut self.reader.on()).await?;
        seen.segments = segments.len() as u64;
        if let Some(problem) = self.closings(&segments) {
            return Ok(Some(problem));
        }
        let walk = Walk { trusted: &self.trusted, statements: &self.statements, segments: &segments };
        if let Some(problem) = walk.run(&mut self.reader.on(), seen).await? {
            return Ok(Some(problem));
        }
        if let Some(problem) = self.end(seen).await? {
            return Ok(Some(problem));
        }
        if let Some(problem) = self.structure().await? {
            return Ok(Some(problem));
        }
        self.evidence(seen).await
    }

    /// Signatures of closed segments.
    fn closings(&self, segments: &[Segment]) -> Found {
        segments.iter().find_map(|segment| {
            let fault = statements::fault(segment.closing.as_ref()?, &self.trusted)?;
            Some(Problem { place: Place::Segment { number: segment.number }, fault })
        })
    }

    /// Nothing signed may lie beyond the journal's end, and the checkpoint file may not be shorter than it was.
    async fn end(&mut self, seen: &mut Verification) -> Result<Found, StoreError> {
        if let Some(problem) = self.statements.beyond(seen.last_seq) {
            return Ok(Some(problem));
        }
        let noted: Option<(i64,)> = query("SELECT value FROM fact WHERE name = 'sealed_seq'")
            .fetch_optional(&mut self.reader.on())
            .await?;
        let noted = u64::try_from(noted.map_or(0, |(noted,)| noted)).unwrap_or(u64::MAX);
        let newest = self.statements.newest_own();
        if noted > newest {
            let fault = Fault::CheckpointsMissing { noted, newest };
            return Ok(Some(Problem { place: Place::File { name: "checkpoints.log".to_owned() }, fault }));
        }
        seen.unsealed_rows = seen.last_seq.saturating_sub(self.statements.newest());
        Ok(None)
    }

    /// The database's own check of its pages and indexes.
    async fn structure(&mut self) -> Result<Found, StoreError> {
        // PostgreSQL has no such check of its own to ask for.
        let Reader::Sqlite(_) = self.reader else { return Ok(None) };
        let lines: Vec<(String,)> =
            query("PRAGMA integrity_check(1)").fetch_all(&mut self.reader.on()).await?;
        let detail = lines.into_iter().map(|(line,)| line).find(|line| line != "ok");
        let place = Place::File { name: "journal.db".to_owned() };
        Ok(detail.map(|detail| Problem { place, fault: Fault::Unreadable { detail } }))
    }

    async fn evidence(&mut self, seen: &mut Verification) -> Result<Found, StoreError> {
        let names: Vec<(String,)> =
            query("SELECT sha256 FROM evidence ORDER BY sha256").fetch_all(&mut self.reader.on()).await?;
        for (name,) in names {
            let layout = self.layout.clone();
            let fault =
                blocking(STEP, move || evidence::fault(&layout, &name).map(|fault| (name, fault))).await?;
            if let (name, Some(fault)) = fault {
                return Ok(Some(Problem { place: Place::Evidence { sha256: name }, fault }));
            }
            seen.evidence += 1;
        }
        Ok(None)
    }
}
