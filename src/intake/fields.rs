//! Walks a table field by field and keeps every mistake instead of stopping at the first.
//!
//! The names that are asked for are the names that exist: what is left over at the end is unknown.

use std::collections::BTreeSet;

use super::mistake::Mistake;
use super::tree::{Entry, Node, Table, Value};
use crate::domain::lang::Text;
use crate::domain::problem::{Position, Problem};

/// How many problems of one file are listed: nobody reads more, and a wrong file has one in every line.
const PROBLEMS_MAX: usize = 200;

/// One reading of one file: the problems so far and the field being read.
#[derive(Debug)]
pub struct Reading {
    file: String,
    area: &'static str,
    path: Vec<String>,
    problems: Vec<Problem>,
    torn: BTreeSet<u32>,
}

impl Reading {
    /// Nothing read yet. `area` opens every code, such as `intake` in `intake.unknown_field`.
    pub fn new(file: &str, area: &'static str) -> Self {
        Self { file: file.to_owned(), area, path: Vec::new(), problems: Vec::new(), torn: BTreeSet::new() }
    }

    /// Notes a mistake at a place, under the field being read.
    pub fn note(&mut self, at: Position, mistake: Mistake) {
        let consequence = ["missing_field", "missing_reference", "refers_to_bad"].contains(&mistake.kind);
        if self.torn.contains(&at.line) || (self.is_torn() && consequence) {
            return;
        }
        let what = match self.path.join(".") {
            path if path.is_empty() => mistake.what,
            path => Text::new(format!("{path}：{}", mistake.what.zh), format!("{path}: {}", mistake.what.en)),
        };
        let code = format!("{}.{}", self.area, mistake.kind).into();
        self.problems.push(Problem { file: self.file.clone(), at, code, what, remedy: mistake.remedy });
    }

    /// Notes a mistake of the language itself. What its line seems to say, or to leave out, is not judged.
    pub fn note_syntax(&mut self, at: Position, mistake: Mistake) {
        self.note(at, mistake);
        self.torn.insert(at.line);
    }

    /// Whether the file has a mistake of the language itself.
    pub fn is_torn(&self) -> bool {
        !self.torn.is_empty()
    }

    /// Notes the mistake of a failed result.
    pub fn keep<T>(&mut self, at: Position, result: Result<T, Mistake>) -> Option<T> {
        result.map_err(|mistake| self.note(at, mistake)).ok()
    }

    /// Reads within a named part, which messages then name.
    pub fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(name.to_owned());
        let value = read(self);
        self.path.pop();
        value
    }

    /// Whether anything was noted.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// All problems in the order of the file.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.at);
        self.problems.dedup();
        let more = self.problems.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            self.problems.truncate(PROBLEMS_MAX);
            let at = self.problems.last().map_or(Position::START, |problem| problem.at);
            self.torn.clear();
            self.note(at, too_many(more));
        }
        self.problems
    }
}

fn too_many(more: usize) -> Mistake {
    Mistake::new(
        "too_many",
        Text::new(format!("另有 {more} 处问题未列出"), format!("{more} more problems are not listed")),
        Text::new("先改正以上各处", "correct those above first"),
    )
}

/// A table while it is read.
#[derive(Debug)]
pub struct Fields<'r, 't> {
    /// Where problems go.
    pub reading: &'r mut Reading,
    /// Where the table starts.
    pub at: Position,
    table: &'t Table,
    asked: Vec<&'static str>,
    spoiled: bool,
}

impl<'r, 't> Fields<'r, 't> {
    /// Starts reading a table.
    pub fn new(reading: &'r mut Reading, table: &'t Table, at: Position) -> Self {
        Self { reading, at, table, asked: Vec::new(), spoiled: false }
    }

    /// A field that must be there. `None` when it is not or has a mistake, which is noted.
    pub fn need<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Reading, &Node) -> Option<T>,
    ) -> Option<T> {
        let found = self.maybe(name, read);
        if found.is_none() && !self.has(name) {
            self.refuse(self.at, Mistake::missing_field(name));
        }
        found
    }

    /// A field that may be left out. `None` when it is, or when it has a mistake, which is noted.
    pub fn maybe<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Reading, &Node) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(name);
        let node = self.table.get(name)?;
        let found = self.reading.within(name, |reading| read(reading, node));
        self.spoiled |= found.is_none();
        found
    }

    /// A field that may be left out, with its default.
    pub fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&mut Reading, &Node) -> Option<T>,
    ) -> T {
        self.maybe(name, read).unwrap_or(default)
    }

    /// The elements of a list that are read elsewhere; none when it is not given.
    pub fn nodes(&mut self, name: &'static str) -> &'t [Node] {
        self.asked.push(name);
        match self.table.get(name) {
            Some(Node { value: Value::List(nodes), .. }) => nodes,
            Some(node) => std::slice::from_ref(node),
            None => &[],
        }
    }

    /// Whether the file gives the field.
    pub fn has(&self, name: &str) -> bool {
        self.table.get(name).is_some()
    }

    /// Where a field's value stands, or the table when it is not given.
    pub fn place(&self, name: &str) -> Position {
        self.table.get(name).map_or(self.at, |node| node.at)
    }

    /// Where a value in a table inside stands, or that table, or this one.
    pub fn inner_place(&self, name: &str, inner: &str) -> Position {
        match self.table.get(name) {
            Some(Node { value: Value::Table(table), at }) => table.get(inner).map_or(*at, |node| node.at),
            Some(node) => node.at,
            None => self.at,
        }
    }

    /// Notes a mistake that spoils the whole table.
    pub fn refuse(&mut self, at: Position, mistake: Mistake) {
        self.spoiled = true;
        self.reading.note(at, mistake);
    }

    /// Marks the table as one with a mistake that was noted elsewhere.
    pub fn spoil(&mut self) {
        self.spoiled = true;
    }

    /// Names what was not asked for; whether the table is without a mistake.
    pub fn finish(mut self) -> bool {
        let strange = |entry: &&Entry| !self.asked.contains(&entry.key.as_str());
        let strangers: Vec<&Entry> = self.table.entries.iter().filter(strange).collect();
        for entry in strangers {
            self.spoiled = true;
            self.reading.note(entry.at, Mistake::unknown_field(&entry.key, &self.asked));
        }
        !self.spoiled
    }
}

/// A table as such.
pub fn table<'a>(reading: &mut Reading, node: &'a Node) -> Option<&'a Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        Value::Text(_) | Value::Whole(_) | Value::Number(_) | Value::Flag(_) => refuse_table(reading, node),
        Value::Moment(_) | Value::List(_) => refuse_table(reading, node),
    }
}

fn refuse_table<T>(reading: &mut Reading, node: &Node) -> Option<T> {
    reading.note(node.at, Mistake::wrong_kind(&Text::new("表", "a table"), &node.value.kind()));
    None
}

/// Reads every element of a list; a single value counts as a list of one. `None` when any has a mistake.
pub fn list<T>(
    mut read: impl FnMut(&mut Reading, &Node) -> Option<T>,
) -> impl FnMut(&mut Reading, &Node) -> Option<Vec<T>> {
    move |reading, node| {
        let nodes = match &node.value {
            Value::List(nodes) => nodes.as_slice(),
            Value::Text(_) | Value::Whole(_) | Value::Number(_) => std::slice::from_ref(node),
            Value::Flag(_) | Value::Moment(_) | Value::Table(_) => std::slice::from_ref(node),
        };
        let read: Vec<Option<T>> = nodes.iter().map(|node| read(reading, node)).collect();
        read.into_iter().collect()
    }
}
