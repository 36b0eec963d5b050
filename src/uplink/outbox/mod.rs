//! The agent's durable outbox: what was put in is on the disk before the caller hears of it, keeps its order and
//! its number, and stays until the controller has acknowledged it.
//!
//! Segment files of about [`SEGMENT_BYTES`]; a segment whose events are all acknowledged is removed, except the last,
//! which keeps the numbering. There is no file of marks: after a restart the rest of the oldest segment is offered
//! again and the controller, who remembers, answers how far it is. An event is never dropped: when the outbox is
//! full a new one is refused and counted, and the heartbeat says so.
//!
//! Blocking file work; [`writer`] gives it a thread. It must not know what an event says.

mod segment;
pub mod writer;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use segment::{AppendFault, Segment};

use crate::uplink::durable;
use crate::uplink::message::OutboxId;

/// Longest event, in bytes: with its envelope it stays below the envelope's limit.
pub const PAYLOAD_MAX: usize = 48 * 1024;
/// A segment that has reached this size is closed.
pub const SEGMENT_BYTES: u64 = 256 * 1024;
/// No segment can be longer than this.
const SEGMENT_READ_MAX: u64 = SEGMENT_BYTES + 2 * PAYLOAD_MAX as u64;

/// The outbox, owned by one thread.
#[derive(Debug)]
pub struct Outbox {
    directory: PathBuf,
    id: OutboxId,
    segments: VecDeque<Segment>,
    acknowledged: u64,
    bytes_max: u64,
    /// Set when a failed write could not be taken back: the next append opens a new segment.
    spoiled: bool,
}

/// What opening found wrong. Nothing that was acknowledged to a caller is lost by a torn tail; the others are
/// damage of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The last write before a crash was cut short; its caller never heard that it was done.
    TornTail {
        /// Bytes cut off.
        bytes: u64,
    },
    /// A segment holds bytes that are no records; a copy ending in `.damaged` was kept.
    Unreadable {
        /// Bytes cut off.
        bytes: u64,
    },
    /// Events of these numbers are missing.
    Missing {
        /// First number missing.
        from: u64,
        /// Last number missing.
        to: u64,
    },
    /// A file has no readable header; it was renamed to end in `.damaged`.
    NoHeader(PathBuf),
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The limit on the disk is reached; what is inside waits for the controller.
    #[error("待发事件已满（{bytes} 字节），新事件未收下 / outbox is full ({bytes} bytes): event refused")]
    Full {
        /// Bytes on disk.
        bytes: u64,
    },
    /// Longer than [`PAYLOAD_MAX`].
    #[error("事件过大：{0} 字节，上限 {PAYLOAD_MAX} / event too large: {0} bytes, at most {PAYLOAD_MAX}")]
    TooLarge(usize),
    /// The disk failed.
    #[error("待发事件无法写盘 / outbox can not be written: {0}")]
    Io(#[from] io::Error),
    /// The thread that owns the outbox has ended.
    #[error("待发事件服务已停止 / outbox has stopped")]
    Stopped,
}

impl OutboxError {
    /// Stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "outbox.full",
            Self::TooLarge(_) => "outbox.too_large",
            Self::Io(_) => "outbox.io",
            Self::Stopped => "outbox.stopped",
        }
    }
}

impl Outbox {
    /// Opens the outbox in `directory`, or makes one. `bytes_max` bounds what it may take on the disk.
    pub fn open(directory: &Path, bytes_max: u64) -> io::Result<(Self, Vec<Damage>)> {
        durable::make_directory(directory)?;
        let mut damages = Vec::new();
        let mut segments = VecDeque::new();
        for path in segment_files(directory)? {
            segments.extend(open_segment(&path, &mut damages)?);
        }
        let id = keep_newest_outbox(&mut segments);
        name_holes(&segments, &mut damages);
        if segments.is_empty() {
            segments.push_back(Segment::create(directory, id, 1)?);
        }
        let acknowledged = segments.front().map_or(0, |oldest| oldest.first.saturating_sub(1));
        let outbox = Self {
            directory: directory.to_path_buf(),
            id,
            segments,
            acknowledged,
            bytes_max,
            spoiled: false,
        };
        Ok((outbox, damages))
    }

    /// The outbox's name.
    pub fn id(&self) -> OutboxId {
        self.id
    }

    /// Puts an event in; when this returns `Ok` it survives a power cut. Gives its number.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, OutboxError> {
        if payload.len() > PAYLOAD_MAX {
            return Err(OutboxError::TooLarge(payload.len()));
        }
        let bytes = self.bytes();
        if bytes + payload.len() as u64 > self.bytes_max {
            return Err(OutboxError::Full { bytes });
        }
        let result = self.writable()?.append(payload);
        result.map_err(|AppendFault { error, undone }| {
            self.spoiled = !undone;
            OutboxError::Io(error)
        })
    }

    /// Up to `limit` waiting events with numbers above `after`, in order.
    pub fn waiting(&self, after: u64, limit: usize) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let from = after.max(self.acknowledged);
        let numbers = self
            .segments
            .iter()
            .flat_map(|s| (s.first.max(from + 1)..s.next()).map(move |number| (s, number)));
        numbers
            .take(limit)
            .map(|(segment, number)| segment.read(number).map(|payload| (number, payload)))
            .collect()
    }

    /// Forgets every event up to `through`. A number above the newest counts as the newest.
    pub fn acknowledge(&mut self, through: u64) -> io::Result<()> {
        self.acknowledged = self.acknowledged.max(through.min(self.newest()));
        while self.segments.len() > 1 && self.segments[0].next() <= self.acknowledged + 1 {
            let done = self.segments.pop_front().expect("there are at least two");
            done.remove()?;
        }
        Ok(())
    }

    /// Number of the oldest event still waiting; the next number when none is.
    pub fn first_waiting(&self) -> u64 {
        let kept = self.segments.iter().find(|s| s.next() > self.acknowledged + 1);
        kept.map_or(self.next(), |segment| segment.first.max(self.acknowledged + 1))
    }

    /// Number of the newest event ever put in; 0 when there was none.
    pub fn newest(&self) -> u64 {
        self.next().saturating_sub(1)
    }

    /// Events waiting for acknowledgement.
    pub fn len(&self) -> u64 {
        let above = |s: &Segment| s.next().saturating_sub(s.first.max(self.acknowledged + 1));
        self.segments.iter().map(above).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(Segment::bytes).sum()
    }

    fn next(&self) -> u64 {
        self.segments.back().map_or(1, Segment::next)
    }

    fn writable(&mut self) -> Result<&mut Segment, OutboxError> {
        let last = self.segments.back().expect("an outbox always has a segment");
        let empty = last.next() == last.first;
        if (self.spoiled || last.bytes() >= SEGMENT_BYTES) && !empty {
            let next = self.next();
            self.segments.push_back(Segment::create(&self.directory, self.id, next)?);
            self.spoiled = false;
        }
        Ok(self.segments.back_mut().expect("an outbox always has a segment"))
    }
}

fn segment_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn open_segment(path: &Path, damages: &mut Vec<Damage>) -> io::Result<Option<Segment>> {
    let Some((segment, rest)) = Segment::open(path)? else {
        // A crash between making the file and writing its header leaves this too; it never held an event then.
        std::fs::rename(path, path.with_extension("damaged"))?;
        durable::sync_parent(path)?;
        damages.push(Damage::NoHeader(path.to_path_buf()));
        return Ok(None);
    };
    if rest > 0 {
        segment.cut(rest)?;
        let torn = rest <= PAYLOAD_MAX as u64 + 20;
        damages.push(if torn {
            Damage::TornTail { bytes: rest }
        } else {
            Damage::Unreadable { bytes: rest }
        });
    }
    Ok(Some(segment))
}

/// Files of another outbox, copied in by hand, must not mix with ours: the newest file decides.
fn keep_newest_outbox(segments: &mut VecDeque<Segment>) -> OutboxId {
    let id = segments.back().map_or_else(|| OutboxId(rand::random()), |newest| newest.outbox);
    segments.retain(|segment| segment.outbox == id);
    id
}

fn name_holes(segments: &VecDeque<Segment>, damages: &mut Vec<Damage>) {
    for (earlier, later) in segments.iter().zip(segments.iter().skip(1)) {
        if earlier.next() < later.first {
            damages.push(Damage::Missing { from: earlier.next(), to: later.first - 1 });
        }
    }
}

#[cfg(test)]
mod tests;
