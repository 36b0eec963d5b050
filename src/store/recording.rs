//! The recording of all inputs: bounded files that replace each other, for back-tests and bug reports. It is not
//! the journal: it is buffered, may lose its last moments in a crash, and is read with a torn end in mind.
//!
//! File: eight bytes of magic, then frames: length u32, CRC-32 of time and bytes u32, time i64 (all little-endian), bytes.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use super::error::StoreError;
use crate::domain::time::Utc;
use crate::metrics::failpoint::{Failpoint, hit};

const MAGIC: &[u8; 8] = b"vcopsrec";
const HEAD_BYTES: usize = 16;
/// Largest input, in bytes.
pub const INPUT_BYTES_MAX: usize = 1 << 20;

/// How much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory; made when missing.
    pub dir: PathBuf,
    /// A file is closed at this size, in bytes.
    pub file_bytes: u64,
    /// This many files are kept.
    pub files: usize,
    /// Inputs gather to this many bytes before they are written.
    pub buffer_bytes: usize,
}

impl Settings {
    /// The defaults: 16 files of 16 MiB in a directory, written every 64 KiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), file_bytes: 16 << 20, files: 16, buffer_bytes: 64 << 10 }
    }
}

/// Appends inputs. One owner; writing runs off the runtime.
#[derive(Debug)]
pub struct Recorder {
    settings: Settings,
    /// Numbers of the files kept, oldest first; the last is being written.
    files: VecDeque<u64>,
    written: u64,
    buffer: Vec<u8>,
}

/// One recorded input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// When it was taken in.
    pub at: Utc,
    /// The caller's bytes.
    pub bytes: Vec<u8>,
}

/// Inputs read back, and where reading stopped being possible.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    /// Inputs in order.
    pub inputs: Vec<Input>,
    /// Files whose end is torn or damaged; what came before is among the inputs.
    pub torn: Vec<PathBuf>,
}

impl Recorder {
    /// Starts a new file after those that are there.
    pub async fn open(settings: Settings) -> Result<Self, StoreError> {
        let opened = tokio::task::spawn_blocking(move || {
            fs::create_dir_all(&settings.dir).map_err(StoreError::io("making", &settings.dir))?;
            let files = numbers(&settings.dir)?.into();
            let mut recorder = Self { settings, files, written: 0, buffer: Vec::new() };
            recorder.rotate()?;
            Ok(recorder)
        });
        opened.await.map_err(ended)?
    }

    /// Records an input; it reaches the disk when the buffer is full or at [`Recorder::flush`]. After an error the
    /// buffered inputs are gone, and recording goes on in a new file.
    pub async fn append(&mut self, at: Utc, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() > INPUT_BYTES_MAX {
            return Err(StoreError::unfit(format!("an input has at most {INPUT_BYTES_MAX} bytes")));
        }
        self.buffer.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(&checksum(at, bytes).to_le_bytes());
        self.buffer.extend_from_slice(&at.0.to_le_bytes());
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= self.settings.buffer_bytes { self.flush().await } else { Ok(()) }
    }

    /// Writes what is buffered.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let path = self.current();
        let length = buffer.len() as u64;
        let write = move || write_all(&path, &buffer);
        let result = tokio::task::spawn_blocking(write).await.map_err(ended)?;
        self.written += length;
        // A failed write may have left half a frame: nothing may follow it in the same file.
        if result.is_err() || self.written >= self.settings.file_bytes {
            hit(Failpoint::StoreRecordingRotate);
            self.rotate()?;
        }
        result
    }

    fn current(&self) -> PathBuf {
        file(&self.settings.dir, self.files.back().copied().unwrap_or(0))
    }

    fn rotate(&mut self) -> Result<(), StoreError> {
        self.files.push_back(self.files.back().map_or(1, |number| number + 1));
        self.written = MAGIC.len() as u64;
        write_all(&self.current(), MAGIC)?;
        while self.files.len() > self.settings.files.max(2) {
            let oldest = self.files.pop_front().expect("longer than two");
            let path = file(&self.settings.dir, oldest);
            fs::remove_file(&path).map_err(StoreError::io("removing", &path))?;
        }
        Ok(())
    }
}

/// Reads a whole recording. Total: damaged bytes end their file, never the reading.
pub fn read_recording(dir: &Path) -> Result<Recorded, StoreError> {
    let mut recorded = Recorded::default();
    for number in numbers(dir)? {
        let path = file(dir, number);
        let open = fs::File::open(&path).map_err(StoreError::io("opening", &path))?;
        if !read_frames(&mut BufReader::new(open), &mut recorded.inputs) {
            recorded.torn.push(path);
        }
    }
    Ok(recorded)
}

/// Whether the file ended where a frame ends.
fn read_frames(from: &mut impl Read, inputs: &mut Vec<Input>) -> bool {
    let mut magic = [0; MAGIC.len()];
    if from.read_exact(&mut magic).is_err() || &magic != MAGIC {
        return false;
    }
    loop {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        match from.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head) {
            Ok(0) => return true,
            Ok(HEAD_BYTES) => {}
            _ => return false,
        }
        match frame(&head, from) {
            Some(input) => inputs.push(input),
            None => return false,
        }
    }
}

fn frame(head: &[u8], from: &mut impl Read) -> Option<Input> {
    let length = u32::from_le_bytes(head[0..4].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(head[4..8].try_into().ok()?);
    let at = Utc(i64::from_le_bytes(head[8..16].try_into().ok()?));
    if length > INPUT_BYTES_MAX {
        return None;
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).ok()?;
    (checksum(at, &bytes) == crc).then_some(Input { at, bytes })
}

fn write_all(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut open = fs::OpenOptions::new();
    let file = open.create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(bytes)).map_err(StoreError::io("recording to", path))
}

fn file(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("inputs-{number:010}.rec"))
}

fn numbers(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let io = || StoreError::io("listing", dir);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(io())? {
        let name = entry.map_err(io())?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("inputs-")?.strip_suffix(".rec"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn ended(error: tokio::task::JoinError) -> StoreError {
    StoreError::Database { detail: format!("file work ended early: {error}") }
}

fn checksum(at: Utc, bytes: &[u8]) -> u32 {
    !crc32(crc32(!0, &at.0.to_le_bytes()), bytes)
}

/// CRC-32 (ISO 3309, reflected polynomial 0xEDB88320) without the first and last inversion.
fn crc32(start: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    bytes.iter().fold(start, |crc, byte| TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(!crc32(!0, b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn reading_is_total_for_every_cut_and_every_changed_byte() {
        let mut whole = MAGIC.to_vec();
        for (at, bytes) in [(Utc(1), &b"first"[..]), (Utc(-2), b""), (Utc(3), b"third")] {
            whole.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            whole.extend_from_slice(&checksum(at, bytes).to_le_bytes());
            whole.extend_from_slice(&at.0.to_le_bytes());
            whole.extend_from_slice(bytes);
        }
        let read = |bytes: &[u8]| {
            let mut inputs = Vec::new();
            let ended_well = read_frames(&mut &bytes[..], &mut inputs);
            (inputs, ended_well)
        };
        let (expected, ended_well) = read(&whole);
        assert!(expected.len() == 3 && ended_well);
        for cut in 0..whole.len() {
            let (inputs, _) = read(&whole[..cut]);
            assert_eq!(inputs, expected[..inputs.len()], "cut at {cut}");
        }
        for changed in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[changed] ^= 0x40;
            let (inputs, ended_well) = read(&bytes);
            assert!(inputs.len() < 3 && !ended_well, "byte {changed}");
            assert_eq!(inputs, expected[..inputs.len()], "byte {changed}");
        }
    }
}
