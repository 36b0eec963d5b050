//! The rungs: after which time of the plan who is told, and what makes a rung needless.

use crate::domain::id::PersonId;
use crate::domain::incident::IncidentId;
use crate::domain::inventory::{OnDuty, SupportLevel};
use crate::domain::lang::Text;
use crate::domain::plan::Targets;
use crate::domain::time::Span;

/// Whom a rung tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// 值机员 A角.
    OperatorA,
    /// 值机员 B角.
    OperatorB,
    /// Both operators.
    Operators,
    /// 带班领导.
    Leader,
}

/// What makes a rung needless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// Nothing does.
    Never,
    /// Somebody has acknowledged.
    Acked,
    /// A first step was taken.
    Acted,
    /// The meeting goes on.
    Restored,
}

/// Which of a plan's target times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Opening,
    Ack,
    FirstAction,
    Restored,
    Leader,
}

/// One rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    after: After,
    /// Whom it tells.
    pub whom: Whom,
    unless: Unless,
}

/// The rungs in their order.
pub const RUNGS: [Rung; 5] = [
    Rung { after: After::Opening, whom: Whom::OperatorA, unless: Unless::Never },
    Rung { after: After::Ack, whom: Whom::OperatorB, unless: Unless::Acked },
    Rung { after: After::FirstAction, whom: Whom::Operators, unless: Unless::Acted },
    Rung { after: After::Restored, whom: Whom::Operators, unless: Unless::Restored },
    Rung { after: After::Leader, whom: Whom::Leader, unless: Unless::Restored },
];

impl Rung {
    /// When it is due, from the opening.
    pub fn after(&self, targets: &Targets) -> Span {
        match self.after {
            After::Opening => Span::ZERO,
            After::Ack => targets.ack,
            After::FirstAction => targets.first_action,
            After::Restored => targets.restored,
            After::Leader => targets.leader,
        }
    }

    /// What makes it needless. In a meeting of routine support an acknowledgement keeps the leader out of it too.
    pub fn unless(&self, support: SupportLevel) -> Unless {
        match (self.whom, support) {
            (Whom::Leader, SupportLevel::Routine) => Unless::Acked,
            (Whom::Leader, SupportLevel::Important | SupportLevel::Highest)
            | (Whom::OperatorA | Whom::OperatorB | Whom::Operators, _) => self.unless,
        }
    }

    /// The people. With the highest support 特级保障 the leader is told as soon as nobody has acknowledged in time; a
    /// shift without a second operator tells the first again.
    pub fn people(&self, duty: &OnDuty, support: SupportLevel) -> Vec<PersonId> {
        let leader = duty.leader.iter();
        let mut people: Vec<PersonId> = match self.whom {
            Whom::OperatorA => duty.operator_a().into_iter().cloned().collect(),
            Whom::OperatorB => duty.operator_b().or(duty.operator_a()).into_iter().cloned().collect(),
            Whom::Operators => duty.operators.iter().take(2).cloned().collect(),
            Whom::Leader => leader.clone().cloned().collect(),
        };
        if self.whom == Whom::OperatorB && support == SupportLevel::Highest {
            people.extend(leader.cloned());
        }
        people.dedup();
        people
    }

    /// Why it tells them.
    pub fn why(&self, incident: IncidentId) -> Text {
        let (zh, en) = match self.after {
            After::Opening => ("您是当班值机员", "you are the operator on duty"),
            After::Ack => ("超过确认时限仍无人确认", "nobody has acknowledged in time"),
            After::FirstAction => ("超过首次处置时限仍未处置", "no step was taken in time"),
            After::Restored => {
                ("超过恢复时限会议仍未恢复，请转下一级", "not restored in time: take the next rung")
            }
            After::Leader => (
                "超过报告时限会议仍未恢复，您是带班领导",
                "not restored in time, and you are the leader on call",
            ),
        };
        Text::new(format!("事件 {incident}：{zh}"), format!("incident {incident}: {en}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_times_rise_and_the_leader_is_last() {
        let targets = Targets::default();
        let seconds: Vec<u64> = RUNGS.iter().map(|rung| rung.after(&targets).0 / 1_000_000).collect();
        assert_eq!(seconds, [0, 30, 60, 180, 300]);
        let person = |name: &str| PersonId::parse(name).unwrap();
        let duty = OnDuty { shift: None, operators: vec![person("a")], leader: Some(person("l")) };
        assert_eq!(RUNGS[1].people(&duty, SupportLevel::Routine), [person("a")]);
        assert_eq!(RUNGS[1].people(&duty, SupportLevel::Highest), [person("a"), person("l")]);
        assert_eq!(RUNGS[4].unless(SupportLevel::Routine), Unless::Acked);
        assert_eq!(RUNGS[4].unless(SupportLevel::Important), Unless::Restored);
    }
}
