//! What devices say in a nation in its meetings: MCUs with their rosters and media, codecs, equipment. When something
//! is the matter, one codec in fifty is down, and another comes and goes each minute: alarms and incidents.

use std::collections::BTreeMap;

use vcops::domain::inventory::Item;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::domain::time::{Span, Utc};
use vcops::observation::device::{
    Absent, ConferenceSeen, Device, DeviceReport, Flow, Given, Medium, NodeHealth, Presence, Service, Sight,
    Signal, SiteSeen, StreamSample, Way,
};

use super::{VENUES, item};

/// MCUs that share the venues evenly, each with a meeting of its own.
const MCUS: usize = 30;
const SITES: usize = VENUES / MCUS;
/// Each MCU is read every second; each codec, and each power supply beside one, every fifteen.
const CODEC_EVERY: u64 = 15;

/// The devices with the meetings that they carry, live at `at`.
pub(super) fn items(at: Utc) -> Vec<Item> {
    let control =
        |interface: &str| serde_json::json!({"interface": interface, "address": "http://10.9.0.1:8088/x"});
    let mut items = Vec::new();
    for venue in 0..VENUES {
        items.push(item(
            serde_json::json!({"endpoint": {"id": format!("e{venue}"), "venue": format!("v{venue}"),
            "name": "终端", "protocol": "sip", "address": address(venue), "control": control("te")}}),
        ));
        items.push(item(serde_json::json!({"equipment": {"id": format!("u{venue}"), "name": "不间断电源",
            "region": "nation", "venue": format!("v{venue}"), "kind": "ups", "control": control("snmp")}})));
    }
    for mcu in 0..MCUS {
        items.push(item(
            serde_json::json!({"mcu": {"id": format!("mcu{mcu}"), "name": "MCU", "region": "nation",
            "model": "m", "network": "extranet", "control": control("janus")}}),
        ));
        let venues: Vec<String> = sites(mcu).skip(1).map(|venue| format!("v{venue}")).collect();
        items.push(item(serde_json::json!({"meeting": {"id": format!("m{mcu}"), "name": meeting(mcu),
            "region": "nation", "network": "extranet", "profile": "p", "mcu": format!("mcu{mcu}"),
            "starts": at - Span::minutes(30), "ends": at + Span::minutes(90), "automatic_rounds": false,
            "main_venue": format!("v{}", mcu * SITES), "venues": venues}})));
    }
    items
}

/// One codec of so many is down, and the one after it comes and goes.
const DOWN_ONE_IN: usize = 50;
/// How long that one stays as it is.
const CHANGES_EVERY: u64 = 30;

/// Venues whose codec is down all the while.
pub(super) const DOWN: usize = VENUES / DOWN_ONE_IN;

fn is_down(venue: usize, second: u64) -> bool {
    match venue % DOWN_ONE_IN {
        0 => true,
        1 => second / CHANGES_EVERY % 2 == 1,
        _ => false,
    }
}

/// What devices say in a second, in which all is well or something is the matter.
pub(super) fn reports(second: u64, at: Utc, all_is_well: bool) -> Vec<DeviceReport> {
    let due = |n: &usize| *n as u64 % CODEC_EVERY == second % CODEC_EVERY;
    let codec = |n: usize| {
        let seen = bare(Device::Endpoint(format!("e{n}").parse().unwrap()), at);
        let signals = [Signal::Interface, Signal::Host];
        let down = DeviceReport { sight: Sight::Down { signals }, health: None, ..seen.clone() };
        if all_is_well || !is_down(n, second) { seen } else { down }
    };
    let codecs = (0..VENUES).filter(due).map(codec);
    let power = (0..VENUES).filter(due).map(|n| Device::Equipment(format!("u{n}").parse().unwrap()));
    let power = power.map(|device| bare(device, at));
    let mut others: Vec<DeviceReport> = codecs.chain(power).collect();
    for report in others.iter_mut().filter(|report| matches!(report.device, Device::Equipment(_))) {
        report.readings = BTreeMap::from([("ups_minutes_left".to_owned(), Given::Value(45.0))]);
    }
    (0..MCUS).map(|mcu| of_mcu(mcu, at)).chain(others).collect()
}

fn of_mcu(mcu: usize, at: Utc) -> DeviceReport {
    let room = ConferenceSeen {
        conference: ConferenceRef::new("1234"),
        name: meeting(mcu),
        expected: None,
        present: sites(mcu).map(site).collect(),
        complete: true,
        at,
    };
    DeviceReport { conferences: vec![room], ..bare(Device::Mcu(format!("mcu{mcu}").parse().unwrap()), at) }
}

fn bare(device: Device, at: Utc) -> DeviceReport {
    let absent = Absent::NotProvided;
    DeviceReport {
        device,
        sight: Sight::Seen,
        since: at,
        health: Some(NodeHealth {
            service: Service::Up,
            load_pct: Given::Value(30.0),
            uptime: Given::Value(Span::minutes(60)),
            version: Some("1.1.2".to_owned()),
            boot: None,
            clock_skew_ms: Given::Absent(absent),
            nodes: Vec::new(),
        }),
        capacity: Vec::new(),
        alarms: Vec::new(),
        conferences: Vec::new(),
        readings: BTreeMap::new(),
        died_after: None,
    }
}

/// A site with sound and pictures both ways.
fn site(venue: usize) -> SiteSeen {
    let lanes = [Medium::Audio, Medium::Video].into_iter();
    let lanes = lanes.flat_map(|medium| [Way::FromSite, Way::ToSite].map(|way| (medium, way)));
    let stream = |(medium, way)| StreamSample {
        loss_pct: Given::Value(0.2),
        ..StreamSample::bare(medium, way, Flow::Flowing)
    };
    SiteSeen {
        participant: ParticipantRef::new(&venue.to_string()),
        name: format!("会场{venue}"),
        address: Some(address(venue)),
        presence: Presence::Connected,
        muted: Some(false),
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: lanes.map(stream).collect(),
    }
}

fn sites(mcu: usize) -> std::ops::Range<usize> {
    mcu * SITES..(mcu + 1) * SITES
}

fn meeting(mcu: usize) -> String {
    format!("全国会议{mcu}")
}

fn address(venue: usize) -> String {
    format!("sip:v{venue}@10.8.0.1")
}
