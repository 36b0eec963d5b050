//! Findings about MCUs, sites and equipment in words: what is wrong, why, with its numbers, and what to do next.

use super::plain;
use crate::domain::lang::Lang;
use crate::engine::finding::{DriftKind, Proof, RuleCode, Subject, Why};
use crate::engine::state::Finding;
use crate::observation::action::Does;
use crate::observation::call::CallFailed;
use crate::observation::device::{AlarmLevel, Blindness, Medium, Presence, Service, Signal, Way};

/// Each rule in words, and what to do next; an empty step where nothing is to be done.
const RULES: [(RuleCode, [&str; 2], [&str; 2]); 19] = [
    (
        RuleCode::McuDown,
        ["MCU 宕机", "MCU is down"],
        [
            "启用备用 MCU 或音频会议，同时查 MCU 电源与网络",
            "use the standby MCU or the audio conference; check the MCU's power and network",
        ],
    ),
    (
        RuleCode::McuSuspected,
        ["MCU 疑似宕机", "MCU may be down"],
        [
            "看会场画面是否正常；准备备用 MCU",
            "look whether the venues' pictures are well; make the standby ready",
        ],
    ),
    (
        RuleCode::McuBlind,
        ["看不到 MCU 状态（不等于故障）", "MCU cannot be seen (which is no fault of it)"],
        [
            "以会场画面为准；查接口地址、口令与证书",
            "trust the venues' pictures; check the interface's address, credential and certificate",
        ],
    ),
    (
        RuleCode::McuDegraded,
        ["MCU 服务异常", "MCU does not work as it should"],
        ["登录 MCU 查看服务状态；准备备用 MCU", "look at the MCU's services; make the standby ready"],
    ),
    (
        RuleCode::McuAlarm,
        ["MCU 自身告警", "MCU raises alarms"],
        ["登录 MCU 查看告警，按厂商手册处理", "look at the alarms on the MCU and follow its maker's manual"],
    ),
    (
        RuleCode::McuCapacity,
        ["MCU 容量不足", "MCU has too little room"],
        ["释放多余会议或端口，或降低会议规格", "end other conferences, or lower the meeting's profile"],
    ),
    (
        RuleCode::McuDiedAfterAction,
        ["MCU 在操作后宕机", "MCU died after an action"],
        [
            "该操作已停用；启用备用 MCU，向厂商报障",
            "the action is not used any more; use the standby MCU, report to the maker",
        ],
    ),
    (
        RuleCode::McuNoProof,
        ["MCU 试呼未通过", "a test call through the MCU failed"],
        ["人工试呼一个会场；不通则启用备用 MCU", "call one venue by hand; if that fails use the standby MCU"],
    ),
    (
        RuleCode::RosterDrift,
        ["会场名单与 MCU 不一致", "roster and MCU differ"],
        [
            "核对台账中的会场地址、名称和 MCU 上的会议",
            "check addresses and names in the inventory and the conference on the MCU",
        ],
    ),
    (
        RuleCode::SiteMissing,
        ["会场未入会", "venue is not connected"],
        ["致电会场；挂断、重呼", "call the venue; hang up and redial"],
    ),
    (
        RuleCode::SiteIntruder,
        ["名单外与会方", "somebody whom nobody invited"],
        ["核实身份；不能确认则请出会议", "find out who it is; else have it leave"],
    ),
    (
        RuleCode::SiteWrongName,
        ["会场名称显示不符", "wrong name shown"],
        ["在终端或 MCU 上改正会场名称", "correct the name on the endpoint or the MCU"],
    ),
    (
        RuleCode::SiteDuplicate,
        ["会场重复入会", "venue is connected twice"],
        ["保留有图像的一路，挂断另一路", "keep the one with a picture, hang up the other"],
    ),
    (
        RuleCode::SiteNoMedia,
        ["已入会但无图像或无声音", "connected, but no media"],
        ["请求关键帧，不行则挂断、重呼", "request a key frame, else hang up and redial"],
    ),
    (
        RuleCode::SiteLoss,
        ["MCU 侧丢包", "packet loss at the MCU"],
        [
            "查线路是否拥塞；同网有备用线路可切换，或降速入会",
            "look for congestion; use the backup of the same network, or lower the rate",
        ],
    ),
    (
        RuleCode::DeviceDown,
        ["设备离线", "device is down"],
        ["查设备电源与网络", "check its power and network"],
    ),
    (
        RuleCode::DeviceBlind,
        ["看不到设备状态（不等于故障）", "device cannot be seen (which is no fault of it)"],
        ["查接口地址、口令与证书", "check the interface's address, credential and certificate"],
    ),
    (
        RuleCode::DeviceAlarm,
        ["设备自身告警", "device raises alarms"],
        ["登录设备查看告警", "look at the alarms on the device"],
    ),
    (
        RuleCode::EquipmentReading,
        ["机房设备读数越限", "reading beyond its limits"],
        [
            "现场查看该设备；供电与空调异常时做好应急准备",
            "look at it on site; with power or cooling at fault prepare for an emergency",
        ],
    ),
];

fn known(rule: RuleCode) -> Option<&'static (RuleCode, [&'static str; 2], [&'static str; 2])> {
    RULES.iter().find(|(known, ..)| *known == rule)
}

/// A rule about devices.
pub(super) fn rule(rule: RuleCode, lang: Lang) -> &'static str {
    known(rule).map_or("", |(_, [zh, en], _)| lang.pick(zh, en))
}

/// What the operator does next.
pub(super) fn step(finding: &Finding, lang: Lang) -> Option<&'static str> {
    let (_, _, [zh, en]) = known(finding.key.rule)?;
    Some(lang.pick(zh, en))
}

/// A finding in one sentence: what, why, numbers with limits.
pub(super) fn finding(finding: &Finding, lang: Lang) -> String {
    let what = rule(finding.key.rule, lang);
    let Some(proof) = finding.proof.as_deref() else { return what.to_owned() };
    let reading = match &finding.key.subject {
        Subject::Reading(reading) => Some(reading.name.to_string()),
        Subject::Agent(_)
        | Subject::Resource(_)
        | Subject::Stream(_)
        | Subject::Device(_)
        | Subject::Site(_) => None,
    };
    let why = reading.or_else(|| proof.why.as_ref().map(|known| why(known, lang)));
    let why = why.filter(|text| !text.is_empty());
    let why = why.map(|text| lang.pick("：", ": ").to_owned() + &text).unwrap_or_default();
    format!("{what}{why}{}", figures(finding.key.rule, proof, lang))
}

fn figures(rule: RuleCode, proof: &Proof, lang: Lang) -> String {
    let figure = |name: &str| proof.figures.get(name).copied().map(plain);
    let pair = |a, b| figure(a).zip(figure(b));
    if let Some((value, limit)) = pair("value", "limit") {
        return format!(" {value}{}", lang.pick(format!("（限值 {limit}）"), format!(" (limit {limit})")));
    }
    if let Some((loss, limit)) = pair("loss_pct", "limit_pct") {
        let limit = lang.pick(format!("（限值 {limit} %）"), format!(" (limit {limit} %)"));
        return format!(" {loss} %{limit}");
    }
    if let Some((free, needed)) = pair("free", "needed") {
        return lang.pick(format!("，剩余 {free}，尚需 {needed}"), format!(", {free} left, {needed} needed"));
    }
    let more = |name: &str| proof.figures.get(name).copied().filter(|count| *count > 1.0).map(plain);
    let counted = match () {
        () if matches!(rule, RuleCode::McuAlarm | RuleCode::DeviceAlarm) => more("alarms"),
        () if rule == RuleCode::SiteIntruder => more("strangers"),
        () if rule == RuleCode::RosterDrift => more("places"),
        () => None,
    };
    counted.map_or_else(String::new, |count| {
        lang.pick(format!("（共 {count} 项）"), format!(" ({count} in all)"))
    })
}

/// Why, in a few words.
pub(super) fn why(why: &Why, lang: Lang) -> String {
    match why {
        Why::Unseen(why) => blindness(*why, lang).to_owned(),
        Why::Signal(sign) => signal(*sign, lang).to_owned(),
        Why::Signals([a, b]) => {
            format!("{}{}{}", signal(*a, lang), lang.pick("，且", " and "), signal(*b, lang))
        }
        Why::Service(found) => service(*found, lang).to_owned(),
        Why::Alarm { what, level } => {
            let level = alarm_level(*level, lang);
            lang.pick(format!("{what}（{level}）"), format!("{what} ({level})"))
        }
        Why::NoRoom(what) | Why::Left(what) | Why::Shown(what) => what.clone(),
        Why::After(done) => done.map(|done| does(done, lang).to_owned()).unwrap_or_default(),
        Why::Calling => lang.pick("正在呼叫", "being called").to_owned(),
        Why::ShownAs(venue) => lang.pick(format!("显示为另一会场 {venue}"), format!("shown as {venue}")),
        Why::Lanes(lanes) => {
            let lanes: Vec<String> = lanes.iter().map(|(medium, way)| lane(*medium, *way, lang)).collect();
            lanes.join(lang.pick("、", ", "))
        }
        Why::Drift(kind) => drift(*kind, lang).to_owned(),
        Why::NoProof(failed) => call_failed(*failed, lang).to_owned(),
        Why::Part(name) => name.clone(),
        Why::NoReport => lang.pick("没有收到任何状态", "nothing is heard of it").to_owned(),
        Why::Down(_) | Why::Blind(_) | Why::NoDecoder | Why::Codec(_) | Why::Indicator(_) => String::new(),
    }
}

/// Why a device cannot be seen.
pub fn blindness(why: Blindness, lang: Lang) -> &'static str {
    match why {
        Blindness::Auth => lang.pick("口令被拒绝", "the credential is refused"),
        Blindness::Tls => lang.pick("加密协商失败", "TLS cannot be agreed on"),
        Blindness::Busy => lang.pick("设备繁忙", "it is busy"),
        Blindness::RateLimited => lang.pick("查询过于频繁", "it was asked too often"),
        Blindness::Timeout => lang.pick("应答超时", "no answer in time"),
        Blindness::Shape => lang.pick("应答与文档不符", "it answers otherwise than documented"),
        Blindness::NoCredential => lang.pick(
            "本机未设该设备的口令，或写法不符",
            "its credential is not in the settings here, or not well written",
        ),
        Blindness::Ours => lang.pick("本机设置不允许或查询额度用尽", "our own settings or budget forbid it"),
        Blindness::OwnSide => lang.pick("主会场侧网络中断", "the hub's own side of the network is cut"),
    }
}

/// A sign that a device is gone.
pub fn signal(signal: Signal, lang: Lang) -> &'static str {
    match signal {
        Signal::Interface => lang.pick("管理接口不通", "its interface cannot be reached"),
        Signal::Events => lang.pick("事件通道中断", "its events ended"),
        Signal::Signalling => lang.pick("信令无应答", "its signalling does not answer"),
        Signal::Media => lang.pick("媒体中断", "its media stopped"),
        Signal::Host => lang.pick("主机不通", "its host does not answer"),
    }
}

/// What a device says of its own service.
pub fn service(service: Service, lang: Lang) -> &'static str {
    match service {
        Service::Up => lang.pick("正常", "in order"),
        Service::Degraded => lang.pick("带病运行", "works with faults"),
        Service::Draining => lang.pick("不接受新呼叫", "takes no new calls"),
        Service::Starting => lang.pick("正在启动", "starting"),
        Service::Failed => lang.pick("服务失效", "failed"),
        Service::Unknown => lang.pick("未知", "unknown"),
    }
}

/// A site's presence by signalling.
pub fn presence(presence: &Presence, lang: Lang) -> &'static str {
    match presence {
        Presence::Calling => lang.pick("呼叫中", "being called"),
        Presence::Connected => lang.pick("已入会", "connected"),
        Presence::OnHold => lang.pick("保持", "on hold"),
        Presence::Left { .. } => lang.pick("已离会", "left"),
        Presence::Unknown => lang.pick("未知", "unknown"),
    }
}

/// One medium one way, in the words of the control room: 上行图像.
pub fn lane(medium: Medium, way: Way, lang: Lang) -> String {
    let medium = match medium {
        Medium::Audio => lang.pick("声音", "sound"),
        Medium::Video => lang.pick("图像", "picture"),
        Medium::Content => lang.pick("辅流", "content"),
    };
    match (way, lang) {
        (Way::FromSite, Lang::Zh) => format!("上行{medium}"),
        (Way::ToSite, Lang::Zh) => format!("下行{medium}"),
        (Way::FromSite, Lang::En) => format!("{medium} from the venue"),
        (Way::ToSite, Lang::En) => format!("{medium} to the venue"),
    }
}

/// A kind of action.
pub fn does(does: Does, lang: Lang) -> &'static str {
    match does {
        Does::Dial => lang.pick("呼叫", "dial"),
        Does::Redial => lang.pick("挂断、重呼", "redial"),
        Does::Disconnect => lang.pick("挂断", "hang up"),
        Does::Mute => lang.pick("静音", "mute"),
        Does::Layout => lang.pick("切换画面布局", "change the layout"),
        Does::Broadcast => lang.pick("广播会场", "broadcast"),
        Does::KeyFrame => lang.pick("请求关键帧", "request a key frame"),
        Does::MoveParticipant => lang.pick("移动会场", "move a site"),
        Does::MigrateConference => lang.pick("迁移会议", "move the conference"),
        Does::Drain => lang.pick("停止接入新呼叫", "take no new calls"),
    }
}

fn alarm_level(level: AlarmLevel, lang: Lang) -> &'static str {
    match level {
        AlarmLevel::Information => lang.pick("提示", "information"),
        AlarmLevel::Minor => lang.pick("次要", "minor"),
        AlarmLevel::Major => lang.pick("重要", "major"),
        AlarmLevel::Critical => lang.pick("紧急", "critical"),
    }
}

fn drift(kind: DriftKind, lang: Lang) -> &'static str {
    match kind {
        DriftKind::NoConference => lang.pick("MCU 上没有本次会议", "the MCU has no such conference"),
        DriftKind::NobodyKnown => {
            lang.pick("与会方均无法与台账对应", "nobody who is there is in the inventory")
        }
        DriftKind::Addresses => lang.pick("会场地址与台账不符", "addresses differ from the inventory's"),
        DriftKind::Expected => {
            lang.pick("MCU 上的应到名单与会议不符", "the MCU expects others than are invited")
        }
    }
}

/// Why a codec that was called did not connect.
pub(super) fn call_failed(why: CallFailed, lang: Lang) -> &'static str {
    match why {
        CallFailed::Busy => lang.pick("终端占线", "busy"),
        CallFailed::Declined => lang.pick("终端拒接", "declined"),
        CallFailed::NoAnswer => lang.pick("终端无应答", "no answer"),
        CallFailed::Unreachable => lang.pick("地址不可达或未注册", "unreachable or not registered"),
        CallFailed::Incompatible => lang.pick("编码或加密不兼容", "incompatible codec or encryption"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::McuId;
    use crate::domain::time::Utc;
    use crate::engine::finding::{FindingKey, Severity};
    use crate::observation::Sure;
    use crate::observation::device::Device;

    fn found(rule: RuleCode, why: Option<Why>, figures: &[(&str, f64)]) -> Finding {
        let subject = Subject::Device(Device::Mcu(McuId::parse("m").unwrap()));
        let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let proof = Proof { sure: Sure::Confirmed, grave: true, why, figures, evidence: None };
        Finding {
            key: FindingKey { rule, subject },
            since: Utc(0),
            raised: Utc(0),
            cause: None,
            members: Vec::new(),
            severity: Severity::Warning,
            proof: Some(Box::new(proof)),
            incident: None,
        }
    }

    #[test]
    fn findings_read_with_reasons_and_numbers() {
        let signals = Why::Signals([Signal::Interface, Signal::Media]);
        let lanes = Why::Lanes(vec![(Medium::Audio, Way::ToSite), (Medium::Video, Way::FromSite)]);
        let alarm = Why::Alarm { what: "fan".into(), level: AlarmLevel::Major };
        let cases = [
            (
                found(RuleCode::McuDown, Some(signals), &[]),
                "MCU 宕机：管理接口不通，且媒体中断",
                "MCU is down: its interface cannot be reached and its media stopped",
            ),
            (
                found(RuleCode::SiteNoMedia, Some(lanes), &[]),
                "已入会但无图像或无声音：下行声音、上行图像",
                "connected, but no media: sound to the venue, picture from the venue",
            ),
            (
                found(
                    RuleCode::McuCapacity,
                    Some(Why::NoRoom("port".into())),
                    &[("free", 3.0), ("needed", 13.0)],
                ),
                "MCU 容量不足：port，剩余 3，尚需 13",
                "MCU has too little room: port, 3 left, 13 needed",
            ),
            (
                found(RuleCode::McuAlarm, Some(alarm), &[("alarms", 2.0)]),
                "MCU 自身告警：fan（重要）（共 2 项）",
                "MCU raises alarms: fan (major) (2 in all)",
            ),
            (
                found(RuleCode::SiteIntruder, None, &[("strangers", 1.0)]),
                "名单外与会方",
                "somebody whom nobody invited",
            ),
        ];
        for (finding, zh, en) in cases {
            assert_eq!(super::finding(&finding, Lang::Zh), zh);
            assert_eq!(super::finding(&finding, Lang::En), en);
        }
    }

    #[test]
    fn every_rule_about_devices_has_words_and_a_step() {
        for rule in RuleCode::ALL.iter().copied().filter(|rule| rule.is_device()) {
            assert!(!super::rule(rule, Lang::Zh).is_empty(), "{}", rule.code());
            assert!(step(&found(rule, None, &[]), Lang::En).is_some_and(|step| !step.is_empty()));
        }
    }
}
