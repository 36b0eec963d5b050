//! Problems as lines for a terminal.

use crate::domain::lang::Lang;
use crate::domain::problem::Problem;

/// One problem on one line: `city.toml:12:5 [intake.unknown_field] what。remedy`.
pub fn line(problem: &Problem, lang: Lang) -> String {
    let Problem { file, at, code, what, remedy } = problem;
    let (what, remedy) = (what.pick(lang), remedy.pick(lang));
    let place = format!("{file}:{}:{} [{code}]", at.line, at.column);
    match lang {
        Lang::Zh => format!("{place} {what}。{remedy}"),
        Lang::En => format!("{place} {what}. {}", capital(remedy)),
    }
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// All problems, one a line.
pub fn lines(problems: &[Problem], lang: Lang) -> String {
    problems.iter().map(|problem| line(problem, lang) + "\n").collect()
}
