//! What `/metrics` says of the city: computed from the snapshot at each scrape, so that nothing can be left behind.

use prometheus::{Encoder as _, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::domain::inventory::StreamRole;
use crate::engine::verdict::Verdict;
use crate::metrics::Counters;
use crate::observation::{Analysis, Reception, StreamReport};
use crate::report::Snapshot;

/// The text of a scrape: facts, then process counters.
pub(super) fn exposition(snapshot: &Snapshot, counters: &Counters) -> Result<String, prometheus::Error> {
    let registry = Registry::new();
    state(&registry, snapshot)?;
    agents(&registry, snapshot)?;
    venues(&registry, snapshot)?;
    streams(&registry, snapshot)?;
    findings(&registry, snapshot)?;
    let mut families = registry.gather();
    families.extend(counters.gather());
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
}

fn state(registry: &Registry, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let info = vec(registry, "vcops_info", "Version of the program; always 1.", &["version"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let recording = "Whether the journal takes writes: 1 it does.";
    one(registry, "vcops_journal_recording", recording, i64::from(!snapshot.unrecorded))?;
    let taken = "Unix time of the newest snapshot, seconds.";
    one(registry, "vcops_snapshot_timestamp_seconds", taken, snapshot.at.0 / 1_000_000)?;
    let version = i64::try_from(snapshot.inventory.version).unwrap_or(i64::MAX);
    one(registry, "vcops_inventory_version", "Accepted submissions so far.", version)?;
    let open = snapshot.rounds.iter().filter(|round| round.is_open()).count();
    one(
        registry,
        "vcops_rounds_open",
        "Rehearsal rounds that run now.",
        i64::try_from(open).unwrap_or(i64::MAX),
    )
}

fn agents(registry: &Registry, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let labels = ["agent", "venue"];
    let online = vec(registry, "vcops_agent_online", "Whether the agent is heard now: 1 it is.", &labels)?;
    let refused = "Messages in the agent's name that were refused since the controller's start.";
    let refused = vec(registry, "vcops_agent_refused_messages", refused, &labels)?;
    for (id, agent) in &snapshot.agents {
        let labels = [id.as_str(), agent.venue.as_str()];
        online.with_label_values(&labels).set(i64::from(agent.online));
        refused.with_label_values(&labels).set(i64::try_from(agent.refused).unwrap_or(i64::MAX));
    }
    Ok(())
}

/// The verdicts of each meeting's newest round.
fn venues(registry: &Registry, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let help = "Verdict of a venue in its meeting's newest round: 1 for the one that holds.";
    let verdicts = vec(registry, "vcops_venue_verdict", help, &["meeting", "venue", "verdict"])?;
    for meeting in snapshot.inventory.meetings.keys() {
        let Some(round) = snapshot.newest_round(meeting) else { continue };
        for venue in round.venues() {
            if let Some(verdict) = round.venue_verdict(venue, &snapshot.inventory) {
                verdicts.with_label_values(&[meeting.as_str(), venue.as_str(), word(verdict)]).set(1);
            }
        }
    }
    Ok(())
}

/// Watched streams. What is not known now has no sample: a gap in a graph says more than an old figure. Labels are
/// the inventory's stream ids and closed lists of words.
fn streams(registry: &Registry, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let labels = ["stream", "role"];
    let help = "Whether media arrive: 1 they do, 0 not; no sample while that is unknown.";
    let up = vec(registry, "vcops_stream_up", help, &labels)?;
    let help = "Whether pictures and sound are decoded and looked at: 1 they are.";
    let analysed = vec(registry, "vcops_stream_analysed", help, &labels)?;
    let help = "Severity of a raised finding: 1 information, 2 warning, 3 severe, 4 critical.";
    let finding = vec(registry, "vcops_stream_finding", help, &["stream", "role", "rule"])?;
    let figures = Figures::register(registry)?;
    for (id, stream) in snapshot.streams.iter().filter(|(_, stream)| stream.watched) {
        let labels = [id.as_str(), role_word(stream.role)];
        for found in &stream.findings {
            let labels = [labels[0], labels[1], found.rule.code()];
            finding.with_label_values(&labels).set(found.severity as i64 + 1);
        }
        let Some(report) = stream.report.as_deref().filter(|_| stream.fresh) else { continue };
        match report.reception {
            Reception::Flowing => up.with_label_values(&labels).set(1),
            Reception::Down { .. } => up.with_label_values(&labels).set(0),
            Reception::Connecting | Reception::Blind { .. } => {}
        }
        if report.reception == Reception::Flowing {
            let looks = matches!(report.analysis, Analysis::Keyframes | Analysis::Continuous);
            analysed.with_label_values(&labels).set(i64::from(looks));
            figures.set(&labels, report);
        }
    }
    Ok(())
}

/// The figures of streams that flow.
struct Figures {
    fps: GaugeVec,
    kbps: GaugeVec,
    loss: GaugeVec,
    jitter: GaugeVec,
    level: GaugeVec,
}

impl Figures {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let labels = ["stream", "role"];
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauges = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        let track = ["stream", "role", "track"];
        Ok(Self {
            fps: gauge("vcops_stream_fps", "Pictures per second over two seconds.", &labels)?,
            kbps: gauge("vcops_stream_kbps", "Rate over two seconds, kbit/s.", &track)?,
            loss: gauge(
                "vcops_stream_loss_ratio",
                "Share of packets lost over ten seconds; no sample where the protocol hides it.",
                &labels,
            )?,
            jitter: gauge("vcops_stream_jitter_ms", "Interarrival jitter (RFC 3550), ms.", &labels)?,
            level: gauge("vcops_stream_level_dbfs", "Loudness of the last second, dBFS.", &labels)?,
        })
    }

    fn set(&self, labels: &[&str; 2], report: &StreamReport) {
        if let Some(video) = &report.video {
            self.fps.with_label_values(labels).set(video.fps);
            self.kbps.with_label_values(&[labels[0], labels[1], "video"]).set(video.kbps);
        }
        if let Some(audio) = &report.audio {
            self.kbps.with_label_values(&[labels[0], labels[1], "audio"]).set(audio.kbps);
            if let Some(rms) = audio.rms_dbfs {
                self.level.with_label_values(labels).set(f64::from(rms));
            }
        }
        let transport = &report.transport;
        if transport.expected > 0 {
            self.loss.with_label_values(labels).set(transport.lost as f64 / transport.expected as f64);
            self.jitter.with_label_values(labels).set(transport.jitter_ms);
        }
    }
}

fn role_word(role: StreamRole) -> &'static str {
    match role {
        StreamRole::Venue => "venue",
        StreamRole::Mix => "mix",
        StreamRole::Content => "content",
        StreamRole::MainHall => "main_hall",
        StreamRole::Recorder => "recorder",
        StreamRole::Output => "output",
    }
}

fn findings(registry: &Registry, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let raised = vec(registry, "vcops_findings", "Raised findings by rule.", &["rule"])?;
    for finding in &snapshot.findings {
        raised.with_label_values(&[finding.key.rule.code()]).inc();
    }
    Ok(())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Waived => "waived",
        Verdict::Pass => "pass",
        Verdict::Warn => "warn",
        Verdict::NoAnswer => "no_answer",
        Verdict::Fail => "fail",
        Verdict::TestBroke => "test_broke",
    }
}

fn vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

fn one(registry: &Registry, name: &str, help: &str, value: i64) -> Result<(), prometheus::Error> {
    let gauge = IntGauge::with_opts(Opts::new(name, help))?;
    gauge.set(value);
    registry.register(Box::new(gauge))
}
