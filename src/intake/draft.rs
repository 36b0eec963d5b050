//! What a file asks for, item by item, before it is checked against everything else.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Reading;
use super::mistake::Mistake;
use super::names::noun_zh;
use super::tree::Table;
use crate::domain::inventory::{Item, ItemRef, PersonDetails};
use crate::domain::lang::Text;
use crate::domain::problem::Position;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Items in the order of the file.
    pub(super) items: Vec<Placed>,
    /// Names and numbers of people.
    pub(super) people: Vec<PersonDetails>,
    /// Items the file cancels.
    pub(super) removals: Vec<ItemRef>,
    /// Items the file names but that have mistakes of their own.
    pub(super) left_out: BTreeSet<ItemRef>,
    /// Where each item was first named.
    pub(super) named: BTreeMap<ItemRef, Position>,
}

/// An item and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The item.
    pub(super) item: Item,
    /// Where it and its values stand.
    pub(super) place: Place,
}

/// Where an item and its values stand.
#[derive(Debug, Clone)]
pub struct Place {
    /// The item's first line.
    pub at: Position,
    marks: Vec<Mark>,
}

/// Where one value of a field stands.
#[derive(Debug, Clone)]
struct Mark {
    field: String,
    text: String,
    at: Position,
}

impl Place {
    /// Of an item that stands in no file.
    pub(super) fn unknown() -> Self {
        Self { at: Position::START, marks: Vec::new() }
    }

    /// The places in a table.
    pub(super) fn of(table: &Table, at: Position) -> Self {
        let mut marks = Vec::new();
        for entry in &table.entries {
            let mark =
                |(text, at): (&str, Position)| Mark { field: entry.key.clone(), text: text.to_owned(), at };
            marks.push(mark(("", entry.node.at)));
            marks.extend(entry.node.texts().into_iter().map(mark));
        }
        Self { at, marks }
    }

    /// Where a field says one of these texts, else where its value starts, else where the item starts.
    pub(super) fn find(&self, field: &str, texts: &[&str]) -> Position {
        // A shift's window is written as two fields, an agent inside its venue.
        let fields = match field {
            "window" => ["until", "minutes"],
            "venue" => ["venue", "agent"],
            field => [field, field],
        };
        let here = || self.marks.iter().filter(|mark| fields.contains(&mark.field.as_str()));
        let said = here().rfind(|mark| texts.contains(&mark.text.as_str()));
        said.or_else(|| here().next()).map_or(self.at, |mark| mark.at)
    }
}

impl Draft {
    /// Takes an item unless the file has named it before.
    pub(super) fn add(&mut self, reading: &mut Reading, item: Item, place: Place) {
        let me = item.reference();
        match self.named.get(&me) {
            Some(first) => reading.note(place.find("id", &[me.id()]), twice(&me, *first)),
            None => {
                self.named.insert(me, place.at);
                self.items.push(Placed { item, place });
            }
        }
    }

    /// Takes an item out again, for its mistakes.
    pub(super) fn leave_out(&mut self, item: ItemRef) {
        self.items.retain(|placed| placed.item.reference() != item);
        self.left_out.insert(item);
    }
}

fn twice(item: &ItemRef, first: Position) -> Mistake {
    let (noun, id, line) = (item.noun(), item.id(), first.line);
    Mistake::new(
        "duplicate_id",
        Text::new(
            format!("{} “{id}” 在第 {line} 行已经写过", noun_zh(noun)),
            format!("the {noun} \"{id}\" was already given in line {line}"),
        ),
        Text::new("换一个标识，或删去其中一处", "choose another id, or remove one of the two"),
    )
}
