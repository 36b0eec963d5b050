//! The project's own files as text, for the tests that judge structure and tidiness.
//!
//! It knows where the project lies and which folders are made by tools; it must not know any rule.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that tools fill; nothing in them is written by hand.
const MADE_BY_TOOLS: &[&str] =
    &["target", "node_modules", "dist", "generated", ".git", ".vcops", "test-results", "corpus", "artifacts"];

/// A text file with its path from the project's root, `/` between folders.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// For example `src/link/mod.rs`.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) text: String,
}

impl SourceFile {
    /// An example file for a test.
    pub(crate) fn example(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// The top module it belongs to; none for `src/lib.rs` and for files outside `src/`.
    pub(crate) fn module(&self) -> Option<&str> {
        self.name.strip_prefix("src/")?.split_once('/').map(|(module, _)| module)
    }

    /// How many modules deep it is: 0 for `src/lib.rs`, 1 for `src/link/mod.rs`, 2 for `src/link/run.rs`.
    pub(crate) fn depth(&self) -> usize {
        let inner = self.name.strip_prefix("src/").unwrap_or(&self.name).trim_end_matches(".rs");
        inner.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).count()
    }

    /// The folder where its child modules lie: `src/link` for `src/link/mod.rs`, `src/link/run` for `src/link/run.rs`.
    pub(crate) fn folder_of_children(&self) -> &str {
        let stem = self.name.trim_end_matches(".rs");
        stem.strip_suffix("/mod").or_else(|| stem.strip_suffix("/lib")).unwrap_or(stem)
    }

    /// Whether its name ends in one of these.
    pub(crate) fn ends_in(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.name.ends_with(ending))
    }
}

/// A file of the project.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whether the project has this file or folder.
pub(crate) fn exists(name: &str) -> bool {
    root().join(name).exists()
}

/// The folders and the files directly in a folder, sorted.
pub(crate) fn entries(folder: &str) -> (Vec<String>, Vec<String>) {
    let mut paths = children(&root().join(folder));
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    (folders.iter().map(|path| last(path)).collect(), files.iter().map(|path| last(path)).collect())
}

/// Every text file of the project that is written by hand, sorted by name.
pub(crate) fn files() -> Vec<SourceFile> {
    let mut found = Vec::new();
    gather(&root(), &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(found.len() > 20, "found only {} files: the walk is broken", found.len());
    found
}

/// The Rust files of the library: everything in `src/` but the binary's `main.rs`.
pub(crate) fn library_files() -> Vec<SourceFile> {
    let of_library = |file: &SourceFile| file.name.starts_with("src/") && file.ends_in(&[".rs"]);
    files().into_iter().filter(|file| of_library(file) && file.name != "src/main.rs").collect()
}

/// Fails with every problem, one a line.
#[track_caller]
pub(crate) fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} to put right:\n{}\n", problems.len(), problems.join("\n"));
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn gather(folder: &Path, found: &mut Vec<SourceFile>) {
    for path in children(folder) {
        let made_by_tools = MADE_BY_TOOLS.contains(&last(&path).as_str());
        if path.is_symlink() || made_by_tools {
            continue;
        }
        if path.is_dir() {
            gather(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(root()).expect("the walk starts at the root");
            found.push(SourceFile { name: name.to_string_lossy().replace('\\', "/"), text });
        }
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    listing.map(|entry| entry.expect("a folder being read stays").path()).collect()
}

fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::SourceFile;

    #[test]
    fn a_file_knows_its_module_and_depth() {
        for (name, module, depth, children) in [
            ("src/lib.rs", None, 0, "src"),
            ("src/link/mod.rs", Some("link"), 1, "src/link"),
            ("src/link/run.rs", Some("link"), 2, "src/link/run"),
            ("src/link/run/mod.rs", Some("link"), 2, "src/link/run"),
            ("tests/it/main.rs", None, 2, "tests/it/main"),
        ] {
            let file = SourceFile::example(name, "");
            let seen = (file.module(), file.depth(), file.folder_of_children());
            assert_eq!((seen.0, seen.2), (module, children), "{name}");
            assert!(!name.starts_with("src/") || seen.1 == depth, "{name}: depth {}", seen.1);
        }
    }
}
