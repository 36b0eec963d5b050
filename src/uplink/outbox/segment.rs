//! One segment file: a header, then records that are only ever appended.
//!
//! Header, 40 bytes: `VCOPSOB1`, outbox id, number of the first event (both 64-bit big-endian), eight zero bytes,
//! then the first eight bytes of the SHA-256 of what stands before. Record: length of the payload (32-bit
//! big-endian), check sum (first eight bytes of the SHA-256 of number and payload), event number (64-bit
//! big-endian), payload.
//!
//! Whatever is torn or flipped, opening never fails for it: the sound head is kept and the rest reported.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::metrics::failpoint::{Failpoint, hit};
use crate::uplink::durable;
use crate::uplink::message::OutboxId;
use crate::uplink::outbox::PAYLOAD_MAX;

const MAGIC: &[u8; 8] = b"VCOPSOB1";
const HEADER: usize = 40;
const RECORD: usize = 4 + 8 + 8;

/// An open segment with the places of its records in memory, 16 bytes each.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    pub(super) outbox: OutboxId,
    /// Number of the first event this segment is for.
    pub(super) first: u64,
    places: Vec<Place>,
    end: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: u32,
}

impl Segment {
    /// Makes a new segment, durable before it returns.
    pub(super) fn create(directory: &Path, outbox: OutboxId, first: u64) -> io::Result<Self> {
        let path = directory.join(format!("{first:020}.seg"));
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        hit(Failpoint::UplinkSegmentCreated);
        file.write_all(&header(outbox, first))?;
        file.sync_all()?;
        durable::sync_parent(&path)?;
        Ok(Self { path, file, outbox, first, places: Vec::new(), end: HEADER as u64 })
    }

    /// Opens a segment and reads its sound records; gives how many bytes after them are not sound. `None` when the
    /// header itself is not: the file then says nothing.
    pub(super) fn open(path: &Path) -> io::Result<Option<(Self, u64)>> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut content = Vec::new();
        (&mut file).take(super::SEGMENT_READ_MAX).read_to_end(&mut content)?;
        let Some((outbox, first)) = read_header(&content) else { return Ok(None) };
        let (places, end) = read_records(&content, first);
        let rest = content.len() as u64 - end;
        Ok(Some((Self { path: path.to_path_buf(), file, outbox, first, places, end }, rest)))
    }

    /// Cuts off what is not sound, after keeping a copy beside when it can not be one torn write.
    pub(super) fn cut(&self, rest: u64) -> io::Result<()> {
        if rest > (RECORD + PAYLOAD_MAX) as u64 {
            std::fs::copy(&self.path, self.path.with_extension("damaged"))?;
        }
        self.file.set_len(self.end)?;
        self.file.sync_all()
    }

    /// Appends the next event and syncs. After an error the record is taken back; when even that fails the caller
    /// must not use the segment for writing again.
    pub(super) fn append(&mut self, payload: &[u8]) -> Result<u64, AppendFault> {
        let number = self.next();
        let record = record(number, payload);
        match self.write(&record) {
            Ok(()) => {
                let length = u32::try_from(payload.len()).expect("payloads are at most PAYLOAD_MAX");
                self.places.push(Place { at: self.end + RECORD as u64, length });
                self.end += record.len() as u64;
                Ok(number)
            }
            Err(error) => {
                let undone = self.file.set_len(self.end).and_then(|()| self.file.sync_all()).is_ok();
                Err(AppendFault { error, undone })
            }
        }
    }

    /// The payload of an event of this segment.
    pub(super) fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        let index = number.checked_sub(self.first).and_then(|n| usize::try_from(n).ok());
        let place = index.and_then(|n| self.places.get(n)).ok_or(io::ErrorKind::NotFound)?;
        let mut payload = vec![0; place.length as usize];
        self.file.read_exact_at(&mut payload, place.at)?;
        Ok(payload)
    }

    /// The number the next event will get.
    pub(super) fn next(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.end
    }

    /// Removes the file for good.
    pub(super) fn remove(self) -> io::Result<()> {
        hit(Failpoint::UplinkSegmentBeforeRemove);
        std::fs::remove_file(&self.path)?;
        hit(Failpoint::UplinkSegmentRemoved);
        durable::sync_parent(&self.path)
    }

    fn write(&self, record: &[u8]) -> io::Result<()> {
        hit(Failpoint::UplinkOutboxBeforeWrite);
        // In two halves, so that a test can stop between them; to the reader they are one record.
        let (head, tail) = record.split_at(record.len() / 2);
        self.file.write_all_at(head, self.end)?;
        hit(Failpoint::UplinkOutboxTorn);
        self.file.write_all_at(tail, self.end + head.len() as u64)?;
        hit(Failpoint::UplinkOutboxBeforeSync);
        self.file.sync_data()?;
        hit(Failpoint::UplinkOutboxAfterSync);
        Ok(())
    }
}

/// A failed append, and whether the file is as it was before.
#[derive(Debug)]
pub(super) struct AppendFault {
    pub(super) error: io::Error,
    pub(super) undone: bool,
}

fn header(outbox: OutboxId, first: u64) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    out[..8].copy_from_slice(MAGIC);
    out[8..16].copy_from_slice(&outbox.0.to_be_bytes());
    out[16..24].copy_from_slice(&first.to_be_bytes());
    let check: [u8; 32] = Sha256::digest(&out[..32]).into();
    out[32..].copy_from_slice(&check[..8]);
    out
}

fn read_header(content: &[u8]) -> Option<(OutboxId, u64)> {
    let head: &[u8; HEADER] = content.first_chunk()?;
    let outbox = OutboxId(u64::from_be_bytes(*head[8..].first_chunk()?));
    let first = u64::from_be_bytes(*head[16..].first_chunk()?);
    (header(outbox, first) == *head).then_some((outbox, first))
}

fn record(number: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("payloads are at most PAYLOAD_MAX");
    let mut out = Vec::with_capacity(RECORD + payload.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&check_sum(number, payload));
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

fn check_sum(number: u64, payload: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] =
        Sha256::new().chain_update(number.to_be_bytes()).chain_update(payload).finalize().into();
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
}

/// The places of the sound records and where they end. Numbers must follow each other: a record that was left by an
/// earlier use of the same bytes does not count.
fn read_records(content: &[u8], first: u64) -> (Vec<Place>, u64) {
    let (mut places, mut at) = (Vec::new(), HEADER);
    while let Some(length) = sound_record(&content[at..], first.saturating_add(places.len() as u64)) {
        places.push(Place { at: (at + RECORD) as u64, length });
        at += RECORD + length as usize;
    }
    (places, at as u64)
}

fn sound_record(rest: &[u8], expected: u64) -> Option<u32> {
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    let sum: &[u8; 8] = rest.get(4..)?.first_chunk()?;
    let number = u64::from_be_bytes(*rest.get(12..)?.first_chunk()?);
    if length as usize > PAYLOAD_MAX || number != expected {
        return None;
    }
    let payload = rest.get(RECORD..RECORD + length as usize)?;
    (check_sum(number, payload) == *sum).then_some(length)
}
