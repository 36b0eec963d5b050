//! Small files that survive a power cut: written beside, synced, renamed, and the directory synced.
//! Knows nothing of what the files hold.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::metrics::failpoint::{Failpoint, hit};

/// Replaces a file so that after any crash either the old or the new content is there, whole. `mode` is the
/// permission of the new file, such as `0o600`.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    write_synced(&beside, content, mode)?;
    hit(Failpoint::UplinkFileWritten);
    std::fs::rename(&beside, path)?;
    hit(Failpoint::UplinkFileRenamed);
    sync_parent(path)
}

/// Reads a file of at most `limit` bytes; `None` when there is none.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("longer than {limit} bytes")));
    }
    Ok(Some(content))
}

/// Makes a directory with its parents, readable by its owner alone, and syncs the entry.
pub fn make_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    sync_parent(path)
}

/// Makes the names in a file's directory durable: a rename or removal counts only after this.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn write_synced(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // A leftover of a crash may have another permission, which `mode` would not change.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_holds_the_new_content_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mark");
        std::fs::write(path.with_extension("new"), b"left by a crash").unwrap();
        replace(&path, b"one", 0o600).unwrap();
        replace(&path, b"two", 0o600).unwrap();
        assert_eq!(read(&path, 3).unwrap().unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(read(&path, 2).is_err(), "a longer file than allowed is refused");
        assert_eq!(read(&directory.path().join("none"), 2).unwrap(), None);
    }
}
