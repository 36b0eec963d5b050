//! Why a command was refused.

use crate::domain::id::StepId;
use crate::domain::lang::Lang;
use crate::domain::time::Span;
use crate::engine::effect::Refusal;

/// A refusal in a sentence.
pub fn refusal(refusal: &Refusal, lang: Lang) -> String {
    match refusal {
        Refusal::NotFound { what } => match lang {
            Lang::Zh => format!("没有找到：{what}"),
            Lang::En => format!("not found: {what}"),
        },
        Refusal::StaleVersion { current } => match lang {
            Lang::Zh => format!("台账已更新到第 {current} 版，请刷新后重新提交"),
            Lang::En => format!("the inventory is at version {current} by now: reload and submit again"),
        },
        Refusal::WouldBreak { what } => {
            list(what, lang, "修改后台账不完整", "the inventory would not hold together")
        }
        Refusal::RoundRunning { round } => match lang {
            Lang::Zh => format!("该会议第 {round} 轮联调正在进行"),
            Lang::En => format!("round {round} of that meeting is running"),
        },
        Refusal::RoundOver => lang
            .pick("本轮已结束、已签字或已有新一轮", "the round is over, signed, or a newer one exists")
            .to_owned(),
        Refusal::MeetingTooNear => lang
            .pick(
                "已到点名时间或会议正在进行，只做被动监测",
                "the roll call has come or the meeting runs: passive watching only",
            )
            .to_owned(),
        Refusal::StillOpen { what } => list(what, lang, "尚有未通过项", "still open"),
        Refusal::Empty { field } => match lang {
            Lang::Zh => format!("必填项为空：{field}"),
            Lang::En => format!("must not be empty: {field}"),
        },
        Refusal::BadSecret => {
            lang.pick("登记口令错误、已使用或已过期", "the secret is wrong, used or expired").to_owned()
        }
        Refusal::SuperiorMeeting { .. }
        | Refusal::OtherNetwork { .. }
        | Refusal::AddressUnknown { .. }
        | Refusal::Blind { .. }
        | Refusal::ActionFrozen { .. }
        | Refusal::ActionUndecided { .. }
        | Refusal::ActionRunning { .. }
        | Refusal::NothingToDecide => never_harm(refusal, lang),
        Refusal::IncidentIs { state } => match lang {
            Lang::Zh => format!("事件当前为“{}”，不能这样处理", super::incident_state(*state, lang)),
            Lang::En => {
                format!(
                    "the incident is {}: it does not go on like that",
                    super::incident_state(*state, lang)
                )
            }
        },
        Refusal::StillRaised { what } => list(what, lang, "尚有未恢复的告警", "still raised"),
        Refusal::NoPlan { incident } => match lang {
            Lang::Zh => format!("事件 {incident} 没有正在执行的预案"),
            Lang::En => format!("no plan is carried out for incident {incident}"),
        },
        Refusal::NotThisStep { at } => not_this_step(at.as_ref(), lang),
        Refusal::OtherPersonNeeded => lang.pick("须由另一人确认", "somebody else must agree").to_owned(),
        Refusal::Past { field } => match lang {
            Lang::Zh => format!("时间必须在此刻之后：{field}"),
            Lang::En => format!("must be in the future: {field}"),
        },
        Refusal::TooLong { field, most } => too_long(field, *most, lang),
        Refusal::Unrecorded => lang
            .pick("记录暂时无法写入，操作未受理", "the journal cannot be written: nothing is accepted")
            .to_owned(),
        Refusal::Busy => lang.pick("请求过多，请稍后再试", "too many requests: try again").to_owned(),
    }
}

fn not_this_step(at: Option<&StepId>, lang: Lang) -> String {
    match (at, lang) {
        (Some(at), Lang::Zh) => format!("预案现在停在步骤“{at}”"),
        (Some(at), Lang::En) => format!("the plan stands at step \"{at}\""),
        (None, Lang::Zh) => "预案已结束".to_owned(),
        (None, Lang::En) => "the plan is over".to_owned(),
    }
}

fn too_long(field: &str, most: Span, lang: Lang) -> String {
    let minutes = most.as_s() / 60.0;
    match lang {
        Lang::Zh => format!("时间过长：{field}，最多 {minutes:.0} 分钟"),
        Lang::En => format!("too long: {field}, at most {minutes:.0} minutes"),
    }
}

/// Why a device is not told to do something.
fn never_harm(refusal: &Refusal, lang: Lang) -> String {
    let (zh, en) = match refusal {
        Refusal::SuperiorMeeting { meeting } => (
            format!("上级会议（{meeting}）只监看，不控制"),
            format!("a superior level's meeting ({meeting}) is watched, never controlled"),
        ),
        Refusal::OtherNetwork { address } => (
            format!("{address} 与该设备不在同一网络，禁止跨网呼叫"),
            format!("{address} is on another network than the device: nothing crosses networks"),
        ),
        Refusal::AddressUnknown { address } => (
            format!("台账中没有 {address}，无法确认其所在网络，请先登记"),
            format!("{address} is not in the inventory, so its network is not known: enter it first"),
        ),
        Refusal::Blind { device } => (
            format!("目前看不到 {device} 的状态，不做影响会议的操作"),
            format!("{device} cannot be seen now: nothing that disturbs a meeting is done blindly"),
        ),
        Refusal::ActionFrozen { freeze } => (
            format!("{} {} 曾在此操作后宕机，该操作已停用", freeze.interface, freeze.version),
            format!(
                "a device of {} {} died after this action: it is not used any more",
                freeze.interface, freeze.version
            ),
        ),
        Refusal::ActionUndecided { key } => (
            format!("此前的操作 {} 结果不明，请先确认是否已生效", key.0),
            format!("nobody knows whether action {} happened: say so first", key.0),
        ),
        Refusal::ActionRunning { key } => (
            format!("对同一会场的操作 {} 正在进行", key.0),
            format!("action {} on the same site is under way", key.0),
        ),
        Refusal::NotFound { .. }
        | Refusal::StaleVersion { .. }
        | Refusal::WouldBreak { .. }
        | Refusal::RoundRunning { .. }
        | Refusal::RoundOver
        | Refusal::MeetingTooNear
        | Refusal::StillOpen { .. }
        | Refusal::Empty { .. }
        | Refusal::BadSecret
        | Refusal::NothingToDecide
        | Refusal::IncidentIs { .. }
        | Refusal::StillRaised { .. }
        | Refusal::Past { .. }
        | Refusal::NoPlan { .. }
        | Refusal::NotThisStep { .. }
        | Refusal::OtherPersonNeeded
        | Refusal::TooLong { .. }
        | Refusal::Unrecorded
        | Refusal::Busy => (
            "该操作结果已明确或仍在进行，无需确认".to_owned(),
            "the action's outcome is known, or it is still under way".to_owned(),
        ),
    };
    lang.pick(&zh, &en).to_owned()
}

fn list(what: &[String], lang: Lang, zh: &str, en: &str) -> String {
    match lang {
        Lang::Zh => format!("{zh}：{}", what.join("；")),
        Lang::En => format!("{en}: {}", what.join("; ")),
    }
}
