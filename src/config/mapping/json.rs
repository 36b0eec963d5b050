//! The mapping of an HTTP interface that answers JSON.

use std::collections::BTreeMap;

use super::part::{condition, conditions, number, number_of, path, reading_name, scalars};
use super::{number_or_word, one, readings};
use crate::domain::lang::Text;
use crate::domain::reading::ReadingName;
use crate::intake::fields::{Fields, Reading, list, table};
use crate::intake::mistake::Mistake;
use crate::intake::tree::Node;
use crate::intake::value::{parsed, text, word};
use crate::intake::words::Word;
use crate::mcu::json::mapping::{
    AccountStyle, AlarmsMap, CONFERENCE_PLACE, CapacityMap, ConferencesMap, Figure, HealthMap, Mapping,
    ParticipantsMap, ReadingMap, ReadingValue, Request, StreamMap,
};
use crate::mcu::json::path::Path;
use crate::observation::device::{AlarmLevel, CapacityUnit, Medium, Service, Way};

/// States of a service by the field that says when, the gravest first.
const STATES: [(&str, Service); 5] = [
    ("failed_when", Service::Failed),
    ("starting_when", Service::Starting),
    ("draining_when", Service::Draining),
    ("degraded_when", Service::Degraded),
    ("up_when", Service::Up),
];

impl Word for CapacityUnit {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self::Ports, &["ports"]),
        (Self::Tokens, &["tokens"]),
        (Self::Licences, &["licences"]),
        (Self::Percent, &["percent"]),
    ];
}

impl Word for Medium {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::Audio, &["audio"]), (Self::Video, &["video"]), (Self::Content, &["content", "辅流"])];
}

impl Word for Way {
    const WORDS: &'static [(Self, &'static [&'static str])] =
        &[(Self::FromSite, &["from_site", "上行"]), (Self::ToSite, &["to_site", "下行"])];
}

pub(super) fn mapping(fields: &mut Fields<'_, '_>) -> Option<Mapping> {
    let account = fields.or("account", AccountStyle::Basic, parsed(account));
    let health = fields.need("health", inside(health));
    let capacities = fields.or("capacity", Vec::new(), list(inside(capacity)));
    let readings = match fields.has("reading") {
        true => readings(fields, reading),
        false => Some(Vec::new()),
    };
    let alarms = fields.maybe("alarms", inside(alarms));
    let conferences = fields.maybe("conferences", inside(conferences));
    let participants = fields.maybe("participants", inside(participants));
    if fields.has("participants") && !fields.has("conferences") {
        fields.refuse(fields.place("participants"), no_conferences());
    }
    let (health, readings) = (health?, readings?);
    Some(Mapping { account, health, capacities, readings, alarms, conferences, participants })
}

/// A table whose fields are read by `read`.
fn inside<T>(read: impl Fn(&mut Fields<'_, '_>) -> Option<T>) -> impl Fn(&mut Reading, &Node) -> Option<T> {
    move |reading, node| {
        let table = table(reading, node)?;
        let mut fields = Fields::new(reading, table, node.at);
        let found = read(&mut fields);
        let clean = fields.finish();
        found.filter(|_| clean)
    }
}

fn account(text: &str) -> Result<AccountStyle, Mistake> {
    let named = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match text.strip_prefix("header:") {
        Some(name) if !name.is_empty() && name.chars().all(named) => {
            Ok(AccountStyle::Header(name.to_owned()))
        }
        Some(_) => {
            Err(Mistake::wrong_form(text, &Text::new("报头名称", "a header's name"), "header:X-API-Key"))
        }
        None if text == "basic" => Ok(AccountStyle::Basic),
        None if text == "bearer" => Ok(AccountStyle::Bearer),
        None => Err(Mistake::unknown_word(text, &["basic", "bearer", "header:NAME"])),
    }
}

/// A request is below the device's address: it names no other host and climbs nowhere.
fn request(reading: &mut Reading, node: &Node) -> Option<Request> {
    parsed(|text| {
        let elsewhere =
            text.starts_with('/') || text.contains("://") || text.split(['/', '?']).any(|part| part == "..");
        let odd = text.contains(|c: char| c.is_whitespace() || c == '#' || c == '\\');
        match elsewhere || odd {
            true => Err(bad_request()),
            false => Ok(Request(text.to_owned())),
        }
    })(reading, node)
}

fn health(fields: &mut Fields<'_, '_>) -> Option<HealthMap> {
    let request = fields.need("request", request);
    let mut when = Vec::new();
    for (name, service) in STATES {
        let conditions = fields.maybe(name, conditions);
        when.extend(conditions.map(|conditions| (service, conditions)));
    }
    let load_pct = fields.maybe("load_pct", number);
    let uptime_s = fields.maybe("uptime_s", number);
    let version = fields.maybe("version", path);
    let boot = fields.maybe("boot", path);
    Some(HealthMap { request: request?, when, load_pct, uptime_s, version, boot })
}

fn capacity(fields: &mut Fields<'_, '_>) -> Option<CapacityMap> {
    let what = fields.need("what", text);
    let unit = fields.need("unit", word);
    let request = fields.need("request", request);
    let total = fields.maybe("total", number);
    let used = fields.maybe("used", number);
    Some(CapacityMap { what: what?, unit: unit?, request: request?, total, used })
}

fn reading(fields: &mut Fields<'_, '_>) -> Option<(ReadingName, ReadingMap)> {
    let name = fields.need("name", reading_name);
    let request = fields.need("request", request);
    let value = match fields.has("holds") {
        true => {
            if fields.has("path") || fields.has("scale") {
                fields.refuse(fields.place("holds"), number_or_word());
                number_of(fields)?;
            }
            fields.maybe("holds", condition).map(ReadingValue::Holds)
        }
        false => number_of(fields).map(ReadingValue::Number),
    };
    let name = name?;
    Some((name.clone(), ReadingMap { name, request: request?, value: value? }))
}

fn alarms(fields: &mut Fields<'_, '_>) -> Option<AlarmsMap> {
    let request = fields.need("request", request);
    let list = fields.need("list", path);
    let id = fields.need("id", path);
    let what = fields.need("what", path);
    let detail = fields.maybe("detail", path);
    let level = fields.maybe("level", inside(level));
    Some(AlarmsMap { request: request?, list: list?, id: id?, what: what?, detail, level })
}

/// Where the level stands, and which words of the device mean which.
fn level(fields: &mut Fields<'_, '_>) -> Option<(Path, BTreeMap<String, AlarmLevel>)> {
    let path = fields.need("path", path);
    let mut words = BTreeMap::new();
    for (name, level) in [
        ("critical", AlarmLevel::Critical),
        ("major", AlarmLevel::Major),
        ("minor", AlarmLevel::Minor),
        ("information", AlarmLevel::Information),
    ] {
        let found = fields.or(name, Vec::new(), list(scalars));
        words.extend(found.into_iter().map(|word| (word, level)));
    }
    Some((path?, words))
}

fn conferences(fields: &mut Fields<'_, '_>) -> Option<ConferencesMap> {
    let request = fields.need("request", request);
    let list = fields.need("list", path);
    let id = fields.need("id", path);
    let name = fields.maybe("name", path);
    Some(ConferencesMap { request: request?, list: list?, id: id?, name })
}

fn participants(fields: &mut Fields<'_, '_>) -> Option<ParticipantsMap> {
    let request: Option<Request> = fields.need("request", request);
    if request.as_ref().is_some_and(|request| !request.0.contains(CONFERENCE_PLACE)) {
        fields.refuse(fields.place("request"), no_place());
    }
    let entries = fields.need("list", path);
    let id = fields.need("id", path);
    let name = fields.maybe("name", path);
    let address = fields.maybe("address", path);
    let connected = fields.or("connected", Vec::new(), conditions);
    let muted = fields.or("muted", Vec::new(), conditions);
    let mut streams = Vec::new();
    for node in fields.nodes("stream") {
        match one(fields.reading, node, "stream", stream) {
            Some(stream) => streams.push(stream),
            None => fields.spoil(),
        }
    }
    let (request, list, id) = (request?, entries?, id?);
    Some(ParticipantsMap { request, list, id, name, address, connected, muted, streams })
}

fn stream(fields: &mut Fields<'_, '_>) -> Option<StreamMap> {
    let medium = fields.need("medium", word);
    let way = fields.need("way", word);
    let flowing = fields.or("flowing", Vec::new(), conditions);
    let codec = fields.maybe("codec", path);
    let mut figures = BTreeMap::new();
    for (figure, name, _) in Figure::ALL {
        figures.extend(fields.maybe(name, number).map(|number| (figure, number)));
    }
    Some(StreamMap { medium: medium?, way: way?, flowing, codec, figures })
}

fn bad_request() -> Mistake {
    Mistake::new(
        "bad_request",
        Text::new(
            "请求须在设备地址之下：不以 / 开头，不含 ://、.. 和空格",
            "a request is below the device's address: no leading /, no ://, no .., no blanks",
        ),
        Text::new("写法如 api/v1/state", "write it like api/v1/state"),
    )
}

fn no_place() -> Mistake {
    Mistake::new(
        "no_conference",
        Text::new(
            format!("请求中没有 {CONFERENCE_PLACE}，分不出是哪个会议"),
            format!("the request has no {CONFERENCE_PLACE}, so that it asks for no conference"),
        ),
        Text::new(
            format!("写法如 api/conferences/{CONFERENCE_PLACE}/participants"),
            format!("write it like api/conferences/{CONFERENCE_PLACE}/participants"),
        ),
    )
}

fn no_conferences() -> Mistake {
    Mistake::new(
        "no_conferences",
        Text::new("有 participants 而没有 conferences", "there are participants without conferences"),
        Text::new("补上 [conferences]，或删去 [participants]", "add [conferences], or remove [participants]"),
    )
}
