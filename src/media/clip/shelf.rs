//! Keeps coded pictures in a folder, one file per recipe. What cannot be read or written is as good as absent: a clip
//! can always be made again.

use std::fs;
use std::path::PathBuf;

use bytes::{Buf as _, BufMut as _, Bytes};
use sha2::{Digest as _, Sha256};

use super::recipe::VideoRecipe;
use super::{PictureUnit, UNITS_MAX};

/// Changes when the painters or the file's layout do, so that older files are not taken.
const EDITION: &[u8; 8] = b"vcclip01";
/// Bytes before a unit: number, key, length.
const UNIT_HEAD_BYTES: usize = 9;
/// Largest file read.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// A folder of clips.
#[derive(Debug, Clone)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The units of a recipe, if they are here and whole.
    pub(super) fn take(&self, recipe: &VideoRecipe) -> Option<Vec<PictureUnit>> {
        let file = self.file(recipe);
        let small = fs::metadata(&file).is_ok_and(|facts| facts.len() <= FILE_BYTES_MAX);
        small.then(|| fs::read(&file).ok()).flatten().and_then(|bytes| read(bytes.into()))
    }

    /// Keeps units: written beside and renamed, so that nobody reads half of them.
    pub(super) fn put(&self, recipe: &VideoRecipe, units: &[PictureUnit]) {
        let file = self.file(recipe);
        let beside = file.with_extension(format!("{}.part", std::process::id()));
        let kept = fs::create_dir_all(&self.0)
            .and_then(|()| fs::write(&beside, written(units)))
            .and_then(|()| fs::rename(&beside, &file));
        if let Err(error) = kept {
            tracing::info!(%error, "a clip is not kept; it will be made again at the next start");
        }
    }

    fn file(&self, recipe: &VideoRecipe) -> PathBuf {
        let text = serde_json::to_vec(recipe).expect("a recipe is numbers and words");
        let digest = Sha256::new().chain_update(EDITION).chain_update(text).finalize();
        self.0.join(format!("{}.clip", hex::encode(&digest[..12])))
    }
}

fn written(units: &[PictureUnit]) -> Vec<u8> {
    let mut bytes = EDITION.to_vec();
    for unit in units {
        bytes.put_u32_le(unit.number);
        bytes.put_u8(u8::from(unit.key));
        bytes.put_u32_le(unit.data.len() as u32);
        bytes.extend_from_slice(&unit.data);
    }
    bytes
}

fn read(mut bytes: Bytes) -> Option<Vec<PictureUnit>> {
    if bytes.len() < EDITION.len() || bytes.split_to(EDITION.len()) != EDITION[..] {
        return None;
    }
    let mut units = Vec::new();
    while !bytes.is_empty() {
        if bytes.len() < UNIT_HEAD_BYTES || units.len() >= UNITS_MAX {
            return None;
        }
        let (number, key, length) = (bytes.get_u32_le(), bytes.get_u8() != 0, bytes.get_u32_le() as usize);
        let data = (length <= bytes.len()).then(|| bytes.split_to(length))?;
        units.push(PictureUnit { data, number, key });
    }
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::Size;
    use crate::media::scene::Look;

    #[test]
    fn what_was_put_is_found_and_what_is_cut_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (shelf, recipe) =
            (Shelf::new(folder.path().join("new")), VideoRecipe::live(Look::Room, Size::P180, 300, 1));
        let unit =
            |number| PictureUnit { data: Bytes::from_static(b"\0\0\0\x01e"), number, key: number == 0 };
        let units: Vec<_> = (0..9).map(unit).collect();
        assert_eq!(shelf.take(&recipe), None);
        shelf.put(&recipe, &units);
        assert_eq!(shelf.take(&recipe), Some(units.clone()));
        assert_eq!(shelf.take(&VideoRecipe { kbps: 301, ..recipe }), None);
        let bytes = written(&units);
        let whole = EDITION.len() + UNIT_HEAD_BYTES + 5;
        assert!((0..bytes.len()).all(|cut| {
            let left = read(Bytes::copy_from_slice(&bytes[..cut]));
            let between = cut >= EDITION.len() && (cut - EDITION.len()).is_multiple_of(whole - EDITION.len());
            left.is_some() == between
        }));
    }
}
