//! How many observations one core takes in: decide, apply and the next wake-up, for a nation of 3,000 venues.
//!
//! Prints one JSON line: `obs_per_s_core` (bar: at least 200,000), heartbeats in a world whose devices report as well;
//! `core_pct_3000_venues` (bar: at most 10), one heartbeat of each venue and all that its devices say in a second; both
//! again with alarms and incidents open, some of which come and go (`_in_trouble`, the same bars), and how long one
//! input takes there; how long the dearest single decisions take, and what four streams of each venue cost while all is
//! well, when all break off at once, and while they stay away.
#![expect(clippy::print_stdout, reason = "a bench says what it found")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop where it stands")]

mod devices;

use std::time::{Duration, Instant};

use vcops::domain::actor::Actor;
use vcops::domain::check::RoundKind;
use vcops::domain::incident::IncidentState;
use vcops::domain::inventory::{Change, Inventory, Item};
use vcops::domain::time::{Mono, Now, Span, Utc};
use vcops::engine::event::Event;
use vcops::engine::input::{Command, CommandId, Input};
use vcops::engine::{State, apply, decide, next_wakeup};
use vcops::observation::device::DeviceReport;
use vcops::observation::{
    AgentHealth, Analysis, DownWhy, Fact, Observation, Order, Reception, Source, StreamReport,
    TransportFigures,
};

const VENUES: usize = 3_000;
const STREAMS_PER_VENUE: usize = 4;
const STREAMS: usize = VENUES * STREAMS_PER_VENUE;
/// Heartbeats of every venue that are measured, per run.
const SECONDS: u64 = 40;
/// Runs; the best one counts, for the machine may be busy with other things.
const RUNS: usize = 5;
/// When the first nation is heard first.
const STARTS: &str = "2026-11-20T01:00:00Z";

fn main() {
    let mut peopled = Nation::with_devices();
    let (rate, device_s) = peopled.measured();
    let well = peopled.get_into_trouble();
    let (rate_in_trouble, device_in_trouble_s) = peopled.measured();
    let each = peopled.each_input(SECONDS);
    let mut nation = Nation::new(Vec::new());
    let open = nation.open_round();
    let judge = nation.wake();
    let busy = nation.heartbeats(2).as_secs_f64() / 2.0;
    let mut watch = Watch::new();
    let calm = (0..RUNS).map(|_| watch.second(false).as_secs_f64()).fold(f64::INFINITY, f64::min);
    let breaks = watch.second(true).as_secs_f64();
    let faulty = (0..RUNS).map(|_| watch.second(true).as_secs_f64()).fold(f64::INFINITY, f64::min);
    print(&[
        ("obs_per_s_core", rate.round(), "1/s", Some((">= 200000", rate >= 200_000.0))),
        share("core_pct_3000_venues", (VENUES as f64 / rate + device_s) * 100.0),
        ("core_pct_devices_of_3000_venues", round(device_s * 100.0), "%", None),
        ("incidents_open", well.incidents as f64, "", None),
        ("alarms_standing", well.alarms as f64, "", None),
        (
            "obs_per_s_core_in_trouble",
            rate_in_trouble.round(),
            "1/s",
            Some((">= 200000", rate_in_trouble >= 200_000.0)),
        ),
        share(
            "core_pct_3000_venues_in_trouble",
            (VENUES as f64 / rate_in_trouble + device_in_trouble_s) * 100.0,
        ),
        ("input_p50_us", round(quantile(&each, 0.5)), "us", None),
        ("input_p99_us", round(quantile(&each, 0.99)), "us", None),
        ("input_max_us", round(quantile(&each, 1.0)), "us", None),
        ("open_round_3000_ms", round(open.as_secs_f64() * 1e3), "ms", None),
        ("judge_and_send_3000_ms", round(judge.as_secs_f64() * 1e3), "ms", None),
        ("core_pct_3000_venues_in_round", round(busy * 100.0), "%", None),
        ("stream_reports_per_s_core", (STREAMS as f64 / calm).round(), "1/s", None),
        ("core_pct_12000_streams", round(calm * 100.0), "%", None),
        ("all_12000_streams_lost_at_once_ms", round(breaks * 1e3), "ms", None),
        ("core_pct_12000_streams_lost", round(faulty * 100.0), "%", None),
    ]);
}

/// Name, value, unit, and the bar with whether it is met.
type Figure = (&'static str, f64, &'static str, Option<(&'static str, bool)>);

fn share(name: &'static str, percent: f64) -> Figure {
    (name, round(percent), "%", Some(("<= 10", percent <= 10.0)))
}

/// A table for people, and last one line for programs.
fn print(figures: &[Figure]) {
    for (name, value, unit, bar) in figures {
        let bar =
            bar.map(|(bar, ok)| format!("{bar}  {}", if ok { "ok" } else { "MISSED" })).unwrap_or_default();
        println!("{name:<32} {value:>12} {unit:<4} {bar}");
    }
    let shown = figures.iter().map(|(name, value, unit, bar)| {
        let (text, ok) = bar.map_or((None, None), |(bar, ok)| (Some(bar), Some(ok)));
        serde_json::json!({ "name": name, "value": value, "unit": unit, "bar": text, "ok": ok })
    });
    println!("{}", serde_json::json!({ "bench": "engine", "figures": shown.collect::<Vec<_>>() }));
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The value below which such a share of a sorted list lies.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

struct Nation {
    state: State,
    now: Now,
    seq: u64,
    all_is_well: bool,
}

/// What is open.
struct Trouble {
    incidents: usize,
    alarms: usize,
}

impl Nation {
    /// In its meetings, with devices that were all heard once.
    fn with_devices() -> Self {
        let mut nation = Self::new(devices::items(Utc::parse(STARTS).unwrap()));
        nation.seconds(20);
        assert_eq!(nation.state.picture.devices.each.len(), 2 * VENUES + 30);
        assert!(nation.state.durable.findings.is_empty(), "all is well");
        nation
    }

    /// From now on codecs are down, and some come and go: what that has opened.
    fn get_into_trouble(&mut self) -> Trouble {
        self.all_is_well = false;
        self.seconds(90);
        let durable = &self.state.durable;
        let open =
            durable.incidents.values().filter(|incident| incident.state == IncidentState::Open).count();
        let alarms = durable.alarms.len();
        assert!(alarms >= devices::DOWN && open > 0, "{alarms} alarms, {open} incidents");
        Trouble { incidents: open, alarms }
    }

    /// The best rate of heartbeats, and the least time that the devices' reports of a second take.
    fn measured(&mut self) -> (f64, f64) {
        let (mut rate, mut device_s) = (0.0_f64, f64::INFINITY);
        for _ in 0..RUNS {
            let (beats, reports) = self.seconds(SECONDS);
            rate = rate.max((SECONDS as f64 * VENUES as f64) / beats.as_secs_f64());
            device_s = device_s.min(reports.as_secs_f64() / SECONDS as f64);
        }
        (rate, device_s)
    }

    /// How long each single input of some seconds took, microseconds, sorted.
    fn each_input(&mut self, seconds: u64) -> Vec<f64> {
        let mut each = Vec::new();
        for second in 0..seconds {
            self.now = Now { mono: self.now.mono + Span::seconds(1), utc: self.now.utc + Span::seconds(1) };
            let mut inputs = self.second();
            inputs.extend(self.said_in(second));
            inputs.push(Input::Woke);
            for input in &inputs {
                let start = Instant::now();
                self.handle(input);
                each.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        each.sort_by(f64::total_cmp);
        each
    }

    fn handle(&mut self, input: &Input) {
        let decision = decide(&self.state, self.now, input);
        decision.events.iter().for_each(|event| apply(&mut self.state, event));
        std::hint::black_box(next_wakeup(&self.state, self.now));
    }

    fn said_in(&mut self, second: u64) -> Vec<Input> {
        let reports = devices::reports(second, self.now.utc, self.all_is_well);
        reports.into_iter().map(|it| self.said(it)).collect()
    }

    fn new(more: Vec<Item>) -> Self {
        let now = Now { mono: Mono(1_000_000), utc: Utc::parse(STARTS).unwrap() };
        let mut nation = Self { state: State::default(), now, seq: 0, all_is_well: true };
        nation.input(Input::Started { boot: 1, version: "0".to_owned() });
        let changes = items().into_iter().chain(more).map(Change::Put).collect();
        nation.command(Command::SubmitInventory { base: 0, changes, origin: "bench".to_owned() });
        for n in 0..VENUES {
            let agent: vcops::domain::id::AgentId = format!("v{n}").parse().unwrap();
            let secret_hash = "ab".repeat(32);
            let expires = nation.now.utc + Span::minutes(10);
            nation.command(Command::InviteAgent {
                agent: agent.clone(),
                secret_hash: secret_hash.clone(),
                expires,
            });
            nation.command(Command::EnrolAgent { agent, secret_hash, public_key: "cd".repeat(32) });
        }
        nation.heartbeats(1);
        nation
    }

    fn command(&mut self, command: Command) {
        let actor = Actor::Local { uid: 0, name: "bench".to_owned() };
        self.input(Input::Commanded { id: CommandId(1), actor, command });
    }

    fn input(&mut self, input: Input) {
        let decision = decide(&self.state, self.now, &input);
        decision.events.iter().for_each(|event| apply(&mut self.state, event));
        assert!(
            !decision.events.iter().any(|event| matches!(event, Event::Durable(d) if d.at != self.now.utc))
        );
    }

    /// Each venue's heartbeat, second after second; only the engine's own time is counted.
    fn heartbeats(&mut self, seconds: u64) -> Duration {
        let mut taken = Duration::ZERO;
        for _ in 0..seconds {
            self.now = Now { mono: self.now.mono + Span::seconds(1), utc: self.now.utc + Span::seconds(1) };
            let beats = self.second();
            let start = Instant::now();
            beats.iter().for_each(|beat| self.handle(beat));
            taken += start.elapsed();
        }
        taken
    }

    /// Heartbeats and what devices say, second after second; the engine's own time for each of the two.
    fn seconds(&mut self, seconds: u64) -> (Duration, Duration) {
        let (mut beats, mut reports) = (Duration::ZERO, Duration::ZERO);
        for second in 0..seconds {
            beats += self.heartbeats(1);
            let said = self.said_in(second);
            let start = Instant::now();
            said.iter().for_each(|input| self.handle(input));
            // Holds that are over raise, and their end clears.
            self.handle(&Input::Woke);
            reports += start.elapsed();
        }
        (beats, reports)
    }

    fn said(&mut self, report: DeviceReport) -> Input {
        self.seq += 1;
        let (order, fact) = (Order { boot: 1, seq: self.seq }, Fact::DeviceSeen { report: Box::new(report) });
        let (at, received) = (self.now.utc, self.now.utc);
        Input::Observed { observation: Observation { source: Source::Hub, at, received, order, fact } }
    }

    fn second(&mut self) -> Vec<Input> {
        let mut beats = Vec::with_capacity(VENUES);
        for n in 0..VENUES {
            self.seq += 1;
            let source = Source::Agent(format!("v{n}").parse().unwrap());
            let order = Order { boot: 1, seq: self.seq };
            let fact = Fact::Heartbeat { health: health() };
            let observation = Observation { source, at: self.now.utc, received: self.now.utc, order, fact };
            beats.push(Input::Observed { observation });
        }
        beats
    }

    fn open_round(&mut self) -> Duration {
        let start = Instant::now();
        let meeting = "m".parse().unwrap();
        self.command(Command::OpenRound { meeting, kind: RoundKind::WholeNetwork, venues: Vec::new() });
        start.elapsed()
    }

    fn wake(&mut self) -> Duration {
        let start = Instant::now();
        self.input(Input::Woke);
        assert_eq!(self.state.picture.tests.len(), 2_000, "as many as may run at once");
        start.elapsed()
    }
}

/// A nation in its meeting: four streams of every venue behind one MCU, each reported once a second.
struct Watch {
    state: State,
    now: Now,
    seq: u64,
}

impl Watch {
    fn new() -> Self {
        let now = Now { mono: Mono(1_000_000), utc: Utc::parse("2026-11-25T01:30:00Z").unwrap() };
        let mut watch = Self { state: State::default(), now, seq: 0 };
        watch.input(&Input::Started { boot: 1, version: "0".to_owned() });
        let mut items = items();
        items.push(item(serde_json::json!({"mcu": {"id": "mcu", "name": "MCU", "region": "nation",
            "model": "m", "network": "extranet"}})));
        for n in 0..STREAMS {
            let venue = format!("v{}", n / STREAMS_PER_VENUE);
            items.push(item(serde_json::json!({"stream": {"id": format!("s{n}"), "name": "图像",
                "venue": venue, "mcu": "mcu", "role": "venue", "source": format!("rtsp://10.0.0.1/{n}")}})));
        }
        let changes = items.into_iter().map(Change::Put).collect();
        let command = Command::SubmitInventory { base: 0, changes, origin: "bench".to_owned() };
        let actor = Actor::Local { uid: 0, name: "bench".to_owned() };
        watch.input(&Input::Commanded { id: CommandId(1), actor, command });
        assert_eq!(watch.state.picture.streams.each.len(), STREAMS);
        watch
    }

    fn input(&mut self, input: &Input) {
        let decision = decide(&self.state, self.now, input);
        decision.events.iter().for_each(|event| apply(&mut self.state, event));
    }

    /// One report of every stream; only the engine's own time is counted.
    fn second(&mut self, lost: bool) -> Duration {
        self.now = Now { mono: self.now.mono + Span::seconds(1), utc: self.now.utc + Span::seconds(1) };
        let since = self.now.utc - Span::millis(700);
        let reports: Vec<Input> = (0..STREAMS).map(|n| self.report(n, lost, since)).collect();
        let start = Instant::now();
        for report in &reports {
            self.input(report);
            std::hint::black_box(next_wakeup(&self.state, self.now));
        }
        let taken = start.elapsed();
        assert_eq!(self.state.durable.findings.len(), if lost { STREAMS } else { 0 });
        taken
    }

    fn report(&mut self, n: usize, lost: bool, since: Utc) -> Input {
        self.seq += 1;
        let report = StreamReport {
            stream: format!("s{n}").parse().unwrap(),
            reception: if lost {
                Reception::Down { why: DownWhy::Silent, tries: 1 }
            } else {
                Reception::Flowing
            },
            since,
            video: None,
            audio: None,
            transport: TransportFigures::default(),
            detections: Vec::new(),
            analysis: Analysis::Keyframes,
        };
        let observation = Observation {
            source: Source::Hub,
            at: self.now.utc,
            received: self.now.utc,
            order: Order { boot: 1, seq: self.seq },
            fact: Fact::StreamSeen { report: Box::new(report) },
        };
        Input::Observed { observation }
    }
}

fn item(value: serde_json::Value) -> Item {
    serde_json::from_value(value).unwrap()
}

fn health() -> AgentHealth {
    AgentHealth {
        version: "0".to_owned(),
        clock_offset_ms: Some((0.3, 2.0)),
        disk_free_mib: Some(4_000),
        cpu_pct: Some(3.0),
        memory_mib: Some(20),
        temperature_c: Some(48.0),
        outbox: 0,
        consent: false,
        no_test: false,
        reflector_refused: 0,
    }
}

fn items() -> Vec<Item> {
    let mut items = vec![
        serde_json::json!({"region": {"id": "nation", "name": "全国"}}),
        serde_json::json!({"profile": {"id": "p", "name": "1080p25", "rate_kbps": 4096}}),
    ];
    for n in 0..VENUES {
        items.push(serde_json::json!({"venue": {"id": format!("v{n}"), "name": format!("会场{n}"), "region": "nation"}}));
        items.push(serde_json::json!({"agent": {"id": format!("v{n}"), "venue": format!("v{n}")}}));
        for (role, side) in [("primary", 0), ("backup", 1)] {
            items.push(serde_json::json!({"link": {
                "id": format!("v{n}-{side}"), "venue": format!("v{n}"), "name": "专线", "kind": "leased",
                "role": role, "network": "extranet",
                "reflector": format!("10.{side}.{}.{}:862", n / 250, n % 250 + 1),
            }}));
        }
    }
    let venues: Vec<String> = (1..VENUES).map(|n| format!("v{n}")).collect();
    items.push(serde_json::json!({"meeting": {
        "id": "m", "name": "全国会议", "region": "nation", "network": "extranet", "profile": "p",
        "starts": "2026-11-25T01:00:00Z", "ends": "2026-11-25T03:00:00Z", "main_venue": "v0", "venues": venues,
    }}));
    let parsed = items.into_iter().map(|item| serde_json::from_value(item).unwrap());
    let items: Vec<Item> = parsed.collect();
    let mut inventory = Inventory::default();
    items.iter().for_each(|item| inventory.apply(&Change::Put(item.clone())));
    assert!(inventory.broken().is_empty());
    items
}
