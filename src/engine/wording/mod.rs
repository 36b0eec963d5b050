//! The words of the engine's values in both languages, Chinese first. Codes stay stable; words may improve.
//!
//! Names of things are here; why a check came out as it did, and what to do next, stands in `reason`.

mod action;
mod call;
mod device;
mod incident;
mod reason;
mod report;
mod refusal;
mod seen;
mod stream;

pub use action::force;
pub(in crate::engine) use action::preview;
pub use device::{blindness, does, lane, presence, service, signal};
pub use incident::{alarm_state, confidence, fault_class, incident_change, incident_state, incident_title};
pub use reason::{next_step, reason, text};
pub use refusal::refusal;
pub use report::{About, Report, venues};
pub use seen::{analysis, reception, seen};
pub use stream::{blind, down, finding, finding_step, floor, severity};

use super::finding::{RuleCode, Subject};
use super::input::{Party, RollCallAnswer, RoomOutcome};
use super::state::{Cell, Finding};
use super::verdict::{QualityWord, Verdict};
use crate::domain::check::{Check, ConfirmItem, Direction, RoomItem, RoundKind};
use crate::domain::inventory::{Inventory, LinkRole, Phase, Resource};
use crate::domain::lang::Lang;
use crate::observation::device::Device;

/// A verdict.
pub fn verdict(verdict: Verdict, lang: Lang) -> &'static str {
    match verdict {
        Verdict::Waived => lang.pick("免测", "waived"),
        Verdict::Pass => lang.pick("通过", "pass"),
        Verdict::Warn => lang.pick("告警", "warning"),
        Verdict::NoAnswer => lang.pick("未应答", "no answer"),
        Verdict::Fail => lang.pick("不通过", "fail"),
        Verdict::TestBroke => lang.pick("测试未完成", "test not completed"),
    }
}

/// A direction, seen from the hub.
pub fn direction(direction: Direction, lang: Lang) -> &'static str {
    match direction {
        Direction::ToVenue => lang.pick("主→分", "hub→venue"),
        Direction::FromVenue => lang.pick("分→主", "venue→hub"),
    }
}

/// A kind of check, as a column's heading: a path by its role alone.
pub fn check(check: &Check, inventory: &Inventory, lang: Lang) -> String {
    match check {
        Check::Presence => lang.pick("测试机", "agent").to_owned(),
        Check::Clock => lang.pick("时钟", "clock").to_owned(),
        Check::Path { link } => match inventory.links.get(link).map(|link| link.role) {
            Some(LinkRole::Primary) => lang.pick("主用线路", "primary link").to_owned(),
            Some(LinkRole::Backup) => lang.pick("备用线路", "backup link").to_owned(),
            None => format!("{} {link}", lang.pick("线路", "link")),
        },
        Check::Room { item } => room_item(*item, lang).to_owned(),
        Check::CodecCall { .. } => lang.pick("入会", "codec call").to_owned(),
        Check::BackupCall { .. } => lang.pick("备用入会", "backup call").to_owned(),
        Check::Standby => lang.pick("备用 MCU", "standby MCU").to_owned(),
        Check::Confirm { item } => confirm_item(*item, lang).to_owned(),
    }
}

/// A manual item.
pub fn room_item(item: RoomItem, lang: Lang) -> &'static str {
    match item {
        RoomItem::NetworkControl => lang.pick("网络控制", "network control"),
        RoomItem::PublicAddress => lang.pick("扩声", "public address"),
        RoomItem::Lighting => lang.pick("灯光", "lighting"),
        RoomItem::Discussion => lang.pick("讨论", "discussion system"),
        RoomItem::DisplayCamera => lang.pick("显示摄像", "display and camera"),
        RoomItem::Led => lang.pick("LED 屏", "LED wall"),
        RoomItem::Ups => lang.pick("UPS 电源", "UPS"),
        RoomItem::Spares => lang.pick("备品备件", "spares"),
        RoomItem::Materials => lang.pick("材料播放", "materials"),
    }
}

/// An item of 看听确认.
pub fn confirm_item(item: ConfirmItem, lang: Lang) -> &'static str {
    match item {
        ConfirmItem::Picture => lang.pick("图像确认", "picture"),
        ConfirmItem::Sound => lang.pick("声音确认", "sound"),
        ConfirmItem::Echo => lang.pick("无回声", "no echo"),
        ConfirmItem::Framing => lang.pick("取景", "framing"),
        ConfirmItem::Banner => lang.pick("会标席签", "banner and name plates"),
        ConfirmItem::Background => lang.pick("背景", "background"),
    }
}

/// What a manual check found.
pub fn room_outcome(outcome: RoomOutcome, lang: Lang) -> &'static str {
    match outcome {
        RoomOutcome::InOrder => lang.pick("正常", "in order"),
        RoomOutcome::Faulty => lang.pick("有故障", "faulty"),
        RoomOutcome::NotApplicable => lang.pick("本会场无此项", "not at this venue"),
    }
}

/// A kind of round.
pub fn round_kind(kind: RoundKind, lang: Lang) -> &'static str {
    match kind {
        RoundKind::SinglePoint => lang.pick("单点调试", "single-point test"),
        RoundKind::WholeNetwork => lang.pick("全网联调", "whole-network rehearsal"),
        RoundKind::DressRehearsal => lang.pick("带材料彩排", "dress rehearsal"),
        RoundKind::PreMeeting => lang.pick("会前检查", "pre-meeting check"),
    }
}

/// A meeting's phase.
pub fn phase(phase: Phase, lang: Lang) -> &'static str {
    match phase {
        Phase::Planned => lang.pick("已安排", "planned"),
        Phase::DayBefore => lang.pick("会前一天", "the day before"),
        Phase::HourBefore => lang.pick("会前1小时", "the hour before"),
        Phase::RollCall => lang.pick("点名", "roll call"),
        Phase::Live => lang.pick("会中", "in the meeting"),
        Phase::Over => lang.pick("散会", "over"),
    }
}

/// One of the three who sign.
pub fn party(party: Party, lang: Lang) -> &'static str {
    match party {
        Party::Technical => lang.pick("技术保障方", "technical"),
        Party::Organiser => lang.pick("会议承办方", "organiser"),
        Party::User => lang.pick("使用方", "user"),
    }
}

/// An answer at the roll call.
pub fn roll_call(answer: RollCallAnswer, lang: Lang) -> &'static str {
    match answer {
        RollCallAnswer::AllInOrder => lang.pick("一切正常", "all in order"),
        RollCallAnswer::WithProblem => lang.pick("有情况", "with a problem"),
        RollCallAnswer::NoAnswer => lang.pick("未应答", "no answer"),
    }
}

/// Quality of a measurement.
pub fn quality(quality: QualityWord, lang: Lang) -> &'static str {
    match quality {
        QualityWord::Good => lang.pick("测量质量良好", "measurement good"),
        QualityWord::Degraded => lang.pick("测量质量欠佳", "measurement degraded"),
        QualityWord::Invalid => lang.pick("测量无效", "measurement invalid"),
    }
}

/// A rule.
pub fn rule(rule: RuleCode, lang: Lang) -> &'static str {
    match rule {
        RuleCode::AgentOffline => lang.pick("测试机离线", "agent off"),
        RuleCode::AgentClock => lang.pick("测试机时钟偏差过大", "agent's clock is off"),
        RuleCode::AgentDisk => lang.pick("测试机磁盘空间不足", "agent's disk is nearly full"),
        RuleCode::AgentTemperature => lang.pick("测试机温度过高", "agent is too hot"),
        RuleCode::AgentMisbehaves => lang.pick("测试机报文异常", "agent sends what it should not"),
        RuleCode::LinkPath => lang.pick("线路探测不通过", "path test failed"),
        RuleCode::AccountBreakGlass => lang.pick("应急账号被使用", "emergency account in use"),
        RuleCode::SelfDisk => lang.pick("本系统磁盘空间不足", "vcops' own disk is nearly full"),
        RuleCode::SelfQueue => lang.pick("本系统处理积压", "vcops cannot keep up"),
        RuleCode::SelfTask => lang.pick("本系统有任务无响应", "a task of vcops gives no sign of life"),
        RuleCode::SelfLine => lang.pick("与各会场测试机的消息通道中断", "the line to the agents is down"),
        RuleCode::SelfClock => lang.pick("主机时间被拨动", "the host's clock was stepped"),
        RuleCode::SelfJournal => lang.pick("日志曾无法写入", "the journal could not be written for a time"),
        RuleCode::SelfNotices => lang.pick("通知发不出去", "notices do not get out"),
        RuleCode::McuDown
        | RuleCode::McuSuspected
        | RuleCode::McuBlind
        | RuleCode::McuDegraded
        | RuleCode::McuAlarm
        | RuleCode::McuCapacity
        | RuleCode::McuDiedAfterAction
        | RuleCode::McuNoProof
        | RuleCode::RosterDrift
        | RuleCode::SiteMissing
        | RuleCode::SiteIntruder
        | RuleCode::SiteWrongName
        | RuleCode::SiteDuplicate
        | RuleCode::SiteNoMedia
        | RuleCode::SiteLoss
        | RuleCode::DeviceDown
        | RuleCode::DeviceBlind
        | RuleCode::DeviceAlarm
        | RuleCode::EquipmentReading => device::rule(rule, lang),
        RuleCode::StreamLost => lang.pick("无图像无声音", "no picture, no sound"),
        RuleCode::StreamNoVideo => lang.pick("有声音无图像", "sound, but no picture"),
        RuleCode::StreamNoAudio => lang.pick("有图像无声音", "picture, but no sound"),
        RuleCode::StreamCodec => lang.pick("编码格式与约定不符", "another codec than agreed"),
        RuleCode::StreamLoss => lang.pick("码流丢包", "packet loss"),
        RuleCode::StreamJitter => lang.pick("码流抖动过大", "jitter"),
        RuleCode::StreamFps => lang.pick("帧率过低", "low frame rate"),
        RuleCode::StreamBitrate => lang.pick("码率骤降", "bitrate far below usual"),
        RuleCode::StreamCorrupt => lang.pick("画面花屏", "picture damaged"),
        RuleCode::StreamFreeze => lang.pick("图像冻结", "picture frozen"),
        RuleCode::StreamStatic => lang.pick("画面静止", "nothing moves"),
        RuleCode::StreamBlack => lang.pick("黑屏", "black picture"),
        RuleCode::StreamFlat => lang.pick("单色画面（疑似无视频源）", "one flat colour, no source?"),
        RuleCode::StreamSilence => lang.pick("应发言而无声", "nothing to be heard"),
        RuleCode::StreamClipping => lang.pick("声音过载失真", "sound overdriven"),
        RuleCode::StreamOpenMicrophone => lang.pick("未闭麦", "open microphone"),
        RuleCode::StreamSkew => lang.pick("音画偏差", "sound and picture apart"),
        RuleCode::StreamTransport => lang.pick("传输流异常", "transport stream faulty"),
        RuleCode::StreamUnavailable => lang.pick("监测不可用", "analysis unavailable"),
    }
}

/// A figure without needless digits.
fn plain(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A resource by its shown name.
pub fn resource(resource: &Resource, inventory: &Inventory, lang: Lang) -> String {
    let (noun, name) = match resource {
        Resource::Link(id) => (lang.pick("线路", "link"), inventory.links.get(id).map(|link| &link.name)),
        Resource::Venue(id) => {
            (lang.pick("会场", "venue"), inventory.venues.get(id).map(|venue| &venue.name))
        }
        Resource::Trunk(id) => {
            (lang.pick("汇聚链路", "trunk"), inventory.trunks.get(id).map(|trunk| &trunk.name))
        }
        Resource::Carrier(id) => {
            (lang.pick("运营商", "carrier"), inventory.carriers.get(id).map(|carrier| &carrier.name))
        }
        Resource::Region(id) => {
            (lang.pick("区域", "region"), inventory.regions.get(id).map(|region| &region.name))
        }
        Resource::Mcu(id) => (lang.pick("MCU", "MCU"), inventory.mcus.get(id).map(|mcu| &mcu.name)),
        Resource::Hub => return lang.pick("主会场侧", "the hub's own side").to_owned(),
    };
    match name {
        Some(name) => format!("{noun} {name}"),
        None => format!("{noun} ({resource})"),
    }
}

/// The cause of a finding, if one was named, and how many share it. What is itself gone shares nothing with nobody.
pub fn cause(finding: &Finding, inventory: &Inventory, lang: Lang) -> Option<String> {
    let cause = finding.cause.as_ref()?;
    let named = resource(cause, inventory, lang);
    let others = finding.members.len();
    if others == 0 {
        let own = matches!((&finding.key.subject, cause),
            (Subject::Device(Device::Mcu(device)), Resource::Mcu(mcu)) if device == mcu);
        return (!own).then(|| lang.pick(format!("原因：{named}"), format!("cause: {named}")));
    }
    Some(match lang {
        Lang::Zh => format!("与另外 {others} 项同时发生，共同原因：{named}"),
        Lang::En => format!("at the same time as {others} more; shared cause: {named}"),
    })
}

/// A cell that stands in the way of a signature, in both languages.
pub fn open_cell(cell: &Cell, inventory: &Inventory) -> String {
    let key = &cell.key;
    let venue = inventory.venues.get(&key.venue).map_or(key.venue.as_str(), |venue| &venue.name);
    let stands = |lang| match cell.verdict().filter(|_| !cell.awaiting) {
        Some(found) => verdict(found, lang),
        None => lang.pick("待测", "open"),
    };
    let name = |lang| check(&key.check, inventory, lang);
    format!("{venue} · {}：{} / {}: {}", name(Lang::Zh), stands(Lang::Zh), name(Lang::En), stands(Lang::En))
}
