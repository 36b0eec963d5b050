//! 值班表: who is on duty where and when, who stands in for whom, and what is wrong with a roster.

use serde::{Deserialize, Serialize};

use super::{Inventory, Shift};
use crate::domain::id::{PersonId, RegionId, ShiftId};
use crate::domain::time::Utc;

/// 替班: somebody stands in for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Substitute {
    /// Who is away.
    pub absent: PersonId,
    /// Who stands in.
    pub by: PersonId,
}

/// Who is on duty at one moment, those who stand in put in their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnDuty {
    /// By which shift.
    pub shift: Option<ShiftId>,
    /// The operators, A角 first.
    pub operators: Vec<PersonId>,
    /// 带班领导.
    pub leader: Option<PersonId>,
}

impl OnDuty {
    /// 值机员 A角.
    pub fn operator_a(&self) -> Option<&PersonId> {
        self.operators.first()
    }

    /// 值机员 B角.
    pub fn operator_b(&self) -> Option<&PersonId> {
        self.operators.get(1)
    }
}

/// What is wrong with a shift. It counts all the same: one operator is better than none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "flaw", rename_all = "snake_case")]
pub enum DutyFlaw {
    /// 缺 B角: fewer than two operators.
    OneOperator,
    /// 无带班领导.
    NoLeader,
    /// The leader is one of the operators: nobody is left to escalate to.
    LeaderOperates,
    /// Another shift of the region is at the same time.
    Overlaps {
        /// Which.
        shift: ShiftId,
    },
    /// Somebody who stands in is on the same shift already.
    StandsInTwice {
        /// Who.
        person: PersonId,
    },
}

impl Shift {
    /// The operators, those who stand in put in their places.
    pub fn effective(&self) -> OnDuty {
        let stands = |person: &PersonId| {
            let found = self.substitutes.iter().find(|substitute| &substitute.absent == person);
            found.map_or(person, |substitute| &substitute.by).clone()
        };
        OnDuty {
            shift: Some(self.id.clone()),
            operators: self.operators.iter().map(stands).collect(),
            leader: self.leader.as_ref().map(stands),
        }
    }

    /// What is wrong with it.
    pub fn flaws(&self, inventory: &Inventory) -> Vec<DutyFlaw> {
        let duty = self.effective();
        let mut different = duty.operators.clone();
        different.sort();
        different.dedup();
        let mut flaws = Vec::new();
        if different.len() < 2 {
            flaws.push(DutyFlaw::OneOperator);
        }
        match &duty.leader {
            None => flaws.push(DutyFlaw::NoLeader),
            Some(leader) if duty.operators.contains(leader) => flaws.push(DutyFlaw::LeaderOperates),
            Some(_) => {}
        }
        let others = inventory.shifts.values().filter(|other| {
            other.id != self.id && other.region == self.region && other.window.overlaps(&self.window)
        });
        flaws.extend(others.map(|other| DutyFlaw::Overlaps { shift: other.id.clone() }));
        let twice = self.substitutes.iter().map(|substitute| &substitute.by);
        let twice = twice.filter(|by| duty.operators.iter().filter(|person| person == by).count() > 1);
        flaws.extend(twice.map(|person| DutyFlaw::StandsInTwice { person: person.clone() }));
        flaws
    }
}

impl Inventory {
    /// Who is on duty for a region at a moment: its own shift, else that of the region above it. Of two shifts at one
    /// time the one that began later counts: it has taken over.
    pub fn on_duty(&self, region: &RegionId, at: Utc) -> OnDuty {
        let mut scope = Some(region);
        for _ in 0..=self.regions.len() {
            let Some(region) = scope else { break };
            let now =
                self.shifts.values().filter(|shift| &shift.region == region && shift.window.contains(at));
            if let Some(shift) = now.max_by_key(|shift| (shift.window.from, shift.id.clone())) {
                return shift.effective();
            }
            scope = self.regions.get(region).and_then(|region| region.parent.as_ref());
        }
        OnDuty::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        serde_json::from_value(serde_json::json!({
            "regions": {
                "city": {"id": "city", "name": "市"},
                "county": {"id": "county", "name": "县", "parent": "city"},
            },
            "shifts": {
                "day": {"id": "day", "region": "city", "operators": ["a", "b"], "leader": "c",
                    "window": {"from": "2026-11-20T00:00:00Z", "until": "2026-11-20T10:00:00Z"},
                    "substitutes": [{"absent": "b", "by": "d"}]},
                "night": {"id": "night", "region": "city", "operators": ["a"],
                    "window": {"from": "2026-11-20T09:00:00Z", "until": "2026-11-20T20:00:00Z"}},
            },
        }))
        .unwrap()
    }

    fn at(hour: u8) -> Utc {
        Utc::parse(&format!("2026-11-20T{hour:02}:00:00Z")).unwrap()
    }

    #[test]
    fn a_county_without_a_shift_is_served_by_the_city_and_who_took_over_counts() {
        let inventory = inventory();
        let duty = |region: &str, hour| inventory.on_duty(&RegionId::parse(region).unwrap(), at(hour));
        let shift = |region, hour| duty(region, hour).shift.map(|shift| shift.to_string());
        assert_eq!(shift("county", 1).as_deref(), Some("day"));
        assert_eq!(shift("city", 9).as_deref(), Some("night"));
        assert_eq!(shift("city", 21), None);
        let names: Vec<String> = duty("city", 1).operators.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a", "d"], "who stands in is in the place of who is away");
    }

    #[test]
    fn a_roster_says_what_is_wrong_with_it() {
        let inventory = inventory();
        let flaws = |id: &str| inventory.shifts[&ShiftId::parse(id).unwrap()].flaws(&inventory);
        let overlaps = |id: &str| DutyFlaw::Overlaps { shift: ShiftId::parse(id).unwrap() };
        assert_eq!(flaws("day"), [overlaps("night")]);
        assert_eq!(flaws("night"), [DutyFlaw::OneOperator, DutyFlaw::NoLeader, overlaps("day")]);
    }
}
