//! Rosters as honest and hostile devices give them.

use super::*;
use crate::domain::inventory::{Change, Item};
use crate::domain::time::Utc;
use crate::observation::device::{Device, Sight};
use proptest::prelude::*;

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    let mut put = |item: serde_json::Value| {
        let item: Item = serde_json::from_value(item).unwrap();
        inventory.apply(&Change::Put(item));
    };
    for (id, name) in [("hall", "市主会场"), ("guidong", "桂东县分会场"), ("rucheng", "汝城县分会场")]
    {
        put(serde_json::json!({"venue": {"id": id, "name": name, "region": "city"}}));
        put(
            serde_json::json!({"endpoint": {"id": format!("e-{id}"), "venue": id, "name": format!("{name}终端"),
            "protocol": "sip", "address": format!("sip:{id}@10.1.0.1")}}),
        );
    }
    put(serde_json::json!({"endpoint": {"id": "e-guidong-2", "venue": "guidong", "name": "桂东备用终端",
        "protocol": "h323", "address": "10.9.9.9"}}));
    put(serde_json::json!({"meeting": {
        "id": "m", "name": "全市视频会议", "region": "city", "network": "extranet", "profile": "p",
        "starts": "2026-11-20T01:00:00Z", "ends": "2026-11-20T03:00:00Z",
        "main_venue": "hall", "venues": ["guidong", "rucheng"], "mcu": "mcu-1",
    }}));
    inventory
}

fn site(name: &str, address: &str, presence: Presence) -> SiteSeen {
    SiteSeen {
        participant: ParticipantRef::new(&format!("{name}|{address}")),
        name: name.to_owned(),
        address: (!address.is_empty()).then(|| address.to_owned()),
        presence,
        muted: None,
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: Vec::new(),
    }
}

fn conference(name: &str, present: Vec<SiteSeen>) -> ConferenceSeen {
    let conference = ConferenceRef::new(name);
    ConferenceSeen { conference, name: name.to_owned(), expected: None, present, complete: true, at: Utc(0) }
}

fn report(conferences: Vec<ConferenceSeen>) -> DeviceReport {
    DeviceReport {
        device: Device::Mcu("mcu-1".parse().unwrap()),
        sight: Sight::Seen,
        since: Utc(0),
        health: None,
        capacity: Vec::new(),
        alarms: Vec::new(),
        conferences,
        readings: BTreeMap::new(),
        died_after: None,
    }
}

fn read(conferences: Vec<ConferenceSeen>) -> Roster {
    let inventory = inventory();
    let meeting = inventory.meetings.values().next().unwrap();
    rosters(&inventory, &[meeting], &report(conferences)).remove(0)
}

/// Every seat in a word: how many are there, how the first was recognised, how it is named.
fn shown(roster: &Roster) -> Vec<String> {
    let seat = |(venue, seat): (&VenueId, &Seat)| {
        let first = seat.sites.first();
        let by = first.map_or("-".to_owned(), |site| match &site.by {
            MatchedBy::Address(endpoint) => endpoint.to_string(),
            MatchedBy::Name { elsewhere } => format!("name{}", if *elsewhere { "!" } else { "" }),
        });
        let naming = first.map_or("-".to_owned(), |site| match &site.naming {
            Naming::Right => "right".to_owned(),
            Naming::Other(other) => format!("as {other}"),
            Naming::Unknown => "odd".to_owned(),
        });
        format!("{venue} {} {by} {naming} +{}", seat.there().count(), seat.surplus())
    };
    roster.seats.iter().map(seat).collect()
}

type RosterCase = (Vec<SiteSeen>, [&'static str; 3], usize, Option<DriftKind>);

fn reads_as(cases: Vec<RosterCase>) {
    for (sites, seats, strangers, drift) in cases {
        let roster = read(vec![conference("全市视频会议", sites.clone())]);
        assert_eq!(shown(&roster), seats, "{sites:?}");
        assert_eq!(roster.strangers.len(), strangers, "{sites:?}");
        assert_eq!(roster.drift.map(|(kind, _)| kind), drift, "{sites:?}");
    }
}

#[test]
fn sites_are_recognised_by_address_before_name() {
    let there = || Presence::Connected;
    reads_as(vec![
        (
            vec![
                site("市主会场", "hall@10.1.0.1:5060", there()),
                site("桂东县", "SIP:GUIDONG@10.1.0.1;transport=tcp", there()),
                site("汝城县分会场", "rucheng@10.1.0.1", Presence::Calling),
            ],
            ["guidong 1 e-guidong right +0", "hall 1 e-hall right +0", "rucheng 0 e-rucheng right +0"],
            0,
            None,
        ),
        // The name says one venue, the address another: the address counts, and the name is wrong.
        (
            vec![site("汝城县分会场", "guidong@10.1.0.1", there())],
            ["guidong 1 e-guidong as rucheng +0", "hall 0 - - +0", "rucheng 0 - - +0"],
            0,
            None,
        ),
        // Both codecs of a venue are not one too many; one of them twice is.
        (
            vec![site("桂东县", "guidong@10.1.0.1", there()), site("桂东备用终端", "10.9.9.9", there())],
            ["guidong 2 e-guidong right +0", "hall 0 - - +0", "rucheng 0 - - +0"],
            0,
            None,
        ),
        (
            vec![site("桂东县", "guidong@10.1.0.1", there()), site("桂东县", "guidong@10.1.0.1", there())],
            ["guidong 2 e-guidong right +1", "hall 0 - - +0", "rucheng 0 - - +0"],
            0,
            None,
        ),
    ]);
}

#[test]
fn hostile_and_poor_names_seat_nobody_wrongly() {
    let there = || Presence::Connected;
    reads_as(vec![
        // Known by name alone, from an address that nobody knows.
        (
            vec![
                site("汝城县分会场", "ghost@203.0.113.9", there()),
                site("市主会场", "hall@10.1.0.1", there()),
            ],
            ["guidong 0 - - +0", "hall 1 e-hall right +0", "rucheng 1 name! right +0"],
            0,
            Some(DriftKind::Addresses),
        ),
        // Invisible characters and writing turned around.
        (
            vec![site("桂东\u{202E}县\u{200B}分会场", "guidong@10.1.0.1", there())],
            ["guidong 1 e-guidong odd +0", "hall 0 - - +0", "rucheng 0 - - +0"],
            0,
            None,
        ),
        // A stranger, and nobody else there.
        (
            vec![site("分会场", "x@y", there())],
            ["guidong 0 - - +0", "hall 0 - - +0", "rucheng 0 - - +0"],
            1,
            None,
        ),
        // Several and nobody known: the inventory is of no use here.
        (
            vec![site("A", "1", there()), site("B", "2", there())],
            ["guidong 0 - - +0", "hall 0 - - +0", "rucheng 0 - - +0"],
            2,
            Some(DriftKind::NobodyKnown),
        ),
        // A device that writes only the number before the @.
        (
            vec![site("", "guidong", there()), site("", "", there())],
            ["guidong 1 e-guidong right +0", "hall 0 - - +0", "rucheng 0 - - +0"],
            1,
            None,
        ),
    ]);
}

#[test]
fn probes_and_links_between_mcus_are_nobody() {
    let probe = SiteSeen { probe: true, ..site("vcops", "p@q", Presence::Connected) };
    let cascade = SiteSeen { cascade: true, ..site("省 MCU", "mcu@z", Presence::Connected) };
    let roster = read(vec![conference("全市视频会议", vec![probe, cascade])]);
    assert!(roster.strangers.is_empty());
}

#[test]
fn the_conference_is_the_one_of_its_name_or_the_one_with_its_venues() {
    let there = || site("桂东县", "guidong@10.1.0.1", Presence::Connected);
    let named = |rooms: Vec<ConferenceSeen>| read(rooms).conference.map(|conference| conference.to_string());
    assert_eq!(
        named(vec![conference("别的会", vec![there()]), conference("全市 视频会议", vec![])]),
        Some("全市 视频会议".into())
    );
    assert_eq!(
        named(vec![conference("1001", vec![]), conference("1002", vec![there()])]),
        Some("1002".into())
    );
    let by_name = site("桂东县分会场", "", Presence::Connected);
    assert_eq!(named(vec![conference("1001", vec![by_name])]), None, "one name alone is too little");
    assert_eq!(named(Vec::new()), None);
}

#[test]
fn whom_the_mcu_expects_is_compared_with_who_is_invited() {
    let expected = |addresses: &[&str]| {
        let sites = addresses.iter().map(|address| site("", address, Presence::Unknown)).collect();
        let mut seen = conference("全市视频会议", Vec::new());
        seen.expected = Some(sites);
        read(vec![seen]).drift
    };
    let all = ["hall@10.1.0.1", "guidong@10.1.0.1", "rucheng@10.1.0.1"];
    assert_eq!(expected(&all), None);
    assert_eq!(expected(&all[..2]), Some((DriftKind::Expected, 1)));
    assert_eq!(expected(&["hall@10.1.0.1", "ghost@h"]), Some((DriftKind::Expected, 3)));
}

proptest! {
    /// Whatever a device writes: every site is in at most one place, and no seat is made up.
    #[test]
    fn nobody_sits_twice(names in proptest::collection::vec((".{0,20}", ".{0,30}"), 0..30)) {
        let sites: Vec<SiteSeen> =
            names.iter().map(|(name, address)| site(name, address, Presence::Connected)).collect();
        let count = sites.len();
        let roster = read(vec![conference("全市视频会议", sites)]);
        let seated: usize = roster.seats.values().map(|seat| seat.sites.len()).sum();
        prop_assert_eq!(seated + roster.strangers.len(), count);
        prop_assert_eq!(roster.seats.len(), 3);
    }
}
