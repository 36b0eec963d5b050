//! An emergency plan as a text to read and to print: what it is for, its times, and its steps with their ways.

use std::fmt::Write as _;

use crate::domain::inventory::{ContactRole, MeetingOwner};
use crate::domain::lang::{Lang, Text};
use crate::domain::plan::{
    CallTo, Confirm, Deadline, Goto, Overdue, Plan, Step, StepKind, SwitchBack, TellTo, Trigger, Until,
    Verify,
};
use crate::domain::time::Span;

/// The whole plan.
pub fn plan(plan: &Plan, lang: Lang) -> String {
    let mut out = String::new();
    let title = plan.title.pick(lang);
    let state = if plan.disabled { lang.pick("（停用）", " (out of use)") } else { "" };
    line(&mut out, 0, &format!("{} · {title}{state}", plan.id));
    let facts = [
        (lang.pick("版本", "version"), version(plan, lang)),
        (lang.pick("适用范围", "scope"), plan.scope.pick(lang).to_owned()),
        (lang.pick("责任部门", "owner"), plan.owner.pick(lang).to_owned()),
        (lang.pick("触发", "trigger"), trigger(&plan.trigger, lang)),
        (lang.pick("目标时间", "target times"), targets(plan, lang)),
        (lang.pick("切回", "switch back"), switch_back(plan.switch_back, lang).to_owned()),
    ];
    facts.iter().for_each(|(name, value)| line(&mut out, 1, &format!("{name}: {value}")));
    for role in &plan.roles {
        let post = lang.pick(role.post.zh(), role.post.en());
        line(&mut out, 1, &format!("{post}: {}", role.duty.pick(lang)));
    }
    for (n, step) in (1..).zip(&plan.steps) {
        step_lines(&mut out, n, step, lang);
    }
    out
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing into a text cannot fail.
    let _ = writeln!(out, "{:width$}{text}", "", width = depth * 2);
}

fn version(plan: &Plan, lang: Lang) -> String {
    let approved = match &plan.approved {
        Some(approval) => {
            let (zh, en) = ("审批", "approved by");
            format!("{} {} {}", lang.pick(zh, en), approval.by, approval.on)
        }
        None => lang.pick("未审批", "not approved").to_owned(),
    };
    format!("{} · {approved} · {} {}", plan.version, lang.pick("复审", "review by"), plan.review)
}

fn trigger(trigger: &Trigger, lang: Lang) -> String {
    let classes: Vec<&str> = trigger.classes.iter().map(|class| lang.pick(class.zh(), class.en())).collect();
    let mut parts = vec![classes.join(lang.pick("、", ", "))];
    if trigger.owner == MeetingOwner::Superior {
        parts.push(lang.pick("上级会议", "a superior level's meeting").to_owned());
    }
    parts.extend(words(&trigger.rules.iter().map(|rule| rule.0.clone()).collect::<Vec<_>>()));
    parts.extend(words(&trigger.subjects.iter().map(|kind| kind.code().to_owned()).collect::<Vec<_>>()));
    parts.extend(words(&codes(trigger.phases.iter())));
    parts.extend(words(&codes(trigger.parts.iter())));
    parts.extend(words(&codes(trigger.support.iter())));
    parts.extend(words(&trigger.regions.iter().map(ToString::to_string).collect::<Vec<_>>()));
    parts.extend(trigger.least.map(|least| format!("≥ {}", least.code())));
    parts.extend(trigger.when.as_ref().map(|when| when.text.clone()));
    parts.join(" · ")
}

fn words(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join("|"))
}

fn codes<T: serde::Serialize>(values: impl Iterator<Item = T>) -> Vec<String> {
    let code = |value: T| serde_json::to_value(value).ok()?.as_str().map(str::to_owned);
    values.filter_map(code).collect()
}

fn targets(plan: &Plan, lang: Lang) -> String {
    let times = plan.targets;
    let named = [
        (lang.pick("确认", "acknowledged"), times.ack),
        (lang.pick("首次处置", "first step"), times.first_action),
        (lang.pick("恢复或转下一级", "restored or next rung"), times.restored),
        (lang.pick("报带班领导", "leader told"), times.leader),
    ];
    let named: Vec<String> =
        named.iter().map(|(name, span)| format!("{name} ≤ {}", seconds(*span))).collect();
    named.join(lang.pick("，", ", "))
}

fn seconds(span: Span) -> String {
    format!("{} s", span.0 / 1_000_000)
}

fn switch_back(when: SwitchBack, lang: Lang) -> &'static str {
    match when {
        SwitchBack::AfterMeeting => lang.pick("散会后切回", "after the meeting"),
        SwitchBack::Asked => lang.pick("确认后切回", "when somebody says so"),
    }
}

fn step_lines(out: &mut String, n: usize, step: &Step, lang: Lang) {
    let rung = step.rung.map(|rung| format!("[{}] ", lang.pick(rung.zh(), rung.en()))).unwrap_or_default();
    let post = lang.pick(step.post.zh(), step.post.en());
    let time = step.deadline.map(|deadline| format!(" · {}", time(deadline, lang))).unwrap_or_default();
    let head = format!("{n}. {rung}{} · {} · {post}{time}", step.title.pick(lang), kind(&step.kind, lang));
    line(out, 1, &head);
    if let Some(when) = &step.when {
        line(out, 3, &format!("{} {}", lang.pick("仅当", "only when"), when.text));
    }
    if let Some(how) = &step.how {
        line(out, 3, how.pick(lang));
    }
    details(&step.kind, lang).iter().for_each(|text| line(out, 3, text));
    if !matches!(step.kind, StepKind::Decision { .. }) {
        let (done, failed) = (goto(&step.done, lang), goto(&step.failed, lang));
        line(
            out,
            3,
            &format!("{} → {done} · {} → {failed}", lang.pick("完成", "done"), lang.pick("未成", "not done")),
        );
    }
}

fn time(deadline: Deadline, lang: Lang) -> String {
    let then = match deadline.then {
        Overdue::Next => lang.pick("超时转下一步", "then the next"),
        Overdue::Escalate => lang.pick("超时报带班领导", "then the leader is told"),
        Overdue::Ask => lang.pick("超时询问", "then asked"),
    };
    format!("{} {then}", seconds(deadline.after))
}

fn kind(kind: &StepKind, lang: Lang) -> String {
    match kind {
        StepKind::Manual {} => lang.pick("人工", "by hand").to_owned(),
        StepKind::Evidence { photo, .. } => {
            let photo = if *photo { lang.pick("并拍照", " with a photograph") } else { "" };
            format!("{}{photo}", lang.pick("人工留证", "by hand, written down"))
        }
        StepKind::Automatic { confirm, remedy, .. } => {
            let confirm = match confirm {
                Confirm::Nobody => lang.pick("自动", "by itself"),
                Confirm::One => lang.pick("单人确认后自动", "after one agrees"),
                Confirm::Two => lang.pick("双人确认后自动", "after two agree"),
            };
            format!("{confirm}：{}", lang.pick(remedy.zh(), remedy.en()))
        }
        StepKind::Decision { .. } => lang.pick("判断", "decision").to_owned(),
        StepKind::Wait { until: Until::Cleared } => {
            lang.pick("等待故障消除", "wait until it is over").to_owned()
        }
        StepKind::Wait { until: Until::MeetingOver } => {
            lang.pick("等待散会", "wait for the end of the meeting").to_owned()
        }
        StepKind::Telephone { to, .. } => format!("{} {}", lang.pick("电话", "telephone"), call(to, lang)),
        StepKind::Notify { to, .. } => format!("{} {}", lang.pick("通知", "tell"), tell(*to, lang)),
    }
}

fn details(kind: &StepKind, lang: Lang) -> Vec<String> {
    let said = |text: &Text| vec![text.pick(lang).to_owned()];
    match kind {
        StepKind::Manual {} | StepKind::Wait { .. } => Vec::new(),
        StepKind::Evidence { what, .. } => said(what),
        StepKind::Automatic { dry_run, only_if, verify, within, undo, attempts, .. } => {
            let mut lines = vec![dry_run.pick(lang).to_owned()];
            let condition = only_if.0.as_ref();
            lines.extend(
                condition.map(|only_if| format!("{} {}", lang.pick("前提", "only if"), only_if.text)),
            );
            lines.push(format!(
                "{} {} ≤ {}，{} {attempts}",
                lang.pick("验证", "proved by"),
                verified(*verify, lang),
                seconds(*within),
                lang.pick("最多次数", "attempts at most"),
            ));
            let undo = undo.map(|undo| lang.pick(undo.zh(), undo.en()));
            lines.extend(undo.map(|undo| format!("{} {undo}", lang.pick("补偿", "taken back by"))));
            lines
        }
        StepKind::Decision { question, branches } => {
            let answer = |branch: &crate::domain::plan::Branch| {
                format!("{} → {}", branch.answer.pick(lang), goto(&branch.to, lang))
            };
            said(question).into_iter().chain(branches.iter().map(answer)).collect()
        }
        StepKind::Telephone { say, .. } => said(say),
        StepKind::Notify { text, .. } => said(text),
    }
}

fn verified(verify: Verify, lang: Lang) -> &'static str {
    match verify {
        Verify::Cleared => lang.pick("故障消除", "what was wrong being over"),
        Verify::Flowing => lang.pick("图像声音恢复", "picture and sound"),
        Verify::Device => lang.pick("设备应答", "the device's word"),
    }
}

/// Whom a telephone step calls.
pub fn call(to: &CallTo, lang: Lang) -> String {
    let role = |role: ContactRole| match role {
        ContactRole::A => "A",
        ContactRole::B => "B",
    };
    match to {
        CallTo::Venue(contact) => {
            format!("{}{}{}", lang.pick("会场", "venue, contact "), role(*contact), lang.pick("角", ""))
        }
        CallTo::MainHall(contact) => {
            format!("{}{}{}", lang.pick("主会场", "main hall, contact "), role(*contact), lang.pick("角", ""))
        }
        CallTo::OperatorB => lang.pick("值机员B角", "the other operator").to_owned(),
        CallTo::Leader => lang.pick("带班领导", "the leader on call").to_owned(),
        CallTo::Carrier => lang.pick("运营商报障台", "the carrier's fault desk").to_owned(),
        CallTo::Office { name, number } => {
            let number = number.as_deref().map(|number| format!(" {number}")).unwrap_or_default();
            format!("{}{number}", name.pick(lang))
        }
    }
}

fn tell(to: TellTo, lang: Lang) -> &'static str {
    match to {
        TellTo::Operators => lang.pick("值机员", "the operators"),
        TellTo::Leader => lang.pick("带班领导", "the leader on call"),
        TellTo::Venues => lang.pick("会场联络人", "the venues' contacts"),
        TellTo::Group => lang.pick("工作群", "the group"),
    }
}

fn goto(way: &Goto, lang: Lang) -> String {
    match way {
        Goto::Next => lang.pick("下一步", "next").to_owned(),
        Goto::Step(step) => step.to_string(),
        Goto::End => lang.pick("结束", "end").to_owned(),
    }
}
