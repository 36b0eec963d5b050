//! Why a command was refused.

use crate::domain::lang::Lang;
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
        Refusal::Unrecorded => lang
            .pick("记录暂时无法写入，操作未受理", "the journal cannot be written: nothing is accepted")
            .to_owned(),
        Refusal::Busy => lang.pick("请求过多，请稍后再试", "too many requests: try again").to_owned(),
    }
}

fn list(what: &[String], lang: Lang, zh: &str, en: &str) -> String {
    match lang {
        Lang::Zh => format!("{zh}：{}", what.join("；")),
        Lang::En => format!("{en}: {}", what.join("; ")),
    }
}
