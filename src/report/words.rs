//! The two languages of verdicts, reasons and the other machine words that people meet (DESIGN §17).

use crate::domain::actor::Role;
use crate::domain::check::{Direction, RoomItem, RoundKind};
use crate::domain::inventory::{LinkRole, Phase};
use crate::domain::lang::Lang;
use crate::engine::input::{Party, RollCallAnswer, RoomOutcome};
use crate::engine::verdict::{QualityWord, ReasonCode, Verdict};

/// The word for a verdict.
pub fn verdict_word(verdict: Verdict, lang: Lang) -> &'static str {
    let (zh, en) = match verdict {
        Verdict::Waived => ("免测", "waived"),
        Verdict::Pass => ("通过", "pass"),
        Verdict::Warn => ("告警", "warn"),
        Verdict::NoAnswer => ("未应答", "no answer"),
        Verdict::Fail => ("不通过", "fail"),
        Verdict::TestBroke => ("测试未完成", "test broke"),
    };
    lang.pick(zh, en)
}

/// The shape that goes with a verdict, so that colour is never alone. Normal has none: it is quiet.
pub(super) fn verdict_sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Waived => "–",
        Verdict::Pass => "",
        Verdict::Warn => "▲",
        Verdict::NoAnswer => "●",
        Verdict::Fail => "◆",
        Verdict::TestBroke => "?",
    }
}

/// The short word for a reason.
pub fn reason_word(reason: ReasonCode, lang: Lang) -> &'static str {
    let (zh, en) = match reason {
        ReasonCode::WithinLimits => ("正常", "within limits"),
        ReasonCode::AgentOffline => ("测试机离线", "agent offline"),
        ReasonCode::NoAgent => ("未装测试机", "no agent"),
        ReasonCode::AgentVersion => ("测试机版本不符", "agent version differs"),
        ReasonCode::ClockOffset => ("时钟偏差", "clock off"),
        ReasonCode::ClockUnknown => ("时钟未知", "clock unknown"),
        ReasonCode::Loss => ("丢包", "loss"),
        ReasonCode::BurstLoss => ("成串丢包", "burst loss"),
        ReasonCode::Jitter => ("抖动", "jitter"),
        ReasonCode::Rtt => ("往返时延", "round trip"),
        ReasonCode::LineDead => ("线路不通", "line dead"),
        ReasonCode::TooFewPackets => ("样本不足", "too few packets"),
        ReasonCode::MeasurementPoor => ("测量质量不足", "measurement poor"),
        ReasonCode::NotTestable => ("线路无测试地址", "no test address"),
        ReasonCode::NoTestWindow => ("禁测时段", "no-test period"),
        ReasonCode::MeetingTooNear => ("已点名或会中", "meeting too near"),
        ReasonCode::TestBroke => ("测试中断", "test broke"),
        ReasonCode::TimedOut => ("测试超时", "timed out"),
        ReasonCode::RefusedByVenue => ("会场拒绝测试", "refused by the venue"),
        ReasonCode::Cancelled => ("测试已取消", "cancelled"),
        ReasonCode::Waived => ("免测", "waived"),
        ReasonCode::Confirmed => ("已确认", "confirmed"),
        ReasonCode::ReportedFaulty => ("报告有故障", "reported faulty"),
        ReasonCode::NobodyAnswered => ("无人应答", "nobody answered"),
    };
    lang.pick(zh, en)
}

/// What can be done about it; empty where nothing need be.
pub(super) fn next_step(reason: ReasonCode, backup: bool, lang: Lang) -> &'static str {
    let (zh, en) = match reason {
        ReasonCode::WithinLimits | ReasonCode::Waived | ReasonCode::Confirmed => ("", ""),
        ReasonCode::AgentOffline => (
            "请会场检查测试机电源与网线；恢复后重测会场。测试机离线不代表会场线路有问题。",
            "Ask the venue to check the agent's power and cable, then retest. It says nothing about the line.",
        ),
        ReasonCode::NoAgent => ("请在管理中登记并接入测试机。", "Enrol an agent for this venue."),
        ReasonCode::AgentVersion => ("请升级测试机后重测。", "Upgrade the agent, then retest."),
        ReasonCode::ClockOffset | ReasonCode::ClockUnknown => {
            ("请检查测试机的对时设置(NTP)。", "Check the agent's time source (NTP).")
        }
        ReasonCode::Loss | ReasonCode::BurstLoss if backup => (
            "主用线路正常时可照常开会；请运营商核查备用线路接入段。",
            "The primary can carry the meeting; ask the carrier to check the backup's access section.",
        ),
        ReasonCode::Loss | ReasonCode::BurstLoss => (
            "请会场核对光猫与端口双工、网线；仍丢包时报运营商，并准备改用同一网络的备用线路。",
            "Check modem, duplex and cable at the venue; then call the carrier, and prepare the backup of the same network.",
        ),
        ReasonCode::Jitter => {
            ("请检查同一线路上的大流量业务与限速设置。", "Look for heavy traffic or shaping on the line.")
        }
        ReasonCode::Rtt if backup => (
            "备用线路时延过大，只宜应急；请运营商核查路由。",
            "The backup is too slow for more than an emergency; ask the carrier to check its route.",
        ),
        ReasonCode::Rtt => {
            ("请运营商核查路由是否绕行。", "Ask the carrier whether the route makes a detour.")
        }
        ReasonCode::LineDead => (
            "请会场检查线路设备；报运营商故障台。",
            "Check the line's equipment; call the carrier's fault desk.",
        ),
        ReasonCode::TooFewPackets
        | ReasonCode::MeasurementPoor
        | ReasonCode::TestBroke
        | ReasonCode::TimedOut
        | ReasonCode::Cancelled => ("请重测这一项。", "Retest this item."),
        ReasonCode::RefusedByVenue => (
            "请会场核对测试机本地的允许名单、禁测时段和已开机可测。",
            "Ask the venue to check its agent's own list, no-test period and consent.",
        ),
        ReasonCode::NotTestable => {
            ("请在会场与设备中填写线路的测试地址。", "Enter the line's test address in the inventory.")
        }
        ReasonCode::NoTestWindow => ("禁测时段结束后重测。", "Retest after the no-test period."),
        ReasonCode::MeetingTooNear => (
            "点名后不再主动测试；请改用人工确认。",
            "No active tests after the roll call; confirm by telephone.",
        ),
        ReasonCode::ReportedFaulty => {
            ("请现场人员处理后重新填报。", "Have it fixed on site, then report again.")
        }
        ReasonCode::NobodyAnswered => {
            ("请电话联系会场，可由市里代填。", "Telephone the venue; the hub may fill in for it.")
        }
    };
    lang.pick(zh, en)
}

/// The word for a direction.
pub fn direction_word(direction: Direction, lang: Lang) -> &'static str {
    match direction {
        Direction::ToVenue => lang.pick("主→分", "hub→venue"),
        Direction::FromVenue => lang.pick("分→主", "venue→hub"),
    }
}

/// The word for the quality of a measurement.
pub fn quality_word(quality: QualityWord, lang: Lang) -> &'static str {
    match quality {
        QualityWord::Good => lang.pick("良好", "good"),
        QualityWord::Degraded => lang.pick("欠佳", "degraded"),
        QualityWord::Invalid => lang.pick("无效", "invalid"),
    }
}

/// The word for a kind of round.
pub fn kind_word(kind: RoundKind, lang: Lang) -> &'static str {
    match kind {
        RoundKind::SinglePoint => lang.pick("单点调试", "single venue"),
        RoundKind::WholeNetwork => lang.pick("全网联调", "whole network"),
        RoundKind::DressRehearsal => lang.pick("带材料彩排", "dress rehearsal"),
        RoundKind::PreMeeting => lang.pick("会前检查", "pre-meeting check"),
    }
}

/// The word for a link's role.
pub fn link_role_word(role: LinkRole, lang: Lang) -> &'static str {
    match role {
        LinkRole::Primary => lang.pick("主用线路", "Primary link"),
        LinkRole::Backup => lang.pick("备用线路", "Backup link"),
    }
}

/// The word for a meeting's phase.
pub fn phase_word(phase: Phase, lang: Lang) -> &'static str {
    match phase {
        Phase::Planned => lang.pick("已安排", "planned"),
        Phase::DayBefore => lang.pick("会前一天", "day before"),
        Phase::HourBefore => lang.pick("会前1小时", "hour before"),
        Phase::RollCall => lang.pick("点名", "roll call"),
        Phase::Live => lang.pick("会中", "live"),
        Phase::Over => lang.pick("散会", "over"),
    }
}

/// The word for a manual item.
pub fn room_item_word(item: RoomItem, lang: Lang) -> &'static str {
    match item {
        RoomItem::NetworkControl => lang.pick("网络控制", "Network control"),
        RoomItem::PublicAddress => lang.pick("扩声", "Public address"),
        RoomItem::Lighting => lang.pick("灯光", "Lighting"),
        RoomItem::Discussion => lang.pick("讨论话筒", "Discussion system"),
        RoomItem::DisplayCamera => lang.pick("显示与摄像", "Display and camera"),
        RoomItem::Led => lang.pick("LED 屏", "LED wall"),
        RoomItem::Ups => lang.pick("不间断电源", "UPS"),
        RoomItem::Spares => lang.pick("备品备件", "Spares"),
        RoomItem::Materials => lang.pick("材料播放(辅流)", "Materials (content)"),
    }
}

/// The word for what a manual check found.
pub fn room_outcome_word(outcome: RoomOutcome, lang: Lang) -> &'static str {
    match outcome {
        RoomOutcome::InOrder => lang.pick("正常", "in order"),
        RoomOutcome::Faulty => lang.pick("有故障", "faulty"),
        RoomOutcome::NotApplicable => lang.pick("本会场无此项", "not applicable"),
    }
}

/// The word for a roll-call answer.
pub fn roll_call_word(answer: RollCallAnswer, lang: Lang) -> &'static str {
    match answer {
        RollCallAnswer::AllInOrder => lang.pick("一切正常", "all in order"),
        RollCallAnswer::WithProblem => lang.pick("有情况", "with a problem"),
        RollCallAnswer::NoAnswer => lang.pick("未应答", "no answer"),
    }
}

/// The word for a signing party.
pub fn party_word(party: Party, lang: Lang) -> &'static str {
    match party {
        Party::Technical => lang.pick("技术保障方", "technical"),
        Party::Organiser => lang.pick("会议承办方", "organiser"),
        Party::User => lang.pick("使用方", "user"),
    }
}

/// The word for a role.
pub fn role_word(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::Technician => lang.pick("技术员", "technician"),
        Role::CountyTechnician => lang.pick("县技术员", "county technician"),
        Role::Operator => lang.pick("值机员", "operator"),
        Role::Manager => lang.pick("科室负责人", "manager"),
        Role::SystemAdmin => lang.pick("系统管理员", "system administrator"),
        Role::SecurityAdmin => lang.pick("安全管理员", "security administrator"),
        Role::Auditor => lang.pick("审计员", "auditor"),
    }
}
