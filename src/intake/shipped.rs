//! The emergency plans that come with the program, read like any city's and checked when the tests run.
//!
//! A city that submits a plan of the same id puts its own in the place of one of these; one that it does not want it
//! sets out of use.

use jiff::tz::TimeZone;

use super::{Known, read};
use crate::domain::inventory::{Change, Inventory, Item};
use crate::domain::plan::Plan;
use crate::domain::problem::Problem;

/// Each file of `config/plans` with its text.
pub const FILES: [(&str, &str); 18] = [
    ("f01-mcu-down.toml", include_str!("../../config/plans/f01-mcu-down.toml")),
    ("f02-link-lost.toml", include_str!("../../config/plans/f02-link-lost.toml")),
    ("f03-link-degraded.toml", include_str!("../../config/plans/f03-link-degraded.toml")),
    ("f04-endpoint.toml", include_str!("../../config/plans/f04-endpoint.toml")),
    ("f04-main-hall.toml", include_str!("../../config/plans/f04-main-hall.toml")),
    ("f05-picture.toml", include_str!("../../config/plans/f05-picture.toml")),
    ("f06-sound.toml", include_str!("../../config/plans/f06-sound.toml")),
    ("f07-power.toml", include_str!("../../config/plans/f07-power.toml")),
    ("f08-platform-lost.toml", include_str!("../../config/plans/f08-platform-lost.toml")),
    ("f09-venue-unready.toml", include_str!("../../config/plans/f09-venue-unready.toml")),
    ("f10-drift.toml", include_str!("../../config/plans/f10-drift.toml")),
    ("f11-intruder.toml", include_str!("../../config/plans/f11-intruder.toml")),
    ("f12-security.toml", include_str!("../../config/plans/f12-security.toml")),
    ("open-microphone.toml", include_str!("../../config/plans/open-microphone.toml")),
    ("common-cause.toml", include_str!("../../config/plans/common-cause.toml")),
    ("environment.toml", include_str!("../../config/plans/environment.toml")),
    ("self-watch.toml", include_str!("../../config/plans/self-watch.toml")),
    ("superior-meeting.toml", include_str!("../../config/plans/superior-meeting.toml")),
];

/// The shipped plans, and whatever is wrong with them: nothing, a test sees to that.
pub fn plans() -> (Vec<Plan>, Vec<Problem>) {
    let (inventory, zone) = (Inventory::default(), TimeZone::UTC);
    let known = Known { inventory: &inventory, people: &[] };
    let (mut plans, mut problems) = (Vec::new(), Vec::new());
    for (name, text) in FILES {
        let submission = read(name, text.as_bytes(), &known, &zone);
        problems.extend(submission.problems);
        for item in submission.items {
            if let Item::Plan(plan) = item {
                plans.push(Plan { shipped: true, ..plan });
            }
        }
    }
    (plans, problems)
}

/// What an inventory lacks: plans that are not there, and shipped ones that this program has in another form. What a
/// city put in the place of one stays.
pub fn changes(inventory: &Inventory) -> Vec<Change> {
    let (plans, _) = plans();
    let wanted = |plan: &Plan| match inventory.plans.get(&plan.id) {
        None => true,
        Some(known) => known.shipped && known != plan,
    };
    plans.into_iter().filter(wanted).map(|plan| Change::Put(Item::Plan(plan))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::FaultClass;
    use crate::domain::inventory::MeetingOwner;
    use crate::domain::lang::Lang;
    use crate::domain::plan::Rung;
    use crate::intake::lines;

    #[test]
    fn every_shipped_plan_is_in_order_and_every_class_has_one() {
        let (plans, problems) = plans();
        assert_eq!(lines(&problems, Lang::Zh), "");
        let ids: std::collections::BTreeSet<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
        assert!(
            plans.len() >= FILES.len() && ids.len() == plans.len(),
            "a file holds one plan or more: {ids:?}"
        );
        for owner in [MeetingOwner::Own, MeetingOwner::Superior] {
            for class in FaultClass::ALL {
                let fits =
                    |plan: &&Plan| plan.trigger.owner == owner && plan.trigger.classes.contains(&class);
                assert!(plans.iter().any(|plan| fits(&plan)), "no plan for {class:?} of {owner:?}");
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/plans");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut shipped: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        shipped.sort_unstable();
        assert_eq!(names, shipped);
    }

    /// Texts as operators say them: both languages, no rung left out of the ladder, none above one before it.
    #[test]
    fn the_ladder_has_its_six_rungs_in_order() {
        let (plans, _) = plans();
        let ladder = plans.iter().find(|plan| plan.id.as_str() == "f04-endpoint").unwrap();
        let mut rungs: Vec<Rung> = ladder.steps.iter().filter_map(|step| step.rung).collect();
        assert!(rungs.is_sorted());
        rungs.dedup();
        assert_eq!(rungs, Rung::ALL);
        for plan in &plans {
            assert!(plan.title.en.is_ascii() && !plan.title.zh.is_ascii(), "{}", plan.id);
            for step in &plan.steps {
                assert!(step.title.en.is_ascii() && !step.title.zh.is_ascii(), "{} {}", plan.id, step.id);
            }
        }
    }

    #[test]
    fn a_superior_meeting_has_reports_and_no_actions() {
        let (plans, _) = plans();
        let superior = plans.iter().filter(|plan| plan.trigger.owner == MeetingOwner::Superior);
        for plan in superior {
            assert!(!plan.acts());
            assert!(plan.steps.iter().any(|step| step.title.zh.contains("报省技术")));
        }
    }

    #[test]
    fn what_a_city_put_in_its_place_stays() {
        let mut inventory = Inventory::default();
        changes(&inventory).iter().for_each(|change| inventory.apply(change));
        assert_eq!((inventory.plans.len(), changes(&inventory)), (plans().0.len(), Vec::new()));
        let mut own = inventory.plans.values().next().unwrap().clone();
        (own.shipped, own.version) = (false, 7);
        inventory.apply(&Change::Put(Item::Plan(own)));
        let mut old = inventory.plans.values().last().unwrap().clone();
        old.version = 0;
        inventory.apply(&Change::Put(Item::Plan(old.clone())));
        let found = changes(&inventory);
        assert_eq!(found.len(), 1, "the city's own stays, the shipped one of an older program goes");
        assert_eq!(found[0].subject().id(), old.id.as_str());
    }
}
