//! Answers through a mapping: total functions from a document to what is seen.

use serde_json::Value;

use super::mapping::{
    AlarmsMap, Condition, ConferencesMap, Figure, HealthMap, Number, ParticipantsMap, ReadingValue,
    StreamMap, all_hold, written,
};
use super::path::Path;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::domain::time::{Span, Utc};
use crate::observation::device::{
    Absent, AlarmLevel, ConferenceSeen, Counted, DeviceAlarm, Flow, Given, NodeHealth, Presence, ROSTER_MAX,
    Service, SiteSeen, StreamSample,
};

/// The answer has another shape than the mapping says: what is wrong.
pub type BadShape = String;

/// Most alarms that are read.
const ALARMS_MAX: usize = 1024;

/// Health.
pub fn health(map: &HealthMap, document: &Value) -> NodeHealth {
    let holds = |conditions: &Vec<Condition>| all_hold(conditions, document) == Some(true);
    let service = map.when.iter().find(|(_, conditions)| holds(conditions)).map(|(service, _)| *service);
    let number = |number: &Option<Number>| match number {
        Some(number) => number.read(document),
        None => Given::Absent(Absent::NotProvided),
    };
    let uptime = match number(&map.uptime_s) {
        Given::Value(s) if (0.0..1e10).contains(&s) => Given::Value(Span::millis((s * 1000.0) as u64)),
        Given::Value(_) => Given::Absent(Absent::OutOfRange),
        Given::Absent(why) => Given::Absent(why),
    };
    NodeHealth {
        service: service.unwrap_or(Service::Unknown),
        load_pct: number(&map.load_pct),
        uptime,
        version: text(map.version.as_ref(), document),
        boot: text(map.boot.as_ref(), document),
        clock_skew_ms: Given::Absent(Absent::NotProvided),
        nodes: Vec::new(),
    }
}

/// One reading.
pub fn reading(value: &ReadingValue, document: &Value) -> Given<f64> {
    match value {
        ReadingValue::Number(number) => number.read(document),
        ReadingValue::Holds(condition) => {
            let holds = condition.holds(document).map(|holds| f64::from(u8::from(holds)));
            Given::or_absent(holds, Absent::NotProvided)
        }
    }
}

/// The alarms.
pub fn alarms(map: &AlarmsMap, document: &Value) -> Result<Vec<DeviceAlarm>, BadShape> {
    let entries = list(&map.list, document)?.iter().take(ALARMS_MAX);
    let alarm = |entry: &Value| {
        let words =
            map.level.as_ref().and_then(|(path, words)| words.get(&written(path.find(entry)?)?).copied());
        Some(DeviceAlarm {
            id: text(Some(&map.id), entry)?,
            what: text(Some(&map.what), entry)?,
            detail: text(map.detail.as_ref(), entry).unwrap_or_default(),
            level: words.unwrap_or(AlarmLevel::Minor),
            since: None,
        })
    };
    entries.map(|entry| alarm(entry).ok_or_else(|| missing(&map.id))).collect()
}

/// The conferences, without their rosters.
pub fn conferences(map: &ConferencesMap, document: &Value, at: Utc) -> Result<Vec<ConferenceSeen>, BadShape> {
    let entries = list(&map.list, document)?;
    let conference = |entry: &Value| {
        let id = text(Some(&map.id), entry).ok_or_else(|| missing(&map.id))?;
        Ok(ConferenceSeen {
            conference: ConferenceRef::new(&id),
            name: text(map.name.as_ref(), entry).unwrap_or(id),
            expected: None,
            present: Vec::new(),
            complete: false,
            at,
        })
    };
    entries.iter().take(ROSTER_MAX).map(conference).collect()
}

/// The participants of a conference, and whether these are all.
pub fn participants(map: &ParticipantsMap, document: &Value) -> Result<(Vec<SiteSeen>, bool), BadShape> {
    let entries = list(&map.list, document)?;
    let sites = entries.iter().take(ROSTER_MAX).map(|entry| site(map, entry));
    Ok((sites.collect::<Result<_, _>>()?, entries.len() <= ROSTER_MAX))
}

fn site(map: &ParticipantsMap, entry: &Value) -> Result<SiteSeen, BadShape> {
    let id = text(Some(&map.id), entry).ok_or_else(|| missing(&map.id))?;
    let presence = match (map.connected.is_empty(), all_hold(&map.connected, entry)) {
        (true, _) | (false, Some(true)) => Presence::Connected,
        (false, Some(false)) => Presence::Left { cause: String::new() },
        (false, None) => Presence::Unknown,
    };
    Ok(SiteSeen {
        participant: ParticipantRef::new(&id),
        name: text(map.name.as_ref(), entry).unwrap_or_else(|| id.clone()),
        address: text(map.address.as_ref(), entry),
        presence,
        muted: all_hold(&map.muted, entry),
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: map.streams.iter().map(|stream| sample(stream, entry)).collect(),
    })
}

fn sample(map: &StreamMap, entry: &Value) -> StreamSample {
    let flow = match all_hold(&map.flowing, entry) {
        Some(true) => Flow::Flowing,
        Some(false) => Flow::NoMedia { since: None },
        None => Flow::Unknown,
    };
    let mut sample = StreamSample::bare(map.medium, map.way, flow);
    sample.codec = text(map.codec.as_ref(), entry);
    for (figure, _, most) in Figure::ALL {
        let Some(number) = map.figures.get(&figure) else { continue };
        let given = match number.read(entry) {
            Given::Value(value) if figure != Figure::Lost && value < 0.0 => Given::Absent(Absent::Sentinel),
            Given::Value(value) if value > most => Given::Absent(Absent::OutOfRange),
            given @ (Given::Value(_) | Given::Absent(_)) => given,
        };
        put(&mut sample, figure, given);
    }
    // Loss means nothing while nothing moves.
    if sample.flow == (Flow::NoMedia { since: None }) && sample.loss_pct.value().is_some() {
        sample.loss_pct = Given::Absent(Absent::NothingMoved);
    }
    sample
}

fn put(sample: &mut StreamSample, figure: Figure, given: Given<f64>) {
    // Within the limits of the figure a number fits both types.
    let counted = given.map(|value| Counted { epoch: 0, count: value as i64 });
    let pixels = given.map(|value| value as u32);
    match figure {
        Figure::Kbps => sample.kbps = given,
        Figure::Packets => sample.packets = counted,
        Figure::Lost => sample.lost = counted,
        Figure::LossPct => sample.loss_pct = given,
        Figure::JitterMs => sample.jitter_ms = given,
        Figure::RttMs => sample.rtt_ms = given,
        Figure::Width => sample.width = pixels,
        Figure::Height => sample.height = pixels,
        Figure::Fps => sample.fps = given,
    }
}

fn text(path: Option<&Path>, document: &Value) -> Option<String> {
    path?.find(document).and_then(written).filter(|text| !text.is_empty())
}

fn list<'a>(path: &Path, document: &'a Value) -> Result<&'a [Value], BadShape> {
    let found = path.find(document).and_then(Value::as_array);
    found.map(Vec::as_slice).ok_or_else(|| format!("no list at \"{path}\""))
}

fn missing(path: &Path) -> BadShape {
    format!("an entry without \"{path}\"")
}
