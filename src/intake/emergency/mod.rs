//! Reads emergency plans: `[[plan]]` with its trigger, targets, posts and steps.
//!
//! A plan is taken whole or not at all: half a plan is worse than none.

mod condition;
mod step;

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::fields::{Fields, Reading, list, table};
use super::meeting::Context;
use super::mistake::Mistake;
use super::names::id;
use super::tree::{Node, Value};
use super::value::{flag, parsed, text, whole, word};
use crate::domain::id::{PlanId, StepId};
use crate::domain::inventory::{Item, MeetingOwner};
use crate::domain::lang::Text;
use crate::domain::plan::{Approval, Plan, Role, RuleName, SwitchBack, Targets, Trigger};
use crate::domain::problem::Position;
use crate::domain::time::Span;
use crate::engine::finding::RuleCode;

/// The longest time that a plan may speak of, seconds: a day.
const SECONDS_MAX: i64 = 24 * 3600;

/// Reads one plan.
pub(super) fn plan(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id::<PlanId>);
    let version = fields.or("version", 1, whole(1..=1_000_000));
    let title = both(fields, "title", "title_en");
    let scope = both(fields, "scope", "scope_en");
    let owner = both(fields, "owner", "owner_en");
    let approved = fields.maybe("approved", approval);
    let review = fields.need("review", day);
    let trigger = fields.need("trigger", |reading, node| trigger(reading, node, cx));
    let targets = fields.or("targets", Targets::default(), targets);
    let roles = fields.or("role", Vec::new(), list(role));
    let restored = fields.maybe("restored", id::<StepId>);
    let switch_back = fields.or("switch_back", SwitchBack::default(), word);
    let disabled = fields.or("disabled", false, flag);
    let nodes = fields.nodes("step");
    let steps: Vec<_> = nodes.iter().map(|node| one_step(fields, node)).collect();
    if nodes.is_empty() {
        fields.refuse(fields.at, Mistake::missing_field("step"));
    }
    let places: Vec<Position> = nodes.iter().map(|node| node.at).collect();
    let steps: Option<Vec<_>> = steps.into_iter().collect();
    let plan = Plan {
        id: own?,
        version,
        title: title?,
        scope: scope?,
        owner: owner?,
        approved,
        review: review?,
        trigger: trigger?,
        targets,
        roles,
        steps: steps?,
        restored,
        switch_back,
        disabled,
        shipped: false,
    };
    name_flaws(fields, &plan, &places);
    Some(Item::Plan(plan))
}

fn one_step(fields: &mut Fields<'_, '_>, node: &Node) -> Option<crate::domain::plan::Step> {
    let found = fields.reading.within("step", |reading| step::step(reading, node));
    if found.is_none() {
        fields.spoil();
    }
    found
}

/// What is wrong with it as a whole, each at the step that it is about.
fn name_flaws(fields: &mut Fields<'_, '_>, plan: &Plan, places: &[Position]) {
    for flaw in plan.flaws() {
        let step = flaw.step().and_then(|id| plan.steps.iter().rposition(|step| &step.id == id));
        let at = step.and_then(|at| places.get(at).copied()).unwrap_or(fields.at);
        let (what, remedy) = flaw.words();
        fields.refuse(at, Mistake::new(flaw.code(), what, remedy));
    }
}

/// A text in both languages; what has no English says its Chinese.
fn both(fields: &mut Fields<'_, '_>, zh: &'static str, en: &'static str) -> Option<Text> {
    let chinese = fields.need(zh, text);
    let english = fields.maybe(en, text);
    chinese.map(|zh| Text { en: english.unwrap_or_else(|| zh.clone()), zh })
}

/// The same where nothing need be said.
fn maybe_both(fields: &mut Fields<'_, '_>, zh: &'static str, en: &'static str) -> Option<Text> {
    let chinese = fields.maybe(zh, text);
    let english = fields.maybe(en, text);
    chinese.map(|zh| Text { en: english.unwrap_or_else(|| zh.clone()), zh })
}

/// A span in seconds.
fn seconds(reading: &mut Reading, node: &Node) -> Option<Span> {
    whole::<u64>(1..=SECONDS_MAX)(reading, node).map(Span::seconds)
}

/// A day, as TOML writes one or as a text.
fn day(reading: &mut Reading, node: &Node) -> Option<Date> {
    let read = |text: &str| {
        let wanted = Text::new("日期", "a day");
        text.trim().parse::<Date>().map_err(|_| Mistake::wrong_form(text, &wanted, "2027-06-01"))
    };
    match &node.value {
        Value::Moment(text) => reading.keep(node.at, read(text)),
        Value::Text(_) | Value::Whole(_) | Value::Number(_) | Value::Flag(_) => parsed(read)(reading, node),
        Value::List(_) | Value::Table(_) => parsed(read)(reading, node),
    }
}

fn approval(reading: &mut Reading, node: &Node) -> Option<Approval> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let by = fields.need("by", text);
    let on = fields.need("on", day);
    fields.finish().then_some(Approval { by: by?, on: on? })
}

fn trigger(reading: &mut Reading, node: &Node, cx: &Context<'_>) -> Option<Trigger> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let classes = fields.need("classes", list(word));
    let rules = fields.or("rules", Vec::new(), list(rule));
    let subjects = fields.or("subjects", Vec::new(), list(word));
    let phases = fields.or("phases", Vec::new(), list(word));
    let parts = fields.or("parts", Vec::new(), list(word));
    let support = fields.or("support", Vec::new(), list(word));
    let regions = fields.or("regions", Vec::new(), list(cx.names.refers()));
    let owner = fields.or("owner", MeetingOwner::default(), word);
    let least = fields.maybe("least", word);
    let when = fields.maybe("when", condition::condition);
    fields.finish().then_some(Trigger {
        classes: set(classes?),
        rules: set(rules),
        subjects: set(subjects),
        phases: set(phases),
        parts: set(parts),
        support: set(support),
        regions: set(regions),
        owner,
        least,
        when,
    })
}

fn set<T: Ord>(values: Vec<T>) -> BTreeSet<T> {
    values.into_iter().collect()
}

fn rule(reading: &mut Reading, node: &Node) -> Option<RuleName> {
    parsed(|text| {
        let known: Vec<&str> = RuleCode::ALL.iter().map(|rule| rule.code()).collect();
        let there = known.contains(&text);
        if there { Ok(RuleName(text.to_owned())) } else { Err(Mistake::unknown_word(text, &known)) }
    })(reading, node)
}

fn targets(reading: &mut Reading, node: &Node) -> Option<Targets> {
    let usual = Targets::default();
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let targets = Targets {
        ack: fields.or("ack_s", usual.ack, seconds),
        first_action: fields.or("first_action_s", usual.first_action, seconds),
        restored: fields.or("restored_s", usual.restored, seconds),
        leader: fields.or("leader_s", usual.leader, seconds),
    };
    let rises = [targets.ack, targets.first_action, targets.restored, targets.leader].is_sorted();
    if !rises {
        fields.refuse(node.at, targets_fall());
    }
    fields.finish().then_some(targets)
}

fn targets_fall() -> Mistake {
    Mistake::new(
        "targets_fall",
        Text::new("目标时间应逐级不减", "the target times must not fall from one to the next"),
        Text::new(
            "按 ack_s ≤ first_action_s ≤ restored_s ≤ leader_s 填写",
            "keep ack_s ≤ first_action_s ≤ restored_s ≤ leader_s",
        ),
    )
}

fn role(reading: &mut Reading, node: &Node) -> Option<Role> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let post = fields.need("post", word);
    let duty = both(&mut fields, "duty", "duty_en");
    fields.finish().then_some(Role { post: post?, duty: duty? })
}
