//! Notices made ready: a page, a step that tells somebody, a step whose time ran out, a digest, the all-clear.
//!
//! Texts name venues and trouble, never a person or a number, and nothing of what is said or shown in a meeting.

use std::collections::BTreeSet;

use super::{duty, send};
use crate::domain::fault::Severity;
use crate::domain::id::PersonId;
use crate::domain::lang::{Lang, Text};
use crate::domain::notice::{Notice, NoticeKey, NoticeKind, Recipient, Urgency};
use crate::domain::plan::{Step, TellTo};
use crate::domain::time::Span;
use crate::engine::draft::Draft;
use crate::engine::plan::{Trouble, choose};
use crate::engine::state::{Correction, Digest, Incident, Paging, Run, Told};
use crate::engine::wording;

/// A page is worth nothing after this.
const PAGE_LIFE: Span = Span::minutes(30);
/// A report or an all-clear is worth nothing after this.
const REPORT_LIFE: Span = Span::minutes(240);

/// What a notice is made of.
struct Parts {
    key: String,
    kind: NoticeKind,
    urgency: Urgency,
    to: Recipient,
    title: Text,
    body: Text,
    why: Text,
    answer: bool,
    life: Span,
}

fn tell(draft: &mut Draft<'_>, trouble: Option<&Trouble<'_>>, parts: Parts) -> NoticeKey {
    let key = NoticeKey(parts.key);
    let notice = Notice {
        key: key.clone(),
        incident: trouble.map(|trouble| trouble.incident),
        kind: parts.kind,
        urgency: parts.urgency,
        to: parts.to,
        channels: Vec::new(),
        title: parts.title,
        body: parts.body,
        why: parts.why,
        answer: parts.answer,
        drill: false,
        at: draft.now.utc,
        expires: draft.now.utc + parts.life,
    };
    send(draft, notice);
    key
}

/// One line about an incident: its number, what it is, how many venues.
pub(super) fn headline(trouble: &Trouble<'_>) -> Text {
    let (class, severity) = (trouble.assessment.class, trouble.assessment.severity);
    let venues = wording::venues(trouble.inventory(), &trouble.venues, Lang::Zh);
    let venues_en = wording::venues(trouble.inventory(), &trouble.venues, Lang::En);
    Text::new(
        format!(
            "【{}】事件 {} {}：{venues}",
            wording::severity(severity, Lang::Zh),
            trouble.incident,
            class.zh()
        ),
        format!(
            "[{}] incident {} {}: {venues_en}",
            wording::severity(severity, Lang::En),
            trouble.incident,
            class.en()
        ),
    )
}

fn body(draft: &Draft<'_>, trouble: &Trouble<'_>) -> Text {
    let chosen = choose(trouble.inventory(), trouble).map(|(plan, _)| plan);
    let run = draft.state.durable.run_of(trouble.incident).filter(|run| run.is_open());
    let step = run.and_then(Run::step).or_else(|| chosen.and_then(|plan| plan.steps.first()));
    let (zh, en) = match step {
        Some(step) => (format!("下一步：{}", step.title.zh), format!("next step: {}", step.title.en)),
        None => ("没有适用的预案".to_owned(), "no plan is for it".to_owned()),
    };
    let reason = &trouble.assessment.reason;
    Text::new(format!("{}。{zh}", reason.zh), format!("{}. {en}", reason.en))
}

fn urgency(severity: Severity) -> Urgency {
    match severity {
        Severity::Critical | Severity::Severe => Urgency::Urgent,
        Severity::Warning => Urgency::Important,
        Severity::Information => Urgency::Routine,
    }
}

/// Pages somebody; returns the name of the notice, by which its answer is known.
pub(super) fn page(draft: &mut Draft<'_>, trouble: &Trouble<'_>, told: &Told) -> NoticeKey {
    let before = draft.state.durable.duty.paging.get(&trouble.incident).map_or(0, |paging| paging.told.len());
    draft.pages.push((trouble.incident, told.to.clone()));
    let now = draft.pages.iter().filter(|(incident, _)| *incident == trouble.incident).count();
    let parts = Parts {
        key: format!("{}-{}", trouble.incident, before + now),
        kind: if told.rung == 0 { NoticeKind::Incident } else { NoticeKind::Escalation },
        urgency: urgency(trouble.assessment.severity),
        to: Recipient::Person(told.to.clone()),
        title: headline(trouble),
        body: body(draft, trouble),
        why: told.why.clone(),
        answer: true,
        life: PAGE_LIFE,
    };
    tell(draft, Some(trouble), parts)
}

/// Tells the group once: one incident, one message, however many venues.
pub(super) fn group(draft: &mut Draft<'_>, trouble: &Trouble<'_>) -> NoticeKey {
    let again = draft.state.durable.duty.paging.contains_key(&trouble.incident);
    let why = match again {
        true => Text::new("事件再次需要处置", "it needs somebody again"),
        false => Text::new("新事件", "a new incident"),
    };
    let parts = Parts {
        key: format!("{}-g-{:x}", trouble.incident, draft.now.utc.0 / 1_000_000),
        kind: NoticeKind::Incident,
        urgency: urgency(trouble.assessment.severity),
        to: Recipient::Channel,
        title: headline(trouble),
        body: body(draft, trouble),
        why,
        answer: false,
        life: PAGE_LIFE,
    };
    tell(draft, Some(trouble), parts)
}

/// Tells whom a step of a plan names.
pub(in crate::engine) fn step_notice(
    draft: &mut Draft<'_>,
    run: &Run,
    step: &Step,
    trouble: &Trouble<'_>,
    (to, text, urgency): (TellTo, &Text, Urgency),
) {
    let why = Text::new(
        format!("预案“{}”步骤“{}”", run.plan.title.zh, step.title.zh),
        format!("plan \"{}\", step \"{}\"", run.plan.title.en, step.title.en),
    );
    let title = headline(trouble);
    for (n, to) in (1..).zip(recipients(draft, trouble, to)) {
        let parts = Parts {
            key: step_key(draft, run, step, n),
            kind: NoticeKind::Step,
            urgency,
            to,
            title: title.clone(),
            body: text.clone(),
            why: why.clone(),
            answer: false,
            life: PAGE_LIFE,
        };
        tell(draft, Some(trouble), parts);
    }
}

/// A step's time ran out: the leader is told, or the operators are asked.
pub(in crate::engine) fn overdue_notice(
    draft: &mut Draft<'_>,
    run: &Run,
    step: &Step,
    trouble: &Trouble<'_>,
    escalate: bool,
) {
    let to = if escalate { TellTo::Leader } else { TellTo::Operators };
    let title = headline(trouble);
    let (zh, en) = if escalate {
        ("已超时，报带班领导", "is overdue: the leader on call is told")
    } else {
        ("已超时，请处理、跳过或说明", "is overdue: do it, skip it or say why")
    };
    let body = Text::new(format!("步骤“{}”{zh}", step.title.zh), format!("step \"{}\" {en}", step.title.en));
    for (n, to) in (1..).zip(recipients(draft, trouble, to)) {
        let parts = Parts {
            key: step_key(draft, run, step, n),
            kind: if escalate { NoticeKind::Escalation } else { NoticeKind::Reminder },
            urgency: Urgency::Important,
            to,
            title: title.clone(),
            body: body.clone(),
            why: Text::new("预案步骤超时", "a step of the plan is overdue"),
            answer: escalate,
            life: PAGE_LIFE,
        };
        tell(draft, Some(trouble), parts);
    }
}

fn step_key(draft: &Draft<'_>, run: &Run, step: &Step, n: u32) -> String {
    let second = draft.now.utc.0 / 1_000_000;
    format!("{}-{}-{}-{second:x}-{n}", run.key.incident, run.key.no, step.id)
}

fn recipients(draft: &Draft<'_>, trouble: &Trouble<'_>, to: TellTo) -> Vec<Recipient> {
    let duty = duty(draft.state, trouble, draft.now.utc);
    let person = |person: &PersonId| Recipient::Person(person.clone());
    match to {
        TellTo::Group => vec![Recipient::Channel],
        TellTo::Operators => duty.operators.iter().map(person).collect(),
        TellTo::Leader => duty.leader.iter().map(person).collect(),
        TellTo::Venues => {
            let venues = trouble.venues.iter().filter_map(|venue| trouble.inventory().venues.get(venue));
            let first: BTreeSet<&PersonId> =
                venues.filter_map(|venue| venue.contacts.first()).map(|contact| &contact.person).collect();
            first.into_iter().map(person).collect()
        }
    }
}

/// Tells somebody what they are to put right, and until when.
pub(in crate::engine) fn remind(draft: &mut Draft<'_>, incident: &Incident, correction: &Correction) {
    let (state, now) = (draft.state, draft.now);
    let trouble = Trouble::of(state, now, incident);
    let left_h = correction.due.since(now.utc).0 / 3_600_000_000;
    let (zh, en) = match now.utc >= correction.due {
        true => ("已到期未完成".to_owned(), "is due and not done".to_owned()),
        false => (format!("还有 {left_h} 小时到期"), format!("is due in {left_h} h")),
    };
    let parts = Parts {
        key: format!("{}-r{}-{:x}", incident.id, correction.n, now.utc.0 / 1_000_000),
        kind: NoticeKind::Reminder,
        urgency: Urgency::Routine,
        to: Recipient::Person(correction.owner.clone()),
        title: Text::new(
            format!("整改 {}-{} {zh}", incident.id, correction.n),
            format!("correction {}-{} {en}", incident.id, correction.n),
        ),
        body: Text::new(correction.text.clone(), correction.text.clone()),
        why: Text::new("您是该整改事项的责任人", "you are to put it right"),
        answer: false,
        life: REPORT_LIFE,
    };
    tell(draft, Some(&trouble), parts);
}

/// Many in one.
pub(super) fn digest(draft: &mut Draft<'_>, digest: &Digest) {
    let incidents = &draft.state.durable.incidents;
    let open =
        digest.incidents.iter().filter(|id| incidents.get(id).is_some_and(|known| known.state.is_open()));
    let numbers: Vec<String> = digest.incidents.iter().map(ToString::to_string).collect();
    let (count, open) = (digest.incidents.len(), open.count());
    let parts = Parts {
        key: format!("digest-{}-{:x}", digest.to, draft.now.utc.0 / 1_000_000),
        kind: NoticeKind::Digest,
        urgency: Urgency::Important,
        to: Recipient::Person(digest.to.clone()),
        title: Text::new(
            format!("一分钟内另有 {count} 起事件，其中 {open} 起未恢复"),
            format!("{count} more incidents within a minute, {open} of them open"),
        ),
        body: Text::new(format!("事件 {}", numbers.join("、")), format!("incidents {}", numbers.join(", "))),
        why: Text::new("通知过多，合并为一条", "too many notices, told in one"),
        answer: false,
        life: PAGE_LIFE,
    };
    tell(draft, None, parts);
}

/// It is over, or told under another number: everybody who was told is told.
pub(super) fn all_clear(draft: &mut Draft<'_>, paging: &Paging, head: &Text, why: &Text) {
    let (state, now) = (draft.state, draft.now);
    let Some(incident) = state.durable.incidents.get(&paging.incident) else { return };
    let trouble = Trouble::of(state, now, incident);
    let people: BTreeSet<&PersonId> =
        paging.told.iter().filter(|told| !told.digest).map(|told| &told.to).collect();
    let people = people.into_iter().map(|person| Recipient::Person(person.clone()));
    for (n, to) in (1..).zip(people.chain([Recipient::Channel])) {
        let minutes = now.utc.since(incident.times.onset).0 / 60_000_000;
        let parts = Parts {
            key: format!("{}-c{}-{n}", paging.incident, incident.reopened),
            kind: NoticeKind::AllClear,
            urgency: Urgency::Important,
            to,
            title: Text::new(
                format!("【{}】事件 {}：{}", head.zh, paging.incident, why.zh),
                format!("[{}] incident {}: {}", head.en, paging.incident, why.en),
            ),
            body: Text::new(
                format!("{}，历时 {minutes} 分钟", headline(&trouble).zh),
                format!("{}, it took {minutes} min", headline(&trouble).en),
            ),
            why: Text::new("此前通知过您或本群", "you were told of it before"),
            answer: false,
            life: REPORT_LIFE,
        };
        tell(draft, Some(&trouble), parts);
    }
}
