//! What SMC 3.0 pushes: the bodies of its messages, read into our words. Total; knows no line.
//!
//! The body of `…/realTimeInfo` is the only source of the quality of a site's media. Its units are not documented:
//! rates are taken as kbit/s, losses as percent, jitter and round trip as milliseconds. To be checked on site.

use serde_json::Value;

use super::reply::{self, Off};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::fault::Fault;
use crate::mcu::fields::{flag, json, list, number, text, whole};
use crate::observation::device::{Absent, Flow, Given, Medium, StreamSample, Way};

/// Most conferences or sites that are read of one message.
const ROWS_MAX: usize = 4096;
/// More pictures a second are no measurement.
const FPS_MAX: f64 = 65.0;

/// Something that was pushed.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// A conference began, ended or was called off.
    Stage {
        /// Which.
        conference: ConferenceRef,
        /// Whether it is on now.
        online: bool,
    },
    /// Something about a conference as a whole changed.
    State(ConferenceRef),
    /// Sites of a conference changed.
    Sites(ConferenceRef),
    /// The media of a site were measured.
    Media {
        /// In which conference.
        conference: ConferenceRef,
        /// At which site.
        site: ParticipantRef,
        /// The measurement, as pushed.
        measured: Measured,
    },
}

/// What was measured at a site, before it is known what of it is switched off.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured(Value);

/// Reads a message. `about` is the conference of its topic, if it has one. A message that says nothing known is no
/// fault: newer versions push more.
pub fn news(about: Option<&ConferenceRef>, body: &[u8]) -> Result<Vec<News>, Fault> {
    let value = json(body)?;
    if let Some(stages) = list(&value, "conferenceStages") {
        return Ok(stages.iter().take(ROWS_MAX).filter_map(stage).collect());
    }
    let Some(conference) =
        about.cloned().or_else(|| text(&value, "conferenceId").map(|id| ConferenceRef::new(&id)))
    else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    if let Some(measured) = value.get("realTimeInfo").filter(|measured| measured.is_object())
        && let Some(site) = text(&value, "participantId")
    {
        let (site, measured) = (ParticipantRef::new(&site), Measured(measured.clone()));
        found.push(News::Media { conference: conference.clone(), site, measured });
    }
    if value.get("changeList").is_some() {
        found.push(News::Sites(conference.clone()));
    }
    if value.get("state").is_some() {
        found.push(News::State(conference));
    }
    Ok(found)
}

fn stage(row: &Value) -> Option<News> {
    let conference = ConferenceRef::new(&text(row, "conferenceId")?);
    Some(News::Stage { conference, online: text(row, "stage")?.eq_ignore_ascii_case("online") })
}

/// The conference of a topic: `/topic/conferences/{id}` and what is below it. `None` for the topic of all.
pub fn conference_of(topic: &str) -> Option<ConferenceRef> {
    let id = topic.strip_prefix("/topic/conferences/")?.split('/').next()?;
    Some(id).filter(|id| !id.is_empty() && *id != "status").map(ConferenceRef::new)
}

impl Measured {
    /// As samples: `send` is what the site sends, `receive` what it receives. What the site does not tell of one
    /// direction is left out.
    pub fn samples(&self, off: Off) -> Vec<StreamSample> {
        let rtt = self.0.get("rttRealTimeInfo").unwrap_or(&Value::Null);
        let ways = [("sendRealTimeInfo", Way::FromSite), ("receiveRealTimeInfo", Way::ToSite)];
        let told = ways.into_iter().filter_map(|(name, way)| Some((self.0.get(name)?, way)));
        told.filter(|(info, _)| info.is_object())
            .flat_map(|(info, way)| direction(info, rtt, way, off))
            .collect()
    }
}

fn direction(info: &Value, rtt: &Value, way: Way, off: Off) -> Vec<StreamSample> {
    let audio_off = match way {
        Way::FromSite => off.mute,
        Way::ToSite => off.quiet,
    };
    let audio = Names { prefix: "audio", medium: Medium::Audio, off: audio_off };
    let video = Names { prefix: "video", medium: Medium::Video, off: way == Way::FromSite && off.picture };
    let mut samples = vec![sample(info, rtt, way, &audio), sample(info, rtt, way, &video)];
    if flag(info, "openAux") == Some(true) {
        // An open channel for content carries nothing while nobody shows any.
        let idle = figure(info, "auxBandWidth") == Given::Value(0.0);
        samples.push(sample(info, rtt, way, &Names { prefix: "aux", medium: Medium::Content, off: idle }));
    }
    samples
}

struct Names {
    prefix: &'static str,
    medium: Medium,
    off: bool,
}

fn sample(info: &Value, rtt: &Value, way: Way, names: &Names) -> StreamSample {
    let get = |suffix: &str| figure(info, &format!("{}{suffix}", names.prefix));
    let kbps = get("BandWidth");
    let flow = match kbps.value() {
        _ if names.off => Flow::Paused,
        Some(kbps) if kbps > 0.0 => Flow::Flowing,
        Some(_) => Flow::NoMedia { since: None },
        None => Flow::Unknown,
    };
    let nothing = kbps == Given::Value(0.0);
    let moved = |figure| if nothing { Given::Absent(Absent::NothingMoved) } else { figure };
    let mut sample = StreamSample::bare(names.medium, way, flow);
    sample.codec = codec(info, names);
    sample.kbps = kbps;
    sample.loss_pct = moved(within(get("Loss"), 100.0));
    sample.jitter_ms = moved(get("Jitter"));
    sample.rtt_ms = figure(rtt, &format!("{}Rtt", names.prefix));
    if names.medium != Medium::Audio {
        sample.fps = match get("FrameRate") {
            Given::Value(0.0) => Given::Absent(Absent::Sentinel),
            found @ (Given::Value(_) | Given::Absent(_)) => within(found, FPS_MAX),
        };
        (sample.width, sample.height) = size(whole(info, &format!("{}Resolution", names.prefix)));
    }
    sample
}

fn codec(info: &Value, names: &Names) -> Option<String> {
    let code = whole(info, &format!("{}Protocol", names.prefix)).filter(|code| *code >= 0)?;
    Some(if names.medium == Medium::Audio { reply::audio_codec(code) } else { reply::video_codec(code) })
}

/// Width and height of a code for the size of a picture. 480p is documented by its lines alone.
fn size(code: Option<i64>) -> (Given<u32>, Given<u32>) {
    let none = Given::Absent(Absent::NotProvided);
    let (width, height) = match code {
        Some(2) => (176, 144),
        Some(3) => (352, 288),
        Some(4) => (704, 576),
        Some(12) => return (none, Given::Value(480)),
        Some(13 | 14) => (1280, 720),
        Some(16 | 17) => (1920, 1080),
        Some(18) => (640, 360),
        Some(30) => (3840, 2160),
        Some(255) => return (Given::Absent(Absent::Sentinel), Given::Absent(Absent::Sentinel)),
        Some(_) | None => return (none, none),
    };
    (Given::Value(width), Given::Value(height))
}

fn figure(value: &Value, name: &str) -> Given<f64> {
    match (value.get(name), number(value, name)) {
        (None | Some(Value::Null), _) => Given::Absent(Absent::NotProvided),
        (Some(_), None) => Given::Absent(Absent::Sentinel),
        (Some(_), Some(figure)) if figure < 0.0 => Given::Absent(Absent::Sentinel),
        (Some(_), Some(figure)) => Given::Value(figure),
    }
}

fn within(figure: Given<f64>, most: f64) -> Given<f64> {
    match figure {
        Given::Value(figure) if figure > most => Given::Absent(Absent::OutOfRange),
        found @ (Given::Value(_) | Given::Absent(_)) => found,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn media(realtime: &str, off: Off) -> Vec<StreamSample> {
        let body = format!("{{\"participantId\":\"p1\",\"realTimeInfo\":{realtime}}}");
        let found = news(Some(&ConferenceRef::new("c1")), body.as_bytes()).unwrap();
        match found.as_slice() {
            [News::Media { measured, .. }] => measured.samples(off),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_site_sends_is_from_the_site() {
        let realtime = r#"{"sendRealTimeInfo":{"videoBandWidth":1920,"videoLoss":1.5,"videoJitter":4,
            "videoFrameRate":30,"videoResolution":13,"videoProtocol":4,"audioBandWidth":64,"audioLoss":0,
            "audioJitter":2,"audioProtocol":7,"openAux":false},"rttRealTimeInfo":{"videoRtt":40,"audioRtt":39}}"#;
        let samples = media(realtime, Off::default());
        let [audio, video] = samples.as_slice() else { panic!("{samples:?}") };
        assert_eq!((video.medium, video.way, video.flow), (Medium::Video, Way::FromSite, Flow::Flowing));
        assert_eq!((video.width, video.height), (Given::Value(1280), Given::Value(720)));
        assert_eq!((video.kbps, video.loss_pct), (Given::Value(1920.0), Given::Value(1.5)));
        assert_eq!((video.rtt_ms, audio.rtt_ms), (Given::Value(40.0), Given::Value(39.0)));
        assert_eq!(video.codec.as_deref(), Some("H.264 HP"));
        assert_eq!(audio.width, Given::Absent(Absent::NotProvided));
    }

    #[test]
    fn nothing_that_moves_has_no_loss_and_sentinels_are_absent() {
        let realtime = r#"{"receiveRealTimeInfo":{"videoBandWidth":0,"videoLoss":0,"videoResolution":255,
            "videoFrameRate":-1,"audioBandWidth":"","audioLoss":300,"openAux":true,"auxBandWidth":0}}"#;
        let samples = media(realtime, Off::default());
        let [audio, video, content] = samples.as_slice() else { panic!("{samples:?}") };
        assert_eq!(video.flow, Flow::NoMedia { since: None });
        assert_eq!(video.loss_pct, Given::Absent(Absent::NothingMoved));
        assert_eq!(video.width, Given::Absent(Absent::Sentinel));
        assert_eq!(video.fps, Given::Absent(Absent::Sentinel));
        assert_eq!((audio.flow, audio.kbps), (Flow::Unknown, Given::Absent(Absent::Sentinel)));
        assert_eq!(audio.loss_pct, Given::Absent(Absent::OutOfRange));
        assert_eq!((content.medium, content.flow), (Medium::Content, Flow::Paused));
    }

    #[test]
    fn what_is_switched_off_is_paused_on_its_own_side() {
        let both = r#"{"sendRealTimeInfo":{"videoBandWidth":0,"audioBandWidth":0},
            "receiveRealTimeInfo":{"videoBandWidth":0,"audioBandWidth":0}}"#;
        let paused = |off: Off| {
            let samples = media(both, off);
            let paused = samples.iter().filter(|sample| sample.flow == Flow::Paused);
            paused.map(|sample| (sample.medium, sample.way)).collect::<Vec<_>>()
        };
        let cases = [
            (Off { mute: true, ..Off::default() }, (Medium::Audio, Way::FromSite)),
            (Off { quiet: true, ..Off::default() }, (Medium::Audio, Way::ToSite)),
            (Off { picture: true, ..Off::default() }, (Medium::Video, Way::FromSite)),
        ];
        for (off, wanted) in cases {
            assert_eq!(paused(off), [wanted], "{off:?}");
        }
    }

    #[test]
    fn a_topic_names_its_conference_and_a_message_what_changed() {
        assert_eq!(conference_of("/topic/conferences/status"), None);
        assert_eq!(
            conference_of("/topic/conferences/c1/participants/groups/9"),
            Some(ConferenceRef::new("c1"))
        );
        let about = ConferenceRef::new("c1");
        let read = |body: &str| news(Some(&about), body.as_bytes());
        let began = r#"{"conferenceStages":[{"stage":"ONLINE","conferenceId":"c2"},{"stage":"CANCEL"}]}"#;
        let stage = News::Stage { conference: ConferenceRef::new("c2"), online: true };
        assert_eq!(read(began).unwrap(), [stage]);
        assert_eq!(read(r#"{"changeList":[],"type":3}"#).unwrap(), [News::Sites(about.clone())]);
        assert_eq!(read(r#"{"state":{"lock":true}}"#).unwrap(), [News::State(about.clone())]);
        assert_eq!(read(r#"{"something":"new"}"#).unwrap(), []);
        assert!(read("{").is_err());
    }

    proptest! {
        #[test]
        fn any_figures_are_read_or_absent(figure in "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,3})?|null|\"\"|\"--\"|true|\\[\\]") {
            let names = ["BandWidth", "Loss", "Jitter", "FrameRate", "Resolution", "Protocol"];
            let fields: Vec<String> = names.iter().map(|name| format!("\"video{name}\":{figure}")).collect();
            let realtime = format!("{{\"sendRealTimeInfo\":{{{}}}}}", fields.join(","));
            for sample in media(&realtime, Off::default()) {
                prop_assert!(sample.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
                prop_assert!(sample.fps.value().is_none_or(|fps| fps > 0.0 && fps <= FPS_MAX));
            }
        }
    }
}
