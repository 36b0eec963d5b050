//! The closed lists that files choose from, each word in Chinese and English.

use super::mistake::Mistake;
use crate::domain::check::{ConfirmItem, RoomItem};
use crate::domain::fault::{FaultClass, Severity};
use crate::domain::inventory::{
    Consent, ContactRole, EndpointProtocol, EquipmentKind, LinkKind, LinkRole, MeetingClass, MeetingOwner,
    NetworkAttribute, Phase, PictureKind, SoundKind, StreamRole, SupportLevel, TelephoneKind,
};
use crate::domain::mcu::Interface;
use crate::domain::notice::Urgency;
use crate::domain::plan::{
    Confirm, Overdue, Post, Remedy, Rung, SubjectKind, SwitchBack, TellTo, Until, VenuePart, Verify,
};
use crate::domain::stream::VideoCodec;

/// A value that files name by a word.
pub trait Word: Copy + 'static {
    /// Each value with its words, the machine word first.
    const WORDS: &'static [(Self, &'static [&'static str])];

    /// The value of a word; letter case does not matter.
    fn read(text: &str) -> Result<Self, Mistake> {
        let wanted = text.to_lowercase();
        let known = |words: &[&str]| words.iter().any(|word| *word == wanted);
        let found = Self::WORDS.iter().find(|(_, words)| known(words));
        found.map(|(value, _)| *value).ok_or_else(|| {
            let all: Vec<&str> = Self::WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
            Mistake::unknown_word(text, &all)
        })
    }
}

macro_rules! words {
    ($($noun:ident { $($value:ident: $($word:literal)|+,)+ })+) => {
        $(impl Word for $noun {
            const WORDS: &'static [(Self, &'static [&'static str])] = &[$((Self::$value, &[$($word),+]),)+];
        })+
    };
}

words! {
    LinkKind {
        Leased: "leased" | "专线",
        Vpn: "vpn" | "虚拟专网",
        Cellular4g: "cellular4g" | "4g",
        Cellular5g: "cellular5g" | "5g",
        Isdn: "isdn",
    }
    LinkRole {
        Primary: "primary" | "主用" | "主",
        Backup: "backup" | "备用" | "备",
    }
    NetworkAttribute {
        Intranet: "intranet" | "内网",
        Extranet: "extranet" | "外网",
        Internet: "internet" | "互联网",
        Vpdn: "vpdn",
    }
    Consent {
        EachTime: "each_time" | "每次征得同意",
        Standing: "standing" | "长期许可",
    }
    ContactRole {
        A: "a" | "a角",
        B: "b" | "b角",
    }
    TelephoneKind {
        Landline: "landline" | "座机",
        Mobile: "mobile" | "手机",
    }
    EndpointProtocol {
        Sip: "sip",
        H323: "h323" | "h.323",
    }
    EquipmentKind {
        Ups: "ups" | "不间断电源",
        AirConditioning: "air_conditioning" | "空调",
        Sensor: "sensor" | "传感器",
        Server: "server" | "服务器",
        Generator: "generator" | "发电机",
        Recorder: "recorder" | "录播机",
        Other: "other" | "其他",
    }
    Interface {
        Janus: "janus",
        SipRtpengine: "sip_rtpengine",
        Sip: "sip",
        Pexip: "pexip",
        Cms: "cms",
        Smc3: "smc3" | "smc 3.0",
        Rmx: "rmx",
        Kedacom: "kedacom" | "科达",
        Zte: "zte" | "中兴",
        Te: "te" | "box",
        Roomos: "roomos",
        Snmp: "snmp",
        Prometheus: "prometheus",
        Json: "json",
    }
    StreamRole {
        Venue: "venue" | "会场",
        Mix: "mix" | "合成画面",
        Content: "content" | "辅流",
        MainHall: "main_hall" | "主会场输出",
        Recorder: "recorder" | "录播",
        Output: "output" | "直播",
    }
    PictureKind {
        Camera: "camera" | "摄像机",
        Slides: "slides" | "课件" | "文稿",
        None: "none" | "无",
    }
    SoundKind {
        Expected: "expected" | "应有",
        Optional: "optional" | "可有可无",
        None: "none" | "无",
    }
    VideoCodec {
        H264: "h264" | "h.264" | "avc",
        H265: "h265" | "h.265" | "hevc",
    }
    MeetingClass {
        General: "general" | "一般",
        Important: "important" | "重要",
        NoRetention: "no_retention" | "不得留存",
    }
    MeetingOwner {
        Own: "own" | "本级会议" | "本级",
        Superior: "superior" | "上级会议" | "上级",
    }
    RoomItem {
        NetworkControl: "network_control" | "网络控制",
        PublicAddress: "public_address" | "扩声",
        Lighting: "lighting" | "灯光",
        Discussion: "discussion" | "讨论",
        DisplayCamera: "display_camera" | "显示摄像",
        Led: "led" | "led屏",
        Ups: "ups" | "不间断电源",
        Spares: "spares" | "备品备件",
        Materials: "materials" | "材料播放",
    }
    ConfirmItem {
        Picture: "picture" | "图像",
        Sound: "sound" | "声音",
        Echo: "echo" | "回声",
        Framing: "framing" | "取景",
        Banner: "banner" | "会标",
        Background: "background" | "背景",
    }
    SupportLevel {
        Routine: "routine" | "一般保障",
        Important: "important" | "重要保障",
        Highest: "highest" | "特级保障",
    }
    Phase {
        Planned: "planned" | "未到会前",
        DayBefore: "day_before" | "会前一天",
        HourBefore: "hour_before" | "会前1小时",
        RollCall: "roll_call" | "点名",
        Live: "live" | "会中",
        Over: "over" | "散会",
    }
    FaultClass {
        McuDown: "mcu_down" | "mcu故障" | "f1",
        LinkLost: "link_lost" | "线路中断" | "f2",
        LinkDegraded: "link_degraded" | "线路质量下降" | "f3",
        EndpointFault: "endpoint_fault" | "终端故障或掉线" | "f4",
        Picture: "picture" | "图像异常" | "f5",
        Sound: "sound" | "声音异常" | "f6",
        Power: "power" | "停电" | "f7",
        PlatformLost: "platform_lost" | "平台失联" | "f8",
        VenueUnready: "venue_unready" | "会场未就绪" | "f9",
        Drift: "drift" | "状态不一致" | "f10",
        Intruder: "intruder" | "非法入会" | "f11",
        Security: "security" | "网络安全事件" | "f12",
        OpenMicrophone: "open_microphone" | "未闭麦",
        CommonCause: "common_cause" | "共因故障",
        Environment: "environment" | "机房环境",
    }
    Severity {
        Information: "information" | "提示",
        Warning: "warning" | "告警",
        Severe: "severe" | "严重",
        Critical: "critical" | "紧急",
    }
    SubjectKind {
        Agent: "agent" | "测试机",
        Link: "link" | "线路",
        Trunk: "trunk" | "汇聚链路",
        Region: "region" | "区域",
        Venue: "venue" | "会场",
        Mcu: "mcu",
        Device: "device" | "设备",
        Stream: "stream" | "码流",
        Hub: "hub" | "本端",
    }
    VenuePart {
        MainHall: "main_hall" | "主会场",
        Speaker: "speaker" | "正在发言",
        NextSpeaker: "next_speaker" | "下一发言",
        Branch: "branch" | "分会场",
    }
    Post {
        Operator: "operator" | "值机员",
        Technician: "technician" | "技术员",
        CountyTechnician: "county_technician" | "县技术员",
        Leader: "leader" | "带班领导",
        Manager: "manager" | "科室负责人",
        MainHall: "main_hall" | "主会场联络员",
    }
    Remedy {
        KeyFrame: "key_frame" | "请求关键帧",
        Redial: "redial" | "挂断、重呼" | "重呼",
        DialSpare: "dial_spare" | "呼叫备用终端",
        HangUpSpare: "hang_up_spare" | "挂断备用终端",
        DialStandby: "dial_standby" | "启用备用mcu",
        HangUpStandby: "hang_up_standby" | "备用mcu挂断",
        Mute: "mute" | "闭麦",
        Unmute: "unmute" | "解除闭麦",
        Remove: "remove" | "移出会议",
    }
    Confirm {
        Nobody: "nobody" | "无需",
        One: "one" | "单人",
        Two: "two" | "双人",
    }
    Verify {
        Cleared: "cleared" | "故障消除",
        Flowing: "flowing" | "图像声音恢复",
        Device: "device" | "设备应答",
    }
    Until {
        Cleared: "cleared" | "故障消除",
        MeetingOver: "meeting_over" | "散会",
    }
    TellTo {
        Operators: "operators" | "值机员",
        Leader: "leader" | "带班领导",
        Venues: "venues" | "会场联络人",
        Group: "group" | "工作群",
    }
    Rung {
        Redial: "redial" | "重呼",
        SpareDevice: "spare_device" | "备用终端",
        SecondLink: "second_link" | "第二条线路",
        StandbyMcu: "standby_mcu" | "备用mcu",
        AudioConference: "audio_conference" | "备用电话会议",
        NearestVenue: "nearest_venue" | "就近分会场",
    }
    Overdue {
        Next: "next" | "转下一步",
        Escalate: "escalate" | "升级",
        Ask: "ask" | "询问",
    }
    SwitchBack {
        AfterMeeting: "after_meeting" | "散会后切回",
        Asked: "asked" | "确认后切回",
    }
    Urgency {
        Routine: "routine" | "一般",
        Important: "important" | "重要",
        Urgent: "urgent" | "紧急",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_word_is_the_one_that_is_stored() {
        fn check<W: Word + serde::Serialize>() {
            for (value, words) in W::WORDS {
                assert_eq!(serde_json::to_value(value).unwrap(), words[0]);
                for word in *words {
                    assert_eq!(word.to_lowercase(), *word);
                    assert!(W::read(&word.to_uppercase()).is_ok(), "{word}");
                }
            }
        }
        check::<LinkKind>();
        check::<LinkRole>();
        check::<NetworkAttribute>();
        check::<Consent>();
        check::<TelephoneKind>();
        check::<EndpointProtocol>();
        check::<EquipmentKind>();
        check::<Interface>();
        check::<StreamRole>();
        check::<PictureKind>();
        check::<SoundKind>();
        check::<VideoCodec>();
        check::<MeetingClass>();
        check::<MeetingOwner>();
        check::<RoomItem>();
        check::<ConfirmItem>();
        check::<SupportLevel>();
        check::<Phase>();
        check::<FaultClass>();
        check::<Severity>();
        check::<SubjectKind>();
        check::<VenuePart>();
        check::<Post>();
        check::<Remedy>();
        check::<Confirm>();
        check::<Verify>();
        check::<Until>();
        check::<TellTo>();
        check::<Rung>();
        check::<Overdue>();
        check::<SwitchBack>();
        check::<Urgency>();
    }
}
