//! Small pictures kept for replay: one file each, by day and stream.
//!
//! They lie apart from evidence, because they are many and soon worth nothing. A day goes whole, when it is too old or
//! when all together are too large.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::id::StreamId;
use crate::domain::time::{Span, Utc};

/// Most pictures that a list names.
pub const STILLS_MAX: usize = 2_000;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// The pictures of all streams.
#[derive(Debug, Clone)]
pub struct Stills {
    root: PathBuf,
}

impl Stills {
    /// Those below a directory, which is made when the first is kept.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Keeps a picture under its stream and time. Blocks on the disk; an interrupted one leaves no half file behind.
    pub fn put(&self, stream: &StreamId, at: Utc, jpeg: &[u8]) -> io::Result<()> {
        let dir = self.dir(at, stream);
        fs::create_dir_all(&dir)?;
        let whole = dir.join(format!("{:016}.jpg", at.0));
        let part = whole.with_extension("part");
        fs::write(&part, jpeg)?;
        fs::rename(part, whole)
    }

    /// When there are pictures of a stream, from `from` (included) to `until` (not), oldest first, at most
    /// [`STILLS_MAX`]. Blocks on the disk.
    pub fn list(&self, stream: &StreamId, from: Utc, until: Utc) -> io::Result<Vec<Utc>> {
        let mut found = Vec::new();
        for day in self.days()? {
            if (day + 1) * DAY_US <= from.0 || day * DAY_US >= until.0 {
                continue;
            }
            let names = names(&self.root.join(day.to_string()).join(folder(stream)))?;
            let times = names.iter().filter_map(|name| name.strip_suffix(".jpg")?.parse().ok().map(Utc));
            found.extend(times.filter(|at| (from..until).contains(at)));
        }
        found.sort_unstable();
        found.truncate(STILLS_MAX);
        Ok(found)
    }

    /// The picture of that moment; `None` when there is none. Blocks on the disk.
    pub fn get(&self, stream: &StreamId, at: Utc) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.dir(at, stream).join(format!("{:016}.jpg", at.0))) {
            Ok(jpeg) => Ok(Some(jpeg)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Drops days that ended before `now` less `kept`, and then the oldest while all are larger than `bytes_max`; the
    /// day of `now` stays. How many days. Blocks on the disk.
    pub fn air(&self, now: Utc, kept: Span, bytes_max: u64) -> io::Result<usize> {
        let today = now.0.div_euclid(DAY_US);
        let oldest = (now - kept).0.div_euclid(DAY_US);
        let mut days = Vec::new();
        for day in self.days()?.into_iter().filter(|day| *day < today) {
            days.push((day, size(&self.root.join(day.to_string()))?));
        }
        let mut left = size(&self.root)?;
        let mut dropped = 0;
        for (day, bytes) in days {
            if day < oldest || left > bytes_max {
                fs::remove_dir_all(self.root.join(day.to_string()))?;
                left = left.saturating_sub(bytes);
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    fn dir(&self, at: Utc, stream: &StreamId) -> PathBuf {
        self.root.join(at.0.div_euclid(DAY_US).to_string()).join(folder(stream))
    }

    fn days(&self) -> io::Result<Vec<i64>> {
        let mut days: Vec<i64> = names(&self.root)?.iter().filter_map(|name| name.parse().ok()).collect();
        days.sort_unstable();
        Ok(days)
    }
}

/// A stream may be named by dots alone; behind a letter they lead nowhere else.
fn folder(stream: &StreamId) -> String {
    format!("s-{stream}")
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for name in names(dir)? {
        let path = dir.join(name);
        let about = fs::symlink_metadata(&path)?;
        bytes += if about.is_dir() { size(&path)? } else { about.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_by_time_and_days_go_whole() {
        let dir = tempfile::tempdir().unwrap();
        let stills = Stills::new(dir.path().join("stills"));
        let stream = StreamId::parse("s.1").unwrap();
        let at = |day: i64, second: i64| Utc(day * DAY_US + second * 1_000_000);
        assert_eq!(stills.list(&stream, at(0, 0), at(9, 0)).unwrap(), []);
        for moment in [at(1, 10), at(1, 20), at(2, 5), at(3, 1)] {
            stills.put(&stream, moment, &[7; 100]).unwrap();
        }
        assert_eq!(stills.list(&stream, at(1, 20), at(3, 1)).unwrap(), [at(1, 20), at(2, 5)]);
        assert_eq!(stills.get(&stream, at(2, 5)).unwrap(), Some(vec![7; 100]));
        assert_eq!(stills.get(&stream, at(2, 6)).unwrap(), None);
        let day = Span::minutes(24 * 60);
        assert_eq!(stills.air(at(3, 60), Span(2 * day.0), 1_000).unwrap(), 0);
        assert_eq!(
            stills.air(at(3, 60), Span(2 * day.0), 250).unwrap(),
            1,
            "the oldest, until the rest is small enough"
        );
        assert_eq!(stills.air(at(5, 60), day, 1_000).unwrap(), 2, "what is too old");
        assert_eq!(stills.list(&stream, at(0, 0), at(9, 0)).unwrap(), []);
    }
}
