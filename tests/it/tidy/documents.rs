//! Rules for prose: links lead somewhere, decisions are complete and listed.

use std::collections::BTreeSet;

use crate::architecture::scan;
use crate::project::{self, SourceFile};

/// The parts of a decision record, as they open a line.
const DECISION_PARTS: &[&str] = &["Status:", "## Context", "## Decision", "## Consequences"];

/// The page that lists the decisions.
const DECISIONS: &str = "docs/decisions/README.md";

/// The page of words.
const GLOSSARY: &str = "docs/GLOSSARY.md";

/// Links of a page that lead to no file; `exists` answers for a path from the project's root.
pub(super) fn link_problems(file: &SourceFile, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = file.name.rsplit_once('/').map_or("", |(folder, _)| folder);
    targets(&file.text)
        .into_iter()
        .filter(|target| !exists(&resolved(folder, target)))
        .map(|target| {
            format!("{}: the link to `{target}` leads nowhere: correct it or write the page", file.name)
        })
        .collect()
}

/// What a decision record lacks.
pub(super) fn decision_problems(file: &SourceFile, index: &str) -> Vec<String> {
    let short = file.name.rsplit('/').next().unwrap_or_default();
    let numbered =
        short.len() > 5 && short[..4].bytes().all(|byte| byte.is_ascii_digit()) && &short[4..5] == "-";
    let mut found = Vec::new();
    if !numbered {
        found.push(format!("{}: name it NNNN-what-was-decided.md", file.name));
    }
    let has = |part: &str| file.text.lines().any(|line| line.starts_with(part));
    let missing = DECISION_PARTS.iter().filter(|part| !has(part));
    found.extend(missing.map(|part| format!("{}: add the part `{part}`", file.name)));
    if !index.contains(&format!("({short})")) {
        found.push(format!("{}: add it to the list in {DECISIONS}", file.name));
    }
    found
}

/// Names that the glossary gives as code and no source declares; `declared` answers for one word.
pub(super) fn glossary_problems(page: &str, declared: impl Fn(&str) -> bool) -> Vec<String> {
    let rows = page.lines().enumerate().filter(|(_, line)| line.starts_with('|') && line.contains('`'));
    rows.flat_map(|(at, line)| {
        let code = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        let names = code.split('`').skip(1).step_by(2).flat_map(|name| name.split("::"));
        let unknown = names.filter(|name| !declared(name));
        let told =
            |name| format!("{GLOSSARY}:{}: no `{name}` in src/: correct the name or write `—`", at + 1);
        unknown.map(told).collect::<Vec<_>>()
    })
    .collect()
}

/// Targets of `](…)` and `src="…"` that are files of the project, without their `#part`.
fn targets(text: &str) -> Vec<&str> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let links =
        prose.iter().flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    let images =
        prose.iter().flat_map(|part| part.split("src=\"").skip(1)).filter_map(|rest| rest.split('"').next());
    links
        .chain(images)
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty())
        .collect()
}

fn resolved(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn links_lead_somewhere() {
    let pages = project::files().into_iter().filter(|file| file.ends_in(&[".md"]));
    project::assert_none(&pages.flat_map(|page| link_problems(&page, project::exists)).collect::<Vec<_>>());
}

#[test]
fn decisions_are_complete_and_listed() {
    let index = project::read(DECISIONS);
    let records = project::files().into_iter().filter(|file| {
        file.name.starts_with("docs/decisions/") && file.ends_in(&[".md"]) && file.name != DECISIONS
    });
    project::assert_none(&records.flat_map(|record| decision_problems(&record, &index)).collect::<Vec<_>>());
}

#[test]
fn the_glossary_names_what_the_code_names() {
    let files = project::library_files();
    let tokens = files.iter().flat_map(|file| scan::tokens(&file.text));
    let words: BTreeSet<String> = tokens.map(|token| token.text).collect();
    project::assert_none(&glossary_problems(&project::read(GLOSSARY), |name| words.contains(name)));
}
