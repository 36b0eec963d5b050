//! A city's inventory file: every noun as a list of tables, a venue with its links inside.
//!
//! Names are collected first, so that a reference may say a shown name wherever it stands.

mod network;
mod venue;
mod equipment;
mod stream;
mod people;

use jiff::tz::TimeZone;

use super::document;
use super::draft::{Draft, Place};
use super::emergency;
use super::fields::{Fields, Reading, table};
use super::meeting::{self, Context};
use super::mistake::Mistake;
use super::names::{Known, Names, reference};
use super::tree::{Node, Table, Value};
use super::value;
use crate::domain::id::VenueId;
use crate::domain::inventory::{Change, Inventory, Item};
use crate::domain::lang::Text;
use crate::domain::problem::Position;

/// The nouns a city file lists, in the order in which one may refer to another.
pub const NOUNS: [&str; 13] = [
    "region",
    "carrier",
    "trunk",
    "person",
    "venue",
    "endpoint",
    "mcu",
    "equipment",
    "stream",
    "profile",
    "meeting",
    "shift",
    "plan",
];

/// Reads a city's inventory.
pub(super) fn read(reading: &mut Reading, text: &str, known: &Known<'_>, zone: &TimeZone) -> Draft {
    let document = document::parse(reading, text);
    let mut names = Names::of(known);
    collect_names(&document, &mut names);
    let mut root = Fields::new(reading, &document, Position::START);
    let zone = root.or("timezone", zone.clone(), value::zone);
    let lists = NOUNS.map(|noun| (noun, root.nodes(noun)));
    root.finish();
    let mut city = City { reading, draft: Draft::default(), names, zone, base: known.inventory.clone() };
    for (noun, nodes) in lists {
        city.list(noun, nodes);
    }
    // Around a syntax error a value may have landed in the wrong table: such a file is taken whole or not at all.
    if city.reading.is_torn() {
        city.reading.note_syntax(Position::START, torn());
        return Draft::default();
    }
    city.draft
}

fn torn() -> Mistake {
    Mistake::new(
        "torn",
        Text::new(
            "文件有语法错误，其中的内容一概未采用",
            "nothing of this file is taken: its syntax has mistakes",
        ),
        Text::new("改正语法后重新提交", "correct the syntax and submit it again"),
    )
}

/// Notes every shown name of the file before anything refers to it.
fn collect_names(document: &Table, names: &mut Names) {
    for noun in NOUNS {
        let Some(Node { value: Value::List(nodes), .. }) = document.get(noun) else { continue };
        for node in nodes {
            if let Some(id) = text_at(node, "id") {
                names.add(noun, text_at(node, "name").unwrap_or(id), id);
            }
        }
    }
}

/// A city file while it is read.
struct City<'a> {
    reading: &'a mut Reading,
    draft: Draft,
    names: Names,
    zone: TimeZone,
    /// The current inventory with what was read so far.
    base: Inventory,
}

impl City<'_> {
    fn list(&mut self, noun: &'static str, nodes: &[Node]) {
        match noun {
            "region" => self.each(noun, nodes, network::region),
            "carrier" => self.each(noun, nodes, network::carrier),
            "trunk" => self.each(noun, nodes, network::trunk),
            "person" => self.people(nodes),
            "venue" => self.venues(nodes),
            "endpoint" => self.each(noun, nodes, venue::endpoint),
            "mcu" => self.each(noun, nodes, venue::mcu),
            "equipment" => self.each(noun, nodes, equipment::equipment),
            "stream" => self.each(noun, nodes, stream::stream),
            "profile" => self.each(noun, nodes, people::profile),
            "meeting" => self.each(noun, nodes, meeting::meeting),
            "shift" => self.each(noun, nodes, meeting::shift),
            _ => self.each(noun, nodes, emergency::plan),
        }
    }

    fn each(
        &mut self,
        noun: &'static str,
        nodes: &[Node],
        read: impl Fn(&mut Fields<'_, '_>, &Context<'_>) -> Option<Item>,
    ) {
        for node in nodes {
            if let Some(item) = self.one(noun, node, &read) {
                self.take(item, node);
            }
        }
    }

    /// Reads one table; `None` when it has a mistake, and then its id is remembered as left out.
    fn one<T>(
        &mut self,
        noun: &'static str,
        node: &Node,
        read: impl FnOnce(&mut Fields<'_, '_>, &Context<'_>) -> Option<T>,
    ) -> Option<T> {
        let Self { reading, names, zone, base, draft } = self;
        let cx = Context { names, zone, base };
        let found = reading.within(noun, |reading| {
            let table = table(reading, node)?;
            let mut fields = Fields::new(reading, table, node.at);
            let found = read(&mut fields, &cx);
            let clean = fields.finish();
            found.filter(|_| clean)
        });
        if found.is_none() {
            let id = text_at(node, "id").and_then(|id| reference(noun, id));
            draft.left_out.extend(id);
        }
        found
    }

    fn take(&mut self, item: Item, node: &Node) {
        let Value::Table(table) = &node.value else { return };
        self.base.apply(&Change::Put(item.clone()));
        self.draft.add(self.reading, item, Place::of(table, node.at));
    }

    fn people(&mut self, nodes: &[Node]) {
        for node in nodes {
            let Some((person, details)) = self.one("person", node, people::person) else { continue };
            self.take(Item::Person(person), node);
            self.draft.people.push(details);
        }
    }

    fn venues(&mut self, nodes: &[Node]) {
        for node in nodes {
            let name = text_at(node, "name").unwrap_or_default();
            let id = text_at(node, "id").and_then(|id| VenueId::parse(id).ok());
            if let Some((venue, agent)) = self.one("venue", node, venue::venue) {
                self.take(Item::Venue(venue), node);
                agent.into_iter().for_each(|agent| self.take(Item::Agent(agent), node));
            }
            self.links(node, id.as_ref(), name);
        }
    }

    /// The links inside a venue are read even when the venue itself has a mistake: all mistakes at once.
    fn links(&mut self, venue: &Node, id: Option<&VenueId>, name: &str) {
        let Value::Table(table) = &venue.value else { return };
        let Some(Node { value: Value::List(nodes), .. }) = table.get("link") else { return };
        for node in nodes {
            let link = self.one("link", node, |fields, cx| network::link(fields, cx, id, name));
            link.into_iter().for_each(|link| self.take(Item::Link(link), node));
        }
    }
}

fn text_at<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    let Value::Table(table) = &node.value else { return None };
    table.get(key).and_then(Node::as_text).map(str::trim)
}
