//! Findings about streams in words: what is wrong, with its numbers, why, and what to do next.
//!
//! When it began, where, and for how long are the caller's to add: it knows the clock and the place.

use super::{device, plain};
use crate::domain::lang::Lang;
use crate::engine::finding::{Proof, RuleCode, Severity, Why};
use crate::engine::state::{Finding, Floor};
use crate::observation::{BlindWhy, DownWhy, Sure};

/// A severity.
pub fn severity(severity: Severity, lang: Lang) -> &'static str {
    match severity {
        Severity::Information => lang.pick("提示", "information"),
        Severity::Warning => lang.pick("告警", "warning"),
        Severity::Severe => lang.pick("严重", "severe"),
        Severity::Critical => lang.pick("紧急", "critical"),
    }
}

/// Whether a venue speaks.
pub fn floor(floor: Floor, lang: Lang) -> &'static str {
    match floor {
        Floor::Speaks => lang.pick("发言中", "speaking"),
        Floor::MaySpeak => lang.pick("可发言", "may speak"),
        Floor::Next => lang.pick("下一位发言", "next to speak"),
        Floor::Listens => lang.pick("听会", "listening"),
        Floor::Unknown => lang.pick("未排发言顺序", "no agenda"),
    }
}

/// Why no media arrive.
pub fn down(why: DownWhy, lang: Lang) -> &'static str {
    match why {
        DownWhy::Refused => lang.pick("连接被拒绝", "connection refused"),
        DownWhy::Unreachable => lang.pick("地址不可达", "address unreachable"),
        DownWhy::NameUnknown => lang.pick("域名无法解析", "name unknown"),
        DownWhy::NoAnswer => lang.pick("对端无应答", "no answer"),
        DownWhy::Unauthorised => lang.pick("用户名或口令不对", "user name or password is wrong"),
        DownWhy::NotFound => lang.pick("对端没有这路码流", "no such stream there"),
        DownWhy::Protocol => lang.pick("对端应答不合规范", "the answer breaks its protocol"),
        DownWhy::Closed => lang.pick("对端结束了码流", "ended by the other side"),
        DownWhy::Silent => lang.pick("已连接但无数据", "connected, but nothing arrives"),
        DownWhy::Garbage => lang.pick("收到的不是音视频数据", "what arrives is not media"),
        DownWhy::Codec => lang.pick("编码格式不支持", "a codec that is not known"),
    }
}

/// Why a watcher cannot look.
pub fn blind(why: BlindWhy, lang: Lang) -> &'static str {
    match why {
        BlindWhy::NoSocket => lang.pick("本机端口打不开", "the local socket could not be opened"),
        BlindWhy::NoCredential => {
            lang.pick("本机未设该码流的口令", "its credential is not in the settings here")
        }
        BlindWhy::NoWorker => lang.pick("接收进程正在重启", "the receiving worker is being restarted"),
        BlindWhy::NoCapacity => lang.pick("监测路数已满", "as many streams as may be are watched already"),
        BlindWhy::Forbidden => lang.pick("本机设置不允许接收该地址", "the settings here forbid this source"),
    }
}

/// A stream's finding in one sentence: what, numbers with limits, why, how surely.
pub fn finding(finding: &Finding, lang: Lang) -> String {
    if finding.key.rule.is_device() {
        return device::finding(finding, lang);
    }
    let what = super::rule(finding.key.rule, lang);
    let Some(proof) = finding.proof.as_deref() else { return what.to_owned() };
    let why = proof.why.as_ref();
    let reason = why.map(|why| lang.pick("：", ": ").to_owned() + &why_text(why, lang)).unwrap_or_default();
    let unsure = match proof.sure {
        Sure::Suspected => lang.pick("（疑似，待画面确认）", " (suspected, pictures to confirm)"),
        Sure::Confirmed => "",
    };
    format!("{what}{reason}{}{unsure}", figures(finding.key.rule, proof, lang))
}

fn why_text(why: &Why, lang: Lang) -> String {
    match why {
        Why::Down(why) => down(*why, lang).to_owned(),
        Why::Blind(why) => blind(*why, lang).to_owned(),
        Why::NoDecoder => lang.pick("分析进程正在重启", "the analysing worker is being restarted").to_owned(),
        Why::NoReport => lang.pick("监测程序没有消息", "the monitor says nothing").to_owned(),
        Why::Codec(codec) => match lang {
            Lang::Zh => format!("实际为 {}", codec.name()),
            Lang::En => format!("{} comes", codec.name()),
        },
        Why::Indicator(indicator) => format!("TR 101 290 {indicator}"),
        Why::Unseen(_)
        | Why::Signal(_)
        | Why::Signals(_)
        | Why::Service(_)
        | Why::Alarm { .. }
        | Why::NoRoom(_)
        | Why::After(_)
        | Why::Calling
        | Why::Left(_)
        | Why::Shown(_)
        | Why::ShownAs(_)
        | Why::Lanes(_)
        | Why::Drift(_)
        | Why::NoProof(_)
        | Why::Part(_) => device::why(why, lang),
    }
}

/// The numbers that a rule speaks of; nothing where it has none that say something to people.
fn figures(rule: RuleCode, proof: &Proof, lang: Lang) -> String {
    let Some((zh, en)) = templates(rule) else { return String::new() };
    let mut text = lang.pick(zh, en).to_owned();
    for (name, value) in &proof.figures {
        text = text.replace(&format!("{{{name}}}"), &plain(*value));
    }
    if rule == RuleCode::StreamSkew {
        let early = proof.figures.get("audio_late_ms").is_some_and(|late| *late < 0.0);
        let way = if early {
            lang.pick("声音超前", "sound early")
        } else {
            lang.pick("声音滞后", "sound late")
        };
        let ms = proof.figures.get("audio_late_ms").map_or(0.0, |late| late.abs());
        text = text.replace("{way}", way).replace("{ms}", &plain(ms));
    }
    // A figure that an older program did not write.
    if text.contains('{') { String::new() } else { text }
}

fn templates(rule: RuleCode) -> Option<(&'static str, &'static str)> {
    Some(match rule {
        RuleCode::StreamLoss => (
            " {loss_pct} %（限值 {limit_pct} %，10 秒内丢 {lost}/{expected} 包）",
            " {loss_pct} % (limit {limit_pct} %, {lost} of {expected} packets in 10 s)",
        ),
        RuleCode::StreamJitter => {
            (" {jitter_ms} ms（限值 {limit_ms} ms）", " {jitter_ms} ms (limit {limit_ms} ms)")
        }
        RuleCode::StreamFps => {
            (" {fps} 帧/秒（应为 {declared_fps}）", " {fps} fps ({declared_fps} declared)")
        }
        RuleCode::StreamBitrate => {
            (" {kbps} kbit/s（平时 {usual_kbps}）", " {kbps} kbit/s (usually {usual_kbps})")
        }
        RuleCode::StreamCorrupt => ("，已影响 {pictures} 帧", ", {pictures} pictures"),
        RuleCode::StreamSilence | RuleCode::StreamOpenMicrophone => {
            ("，音量 {rms_dbfs} dBFS", ", level {rms_dbfs} dBFS")
        }
        RuleCode::StreamClipping => {
            ("，1 秒内 {clipped_tenths}/10 削顶", ", {clipped_tenths} of 10 tenths of a second")
        }
        RuleCode::StreamSkew => {
            ("，{way} {ms} ms（限值 {limit_ms} ms）", ", {way} {ms} ms (limit {limit_ms} ms)")
        }
        RuleCode::StreamTransport => ("，10 秒内 {count} 次", ", {count} times in 10 s"),
        RuleCode::StreamLost
        | RuleCode::StreamNoVideo
        | RuleCode::StreamNoAudio
        | RuleCode::StreamCodec
        | RuleCode::StreamFreeze
        | RuleCode::StreamStatic
        | RuleCode::StreamBlack
        | RuleCode::StreamFlat
        | RuleCode::StreamUnavailable
        | RuleCode::AgentOffline
        | RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::AgentMisbehaves
        | RuleCode::LinkPath
        | RuleCode::AccountBreakGlass
        | RuleCode::SelfDisk
        | RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfClock
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices
        | RuleCode::McuDown
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
        | RuleCode::EquipmentReading => return None,
    })
}

/// 下一步: what the operator does about a stream's finding; `None` when nothing is to be done.
pub fn finding_step(finding: &Finding, lang: Lang) -> Option<&'static str> {
    if finding.key.rule.is_device() {
        return device::step(finding, lang);
    }
    let why = finding.proof.as_deref().and_then(|proof| proof.why.as_ref());
    let (zh, en) = match why {
        Some(Why::Down(why)) => down_step(*why),
        Some(Why::Blind(BlindWhy::NoCredential)) => {
            ("在监测程序设置中补上该口令", "enter the credential in the watcher's settings")
        }
        Some(Why::Blind(BlindWhy::NoCapacity)) => {
            ("减少监测路数，或改由会场测试机监测", "watch fewer streams, or let the venue's agent watch")
        }
        Some(Why::Blind(_) | Why::NoDecoder | Why::NoReport) => (
            "画面以人工查看为准；持续不恢复则检查监测主机负载与服务",
            "look by eye; if it lasts, check the monitoring host's load and service",
        ),
        Some(_) | None => rule_step(finding.key.rule)?,
    };
    Some(lang.pick(zh, en))
}

fn down_step(why: DownWhy) -> (&'static str, &'static str) {
    match why {
        DownWhy::Unauthorised => ("核对码流口令", "check the stream's password"),
        DownWhy::NotFound | DownWhy::NameUnknown => {
            ("核对台账中的码流地址", "check the stream's address in the inventory")
        }
        DownWhy::Codec | DownWhy::Protocol | DownWhy::Garbage => {
            ("核对终端编码设置，挂断、重呼", "check the endpoint's coding, hang up and redial")
        }
        DownWhy::Refused | DownWhy::Unreachable | DownWhy::NoAnswer | DownWhy::Closed | DownWhy::Silent => (
            "先看该会场其他码流和线路：都断则按线路故障处理，仅此一路则挂断、重呼",
            "look at the venue's other streams and line: all down means the line, this one alone: hang up and redial",
        ),
    }
}

fn rule_step(rule: RuleCode) -> Option<(&'static str, &'static str)> {
    Some(match rule {
        RuleCode::StreamLost => ("挂断、重呼", "hang up and redial"),
        RuleCode::StreamNoVideo | RuleCode::StreamBlack | RuleCode::StreamFlat => (
            "致电会场：摄像机是否通电、镜头盖、视频源选择；不行则挂断、重呼",
            "call the venue: camera power, lens cap, source selection; else hang up and redial",
        ),
        RuleCode::StreamFreeze => (
            "致电会场确认画面；请求关键帧，不行则挂断、重呼",
            "ask the venue what it shows; request a key frame, else hang up and redial",
        ),
        RuleCode::StreamNoAudio | RuleCode::StreamSilence => (
            "致电会场：麦克风是否打开、调音台输出；发言会场立即换备用话筒",
            "call the venue: microphone on, mixer output; a speaker changes to the spare microphone at once",
        ),
        RuleCode::StreamOpenMicrophone => (
            "通知会场闭麦，或在 MCU 上静音该会场",
            "have the venue close its microphone, or mute it on the MCU",
        ),
        RuleCode::StreamCodec => ("核对终端编码设置后重呼", "set the endpoint's coding and redial"),
        RuleCode::StreamLoss | RuleCode::StreamJitter | RuleCode::StreamCorrupt => (
            "查线路是否被其他业务占用；同网有备用线路可切换，或降速入会",
            "look for other traffic on the line; use the backup of the same network, or lower the rate",
        ),
        RuleCode::StreamFps | RuleCode::StreamBitrate => (
            "查终端与线路负载，必要时降速入会",
            "check the endpoint's and the line's load; lower the rate if need be",
        ),
        RuleCode::StreamClipping => ("请会场调低话筒增益", "have the venue turn the microphone's gain down"),
        RuleCode::StreamSkew => {
            ("挂断、重呼；反复出现则查编码器", "hang up and redial; check the encoder if it recurs")
        }
        RuleCode::StreamTransport => ("查编码器与传输链路", "check encoder and transport"),
        RuleCode::StreamStatic
        | RuleCode::StreamUnavailable
        | RuleCode::AgentOffline
        | RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::AgentMisbehaves
        | RuleCode::LinkPath
        | RuleCode::AccountBreakGlass
        | RuleCode::SelfDisk
        | RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfClock
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices
        | RuleCode::McuDown
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
        | RuleCode::EquipmentReading => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::StreamId;
    use crate::domain::time::Utc;
    use crate::engine::finding::{FindingKey, Subject};

    fn found(rule: RuleCode, why: Option<Why>, figures: &[(&str, f64)], sure: Sure) -> Finding {
        let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Finding {
            key: FindingKey { rule, subject: Subject::Stream(StreamId::parse("s").unwrap()) },
            since: Utc(0),
            raised: Utc(0),
            cause: None,
            members: Vec::new(),
            severity: Severity::Warning,
            proof: Some(Box::new(Proof { sure, grave: false, why, figures, evidence: None })),
            incident: None,
        }
    }

    #[test]
    fn findings_read_with_numbers_limits_and_reasons() {
        use Sure::{Confirmed, Suspected};
        let loss = [("loss_pct", 6.2), ("limit_pct", 5.0), ("lost", 62.0), ("expected", 1000.0)];
        let skew = [("audio_late_ms", -60.0), ("limit_ms", 45.0)];
        let cases = [
            (
                found(RuleCode::StreamLoss, None, &loss, Confirmed),
                "码流丢包 6.2 %（限值 5 %，10 秒内丢 62/1000 包）",
                "packet loss 6.2 % (limit 5 %, 62 of 1000 packets in 10 s)",
            ),
            (
                found(RuleCode::StreamLost, Some(Why::Down(DownWhy::Silent)), &[("tries", 2.0)], Confirmed),
                "无图像无声音：已连接但无数据",
                "no picture, no sound: connected, but nothing arrives",
            ),
            (
                found(RuleCode::StreamFreeze, None, &[("block_max", 0.3)], Suspected),
                "图像冻结（疑似，待画面确认）",
                "picture frozen (suspected, pictures to confirm)",
            ),
            (
                found(RuleCode::StreamSkew, None, &skew, Confirmed),
                "音画偏差，声音超前 60 ms（限值 45 ms）",
                "sound and picture apart, sound early 60 ms (limit 45 ms)",
            ),
            (found(RuleCode::StreamLoss, None, &[], Confirmed), "码流丢包", "packet loss"),
        ];
        for (finding, zh, en) in cases {
            assert_eq!(super::finding(&finding, Lang::Zh), zh);
            assert_eq!(super::finding(&finding, Lang::En), en);
        }
    }

    #[test]
    fn every_alarm_says_what_to_do_next() {
        for rule in RuleCode::ALL.iter().copied().filter(|rule| rule.is_stream()) {
            let silent = matches!(rule, RuleCode::StreamStatic | RuleCode::StreamUnavailable);
            let step = finding_step(&found(rule, None, &[], Sure::Confirmed), Lang::Zh);
            assert_eq!(step.is_none(), silent, "{}", rule.code());
        }
    }
}
