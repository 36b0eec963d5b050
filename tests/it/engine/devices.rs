//! Devices in virtual time: what each says now is said again each second.

use std::collections::BTreeMap;

use vcops::domain::inventory::Item;
use vcops::domain::mcu::{ConferenceRef, ParticipantRef};
use vcops::domain::time::Span;
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::input::Command;
use vcops::observation::action::{Action, ActionOutcome, ActionReport, Step, Verified};
use vcops::observation::call::{
    CallBroke, CallFailed, CallFigures, CallOutcome, Lane, ProofFigures, ProofOutcome, SeenBy,
};
use vcops::observation::device::{
    Absent, Blindness, Capacity, CapacityUnit, ConferenceSeen, Device, DeviceAlarm, DeviceReport, Flow,
    Given, Medium, NodeHealth, Presence, Service, Sight, Signal, SiteSeen, StreamSample, Way,
};
use vcops::observation::{Fact, Misbehaviour, Source};

use super::world::World;

/// The conference of the example meeting.
const ROOM: &str = "全市视频会议";

impl World {
    /// Tells what devices do and what they are told; `None` when it is about something else.
    pub(crate) fn tell_devices(&mut self, words: &[&str]) -> Option<Outcome> {
        match words {
            ["bridge", id] => self.bridge(id, "mcu"),
            ["standby", id] => self.bridge(id, "standby_mcu"),
            ["codecs", venues @ ..] => venues.iter().for_each(|venue| self.codec(venue)),
            ["roster", id, sites @ ..] => {
                let sites = sites.iter().map(|site| site_of(site)).collect();
                self.said(id, |report| {
                    report.sight = Sight::Seen;
                    report.conferences[0].present = sites;
                });
            }
            ["gone", id] => {
                let signals = [Signal::Interface, Signal::Events];
                self.said(id, |report| report.sight = Sight::Down { signals });
            }
            ["suspected", id] => {
                self.said(id, |report| report.sight = Sight::Suspected { signal: Signal::Interface })
            }
            ["unseen", id] => {
                self.said(id, |report| report.sight = Sight::Blind { why: Blindness::Auth });
            }
            ["region", id, venues @ ..] => self.region(id, venues),
            ["ups", id, place, minutes] => self.ups(id, place, minutes.parse().unwrap()),
            ["mute_device", id] => {
                self.devices.remove(*id);
            }
            ["act", id, what, whom] => return Some(self.act(id, what, whom, (false, None))),
            ["act_as", request, id, what, whom] => {
                return Some(self.act(id, what, whom, (false, Some(request))));
            }
            ["dry_run", id, what, whom] => return Some(self.act(id, what, whom, (true, None))),
            ["reported", how] => self.reported(how),
            ["decide", happened] => {
                let key = self.last_order();
                return Some(self.command(Command::DecideAction { key, happened: *happened == "happened" }));
            }
            ["thaw", why @ ..] => {
                let freeze = self.state.durable.frozen.first().expect("something is frozen").clone();
                return Some(self.command(Command::ThawAction { freeze, why: why.join(" ") }));
            }
            ["codec", how] => self.called(how),
            _ => return self.tell_equipment(words),
        }
        Some(Outcome::Done)
    }

    /// Tells what devices say of themselves, and what proofs come to; `None` when it is about something else.
    fn tell_equipment(&mut self, words: &[&str]) -> Option<Outcome> {
        match words {
            ["equipment", id, kind] => self.equipment(id, kind),
            ["controlled", id, venue] => self.controlled(id, venue),
            ["back", id] => self.said(id, |report| report.sight = Sight::Seen),
            ["reading", id, name, value] => {
                let value = value.parse().map_or(Given::Absent(Absent::Sentinel), Given::Value);
                self.said(id, |report| {
                    report.readings.insert((*name).to_owned(), value);
                });
            }
            ["service", id, service] => self.said(id, |report| {
                report.health.as_mut().expect("it tells").service = word(service);
            }),
            ["version", id, version] => self.said(id, |report| {
                report.health.as_mut().expect("it tells").version = Some((*version).to_owned());
            }),
            ["alarms", id, alarms @ ..] => {
                let alarms = alarms.iter().map(|alarm| alarm_of(alarm)).collect();
                self.said(id, |report| report.alarms = alarms);
            }
            ["ports", id, total, used] => {
                let given = |text: &str| Given::Value(text.parse().unwrap());
                let (what, unit) = ("video".to_owned(), CapacityUnit::Ports);
                let ports = Capacity { what, unit, total: given(total), used: given(used) };
                self.said(id, |report| report.capacity = vec![ports]);
            }
            ["invites", id, sites @ ..] => {
                let sites = sites.iter().map(|site| site_of(site)).collect();
                self.said(id, |report| report.conferences[0].expected = Some(sites));
            }
            ["proved", id, how] => self.proved(id, how),
            ["misbehaves", agent] => {
                let what = Misbehaviour::Forged;
                self.observe(Source::Agent(agent.parse().unwrap()), Fact::Misbehaved { what, count: 3 });
            }
            _ => return None,
        }
        Some(Outcome::Done)
    }

    /// Every device says again what it said last.
    pub(crate) fn devices_say(&mut self) {
        let reports: Vec<DeviceReport> = self.devices.values().cloned().collect();
        reports.into_iter().for_each(|report| {
            self.observe(Source::Hub, Fact::DeviceSeen { report: Box::new(report) });
        });
    }

    fn bridge(&mut self, id: &str, part: &str) {
        let control = serde_json::json!({"interface": "janus", "address": "http://10.0.0.1:8088/janus"});
        let mcu = serde_json::json!({"mcu": {"id": id, "name": format!("{id} 号"), "region": "city",
            "model": "示例", "network": "extranet", "control": control}});
        let meeting = self.state.durable.inventory.meetings.values().next().unwrap();
        let mut meeting = serde_json::to_value(meeting).unwrap();
        meeting[part] = id.into();
        let meeting = serde_json::json!({"meeting": meeting});
        self.put([mcu, meeting].map(|item| serde_json::from_value(item).unwrap()).into());
        let health = NodeHealth {
            service: Service::Up,
            load_pct: Given::Absent(Absent::NotProvided),
            uptime: Given::Value(Span::minutes(60)),
            version: Some("1.1.2".to_owned()),
            boot: None,
            clock_skew_ms: Given::Absent(Absent::NotProvided),
            nodes: Vec::new(),
        };
        let room = ConferenceSeen {
            conference: ConferenceRef::new("1234"),
            name: ROOM.to_owned(),
            expected: None,
            present: Vec::new(),
            complete: true,
            at: self.now.utc,
        };
        let report = DeviceReport {
            device: Device::Mcu(id.parse().unwrap()),
            sight: Sight::Unknown,
            since: self.now.utc,
            health: Some(health),
            capacity: Vec::new(),
            alarms: Vec::new(),
            conferences: vec![room],
            readings: BTreeMap::new(),
            died_after: None,
        };
        self.devices.insert(id.to_owned(), report);
    }

    /// Something in the machine room that is asked by SNMP and can be seen.
    fn equipment(&mut self, id: &str, kind: &str) {
        let control = serde_json::json!({"interface": "snmp", "address": "10.0.0.9"});
        let item = serde_json::json!({"equipment": {"id": id, "name": format!("{id} 号"), "region": "city",
            "kind": kind, "control": control}});
        self.put(vec![serde_json::from_value(item).unwrap()]);
        let report = self.bare(Device::Equipment(id.parse().unwrap()));
        self.devices.insert(id.to_owned(), report);
    }

    /// A codec that is asked itself and can be seen.
    fn controlled(&mut self, id: &str, venue: &str) {
        let control = serde_json::json!({"interface": "te", "address": "http://10.1.0.8"});
        let endpoint = serde_json::json!({"endpoint": {"id": id, "venue": venue, "name": format!("{venue}终端"),
            "protocol": "sip", "address": format!("sip:{id}@10.1.0.8"), "control": control}});
        self.put(vec![serde_json::from_value(endpoint).unwrap()]);
        let report = self.bare(Device::Endpoint(id.parse().unwrap()));
        self.devices.insert(id.to_owned(), report);
    }

    /// Seen, and nothing more.
    fn bare(&self, device: Device) -> DeviceReport {
        DeviceReport {
            device,
            sight: Sight::Seen,
            since: self.now.utc,
            health: None,
            capacity: Vec::new(),
            alarms: Vec::new(),
            conferences: Vec::new(),
            readings: BTreeMap::new(),
            died_after: None,
        }
    }

    /// The proof of an MCU that runs now comes to this.
    fn proved(&mut self, id: &str, how: &str) {
        let known = &self.state.picture.proofs[&id.parse().unwrap()];
        let (test, _) = known.running.expect("a proof runs");
        let joined = |picture| {
            let CallFigures { setup_ms, lanes, .. } = figures(2048.0, picture);
            ProofOutcome::Joined(Box::new(ProofFigures { setup_ms, delay_ms: Given::Value(80.0), lanes }))
        };
        let outcome = match how {
            "good" => joined(Flow::Flowing),
            "dark" => joined(Flow::NoMedia { since: None }),
            "silent" => ProofOutcome::NotJoined(CallFailed::NoAnswer),
            "broke" => ProofOutcome::Broke(CallBroke::TimedOut),
            "not_provided" => ProofOutcome::NotProvided,
            other => panic!("no proof comes to {other}"),
        };
        self.observe(Source::Hub, Fact::Proved { test, outcome });
    }

    /// A part of the city, and the venues that lie in it.
    fn region(&mut self, id: &str, venues: &[&str]) {
        let region = serde_json::json!({"region": {"id": id, "name": id, "parent": "city"}});
        let mut items = vec![serde_json::from_value(region).unwrap()];
        for venue in venues {
            let mut venue = self.state.durable.inventory.venues[&venue.parse().unwrap()].clone();
            venue.region = id.parse().unwrap();
            items.push(Item::Venue(venue));
        }
        self.put(items);
    }

    /// A power supply of a venue, or of a region's machine room, says how many minutes it has left.
    fn ups(&mut self, id: &str, place: &str, minutes: f64) {
        if !self.devices.contains_key(id) {
            let mut equipment = serde_json::json!({"id": id, "name": "UPS", "region": "city", "kind": "ups"});
            let at = if self.state.durable.inventory.regions.keys().any(|region| region.as_str() == place) {
                "region"
            } else {
                "venue"
            };
            equipment[at] = place.into();
            self.put(vec![serde_json::from_value(serde_json::json!({"equipment": equipment})).unwrap()]);
        }
        let report = DeviceReport {
            device: Device::Equipment(id.parse().unwrap()),
            sight: Sight::Seen,
            since: self.now.utc,
            health: None,
            capacity: Vec::new(),
            alarms: Vec::new(),
            conferences: Vec::new(),
            readings: BTreeMap::from([("ups_minutes_left".to_owned(), Given::Value(minutes))]),
            died_after: None,
        };
        self.devices.insert(id.to_owned(), report.clone());
        self.observe(Source::Hub, Fact::DeviceSeen { report: Box::new(report) });
    }

    fn codec(&mut self, venue: &str) {
        let endpoint = serde_json::json!({"endpoint": {"id": format!("e-{venue}"), "venue": venue,
            "name": format!("{venue}终端"), "protocol": "sip", "address": format!("sip:{venue}@10.1.0.1")}});
        self.put(vec![serde_json::from_value(endpoint).unwrap()]);
    }

    fn said(&mut self, id: &str, change: impl FnOnce(&mut DeviceReport)) {
        let now = self.now.utc;
        let report = self.devices.get_mut(id).expect("the device is there");
        let before = report.sight;
        change(report);
        if report.sight != before {
            report.since = now;
        }
        report.conferences.iter_mut().for_each(|room| room.at = now);
        let report = Box::new(report.clone());
        self.observe(Source::Hub, Fact::DeviceSeen { report });
    }

    fn act(&mut self, id: &str, what: &str, whom: &str, (dry_run, request): (bool, Option<&str>)) -> Outcome {
        let (conference, participant) = (ConferenceRef::new("1234"), ParticipantRef::new(whom));
        let action = match what {
            "redial" => Action::Redial { conference, participant },
            "key_frame" => Action::KeyFrame { conference, participant },
            "dial" => {
                let (address, name) = (format!("sip:{whom}"), whom.to_owned());
                Action::Dial { conference, address, name, kbps: None, via: None }
            }
            other => panic!("nobody can {other}"),
        };
        let (device, why) = (Device::Mcu(id.parse().unwrap()), "故事".to_owned());
        self.command(Command::Act { device, action, why, dry_run, request: request.map(str::to_owned) })
    }

    fn last_order(&self) -> vcops::observation::action::ActionKey {
        let orders = self.state.durable.actions.values();
        orders.max_by_key(|record| record.at).expect("something was ordered").order.key.clone()
    }

    fn reported(&mut self, how: &str) {
        let accepted = ActionOutcome::Accepted { handle: None };
        let ended = |outcome, verified| Step::Ended { outcome, verified };
        let step = match how {
            "told" => Step::Told { outcome: accepted },
            "worked" => ended(accepted, Verified::Worked),
            "unknown" => ended(ActionOutcome::Unknown, Verified::CannotTell),
            other => panic!("nothing is reported as {other}"),
        };
        let report = ActionReport { key: self.last_order(), step };
        self.observe(Source::Hub, Fact::ActionReported { report });
    }

    /// The oldest call that was ordered and has no end yet ends like this.
    fn called(&mut self, how: &str) {
        let test = *self.state.durable.calls.keys().next().expect("a codec is called");
        let outcome = match how {
            "good" => CallOutcome::Measured(Box::new(figures(2048.0, Flow::Flowing))),
            "slow" => CallOutcome::Measured(Box::new(figures(1300.0, Flow::Flowing))),
            "dark" => CallOutcome::Measured(Box::new(figures(2048.0, Flow::NoMedia { since: None }))),
            "silent" => CallOutcome::NotConnected(CallFailed::NoAnswer),
            "refused" => CallOutcome::Broke(CallBroke::Refused),
            other => panic!("no call ends {other}"),
        };
        self.observe(Source::Hub, Fact::CodecCalled { test, outcome });
    }

    /// How many codecs are being called now.
    pub(crate) fn calls(&self) -> usize {
        let ended = |effect: &&Effect| matches!(effect, Effect::CallCodec { .. });
        assert!(self.effects.iter().filter(ended).count() >= self.state.durable.calls.len());
        self.state.durable.calls.len()
    }
}

fn figures(kbps: f64, picture: Flow) -> CallFigures {
    let none = Given::Absent(Absent::NotProvided);
    let lane = |medium, way, flow| {
        let height = if medium == Medium::Video { Given::Value(720) } else { Given::Absent(Absent::NotYet) };
        let seen_by = SeenBy::Mcu;
        Lane { medium, way, seen_by, flow, kbps: none, height, fps: none, loss_pct: none }
    };
    let lanes = vec![
        lane(Medium::Audio, Way::FromSite, Flow::Flowing),
        lane(Medium::Audio, Way::ToSite, Flow::Flowing),
        lane(Medium::Video, Way::FromSite, picture),
        lane(Medium::Video, Way::ToSite, Flow::Flowing),
    ];
    CallFigures { setup_ms: 1_200.0, kbps: Given::Value(kbps), held: true, lanes }
}

/// `LEVEL:WHAT`.
fn alarm_of(text: &str) -> DeviceAlarm {
    let (level, what) = text.split_once(':').expect("LEVEL:WHAT");
    let (id, what, detail) = (what.to_owned(), what.to_owned(), String::new());
    DeviceAlarm { id, what, detail, level: word(level), since: None }
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(text.into()).unwrap()
}

/// `VENUE[:dead|:muted|:left|:calling][:as=NAME][:at=ADDRESS][:loss=PERCENT]`.
fn site_of(text: &str) -> SiteSeen {
    let mut parts = text.split(':');
    let venue = parts.next().unwrap_or_default();
    let mut site = SiteSeen {
        participant: ParticipantRef::new(venue),
        name: format!("{venue}分会场"),
        address: Some(format!("sip:{venue}@10.1.0.1")),
        presence: Presence::Connected,
        muted: None,
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: [(Medium::Audio, Way::FromSite), (Medium::Video, Way::FromSite)]
            .map(|(medium, way)| StreamSample::bare(medium, way, Flow::Flowing))
            .into(),
    };
    for part in parts {
        match part.split_once('=') {
            Some(("as", name)) => site.name = name.to_owned(),
            Some(("at", address)) => site.address = Some(address.to_owned()),
            Some(("loss", percent)) => {
                site.streams[1].loss_pct = Given::Value(percent.parse().unwrap());
            }
            None if part == "left" => site.presence = Presence::Left { cause: "Q.850 16".to_owned() },
            None if part == "calling" => site.presence = Presence::Calling,
            None if part == "dead" => site.streams[1].flow = Flow::NoMedia { since: None },
            None if part == "muted" => {
                site.muted = Some(true);
                site.streams[0].flow = Flow::NoMedia { since: None };
            }
            Some(_) | None => panic!("no site is {part}"),
        }
    }
    site
}
