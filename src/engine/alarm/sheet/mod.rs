//! The sheet of each alarm 告警处置卡: why it comes, what it leads to, what to do, and how soon.
//!
//! An alarm without something to do is no alarm (ISA-18.2, rationalisation): a new rule has its sheet or does not
//! compile.

mod own;

use crate::domain::lang::Lang;
use crate::domain::time::Span;
use crate::engine::finding::RuleCode;

/// What is known of an alarm before it ever comes. Texts: Chinese, English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    cause: [&'static str; 2],
    consequence: [&'static str; 2],
    action: [&'static str; 2],
    /// How soon somebody has to do it, in a meeting.
    pub respond_within: Span,
}

impl Sheet {
    /// What is usually behind it.
    pub fn cause(&self, lang: Lang) -> &'static str {
        lang.pick(self.cause[0], self.cause[1])
    }

    /// What it leads to when nobody does anything.
    pub fn consequence(&self, lang: Lang) -> &'static str {
        lang.pick(self.consequence[0], self.consequence[1])
    }

    /// What to do.
    pub fn action(&self, lang: Lang) -> &'static str {
        lang.pick(self.action[0], self.action[1])
    }
}

const NOW: Span = Span::seconds(30);
const SOON: Span = Span::minutes(1);
const MINUTES: Span = Span::minutes(5);
const TODAY: Span = Span::minutes(4 * 60);

/// The sheet of a rule.
pub fn of(rule: RuleCode) -> Sheet {
    match rule {
        RuleCode::LinkPath => LINK_PATH,
        RuleCode::AccountBreakGlass => ACCOUNT_BREAK_GLASS,
        RuleCode::SelfDisk => own::DISK,
        RuleCode::SelfQueue => own::QUEUE,
        RuleCode::SelfTask => own::TASK,
        RuleCode::SelfLine => own::LINE,
        RuleCode::SelfClock => own::CLOCK,
        RuleCode::SelfJournal => own::JOURNAL,
        RuleCode::SelfNotices => own::NOTICES,
        RuleCode::AgentClock => AGENT_CLOCK,
        RuleCode::AgentDisk => AGENT_DISK,
        RuleCode::AgentTemperature => AGENT_TEMPERATURE,
        RuleCode::AgentMisbehaves => AGENT_MISBEHAVES,
        RuleCode::AgentOffline => AGENT_OFFLINE,
        RuleCode::McuSuspected => MCU_SUSPECTED,
        RuleCode::McuBlind => MCU_BLIND,
        RuleCode::McuDegraded | RuleCode::McuAlarm => MCU_DEGRADED,
        RuleCode::McuCapacity => MCU_CAPACITY,
        RuleCode::McuDiedAfterAction => MCU_DIED_AFTER_ACTION,
        RuleCode::McuNoProof => MCU_NO_PROOF,
        RuleCode::McuDown => MCU_DOWN,
        RuleCode::RosterDrift => ROSTER_DRIFT,
        RuleCode::SiteIntruder => SITE_INTRUDER,
        RuleCode::SiteWrongName => SITE_WRONG_NAME,
        RuleCode::SiteDuplicate => SITE_DUPLICATE,
        RuleCode::SiteNoMedia => SITE_NO_MEDIA,
        RuleCode::SiteLoss => SITE_LOSS,
        RuleCode::SiteMissing => SITE_MISSING,
        RuleCode::DeviceBlind => DEVICE_BLIND,
        RuleCode::DeviceAlarm => DEVICE_ALARM,
        RuleCode::EquipmentReading => EQUIPMENT_READING,
        RuleCode::DeviceDown => DEVICE_DOWN,
        RuleCode::StreamCodec => STREAM_CODEC,
        RuleCode::StreamFps => STREAM_FPS,
        RuleCode::StreamCorrupt => STREAM_CORRUPT,
        RuleCode::StreamFreeze => STREAM_FREEZE,
        RuleCode::StreamStatic => STREAM_STATIC,
        RuleCode::StreamBlack | RuleCode::StreamFlat => STREAM_BLACK,
        RuleCode::StreamNoVideo => STREAM_NO_VIDEO,
        RuleCode::StreamLost => STREAM_LOST,
        RuleCode::StreamOpenMicrophone => STREAM_OPEN_MICROPHONE,
        RuleCode::StreamClipping => STREAM_CLIPPING,
        RuleCode::StreamSkew => STREAM_SKEW,
        RuleCode::StreamSilence => STREAM_SILENCE,
        RuleCode::StreamNoAudio => STREAM_NO_AUDIO,
        RuleCode::StreamUnavailable => STREAM_UNAVAILABLE,
        RuleCode::StreamTransport => STREAM_TRANSPORT,
        RuleCode::StreamBitrate => STREAM_BITRATE,
        RuleCode::StreamLoss | RuleCode::StreamJitter => STREAM_LOSS,
    }
}

const LINK_PATH: Sheet = Sheet {
    cause: ["线路丢包、时延过大或中断", "the line loses, delays or is cut"],
    consequence: ["入会后花屏、断续或掉线", "damaged picture, breaks or a lost call in the meeting"],
    action: [
        "联系运营商排查并复测；不能及时恢复的，改用同网备用线路",
        "have the carrier look and test again; else use the backup line of the same network",
    ],
    respond_within: TODAY,
};

const ACCOUNT_BREAK_GLASS: Sheet = Sheet {
    cause: ["有人用应急账号登录", "somebody signed in with the account for emergencies"],
    consequence: [
        "该账号不属于任何个人，操作难以追责",
        "it belongs to nobody: what is done with it is hard to attribute",
    ],
    action: [
        "核实是谁、为何使用；用完后由安全管理员更换口令并封存，告警随之解除",
        "find out who and why; afterwards the security administrator sets a new password, which ends the alarm",
    ],
    respond_within: MINUTES,
};

const AGENT_CLOCK: Sheet = Sheet {
    cause: ["会场测试机没有对时", "the agent's clock is not synchronised"],
    consequence: ["时延与先后次序不可信", "delays and orders of events cannot be trusted"],
    action: ["检查测试机的 NTP 设置", "check the agent's NTP"],
    respond_within: TODAY,
};

const AGENT_DISK: Sheet = Sheet {
    cause: ["日志或录制占满磁盘", "logs or recordings fill the disk"],
    consequence: ["测试机将停止记录", "the agent will stop recording"],
    action: ["清理磁盘", "free disk space"],
    respond_within: TODAY,
};

const AGENT_TEMPERATURE: Sheet = Sheet {
    cause: ["通风不良或风扇故障", "bad air or a broken fan"],
    consequence: ["测试机可能死机", "the agent may stop"],
    action: ["请会场检查通风", "have the venue look at its air"],
    respond_within: TODAY,
};

const AGENT_MISBEHAVES: Sheet = Sheet {
    cause: ["程序异常，或有人冒充测试机", "a defect, or somebody who poses as the agent"],
    consequence: ["其数据不可信", "what it says cannot be trusted"],
    action: [
        "核对该测试机；可疑的，吊销其密钥并按网络安全事件处理",
        "check the agent; if in doubt revoke its key and treat it as a security event",
    ],
    respond_within: MINUTES,
};

const AGENT_OFFLINE: Sheet = Sheet {
    cause: ["测试机断电、断网或死机", "the agent has no power, no network, or hangs"],
    consequence: [
        "看不到该会场的测量数据；可能是会场停电或线路中断的先兆",
        "the venue is not measured; its power or line may be going",
    ],
    action: [
        "看该会场画面与其他告警；仅测试机离线的，请会场重启测试机",
        "look at the venue's picture and other alarms; if it is the agent alone, have it restarted",
    ],
    respond_within: MINUTES,
};

const MCU_SUSPECTED: Sheet = Sheet {
    cause: ["MCU 或其管理网络出现一个故障迹象", "one sign of trouble of the MCU or its management network"],
    consequence: ["若属实，会议将全部中断", "if true, the whole meeting breaks off"],
    action: ["看会场画面；准备启用备用 MCU", "look at the venues' pictures; make the standby MCU ready"],
    respond_within: NOW,
};

const MCU_BLIND: Sheet = Sheet {
    cause: ["接口地址、口令、证书或管理网络有误", "address, credential, certificate or management network"],
    consequence: [
        "看不到与会状态，不能做影响会议的操作",
        "the roster is not seen, and nothing disruptive may be done",
    ],
    action: ["以会场画面为准；核对接口设置", "trust the pictures; check the interface's settings"],
    respond_within: MINUTES,
};

const MCU_DEGRADED: Sheet = Sheet {
    cause: ["板卡、服务或硬件异常", "a board, a service or hardware"],
    consequence: ["部分会场可能掉线，MCU 可能停机", "some venues may drop, the MCU may stop"],
    action: [
        "登录 MCU 查看并按厂商手册处理；准备备用 MCU",
        "look at the MCU and follow its manual; make the standby ready",
    ],
    respond_within: MINUTES,
};

const MCU_CAPACITY: Sheet = Sheet {
    cause: ["其他会议占用端口，或许可不足", "other conferences or too few licences"],
    consequence: ["部分会场不能入会", "some venues cannot join"],
    action: ["释放多余会议，或降低会议规格", "end other conferences or lower the profile"],
    respond_within: MINUTES,
};

const MCU_DIED_AFTER_ACTION: Sheet = Sheet {
    cause: ["MCU 在一次操作之后停机", "the MCU stopped after it was told to do something"],
    consequence: ["重复同样操作可能再次停机", "the same again may stop it again"],
    action: [
        "不要重复该操作；启用备用 MCU，向厂商报障",
        "do not repeat it; use the standby MCU, report to the maker",
    ],
    respond_within: NOW,
};

const MCU_NO_PROOF: Sheet = Sheet {
    cause: ["MCU 应答，但探测呼叫没有得到音视频", "it answers, but our own call got no media"],
    consequence: ["入会可能有呼叫而无声像", "venues may connect and see and hear nothing"],
    action: [
        "手工呼入一个终端试看；无声像的按 MCU 故障处理",
        "call in by hand; without media treat it as an MCU failure",
    ],
    respond_within: MINUTES,
};

const MCU_DOWN: Sheet = Sheet {
    cause: ["MCU 断电、死机或网络中断", "the MCU has no power, hangs or is cut off"],
    consequence: ["会议全部中断", "the whole meeting breaks off"],
    action: [
        "启用备用 MCU；同时开通备用电话会议",
        "use the standby MCU; open the audio conference meanwhile",
    ],
    respond_within: NOW,
};

const ROSTER_DRIFT: Sheet = Sheet {
    cause: ["名单、地址或会议模板不一致", "roster, addresses or conference template differ"],
    consequence: ["状态判断与操作可能落到别的会场", "states and actions may meet the wrong venue"],
    action: ["核对会议模板与台账", "compare the conference with the inventory"],
    respond_within: MINUTES,
};

const SITE_INTRUDER: Sheet = Sheet {
    cause: ["有未邀请的终端入会", "somebody joined who was not invited"],
    consequence: ["会议内容外泄", "the meeting is overheard"],
    action: [
        "核实身份；无法核实的，移出并锁定会议，上报",
        "find out who; else remove, lock the conference, report",
    ],
    respond_within: NOW,
};

const SITE_WRONG_NAME: Sheet = Sheet {
    cause: ["终端名称设置有误", "the endpoint's name is wrong"],
    consequence: ["点名、切换时选错会场", "the wrong venue is called or switched"],
    action: ["在 MCU 上改名，会后改终端", "rename it on the MCU, and the endpoint later"],
    respond_within: MINUTES,
};

const SITE_DUPLICATE: Sheet = Sheet {
    cause: ["同一会场两次入会", "one venue connected twice"],
    consequence: ["回声，占用端口", "echo, and a port is taken"],
    action: ["确认后挂断多余的一路", "ask, then hang up the one too many"],
    respond_within: MINUTES,
};

const SITE_NO_MEDIA: Sheet = Sheet {
    cause: ["终端静音停发、编解码不通或防火墙拦截", "sending stopped, codecs do not match, or a firewall"],
    consequence: ["该会场看不见或听不见", "the venue is not seen or not heard"],
    action: ["致电会场；挂断、重呼", "call the venue; hang up and redial"],
    respond_within: SOON,
};

const SITE_LOSS: Sheet = Sheet {
    cause: ["线路拥塞或质量下降", "the line is full or has become bad"],
    consequence: ["花屏、断续", "damaged picture, broken sound"],
    action: ["查线路占用；同网备用线路或降速入会", "look for other traffic; backup line or a lower rate"],
    respond_within: SOON,
};

const SITE_MISSING: Sheet = Sheet {
    cause: ["终端掉线、断电或线路中断", "the endpoint dropped, has no power or no line"],
    consequence: ["该会场不能参会", "the venue is not in the meeting"],
    action: [
        "重呼；不通的致电会场，启用备用终端或线路",
        "redial; else call the venue, use the spare endpoint or line",
    ],
    respond_within: SOON,
};

const DEVICE_BLIND: Sheet = Sheet {
    cause: ["接口地址、口令或网络有误", "address, credential or network"],
    consequence: ["看不到设备状态", "its state is not seen"],
    action: ["核对接口设置", "check the interface's settings"],
    respond_within: MINUTES,
};

const DEVICE_ALARM: Sheet = Sheet {
    cause: ["设备自检发现异常", "the device found something itself"],
    consequence: ["设备可能停机", "it may stop"],
    action: ["查看设备告警，按手册处理", "look at its alarms and follow its manual"],
    respond_within: MINUTES,
};

const EQUIPMENT_READING: Sheet = Sheet {
    cause: ["市电、温度、湿度等超限", "mains, temperature or humidity beyond its limit"],
    consequence: [
        "机房设备可能停机；市电中断时电池只够一段时间",
        "equipment may stop; a battery lasts only for a while",
    ],
    action: [
        "到现场检查；停电的，启动发电机并通知供电部门",
        "go and look; without mains start the generator, call the power company",
    ],
    respond_within: MINUTES,
};

const DEVICE_DOWN: Sheet = Sheet {
    cause: ["设备断电、死机或断网", "no power, hangs or is cut off"],
    consequence: ["该设备不可用", "it cannot be used"],
    action: ["到现场查看；换备用设备", "go and look; use the spare"],
    respond_within: SOON,
};

const STREAM_CODEC: Sheet = Sheet {
    cause: ["终端编码设置与约定不符", "the endpoint is set otherwise than agreed"],
    consequence: ["可能无法显示或录制", "it may not be shown or recorded"],
    action: ["核对终端编码后重呼", "set its coding and redial"],
    respond_within: MINUTES,
};

const STREAM_FPS: Sheet = Sheet {
    cause: ["终端负载过高或线路不足", "the endpoint is overloaded or the line too small"],
    consequence: ["画面不连贯", "the picture jerks"],
    action: ["降速入会，或重启终端", "lower the rate, or restart the endpoint"],
    respond_within: MINUTES,
};

const STREAM_CORRUPT: Sheet = Sheet {
    cause: ["丢包或编码器故障", "packet loss or a broken encoder"],
    consequence: ["画面花屏", "the picture is damaged"],
    action: [
        "请求关键帧；持续的，查线路或重呼",
        "ask for a key frame; if it lasts, look at the line or redial",
    ],
    respond_within: SOON,
};

const STREAM_FREEZE: Sheet = Sheet {
    cause: ["摄像机、视频源或编码器停住", "camera, source or encoder stopped"],
    consequence: ["会场看似正常，实为静止画面", "the venue looks well and is a still picture"],
    action: ["致电会场确认；请求关键帧，不行则重呼", "ask the venue; key frame, else redial"],
    respond_within: SOON,
};

const STREAM_STATIC: Sheet = Sheet {
    cause: ["画面本来静止，或视频源停住", "nothing moves there, or the source stopped"],
    consequence: ["可能漏看冻结", "a freeze may be missed"],
    action: ["人工看一眼该会场", "have a look at the venue"],
    respond_within: MINUTES,
};

const STREAM_BLACK: Sheet = Sheet {
    cause: ["镜头盖、摄像机断电或视频源选错", "lens cap, camera without power, or the wrong source"],
    consequence: ["看不到该会场", "the venue is not seen"],
    action: ["致电会场检查摄像机与视频源", "have the venue check camera and source"],
    respond_within: SOON,
};

const STREAM_NO_VIDEO: Sheet = Sheet {
    cause: ["视频被停发或视频源断开", "video is not sent or the source is off"],
    consequence: ["有声无像", "heard and not seen"],
    action: ["致电会场检查视频源；重呼", "have the venue check its source; redial"],
    respond_within: SOON,
};

const STREAM_LOST: Sheet = Sheet {
    cause: ["终端掉线、断电或线路中断", "the endpoint dropped, has no power or no line"],
    consequence: ["看不见也听不见该会场", "the venue is neither seen nor heard"],
    action: [
        "先看是否多个会场同时中断；仅一个的，挂断、重呼",
        "look whether others broke off too; else hang up and redial",
    ],
    respond_within: NOW,
};

const STREAM_OPEN_MICROPHONE: Sheet = Sheet {
    cause: ["听会会场没有关闭话筒", "a venue that listens left its microphone open"],
    consequence: ["杂音进入全场", "its noise is heard by all"],
    action: ["通知闭麦，或在 MCU 上静音", "have it closed, or mute it on the MCU"],
    respond_within: NOW,
};

const STREAM_CLIPPING: Sheet = Sheet {
    cause: ["话筒或调音台增益过高", "microphone or mixer turned up too far"],
    consequence: ["声音刺耳失真", "harsh, distorted sound"],
    action: ["请会场调低增益", "have the gain turned down"],
    respond_within: SOON,
};

const STREAM_SKEW: Sheet = Sheet {
    cause: ["编码器或终端时钟异常", "encoder or endpoint clock"],
    consequence: ["口型与声音对不上", "lips and sound do not match"],
    action: ["挂断、重呼", "hang up and redial"],
    respond_within: MINUTES,
};

const STREAM_SILENCE: Sheet = Sheet {
    cause: ["话筒未开、静音或调音台输出断开", "microphone off, muted, or the mixer's output is off"],
    consequence: ["发言听不见", "the speaker is not heard"],
    action: ["立即致电会场开麦；换备用话筒", "call the venue at once; spare microphone"],
    respond_within: NOW,
};

const STREAM_NO_AUDIO: Sheet = Sheet {
    cause: ["音频被停发或音频输入断开", "sound is not sent or the input is off"],
    consequence: ["有像无声", "seen and not heard"],
    action: ["致电会场检查音频输入；重呼", "have the venue check its input; redial"],
    respond_within: SOON,
};

const STREAM_UNAVAILABLE: Sheet = Sheet {
    cause: [
        "监测主机过载、进程重启或设置有误",
        "the monitoring host is overloaded, restarts or is set wrongly",
    ],
    consequence: ["该路画面无人自动看守", "nobody watches this stream by machine"],
    action: ["以人工查看为准；检查监测主机", "watch by eye; check the monitoring host"],
    respond_within: MINUTES,
};

const STREAM_TRANSPORT: Sheet = Sheet {
    cause: ["编码器或传输设备异常", "encoder or transport equipment"],
    consequence: ["解码端可能花屏或中断", "decoders may show damage or stop"],
    action: ["检查编码器与传输链路", "check encoder and transport"],
    respond_within: MINUTES,
};

const STREAM_BITRATE: Sheet = Sheet {
    cause: ["终端降速或线路受限", "the endpoint slowed down or the line is throttled"],
    consequence: ["画面模糊，可能即将中断", "the picture blurs and may break off"],
    action: ["查线路与终端；必要时重呼", "check line and endpoint; redial if need be"],
    respond_within: MINUTES,
};

const STREAM_LOSS: Sheet = Sheet {
    cause: ["线路拥塞或质量下降", "the line is full or has become bad"],
    consequence: ["花屏、断续，可能掉线", "damage, breaks, perhaps a lost call"],
    action: [
        "查线路占用；同网备用线路或降速入会",
        "look for other traffic; backup line of the same network or a lower rate",
    ],
    respond_within: SOON,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_whole_sheet_of_its_own_kind() {
        for rule in RuleCode::ALL {
            let sheet = of(*rule);
            for [zh, en] in [sheet.cause, sheet.consequence, sheet.action] {
                assert!(!zh.is_empty() && en.is_ascii() && !en.is_empty(), "{}", rule.code());
            }
            assert!(sheet.respond_within >= NOW && sheet.respond_within <= TODAY, "{}", rule.code());
        }
        assert_eq!(of(RuleCode::McuDown).respond_within, NOW);
        assert_eq!(of(RuleCode::AgentDisk).respond_within, TODAY);
        assert!(of(RuleCode::McuDown).action(Lang::Zh).contains("备用 MCU"));
        assert_eq!(of(RuleCode::StreamLost).cause(Lang::Zh), of(RuleCode::SiteMissing).cause(Lang::Zh));
    }
}
