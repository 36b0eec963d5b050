//! Replies of a later version: with fields that nobody knows in every place, every recorded and every sample reply reads
//! to the very values that it reads to without them.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use vcops::domain::mcu::ConferenceRef;
use vcops::domain::time::Utc;
use vcops::mcu::counter::Meters;
use vcops::mcu::janus::handle;
use vcops::mcu::janus::media::{CallRules, Moment, call_streams};
use vcops::mcu::janus::name::Plugin;
use vcops::mcu::janus::reply as janus;
use vcops::mcu::pexip::{participant, reply as pexip, sink};
use vcops::mcu::rmx::media;
use vcops::mcu::rmx::reply as rmx;
use vcops::mcu::roomos::reply as roomos;
use vcops::mcu::smc3::reply as smc3;

const AT: Utc = Utc(1_800_000_000_000_000);

/// The files of a folder that end so, each with its text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu").join(folder);
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    all.sort();
    let named = |path: PathBuf| {
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
    };
    all.into_iter().map(named).collect()
}

/// With another field in every object.
fn json_of_a_later_version(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), json_of_a_later_version(value)));
            let mut fields: serde_json::Map<String, Value> = fields.collect();
            fields.insert("x_of_a_later_version".to_owned(), json!({"any": [1, null, "--", {"a": -1}]}));
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(json_of_a_later_version).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// With another element at the end of every element that holds elements.
fn xml_of_a_later_version(text: &str) -> String {
    let mut parts = text.split("</");
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if made.trim_end().ends_with('>') {
            made += "<X_OF_A_LATER_VERSION a=\"1\"><ANY>-1</ANY></X_OF_A_LATER_VERSION>";
        }
        made += "</";
        made += part;
    }
    made
}

/// Everything that any reader of a make makes of a reply, and whether at least one of them reads it.
fn read_by_janus(name: &str, text: &str) -> String {
    let Ok(value) = janus::answer(text.as_bytes()) else {
        return format!("{:?}", janus::answer(text.as_bytes()));
    };
    let mut read = format!("{:?}", janus::server_info(&value));
    for plugin in Plugin::ALL {
        let data = janus::plugin_answer(&value, plugin);
        let read_inside = data.map(|data| (janus::rooms(data, plugin), janus::parties(data)));
        read += &format!("{read_inside:?}");
    }
    for field in ["sessions", "handles"] {
        read += &format!("{:?}", janus::numbers(&value, field));
    }
    if let Ok(info) = handle::handle_info(&value) {
        let at = Moment { mono: Duration::from_secs(1), utc: AT };
        let streams = call_streams(&mut Meters::new(), 1, &info, CallRules::default(), at);
        read += &format!("{info:?}{streams:?}");
    } else {
        assert!(!name.contains("handle_info"), "{name} is not read");
    }
    read
}

#[test]
fn replies_of_janus() {
    let mut read = 0;
    for (name, text) in files("janus", "json") {
        // Timelines and lists of events are notes of a recording and no replies.
        let Ok(value @ Value::Object(_)) = serde_json::from_str::<Value>(&text) else { continue };
        read += 1;
        let later = json_of_a_later_version(&value).to_string();
        assert_eq!(read_by_janus(&name, &later), read_by_janus(&name, &text), "{name}");
    }
    assert!(read >= 45, "only {read} recordings");
}

fn read_by_pexip(text: &str) -> String {
    let bytes = text.as_bytes();
    let objects = pexip::page(bytes).map(|page| page.objects).unwrap_or_default();
    let mut read = format!("{:?}", pexip::accepted(bytes));
    for object in &objects {
        read += &format!(
            "{:?}{:?}{:?}",
            pexip::worker(object),
            participant::participant(object),
            pexip::alarm(object)
        );
    }
    read += &format!("{:?}", participant::streams(&objects, participant::Switches::default()));
    // What an event carries is kept as it is, so only what is told of it is compared.
    let told = sink::read(bytes).map(|events| sink::Order::default().take(events));
    read + &format!("{told:?}")
}

#[test]
fn replies_of_pexip() {
    let all = files("pexip", "json");
    assert_eq!(all.len(), 7);
    for (name, text) in all {
        let later = json_of_a_later_version(&serde_json::from_str(&text).unwrap()).to_string();
        assert_eq!(read_by_pexip(&later), read_by_pexip(&text), "{name}");
    }
}

fn read_by_rmx(text: &str) -> String {
    let answer = match rmx::open(text.as_bytes()) {
        Ok(answer) => answer,
        refused @ Err(_) => return format!("{refused:?}"),
    };
    let conference = rmx::conference(&answer, &ConferenceRef::new("96"), AT);
    format!(
        "{:?}{:?}{:?}{:?}{conference:?}{:?}",
        rmx::login(&answer),
        rmx::state(&answer),
        rmx::resources(&answer),
        rmx::list(&answer, AT),
        media::streams(&answer, rmx::Muted::default())
    )
}

#[test]
fn replies_of_an_rmx() {
    let all = files("rmx", "xml");
    assert_eq!(all.len(), 8);
    for (name, text) in all {
        assert_eq!(read_by_rmx(&xml_of_a_later_version(&text)), read_by_rmx(&text), "{name}");
    }
}

#[test]
fn the_status_of_a_room_endpoint() {
    let read = |text: &str| {
        let status = roomos::status(text.as_bytes()).unwrap();
        let media = roomos::streams(&status, "5", roomos::Still::default());
        let (unit, calls) = (roomos::unit(&status), roomos::calls(&status));
        format!("{unit:?}{calls:?}{:?}{:?}{media:?}", roomos::alarms(&status), roomos::readings(&status))
    };
    for (name, text) in files("roomos", "xml") {
        assert_eq!(read(&xml_of_a_later_version(&text)), read(&text), "{name}");
    }
}

#[test]
fn replies_of_an_smc() {
    let read = |text: &str| {
        let bytes = text.as_bytes();
        let rows = smc3::page(bytes).map(|page| page.rows).unwrap_or_default();
        let mut read =
            format!("{:?}{:?}{:?}", smc3::detail(bytes), smc3::codecs(bytes), smc3::refusal(400, bytes));
        for row in &rows {
            read += &format!("{:?}{:?}", smc3::site(row), smc3::conference(row, AT));
        }
        read
    };
    for (name, text) in files("smc3", "json") {
        let later = json_of_a_later_version(&serde_json::from_str(&text).unwrap()).to_string();
        assert_eq!(read(&later), read(&text), "{name}");
    }
}
