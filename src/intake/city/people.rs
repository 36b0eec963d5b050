//! People with their numbers, and the profiles that meetings hold venues to.

use crate::domain::check::PathPlan;
use crate::domain::id::PersonId;
use crate::domain::inventory::{
    CALLS_AT_ONCE, Item, LimitsPatch, Person, PersonDetails, Profile, Telephone, TelephoneKind,
};
use crate::intake::fields::{Fields, Reading, list, table};
use crate::intake::meeting::Context;
use crate::intake::names::id;
use crate::intake::tree::Node;
use crate::intake::value::{flag, mail, number, telephone, text, whole, word};

/// A person is told apart from their name and numbers at once: only the former is ever journalled.
pub(super) fn person(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<(Person, PersonDetails)> {
    let own: Option<PersonId> = fields.need("id", id);
    let region = fields.need("region", cx.names.refers());
    let name = fields.need("name", text);
    let mobile = fields.or("mobile", Vec::new(), list(telephone));
    let landline = fields.or("landline", Vec::new(), list(telephone));
    let listed = fields.or("telephones", Vec::new(), list(listed));
    let mail = fields.maybe("mail", mail);
    let own = own?;
    let of = |kind, numbers: Vec<String>| numbers.into_iter().map(move |number| Telephone { kind, number });
    let plain = of(TelephoneKind::Mobile, mobile).chain(of(TelephoneKind::Landline, landline));
    let telephones = listed.into_iter().chain(plain).collect();
    Some((
        Person { id: own.clone(), region: region? },
        PersonDetails { id: own, name: name?, telephones, mail },
    ))
}

fn listed(reading: &mut Reading, node: &Node) -> Option<Telephone> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let kind = fields.need("kind", word);
    let number = fields.need("number", telephone);
    fields.finish().then_some(Telephone { kind: kind?, number: number? })
}

pub(super) fn profile(fields: &mut Fields<'_, '_>, _: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let rate_kbps = fields.need("rate_kbps", whole(1..=1_000_000));
    let limits = fields.or("limits", LimitsPatch::default(), limits);
    let path = fields.or("path", PathPlan::default(), path);
    let room = fields.or("room", Vec::new(), list(word));
    let height = fields.maybe("height", whole(90..=4320));
    let content = fields.or("content", false, flag);
    let confirm = fields.or("confirm", Vec::new(), list(word));
    let calls_at_once = fields.or("calls_at_once", CALLS_AT_ONCE, whole(1..=50));
    let (id, name, rate_kbps) = (own?, name?, rate_kbps?);
    let profile =
        Profile { id, name, rate_kbps, limits, path, room, height, content, confirm, calls_at_once };
    Some(Item::Profile(profile))
}

/// Limits where given.
pub(super) fn limits(reading: &mut Reading, node: &Node) -> Option<LimitsPatch> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let patch = LimitsPatch {
        loss_warn_pct: fields.maybe("loss_warn_pct", number),
        loss_fail_pct: fields.maybe("loss_fail_pct", number),
        jitter_warn_ms: fields.maybe("jitter_warn_ms", number),
        jitter_fail_ms: fields.maybe("jitter_fail_ms", number),
        rtt_warn_ms: fields.maybe("rtt_warn_ms", number),
        rtt_fail_ms: fields.maybe("rtt_fail_ms", number),
        clock_warn_ms: fields.maybe("clock_warn_ms", number),
        stream_loss_warn_pct: fields.maybe("stream_loss_warn_pct", number),
        stream_loss_severe_pct: fields.maybe("stream_loss_severe_pct", number),
        stream_jitter_warn_ms: fields.maybe("stream_jitter_warn_ms", number),
        stream_jitter_severe_ms: fields.maybe("stream_jitter_severe_ms", number),
    };
    fields.finish().then_some(patch)
}

fn path(reading: &mut Reading, node: &Node) -> Option<PathPlan> {
    let base = PathPlan::default();
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let plan = PathPlan {
        pps: fields.or("pps", base.pps, whole(1..=50)),
        packets: fields.or("packets", base.packets, whole(10..=60_000)),
        payload_bytes: fields.or("payload_bytes", base.payload_bytes, whole(44..=1400)),
        dscp: fields.or("dscp", base.dscp, whole(0..=63)),
    };
    fields.finish().then_some(plan)
}
