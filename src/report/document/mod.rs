//! Documents that people file, edit and hand in: a rehearsal's record, a meeting's record, an incident's review as
//! `.docx`; statistics and lists as `.xlsx`.
//!
//! One model, two renderers. What is in a document is decided by its builder; how it looks by its renderer. Each
//! names the journal's head that it was made at, so that what it says can be checked. Pure; knows no request.

mod docx;
mod incident;
mod lists;
mod meeting;
mod rehearsal;
mod workbook;

use jiff::tz::TimeZone;

pub use docx::docx;
pub use incident::incident_review;
pub use lists::{incident_book, statistics_book};
pub use meeting::meeting_record;
pub use rehearsal::rehearsal_record;
pub use workbook::xlsx;

use crate::domain::lang::Lang;
use crate::domain::time::Utc;

/// Most characters in one cell: what a workbook can hold.
const CELL_CHARACTERS_MAX: usize = 32_000;

/// Where the journal stood when a document was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Its last row.
    pub seq: u64,
    /// That row's SHA-256, hex.
    pub hash: String,
    /// When.
    pub at: Utc,
}

/// What every builder is told.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// Zone in which times are shown; it is named.
    pub zone: &'a TimeZone,
    /// Language of the document.
    pub lang: Lang,
    /// Where the journal stood.
    pub seal: Seal,
}

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its title, also the name of its file.
    pub title: String,
    /// What it consists of, in order.
    pub blocks: Vec<Block>,
    /// Whether its pages lie on their side.
    pub landscape: bool,
    /// What stands below: where the journal stood.
    pub foot: String,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading; in a workbook the name of a sheet.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Facts: a label and what it says.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
}

/// A table with a heading row.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Columns: heading and share of the width.
    pub columns: Vec<(String, u16)>,
    /// Rows, as long as there are columns.
    pub rows: Vec<Vec<Value>>,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A figure, with which a workbook can calculate.
    Number(f64),
    /// Nothing is known.
    Unknown,
}

impl Document {
    fn new(title: impl Into<String>, setting: &Setting<'_>) -> Self {
        let Seal { seq, hash, at } = &setting.seal;
        let at = minute(*at, setting.zone);
        let foot = match setting.lang {
            Lang::Zh => format!("生成于 {at}；记录链至第 {seq} 条，SHA-256 {hash}"),
            Lang::En => format!("Made at {at}; journal up to row {seq}, SHA-256 {hash}"),
        };
        Self { title: clean(&title.into()), blocks: Vec::new(), landscape: false, foot }
    }

    fn heading(&mut self, text: &str) {
        self.blocks.push(Block::Heading(clean(text)));
    }

    fn text(&mut self, text: &str) {
        self.blocks.push(Block::Text(clean(text)));
    }

    fn facts<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        let facts = facts.into_iter().map(|(label, value)| (label.to_owned(), clean(&value)));
        self.blocks.push(Block::Facts(facts.collect()));
    }

    fn table<const N: usize>(&mut self, columns: [(&str, u16); N], rows: Vec<[Value; N]>) {
        let columns = columns.map(|(title, share)| (title.to_owned(), share)).to_vec();
        let rows = rows.into_iter().map(|row| row.to_vec()).collect();
        self.blocks.push(Block::Table(Table { columns, rows }));
    }
}

impl Value {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(clean(&text.into()))
    }

    fn count(n: impl Into<f64>) -> Self {
        Self::Number(n.into())
    }

    fn maybe(value: Option<f64>) -> Self {
        value.map_or(Self::Unknown, Self::Number)
    }

    /// As it stands on paper.
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(value) => value.to_string(),
            Self::Unknown => "–".to_owned(),
        }
    }
}

/// A time with its zone: `2026-11-22 09:02 +08:00`.
fn minute(at: Utc, zone: &TimeZone) -> String {
    let zoned = at.timestamp().to_zoned(zone.clone());
    zoned.strftime("%Y-%m-%d %H:%M %:z").to_string()
}

/// Text that XML can hold, and a cell: control characters would make a file that is to be repaired.
fn clean(text: &str) -> String {
    let fit = |c: char| c == '\n' || c == '\t' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().take(CELL_CHARACTERS_MAX).map(|c| if fit(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced_and_what_is_too_long_is_cut() {
        assert_eq!(clean("桂东\u{0}\u{1b}[31m\n二行\u{ffff}"), "桂东\u{fffd}\u{fffd}[31m\n二行\u{fffd}");
        assert_eq!(clean(&"字".repeat(40_000)).chars().count(), CELL_CHARACTERS_MAX);
    }

    #[test]
    fn a_time_names_its_zone() {
        let at = Utc::parse("2026-11-22T01:02:00Z").unwrap();
        assert_eq!(minute(at, &TimeZone::get("Asia/Shanghai").unwrap()), "2026-11-22 09:02 +08:00");
    }
}
