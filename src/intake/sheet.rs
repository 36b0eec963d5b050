//! A table of meetings, or a duty roster, as a spreadsheet exports it.

use jiff::tz::TimeZone;

use super::cells::{Cell, rows};
use super::columns::{field, headings, node};
use super::draft::{Draft, Place};
use super::fields::{Fields, Reading};
use super::meeting::{self, Context};
use super::mistake::{Mistake, suggestion};
use super::names::{Known, Names, reference};
use super::tree::{Entry, Node, Table, Value};
use crate::domain::lang::Text;
use crate::domain::problem::Position;

/// Reads a `.csv` file. Its first row names the columns.
pub(super) fn read(reading: &mut Reading, text: &str, known: &Known<'_>, zone: &TimeZone) -> Draft {
    let (rows, open) = rows(text);
    let mut draft = Draft::default();
    open.into_iter().for_each(|at| reading.note(at, open_quote()));
    let Some((head, rows)) = rows.split_first() else {
        reading.note(Position::START, meeting::nothing_found("表头", "row of headings"));
        return draft;
    };
    let head: Vec<Option<&str>> = head.iter().map(|cell| heading(reading, cell)).collect();
    let roster = head.contains(&Some("operators"));
    if !roster && !head.contains(&Some("main_venue")) {
        reading.note(Position::START, no_subject());
        return draft;
    }
    let names = Names::of(known);
    for cells in rows {
        let at = cells.first().map_or(Position::START, |cell| cell.at);
        let table = table(reading, &head, cells, roster);
        let cx = Context { names: &names, zone, base: known.inventory };
        let mut fields = Fields::new(reading, &table, at);
        let found =
            if roster { meeting::shift(&mut fields, &cx) } else { meeting::meeting(&mut fields, &cx) };
        let fits = fields.finish() && cells.len() <= head.len();
        match found.filter(|_| fits) {
            Some(item) => draft.add(reading, item, Place::of(&table, at)),
            None => draft.left_out.extend(named(&table, roster)),
        }
    }
    draft
}

fn named(table: &Table, roster: bool) -> Option<crate::domain::inventory::ItemRef> {
    let noun = if roster { "shift" } else { "meeting" };
    table.get("id").and_then(Node::as_text).and_then(|id| reference(noun, id))
}

fn heading(reading: &mut Reading, cell: &Cell) -> Option<&'static str> {
    let text = cell.text.trim();
    if text.is_empty() {
        return Some("");
    }
    let found = field(text);
    if found.is_none() {
        reading.note(cell.at, unknown_column(text));
    }
    found
}

/// One row as named values. A date in a column of its own goes before the times that have none.
fn table(reading: &mut Reading, head: &[Option<&str>], cells: &[Cell], roster: bool) -> Table {
    for extra in cells.iter().skip(head.len()).filter(|cell| !cell.text.trim().is_empty()).take(1) {
        reading.note(extra.at, extra_cell());
    }
    let named = head.iter().zip(cells).filter_map(|(field, cell)| field.map(|field| (field, cell)));
    let filled = named.filter(|(field, cell)| !field.is_empty() && !cell.text.trim().is_empty());
    let filled: Vec<(&str, &Cell)> = filled.collect();
    let date = filled.iter().find(|(field, _)| *field == "date").map(|(_, cell)| cell.text.trim().to_owned());
    let mut table = Table::default();
    for (field, cell) in filled.into_iter().filter(|(field, _)| *field != "date") {
        let key = key(field, roster);
        if table.get(key).is_some() {
            continue;
        }
        let mut node = node(field, &cell.text, cell.at);
        if let (Value::Text(text), Some(date), true) =
            (&mut node.value, &date, ["starts", "ends"].contains(&field))
        {
            let dated = text.contains(['-', '/', '年', '.']);
            *text = if dated { std::mem::take(text) } else { format!("{date} {text}") };
        }
        table.entries.push(Entry { key: key.to_owned(), at: cell.at, node });
    }
    table
}

fn key(field: &str, roster: bool) -> &str {
    match (roster, field) {
        (true, "starts") => "from",
        (true, "ends") => "until",
        (_, field) => field,
    }
}

fn unknown_column(text: &str) -> Mistake {
    Mistake::new(
        "unknown_column",
        Text::new(
            format!("不认识列名 “{text}”，这一列未读"),
            format!("the column \"{text}\" is not known and not read"),
        ),
        suggestion(text, &headings()),
    )
}

fn extra_cell() -> Mistake {
    Mistake::new(
        "extra_cell",
        Text::new("这一行的格数多于表头", "this row has more cells than there are headings"),
        Text::new("含逗号的内容要加双引号", "put double quotes around what holds a comma"),
    )
}

fn open_quote() -> Mistake {
    Mistake::new(
        "open_quote",
        Text::new("双引号没有闭合", "a double quote is never closed"),
        Text::new("补上结尾的双引号", "add the closing double quote"),
    )
}

fn no_subject() -> Mistake {
    Mistake::new(
        "no_subject",
        Text::new(
            "表头中既没有 “主会场”，也没有 “值班员”，看不出是会议表还是值班表",
            "the headings have neither \"main_venue\" nor \"operators\": neither meetings nor a duty roster",
        ),
        Text::new(
            "会议表的列：会议名称、开始、结束、主会场、分会场、规格；值班表的列：开始、结束、值班员、带班领导",
            "meetings: name, starts, ends, main_venue, venues, profile; roster: starts, ends, operators, leader",
        ),
    )
}
