//! What rtpengine says of a call, out of the bencode of `query` and `list`. Pure and total.
//!
//! Directions, as recorded from 10.5.3 with senders and reports of known content: a stream's `stats` count what came
//! from its tag; a media's flag `recv` says that the tag is to send, `send` that it is to receive; the table `SSRC`
//! files an RTCP report under the SSRC of who reports, so it says how that tag receives.

use std::collections::BTreeMap;

use super::bencode::Value;
use crate::domain::mcu::bounded;
use crate::observation::device::{Medium, ROSTER_MAX};

/// Most media that are read of one tag.
const MEDIA_MAX: usize = 16;

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRead {
    /// When it was made, seconds since 1970 by rtpengine's clock.
    pub created: Option<i64>,
    /// Its sides, at most [`ROSTER_MAX`].
    pub tags: Vec<TagRead>,
}

/// One side of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct TagRead {
    /// Its SIP tag.
    pub tag: String,
    /// The name that the proxy gave it, if it gave one.
    pub label: Option<String>,
    /// The tags that it receives from.
    pub hears: Vec<String>,
    /// Its media that are sound or pictures.
    pub media: Vec<MediaRead>,
}

/// One medium of one side.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaRead {
    /// Its place in the session description, from 1.
    pub index: i64,
    /// Which medium. The second of two pictures counts as content: rtpengine does not say which is.
    pub medium: Medium,
    /// Codec with its clock, as `PCMA/8000`.
    pub codec: Option<String>,
    /// Whether the side is to send.
    pub sends: bool,
    /// Whether the side is to receive.
    pub receives: bool,
    /// Where its packets come from, `address:port`.
    pub endpoint: Option<String>,
    /// What came from it.
    pub came: Came,
    /// How it says that it receives, from its newest RTCP report.
    pub report: Option<Report>,
}

/// RTP packets that came from a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Came {
    /// Their source; changes when the side begins anew.
    pub ssrc: Option<i64>,
    /// Port at which they arrive.
    pub port: i64,
    /// Packets.
    pub packets: i64,
    /// Bytes with RTP heads.
    pub bytes: i64,
    /// Packets that could not be relayed.
    pub errors: i64,
    /// When the last came, seconds since 1970 by rtpengine's clock. A stream without any packet has its creation here.
    pub last: Option<i64>,
}

/// What a side reports on what it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// When, seconds since 1970 by rtpengine's clock.
    pub at: i64,
    /// Loss since its report before, percent.
    pub loss_pct: i64,
    /// Jitter, milliseconds.
    pub jitter_ms: i64,
    /// Round trip to whom it hears, microseconds; absent until both have reported.
    pub rtt_us: Option<i64>,
    /// Packets lost since the beginning.
    pub lost: Option<i64>,
}

/// Why an answer is not what `query` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an answer to query without tags")]
pub struct NotACall;

impl CallRead {
    /// Reads the answer to `query`.
    ///
    /// # Errors
    /// When it has no tags.
    pub fn of(answer: &Value) -> Result<Self, NotACall> {
        if !matches!(answer.get("tags"), Some(Value::Dictionary(_))) {
            return Err(NotACall);
        }
        let reports = reports(answer);
        let tags = answer.pairs("tags").take(ROSTER_MAX);
        let tags = tags.map(|(key, value)| TagRead::of(key, value, &reports)).collect();
        Ok(Self { created: answer.number("created"), tags })
    }

    /// The side with this tag.
    pub fn tag(&self, tag: &str) -> Option<&TagRead> {
        self.tags.iter().find(|side| side.tag == tag)
    }
}

/// Call-ids out of the answer to `list`, at most [`ROSTER_MAX`].
pub fn calls(answer: &Value) -> Vec<String> {
    let ids = answer.items("calls").iter().filter_map(Value::as_str);
    ids.filter(|id| id.len() == bounded(id).len()).take(ROSTER_MAX).map(str::to_owned).collect()
}

/// Calls that are relayed now, out of the answer to `statistics`.
pub fn sessions(answer: &Value) -> Option<i64> {
    let now = answer.get("statistics")?.get("currentstatistics")?;
    now.number("sessionstotal").or_else(|| now.number("sessionsown")).filter(|count| *count >= 0)
}

impl TagRead {
    fn of(key: &[u8], value: &Value, reports: &BTreeMap<i64, Report>) -> Self {
        let tag = value.str("tag").map_or_else(|| String::from_utf8_lossy(key).into_owned(), str::to_owned);
        let hears = value.items("subscriptions").iter().filter_map(|item| item.str("tag"));
        let mut pictures = 0;
        let media = value.items("medias").iter().take(MEDIA_MAX).filter_map(|media| {
            let medium = medium(media.str("type")?, &mut pictures)?;
            Some(MediaRead::of(media, medium, reports))
        });
        Self {
            tag: bounded(&tag).to_owned(),
            label: value
                .str("label")
                .filter(|label| !label.is_empty())
                .map(|label| bounded(label).to_owned()),
            hears: hears.take(MEDIA_MAX).map(|tag| bounded(tag).to_owned()).collect(),
            media: media.collect(),
        }
    }
}

fn medium(kind: &str, pictures: &mut usize) -> Option<Medium> {
    match kind {
        "audio" => Some(Medium::Audio),
        "video" => {
            *pictures += 1;
            Some(if *pictures == 1 { Medium::Video } else { Medium::Content })
        }
        _ => None,
    }
}

impl MediaRead {
    fn of(media: &Value, medium: Medium, reports: &BTreeMap<i64, Report>) -> Self {
        let streams = media.items("streams");
        let rtp = streams.iter().find(|stream| flag(stream, "RTP")).or_else(|| streams.first());
        let came = rtp.map(Came::of).unwrap_or_default();
        Self {
            index: media.number("index").unwrap_or(0),
            medium,
            codec: media.str("codec").map(|codec| bounded(codec).to_owned()),
            sends: flag(media, "recv"),
            receives: flag(media, "send"),
            endpoint: rtp.and_then(|stream| endpoint(stream.get("endpoint")?)),
            report: came.ssrc.and_then(|ssrc| reports.get(&ssrc).copied()),
            came,
        }
    }
}

impl Came {
    fn of(stream: &Value) -> Self {
        let count = |name: &str| stream.get("stats").and_then(|stats| stats.number(name)).unwrap_or(0).max(0);
        Self {
            ssrc: stream.number("SSRC"),
            port: stream.number("local port").unwrap_or(0),
            packets: count("packets"),
            bytes: count("bytes"),
            errors: count("errors"),
            last: stream.number("last packet").filter(|at| *at > 0),
        }
    }
}

fn flag(value: &Value, name: &str) -> bool {
    value.items("flags").iter().any(|flag| flag.as_str() == Some(name))
}

fn endpoint(value: &Value) -> Option<String> {
    let (address, port) = (value.str("address")?, value.number("port")?);
    let written =
        if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") };
    Some(bounded(&written).to_owned())
}

/// The newest report of each reporter: of the whole call, or where a newer version files them, of each tag.
fn reports(answer: &Value) -> BTreeMap<i64, Report> {
    let of_tags = answer.pairs("tags").flat_map(|(_, tag)| tag.pairs("SSRC"));
    let all = answer.pairs("SSRC").chain(of_tags).take(ROSTER_MAX);
    let read = all.filter_map(|(key, entry)| {
        let ssrc = std::str::from_utf8(key).ok()?.parse().ok()?;
        Some((ssrc, Report::of(entry)?))
    });
    read.collect()
}

impl Report {
    fn of(entry: &Value) -> Option<Self> {
        let newest = entry.get("MOS progression")?.items("entries").last()?;
        Some(Self {
            at: newest.number("reported at")?,
            loss_pct: newest.number("packet loss")?,
            jitter_ms: newest.number("jitter")?,
            rtt_us: newest.number("round-trip time").filter(|rtt| *rtt > 0),
            lost: entry.number("cumulative loss"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REPORTS: &[u8] = include_bytes!("../../../tests/data/mcu/rtpengine/query_reports.bencode");
    const HELD: &[u8] = include_bytes!("../../../tests/data/mcu/rtpengine/query_held.bencode");
    const PLAIN: &str = include_str!("../../../tests/data/mcu/rtpengine/query_plain.json");

    fn recorded(bytes: &[u8]) -> CallRead {
        CallRead::of(&Value::parse(bytes).unwrap()).unwrap()
    }

    /// The recordings in JSON have the same shape.
    fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Number(number) => Value::Number(number.as_i64().unwrap()),
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::List(items.iter().map(from_json).collect()),
            Json::Object(pairs) => Value::Dictionary(
                pairs.iter().map(|(key, value)| (key.clone().into_bytes(), from_json(value))).collect(),
            ),
            Json::Null | Json::Bool(_) => panic!("bencode has no such value"),
        }
    }

    #[test]
    fn a_call_without_reports_has_counts_and_nothing_else() {
        let call = CallRead::of(&from_json(&serde_json::from_str(PLAIN).unwrap())).unwrap();
        let sides: Vec<_> =
            call.tags.iter().map(|side| (side.tag.as_str(), side.hears[0].as_str())).collect();
        assert_eq!(sides, [("a", "b"), ("b", "a")]);
        let sound = &call.tag("a").unwrap().media[0];
        let came = Came {
            ssrc: Some(1),
            port: 40_022,
            packets: 225,
            bytes: 38_700,
            errors: 0,
            last: Some(1_795_332_456),
        };
        assert_eq!((sound.came, sound.report, sound.medium), (came, None, Medium::Audio));
        assert_eq!(
            (sound.codec.as_deref(), sound.endpoint.as_deref()),
            (Some("PCMA/8000"), Some("127.0.0.1:41000"))
        );
        assert!(sound.sends && sound.receives);
    }

    /// The side with SSRC 77 reported a loss of 25/256 and a jitter of 40 ticks of 8 kHz on what it received.
    #[test]
    fn a_report_is_about_what_its_author_receives() {
        let call = recorded(REPORTS);
        let caller = call.tag("1").unwrap().media[0].report.unwrap();
        assert_eq!(
            (caller.loss_pct, caller.jitter_ms, caller.rtt_us, caller.lost),
            (9, 5, Some(1297), Some(10))
        );
        let echo = call.tag("25ea620593671ba3").unwrap().media[0].report.unwrap();
        assert_eq!((echo.loss_pct, echo.jitter_ms, echo.rtt_us), (4, 0, Some(710)));
    }

    /// The caller offered `sendonly`.
    #[test]
    fn who_is_not_meant_to_send_is_told_from_who_does_not() {
        let call = recorded(HELD);
        let ways: Vec<_> =
            call.tags.iter().map(|side| (side.media[0].sends, side.media[0].receives)).collect();
        assert_eq!(ways, [(true, false), (false, true)]);
    }

    #[test]
    fn lists_and_counts_are_read() {
        let list = Value::parse(b"d5:callsl2:c13:c 2i3ee6:result2:oke").unwrap();
        assert_eq!(calls(&list), ["c1", "c 2"]);
        let statistics = b"d10:statisticsd17:currentstatisticsd13:sessionstotali2eeee";
        assert_eq!(sessions(&Value::parse(statistics).unwrap()), Some(2));
        assert_eq!(sessions(&list), None);
        assert_eq!(CallRead::of(&list), Err(NotACall));
    }

    proptest! {
        #[test]
        fn a_damaged_answer_is_read_without_panic(at in 0..REPORTS.len(), byte: u8, end in 0..REPORTS.len()) {
            let mut bytes = REPORTS.to_vec();
            bytes[at] = byte;
            for bytes in [&bytes[..], &bytes[..end]] {
                if let Ok(value) = Value::parse(bytes) {
                    let _ = (CallRead::of(&value), calls(&value), sessions(&value));
                }
            }
        }
    }
}
