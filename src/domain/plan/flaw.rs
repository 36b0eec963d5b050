//! What is wrong with a plan as a whole: ways that lead nowhere, rounds without a person, actions nobody may take.

use std::collections::BTreeSet;
use std::fmt;

use super::{Confirm, Goto, Plan, Remedy, Step, StepKind};
use crate::domain::id::StepId;
use crate::domain::inventory::MeetingOwner;
use crate::domain::lang::Text;

/// Most steps of a plan.
pub const STEPS_MAX: usize = 60;
/// Most attempts of an automatic step.
pub const ATTEMPTS_MAX: u8 = 3;

/// One thing that is wrong. Which step it is about stands first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// It has no step at all.
    NoSteps,
    /// It has more than [`STEPS_MAX`].
    TooManySteps,
    /// Two steps have one name.
    StepTwice(StepId),
    /// A way leads to a step that is not there.
    LeadsNowhere(StepId, StepId),
    /// It goes on, when all is well again, at a step that is not there.
    RestoredNowhere(StepId),
    /// No way leads to a step.
    Unreachable(StepId),
    /// Steps that nobody takes lead back to themselves.
    Endless(StepId),
    /// It is for a superior level's meeting 上级会议, and a step would act.
    ActsOnSuperior(StepId),
    /// Many notice what a step does, and not two people must agree.
    OnePersonAlone(StepId),
    /// What takes a step back is itself something that it does not do.
    UndoDoesNotFit(StepId),
    /// A step is tried never, or more often than [`ATTEMPTS_MAX`].
    Attempts(StepId),
    /// A question with fewer than two answers.
    NoChoice(StepId),
}

impl Flaw {
    /// The step it is about, if about one.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::NoSteps | Self::TooManySteps | Self::RestoredNowhere(_) => None,
            Self::StepTwice(step)
            | Self::LeadsNowhere(step, _)
            | Self::Unreachable(step)
            | Self::Endless(step)
            | Self::ActsOnSuperior(step)
            | Self::OnePersonAlone(step)
            | Self::UndoDoesNotFit(step)
            | Self::Attempts(step)
            | Self::NoChoice(step) => Some(step),
        }
    }

    /// A stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSteps => "no_steps",
            Self::TooManySteps => "too_many_steps",
            Self::StepTwice(_) => "step_twice",
            Self::LeadsNowhere(..) => "leads_nowhere",
            Self::RestoredNowhere(_) => "restored_nowhere",
            Self::Unreachable(_) => "unreachable_step",
            Self::Endless(_) => "endless",
            Self::ActsOnSuperior(_) => "acts_on_superior",
            Self::OnePersonAlone(_) => "one_person_alone",
            Self::UndoDoesNotFit(_) => "undo_does_not_fit",
            Self::Attempts(_) => "attempts",
            Self::NoChoice(_) => "no_choice",
        }
    }

    /// What is wrong, and what to do about it.
    pub fn words(&self) -> (Text, Text) {
        (self.what(), self.remedy())
    }

    fn what(&self) -> Text {
        let text = |zh: String, en: String| Text::new(zh, en);
        match self {
            Self::NoSteps => Text::new("预案没有步骤", "the plan has no steps"),
            Self::TooManySteps => {
                text(format!("步骤超过 {STEPS_MAX} 个"), format!("there are more than {STEPS_MAX} steps"))
            }
            Self::StepTwice(step) => {
                text(format!("有两个步骤都叫 “{step}”"), format!("two steps are called \"{step}\""))
            }
            Self::LeadsNowhere(step, to) => text(
                format!("步骤 “{step}” 转到不存在的 “{to}”"),
                format!("step \"{step}\" leads to \"{to}\", which is not there"),
            ),
            Self::RestoredNowhere(to) => text(
                format!("恢复后转到不存在的 “{to}”"),
                format!("when restored it goes on at \"{to}\", which is not there"),
            ),
            Self::Unreachable(step) => {
                text(format!("没有任何一步转到 “{step}”"), format!("no step leads to \"{step}\""))
            }
            Self::Endless(step) => text(
                format!("步骤 “{step}” 起的几步无人参与又转回自身"),
                format!("from step \"{step}\" steps that nobody takes lead back to themselves"),
            ),
            Self::ActsOnSuperior(step) => text(
                format!("上级会议只监看不操作，步骤 “{step}” 却是自动操作"),
                format!("a superior level's meeting is watched only, and step \"{step}\" acts"),
            ),
            Self::OnePersonAlone(step) => text(
                format!("步骤 “{step}” 影响全会，须双人确认"),
                format!("step \"{step}\" concerns the whole meeting: two people must agree"),
            ),
            Self::UndoDoesNotFit(step) => text(
                format!("步骤 “{step}” 的补偿与所做的操作不对应"),
                format!("what takes back step \"{step}\" does not fit what it does"),
            ),
            Self::Attempts(step) => text(
                format!("步骤 “{step}” 的次数不在 1 到 {ATTEMPTS_MAX} 之间"),
                format!("the attempts of step \"{step}\" are not 1 to {ATTEMPTS_MAX}"),
            ),
            Self::NoChoice(step) => text(
                format!("判断步骤 “{step}” 的答案少于两个"),
                format!("the question of step \"{step}\" has fewer than two answers"),
            ),
        }
    }

    fn remedy(&self) -> Text {
        match self {
            Self::NoSteps => Text::new("至少写一个 [[plan.step]]", "write one [[plan.step]] at least"),
            Self::TooManySteps => Text::new("拆成几个预案", "make several plans of it"),
            Self::StepTwice(_) => Text::new("改其中一个的标识", "give one of them another id"),
            Self::LeadsNowhere(..) => Text::new(
                "改为已有步骤的标识、“下一步” 或 “结束”",
                "write the id of a step, \"next\" or \"end\"",
            ),
            Self::RestoredNowhere(_) => Text::new("改为已有步骤的标识", "write the id of a step"),
            Self::Unreachable(_) => {
                Text::new("从某一步转到它，或删去它", "let a step lead there, or remove it")
            }
            Self::Endless(_) => Text::new(
                "在其中加一个人工步骤或确认",
                "put a step for a person, or a confirmation, among them",
            ),
            Self::ActsOnSuperior(_) => Text::new(
                "改为电话或人工步骤，如 “报省技术”",
                "make it a telephone or manual step, such as \"report to the province\"",
            ),
            Self::OnePersonAlone(_) => Text::new("写 confirm = \"双人\"", "write confirm = \"two\""),
            Self::UndoDoesNotFit(_) => Text::new(
                "呼叫备用终端对应挂断备用终端，启用备用MCU对应备用MCU挂断，闭麦对应解除闭麦",
                "dial_spare goes with hang_up_spare, dial_standby with hang_up_standby, mute with unmute",
            ),
            Self::Attempts(_) => {
                Text::new(format!("写 1 到 {ATTEMPTS_MAX}"), format!("write 1 to {ATTEMPTS_MAX}"))
            }
            Self::NoChoice(_) => Text::new("写出每种答案和去向", "write each answer and where it leads"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, _) = self.words();
        write!(f, "{} / {}", what.zh, what.en)
    }
}

impl Plan {
    /// Everything that is wrong with it as a whole.
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if self.steps.is_empty() {
            flaws.push(Flaw::NoSteps);
        }
        if self.steps.len() > STEPS_MAX {
            flaws.push(Flaw::TooManySteps);
        }
        let mut names = BTreeSet::new();
        let twice = self.steps.iter().filter(|step| !names.insert(&step.id));
        flaws.extend(twice.map(|step| Flaw::StepTwice(step.id.clone())));
        let nowhere = self.restored.iter().filter(|to| self.step(to).is_none());
        flaws.extend(nowhere.cloned().map(Flaw::RestoredNowhere));
        self.steps.iter().for_each(|step| self.step_flaws(step, &mut flaws));
        // Ways can be followed only where all of them lead somewhere.
        if flaws.is_empty() {
            flaws.extend(self.unreachable().map(Flaw::Unreachable));
            flaws.extend(self.endless().map(Flaw::Endless));
        }
        flaws
    }

    fn step_flaws(&self, step: &Step, flaws: &mut Vec<Flaw>) {
        for way in step.ways() {
            if let Goto::Step(to) = way
                && self.step(to).is_none()
            {
                flaws.push(Flaw::LeadsNowhere(step.id.clone(), to.clone()));
            }
        }
        let name = || step.id.clone();
        if let StepKind::Decision { branches, .. } = &step.kind
            && branches.len() < 2
        {
            flaws.push(Flaw::NoChoice(name()));
        }
        let StepKind::Automatic { remedy, confirm, undo, attempts, .. } = &step.kind else { return };
        if self.trigger.owner == MeetingOwner::Superior {
            flaws.push(Flaw::ActsOnSuperior(name()));
        }
        if remedy.is_grave() && *confirm != Confirm::Two {
            flaws.push(Flaw::OnePersonAlone(name()));
        }
        if undo.is_some_and(|undo| Some(undo) != remedy.taken_back_by()) {
            flaws.push(Flaw::UndoDoesNotFit(name()));
        }
        if !(1..=ATTEMPTS_MAX).contains(attempts) {
            flaws.push(Flaw::Attempts(name()));
        }
    }

    fn unreachable(&self) -> impl Iterator<Item = StepId> {
        let first = self.steps.first().map(|step| &step.id);
        let mut seen: BTreeSet<&StepId> = BTreeSet::new();
        let mut ahead: Vec<&StepId> = first.into_iter().chain(&self.restored).collect();
        while let Some(id) = ahead.pop() {
            if seen.insert(id) {
                let step = self.step(id);
                ahead.extend(step.into_iter().flat_map(|step| self.leads_to(step)));
            }
        }
        let left: Vec<StepId> =
            self.steps.iter().filter(|step| !seen.contains(&step.id)).map(|step| step.id.clone()).collect();
        left.into_iter()
    }

    fn leads_to<'a>(&'a self, step: &'a Step) -> Vec<&'a StepId> {
        let follow = |way: &'a Goto| self.follow(&step.id, way).map(|step| &step.id);
        let mut to: Vec<&StepId> = step.ways().into_iter().filter_map(follow).collect();
        // Left out for its condition, it leads to the next one.
        to.extend(step.when.as_ref().and_then(|_| self.after(&step.id)).map(|step| &step.id));
        to
    }

    /// Steps from which ways without a person lead back.
    fn endless(&self) -> impl Iterator<Item = StepId> {
        let alone = |step: &&Step| step.goes_by_itself();
        let starts = self.steps.iter().filter(alone);
        let back = starts.filter(|start| {
            let mut seen = BTreeSet::new();
            let mut ahead = self.leads_to(start);
            while let Some(id) = ahead.pop() {
                if id == &start.id {
                    return true;
                }
                let step = self.step(id).filter(alone);
                if let Some(step) = step.filter(|_| seen.insert(id)) {
                    ahead.extend(self.leads_to(step));
                }
            }
            false
        });
        back.take(1).map(|step| step.id.clone()).collect::<Vec<_>>().into_iter()
    }
}

impl Step {
    /// Every way out of it.
    pub fn ways(&self) -> Vec<&Goto> {
        let branches = match &self.kind {
            StepKind::Decision { branches, .. } => branches.as_slice(),
            StepKind::Manual {}
            | StepKind::Evidence { .. }
            | StepKind::Automatic { .. }
            | StepKind::Wait { .. }
            | StepKind::Telephone { .. }
            | StepKind::Notify { .. } => &[],
        };
        let answers = branches.iter().map(|branch| &branch.to);
        // A question leads where its answers lead; by its failing only when its time runs out.
        let plain: &[&Goto] = if branches.is_empty() { &[&self.done, &self.failed] } else { &[&self.failed] };
        plain.iter().copied().chain(answers).collect()
    }

    /// Whether it goes on without a person.
    fn goes_by_itself(&self) -> bool {
        match &self.kind {
            StepKind::Automatic { confirm, .. } => *confirm == Confirm::Nobody,
            StepKind::Notify { .. } => true,
            StepKind::Wait { .. }
            | StepKind::Manual {}
            | StepKind::Evidence { .. }
            | StepKind::Decision { .. }
            | StepKind::Telephone { .. } => false,
        }
    }
}

impl Remedy {
    /// What takes it back, where something can.
    pub fn taken_back_by(self) -> Option<Self> {
        match self {
            Self::DialSpare => Some(Self::HangUpSpare),
            Self::DialStandby => Some(Self::HangUpStandby),
            Self::Mute => Some(Self::Unmute),
            Self::Unmute => Some(Self::Mute),
            Self::KeyFrame | Self::Redial | Self::HangUpSpare | Self::HangUpStandby | Self::Remove => None,
        }
    }
}
