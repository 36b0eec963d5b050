//! The closed lists that files choose from, each word in Chinese and English.

use super::mistake::Mistake;
use crate::domain::check::{ConfirmItem, RoomItem};
use crate::domain::inventory::{
    Consent, ContactRole, EndpointProtocol, EquipmentKind, LinkKind, LinkRole, MeetingClass, MeetingOwner,
    NetworkAttribute, PictureKind, SoundKind, StreamRole, TelephoneKind,
};
use crate::domain::mcu::Interface;
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
    }
}
