//! Which plan is for which trouble: the one that describes it most closely, and why.

use super::trouble::Trouble;
use crate::domain::id::VenueId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Text;
use crate::domain::plan::{Plan, RuleName, Trigger, Truth};

/// The plan for a trouble, with the reason; `None` when no plan is for it.
pub(in crate::engine) fn choose<'a>(
    inventory: &'a Inventory,
    trouble: &Trouble<'_>,
) -> Option<(&'a Plan, Text)> {
    let facts = trouble.facts();
    let applies = |plan: &&Plan| {
        let by_form = !plan.disabled && fits(&plan.trigger, trouble, inventory);
        by_form && plan.trigger.when.as_ref().is_none_or(|when| when.holds(&facts) == Truth::True)
    };
    let all: Vec<&Plan> = inventory.plans.values().filter(applies).collect();
    // Of equals the one with the lower name, so that the choice is the same each time.
    let best = *all.iter().rev().max_by_key(|plan| plan.trigger.closeness())?;
    Some((best, reason(best, trouble, all.len() - 1)))
}

fn fits(trigger: &Trigger, trouble: &Trouble<'_>, inventory: &Inventory) -> bool {
    let none_or = |empty: bool, holds: bool| empty || holds;
    let rules = || {
        let mut names = trouble.findings.iter().map(|key| RuleName(key.rule.code().to_owned()));
        names.any(|name| trigger.rules.contains(&name))
    };
    trigger.owner == trouble.owner()
        && trigger.classes.contains(&trouble.assessment.class)
        && none_or(trigger.rules.is_empty(), rules())
        && none_or(
            trigger.subjects.is_empty(),
            trouble.subject().is_some_and(|kind| trigger.subjects.contains(&kind)),
        )
        && none_or(
            trigger.phases.is_empty(),
            trouble.phase.is_some_and(|phase| trigger.phases.contains(&phase)),
        )
        && none_or(trigger.parts.is_empty(), !trigger.parts.is_disjoint(&trouble.parts()))
        && none_or(
            trigger.support.is_empty(),
            trouble.meeting.is_some() && trigger.support.contains(&trouble.support()),
        )
        && none_or(
            trigger.regions.is_empty(),
            trouble.venues.iter().any(|venue| within(inventory, venue, trigger)),
        )
        && trigger.least.is_none_or(|least| trouble.assessment.severity >= least)
}

fn within(inventory: &Inventory, venue: &VenueId, trigger: &Trigger) -> bool {
    let Some(venue) = inventory.venues.get(venue) else { return false };
    trigger.regions.iter().any(|scope| inventory.region_within(&venue.region, scope))
}

fn reason(plan: &Plan, trouble: &Trouble<'_>, others: usize) -> Text {
    let class = trouble.assessment.class;
    let more = match others {
        0 => Text::new("唯一适用的预案", "the only plan for it"),
        others => Text::new(
            format!("比另外 {others} 个适用的预案更贴合"),
            format!("closer than {others} others that apply"),
        ),
    };
    Text::new(
        format!("{}；{}（第 {} 版）", class.zh(), more.zh, plan.version),
        format!("{}; {} (version {})", class.en(), more.en, plan.version),
    )
}
