//! The demo's city: an example municipality with thirteen venues, two links each.
//!
//! The place names are those of a real prefecture, used as an example; nothing else about it is real.

use std::net::SocketAddr;

use crate::domain::check::PathPlan;
use crate::domain::id::{
    AgentId, CarrierId, LinkId, McuId, MeetingId, ProfileId, RegionId, StreamId, TrunkId, VenueId,
};
use crate::domain::inventory::{
    AgendaItem, Agent, CALLS_AT_ONCE, Carrier, Consent, Item, LimitsPatch, Link, LinkKind, LinkRole, Meeting,
    MeetingClass, MeetingOwner, NetworkAttribute, Profile, Region, SupportLevel, Trunk, Venue,
};
use crate::domain::time::{Span, Utc};

/// Venues in seating order: the main venue first, the executive meeting room last.
pub(super) const VENUES: [(&str, &str); 13] = [
    ("shizhengfu", "市政府小礼堂"),
    ("beihu", "北湖区"),
    ("suxian", "苏仙区"),
    ("zixing", "资兴市"),
    ("guiyang", "桂阳县"),
    ("yizhang", "宜章县"),
    ("yongxing", "永兴县"),
    ("jiahe", "嘉禾县"),
    ("linwu", "临武县"),
    ("rucheng", "汝城县"),
    ("guidong", "桂东县"),
    ("anren", "安仁县"),
    ("changwu", "常务会议室"),
];

/// The name of the city's meeting.
pub(super) const MEETING_NAME: &str = "全市森林防火工作视频会议(演示)";

/// Where one link's reflectors answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LinkAddresses {
    /// The venue's reflector, seen from the hub (a relay stands between).
    pub(super) to_venue: SocketAddr,
    /// The hub's reflector, seen from the venue (another relay).
    pub(super) to_hub: SocketAddr,
}

/// One venue's addresses: primary and backup.
#[derive(Debug, Clone, Copy)]
pub(super) struct VenueAddresses {
    /// 主用.
    pub(super) primary: LinkAddresses,
    /// 备用.
    pub(super) backup: LinkAddresses,
}

/// The demo's meeting.
pub(super) fn meeting_id() -> MeetingId {
    id("demo", MeetingId::parse)
}

/// The demo's venues by id, in seating order.
pub(super) fn venue_ids() -> Vec<VenueId> {
    VENUES.iter().map(|(code, _)| id(code, VenueId::parse)).collect()
}

/// A stream's id.
pub(super) fn stream_id(code: &str) -> StreamId {
    id(code, StreamId::parse)
}

/// The shown name of a venue.
pub(super) fn name_of(venue: &VenueId) -> &'static str {
    VENUES.iter().find(|(code, _)| *code == venue.as_str()).map_or("", |(_, name)| name)
}

/// The demo's meeting once it has begun: the main venue has the floor.
pub(super) fn live_meeting(now: Utc, mcu: Option<McuId>) -> Meeting {
    let starts = now - Span::seconds(60);
    let floor =
        AgendaItem { venue: id(VENUES[0].0, VenueId::parse), at: Some(starts), title: "讲话".into() };
    Meeting { starts, ends: starts + Span::minutes(120), agenda: vec![floor], ..meeting(now, mcu) }
}

/// The agent of a venue bears the venue's name.
pub(super) fn agent_of(venue: &VenueId) -> AgentId {
    id(venue.as_str(), AgentId::parse)
}

/// The whole inventory. `addresses` in seating order; the meeting begins two hours from `now`, on `mcu` if there is one.
pub(super) fn items(addresses: &[VenueAddresses], now: Utc, mcu: Option<McuId>) -> Vec<Item> {
    let mut items = shared();
    for ((code, name), addresses) in VENUES.iter().zip(addresses) {
        items.extend(venue(code, name, addresses));
    }
    items.push(Item::Meeting(meeting(now, mcu)));
    items
}

fn id<T, E: std::fmt::Debug>(text: &str, parse: impl Fn(&str) -> Result<T, E>) -> T {
    parse(text).expect("the demo's ids are valid words")
}

fn shared() -> Vec<Item> {
    let carrier = |code: &str, name: &str| {
        Item::Carrier(Carrier { id: id(code, CarrierId::parse), name: name.into(), fault_desk: None })
    };
    let trunk = |code: &str, name: &str, on: &str| {
        let carrier = Some(id(on, CarrierId::parse));
        Item::Trunk(Trunk {
            id: id(code, TrunkId::parse),
            name: name.into(),
            parent: None,
            carrier,
            rate_kbps: None,
        })
    };
    let region = |code: &str, name: &str, parent: Option<&str>| {
        let parent = parent.map(|code| id(code, RegionId::parse));
        Item::Region(Region { id: id(code, RegionId::parse), name: name.into(), parent })
    };
    let mut items = vec![
        region("city", "全市(示例)", None),
        carrier("carrier-a", "示例运营商甲"),
        carrier("carrier-b", "示例运营商乙"),
        trunk("east", "东线汇聚", "carrier-a"),
        trunk("west", "西线汇聚", "carrier-a"),
        trunk("vpdn", "VPDN 汇聚", "carrier-b"),
        Item::Profile(profile()),
    ];
    items.extend(VENUES.iter().map(|(code, name)| region(&format!("r-{code}"), name, Some("city"))));
    items
}

/// 720p25 without manual items: nobody is there to fill them in.
fn profile() -> Profile {
    Profile {
        id: id("720p25", ProfileId::parse),
        name: "720p25 · 2 Mbit/s".into(),
        rate_kbps: 2048,
        limits: LimitsPatch::default(),
        path: PathPlan::default(),
        room: Vec::new(),
        height: None,
        content: false,
        confirm: Vec::new(),
        calls_at_once: CALLS_AT_ONCE,
    }
}

fn venue(code: &str, name: &str, addresses: &VenueAddresses) -> Vec<Item> {
    let venue = id(code, VenueId::parse);
    vec![
        Item::Venue(Venue {
            id: venue.clone(),
            name: name.into(),
            region: id(&format!("r-{code}"), RegionId::parse),
            contacts: Vec::new(),
            consent: Consent::EachTime,
            no_test: Vec::new(),
            limits: LimitsPatch::default(),
        }),
        Item::Agent(Agent { id: agent_of(&venue), venue: venue.clone() }),
        Item::Link(primary(&venue, name, addresses.primary)),
        Item::Link(backup(&venue, name, addresses.backup)),
    ]
}

fn primary(venue: &VenueId, name: &str, addresses: LinkAddresses) -> Link {
    let east = VENUES.iter().position(|(code, _)| *code == venue.as_str()).is_some_and(|at| at % 2 == 0);
    Link {
        id: id(&format!("{venue}-1"), LinkId::parse),
        venue: venue.clone(),
        name: format!("{name}主用专线"),
        kind: LinkKind::Leased,
        role: LinkRole::Primary,
        network: NetworkAttribute::Extranet,
        trunk: Some(id(if east { "east" } else { "west" }, TrunkId::parse)),
        carrier: Some(id("carrier-a", CarrierId::parse)),
        rate_kbps: Some(8192),
        reflector: Some(addresses.to_venue),
        hub_address: None,
        hub_reflector: Some(addresses.to_hub),
    }
}

fn backup(venue: &VenueId, name: &str, addresses: LinkAddresses) -> Link {
    Link {
        id: id(&format!("{venue}-2"), LinkId::parse),
        name: format!("{name}备用 4G"),
        kind: LinkKind::Cellular4g,
        role: LinkRole::Backup,
        trunk: Some(id("vpdn", TrunkId::parse)),
        carrier: Some(id("carrier-b", CarrierId::parse)),
        rate_kbps: Some(4096),
        ..primary(venue, name, addresses)
    }
}

fn meeting(now: Utc, mcu: Option<McuId>) -> Meeting {
    let (main, branches) = VENUES.split_first().expect("the city has venues");
    let starts = now + Span::minutes(120);
    Meeting {
        id: meeting_id(),
        name: MEETING_NAME.into(),
        region: id("city", RegionId::parse),
        starts,
        ends: starts + Span::minutes(120),
        class: MeetingClass::General,
        owner: MeetingOwner::Own,
        support: SupportLevel::Important,
        network: NetworkAttribute::Extranet,
        profile: id("720p25", ProfileId::parse),
        main_venue: id(main.0, VenueId::parse),
        venues: branches.iter().map(|(code, _)| id(code, VenueId::parse)).collect(),
        mcu,
        standby_mcu: None,
        agenda: Vec::new(),
        automatic_rounds: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::{Change, Inventory};

    #[test]
    fn the_example_city_refers_to_nothing_that_is_missing() {
        let address: SocketAddr = "127.0.0.1:862".parse().unwrap();
        let link = LinkAddresses { to_venue: address, to_hub: address };
        let addresses = [VenueAddresses { primary: link, backup: link }; VENUES.len()];
        let mut inventory = Inventory::default();
        items(&addresses, Utc(0), None).into_iter().for_each(|item| inventory.apply(&Change::Put(item)));
        assert_eq!(inventory.broken(), []);
        assert_eq!(inventory.links.len(), 26);
    }
}
