//! Devices for a terminal: how one is, who is in its conferences, what their media are. Says what the device said and
//! judges nothing.

use std::fmt::Write as _;

use super::table::aligned;
use crate::domain::lang::Lang;
use crate::domain::mcu::ParticipantRef;
use crate::observation::device::{
    Absent, Blindness, Capacity, DeviceReport, Flow, Given, Medium, Presence, Service, Sight, Signal,
    SiteSeen, StreamSample, Way,
};

/// How a device is: sight, service, load, capacity, alarms, readings.
pub fn device_status(name: &str, report: &DeviceReport, lang: Lang) -> String {
    let mut lines = vec![
        vec![lang.pick("设备", "device").to_owned(), format!("{name} ({})", report.device)],
        vec![lang.pick("状态", "state").to_owned(), sight(&report.sight, lang)],
        vec![lang.pick("自", "since").to_owned(), report.since.to_string()],
    ];
    if let Some(health) = &report.health {
        let version = health.version.clone().unwrap_or_else(|| "–".to_owned());
        let rows = [
            (lang.pick("自述", "says"), service(health.service, lang).to_owned()),
            (lang.pick("负荷", "load"), figure(health.load_pct, " %", lang)),
            (lang.pick("版本", "version"), version),
            (lang.pick("时钟偏差", "clock"), figure(health.clock_skew_ms, " ms", lang)),
        ];
        lines.extend(rows.map(|(what, value)| vec![what.to_owned(), value]));
    }
    for capacity in &report.capacity {
        lines.push(vec![capacity.what.clone(), room(capacity, lang)]);
    }
    for (reading, value) in &report.readings {
        lines.push(vec![reading.clone(), figure(*value, "", lang)]);
    }
    for conference in &report.conferences {
        let sites = conference.present.len();
        let text = format!("{} ({})", conference.name, conference.conference);
        lines.push(vec![lang.pick("会议", "conference").to_owned(), format!("{text}: {sites}")]);
    }
    let mut text = aligned(&lines);
    for alarm in &report.alarms {
        let _ = writeln!(text, "! {} {}", alarm.what, alarm.detail);
    }
    text
}

/// Who is in each conference.
pub fn device_roster(report: &DeviceReport, lang: Lang) -> String {
    let head = [
        lang.pick("会议", "Conference"),
        lang.pick("编号", "Ref"),
        lang.pick("名称", "Name"),
        lang.pick("地址", "Address"),
        lang.pick("状态", "State"),
        lang.pick("静音", "Muted"),
        lang.pick("上行图像", "Video from site"),
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for conference in &report.conferences {
        lines.extend(conference.present.iter().map(|site| {
            vec![
                conference.conference.to_string(),
                site.participant.to_string(),
                site.name.clone(),
                site.address.clone().unwrap_or_else(|| "–".to_owned()),
                presence(&site.presence, lang).to_owned(),
                muted(site.muted, lang).to_owned(),
                video(site).map_or("–".to_owned(), |sample| flow(&sample.flow, lang).to_owned()),
            ]
        }));
    }
    aligned(&lines)
}

/// The media of each site, or of one.
pub fn device_streams(report: &DeviceReport, site: Option<&ParticipantRef>, lang: Lang) -> String {
    let head = [
        lang.pick("会场", "Site"),
        lang.pick("媒体", "Medium"),
        lang.pick("方向", "Way"),
        lang.pick("流", "Flow"),
        "kbit/s",
        lang.pick("丢包 %", "Loss %"),
        lang.pick("抖动 ms", "Jitter ms"),
        lang.pick("往返 ms", "RTT ms"),
        lang.pick("画面", "Picture"),
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let sites = report.conferences.iter().flat_map(|conference| &conference.present);
    for seen in sites.filter(|seen| site.is_none_or(|wanted| wanted == &seen.participant)) {
        lines.extend(seen.streams.iter().map(|sample| stream(&seen.name, sample, lang)));
    }
    aligned(&lines)
}

fn stream(name: &str, sample: &StreamSample, lang: Lang) -> Vec<String> {
    let size = match (sample.width.value(), sample.height.value()) {
        (Some(width), Some(height)) => format!("{width}×{height}"),
        (Some(_), None) | (None, Some(_)) | (None, None) => absent_of(&sample.width, lang),
    };
    vec![
        name.to_owned(),
        medium(sample.medium, lang).to_owned(),
        way(sample.way, lang).to_owned(),
        flow(&sample.flow, lang).to_owned(),
        figure(sample.kbps, "", lang),
        figure(sample.loss_pct, "", lang),
        figure(sample.jitter_ms, "", lang),
        figure(sample.rtt_ms, "", lang),
        size,
    ]
}

fn video(site: &SiteSeen) -> Option<&StreamSample> {
    site.streams.iter().find(|it| it.medium == Medium::Video && it.way == Way::FromSite)
}

/// A sight in words.
pub fn sight(sight: &Sight, lang: Lang) -> String {
    match sight {
        Sight::Unknown => lang.pick("尚未询问", "not asked yet").to_owned(),
        Sight::Seen => lang.pick("可见", "seen").to_owned(),
        Sight::Blind { why } => {
            format!(
                "{}{}",
                lang.pick("看不到（不等于设备有故障）：", "cannot be seen: "),
                blindness(*why, lang)
            )
        }
        Sight::Suspected { signal: one } => {
            format!("{}{}", lang.pick("疑似中断：", "suspected to be down: "), signal(*one, lang))
        }
        Sight::Down { signals: [one, other] } => {
            let both = [signal(*one, lang), signal(*other, lang)].join(lang.pick("，且", ", and "));
            format!("{}{both}", lang.pick("中断：", "down: "))
        }
    }
}

fn blindness(why: Blindness, lang: Lang) -> &'static str {
    match why {
        Blindness::Auth => lang.pick("账号口令不对、过期或权限不够", "its credential was refused"),
        Blindness::Tls => lang.pick("加密连接协商不成", "TLS could not be agreed on"),
        Blindness::Busy => lang.pick("设备自称正忙", "it says that it is busy"),
        Blindness::RateLimited => lang.pick("询问过于频繁", "it was asked too often"),
        Blindness::Timeout => lang.pick("未按时应答", "no answer in time"),
        Blindness::Shape => lang.pick("应答格式与文档不符", "it answers in another shape than documented"),
        Blindness::NoCredential => lang.pick(
            "本机没有它的账号口令，或写法不符",
            "its credential is not in the settings, or not well written",
        ),
        Blindness::Ours => lang.pick("本机设置不允许，或询问额度用完", "our own settings forbid it"),
        Blindness::OwnSide => lang.pick("主会场侧网络中断", "the hub's own side of the network is cut"),
    }
}

fn signal(signal: Signal, lang: Lang) -> &'static str {
    match signal {
        Signal::Interface => lang.pick("管理接口连不上", "its interface refuses connections"),
        Signal::Events => lang.pick("事件源断开", "its events broke off"),
        Signal::Signalling => lang.pick("呼叫信令无应答", "it does not answer calls"),
        Signal::Media => lang.pick("它送出的画面声音已停", "media from it have stopped"),
        Signal::Host => lang.pick("主机无应答", "its host does not answer"),
    }
}

fn service(service: Service, lang: Lang) -> &'static str {
    match service {
        Service::Up => lang.pick("正常", "in order"),
        Service::Degraded => lang.pick("有告警", "degraded"),
        Service::Draining => lang.pick("不接新呼", "takes no new calls"),
        Service::Starting => lang.pick("正在启动", "starting"),
        Service::Failed => lang.pick("自称故障", "says that it failed"),
        Service::Unknown => lang.pick("未知", "unknown"),
    }
}

fn presence(presence: &Presence, lang: Lang) -> &'static str {
    match presence {
        Presence::Calling => lang.pick("正在呼叫", "calling"),
        Presence::Connected => lang.pick("已入会", "connected"),
        Presence::OnHold => lang.pick("保持", "on hold"),
        Presence::Left { .. } => lang.pick("已离会", "left"),
        Presence::Unknown => lang.pick("未知", "unknown"),
    }
}

fn flow(flow: &Flow, lang: Lang) -> &'static str {
    match flow {
        Flow::Flowing => lang.pick("有", "flowing"),
        Flow::NoMedia { .. } => lang.pick("无媒体", "no media"),
        Flow::Paused => lang.pick("暂停", "paused"),
        Flow::Unknown => lang.pick("未知", "unknown"),
    }
}

fn medium(medium: Medium, lang: Lang) -> &'static str {
    match medium {
        Medium::Audio => lang.pick("声音", "sound"),
        Medium::Video => lang.pick("图像", "video"),
        Medium::Content => lang.pick("辅流", "content"),
    }
}

fn way(way: Way, lang: Lang) -> &'static str {
    match way {
        Way::FromSite => lang.pick("上行", "from site"),
        Way::ToSite => lang.pick("下行", "to site"),
    }
}

fn muted(muted: Option<bool>, lang: Lang) -> &'static str {
    match muted {
        Some(true) => lang.pick("是", "yes"),
        Some(false) => lang.pick("否", "no"),
        None => "–",
    }
}

fn room(capacity: &Capacity, lang: Lang) -> String {
    let of = format!("{} / {}", figure(capacity.used, "", lang), figure(capacity.total, "", lang));
    format!("{of}{}{}", lang.pick("，余 ", ", free "), figure(capacity.free(), "", lang))
}

fn figure(given: Given<f64>, unit: &str, lang: Lang) -> String {
    match given {
        Given::Value(value) => format!("{}{unit}", (value * 10.0).round() / 10.0),
        Given::Absent(_) => absent_of(&given, lang),
    }
}

fn absent_of<T: Copy>(given: &Given<T>, lang: Lang) -> String {
    let Given::Absent(why) = given else { return "–".to_owned() };
    match why {
        Absent::NotProvided => lang.pick("本机型不提供", "not provided"),
        Absent::Sentinel => lang.pick("设备未给", "not given"),
        Absent::NotYet => "…",
        Absent::OutOfRange => lang.pick("数值不合理", "cannot be"),
        Absent::NothingMoved => lang.pick("无包", "no packets"),
        Absent::Stale => lang.pick("已过期", "stale"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_figures_say_why_and_blind_is_not_down() {
        let text = figure(Given::Absent(Absent::NotProvided), " %", Lang::Zh);
        assert_eq!(text, "本机型不提供");
        assert_eq!(figure(Given::Value(12.34), " %", Lang::Zh), "12.3 %");
        let blind = sight(&Sight::Blind { why: Blindness::Auth }, Lang::Zh);
        assert!(blind.contains("不等于设备有故障"), "{blind}");
        let down = sight(&Sight::Down { signals: [Signal::Interface, Signal::Events] }, Lang::En);
        assert_eq!(down, "down: its interface refuses connections, and its events broke off");
    }
}
