//! The matrix for a terminal: columns aligned by display width, where a Chinese character takes two cells.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::cell::{Cell, CellState};
use super::matrix::{Matrix, Row};
use super::words::verdict_sign;
use crate::domain::lang::Lang;
use crate::engine::verdict::Verdict;
use crate::engine::wording;

/// Venue × check with verdicts, then one line for each thing that is wrong with its reason and next step.
pub fn table(matrix: &Matrix, lang: Lang) -> String {
    let mut lines = vec![heading(matrix, lang)];
    lines.extend(matrix.rows.iter().map(|row| cells(row, lang)));
    let mut text = head(matrix, lang);
    text.push_str(&aligned(&lines));
    for row in &matrix.rows {
        text.push_str(&reasons(row, matrix, lang));
    }
    text.push_str(&summary(matrix, lang));
    text
}

fn head(matrix: &Matrix, lang: Lang) -> String {
    let round = lang.pick("轮次", "round");
    format!("{}  {}  {round} {}\n\n", matrix.meeting.name, matrix.kind_text, matrix.round)
}

fn heading(matrix: &Matrix, lang: Lang) -> Vec<String> {
    let fixed = [lang.pick("会场", "Venue"), lang.pick("结论", "Verdict")];
    fixed
        .into_iter()
        .map(str::to_owned)
        .chain(matrix.columns.iter().map(|column| column.title.clone()))
        .collect()
}

fn cells(row: &Row, lang: Lang) -> Vec<String> {
    let verdict = row.verdict.map_or(row.verdict_text.clone(), |verdict| signed(verdict, lang));
    [row.name.clone(), verdict]
        .into_iter()
        .chain(row.cells.iter().map(|cell| word(cell.as_ref(), lang)))
        .collect()
}

fn word(cell: Option<&Cell>, lang: Lang) -> String {
    match cell {
        None => "·".to_owned(),
        Some(Cell { state: CellState::Running, progress, .. }) => {
            format!("{:.0} %", progress.unwrap_or(0.0) * 100.0)
        }
        Some(Cell { state: CellState::Waiting, .. }) => "…".to_owned(),
        Some(Cell { verdict: Some(verdict), .. }) => signed(*verdict, lang),
        Some(_) => String::new(),
    }
}

fn signed(verdict: Verdict, lang: Lang) -> String {
    format!("{} {}", verdict_sign(verdict), wording::verdict(verdict, lang)).trim_start().to_owned()
}

pub(super) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|text| text.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let padded: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// One paragraph for each thing that is wrong at a venue; checks that say the same share it.
fn reasons(row: &Row, matrix: &Matrix, lang: Lang) -> String {
    let mut said: Vec<(&Cell, Verdict, Vec<&str>)> = Vec::new();
    for (cell, column) in row.cells.iter().zip(&matrix.columns) {
        let Some(cell) = cell else { continue };
        let Some(verdict) = cell.verdict.filter(|verdict| *verdict > Verdict::Pass) else { continue };
        let what = cell.link.as_deref().unwrap_or(&column.title);
        let same =
            |(other, its, _): &&mut (&Cell, Verdict, Vec<&str>)| *its == verdict && other.text == cell.text;
        match said.iter_mut().find(same) {
            Some((.., whats)) => whats.push(what),
            None => said.push((cell, verdict, vec![what])),
        }
    }
    let mut text = String::new();
    for (cell, verdict, whats) in said {
        let whats = whats.join(lang.pick("、", ", "));
        let _ = write!(text, "\n{}  {}  {whats}\n    {}\n", row.name, signed(verdict, lang), cell.text);
        if !cell.next_step.is_empty() {
            let _ = writeln!(text, "    {}{}", lang.pick("下一步：", "Next: "), cell.next_step);
        }
    }
    text
}

fn summary(matrix: &Matrix, lang: Lang) -> String {
    let counts = matrix.counts;
    let numbers = [
        (Verdict::Pass, counts.pass),
        (Verdict::Warn, counts.warn),
        (Verdict::NoAnswer, counts.no_answer),
        (Verdict::Fail, counts.fail),
        (Verdict::TestBroke, counts.test_broke),
        (Verdict::Waived, counts.waived),
    ];
    let words: Vec<String> = numbers
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{} {count}", wording::verdict(*verdict, lang)))
        .collect();
    let quality = matrix.quality.map_or("–", |quality| wording::quality(quality, lang));
    let took = lang.pick("用时", "took");
    format!("\n{}  {took} {:.1} s  {quality}\n", words.join(" · "), matrix.progress.elapsed_s)
}
