//! What happened to an incident from beginning to end, in one order: its states, the steps of its plan, and who was told.

use crate::domain::lang::Lang;
use crate::domain::notice::{Answer, AnswerMeans, Delivery};
use crate::domain::time::Utc;
use crate::engine::state::{Answered, Entry, Incident, Left, Paging, Run, Told};
use crate::engine::wording;

use super::practice::left;
use super::view::Snapshot;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// When.
    pub at: Utc,
    /// By whom.
    pub by: String,
    /// A stable word: the change of the incident, or `plan_begun`, `plan_step`, `plan_ended`, `told`,
    /// `answered`.
    pub step: &'static str,
    /// In words.
    pub text: String,
}

/// Everything, oldest first; what happened at one moment stays in the order of cause, plan, people.
pub fn story(snapshot: &Snapshot, incident: &Incident, lang: Lang) -> Vec<Happened> {
    let mut all: Vec<Happened> = incident.timeline.iter().map(|entry| changed(entry, lang)).collect();
    let runs = snapshot.runs.iter().filter(|run| run.key.incident == incident.id);
    all.extend(runs.flat_map(|run| carried_out(run, lang)));
    let paging = snapshot.duty.paging.get(&incident.id);
    all.extend(paging.into_iter().flat_map(|paging| paged(paging, lang)));
    all.sort_by_key(|happened| happened.at);
    all
}

fn changed(entry: &Entry, lang: Lang) -> Happened {
    let text = wording::incident_change(&entry.change, lang);
    Happened { at: entry.at, by: entry.by.to_string(), step: entry.change.code(), text }
}

fn carried_out(run: &Run, lang: Lang) -> Vec<Happened> {
    let plan = &run.plan.title;
    let begun = Happened {
        at: run.begun,
        by: run.by.to_string(),
        step: "plan_begun",
        text: format!("{}“{}”：{}", lang.pick("启动预案", "plan"), plan.pick(lang), run.why.pick(lang)),
    };
    let ended = run.ended.as_ref().map(|ended| Happened {
        at: ended.at,
        by: ended.by.to_string(),
        step: "plan_ended",
        text: format!(
            "{}“{}”：{}",
            lang.pick("预案结束", "plan over"),
            plan.pick(lang),
            ended.why.pick(lang)
        ),
    });
    let steps = run.left.values().map(|left| step(run, left, lang));
    std::iter::once(begun).chain(steps).chain(ended).collect()
}

fn step(run: &Run, was: &Left, lang: Lang) -> Happened {
    let title = run.plan.step(&was.step).map_or(was.step.as_str(), |step| step.title.pick(lang));
    let agreed = was.agreed.iter().map(ToString::to_string).collect::<Vec<_>>().join("、");
    let agreed = match was.agreed.is_empty() {
        true => String::new(),
        false => format!("，{} {agreed}", lang.pick("确认人", "agreed by")),
    };
    let orders = match was.orders.len() {
        0 => String::new(),
        count => format!("，{} {count}", lang.pick("下发操作", "orders")),
    };
    let text =
        format!("{}“{title}”：{}{agreed}{orders}", lang.pick("步骤", "step"), left(&was.outcome, lang));
    Happened { at: was.at, by: was.by.to_string(), step: "plan_step", text }
}

fn paged(paging: &Paging, lang: Lang) -> Vec<Happened> {
    let told = paging.told.iter().flat_map(|told| page(told, lang));
    let telephoned = paging.telephoned.iter().map(|(person, said)| answered(person.as_str(), said, lang));
    told.chain(telephoned).collect()
}

fn page(told: &Told, lang: Lang) -> Vec<Happened> {
    let how = match (told.digest, &told.delivery) {
        (true, _) => lang.pick("（并入汇总）", " (in a digest)").to_owned(),
        (false, None) => String::new(),
        (false, Some(Delivery::Accepted { channel })) => {
            format!("（{channel} {}）", lang.pick("已受理", "took it"))
        }
        (false, Some(Delivery::Failed { channel, code, .. })) => {
            format!("（{channel} {} {code}）", lang.pick("未送达", "did not deliver"))
        }
        (false, Some(Delivery::Nowhere)) => lang.pick("（未配置通道）", " (no channel)").to_owned(),
    };
    let to = &told.to;
    let text = format!("{} {to}：{}{how}", lang.pick("通知", "told"), told.why.pick(lang));
    let sent = Happened { at: told.at, by: "vcops".to_owned(), step: "told", text };
    let said = told.answered.as_ref().map(|said| answered(to.as_str(), said, lang));
    std::iter::once(sent).chain(said).collect()
}

fn answered(person: &str, said: &Answered, lang: Lang) -> Happened {
    let means = match said.means {
        AnswerMeans::Sms => lang.pick("短信回复", "by text message"),
        AnswerMeans::Link => lang.pick("链接", "by link"),
        AnswerMeans::Telephone => lang.pick("电话", "by telephone"),
    };
    let answer = match said.answer {
        Answer::Acknowledged => lang.pick("收到", "acknowledged"),
        Answer::Declined => lang.pick("无法处理", "declined"),
    };
    Happened {
        at: said.at,
        by: format!("person:{person}"),
        step: "answered",
        text: format!("{means}：{answer}"),
    }
}
