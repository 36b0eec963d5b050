//! Why a check came out as it did, and what to do next.

use super::{call, plain};
use crate::domain::check::{Check, RoomItem};
use crate::domain::inventory::{Inventory, Link, LinkRole};
use crate::domain::lang::Lang;
use crate::engine::verdict::{Judgement, QualityWord, ReasonCode, Verdict};

/// A reason in a few words.
pub fn reason(reason: ReasonCode, lang: Lang) -> &'static str {
    match reason {
        ReasonCode::WithinLimits => lang.pick("各项均在限值内", "within limits"),
        ReasonCode::AgentOffline => lang.pick("测试机离线", "agent off"),
        ReasonCode::NoAgent => lang.pick("未安装测试机", "no agent enrolled"),
        ReasonCode::AgentVersion => lang.pick("测试机版本不一致", "agent version differs"),
        ReasonCode::ClockOffset => lang.pick("测试机时钟偏差过大", "clock is off"),
        ReasonCode::ClockUnknown => lang.pick("时钟偏差未测出", "clock offset unknown"),
        ReasonCode::Loss => lang.pick("丢包", "loss"),
        ReasonCode::BurstLoss => lang.pick("突发丢包", "burst loss"),
        ReasonCode::Jitter => lang.pick("抖动过大", "jitter"),
        ReasonCode::Rtt => lang.pick("往返时延过大", "round trip too long"),
        ReasonCode::LineDead => lang.pick("线路不通", "line dead"),
        ReasonCode::TooFewPackets => lang.pick("有效包数不足，无法判定", "too few packets to judge"),
        ReasonCode::MeasurementPoor => lang.pick("测量质量不足，无法判定", "measurement too poor to judge"),
        ReasonCode::NotTestable => lang.pick("线路未登记测试地址", "link has no test address"),
        ReasonCode::NoTestWindow => lang.pick("禁测时段", "no-test period"),
        ReasonCode::MeetingTooNear => {
            lang.pick("临近点名或会中，不再测试", "roll call is near or the meeting runs")
        }
        ReasonCode::TestBroke => lang.pick("测试未能进行", "test could not be run"),
        ReasonCode::TimedOut => lang.pick("测试超时", "test timed out"),
        ReasonCode::RefusedByVenue => {
            lang.pick("测试机按本地规则拒绝测试", "refused by the venue's own rules")
        }
        ReasonCode::Cancelled => lang.pick("测试已取消", "test called off"),
        ReasonCode::Waived => lang.pick("免测", "waived"),
        ReasonCode::Confirmed => lang.pick("现场已确认正常", "confirmed on site"),
        ReasonCode::ReportedFaulty => lang.pick("现场报告有故障", "reported faulty on site"),
        ReasonCode::NobodyAnswered => lang.pick("无人应答", "nobody answered"),
        ReasonCode::DeviceUnregistered
        | ReasonCode::NoTestConference
        | ReasonCode::McuCannotCall
        | ReasonCode::OtherNetwork
        | ReasonCode::SuperiorMeeting
        | ReasonCode::NoConsent
        | ReasonCode::McuUnseen
        | ReasonCode::McuNoRoom
        | ReasonCode::CallBusy
        | ReasonCode::CallDeclined
        | ReasonCode::CallNoAnswer
        | ReasonCode::CallUnreachable
        | ReasonCode::CallIncompatible
        | ReasonCode::CallNoPicture
        | ReasonCode::CallNoSound
        | ReasonCode::CallNoContent
        | ReasonCode::CallDropped
        | ReasonCode::CallRateLow
        | ReasonCode::CallPictureLow
        | ReasonCode::CallUnseen
        | ReasonCode::CallContentUnseen
        | ReasonCode::StandbyDown
        | ReasonCode::StandbyNoRoom
        | ReasonCode::StandbyDiffers
        | ReasonCode::StandbyCertificate
        | ReasonCode::StandbyUnproved => call::reason(reason, lang),
    }
}

/// One sentence for a judged check: direction, reason, figures, limits. Times and places are the caller's.
pub fn text(judgement: &Judgement, inventory: &Inventory, lang: Lang) -> String {
    let why = reason(judgement.reason, lang);
    let way = judgement.direction.map(|way| format!("{} ", super::direction(way, lang))).unwrap_or_default();
    let figures = figures(judgement, lang);
    // Figures that begin with a punctuation mark follow at once.
    let apart = figures.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '(' | '?'));
    let figures = if apart { format!(" {figures}") } else { figures };
    let instead = instead(judgement, inventory, lang).map(|it| lang.pick("；", "; ").to_owned() + it);
    let poor = (judgement.quality == Some(QualityWord::Degraded))
        .then(|| format!("{}{}", lang.pick("；", "; "), super::quality(QualityWord::Degraded, lang)));
    format!("{way}{why}{figures}{}{}", instead.unwrap_or_default(), poor.unwrap_or_default())
}

fn figures(judgement: &Judgement, lang: Lang) -> String {
    let figure = |name: &str| judgement.figures.get(name).copied();
    let number = |name: &str| figure(name).map(plain).unwrap_or_else(|| "?".to_owned());
    let limit = |name: &str, unit: &str| match (figure(name), lang) {
        (Some(limit), Lang::Zh) => format!("（限值 {} {unit}）", plain(limit)),
        (Some(limit), Lang::En) => format!(" (limit {} {unit})", plain(limit)),
        (None, _) => String::new(),
    };
    match judgement.reason {
        ReasonCode::Loss => format!("{} %{}", number("loss_pct"), limit("limit_pct", "%")),
        ReasonCode::BurstLoss => {
            format!("{} %{}{}", number("loss_pct"), limit("limit_pct", "%"), longest_run(judgement, lang))
        }
        ReasonCode::Jitter => format!("{} ms{}", number("jitter_p95_ms"), limit("limit_ms", "ms")),
        ReasonCode::Rtt => format!("{} ms{}", number("rtt_ms"), limit("limit_ms", "ms")),
        ReasonCode::ClockOffset => format!("{} ms{}", number("offset_ms"), limit("limit_ms", "ms")),
        ReasonCode::LineDead => match lang {
            Lang::Zh => format!("：发出 {} 包，无一返回", number("sent")),
            Lang::En => format!(": {} packets sent, none came back", number("sent")),
        },
        ReasonCode::WithinLimits => {
            figure("rtt_p50_ms").map(|_| path_in_order(judgement, lang)).unwrap_or_default()
        }
        ReasonCode::TooFewPackets => match lang {
            Lang::Zh => format!("（{} 包）", number("sent")),
            Lang::En => format!("({})", number("sent")),
        },
        ReasonCode::AgentOffline
        | ReasonCode::NoAgent
        | ReasonCode::AgentVersion
        | ReasonCode::ClockUnknown
        | ReasonCode::MeasurementPoor
        | ReasonCode::NotTestable
        | ReasonCode::NoTestWindow
        | ReasonCode::MeetingTooNear
        | ReasonCode::TestBroke
        | ReasonCode::TimedOut
        | ReasonCode::RefusedByVenue
        | ReasonCode::Cancelled
        | ReasonCode::Waived
        | ReasonCode::Confirmed
        | ReasonCode::ReportedFaulty
        | ReasonCode::NobodyAnswered => String::new(),
        ReasonCode::DeviceUnregistered
        | ReasonCode::NoTestConference
        | ReasonCode::McuCannotCall
        | ReasonCode::OtherNetwork
        | ReasonCode::SuperiorMeeting
        | ReasonCode::NoConsent
        | ReasonCode::McuUnseen
        | ReasonCode::McuNoRoom
        | ReasonCode::CallBusy
        | ReasonCode::CallDeclined
        | ReasonCode::CallNoAnswer
        | ReasonCode::CallUnreachable
        | ReasonCode::CallIncompatible
        | ReasonCode::CallNoPicture
        | ReasonCode::CallNoSound
        | ReasonCode::CallNoContent
        | ReasonCode::CallDropped
        | ReasonCode::CallRateLow
        | ReasonCode::CallPictureLow
        | ReasonCode::CallUnseen
        | ReasonCode::CallContentUnseen
        | ReasonCode::StandbyDown
        | ReasonCode::StandbyNoRoom
        | ReasonCode::StandbyDiffers
        | ReasonCode::StandbyCertificate
        | ReasonCode::StandbyUnproved => call::figures(judgement, lang),
    }
}

/// The figures that a passed path shows.
fn path_in_order(judgement: &Judgement, lang: Lang) -> String {
    let number = |name: &str| judgement.figures.get(name).copied().map_or_else(|| "?".to_owned(), plain);
    let (rtt, down, up) = (number("rtt_p50_ms"), number("loss_to_venue_pct"), number("loss_from_venue_pct"));
    match lang {
        Lang::Zh => format!("：往返 {rtt} ms，丢包 主→分 {down} % / 分→主 {up} %"),
        Lang::En => format!(": round trip {rtt} ms, loss hub→venue {down} % / venue→hub {up} %"),
    }
}

fn longest_run(judgement: &Judgement, lang: Lang) -> String {
    let longest = burst_max(judgement).map(|run| match lang {
        Lang::Zh => format!("，最长连续丢 {} 包", plain(run)),
        Lang::En => format!(", longest run {} packets", plain(run)),
    });
    longest.unwrap_or_default()
}

fn burst_max(judgement: &Judgement) -> Option<f64> {
    let way = match judgement.direction? {
        crate::domain::check::Direction::ToVenue => "burst_to_venue_max",
        crate::domain::check::Direction::FromVenue => "burst_from_venue_max",
    };
    judgement.figures.get(way).copied()
}

/// What the venue can do all the same: a bad verdict is not the end of the meeting.
fn instead(judgement: &Judgement, inventory: &Inventory, lang: Lang) -> Option<&'static str> {
    let Check::Path { link } = &judgement.key.check else { return None };
    if judgement.verdict != Verdict::Fail {
        return None;
    }
    let link = inventory.links.get(link)?;
    match link.role {
        LinkRole::Backup => Some(
            lang.pick("主用不受影响，备用不宜启用", "the primary is unaffected; do not rely on the backup"),
        ),
        LinkRole::Primary if has_backup(inventory, link) => Some(lang.pick(
            "同网有备用线路，其探测通过即可改用",
            "a backup link of the same network can carry the meeting if it passes",
        )),
        LinkRole::Primary => None,
    }
}

/// Nothing ever moves a meeting across network attributes.
fn has_backup(inventory: &Inventory, primary: &Link) -> bool {
    let fits = |link: &&Link| link.role == LinkRole::Backup && link.network == primary.network;
    inventory.links_of(&primary.venue).iter().any(fits)
}

/// 下一步: what a technician does now; `None` when nothing is to be done.
pub fn next_step(judgement: &Judgement, lang: Lang) -> Option<&'static str> {
    let (zh, en) = match judgement.reason {
        ReasonCode::WithinLimits | ReasonCode::Waived | ReasonCode::Confirmed => return None,
        ReasonCode::AgentOffline
        | ReasonCode::NoAgent
        | ReasonCode::AgentVersion
        | ReasonCode::ClockOffset
        | ReasonCode::ClockUnknown => return agent_step(judgement.reason, lang),
        ReasonCode::BurstLoss
        | ReasonCode::Loss
        | ReasonCode::Jitter
        | ReasonCode::Rtt
        | ReasonCode::LineDead => return line_step(judgement.reason, lang),
        ReasonCode::TooFewPackets | ReasonCode::MeasurementPoor => (
            "重测；反复出现则检查主会场测试主机负载",
            "retest; if it recurs check the load of the testing host",
        ),
        ReasonCode::NotTestable => {
            ("在会场与设备中登记线路测试地址", "enter the link's test address in the inventory")
        }
        ReasonCode::NoTestWindow => ("禁测时段结束后重测", "retest after the no-test period"),
        ReasonCode::MeetingTooNear => {
            ("改由点名确认；会后重测", "confirm at the roll call; retest after the meeting")
        }
        ReasonCode::TestBroke | ReasonCode::TimedOut | ReasonCode::Cancelled => ("重测", "retest"),
        ReasonCode::RefusedByVenue => {
            ("核对测试机本地允许名单与禁测设置", "check the agent's own allow-list and no-test settings")
        }
        ReasonCode::ReportedFaulty => return Some(room_step(&judgement.key.check, lang)),
        ReasonCode::NobodyAnswered => (
            "电话联系会场负责人，可电话代填",
            "telephone the venue; the answer may be filled in by telephone",
        ),
        ReasonCode::DeviceUnregistered
        | ReasonCode::NoTestConference
        | ReasonCode::McuCannotCall
        | ReasonCode::OtherNetwork
        | ReasonCode::SuperiorMeeting
        | ReasonCode::NoConsent
        | ReasonCode::McuUnseen
        | ReasonCode::McuNoRoom
        | ReasonCode::CallBusy
        | ReasonCode::CallDeclined
        | ReasonCode::CallNoAnswer
        | ReasonCode::CallUnreachable
        | ReasonCode::CallIncompatible
        | ReasonCode::CallNoPicture
        | ReasonCode::CallNoSound
        | ReasonCode::CallNoContent
        | ReasonCode::CallDropped
        | ReasonCode::CallRateLow
        | ReasonCode::CallPictureLow
        | ReasonCode::CallUnseen
        | ReasonCode::CallContentUnseen
        | ReasonCode::StandbyDown
        | ReasonCode::StandbyNoRoom
        | ReasonCode::StandbyDiffers
        | ReasonCode::StandbyCertificate
        | ReasonCode::StandbyUnproved => return call::step(judgement.reason, lang),
    };
    Some(lang.pick(zh, en))
}

/// What to do about a venue's agent.
fn agent_step(reason: ReasonCode, lang: Lang) -> Option<&'static str> {
    const STEPS: [(ReasonCode, &str, &str); 5] = [
        (
            ReasonCode::AgentOffline,
            "致电会场，确认测试机通电、网线接好，再重测",
            "call the venue: is the agent powered and plugged in? then retest",
        ),
        (ReasonCode::NoAgent, "在该会场安装并登记测试机", "install and enrol an agent at the venue"),
        (ReasonCode::AgentVersion, "升级测试机程序", "upgrade the agent"),
        (ReasonCode::ClockOffset, "校准测试机时钟（NTP）", "set the agent's clock (NTP)"),
        (
            ReasonCode::ClockUnknown,
            "稍后重测；仍未测出则检查测试机到主会场的连接",
            "retest; if still unknown check the agent's connection",
        ),
    ];
    listed(&STEPS, reason, lang)
}

/// What to do about a line that was measured.
fn line_step(reason: ReasonCode, lang: Lang) -> Option<&'static str> {
    const STEPS: [(ReasonCode, &str, &str); 5] = [
        (
            ReasonCode::BurstLoss,
            "向运营商报障并附丢包时刻；检查本端接口与上联链路拥塞",
            "report to the carrier with the seconds of loss; check interfaces and congestion upstream",
        ),
        (
            ReasonCode::Loss,
            "检查光功率、网线与接口错包；向运营商报障",
            "check optics, cabling and interface errors; report to the carrier",
        ),
        (
            ReasonCode::Jitter,
            "检查线路是否被其他业务占用，核对 QoS 标记",
            "look for other traffic on the line; check QoS marking",
        ),
        (
            ReasonCode::Rtt,
            "核对路由是否绕行；向运营商报障",
            "check whether the route takes a detour; report to the carrier",
        ),
        (
            ReasonCode::LineDead,
            "致电会场查看光端机/路由器指示灯，向运营商报障",
            "call the venue about modem and router lights; report to the carrier",
        ),
    ];
    listed(&STEPS, reason, lang)
}

fn listed(
    steps: &'static [(ReasonCode, &'static str, &'static str)],
    reason: ReasonCode,
    lang: Lang,
) -> Option<&'static str> {
    steps.iter().find(|(known, ..)| *known == reason).map(|(_, zh, en)| lang.pick(*zh, *en))
}

fn room_step(check: &Check, lang: Lang) -> &'static str {
    let item = match check {
        Check::Room { item } => Some(*item),
        Check::Presence
        | Check::Clock
        | Check::Path { .. }
        | Check::CodecCall { .. }
        | Check::BackupCall { .. }
        | Check::Standby
        | Check::Confirm { .. } => None,
    };
    match item {
        Some(RoomItem::Ups) => lang.pick(
            "立即报修，会前安排应急供电",
            "have it repaired; arrange emergency power before the meeting",
        ),
        Some(RoomItem::Spares) => lang.pick("会前补齐备品备件", "complete the spares before the meeting"),
        Some(_) | None => {
            lang.pick("安排现场处理，处理后重新核对", "have it fixed on site, then check again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{CheckKey, Direction};
    use crate::domain::id::{LinkId, VenueId};

    #[test]
    fn a_burst_reads_with_direction_figure_limit_and_run() {
        let link = LinkId::parse("l").unwrap();
        let figures = [("loss_pct", 6.0), ("limit_pct", 3.0), ("burst_to_venue_max", 9.0)];
        let judgement = Judgement {
            key: CheckKey { venue: VenueId::parse("v").unwrap(), check: Check::Path { link } },
            attempt: 1,
            test: None,
            verdict: Verdict::Fail,
            reason: ReasonCode::BurstLoss,
            direction: Some(Direction::ToVenue),
            figures: figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            quality: Some(QualityWord::Good),
        };
        let inventory = Inventory::default();
        let zh = text(&judgement, &inventory, Lang::Zh);
        assert_eq!(zh, "主→分 突发丢包 6 %（限值 3 %），最长连续丢 9 包");
        let en = text(&judgement, &inventory, Lang::En);
        assert_eq!(en, "hub→venue burst loss 6 % (limit 3 %), longest run 9 packets");
        assert!(next_step(&judgement, Lang::Zh).is_some_and(|step| step.contains("报障")));
    }
}
