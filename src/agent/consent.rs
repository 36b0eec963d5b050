//! The venue's word that its hall may be tested 已开机可测: given for a time, taken back at any moment.
//!
//! A small file, written by `vcops agent consent`, read by the running agent each second.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::time::{Span, Utc};
use crate::uplink::{clock, durable};

/// Longest time that can be given at once; longer is standing permission and belongs in the settings.
pub const LONGEST: Span = Span::minutes(24 * 60);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    until: Utc,
}

/// Gives consent from now for `span`, at most [`LONGEST`]. Gives when it ends.
pub fn give(directory: &Path, span: Span) -> io::Result<Utc> {
    let until = clock::utc_now() + span.min(LONGEST);
    let bytes = serde_json::to_vec(&Given { until })?;
    durable::replace(&file(directory), &bytes, 0o600)?;
    Ok(until)
}

/// Takes consent back at once.
pub fn take_back(directory: &Path) -> io::Result<()> {
    match std::fs::remove_file(file(directory)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => durable::sync_parent(&file(directory)),
    }
}

/// Until when consent is given; `None` when it is not, or when the file can not be read: in doubt, no.
pub fn given_until(directory: &Path) -> Option<Utc> {
    let bytes = durable::read(&file(directory), 1024).ok()??;
    serde_json::from_slice(&bytes).ok().map(|given: Given| given.until)
}

fn file(directory: &Path) -> PathBuf {
    directory.join("consent.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_given_taken_back_and_in_doubt_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(given_until(path), None);
        let until = give(path, Span::minutes(120)).unwrap();
        assert_eq!(given_until(path), Some(until));
        assert!(give(path, Span::minutes(9999)).unwrap() < clock::utc_now() + LONGEST + Span::seconds(1));
        std::fs::write(file(path), "{\"until\":\"for ever\"}").unwrap();
        assert_eq!(given_until(path), None);
        take_back(path).unwrap();
        take_back(path).unwrap();
        assert_eq!(given_until(path), None);
    }
}
