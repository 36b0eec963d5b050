//! What a monitor sees, in words: for `vcops probe`, which shows a stream without judging it.

use crate::domain::lang::Lang;
use crate::observation::{Analysis, Reception, Seen};

/// What is seen, with its numbers.
pub fn seen(seen: &Seen, lang: Lang) -> String {
    let word = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    match seen {
        Seen::NoVideo => word("有声音，无图像", "sound without pictures"),
        Seen::NoAudio => word("有图像，无声音", "pictures without sound"),
        Seen::WrongCodec { found } => format!("{} {}", lang.pick("编码不符", "wrong codec"), found.name()),
        Seen::Loss { lost, expected } => {
            format!("{} {lost}/{expected}", lang.pick("丢包", "packets lost"))
        }
        Seen::Jitter { ms } => format!("{} {ms:.0} ms", lang.pick("抖动", "jitter")),
        Seen::LowFps { fps, declared } => {
            format!("{} {fps:.1}/{declared:.0} fps", lang.pick("帧率低", "low frame rate"))
        }
        Seen::LowBitrate { kbps, usual_kbps } => {
            format!("{} {kbps:.0}/{usual_kbps:.0} kbit/s", lang.pick("码率低", "low bitrate"))
        }
        Seen::Corrupt { pictures } => format!("{} {pictures}", lang.pick("坏帧", "damaged pictures")),
        Seen::Freeze { .. } => word("图像冻结", "picture frozen"),
        Seen::Static { .. } => word("画面静止（未冻结）", "nothing moves (not frozen)"),
        Seen::Black { .. } => word("黑屏", "black picture"),
        Seen::Flat { .. } => word("单色画面", "picture of one colour"),
        Seen::Silence { rms_dbfs } => format!("{} {rms_dbfs:.0} dBFS", lang.pick("静音", "silence")),
        Seen::Clipping { tenths } => format!("{} {tenths}/10", lang.pick("声音削顶", "clipping")),
        Seen::Sound { rms_dbfs } => format!("{} {rms_dbfs:.0} dBFS", lang.pick("有人声", "voice")),
        Seen::Skew { audio_late_ms } => {
            format!("{} {audio_late_ms:+.0} ms", lang.pick("音画偏差", "sound against picture"))
        }
        Seen::Transport { indicator, count } => format!("TR 101 290 {indicator} ×{count}"),
    }
}

/// How a stream is received.
pub fn reception(reception: &Reception, lang: Lang) -> String {
    match reception {
        Reception::Connecting => lang.pick("正在连接", "connecting").to_owned(),
        Reception::Flowing => lang.pick("正常接收", "receiving").to_owned(),
        Reception::Down { why, .. } => {
            format!("{}{}", lang.pick("无图像无声音：", "no media: "), super::down(*why, lang))
        }
        Reception::Blind { why } => {
            format!("{}{}", lang.pick("无法监看：", "cannot look: "), super::blind(*why, lang))
        }
    }
}

/// How deeply a stream is looked at.
pub fn analysis(analysis: Analysis, lang: Lang) -> &'static str {
    match analysis {
        Analysis::Keyframes => lang.pick("解码关键帧", "key pictures decoded"),
        Analysis::Continuous => lang.pick("逐帧解码", "every picture decoded"),
        Analysis::Headers => lang.pick("只看包头", "headers only"),
        Analysis::Unavailable => {
            lang.pick("监测中断（解码程序重启）", "analysis unavailable (decoder restarts)")
        }
    }
}
