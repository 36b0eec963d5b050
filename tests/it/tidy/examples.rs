//! One small untidy example per rule, with the exact message: proof that each rule can fail.

use super::documents::{decision_problems, glossary_problems, link_problems};
use super::{
    dashboard_problems, fuzz_problems, machine_path_problems, mark_problems, merge_problems, name_problem,
    opening_problem, size_problem, token_problems,
};
use crate::project::SourceFile;

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile::example(name, text)
}

#[test]
fn a_long_file() {
    assert_eq!(size_problem(&file("src/a/mod.rs", &"\n".repeat(600))), None);
    assert_eq!(
        size_problem(&file("src/a/mod.rs", &"\n".repeat(601))).as_deref(),
        Some("src/a/mod.rs has 601 lines, 600 is the limit: split it by what it decides, not by size")
    );
}

#[test]
fn a_mark() {
    assert_eq!(
        mark_problems(&file("src/a/mod.rs", "fn f() {}\n// TODO: g")),
        ["src/a/mod.rs:2: do it now or leave it out; a mark is neither"]
    );
    assert_eq!(mark_problems(&file("Cargo.toml", "todo = \"warn\"\nMAX_TODOS = 1")), [""; 0]);
}

#[test]
fn a_line_that_a_merge_left() {
    assert_eq!(
        merge_problems(&file("Cargo.toml", "[a]\n>>>>>>> main\n")),
        ["Cargo.toml:2: a merge left this line: decide what stands here"]
    );
    assert_eq!(merge_problems(&file("docs/A.md", ">> a\n=======\nlog: <<<<<<< x")), [""; 0]);
}

#[test]
fn a_fuzz_target_that_nobody_builds() {
    let manifest = "[[bin]]\nname = \"a\"\npath = \"fuzz_targets/a.rs\"\npath = \"fuzz_targets/c.rs\"\n";
    assert_eq!(
        fuzz_problems(manifest, &["a.rs", "b.rs"]),
        [
            "fuzz/Cargo.toml: add a [[bin]] for b.rs: it is not built",
            "fuzz/Cargo.toml: there is no fuzz_targets/c.rs",
        ]
    );
}

#[test]
fn a_path_of_one_machine() {
    assert_eq!(
        machine_path_problems(&file("scripts/x.sh", "cd /home/me/vcops")),
        ["scripts/x.sh:1: a path of one machine: build it from $HOME, a flag or a temporary folder"]
    );
    assert_eq!(
        machine_path_problems(&file("scripts/x.sh", "cp a \"$root/root/\" \"${new}/home/x\"")),
        [""; 0]
    );
}

#[test]
fn a_module_without_its_purpose() {
    assert_eq!(opening_problem(&file("src/a/mod.rs", "//! What.\nfn f() {}")), None);
    assert_eq!(
        opening_problem(&file("src/a/mod.rs", "use b;\n//! late")).as_deref(),
        Some("src/a/mod.rs: open with `//!`: what the module is for and what it must not know")
    );
}

#[test]
fn an_empty_name() {
    for (name, word) in
        [("src/utils/mod.rs", "utils"), ("src/link/helpers.rs", "helpers"), ("console/src/types.ts", "types")]
    {
        assert_eq!(
            name_problem(&file(name, "")),
            Some(format!("{name}: `{word}` says nothing: name it after the noun of the glossary it holds"))
        );
    }
    assert_eq!(name_problem(&file("src/link/typestate.rs", "")), None);
}

#[test]
fn attributes_and_words_that_hide_things() {
    let cases = [
        (
            "#[allow(dead_code)]\nfn f() {}",
            "src/a/mod.rs:1: `allow(…)` outlives its cause: write `#[expect(…, reason = \"…\")]`",
        ),
        (
            "//! x\n#[cfg_attr(test, allow(dead_code))]\nfn f() {}",
            "src/a/mod.rs:2: `allow(…)` outlives its cause: write `#[expect(…, reason = \"…\")]`",
        ),
        (
            "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
            "src/a/mod.rs:2: a test that is not run proves nothing: mend it or delete it",
        ),
        (
            "fn f() { unsafe { g() } }",
            "src/a/mod.rs:1: `unsafe` may stand in src/udp/ alone: find a safe way",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(token_problems(&file("src/a/mod.rs", text)), [message], "{text}");
    }
    let fine = "fn f() { limiter.allow(now); ignore(); } // unsafe";
    assert_eq!(token_problems(&file("src/a/mod.rs", fine)), [""; 0]);
    assert_eq!(token_problems(&file("src/udp/socket.rs", "unsafe { g() }")), [""; 0]);
}

#[test]
fn a_dashboard_that_asks_for_nothing_known() {
    let sources = "opts(\"vcops_probe_seconds\", ..) counter(\"vcops_inputs_total\")";
    let board = file(
        "dashboards/grafana/a.json",
        "rate(vcops_inputs_total[1m]) vcops_probe_seconds_bucket{} vcops_lost",
    );
    assert_eq!(
        dashboard_problems(&board, sources),
        ["dashboards/grafana/a.json: no source registers `vcops_lost`: correct the name or add the metric"]
    );
}

#[test]
fn a_link_that_leads_nowhere() {
    let page = file(
        "docs/A.md",
        "[a](B.md#part) [b](../README.md) [c](https://x.y/z) [d](#here) ![e](images/e.svg)\n```\n[f](code.md)\n```\n<img src=\"g.png\">",
    );
    let known = ["docs/B.md", "README.md"];
    assert_eq!(
        link_problems(&page, |path| known.contains(&path)),
        [
            "docs/A.md: the link to `images/e.svg` leads nowhere: correct it or write the page",
            "docs/A.md: the link to `g.png` leads nowhere: correct it or write the page",
        ]
    );
}

#[test]
fn a_decision_that_lacks_a_part() {
    let whole = "# One crate\n\nStatus: accepted\n\n## Context\n\n## Decision\n\n## Consequences\n";
    assert_eq!(decision_problems(&file("docs/decisions/0001-one.md", whole), "[One](0001-one.md)"), [""; 0]);
    let half = file("docs/decisions/one.md", "Status: accepted\n## Context\n## Decision\n");
    assert_eq!(
        decision_problems(&half, ""),
        [
            "docs/decisions/one.md: name it NNNN-what-was-decided.md",
            "docs/decisions/one.md: add the part `## Consequences`",
            "docs/decisions/one.md: add it to the list in docs/decisions/README.md",
        ]
    );
}

#[test]
fn a_word_that_the_code_does_not_know() {
    let page = "| 中文 | English | meaning | in code |\n| 会场 | venue | where `x` is | `Venue` |\n| 线路 | link | one way | `Line::Dead` |";
    assert_eq!(
        glossary_problems(page, |name| ["Venue", "Dead"].contains(&name)),
        ["docs/GLOSSARY.md:3: no `Line` in src/: correct the name or write `—`"]
    );
}
