//! The difference between what is there and what a file asks for: only real changes.

use std::collections::BTreeSet;

use super::Submission;
use super::draft::Place;
use super::names::noun_zh;
use crate::domain::inventory::{BrokenWhy, Change, Inventory, Item, ItemRef};
use crate::domain::lang::Text;
use crate::domain::problem::{Position, Problem};

/// What happens to items that a file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// They stay.
    #[default]
    Merge,
    /// They go, if the file names any item of their noun: a file without meetings says nothing about meetings.
    Prune,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Changes in an order in which each may be applied; empty when nothing differs.
    pub changes: Vec<Change>,
    /// Why something is not removed although the mode asks for it.
    pub problems: Vec<Problem>,
}

/// Compares. With [`Mode::Prune`] nothing is removed while the file has problems, nor what something still needs.
pub fn plan(current: &Inventory, submission: &Submission, mode: Mode) -> Plan {
    let differs = |item: &&Item| current.item(&item.reference()).as_ref() != Some(*item);
    let puts: Vec<Change> = submission.items.iter().filter(differs).cloned().map(Change::Put).collect();
    let there = |item: &&ItemRef| current.item(item).is_some();
    let cancelled = submission.removals.iter().filter(there).cloned();
    let (pruned, problems) = match mode {
        Mode::Merge => (BTreeSet::new(), Vec::new()),
        Mode::Prune if !submission.problems.is_empty() => (BTreeSet::new(), vec![held_back(submission)]),
        Mode::Prune => prune(current, submission, &puts),
    };
    let removals: BTreeSet<ItemRef> = cancelled.chain(pruned).collect();
    // What refers goes before what it refers to.
    let removals = removals.into_iter().rev().map(Change::Remove);
    Plan { changes: puts.into_iter().chain(removals).collect(), problems }
}

/// Everything of the named nouns that the file does not name, without what would leave a reference to nothing.
fn prune(current: &Inventory, submission: &Submission, puts: &[Change]) -> (BTreeSet<ItemRef>, Vec<Problem>) {
    let named: BTreeSet<ItemRef> = submission.items.iter().map(Item::reference).collect();
    let nouns: BTreeSet<&str> = named.iter().map(ItemRef::noun).collect();
    let all = current.items().map(|item| item.reference());
    let mut gone: BTreeSet<ItemRef> =
        all.filter(|item| nouns.contains(item.noun()) && !named.contains(item)).collect();
    let mut problems = Vec::new();
    loop {
        let mut result = current.clone();
        puts.iter().for_each(|put| result.apply(put));
        gone.iter().for_each(|item| result.apply(&Change::Remove(item.clone())));
        let needed: Vec<(ItemRef, ItemRef)> = result.broken().into_iter().filter_map(needs).collect();
        let kept: Vec<_> = needed.into_iter().filter(|(_, needed)| gone.remove(needed)).collect();
        if kept.is_empty() {
            return (gone, problems);
        }
        problems.extend(kept.iter().map(|(by, needed)| still_needed(submission, by, needed)));
    }
}

fn needs(broken: crate::domain::inventory::Broken) -> Option<(ItemRef, ItemRef)> {
    match broken.why {
        BrokenWhy::Missing(needed) => Some((broken.item, needed)),
        BrokenWhy::Cycle | BrokenWhy::EndsBeforeStart | BrokenWhy::Limits | BrokenWhy::Twice(_) => None,
        BrokenWhy::SameAsPrimary | BrokenWhy::OtherNetwork | BrokenWhy::PathPlan => None,
        BrokenWhy::Address(_) | BrokenWhy::Plan(_) => None,
    }
}

fn still_needed(submission: &Submission, by: &ItemRef, needed: &ItemRef) -> Problem {
    let what = Text::new(
        format!(
            "{} “{}” 未删除：{} “{}” 还引用它",
            noun_zh(needed.noun()),
            needed.id(),
            noun_zh(by.noun()),
            by.id()
        ),
        format!(
            "the {} \"{}\" stays: the {} \"{}\" still refers to it",
            needed.noun(),
            needed.id(),
            by.noun(),
            by.id()
        ),
    );
    let remedy = Text::new("先改正引用它的条目", "correct what refers to it first");
    let at = submission.places.get(by).map_or(Position::START, |place: &Place| place.at);
    Problem { file: submission.file.clone(), at, code: "intake.still_needed".into(), what, remedy }
}

fn held_back(submission: &Submission) -> Problem {
    Problem {
        file: submission.file.clone(),
        at: Position::START,
        code: "intake.prune_held_back".into(),
        what: Text::new("文件有误，未删除任何条目", "nothing is removed while the file has problems"),
        remedy: Text::new("改正后重新提交", "correct the file and submit it again"),
    }
}
