//! Mapping files: where the values of a device stand that no adapter knows by itself. All mistakes of a file at once.
//!
//! A mapping is a file of its own, named by the `mapping` of a device's control. It knows no device and no secret.

mod json;
mod part;

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use crate::domain::lang::Text;
use crate::domain::mcu::Interface;
use crate::domain::problem::{Position, Problem};
use crate::domain::reading::ReadingName;
use crate::intake::fields::{Fields, Reading, list, table};
use crate::intake::mistake::Mistake;
use crate::intake::source;
use crate::intake::tree::{Node, Table};
use crate::intake::value::{finite, parsed, text, word};
use crate::intake::{document, words::Word};
use crate::mcu::json::mapping::Mapping;
use crate::mcu::prometheus::{Further, FurtherMeans};
use crate::mcu::snmp::mapping::{Means, READINGS_MAX, SnmpMapping, SnmpReading};
use crate::mcu::snmp::name::ObjectName;
use part::{reading_name, scalars};

/// Largest mapping file, in bytes.
pub const FILE_BYTES_MAX: usize = 256 << 10;

/// A mapping for one interface.
#[derive(Debug, Clone, PartialEq)]
pub enum DeviceMapping {
    /// Any HTTP interface that answers JSON.
    Json(Box<Mapping>),
    /// Objects outside the known sets.
    Snmp(SnmpMapping),
    /// Series outside the known pages.
    Prometheus(Vec<Further>),
}

impl DeviceMapping {
    /// The interface it is for.
    pub fn interface(&self) -> Interface {
        match self {
            Self::Json(_) => Interface::Json,
            Self::Snmp(_) => Interface::Snmp,
            Self::Prometheus(_) => Interface::Prometheus,
        }
    }
}

/// Reads a mapping file; a file that cannot be opened is a problem like any other.
pub fn load(path: &FilePath) -> Result<DeviceMapping, Vec<Problem>> {
    let file = path.display().to_string();
    let refuse = |mistake| {
        let mut reading = Reading::new(&file, "mapping");
        reading.note(Position::START, mistake);
        reading.into_problems()
    };
    let bytes = std::fs::read(path).map_err(|error| refuse(unreadable(&error.to_string())))?;
    read(&file, &bytes)
}

/// Reads a mapping from the bytes of a file. Total over any bytes.
pub fn read(file: &str, bytes: &[u8]) -> Result<DeviceMapping, Vec<Problem>> {
    let mut reading = Reading::new(file, "mapping");
    let fits = bytes.len() <= FILE_BYTES_MAX;
    let text = source::decode(bytes).filter(|_| fits).ok_or_else(unfit);
    let found = reading.keep(Position::START, text).and_then(|text| {
        let document = document::parse(&mut reading, &text);
        mapping(&mut reading, &document)
    });
    match found {
        Some(mapping) if reading.is_clean() => Ok(mapping),
        Some(_) | None => Err(reading.into_problems()),
    }
}

fn mapping(reading: &mut Reading, document: &Table) -> Option<DeviceMapping> {
    let mut fields = Fields::new(reading, document, Position::START);
    let interface: Option<MappedInterface> = fields.need("interface", word);
    let found = match interface? {
        MappedInterface::Json => {
            json::mapping(&mut fields).map(|mapping| DeviceMapping::Json(Box::new(mapping)))
        }
        MappedInterface::Snmp => {
            readings(&mut fields, snmp_reading).map(|readings| DeviceMapping::Snmp(SnmpMapping { readings }))
        }
        MappedInterface::Prometheus => readings(&mut fields, further).map(DeviceMapping::Prometheus),
    };
    // Also when something is wrong already: what nobody asked for is named in the same breath.
    let clean = fields.finish();
    found.filter(|_| clean)
}

/// The interfaces that take a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MappedInterface {
    Json,
    Snmp,
    Prometheus,
}

impl Word for MappedInterface {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Json, &["json"]), (Self::Snmp, &["snmp"]), (Self::Prometheus, &["prometheus"])];
}

/// `[[reading]]`: at least one, each name once.
fn readings<T>(
    fields: &mut Fields<'_, '_>,
    read: impl Fn(&mut Fields<'_, '_>) -> Option<(ReadingName, T)>,
) -> Option<Vec<T>> {
    let nodes = fields.nodes("reading");
    if nodes.is_empty() {
        fields.refuse(fields.at, Mistake::missing_field("reading"));
    }
    if nodes.len() > READINGS_MAX {
        fields.refuse(fields.place("reading"), too_many());
        return None;
    }
    let mut found = Vec::new();
    let mut named = std::collections::BTreeSet::new();
    for node in nodes {
        let Some((name, value)) = one(fields.reading, node, "reading", &read) else {
            fields.spoil();
            continue;
        };
        if !named.insert(name.clone()) {
            fields.refuse(node.at, twice(name.as_str()));
        }
        found.push(value);
    }
    Some(found)
}

/// Reads one table of a list, under its name.
fn one<T>(
    reading: &mut Reading,
    node: &Node,
    name: &str,
    read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> Option<T> {
    reading.within(name, |reading| {
        let table = table(reading, node)?;
        let mut fields = Fields::new(reading, table, node.at);
        let found = read(&mut fields);
        let clean = fields.finish();
        found.filter(|_| clean)
    })
}

fn snmp_reading(fields: &mut Fields<'_, '_>) -> Option<(ReadingName, SnmpReading)> {
    let name = fields.need("name", reading_name);
    let object = fields.need(
        "object",
        parsed(|text| {
            let wanted = Text::new("对象标识", "an object identifier");
            ObjectName::parse(text)
                .ok_or_else(|| Mistake::wrong_form(text, &wanted, "1.3.6.1.4.1.318.1.1.1.0"))
        }),
    );
    let one_of = fields.maybe("one_of", list(scalars));
    let numeric = fields.has("scale") || fields.has("offset");
    let scale = fields.or("scale", 1.0, finite);
    let offset = fields.or("offset", 0.0, finite);
    let absent = fields.or("absent", Vec::new(), list(scalars));
    if one_of.is_some() && numeric {
        fields.refuse(fields.place("one_of"), number_or_word());
    }
    let means = match one_of {
        Some(words) => Means::IsOneOf(words.into_iter().collect()),
        None => Means::Number { scale, offset },
    };
    let name = name?;
    let reading =
        SnmpReading { name: name.clone(), object: object?, means, absent: absent.into_iter().collect() };
    Some((name, reading))
}

fn further(fields: &mut Fields<'_, '_>) -> Option<(ReadingName, Further)> {
    let name = fields.need("name", reading_name);
    let series = fields.need("series", text);
    let labels = fields.or("labels", BTreeMap::new(), labels);
    let numeric = fields.has("scale") || fields.has("offset");
    let scale = fields.or("scale", 1.0, finite);
    let offset = fields.or("offset", 0.0, finite);
    let age = fields.or("age_hours", false, crate::intake::value::flag);
    if age && numeric {
        fields.refuse(fields.place("age_hours"), number_or_word());
    }
    let means = if age { FurtherMeans::AgeHours } else { FurtherMeans::Number { scale, offset } };
    let name = name?;
    Some((name.clone(), Further { name, series: series?, labels, means }))
}

fn labels(reading: &mut Reading, node: &Node) -> Option<BTreeMap<String, String>> {
    let entries = &table(reading, node)?.entries;
    let read: Vec<Option<(String, String)>> =
        entries.iter().map(|entry| Some((entry.key.clone(), text(reading, &entry.node)?))).collect();
    read.into_iter().collect()
}

fn unreadable(error: &str) -> Mistake {
    Mistake::new(
        "unreadable",
        Text::new(format!("打不开映射文件：{error}"), format!("the mapping cannot be read: {error}")),
        Text::new("检查路径与权限", "check the path and its rights"),
    )
}

fn unfit() -> Mistake {
    let kib = FILE_BYTES_MAX >> 10;
    Mistake::new(
        "unfit_file",
        Text::new(format!("不是文本，或大于 {kib} KiB"), format!("no text, or larger than {kib} KiB")),
        Text::new("另存为 UTF-8 文本", "save it as UTF-8 text"),
    )
}

fn too_many() -> Mistake {
    Mistake::new(
        "too_many_readings",
        Text::new(format!("读数多于 {READINGS_MAX} 项"), format!("more than {READINGS_MAX} readings")),
        Text::new("只留需要判断的读数", "keep the readings that matter"),
    )
}

fn twice(name: &str) -> Mistake {
    Mistake::new(
        "twice",
        Text::new(format!("读数 “{name}” 写了两次"), format!("the reading \"{name}\" stands there twice")),
        Text::new("只留一处", "keep one of the two"),
    )
}

fn number_or_word() -> Mistake {
    Mistake::new(
        "number_or_comparison",
        Text::new(
            "一个读数要么按数值换算，要么作比较，不能两样都写",
            "a reading is a number or a comparison, not both",
        ),
        Text::new("删去 scale 和 offset，或删去比较", "remove scale and offset, or the comparison"),
    )
}
