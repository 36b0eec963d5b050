//! Reads meetings and duty shifts, the two nouns that every format can bring.

use jiff::tz::TimeZone;

use super::fields::{Fields, Reading, list, table};
use super::mistake::Mistake;
use super::names::{Names, id, left_out};
use super::tree::{Node, Value};
use super::value::{flag, moment, text, whole, word};
use crate::domain::id::{MeetingId, PersonId, ProfileId, RegionId, ShiftId, VenueId};
use crate::domain::inventory::{
    AgendaItem, Inventory, Item, ItemRef, LinkRole, Meeting, MeetingClass, MeetingOwner, NetworkAttribute,
    Shift, Substitute, SupportLevel,
};
use crate::domain::lang::Text;
use crate::domain::time::{Span, Utc, Window};

/// Longest meeting in minutes: a week.
const MINUTES_MAX: i64 = 7 * 24 * 60;

/// What references and times are read against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// Shown names.
    pub(super) names: &'a Names,
    /// The time zone of times without an offset.
    pub(super) zone: &'a TimeZone,
    /// What is there: the current inventory, and what the file adds before meetings.
    pub(super) base: &'a Inventory,
}

/// Reads a meeting. Region, network and profile may be left out where the main venue, its primary link, or the
/// only profile settles them; so may the id, which then is the start and the main venue.
pub(super) fn meeting(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own_id = fields.maybe("id", id::<MeetingId>);
    let name = fields.need("name", text);
    let window = window(fields, cx.zone, ["starts", "ends"]);
    let main_venue = fields.need("main_venue", cx.names.refers::<VenueId>());
    let venues = fields.need("venues", list(cx.names.refers::<VenueId>()));
    let class = fields.or("class", MeetingClass::default(), word);
    let owner = fields.or("owner", MeetingOwner::default(), word);
    let support = fields.or("support", SupportLevel::default(), word);
    let mcu = fields.maybe("mcu", cx.names.refers());
    let standby_mcu = fields.maybe("standby_mcu", cx.names.refers());
    let agenda = fields.or("agenda", Vec::new(), list(|reading, node| agenda_item(reading, node, cx)));
    let automatic_rounds = fields.or("automatic_rounds", true, flag);
    let settled = Settled::read(fields, cx, main_venue.as_ref());
    let (main_venue, window) = (main_venue?, window?);
    Some(Item::Meeting(Meeting {
        id: own_id.or_else(|| derived_id(window.from, &main_venue, cx.zone))?,
        name: name?,
        region: settled.region?,
        starts: window.from,
        ends: window.until,
        class,
        owner,
        support,
        network: settled.network?,
        profile: settled.profile?,
        venues: venues?.into_iter().filter(|venue| *venue != main_venue).collect(),
        main_venue,
        mcu,
        standby_mcu,
        agenda,
        automatic_rounds,
    }))
}

/// Reads a duty shift; its id may be left out where region and start name it.
pub(super) fn shift(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own_id = fields.maybe("id", id::<ShiftId>);
    let region = fields.maybe("region", cx.names.refers()).or_else(|| only(cx.base.regions.keys()));
    if region.is_none() && !fields.has("region") {
        fields.refuse(fields.at, Mistake::missing_field("region"));
    }
    let window = window(fields, cx.zone, ["from", "until"]);
    let operators = fields.need("operators", list(cx.names.refers()));
    let leader = fields.maybe("leader", cx.names.refers());
    let substitutes =
        fields.or("substitutes", Vec::new(), list(|reading, node| substitute(reading, node, cx)));
    for substitute in &substitutes {
        let on = operators.iter().flatten().chain(&leader).any(|person| person == &substitute.absent);
        if !on {
            fields.refuse(fields.place("substitutes"), not_on_shift(&substitute.absent));
        }
    }
    let (region, window) = (region?, window?);
    let derived = || ShiftId::parse(&format!("{region}-{}", compact(window.from, cx.zone))).ok();
    let id = own_id.or_else(derived)?;
    Some(Item::Shift(Shift { id, region, window, operators: operators?, leader, substitutes }))
}

/// Who stands in for whom: a table, or as a roster writes it, `甲→乙`.
fn substitute(reading: &mut Reading, node: &Node, cx: &Context<'_>) -> Option<Substitute> {
    if let Some(text) = node.as_text() {
        let pair = text.split_once('→').or_else(|| text.split_once("->"));
        let wanted = Text::new("替班", "who stands in for whom");
        let pair = pair.ok_or_else(|| Mistake::wrong_form(text, &wanted, "示例甲→示例乙"));
        let (absent, by) = reading.keep(node.at, pair)?;
        let part = |text: &str| Node { at: node.at, value: Value::Text(text.trim().to_owned()) };
        let (absent, by) = (cx.names.refers()(reading, &part(absent)), cx.names.refers()(reading, &part(by)));
        return Some(Substitute { absent: absent?, by: by? });
    }
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let absent = fields.need("absent", cx.names.refers());
    let by = fields.need("by", cx.names.refers());
    fields.finish().then_some(Substitute { absent: absent?, by: by? })
}

fn not_on_shift(absent: &PersonId) -> Mistake {
    Mistake::new(
        "not_on_shift",
        Text::new(
            format!("“{absent}” 不在这一班，无须替班"),
            format!("\"{absent}\" is not on this shift and needs nobody to stand in"),
        ),
        Text::new("改正替班栏，或把该人列入值班员", "correct who is away, or put that person on the shift"),
    )
}

/// The start, and the end or the length in minutes.
fn window(fields: &mut Fields<'_, '_>, zone: &TimeZone, names: [&'static str; 2]) -> Option<Window> {
    let from = fields.need(names[0], moment(zone));
    let minutes = fields.maybe("minutes", whole::<u64>(1..=MINUTES_MAX));
    let until = match fields.has("minutes") && !fields.has(names[1]) {
        true => from.zip(minutes).map(|(from, minutes)| from + Span::minutes(minutes)),
        false => fields.need(names[1], moment(zone)),
    };
    let window = Window { from: from?, until: until? };
    if window.from >= window.until {
        fields.refuse(fields.place(names[1]), Mistake::ends_before_start());
    }
    Some(window)
}

/// What a meeting may leave unsaid.
struct Settled {
    region: Option<RegionId>,
    network: Option<NetworkAttribute>,
    profile: Option<ProfileId>,
}

impl Settled {
    fn read(fields: &mut Fields<'_, '_>, cx: &Context<'_>, main: Option<&VenueId>) -> Self {
        let there = main.and_then(|main| cx.base.venues.get(main));
        let links = main.map(|main| cx.base.links_of(main)).unwrap_or_default();
        let primary = links.iter().find(|link| link.role == LinkRole::Primary).map(|link| link.network);
        let region = fields.maybe("region", cx.names.refers());
        let network = fields.maybe("network", word);
        let profile = fields.maybe("profile", cx.names.refers());
        let settled = Self {
            region: region.or_else(|| there.map(|venue| venue.region.clone())),
            network: network.or(primary),
            profile: profile.or_else(|| only(cx.base.profiles.keys())),
        };
        settled.name_gaps(fields, cx, main);
        settled
    }

    /// A main venue that was left out is one mistake, not three.
    fn name_gaps(&self, fields: &mut Fields<'_, '_>, cx: &Context<'_>, main: Option<&VenueId>) {
        let Some(main) = main else { return };
        let gaps = [
            ("region", self.region.is_none()),
            ("network", self.network.is_none()),
            ("profile", self.profile.is_none()),
        ];
        if !cx.base.venues.contains_key(main) && gaps.iter().any(|(_, gap)| *gap) {
            fields.refuse(fields.place("main_venue"), left_out(&ItemRef::Venue(main.clone())));
            return;
        }
        for (field, gap) in gaps {
            if gap && !fields.has(field) {
                fields.refuse(fields.at, Mistake::missing_field(field));
            }
        }
    }
}

/// The only one there is.
fn only<'a, T: Clone + 'a>(mut all: impl Iterator<Item = &'a T>) -> Option<T> {
    let first = all.next()?;
    all.next().is_none().then(|| first.clone())
}

fn agenda_item(reading: &mut Reading, node: &Node, cx: &Context<'_>) -> Option<AgendaItem> {
    if node.as_text().is_some() {
        let venue = cx.names.refers()(reading, node)?;
        return Some(AgendaItem { venue, at: None, title: String::new() });
    }
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let venue = fields.need("venue", cx.names.refers());
    let at = fields.maybe("at", moment(cx.zone));
    let title = fields.or("title", String::new(), text);
    fields.finish().then_some(AgendaItem { venue: venue?, at, title })
}

/// A venue sits in one meeting at a time: start and main venue name a meeting.
fn derived_id(starts: Utc, main: &VenueId, zone: &TimeZone) -> Option<MeetingId> {
    let id = format!("{}-{main}", compact(starts, zone));
    MeetingId::parse(&id.chars().take(64).collect::<String>()).ok()
}

fn compact(at: Utc, zone: &TimeZone) -> String {
    at.timestamp().to_zoned(zone.clone()).strftime("%Y%m%d-%H%M").to_string()
}

/// A file without what it was submitted for.
pub(super) fn nothing_found(wanted_zh: &str, wanted_en: &str) -> Mistake {
    Mistake::new(
        "nothing_found",
        Text::new(format!("文件中没有{wanted_zh}"), format!("the file holds no {wanted_en}")),
        Text::new("检查是否选错了文件", "check whether this is the right file"),
    )
}
