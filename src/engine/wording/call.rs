//! Calls to codecs and the standby MCU in words: why a check came out as it did, and what to do next.

use super::plain;
use crate::domain::lang::Lang;
use crate::engine::verdict::{Judgement, ReasonCode};

/// Each reason in words, and what to do next.
const REASONS: [(ReasonCode, [&str; 2], [&str; 2]); 26] = [
    (
        ReasonCode::DeviceUnregistered,
        ["未登记 MCU 控制接口或终端", "no MCU that can be spoken to, or no codec, in the inventory"],
        ["在会场与设备中补登，再重测", "complete the inventory, then retest"],
    ),
    (
        ReasonCode::NoTestConference,
        ["MCU 未登记测试会议", "the MCU has no test conference"],
        ["在会场与设备中登记测试会议号，再重测", "enter one in the inventory, then retest"],
    ),
    (
        ReasonCode::McuCannotCall,
        ["本 MCU 不能呼出", "this MCU cannot call"],
        ["由会场终端呼入，并请会场看听确认", "have the codec call in, and the venue confirm"],
    ),
    (
        ReasonCode::OtherNetwork,
        [
            "会场与 MCU 网络属性不同，不跨网呼叫",
            "venue and MCU are on different networks; nothing crosses them",
        ],
        ["指定同一网络属性的 MCU", "choose an MCU of the venue's network"],
    ),
    (
        ReasonCode::SuperiorMeeting,
        ["上级会议只看不控", "a superior level's meeting is watched, not controlled"],
        ["由上级技术员呼叫", "the superior level's technician calls"],
    ),
    (
        ReasonCode::NoConsent,
        ["会场未确认可以试呼", "the venue did not agree to be called"],
        ["致电会场确认 已开机可测，再重测", "ask the venue to agree, then retest"],
    ),
    (
        ReasonCode::McuUnseen,
        ["看不到 MCU 状态", "the MCU cannot be seen"],
        ["先恢复对 MCU 的监测，再重测", "make the MCU visible first, then retest"],
    ),
    (
        ReasonCode::McuNoRoom,
        ["MCU 无空闲端口", "the MCU has no room"],
        ["释放端口后重测", "free ports, then retest"],
    ),
    (
        ReasonCode::CallBusy,
        ["终端占线", "codec is busy"],
        ["请会场挂断现有呼叫后重测", "have the venue hang up, then retest"],
    ),
    (
        ReasonCode::CallDeclined,
        ["终端拒接", "codec declined"],
        ["请会场打开自动应答或人工接听", "have the venue answer, or set automatic answer"],
    ),
    (
        ReasonCode::CallNoAnswer,
        ["终端无应答", "codec does not answer"],
        ["致电会场：终端是否开机、网线是否接好", "call the venue: is the codec on and plugged in?"],
    ),
    (
        ReasonCode::CallUnreachable,
        ["终端地址不可达或未注册", "codec unreachable or not registered"],
        ["核对终端地址与注册状态", "check the codec's address and registration"],
    ),
    (
        ReasonCode::CallIncompatible,
        ["编码或加密不兼容", "incompatible codec or encryption"],
        ["核对终端的编码、加密与速率设置", "check coding, encryption and rate on the codec"],
    ),
    (
        ReasonCode::CallNoPicture,
        ["入会后无图像", "connected without a picture"],
        [
            "查摄像机与视频源；下行无图像则查防火墙",
            "check camera and source; towards the venue check firewalls",
        ],
    ),
    (
        ReasonCode::CallNoSound,
        ["入会后无声音", "connected without sound"],
        ["查话筒、调音台与静音设置", "check microphone, mixer and mute"],
    ),
    (
        ReasonCode::CallNoContent,
        ["辅流不通", "content does not come through"],
        ["核对双流设置与演示设备接线", "check the content settings and cabling"],
    ),
    (
        ReasonCode::CallDropped,
        ["试呼中途掉线", "the call broke off"],
        ["查线路与终端日志后重测", "check line and codec log, then retest"],
    ),
    (
        ReasonCode::CallRateLow,
        ["入会速率低于会议规格", "rate below the profile"],
        ["核对终端与线路带宽；不能提高则降速入会", "check codec and line; else take part at the lower rate"],
    ),
    (
        ReasonCode::CallPictureLow,
        ["图像分辨率低于会议规格", "picture below the profile"],
        ["核对终端分辨率设置", "check the codec's resolution"],
    ),
    (
        ReasonCode::CallUnseen,
        [
            "已入会；本 MCU 不提供媒体状态，也无监测",
            "connected; this MCU tells nothing of media, and nobody watches",
        ],
        ["由会场人员看听确认", "have the people of the venue confirm"],
    ),
    (
        ReasonCode::CallContentUnseen,
        ["图像声音正常；试呼中未见辅流收发", "picture and sound flow; no content was seen in the call"],
        [
            "请会场演示一次辅流，由两端人员确认",
            "have the venue show content, and people at both ends confirm",
        ],
    ),
    (
        ReasonCode::StandbyDown,
        ["备用 MCU 宕机", "standby MCU is down"],
        ["修复备用 MCU；会前准备音频会议", "repair it; prepare the audio conference"],
    ),
    (
        ReasonCode::StandbyNoRoom,
        ["备用 MCU 容量不足", "standby MCU has too little room"],
        ["释放端口或增加许可", "free ports or add licences"],
    ),
    (
        ReasonCode::StandbyDiffers,
        ["备用 MCU 与主用配置不一致", "standby MCU differs from the primary"],
        ["核对版本、端口、许可与应到名单", "compare versions, ports, licences and expected sites"],
    ),
    (
        ReasonCode::StandbyCertificate,
        ["备用 MCU 证书即将到期", "a certificate of the standby MCU ends soon"],
        ["会前更换证书", "replace it before the meeting"],
    ),
    (
        ReasonCode::StandbyUnproved,
        ["备用 MCU 未经试呼证实", "standby MCU was not proved by a test call"],
        ["从备用 MCU 人工试呼一个会场", "call one venue from it by hand"],
    ),
];

fn known(reason: ReasonCode) -> Option<&'static (ReasonCode, [&'static str; 2], [&'static str; 2])> {
    REASONS.iter().find(|(known, ..)| *known == reason)
}

/// A reason in a few words.
pub(super) fn reason(reason: ReasonCode, lang: Lang) -> &'static str {
    known(reason).map_or("", |(_, [zh, en], _)| lang.pick(zh, en))
}

/// What a technician does now.
pub(super) fn step(reason: ReasonCode, lang: Lang) -> Option<&'static str> {
    known(reason).map(|(_, _, [zh, en])| lang.pick(*zh, *en))
}

/// The numbers that a reason speaks of, and what can be done all the same.
pub(super) fn figures(judgement: &Judgement, lang: Lang) -> String {
    let figure = |name: &str| judgement.figures.get(name).copied();
    let pair = |a, b| figure(a).zip(figure(b)).map(|(a, b)| (plain(a), plain(b)));
    if judgement.reason == ReasonCode::CallRateLow {
        let Some((kbps, asked)) = pair("kbps", "asked_kbps") else { return String::new() };
        let rate = figure("kbps").map(rate).unwrap_or_default();
        let height = figure("height").map(|height| format!("/{}p", plain(height))).unwrap_or_default();
        return lang.pick(
            format!("：{kbps} kbit/s（规格 {asked}）；可降速入会 {rate}{height}"),
            format!(": {kbps} kbit/s (profile {asked}); can take part at {rate}{height}"),
        );
    }
    let two = match () {
        () if judgement.reason == ReasonCode::CallPictureLow => pair("height", "asked_height"),
        () if judgement.reason == ReasonCode::StandbyNoRoom => pair("free", "needed"),
        () => None,
    };
    two.map(|(has, asked)| lang.pick(format!("：{has}（需 {asked}）"), format!(": {has} ({asked} wanted)")))
        .unwrap_or_default()
}

/// A rate to take part at, rounded down as endpoints offer them: `1M`, `512k`.
fn rate(kbps: f64) -> String {
    let steps = [8192_u32, 6144, 4096, 3072, 2048, 1920, 1536, 1024, 768, 512, 384, 256, 128];
    let fits = steps.into_iter().find(|step| f64::from(*step) <= kbps);
    match fits {
        Some(step) if step % 1024 == 0 => format!("{}M", step / 1024),
        Some(step) => format!("{step}k"),
        None => format!("{}k", plain(kbps)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_one_that_endpoints_offer() {
        assert_eq!([1_300.0, 4_096.0, 700.0, 90.0].map(rate), ["1M", "4M", "512k", "90k"]);
    }
}
