//! Reads one step of a plan. Which fields there are depends on its kind, and a field of another kind is a mistake.

use super::condition::condition;
use super::{both, maybe_both, seconds};
use crate::domain::id::StepId;
use crate::domain::inventory::ContactRole;
use crate::domain::lang::Text;
use crate::domain::notice::Urgency;
use crate::domain::plan::{
    Branch, CallTo, Confirm, Deadline, Goto, Overdue, Post, Precondition, Step, StepKind, Verify,
};
use crate::domain::time::Span;
use crate::intake::fields::{Fields, Reading, list, table};
use crate::intake::mistake::Mistake;
use crate::intake::names::id;
use crate::intake::tree::Node;
use crate::intake::value::{flag, parsed, telephone, text, whole, word};

/// How long media may take to prove a step where the plan does not say.
const WITHIN: Span = Span::seconds(20);

/// Reads a step.
pub(super) fn step(reading: &mut Reading, node: &Node) -> Option<Step> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let own = fields.need("id", id::<StepId>);
    let title = both(&mut fields, "title", "title_en");
    let how = maybe_both(&mut fields, "how", "how_en");
    let post = fields.or("post", Post::Operator, word);
    let rung = fields.maybe("rung", word);
    let when = fields.maybe("when", condition);
    let kind = kind(&mut fields);
    let deadline = deadline(&mut fields);
    let done = fields.or("done", Goto::Next, goto);
    let failed = fields.or("failed", Goto::Next, goto);
    let clean = fields.finish();
    let (id, title, kind) = (own?, title?, kind?);
    clean.then_some(Step { id, title, how, post, rung, when, kind, deadline, done, failed })
}

/// The kinds of steps as files name them.
const KINDS: [&str; 14] = [
    "manual",
    "人工",
    "evidence",
    "留证",
    "automatic",
    "自动",
    "decision",
    "判断",
    "wait",
    "等待",
    "telephone",
    "电话",
    "notify",
    "通知",
];

fn kind(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let known = |text: &str| match KINDS.iter().position(|word| *word == text) {
        Some(at) => Ok(at / 2),
        None => Err(Mistake::unknown_word(text, &KINDS)),
    };
    match fields.need("kind", parsed(known))? {
        0 => Some(StepKind::Manual {}),
        1 => {
            let photo = fields.or("photo", false, flag);
            Some(StepKind::Evidence { what: both(fields, "evidence", "evidence_en")?, photo })
        }
        2 => automatic(fields),
        3 => decision(fields),
        4 => Some(StepKind::Wait { until: fields.need("until", word)? }),
        5 => telephone_step(fields),
        _ => {
            let to = fields.need("to", word);
            let urgency = fields.or("urgency", Urgency::Important, word);
            let text = both(fields, "text", "text_en");
            Some(StepKind::Notify { to: to?, text: text?, urgency })
        }
    }
}

fn automatic(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let remedy = fields.need("remedy", word);
    let confirm = fields.or("confirm", Confirm::One, word);
    let only_if = Precondition(fields.maybe("only_if", condition));
    let dry_run = both(fields, "dry_run", "dry_run_en");
    let verify = fields.or("verify", Verify::Flowing, word);
    let within = fields.or("within_s", WITHIN, seconds);
    let undo = fields.maybe("undo", word);
    let attempts = fields.or("attempts", 1, whole(0..=100));
    let (remedy, dry_run) = (remedy?, dry_run?);
    Some(StepKind::Automatic { remedy, confirm, only_if, dry_run, verify, within, undo, attempts })
}

fn decision(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let question = both(fields, "question", "question_en");
    let branches = fields.need("branch", list(branch));
    Some(StepKind::Decision { question: question?, branches: branches? })
}

fn branch(reading: &mut Reading, node: &Node) -> Option<Branch> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let answer = both(&mut fields, "answer", "answer_en");
    let to = fields.need("to", goto);
    fields.finish().then_some(Branch { answer: answer?, to: to? })
}

/// The people and desks that can be called, as files name them.
const CALLS: [(&str, &str); 7] = [
    ("venue_a", "会场A角"),
    ("venue_b", "会场B角"),
    ("main_hall_a", "主会场A角"),
    ("main_hall_b", "主会场B角"),
    ("operator_b", "值机员B角"),
    ("leader", "带班领导"),
    ("carrier", "运营商报障台"),
];

fn telephone_step(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let say = both(fields, "say", "say_en");
    let office = maybe_both(fields, "office", "office_en");
    // A number belongs to an office: people's numbers are looked up.
    let number = office.as_ref().and_then(|_| fields.maybe("number", telephone));
    let to = match office {
        Some(name) => Some(CallTo::Office { name, number }),
        None => fields.need("call", parsed(call_to)),
    };
    Some(StepKind::Telephone { to: to?, say: say? })
}

fn call_to(text: &str) -> Result<CallTo, Mistake> {
    let at = CALLS.iter().position(|(en, zh)| text.eq_ignore_ascii_case(en) || text.eq_ignore_ascii_case(zh));
    Ok(match at {
        Some(0) => CallTo::Venue(ContactRole::A),
        Some(1) => CallTo::Venue(ContactRole::B),
        Some(2) => CallTo::MainHall(ContactRole::A),
        Some(3) => CallTo::MainHall(ContactRole::B),
        Some(4) => CallTo::OperatorB,
        Some(5) => CallTo::Leader,
        Some(_) => CallTo::Carrier,
        None => {
            let known: Vec<&str> = CALLS.iter().flat_map(|(en, zh)| [*en, *zh]).collect();
            return Err(Mistake::unknown_word(text, &known));
        }
    })
}

fn deadline(fields: &mut Fields<'_, '_>) -> Option<Deadline> {
    let after = fields.maybe("deadline_s", seconds);
    let then = fields.maybe("overdue", word::<Overdue>);
    if after.is_none() && then.is_some() && !fields.has("deadline_s") {
        fields.refuse(fields.place("overdue"), no_deadline());
    }
    Some(Deadline { after: after?, then: then.unwrap_or(Overdue::Ask) })
}

fn no_deadline() -> Mistake {
    Mistake::new(
        "no_deadline",
        Text::new(
            "写了超时后的去向，却没有时限",
            "it says what follows when time runs out, and sets no time",
        ),
        Text::new("补上 deadline_s，或删去 overdue", "add deadline_s or remove overdue"),
    )
}

fn goto(reading: &mut Reading, node: &Node) -> Option<Goto> {
    let word = text(reading, node)?;
    match word.as_str() {
        "next" | "下一步" => Some(Goto::Next),
        "end" | "结束" => Some(Goto::End),
        _ => id::<StepId>(reading, node).map(Goto::Step),
    }
}
