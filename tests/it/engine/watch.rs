//! Monitors in virtual time: each told stream is reported at once when something changes, and each second.

use std::collections::BTreeMap;

use vcops::domain::id::{AgentId, StreamId};
use vcops::domain::inventory::{Change, Item};
use vcops::domain::stream::VideoCodec;
use vcops::domain::time::{Span, Utc};
use vcops::engine::effect::Outcome;
use vcops::engine::finding::{FindingKey, RuleCode, Subject};
use vcops::engine::input::Command;
use vcops::observation::{
    Analysis, BlindWhy, Detection, DownWhy, Evidence, Fact, Reception, Seen, Source, StreamReport, Sure,
    TransportFigures,
};

use super::world::World;

/// Streams that somebody watches, as they are now.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    told: BTreeMap<String, Told>,
}

#[derive(Debug, Clone)]
struct Told {
    by: Source,
    report: StreamReport,
    /// Whether its monitor says anything at all.
    speaks: bool,
}

impl Watch {
    pub(crate) fn is_empty(&self) -> bool {
        self.told.values().all(|told| !told.speaks)
    }
}

impl World {
    /// Tells what happens to streams; false when it is about something else.
    pub(crate) fn tell_streams(&mut self, words: &[&str]) -> bool {
        match words {
            ["mcu", id] => self.mcu(id),
            ["stream", id, role, rest @ ..] => self.stream(id, role, rest),
            ["flows", names @ ..] => self.each(names, |report, now| {
                report.reception = Reception::Flowing;
                report.since = now;
            }),
            ["down", why, names @ ..] => {
                let why: DownWhy = word(why);
                // The monitor's own clock has run for 0.7 s by then.
                self.each(names, |report, now| {
                    report.reception = Reception::Down { why, tries: 1 };
                    report.since = now - Span::millis(700);
                    report.detections.clear();
                });
            }
            ["blind", why, names @ ..] => {
                let why: BlindWhy = word(why);
                self.each(names, |report, _| report.reception = Reception::Blind { why });
            }
            ["analysis", how, names @ ..] => {
                let how: Analysis = word(how);
                self.each(names, |report, _| {
                    report.analysis = how;
                    if how == Analysis::Unavailable {
                        report.detections.retain(|detection| header(&detection.seen));
                    }
                });
            }
            ["sees", name, what, rest @ ..] => self.sees(name, what, rest),
            ["good", names @ ..] => self.each(names, |report, _| report.detections.clear()),
            ["quiet", names @ ..] => names.iter().for_each(|name| {
                self.watch.told.get_mut(*name).expect("told").speaks = false;
            }),
            ["late", name, what] => self.late(name, what),
            ["stranger", name, what] => self.stranger(name, what),
            _ => return false,
        }
        true
    }

    /// Every report that is due each second.
    pub(crate) fn reports(&mut self) {
        let names: Vec<String> = self.watch.told.keys().cloned().collect();
        names.iter().for_each(|name| self.report(name));
    }

    pub(crate) fn finding(&self, rule: &str, stream: &str) -> Option<&vcops::engine::state::Finding> {
        let rule = RuleCode::ALL.iter().copied().find(|code| code.code() == format!("stream.{rule}"));
        let subject = Subject::Stream(StreamId::parse(stream).unwrap());
        self.state.durable.findings.get(&FindingKey { rule: rule.expect("a rule"), subject })
    }

    fn mcu(&mut self, id: &str) {
        let mcu = serde_json::json!({"mcu": {"id": id, "name": format!("{id} 号"), "region": "city",
            "model": "示例", "network": "extranet"}});
        let mut meeting = self.state.durable.inventory.meetings.values().next().unwrap().clone();
        meeting.mcu = Some(id.parse().unwrap());
        self.put(vec![serde_json::from_value(mcu).unwrap(), Item::Meeting(meeting)]);
    }

    fn stream(&mut self, id: &str, role: &str, rest: &[&str]) {
        let mut stream = serde_json::json!({"id": id, "name": id, "role": role,
            "source": format!("rtsp://10.0.0.1/{id}")});
        let mut by = Source::Hub;
        for word in rest {
            match word.split_once('=') {
                Some(("by", agent)) => {
                    stream["watcher"] = serde_json::json!({"agent": agent});
                    by = Source::Agent(AgentId::parse(agent).unwrap());
                }
                Some((field, value)) => stream[field] = value.into(),
                None => panic!("{word} is no field"),
            }
        }
        self.put(vec![serde_json::from_value(serde_json::json!({"stream": stream})).unwrap()]);
        self.watches(id, by);
    }

    /// A stream of the inventory is watched; its monitor says nothing yet.
    pub(crate) fn watches(&mut self, id: &str, by: Source) {
        let report = StreamReport {
            stream: id.parse().unwrap(),
            reception: Reception::Connecting,
            since: self.now.utc,
            video: None,
            audio: None,
            transport: TransportFigures::default(),
            detections: Vec::new(),
            analysis: Analysis::Keyframes,
        };
        self.watch.told.insert(id.to_owned(), Told { by, report, speaks: false });
    }

    pub(crate) fn put(&mut self, items: Vec<Item>) {
        let base = self.state.durable.inventory.version;
        let changes = items.into_iter().map(Change::Put).collect();
        let outcome = self.command(Command::SubmitInventory { base, changes, origin: "story".to_owned() });
        assert_eq!(outcome, Outcome::Version(base + 1));
    }

    /// `sees NAME WHAT [NUMBER] [suspected] [pictures] [since SECONDS]`.
    fn sees(&mut self, name: &str, what: &str, rest: &[&str]) {
        let number = rest.iter().find_map(|word| word.parse::<f64>().ok());
        let sure = if rest.contains(&"suspected") { Sure::Suspected } else { Sure::Confirmed };
        let ago = rest.iter().find_map(|word| word.strip_prefix('-')?.strip_suffix("ms")?.parse().ok());
        let hash = |digit: &str| Some(digit.repeat(64));
        let pictures = Evidence { before: hash("a"), after: hash("b") };
        let evidence = rest.contains(&"pictures").then_some(pictures);
        self.each(&[name], |report, now| {
            let seen = seen(what, number);
            let known = report.detections.iter().position(|detection| detection.seen.code() == seen.code());
            let since =
                known.map_or(now - Span::millis(ago.unwrap_or(900)), |at| report.detections[at].since);
            known.map(|at| report.detections.remove(at));
            report.detections.push(Detection { seen, since, sure, evidence: evidence.clone() });
        });
    }

    /// A report from before the newest one arrives.
    fn late(&mut self, name: &str, what: &str) {
        let told = self.watch.told[name].clone();
        let mut report = told.report;
        let since = self.now.utc - Span::seconds(5);
        report.detections =
            vec![Detection { seen: seen(what, None), since, sure: Sure::Confirmed, evidence: None }];
        self.observe_out_of_order(told.by, Fact::StreamSeen { report: Box::new(report) });
    }

    /// Somebody else than the inventory names reports on a stream.
    fn stranger(&mut self, name: &str, what: &str) {
        let mut report = self.watch.told[name].report.clone();
        let since = self.now.utc - Span::seconds(5);
        report.detections =
            vec![Detection { seen: seen(what, None), since, sure: Sure::Confirmed, evidence: None }];
        for by in [Source::Hub, Source::Agent(AgentId::parse("hall").unwrap())] {
            self.observe(by, Fact::StreamSeen { report: Box::new(report.clone()) });
        }
    }

    fn each(&mut self, names: &[&str], change: impl Fn(&mut StreamReport, Utc)) {
        let now = self.now.utc;
        for name in names {
            let told = self.watch.told.get_mut(*name).expect("the stream is there");
            told.speaks = true;
            change(&mut told.report, now);
            self.report(name);
        }
    }

    fn report(&mut self, name: &str) {
        let Some(told) = self.watch.told.get(name).filter(|told| told.speaks).cloned() else { return };
        self.observe(told.by, Fact::StreamSeen { report: Box::new(told.report) });
    }
}

/// What is told by headers alone.
fn header(seen: &Seen) -> bool {
    matches!(seen, Seen::Loss { .. } | Seen::Jitter { .. } | Seen::LowFps { .. } | Seen::Corrupt { .. })
}

fn seen(what: &str, number: Option<f64>) -> Seen {
    let level = |usual: f64| number.unwrap_or(usual) as f32;
    match what {
        "no_video" => Seen::NoVideo,
        "no_audio" => Seen::NoAudio,
        "wrong_codec" => Seen::WrongCodec { found: VideoCodec::H265 },
        "loss" => Seen::Loss { lost: number.unwrap_or(1.0) as u64, expected: 1_000 },
        "jitter" => Seen::Jitter { ms: number.unwrap_or(40.0) },
        "low_fps" => Seen::LowFps { fps: number.unwrap_or(12.0), declared: 25.0 },
        "low_bitrate" => Seen::LowBitrate { kbps: number.unwrap_or(200.0), usual_kbps: 1_800.0 },
        "corrupt" => Seen::Corrupt { pictures: number.unwrap_or(12.0) as u64 },
        "freeze" => Seen::Freeze { block_max: level(0.4), effort_drop: 2.1 },
        "static" => Seen::Static { block_max: level(0.9) },
        "black" => Seen::Black { luma_p98: 8, luma_sd: 0.6 },
        "flat" => Seen::Flat { luma_mean: 41.0, luma_sd: 0.3 },
        "silence" => Seen::Silence { rms_dbfs: level(-91.0) },
        "clipping" => Seen::Clipping { tenths: 6 },
        "sound" => Seen::Sound { rms_dbfs: level(-31.5) },
        "skew" => Seen::Skew { audio_late_ms: number.unwrap_or(140.0) },
        "transport" => Seen::Transport { indicator: "1.4".to_owned(), count: 7 },
        other => panic!("nobody sees {other}"),
    }
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap()
}
