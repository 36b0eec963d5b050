//! What can happen to a run of a plan: the body of its durable events.

use serde::{Deserialize, Serialize};

use crate::domain::id::StepId;
use crate::domain::lang::Text;
use crate::domain::time::Utc;
use crate::observation::action::ActionKey;

/// Where a run goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// To which step; to the end when to none.
    pub step: Option<StepId>,
    /// When that step's time runs out, if it has one.
    pub due: Option<Utc>,
}

/// A change of the step that a run stands at, or of one that it left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step_change", rename_all = "snake_case")]
pub enum StepChange {
    /// Somebody agreed to it.
    Agreed,
    /// Devices are told to do it: the orders are in the journal beside this.
    Ordered {
        /// Which orders.
        orders: Vec<ActionKey>,
        /// Until when media may take to prove it.
        until: Utc,
    },
    /// It does not go on by itself.
    Held {
        /// Why.
        why: Text,
    },
    /// Its time ran out, and it stays: somebody was told or asked.
    Overdue,
    /// It was left.
    Left {
        /// How.
        outcome: Outcome,
        /// Where the run goes.
        next: Next,
    },
    /// Somebody agreed to take back what it did.
    UndoAgreed,
    /// It was taken back.
    Undone {
        /// Why.
        why: String,
        /// What devices are told for that.
        orders: Vec<ActionKey>,
        /// Where the run goes, when it goes back.
        back: Option<Next>,
    },
}

impl StepChange {
    /// A stable word: the serialised tag.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Ordered { .. } => "ordered",
            Self::Held { .. } => "held",
            Self::Overdue => "overdue",
            Self::Left { .. } => "left",
            Self::UndoAgreed => "undo_agreed",
            Self::Undone { .. } => "undone",
        }
    }
}

/// How a step was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// 已完成.
    Done {
        /// What was found, if anything was written.
        note: String,
        /// A photograph by its content (SHA-256, hex).
        photo: Option<String>,
        /// Which answer was given, counted from 1, if it was a question.
        answer: Option<u8>,
    },
    /// 未成功.
    Failed {
        /// Why.
        why: Text,
    },
    /// 已跳过, by a person.
    Skipped {
        /// Why.
        why: String,
    },
    /// 不适用: its condition was not met.
    LeftOut {
        /// The condition.
        why: String,
    },
    /// 超时.
    TimedOut,
    /// 已恢复: what was wrong was right again before it was done.
    Restored,
}

impl Outcome {
    /// Done without a word.
    pub(super) fn done() -> Self {
        Self::Done { note: String::new(), photo: None, answer: None }
    }

    /// A stable word: the serialised tag.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::LeftOut { .. } => "left_out",
            Self::TimedOut => "timed_out",
            Self::Restored => "restored",
        }
    }

    /// The name that people read, Chinese.
    pub fn zh(&self) -> &'static str {
        match self {
            Self::Done { .. } => "已完成",
            Self::Failed { .. } => "未成功",
            Self::Skipped { .. } => "已跳过",
            Self::LeftOut { .. } => "不适用",
            Self::TimedOut => "超时",
            Self::Restored => "已恢复",
        }
    }
}
