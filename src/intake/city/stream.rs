//! Streams: what they carry, where they are received, and who watches them.

use crate::domain::id::{AgentId, CredentialId};
use crate::domain::inventory::{Item, PictureKind, SoundKind, Stream, Watcher};
use crate::domain::lang::Text;
use crate::domain::stream::{BadSource, SOURCE_BYTES_MAX, StreamSource};
use crate::intake::fields::{Fields, Reading};
use crate::intake::meeting::Context;
use crate::intake::mistake::Mistake;
use crate::intake::names::id;
use crate::intake::tree::Node;
use crate::intake::value::{parsed, text, whole, word};

/// Most pictures per second that can be agreed.
const FPS_MAX: i64 = 120;

pub(super) fn stream(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let venue = fields.maybe("venue", cx.names.refers());
    let mcu = fields.maybe("mcu", cx.names.refers());
    let role = fields.need("role", word);
    let source = fields.maybe("source", source);
    let credential = fields.maybe("credential", parsed(credential));
    let watcher = fields.or("watcher", Watcher::Hub, parsed(watcher));
    let picture = fields.or("picture", PictureKind::default(), word);
    let sound = fields.or("sound", SoundKind::default(), word);
    let codec = fields.maybe("codec", word);
    let fps = fields.maybe("fps", whole(1..=FPS_MAX));
    if source.is_none() && !fields.has("source") {
        for field in ["credential", "watcher"] {
            if fields.has(field) {
                fields.refuse(fields.place(field), without_source(field));
            }
        }
    }
    if picture == PictureKind::None && sound == SoundKind::None {
        fields.refuse(fields.place("sound"), nothing_left());
    }
    if picture == PictureKind::None && (codec.is_some() || fps.is_some()) {
        let field = if codec.is_some() { "codec" } else { "fps" };
        fields.refuse(fields.place(field), no_picture(field));
    }
    Some(Item::Stream(Stream {
        id: own?,
        name: name?,
        venue,
        mcu,
        role: role?,
        source,
        credential,
        watcher,
        picture,
        sound,
        codec,
        fps,
    }))
}

/// A source may be a whole session description over several lines. What was written is not repeated in a message:
/// it may hold a password.
fn source(reading: &mut Reading, node: &Node) -> Option<StreamSource> {
    let Some(text) = node.as_text() else {
        reading.note(node.at, Mistake::wrong_kind(&Text::new("文字", "text"), &node.value.kind()));
        return None;
    };
    reading.keep(node.at, StreamSource::parse(text.trim()).map_err(bad_source))
}

fn credential(text: &str) -> Result<CredentialId, Mistake> {
    CredentialId::parse(text).map_err(|why| Mistake::bad_id(text, &why))
}

/// The controller itself, or an agent by its id.
fn watcher(text: &str) -> Result<Watcher, Mistake> {
    if matches!(text, "hub" | "主会场" | "本机") {
        return Ok(Watcher::Hub);
    }
    AgentId::parse(text).map(Watcher::Agent).map_err(|why| Mistake::bad_id(text, &why))
}

fn bad_source(why: BadSource) -> Mistake {
    let (kind, what, remedy) = match why {
        BadSource::TooLong => (
            "source_too_long",
            Text::new(
                format!("码流地址超过 {SOURCE_BYTES_MAX} 字节"),
                format!("the source has more than {SOURCE_BYTES_MAX} bytes"),
            ),
            Text::new("删去 SDP 中用不到的行", "drop the lines of the SDP that are not needed"),
        ),
        BadSource::Protocol => (
            "source_protocol",
            Text::new("码流地址的协议无法接收", "the source has no protocol that can be received"),
            Text::new(
                "可用 rtsp://、rtp://、udp://、srt://、rtmp://、http(s)://（HLS）或 sdp:",
                "use rtsp://, rtp://, udp://, srt://, rtmp://, http(s):// (HLS) or sdp:",
            ),
        ),
        BadSource::Host => (
            "source_host",
            Text::new("码流地址缺少主机", "the source names no host"),
            Text::new("写法如 rtsp://10.43.1.5/live", "write it like rtsp://10.43.1.5/live"),
        ),
        BadSource::Address => (
            "source_address",
            Text::new(
                "rtp:// 和 udp:// 要写数字地址和端口",
                "rtp:// and udp:// take a numeric address and a port",
            ),
            Text::new("写法如 udp://239.1.1.1:5004", "write it like udp://239.1.1.1:5004"),
        ),
        BadSource::Secret => (
            "source_secret",
            Text::new("码流地址中不能写用户名和口令", "user name and password must not stand in the source"),
            Text::new(
                "从地址中删去，写入监测程序的设置，这里用 credential 写其名称",
                "take them out, put them into the watcher's settings and name them here as credential",
            ),
        ),
        BadSource::Character => (
            "source_character",
            Text::new("码流地址中有空格或控制字符", "the source holds blanks or control characters"),
            Text::new("删去它们", "remove them"),
        ),
    };
    Mistake::new(kind, what, remedy)
}

fn without_source(field: &str) -> Mistake {
    Mistake::new(
        "without_source",
        Text::new(format!("没有 source，{field} 无意义"), format!("{field} means nothing without a source")),
        Text::new(format!("写上 source，或删去 {field}"), format!("give the source, or remove {field}")),
    )
}

fn nothing_left() -> Mistake {
    Mistake::new(
        "nothing_to_watch",
        Text::new(
            "既无图像又无声音，没有可监测的",
            "with neither picture nor sound there is nothing to watch",
        ),
        Text::new("改正 picture 或 sound", "correct picture or sound"),
    )
}

fn no_picture(field: &str) -> Mistake {
    Mistake::new(
        "no_picture",
        Text::new(format!("无图像的码流不能有 {field}"), format!("a stream without pictures has no {field}")),
        Text::new(format!("删去 {field}，或改正 picture"), format!("remove {field}, or correct picture")),
    )
}
