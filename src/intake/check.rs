//! Holds what a file asks for against everything else, and finds who is to blame for what does not hold.

use std::collections::BTreeSet;

use super::draft::{Draft, Placed};
use super::fields::Reading;
use super::mistake::Mistake;
use super::names::{Names, left_out, missing, noun_zh};
use crate::domain::inventory::{Broken, BrokenWhy, Change, Inventory, ItemRef};
use crate::domain::lang::Text;
use crate::domain::problem::Position;

/// Leaves out every item that does not hold, and names each; what is left can be applied as it is.
///
/// Leaving one out can make another refer to nothing, so this repeats until nothing is left out any more.
pub(super) fn settle(
    reading: &mut Reading,
    draft: &mut Draft,
    current: &Inventory,
    names: &Names,
) -> Inventory {
    let before: BTreeSet<Broken> = current.broken().into_iter().collect();
    loop {
        let result = with(current, &draft.items, &draft.removals);
        let new: Vec<Broken> =
            result.broken().into_iter().filter(|broken| !before.contains(broken)).collect();
        if new.is_empty() {
            return result;
        }
        let mut guilty: BTreeSet<ItemRef> = BTreeSet::new();
        for broken in &new {
            if let Some(placed) = find(&draft.items, &broken.item) {
                reading.note(placed.place.find(broken.field, &said(broken)), own(broken, draft, names));
                guilty.insert(broken.item.clone());
            }
        }
        if guilty.is_empty() {
            guilty = others(reading, draft, current, &new[0]);
        }
        if guilty.is_empty() {
            // No item is to blame: what is removed is still needed.
            reading.note(Position::START, breaks_other(&new[0]));
            draft.removals.clear();
        }
        guilty.into_iter().for_each(|item| draft.leave_out(item));
    }
}

/// The inventory with these items put and those removed.
fn with(current: &Inventory, items: &[Placed], removals: &[ItemRef]) -> Inventory {
    let mut result = current.clone();
    removals.iter().for_each(|item| result.apply(&Change::Remove(item.clone())));
    items.iter().for_each(|placed| result.apply(&Change::Put(placed.item.clone())));
    result
}

fn find<'a>(items: &'a [Placed], item: &ItemRef) -> Option<&'a Placed> {
    items.iter().find(|placed| placed.item.reference() == *item)
}

/// An item that was there before does not hold any more: the change without which it would is to blame, or all.
fn others(reading: &mut Reading, draft: &Draft, current: &Inventory, broken: &Broken) -> BTreeSet<ItemRef> {
    let holds_without = |placed: &&Placed| {
        let rest: Vec<Placed> =
            draft.items.iter().filter(|other| !std::ptr::eq(*other, *placed)).cloned().collect();
        !with(current, &rest, &draft.removals).broken().contains(broken)
    };
    let one: Vec<&Placed> = draft.items.iter().filter(holds_without).take(1).collect();
    let by_removal = with(current, &[], &draft.removals).broken().contains(broken);
    let blamed = if one.is_empty() && !by_removal { draft.items.iter().collect() } else { one };
    for placed in &blamed {
        reading.note(placed.place.at, breaks_other(broken));
    }
    blamed.iter().map(|placed| placed.item.reference()).collect()
}

/// What the field may say at the place meant.
fn said(broken: &Broken) -> Vec<&str> {
    match &broken.why {
        BrokenWhy::Missing(item) => vec![item.id()],
        BrokenWhy::Twice(name) => vec![name],
        BrokenWhy::Cycle | BrokenWhy::EndsBeforeStart | BrokenWhy::Limits => Vec::new(),
        BrokenWhy::SameAsPrimary | BrokenWhy::OtherNetwork | BrokenWhy::PathPlan => Vec::new(),
        BrokenWhy::Address(_) | BrokenWhy::Plan(_) => Vec::new(),
    }
}

fn own(broken: &Broken, draft: &Draft, names: &Names) -> Mistake {
    let mistake = match &broken.why {
        BrokenWhy::Missing(item) if draft.left_out.contains(item) => left_out(item),
        BrokenWhy::Missing(item) => missing(item.noun(), item.id(), &names.known(item.noun())),
        BrokenWhy::Twice(name) => twice(&broken.item, name),
        BrokenWhy::Cycle | BrokenWhy::EndsBeforeStart | BrokenWhy::Limits => plain(&broken.why),
        BrokenWhy::SameAsPrimary | BrokenWhy::OtherNetwork | BrokenWhy::PathPlan => plain(&broken.why),
        BrokenWhy::Address(_) | BrokenWhy::Plan(_) => plain(&broken.why),
    };
    let (noun, id, field) = (broken.item.noun(), broken.item.id(), broken.field);
    let what = Text::new(
        format!("{} “{id}” 的 {field}：{}", noun_zh(noun), mistake.what.zh),
        format!("{noun} \"{id}\", {field}: {}", mistake.what.en),
    );
    Mistake { what, ..mistake }
}

fn twice(item: &ItemRef, name: &str) -> Mistake {
    let (what, remedy) = match matches!(item, ItemRef::Agent(_)) {
        true => (
            Text::new(
                format!("会场 “{name}” 已有另一台测试机"),
                format!("the venue \"{name}\" has another agent already"),
            ),
            Text::new("每个会场只登记一台测试机", "register one agent for each venue"),
        ),
        false => (
            Text::new(format!("“{name}” 写了两次"), format!("\"{name}\" stands there twice")),
            Text::new("只留一处", "keep one of the two"),
        ),
    };
    Mistake::new("twice", what, remedy)
}

fn plain(why: &BrokenWhy) -> Mistake {
    let (kind, what, remedy) = match why {
        BrokenWhy::Missing(_) | BrokenWhy::Twice(_) | BrokenWhy::Cycle => (
            "cycle",
            ("上级绕回了自身", "leads back to itself"),
            ("改正 parent，使最上一级没有 parent", "correct parent so that the topmost has none"),
        ),
        BrokenWhy::EndsBeforeStart => return Mistake::ends_before_start(),
        BrokenWhy::Limits => (
            "limits",
            (
                "告警限值高于不通过限值，或不是有效的数",
                "a warning limit lies above its failing limit or is no number",
            ),
            ("告警限值应不高于不通过限值", "keep each warning limit at or below its failing limit"),
        ),
        BrokenWhy::SameAsPrimary => (
            "same_as_primary",
            ("备用 MCU 与主用是同一台", "the standby MCU is the primary itself"),
            ("另选一台备用 MCU，或删去这一项", "choose another standby MCU or remove it"),
        ),
        BrokenWhy::OtherNetwork => (
            "other_network",
            ("该 MCU 与会议不在同一网络，会议不跨网", "the MCU is on another network than the meeting"),
            ("选同一网络的 MCU，或改正会议的 network", "choose an MCU of that network or correct network"),
        ),
        BrokenWhy::PathPlan => (
            "path_plan",
            ("线路测试参数超出允许范围", "the path plan is outside what a line may bear"),
            (
                "pps 1–50，packets 10–60000，payload_bytes 44–1400，dscp 0–63",
                "pps 1–50, packets 10–60000, payload_bytes 44–1400, dscp 0–63",
            ),
        ),
        BrokenWhy::Plan(flaw) => {
            let (what, remedy) = flaw.words();
            return Mistake::new(flaw.code(), what, remedy);
        }
        // What was written is not repeated: it may hold a password.
        BrokenWhy::Address(_) => (
            "address",
            ("接口地址的写法不对", "this is no address of that interface"),
            (
                "http 接口写 https://主机:端口/，snmp 写 主机:端口；其中不写口令",
                "write https://host:port/ for an HTTP interface, host:port for snmp; no secret in it",
            ),
        ),
    };
    Mistake::new(kind, Text::new(what.0, what.1), Text::new(remedy.0, remedy.1))
}

fn breaks_other(broken: &Broken) -> Mistake {
    let (noun, id, field) = (broken.item.noun(), broken.item.id(), broken.field);
    Mistake::new(
        "breaks_other",
        Text::new(
            format!("这一项会使已有的{} “{id}” 的 {field} 不再成立", noun_zh(noun)),
            format!("this would break {field} of the {noun} \"{id}\", which is there already"),
        ),
        Text::new(
            format!("同时改正{} “{id}”，或不作此改动", noun_zh(noun)),
            format!("correct the {noun} \"{id}\" as well, or leave this as it was"),
        ),
    )
}
