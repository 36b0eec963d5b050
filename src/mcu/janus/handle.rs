//! What Janus tells of one handle: the place where its plugin says who is there and its core says what flows.
//!
//! `handle_info` of the admin interface, Janus 1.1.2. Times in it (`created`, `agent-created`) are microseconds of a
//! monotonic clock: they tell two calls apart and nothing else.

use serde_json::Value;

use super::name::{Id, Plugin, Room};
use super::reply::{self, LANES_MAX, flag, medium, text, whole};
use crate::domain::mcu::bounded;
use crate::mcu::fault::Fault;
use crate::observation::device::Medium;

/// One handle as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct HandleInfo {
    /// Whose it is.
    pub role: Role,
    /// Whether the participant is muted at the bridge.
    pub muted: Option<bool>,
    /// Whether a call is up; `None` where there is no call, as with plain RTP.
    pub ready: Option<bool>,
    /// Tells two calls on one handle apart.
    pub call: Option<u64>,
    /// Plain RTP instead of a call.
    pub plain: Option<PlainRtp>,
    /// Packets that wait for the mixer. Janus leaves the field out when none waits.
    pub queue_in: Option<u64>,
    /// The queue is only being filled: nothing of it is mixed, and it stays as it is when nothing more comes.
    pub filling: bool,
    /// The media lines of a call.
    pub lines: Vec<MediaLine>,
}

/// Whose a handle is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A participant that sends, and in an AudioBridge hears the mix.
    Participant {
        /// Where.
        room: Room,
        /// Who.
        party: Id,
        /// The name that is shown.
        name: String,
        /// Ties what it watches to it, in a VideoRoom.
        private: Option<u64>,
    },
    /// What a participant of a VideoRoom watches.
    Viewer {
        /// Where.
        room: Room,
        /// Who watches; `None` when it does not say, which is its right.
        private: Option<u64>,
    },
    /// Was in a room, or is not yet in one.
    Idle {
        /// Of which plugin.
        plugin: Plugin,
        /// Who it was last.
        party: Option<Id>,
    },
    /// Of no concern here.
    Other,
}

/// How a plain RTP participant is connected. RTP must come from exactly the remote address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainRtp {
    /// Where Janus listens.
    pub local_port: Option<u16>,
    /// Address of the site.
    pub remote_ip: String,
    /// Port of the site.
    pub remote_port: u16,
}

/// A media line of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaLine {
    /// Its name in the call.
    pub mid: String,
    /// Sound or pictures.
    pub medium: Medium,
    /// Codec.
    pub codec: Option<String>,
    /// What the site sends, if it may.
    pub from_site: Option<LineStats>,
    /// What the site gets, if it may.
    pub to_site: Option<LineStats>,
}

/// The counters of one direction of a media line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LineStats {
    /// SSRC; another one is another stream.
    pub ssrc: u64,
    /// Packets.
    pub packets: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// Bytes in the last second.
    pub bytes_lastsec: Option<u64>,
    /// Lost packets; signed.
    pub lost: Option<i64>,
    /// Jitter, milliseconds.
    pub jitter_ms: Option<u64>,
    /// Round trip, milliseconds; 0 says that it is not known.
    pub rtt_ms: Option<u64>,
}

/// Reads `handle_info`.
pub fn handle_info(value: &Value) -> Result<HandleInfo, Fault> {
    let info = value.get("info").filter(|info| info.is_object());
    let info = info.ok_or_else(|| Fault::Shape("no info of the handle".into()))?;
    let own = &info["plugin_specific"];
    Ok(HandleInfo {
        role: role(text(info, "plugin").and_then(Plugin::from_package), own),
        muted: flag(own, "muted"),
        ready: info.get("webrtc").and(info.get("flags")).and_then(|flags| flag(flags, "ready")),
        call: whole(info, "agent-created"),
        plain: plain(&own["plain-rtp"]),
        queue_in: whole(own, "queue-in"),
        filling: flag(own, "pre-buffering") == Some(true),
        lines: lines(&info["webrtc"]["media"]),
    })
}

fn role(plugin: Option<Plugin>, own: &Value) -> Role {
    let Some(plugin) = plugin else { return Role::Other };
    let room = Id::read(own.get("room")).map(|id| Room { plugin, id });
    let party = Id::read(own.get("id"));
    // Zero stands for "does not say".
    let private = whole(own, "private_id").filter(|private| *private != 0);
    match (plugin, room, text(own, "type")) {
        (Plugin::VideoRoom, Some(room), Some("subscriber")) => Role::Viewer { room, private },
        (_, Some(room), _) => match party {
            Some(party) => Role::Participant { room, party, name: name(own), private },
            None => Role::Idle { plugin, party: None },
        },
        (_, None, _) => Role::Idle { plugin, party },
    }
}

fn name(own: &Value) -> String {
    bounded(text(own, "display").unwrap_or_default()).to_owned()
}

fn plain(value: &Value) -> Option<PlainRtp> {
    let port =
        |field| whole(value, field).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    Some(PlainRtp {
        local_port: port("local-port"),
        remote_ip: bounded(text(value, "remote-ip")?).to_owned(),
        remote_port: port("remote-port")?,
    })
}

fn lines(media: &Value) -> Vec<MediaLine> {
    let media = media.as_object().map(|media| media.values().take(LANES_MAX));
    media.into_iter().flatten().filter_map(line).collect()
}

fn line(value: &Value) -> Option<MediaLine> {
    let may = |way| flag(&value["direction"], way).unwrap_or(true);
    Some(MediaLine {
        mid: bounded(text(value, "mid")?).to_owned(),
        medium: medium(text(value, "type")?)?,
        codec: text(&value["codecs"], "codec").map(|codec| bounded(codec).to_owned()),
        from_site: may("recv").then(|| arrived(value)),
        to_site: may("send").then(|| left(value)),
    })
}

/// To Janus, what comes in is what the site sends.
fn arrived(value: &Value) -> LineStats {
    let rtcp = &value["rtcp"]["main"];
    LineStats {
        ssrc: whole(&value["ssrc"], "ssrc-peer").unwrap_or_default(),
        lost: rtcp.get("lost").and_then(Value::as_i64),
        jitter_ms: whole(rtcp, "jitter-local"),
        rtt_ms: whole(rtcp, "rtt"),
        ..counters(&value["stats"]["in"])
    }
}

fn left(value: &Value) -> LineStats {
    let rtcp = &value["rtcp"]["main"];
    LineStats {
        ssrc: whole(&value["ssrc"], "ssrc").unwrap_or_default(),
        lost: rtcp.get("lost-by-remote").and_then(Value::as_i64),
        jitter_ms: whole(rtcp, "jitter-remote"),
        rtt_ms: whole(rtcp, "rtt"),
        ..counters(&value["stats"]["out"])
    }
}

fn counters(stats: &Value) -> LineStats {
    LineStats {
        packets: whole(stats, "packets"),
        bytes: whole(stats, "bytes"),
        bytes_lastsec: whole(stats, "bytes_lastsec"),
        ..LineStats::default()
    }
}

/// Reads the statistics that are pushed each period: the same figures under other names. `None` for what is no such
/// event.
pub fn pushed_line(event: &Value) -> Option<MediaLine> {
    let both = |way: &str| LineStats {
        packets: whole(event, &format!("packets-{way}")),
        bytes: whole(event, &format!("bytes-{way}")),
        bytes_lastsec: whole(event, &format!("bytes-{way}-lastsec")),
        rtt_ms: whole(event, "rtt"),
        ..LineStats::default()
    };
    let signed = |field| event.get(field).and_then(Value::as_i64);
    let arrived =
        LineStats { lost: signed("lost"), jitter_ms: whole(event, "jitter-local"), ..both("received") };
    let left = LineStats {
        lost: signed("lost-by-remote"),
        jitter_ms: whole(event, "jitter-remote"),
        ..both("sent")
    };
    let moved = |stats: &LineStats| stats.packets.is_some_and(|packets| packets > 0);
    arrived.packets.or(left.packets)?;
    Some(MediaLine {
        mid: bounded(text(event, "mid")?).to_owned(),
        medium: reply::medium(text(event, "media")?)?,
        codec: text(event, "codec").map(|codec| bounded(codec).to_owned()),
        // The direction is not pushed: a line on which nothing ever moved may be one that is not used.
        from_site: moved(&arrived).then_some(arrived),
        to_site: moved(&left).then_some(left),
    })
}
