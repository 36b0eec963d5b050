//! References: an item is named by its id, or by its shown name where only one item has it.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::Reading;
use super::mistake::{Mistake, suggestion};
use super::tree::Node;
use super::value;
use crate::domain::id::{
    AgentId, BadId, CarrierId, EndpointId, EquipmentId, LinkId, McuId, MeetingId, PersonId, PlanId,
    ProfileId, RegionId, ShiftId, StepId, StreamId, TrunkId, VenueId,
};
use crate::domain::inventory::{Inventory, Item, ItemRef, PersonDetails};
use crate::domain::lang::Text;

/// What is already there when a file is read.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The current inventory.
    pub inventory: &'a Inventory,
    /// Names of the people in it, so that a roster can name them.
    pub people: &'a [PersonDetails],
}

/// An id of the inventory.
pub(super) trait Named: Sized {
    /// The noun, such as `venue`.
    const NOUN: &'static str;

    /// Accepts a text as an id.
    fn parse(text: &str) -> Result<Self, BadId>;
}

macro_rules! named {
    ($($id:ident $noun:literal),+ $(,)?) => {$(
        impl Named for $id {
            const NOUN: &'static str = $noun;
            fn parse(text: &str) -> Result<Self, BadId> {
                $id::parse(text)
            }
        }
    )+};
}

named! {
    RegionId "region", CarrierId "carrier", TrunkId "trunk", PersonId "person", VenueId "venue", LinkId "link",
    AgentId "agent", EndpointId "endpoint", McuId "mcu", EquipmentId "equipment", StreamId "stream", ProfileId "profile",
    MeetingId "meeting", ShiftId "shift", PlanId "plan", StepId "step",
}

/// The Chinese word of a noun, as in the glossary.
pub(super) fn noun_zh(noun: &str) -> &'static str {
    match noun {
        "region" => "区域",
        "carrier" => "运营商",
        "trunk" => "汇聚链路",
        "person" => "人员",
        "venue" => "会场",
        "link" => "线路",
        "agent" => "测试机",
        "endpoint" => "终端",
        "mcu" => "MCU",
        "equipment" => "机房设备",
        "stream" => "码流",
        "profile" => "会议规格",
        "meeting" => "会议",
        "shift" => "值班班次",
        "plan" => "应急预案",
        _ => "条目",
    }
}

/// Ids by noun and shown name.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_name: BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>,
    by_id: BTreeMap<(&'static str, String), String>,
}

impl Names {
    /// The names of what is already there.
    pub(super) fn of(known: &Known<'_>) -> Self {
        let mut names = Self::default();
        known.inventory.items().for_each(|item| names.learn(&item));
        known.people.iter().for_each(|person| names.add("person", &person.name, person.id.as_str()));
        names
    }

    /// Notes a name; the file's own names replace what its items were called before.
    pub(super) fn add(&mut self, noun: &'static str, name: &str, id: &str) {
        let names = self.by_name.entry(noun).or_default();
        let before = self.by_id.insert((noun, id.to_owned()), name.to_owned());
        if let Some(ids) = before.and_then(|before| names.get_mut(&before)) {
            ids.remove(id);
        }
        names.entry(name.to_owned()).or_default().insert(id.to_owned());
    }

    /// Notes what an item is called; items without a shown name are known by their id.
    pub(super) fn learn(&mut self, item: &Item) {
        let me = item.reference();
        let name = match item {
            Item::Region(item) => &item.name,
            Item::Carrier(item) => &item.name,
            Item::Trunk(item) => &item.name,
            Item::Venue(item) => &item.name,
            Item::Mcu(item) => &item.name,
            Item::Profile(item) => &item.name,
            // A person's name is kept apart: until it is known, the id stands for it.
            Item::Person(_) => me.id(),
            Item::Link(_) | Item::Agent(_) | Item::Endpoint(_) | Item::Equipment(_) => return,
            Item::Stream(_) | Item::Meeting(_) | Item::Shift(_) | Item::Plan(_) => return,
        };
        self.add(me.noun(), name, me.id());
    }

    /// Reads a reference.
    pub(super) fn refers<'a, I: Named + 'a>(&'a self) -> impl Fn(&mut Reading, &Node) -> Option<I> + 'a {
        value::parsed(|text| self.find(text))
    }

    fn find<I: Named>(&self, text: &str) -> Result<I, Mistake> {
        let empty = BTreeMap::new();
        let names = self.by_name.get(I::NOUN).unwrap_or(&empty);
        let ids: Vec<&String> = names.get(text).into_iter().flatten().collect();
        match ids.as_slice() {
            [id] => I::parse(id).map_err(|why| Mistake::bad_id(id, &why)),
            [] => {
                let there = self.by_id.contains_key(&(I::NOUN, text.to_owned()));
                let id = I::parse(text).ok().filter(|_| there);
                id.ok_or_else(|| missing(I::NOUN, text, &self.known(I::NOUN)))
            }
            several => Err(ambiguous(I::NOUN, text, several)),
        }
    }

    /// What a reference to that noun could have said: names, then ids. People's names stay out of messages.
    pub(super) fn known(&self, noun: &str) -> Vec<&str> {
        let names = self.by_name.get(noun).into_iter().flatten();
        let alive: Vec<_> = names.filter(|(_, ids)| !ids.is_empty()).collect();
        let shown = alive.iter().filter(|_| noun != "person").map(|(name, _)| name.as_str());
        let ids: BTreeSet<&str> = alive.iter().flat_map(|(_, ids)| ids.iter().map(String::as_str)).collect();
        shown.chain(ids).collect()
    }
}

/// The name of an item of that noun.
pub(super) fn reference(noun: &str, id: &str) -> Option<ItemRef> {
    Some(match noun {
        "region" => ItemRef::Region(RegionId::parse(id).ok()?),
        "carrier" => ItemRef::Carrier(CarrierId::parse(id).ok()?),
        "trunk" => ItemRef::Trunk(TrunkId::parse(id).ok()?),
        "person" => ItemRef::Person(PersonId::parse(id).ok()?),
        "venue" => ItemRef::Venue(VenueId::parse(id).ok()?),
        "link" => ItemRef::Link(LinkId::parse(id).ok()?),
        "agent" => ItemRef::Agent(AgentId::parse(id).ok()?),
        "endpoint" => ItemRef::Endpoint(EndpointId::parse(id).ok()?),
        "mcu" => ItemRef::Mcu(McuId::parse(id).ok()?),
        "equipment" => ItemRef::Equipment(EquipmentId::parse(id).ok()?),
        "stream" => ItemRef::Stream(StreamId::parse(id).ok()?),
        "profile" => ItemRef::Profile(ProfileId::parse(id).ok()?),
        "meeting" => ItemRef::Meeting(MeetingId::parse(id).ok()?),
        "shift" => ItemRef::Shift(ShiftId::parse(id).ok()?),
        "plan" => ItemRef::Plan(PlanId::parse(id).ok()?),
        _ => return None,
    })
}

/// An item's own id.
pub(super) fn id<I: Named>(reading: &mut Reading, node: &Node) -> Option<I> {
    value::parsed(|text| I::parse(text).map_err(|why| Mistake::bad_id(text, &why)))(reading, node)
}

/// A reference to something that is not there.
pub(super) fn missing(noun: &str, text: &str, known: &[&str]) -> Mistake {
    Mistake::new(
        "missing_reference",
        Text::new(format!("没有{} “{text}”", noun_zh(noun)), format!("there is no {noun} \"{text}\"")),
        suggestion(text, known),
    )
}

/// A reference to something that the file does name, but with mistakes of its own.
pub(super) fn left_out(item: &ItemRef) -> Mistake {
    let (noun, id) = (item.noun(), item.id());
    Mistake::new(
        "refers_to_bad",
        Text::new(
            format!("所引用的{} “{id}” 自身有误，未采用", noun_zh(noun)),
            format!("refers to the {noun} \"{id}\", which was left out for its own mistakes"),
        ),
        Text::new(format!("先改正{} “{id}”", noun_zh(noun)), format!("correct the {noun} \"{id}\" first")),
    )
}

fn ambiguous(noun: &str, text: &str, ids: &[&String]) -> Mistake {
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    Mistake::new(
        "ambiguous_name",
        Text::new(
            format!("有 {} 个{}都叫 “{text}”", ids.len(), noun_zh(noun)),
            format!("\"{text}\" is the name of {} {noun}s", ids.len()),
        ),
        Text::new(format!("改写标识：{}", ids.join("、")), format!("write the id: {}", ids.join(", "))),
    )
}
