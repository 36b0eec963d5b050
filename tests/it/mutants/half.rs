//! The pure half of the program as a crate of its own: it builds within a minute, with mutants in it, or optimised.
//!
//! Its sources are the project's own; nothing of it is kept here. That it builds at all shows that judgement needs no
//! adapter.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::project;

/// The modules that decide, and the one that their tests print with.
const MODULES: [&str; 5] = ["domain", "observation", "engine", "intake", "report"];
/// All that these and their tests are built with.
const NEEDS: [&str; 10] = [
    "docx-rs",
    "encoding_rs",
    "jiff",
    "rust_xlsxwriter",
    "serde",
    "serde_json",
    "sha2",
    "toml",
    "unicode-width",
    "utoipa",
];
/// What tests read.
const READ: [&str; 3] = ["config", "tests/scenarios", "tests/data"];

/// A folder in which the pure half can be built.
pub(super) struct Half {
    at: PathBuf,
    optimised: bool,
}

impl Half {
    /// Lays it out; `edit` changes sources by their name.
    pub(super) fn new(name: &str, optimised: bool, edit: impl Fn(&str, String) -> String) -> Self {
        let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let folders = MODULES.map(|module| format!("src/{module}"));
        for folder in folders.iter().map(String::as_str).chain(["tests/it/engine"]) {
            let _ = fs::remove_dir_all(at.join(folder));
            copy(folder, &at, &edit);
        }
        for read in READ {
            fs::create_dir_all(at.join("tests")).unwrap();
            let _ = fs::remove_file(at.join(read));
            std::os::unix::fs::symlink(project::root().join(read), at.join(read)).unwrap();
        }
        let mut modules = String::from("//! The pure half.\n");
        MODULES.iter().for_each(|module| writeln!(modules, "pub mod {module};").unwrap());
        write(&at.join("src/lib.rs"), &format!("{modules}{CHOSEN}"));
        write(&at.join("tests/it/main.rs"), "mod engine;\n");
        write(&at.join("Cargo.lock"), &project::read("Cargo.lock"));
        write(&at.join("Cargo.toml"), &manifest());
        Self { at, optimised }
    }

    /// Runs its tests of these names.
    pub(super) fn test(&self, names: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(&self.at).args(["test", "--offline", "--test", "it"]);
        if self.optimised {
            cargo.args(["--profile", "optimised"]);
        }
        cargo.env("CARGO_TARGET_DIR", self.at.join("target")).env("RUSTFLAGS", "--cap-lints allow");
        cargo.env_remove("VCOPS_SOAK").envs(settings.iter().copied());
        cargo.args(["--", "--exact", "--nocapture"]).args(names).output().unwrap()
    }
}

/// Which mutant lives in this run.
const CHOSEN: &str = r#"
/// Whether this is the mutant that lives.
pub fn mutant(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("VCOPS_MUTANT").ok()).as_deref() == Some(name)
}
"#;

/// The versions are those of the whole.
fn manifest() -> String {
    let whole: toml::Table = project::read("Cargo.toml").parse().unwrap();
    let needs = NEEDS.map(|need| (need.to_owned(), whole["dependencies"][need].clone()));
    let needs = toml::Table::from_iter([("dependencies".to_owned(), toml::Table::from_iter(needs).into())]);
    format!(
        "[package]\nname = \"vcops\"\nversion = \"0.1.0\"\nedition = \"2024\"\nautotests = false\n\n\
         [[test]]\nname = \"it\"\npath = \"tests/it/main.rs\"\n\n{needs}\n[profile.dev]\ndebug = false\n\n\
         [profile.optimised]\ninherits = \"release\"\nopt-level = 2\ndebug-assertions = true\n\
         overflow-checks = true\n\n[workspace]\n"
    )
}

fn copy(folder: &str, to: &Path, edit: &impl Fn(&str, String) -> String) {
    for entry in fs::read_dir(project::root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            copy(&name, to, edit);
        } else {
            write(&to.join(&name), &edit(&name, project::read(&name)));
        }
    }
}

/// Only what changed is written, so that only that is built anew.
fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}
