//! Mapping files and the adapter that they drive.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json as Body;
use axum::Router;
use axum::routing::get;
use proptest::prelude::*;
use serde_json::json;
use vcops::config::mapping::{self, DeviceMapping};
use vcops::domain::lang::Lang;
use vcops::domain::mcu::{ConferenceRef, Interface};
use vcops::intake;
use vcops::mcu::Bridge as _;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::Fault;
use vcops::mcu::http::HttpLine;
use vcops::mcu::json::Json;
use vcops::mcu::trust::{Login, Trust};
use vcops::observation::device::{Absent, AlarmLevel, Flow, Given, Presence, Service};

use super::stand_in::StandIn;

fn file(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu/mapping").join(name)).unwrap()
}

fn adapter(device: &StandIn) -> Json {
    let Ok(DeviceMapping::Json(mapping)) = mapping::read("bridge.toml", &file("bridge.toml")) else {
        panic!("{:?}", mapping::read("bridge.toml", &file("bridge.toml")))
    };
    let tls = Trust::Nobody.client().unwrap();
    let line = HttpLine::new(device.base(), tls, Arc::new(Budget::new(60_000))).unwrap();
    let login = Login { user: String::new(), secret: "geheim".to_owned().into() };
    Json::new(line, Some(login), *mapping)
}

/// A device that only a mapping knows.
pub(super) fn bridge_of_nobody(state: serde_json::Value) -> Router {
    let alarms = json!([{"id": 7, "text": "fan", "grade": 1}, {"id": 8, "text": "door", "grade": "x"}]);
    let rooms = json!({"rooms": [{"id": "r 1", "title": "周例会"}]});
    let sites = json!({"sites": [
        {"id": "a", "name": "桂东县", "state": "in", "mute": true, "rx": {"kbps": 1800, "loss": "-1"}},
        {"id": "b", "name": "汝城县", "state": "in", "rx": {"kbps": 0, "loss": 0}},
        {"id": "c", "state": "gone"},
    ]});
    Router::new()
        .route("/api/state", get(move || async move { Body(state) }))
        .route("/api/alarms", get(move || async move { Body(alarms) }))
        .route("/api/rooms", get(move || async move { Body(rooms) }))
        .route("/api/rooms/{room}/sites", get(move || async move { Body(sites) }))
}

#[tokio::test]
async fn a_mapping_reads_a_device_that_nobody_knows() {
    let state = json!({"status": "ok", "cpu": 12.5, "uptime_ms": 90_000, "about": {"version": "2.1"},
        "ports": {"total": 50, "used": 7}, "fuel": -1, "backup": "done"});
    let device = StandIn::serve(bridge_of_nobody(state)).await;
    let adapter = adapter(&device);
    let health = adapter.health().await.unwrap();
    assert_eq!((health.service, health.load_pct), (Service::Up, Given::Value(12.5)));
    assert_eq!((health.version.as_deref(), health.uptime.value().unwrap().as_s()), (Some("2.1"), 90.0));
    assert_eq!(adapter.capacity().await.unwrap()[0].free(), Given::Value(43.0));
    let readings = adapter.readings().await.unwrap();
    assert_eq!(readings["generator_fuel_pct"], Given::Absent(Absent::Sentinel));
    assert_eq!(readings["backup_succeeded"], Given::Value(1.0));
    let levels: Vec<AlarmLevel> = adapter.alarms().await.unwrap().iter().map(|alarm| alarm.level).collect();
    assert_eq!(levels, [AlarmLevel::Critical, AlarmLevel::Minor]);
    assert_eq!(adapter.conferences().await.unwrap()[0].name, "周例会");
    let roster = adapter.roster(&ConferenceRef::new("r 1")).await.unwrap();
    let sites: Vec<(&str, Flow, Option<bool>)> =
        roster.present.iter().map(|site| (site.name.as_str(), site.streams[0].flow, site.muted)).collect();
    assert_eq!(
        sites,
        [
            ("桂东县", Flow::Flowing, Some(true)),
            ("汝城县", Flow::NoMedia { since: None }, None),
            ("c", Flow::Unknown, None),
        ]
    );
    assert_eq!(roster.present[0].streams[0].loss_pct, Given::Absent(Absent::Sentinel));
    assert_eq!(roster.present[1].streams[0].loss_pct, Given::Absent(Absent::NothingMoved));
    assert_eq!(roster.present[2].presence, Presence::Left { cause: String::new() });
    assert!(
        device.asked().iter().any(|asked| asked.path == "/api/rooms/r%201/sites"),
        "{:?}",
        device.asked()
    );
    assert!(!format!("{adapter:?}").contains("geheim"));
}

#[tokio::test]
async fn a_state_of_another_shape_is_unknown_and_a_list_that_is_none_is_a_fault() {
    for (state, service) in [
        (json!({"status": "ok", "cpu": 95}), Service::Degraded),
        (json!({"status": "error", "cpu": 95}), Service::Failed),
        (json!({"state": "ok"}), Service::Unknown),
    ] {
        let device = StandIn::serve(bridge_of_nobody(state)).await;
        assert_eq!(adapter(&device).health().await.unwrap().service, service);
    }
    let device = StandIn::serve(Router::new().route("/api/alarms", get(|| async { "{}" }))).await;
    assert!(matches!(adapter(&device).alarms().await, Err(Fault::Shape(_))));
    assert!(matches!(adapter(&device).health().await, Err(Fault::Said { .. })));
}

#[test]
fn a_mapping_names_all_its_mistakes_at_once() {
    let problems = mapping::read("bad.toml", &file("bad.toml")).unwrap_err();
    let shown = intake::lines(&problems, Lang::Zh) + &intake::lines(&problems, Lang::En);
    let expected = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu/mapping/bad.toml.expected");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &shown).unwrap();
    }
    assert_eq!(shown, fs::read_to_string(expected).unwrap_or_default());
    assert!(problems.len() >= 10, "{shown}");
}

/// What the manual shows can be copied.
#[test]
fn the_mappings_of_the_manual_are_read() {
    let page = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/DEVICES.md")).unwrap();
    let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let read = blocks.map(|block| mapping::read("DEVICES.md", block.as_bytes()).map(|it| it.interface()));
    let read: Vec<_> = read.collect();
    assert_eq!(read, [Ok(Interface::Json), Ok(Interface::Snmp), Ok(Interface::Prometheus)]);
}

#[test]
fn every_interface_that_takes_a_mapping_has_one() {
    for (name, interface) in [
        ("bridge.toml", Interface::Json),
        ("room.toml", Interface::Snmp),
        ("backup.toml", Interface::Prometheus),
    ] {
        assert_eq!(mapping::read(name, &file(name)).map(|mapping| mapping.interface()), Ok(interface));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_damaged_mapping_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = file("bridge.toml");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = mapping::read("any.toml", &bytes);
    }
}
