//! Meetings from a calendar file (RFC 5545): one VEVENT is one meeting.
//!
//! What a calendar has no property for stands in `X-VCOPS-…` properties or in lines of the description such as
//! `分会场：桂东县、资兴市`. LOCATION is the main venue unless another is named.

mod line;
mod time;

use jiff::tz::TimeZone;

use self::line::{Line, lines};
use super::columns;
use super::draft::{Draft, Place};
use super::fields::{Fields, Reading};
use super::meeting::{self, Context};
use super::mistake::Mistake;
use super::names::{Known, Names};
use super::tree::{Entry, Node, Table, Value};
use crate::domain::id::{ID_BYTES_MAX, MeetingId};
use crate::domain::inventory::ItemRef;
use crate::domain::lang::Text;
use crate::domain::problem::Position;

/// Reads an `.ics` file.
pub(super) fn read(reading: &mut Reading, text: &str, known: &Known<'_>, zone: &TimeZone) -> Draft {
    let events = events(reading, text);
    let names = Names::of(known);
    let mut draft = Draft::default();
    if events.is_empty() && reading.is_clean() {
        reading.note(Position::START, meeting::nothing_found("会议（VEVENT）", "meeting (VEVENT)"));
    }
    for event in events {
        if event.property("STATUS").is_some_and(|line| line.value.trim().eq_ignore_ascii_case("CANCELLED")) {
            draft.removals.extend(event.id().map(ItemRef::Meeting));
            continue;
        }
        let (table, readable) = event.table(reading, zone);
        let cx = Context { names: &names, zone, base: known.inventory };
        let mut fields = Fields::new(reading, &table, event.at);
        let found = meeting::meeting(&mut fields, &cx);
        let fits = fields.finish() && readable;
        match found.filter(|_| fits) {
            Some(item) => draft.add(reading, item, Place::of(&table, event.at)),
            None => draft.left_out.extend(event.id().map(ItemRef::Meeting)),
        }
    }
    draft
}

/// The lines between BEGIN:VEVENT and END:VEVENT, without those of alarms inside.
struct Event {
    at: Position,
    lines: Vec<Line>,
}

fn events(reading: &mut Reading, text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut open: Vec<(String, Position)> = Vec::new();
    let mut lines_inside = Vec::new();
    for line in lines(text) {
        let line = match line {
            Ok(line) => line,
            Err(at) => {
                reading.note(at, no_colon());
                continue;
            }
        };
        let part = line.value.trim().to_uppercase();
        match line.name.as_str() {
            "BEGIN" => open.push((part, line.at)),
            "END" if open.last().is_some_and(|(name, _)| *name == part) => {
                let (name, at) = open.pop().expect("it was just seen");
                if name == "VEVENT" {
                    events.push(Event { at, lines: std::mem::take(&mut lines_inside) });
                }
            }
            "END" => reading.note(line.at, stray_end(&part)),
            _ if open.last().is_some_and(|(name, _)| name == "VEVENT") => lines_inside.push(line),
            _ => {}
        }
    }
    open.iter().for_each(|(name, at)| reading.note(*at, never_ends(name)));
    events
}

impl Event {
    fn property(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.name == name)
    }

    fn id(&self) -> Option<MeetingId> {
        self.property("UID").and_then(|line| MeetingId::parse(&id_of(line.value.trim())).ok())
    }

    /// The event as named values; whether its own properties could be read.
    fn table(&self, reading: &mut Reading, zone: &TimeZone) -> (Table, bool) {
        let mut table = Table::default();
        let readable = [self.times(reading, zone, &mut table), self.once(reading)];
        if let Some(line) = self.property("UID") {
            put(&mut table, "id", text_node(&id_of(line.value.trim()), line.value_at));
        }
        if let Some(line) = self.property("SUMMARY") {
            put(&mut table, "name", text_node(line.text().trim(), line.value_at));
        }
        for line in &self.lines {
            let field = line.name.strip_prefix("X-VCOPS-").map(|name| name.replace('-', "_"));
            match field.as_deref().map(columns::field) {
                Some(Some(field)) => {
                    put(&mut table, field, columns::node(field, &line.text(), line.value_at))
                }
                Some(None) => reading.note(line.at, Mistake::unknown_field(&line.name, &PROPERTIES)),
                None => {}
            }
        }
        self.description(&mut table);
        if let Some(line) = self.property("LOCATION").filter(|line| !line.value.trim().is_empty()) {
            put(&mut table, "main_venue", text_node(line.text().trim(), line.value_at));
        }
        (table, readable == [true, true])
    }

    /// Start and end, or start and length.
    fn times(&self, reading: &mut Reading, zone: &TimeZone, table: &mut Table) -> bool {
        let mut readable = true;
        let mut starts = None;
        for (name, field) in [("DTSTART", "starts"), ("DTEND", "ends")] {
            let Some(line) = self.property(name) else { continue };
            let at = reading.keep(line.value_at, time::moment(line, zone));
            readable &= at.is_some();
            starts = starts.or(at.filter(|_| name == "DTSTART"));
            // A time that cannot be read has been named: its field must not be called missing as well.
            let shown = at.or(starts).map_or_else(|| "2000-01-01T00:00:00Z".to_owned(), |at| at.to_string());
            put(table, field, text_node(&shown, line.value_at));
        }
        if let (Some(line), None) = (self.property("DURATION"), table.get("ends")) {
            let length = reading.keep(line.value_at, time::length(line));
            readable &= length.is_some();
            let ends = starts.unwrap_or_default() + length.unwrap_or_default();
            put(table, "ends", text_node(&ends.to_string(), line.value_at));
        }
        readable
    }

    /// A meeting happens once: which of a series would be meant is not guessed.
    fn once(&self, reading: &mut Reading) -> bool {
        let series = ["RRULE", "RDATE", "RECURRENCE-ID"].iter().find_map(|name| self.property(name));
        series.into_iter().for_each(|line| reading.note(line.at, recurring()));
        series.is_none()
    }

    /// Lines such as `主会场：市政府小礼堂`; other lines are prose.
    fn description(&self, table: &mut Table) {
        let Some(line) = self.property("DESCRIPTION") else { return };
        for part in line.text().lines() {
            let Some((heading, value)) = part.split_once(['：', ':']) else { continue };
            let field =
                columns::field(heading).filter(|field| !["", "date", "starts", "ends"].contains(field));
            if let Some(field) = field.filter(|_| !value.trim().is_empty()) {
                put(table, field, columns::node(field, value, line.value_at));
            }
        }
    }
}

/// The properties that say what a calendar has no word for.
const PROPERTIES: [&str; 10] = [
    "X-VCOPS-MAIN-VENUE",
    "X-VCOPS-VENUES",
    "X-VCOPS-PROFILE",
    "X-VCOPS-NETWORK",
    "X-VCOPS-CLASS",
    "X-VCOPS-OWNER",
    "X-VCOPS-MCU",
    "X-VCOPS-STANDBY-MCU",
    "X-VCOPS-REGION",
    "X-VCOPS-AGENDA",
];

/// The first word on a field stands.
fn put(table: &mut Table, field: &str, node: Node) {
    if table.get(field).is_none() {
        table.entries.push(Entry { key: field.to_owned(), at: node.at, node });
    }
}

fn text_node(text: &str, at: Position) -> Node {
    Node { at, value: Value::Text(text.to_owned()) }
}

/// A UID as an id: the same where it can be, else what is left of it with a sum of all of it (FNV-1a).
fn id_of(uid: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let plain = uid.to_lowercase().replace('@', ".");
    if plain.len() <= ID_BYTES_MAX && plain.chars().all(allowed) {
        return plain;
    }
    let sum = uid
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let kept: String = plain.chars().filter(|c| allowed(*c)).take(40).collect();
    format!("{kept}-{sum:016x}")
}

fn no_colon() -> Mistake {
    Mistake::new(
        "not_a_property",
        Text::new("这一行没有冒号，不是日历属性", "this line has no colon and is no calendar property"),
        Text::new(
            "重新从日历导出文件；折行以空格开头",
            "export the calendar again; folded lines start with a space",
        ),
    )
}

fn stray_end(name: &str) -> Mistake {
    Mistake::new(
        "stray_end",
        Text::new(format!("END:{name} 没有对应的 BEGIN"), format!("END:{name} ends nothing that is open")),
        Text::new("重新从日历导出文件", "export the calendar again"),
    )
}

fn never_ends(name: &str) -> Mistake {
    Mistake::new(
        "never_ends",
        Text::new(
            format!("BEGIN:{name} 没有对应的 END，文件可能不完整"),
            format!("BEGIN:{name} never ends: the file may be cut off"),
        ),
        Text::new("重新从日历导出文件", "export the calendar again"),
    )
}

fn recurring() -> Mistake {
    Mistake::new(
        "recurring",
        Text::new("重复日程不能作为一次会议", "a recurring entry is not one meeting"),
        Text::new("每次会议单独建一条日程", "make one entry for each meeting"),
    )
}
