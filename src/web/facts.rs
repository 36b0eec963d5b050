//! What `/metrics` says of the city: computed from the snapshot at each scrape, so that nothing can be left behind.

use prometheus::{Encoder as _, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::engine::verdict::Verdict;
use crate::metrics::Counters;
use crate::report::Snapshot;

/// The text of a scrape: facts, then process counters.
pub(super) fn exposition(snapshot: &Snapshot, counters: &Counters) -> Result<String, prometheus::Error> {
    let registry = Registry::new();
    state(&registry, snapshot)?;
    agents(&registry, snapshot)?;
    venues(&registry, snapshot)?;
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

fn findings(registry: &Registry, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let raised = vec(registry, "vcops_findings", "Raised findings by rule.", &["rule"])?;
    for finding in &snapshot.findings {
        let rule = serde_json::to_value(finding.key.rule).expect("a rule is a word");
        raised.with_label_values(&[rule.as_str().unwrap_or_default()]).inc();
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
