//! Mutants: defects that would do real harm, each put into the pure half of the program, each to be killed by a test.
//!
//! `tests/mutants.toml` lists them. That each still finds its place is seen at every run; with `VCOPS_SOAK=1` they are
//! built, all at once, and chosen one by one as the tests run. The sources themselves know nothing of them.

mod half;

use std::collections::BTreeSet;

use serde::Deserialize;

use self::half::Half;
use crate::project;

/// Fewest mutants worth the name of a proof.
const LEAST: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    /// What would happen to people.
    harm: String,
    file: String,
    /// An expression that stands once in the file, or a statement.
    find: String,
    /// What the mutant does instead.
    replace: String,
    /// The test that kills it.
    killed_by: String,
}

fn list() -> Vec<Mutant> {
    let list: List = toml::from_str(&project::read("tests/mutants.toml")).unwrap();
    list.mutant
}

/// Both ways stand side by side, and which is taken is chosen when the test runs.
fn put_in(mutants: &[Mutant], file: &str, text: String) -> String {
    let mut text = text;
    for mutant in mutants.iter().filter(|mutant| mutant.file == file) {
        let Mutant { name, find, replace, .. } = mutant;
        let chosen = format!("if crate::mutant(\"{name}\") {{ {replace} }} else {{ {find} }}");
        let both = if find.ends_with(';') { chosen } else { format!("({chosen})") };
        text = text.replacen(find.as_str(), &both, 1);
    }
    text
}

#[test]
fn every_mutant_has_its_place_its_harm_and_its_killer() {
    let mutants = list();
    assert!(mutants.len() >= LEAST, "{} mutants", mutants.len());
    let names: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
    assert_eq!(names.len(), mutants.len(), "two mutants of one name");
    for mutant in &mutants {
        let Mutant { name, harm, file, find, replace, killed_by } = mutant;
        let found = project::read(file).matches(find.as_str()).count();
        assert_eq!(found, 1, "{name}: `{find}` stands {found} times in {file}; name it anew");
        assert!(!harm.is_empty() && find != replace, "{name}");
        let (module, test) = killed_by.rsplit_once("::").unwrap();
        let path = module.replace("::", "/");
        let files = [format!("tests/it/{path}.rs"), format!("tests/it/{path}/mod.rs")];
        let text = files.iter().find(|file| project::exists(file)).map(|file| project::read(file));
        let there = text.is_some_and(|text| text.contains(&format!("fn {test}()")));
        assert!(there, "{name}: there is no test {killed_by}");
    }
}

#[test]
fn every_mutant_is_killed() {
    if std::env::var_os("VCOPS_SOAK").is_none() {
        return;
    }
    let mutants = list();
    let half = Half::new("mutants", false, |file, text| put_in(&mutants, file, text));
    let killers: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.killed_by.as_str()).collect();
    let killers: Vec<&str> = killers.into_iter().collect();
    let sound = half.test(&killers, &[]);
    assert!(sound.status.success(), "without a mutant:\n{}", String::from_utf8_lossy(&sound.stderr));
    let mut alive = Vec::new();
    for Mutant { name, harm, killed_by, .. } in &mutants {
        let run = half.test(&[killed_by], &[("VCOPS_MUTANT", name)]);
        let killed = String::from_utf8_lossy(&run.stdout).contains("1 failed");
        println!("{} {name}: {harm} ({killed_by})", if killed { "killed" } else { "ALIVE " });
        if !killed {
            alive.push(name);
        }
    }
    assert!(alive.is_empty(), "{alive:?} live");
}

/// Two million inputs, by the pure half built optimised, with its checks of arithmetic.
#[test]
fn two_million_inputs_agree_with_the_reference_model() {
    if std::env::var_os("VCOPS_SOAK").is_none() {
        return;
    }
    let half = Half::new("worlds", true, |_, text| text);
    let worlds = "engine::random::whole::whole_worlds_agree_with_the_reference_model";
    let run = half.test(&[worlds], &[("VCOPS_WORLDS", "whole")]);
    println!("{}", String::from_utf8_lossy(&run.stdout));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}
