//! Emergency plans 应急预案: what a city agreed to do about each kind of trouble, step by step, as a value.
//!
//! A plan says when it applies, who answers for it, how soon things must happen, and the steps with their times and
//! ways out. It does not know how it is run, nor what a device's interface is like.

mod condition;
mod flaw;
mod step;
mod trigger;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use condition::{Compare, Condition, FactKind, FactName, FactValue, Facts, Operand, Test, Truth};
pub use flaw::{ATTEMPTS_MAX, Flaw, STEPS_MAX};
pub use step::{
    Branch, CallTo, Confirm, Deadline, Goto, Overdue, Precondition, Remedy, Rung, Step, StepKind, TellTo,
    Until, Verify,
};
pub use trigger::{RuleName, SubjectKind, Trigger, VenuePart};

use super::id::{PlanId, StepId};
use super::lang::Text;
use super::time::Span;

/// A plan as it was approved: a changed one has a higher version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Identifier.
    pub id: PlanId,
    /// Counted by its author; a run keeps the version that it began with.
    pub version: u32,
    /// Its name.
    pub title: Text,
    /// 适用范围: in words, for what it is meant.
    pub scope: Text,
    /// 责任部门: the office that answers for it. An office, never a person's name.
    pub owner: Text,
    /// Who approved it and when; a plan may be used before it is approved and says so.
    #[serde(default)]
    pub approved: Option<Approval>,
    /// 复审日期: when it must be looked over again.
    pub review: Date,
    /// When it applies.
    pub trigger: Trigger,
    /// How soon things must happen.
    pub targets: Targets,
    /// Who takes part, in words.
    pub roles: Vec<Role>,
    /// The steps; the first one is where a run begins.
    pub steps: Vec<Step>,
    /// Where a run goes on when what was wrong is right again, whichever step it was at.
    #[serde(default)]
    pub restored: Option<StepId>,
    /// When what was switched over is switched back.
    #[serde(default)]
    pub switch_back: SwitchBack,
    /// Whether it is out of use 停用; it stays readable.
    #[serde(default)]
    pub disabled: bool,
    /// Whether it came with the program and no city has put its own in its place.
    #[serde(default)]
    pub shipped: bool,
}

impl Plan {
    /// The step of that name.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| &step.id == id)
    }

    /// The step that follows in the order of the plan.
    pub fn after(&self, id: &StepId) -> Option<&Step> {
        let at = self.steps.iter().position(|step| &step.id == id)?;
        self.steps.get(at + 1)
    }

    /// Where a way out leads from a step; `None` is the end of the plan.
    pub fn follow(&self, from: &StepId, way: &Goto) -> Option<&Step> {
        match way {
            Goto::Next => self.after(from),
            Goto::Step(id) => self.step(id),
            Goto::End => None,
        }
    }

    /// Whether any step has a device do something.
    pub fn acts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.kind, StepKind::Automatic { .. }))
    }
}

/// An approval. Names a post, never a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Which post approved it, such as 分管副秘书长.
    pub by: String,
    /// On which day.
    pub on: Date,
}

/// Somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Which post.
    pub post: Post,
    /// What they do in this plan.
    pub duty: Text,
}

/// A post in an emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Post {
    /// 值机员.
    Operator,
    /// 技术员.
    Technician,
    /// 县技术员, at the venue.
    CountyTechnician,
    /// 带班领导.
    Leader,
    /// 科室负责人.
    Manager,
    /// 主会场联络员: speaks with the chair.
    MainHall,
}

impl Post {
    /// The name that people read, Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Operator => "值机员",
            Self::Technician => "技术员",
            Self::CountyTechnician => "县技术员",
            Self::Leader => "带班领导",
            Self::Manager => "科室负责人",
            Self::MainHall => "主会场联络员",
        }
    }

    /// The same in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Technician => "technician",
            Self::CountyTechnician => "county technician",
            Self::Leader => "leader on call",
            Self::Manager => "section head",
            Self::MainHall => "main hall contact",
        }
    }
}

/// 目标时间: how soon things must happen, counted from the opening of the incident. No standard says so: these are
/// defaults of ours, and a city writes its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// Somebody has acknowledged.
    pub ack: Span,
    /// The first step is done.
    pub first_action: Span,
    /// The meeting goes on, or the next rung of the ladder is taken.
    pub restored: Span,
    /// The leader on call knows.
    pub leader: Span,
}

impl Default for Targets {
    fn default() -> Self {
        Self {
            ack: Span::seconds(30),
            first_action: Span::seconds(60),
            restored: Span::seconds(180),
            leader: Span::seconds(300),
        }
    }
}

/// When what was switched over is switched back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchBack {
    /// 散会后切回: a meeting that goes on is not disturbed twice.
    #[default]
    AfterMeeting,
    /// As soon as the operator says so.
    Asked,
}
