//! Keeps the project tidy: sizes, marks, openings, names, `unsafe`, links, decisions, dashboards.
//!
//! Each rule is a function from a file to its problems, each problem says what to do, and `examples` breaks
//! every rule once.

mod documents;
mod examples;

use crate::architecture::scan;
use crate::project::{self, SourceFile};

/// Longest file written by hand, inline tests included.
const LINES_MAX: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["common", "core", "helper", "helpers", "manager", "managers", "misc", "types", "util", "utils"];

/// Where `unsafe` may stand, each place with its decision record.
const UNSAFE_PLACES: &[&str] = &["src/udp/"];

/// Words that postpone work. This file must spell them, so it is not searched for them.
const MARKS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// Folders that exist on one developer's machine only.
const MACHINE_PATHS: &[&str] = &["/home/", "/root/", "/Users/", "/work/", "C:\\Users"];

/// The file that spells what must not be written elsewhere.
const ITSELF: &str = "tests/it/tidy/";

fn size_problem(file: &SourceFile) -> Option<String> {
    let lines = file.text.lines().count();
    let judged = file.ends_in(&[".rs", ".ts", ".tsx", ".css", ".sh", ".js", ".mjs"]);
    (judged && lines > LINES_MAX).then(|| {
        format!(
            "{} has {lines} lines, {LINES_MAX} is the limit: split it by what it decides, not by size",
            file.name
        )
    })
}

fn mark_problems(file: &SourceFile) -> Vec<String> {
    let words = |line: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| MARKS.contains(&word));
    numbered(file)
        .filter(|(_, line)| words(line))
        .map(|(at, _)| format!("{}:{at}: do it now or leave it out; a mark is neither", file.name))
        .collect()
}

/// Lines that a merge left behind.
fn merge_problems(file: &SourceFile) -> Vec<String> {
    let left = |line: &str| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    numbered(file)
        .filter(|(_, line)| left(line))
        .map(|(at, _)| format!("{}:{at}: a merge left this line: decide what stands here", file.name))
        .collect()
}

/// Fuzz targets that the fuzzer does not build, and entries for which there is no target.
fn fuzz_problems(manifest: &str, targets: &[&str]) -> Vec<String> {
    let entry = |line: &str| Some(line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix('"')?.to_owned());
    let named: Vec<String> = manifest.lines().filter_map(entry).collect();
    let unbuilt = targets.iter().filter(|target| !named.iter().any(|name| name == *target));
    let unbuilt =
        unbuilt.map(|target| format!("fuzz/Cargo.toml: add a [[bin]] for {target}: it is not built"));
    let missing = named.iter().filter(|name| !targets.contains(&name.as_str()));
    let missing = missing.map(|name| format!("fuzz/Cargo.toml: there is no fuzz_targets/{name}"));
    unbuilt.chain(missing).collect()
}

fn machine_path_problems(file: &SourceFile) -> Vec<String> {
    let at_start =
        |line: &str, at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-}".contains(c));
    let hit = |line: &str| {
        MACHINE_PATHS.iter().any(|path| line.match_indices(path).any(|(at, _)| at_start(line, at)))
    };
    numbered(file)
        .filter(|(_, line)| hit(line))
        .map(|(at, _)| {
            format!(
                "{}:{at}: a path of one machine: build it from $HOME, a flag or a temporary folder",
                file.name
            )
        })
        .collect()
}

fn numbered(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

fn opening_problem(file: &SourceFile) -> Option<String> {
    let script = file.text.strip_prefix("#!/").is_some();
    let judged = file.ends_in(&[".rs"]) && !script;
    (judged && !file.text.trim_start().starts_with("//!"))
        .then(|| format!("{}: open with `//!`: what the module is for and what it must not know", file.name))
}

fn name_problem(file: &SourceFile) -> Option<String> {
    let code = ["src/", "tests/", "benches/", "console/", "fuzz/"]
        .iter()
        .any(|folder| file.name.starts_with(folder));
    let mut parts = file.name.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let empty = parts.find(|part| EMPTY_NAMES.contains(part)).filter(|_| code)?;
    Some(format!("{}: `{empty}` says nothing: name it after the noun of the glossary it holds", file.name))
}

fn token_problems(file: &SourceFile) -> Vec<String> {
    if !file.ends_in(&[".rs"]) {
        return Vec::new();
    }
    let tokens = scan::tokens(&file.text);
    let attributes = scan::attributes(&tokens);
    let inside = attributes.iter().flat_map(|inside| inside.windows(2).map(|pair| (pair[0].line, pair)));
    let allowed =
        inside.filter(|(_, pair)| pair[0].text == "allow" && pair[1].text == "(").map(|(line, _)| {
            (line, "`allow(…)` outlives its cause: write `#[expect(…, reason = \"…\")]`".to_owned())
        });
    let ignored = attributes.iter().filter(|inside| scan::text(inside, 0) == "ignore").map(|inside| {
        (inside[0].line, "a test that is not run proves nothing: mend it or delete it".to_owned())
    });
    let trusted = UNSAFE_PLACES.iter().any(|place| file.name.starts_with(place));
    let unsafe_code = tokens.iter().filter(|token| token.text == "unsafe" && !trusted).map(|token| {
        (token.line, format!("`unsafe` may stand in {} alone: find a safe way", UNSAFE_PLACES.join(", ")))
    });
    allowed
        .chain(ignored)
        .chain(unsafe_code)
        .map(|(line, what)| format!("{}:{line}: {what}", file.name))
        .collect()
}

/// Metric names that a dashboard or alert rule asks for and no source registers.
fn dashboard_problems(file: &SourceFile, sources: &str) -> Vec<String> {
    let words = file.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let mut names: Vec<&str> = words.filter(|word| word.starts_with("vcops_")).collect();
    names.sort_unstable();
    names.dedup();
    let registered = |name: &&str| {
        let series = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
        [Some(*name), series].into_iter().flatten().any(|name| sources.contains(&format!("\"{name}\"")))
    };
    names
        .into_iter()
        .filter(|name| !registered(name))
        .map(|name| {
            format!("{}: no source registers `{name}`: correct the name or add the metric", file.name)
        })
        .collect()
}

fn judged_text() -> Vec<SourceFile> {
    let made = |name: &str| name.ends_with(".lock") || name.ends_with("package-lock.json");
    project::files().into_iter().filter(|file| !made(&file.name) && !file.name.starts_with(ITSELF)).collect()
}

#[test]
fn files_are_short() {
    project::assert_none(&project::files().iter().filter_map(size_problem).collect::<Vec<_>>());
}

#[test]
fn nothing_is_postponed() {
    project::assert_none(&judged_text().iter().flat_map(mark_problems).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_of_a_merge() {
    project::assert_none(&judged_text().iter().flat_map(merge_problems).collect::<Vec<_>>());
}

#[test]
fn every_fuzz_target_is_built() {
    let files = project::files();
    let targets: Vec<&str> =
        files.iter().filter_map(|file| file.name.strip_prefix("fuzz/fuzz_targets/")).collect();
    project::assert_none(&fuzz_problems(&project::read("fuzz/Cargo.toml"), &targets));
}

#[test]
fn no_path_of_one_machine() {
    project::assert_none(&judged_text().iter().flat_map(machine_path_problems).collect::<Vec<_>>());
}

#[test]
fn every_module_opens_with_its_purpose() {
    project::assert_none(&project::files().iter().filter_map(opening_problem).collect::<Vec<_>>());
}

#[test]
fn names_say_something() {
    project::assert_none(&project::files().iter().filter_map(name_problem).collect::<Vec<_>>());
}

#[test]
fn no_allow_no_ignore_no_stray_unsafe() {
    project::assert_none(&project::files().iter().flat_map(token_problems).collect::<Vec<_>>());
}

#[test]
fn dashboards_ask_for_metrics_that_exist() {
    let files = project::files();
    let sources: String =
        files.iter().filter(|file| file.name.starts_with("src/")).map(|file| file.text.as_str()).collect();
    let dashboards = files.iter().filter(|file| {
        ["dashboards/grafana/", "dashboards/prometheus/"].iter().any(|folder| file.name.starts_with(folder))
    });
    project::assert_none(&dashboards.flat_map(|file| dashboard_problems(file, &sources)).collect::<Vec<_>>());
}
