//! Pictures that show what was before and after something went wrong. Knows JPEG bytes and media times.

use std::collections::VecDeque;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use crate::domain::id::StreamId;
use crate::domain::live::Still;
use crate::observation::Evidence;

/// Thumbnails kept: those of the last seconds.
const KEPT_MAX: usize = 6;

/// A thumbnail and its media time in microseconds.
type Shown = (i64, Bytes);

/// The last thumbnails, and what of them became evidence.
#[derive(Debug)]
pub(super) struct Album {
    stream: StreamId,
    outlet: mpsc::Sender<Still>,
    kept: VecDeque<Shown>,
    cases: Vec<Case>,
}

/// Something that went wrong.
#[derive(Debug)]
struct Case {
    code: &'static str,
    since_us: i64,
    before: Option<String>,
    after: Option<String>,
}

impl Album {
    /// An album without pictures, whose evidence leaves through `outlet`.
    pub(super) fn new(stream: StreamId, outlet: mpsc::Sender<Still>) -> Self {
        Self { stream, outlet, kept: VecDeque::new(), cases: Vec::new() }
    }

    /// Keeps a thumbnail.
    pub(super) fn push(&mut self, pts_us: i64, jpeg: Bytes) {
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back((pts_us, jpeg));
    }

    /// Takes what is wrong now, each with its beginning: keeps the pictures around it while it lasts. The picture
    /// before is the last good one; the one after may come later.
    pub(super) fn note(&mut self, wrong: &[(&'static str, i64)]) {
        self.cases.retain(|case| wrong.contains(&(case.code, case.since_us)));
        for &(code, since_us) in wrong {
            if !self.cases.iter().any(|case| (case.code, case.since_us) == (code, since_us)) {
                let before = self.kept.iter().rev().find(|(pts, _)| *pts < since_us);
                let before = before.and_then(|(_, jpeg)| send(&self.outlet, &self.stream, jpeg));
                self.cases.push(Case { code, since_us, before, after: None });
            }
        }
        for case in self.cases.iter_mut().filter(|case| case.after.is_none()) {
            let after = self.kept.iter().find(|(pts, _)| *pts >= case.since_us);
            case.after = after.and_then(|(_, jpeg)| send(&self.outlet, &self.stream, jpeg));
        }
    }

    /// The pictures of what went wrong then.
    pub(super) fn evidence(&self, code: &'static str, since_us: i64) -> Option<Evidence> {
        let case = self.cases.iter().find(|case| (case.code, case.since_us) == (code, since_us))?;
        let (before, after) = (case.before.clone(), case.after.clone());
        (before.is_some() || after.is_some()).then_some(Evidence { before, after })
    }
}

/// Lets a picture leave; its name if there was room for it.
fn send(outlet: &mpsc::Sender<Still>, stream: &StreamId, jpeg: &Bytes) -> Option<String> {
    let sha256 = hex::encode(Sha256::digest(jpeg));
    let still = Still { stream: stream.clone(), sha256: sha256.clone(), jpeg: jpeg.as_ref().into() };
    outlet.try_send(still).ok()?;
    Some(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_is_the_last_good_picture_and_after_the_first_bad_one() {
        let (outlet, mut sent) = mpsc::channel(8);
        let mut album = Album::new("hall".parse().unwrap(), outlet);
        album.push(1, Bytes::from_static(b"good"));
        album.push(2, Bytes::from_static(b"last good"));
        album.note(&[("freeze", 5)]);
        assert_eq!(album.evidence("freeze", 5).map(|evidence| evidence.after), Some(None));
        album.push(6, Bytes::from_static(b"bad"));
        album.push(7, Bytes::from_static(b"still bad"));
        album.note(&[("freeze", 5)]);
        album.note(&[("freeze", 5)]);
        let sent: Vec<Still> = std::iter::from_fn(|| sent.try_recv().ok()).collect();
        assert_eq!(sent.iter().map(|still| &still.jpeg[..]).collect::<Vec<_>>(), [&b"last good"[..], b"bad"]);
        let names = sent.into_iter().map(|still| Some(still.sha256)).collect::<Vec<_>>();
        let evidence = album.evidence("freeze", 5).unwrap();
        assert_eq!([evidence.before, evidence.after].as_slice(), names);
        album.note(&[]);
        assert_eq!(album.evidence("freeze", 5), None);
    }
}
