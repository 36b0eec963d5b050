//! Streams as people see them: the newest report, how old it is, and what is wrong in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::id::{McuId, MeetingId, StreamId, VenueId};
use crate::domain::inventory::{Inventory, Phase, Resource, Stream, StreamRole, Watcher};
use crate::domain::lang::{Lang, Text};
use crate::domain::time::{Now, Utc};
use crate::engine::State;
use crate::engine::finding::{FindingKey, RuleCode, Severity, Subject};
use crate::engine::state::{Finding, Floor, StreamPicture};
use crate::engine::wording;
use crate::observation::{Evidence, StreamReport};

/// One stream of the inventory, watched or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamView {
    /// Which.
    pub id: StreamId,
    /// Shown name.
    pub name: String,
    /// The venue it shows.
    pub venue: Option<VenueId>,
    /// The MCU it leaves.
    pub mcu: Option<McuId>,
    /// What it carries.
    pub role: StreamRole,
    /// Who watches it.
    pub watcher: Watcher,
    /// Whether it has a source and is watched at all.
    pub watched: bool,
    /// Whether the report is young enough to say how the stream is now: 3 s. If not, that is unknown.
    pub fresh: bool,
    /// Age of the report, milliseconds; `None` before the first.
    pub age_ms: Option<u64>,
    /// The newest report.
    pub report: Option<Arc<StreamReport>>,
    /// The meeting it plays a part in now: from the hour before to its end.
    pub meeting: Option<MeetingId>,
    /// Where that meeting stands.
    pub phase: Option<Phase>,
    /// Whether its venue speaks, by the agenda; `None` for what is not a venue's own.
    pub floor: Option<Floor>,
    /// Raised findings, those that matter most first.
    pub findings: Vec<StreamFinding>,
}

/// A raised finding about a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamFinding {
    /// Which rule.
    pub rule: RuleCode,
    /// How much it matters.
    pub severity: Severity,
    /// The severity in a word.
    pub severity_text: Text,
    /// Onset: the first bad sample.
    pub since: Utc,
    /// When it was raised.
    pub raised: Utc,
    /// What is wrong, with its numbers and why.
    pub text: Text,
    /// 下一步: what to do, if anything.
    pub next_step: Option<Text>,
    /// The shared cause.
    pub cause: Option<Resource>,
    /// The shared cause in words, with how many others it has.
    pub cause_text: Option<Text>,
    /// Figures and limits, units in their names.
    pub figures: BTreeMap<String, f64>,
    /// Pictures before and after, by content hash.
    pub evidence: Option<Evidence>,
}

impl StreamView {
    /// The severity that stands; `None` when nothing is raised.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.first().map(|finding| finding.severity)
    }
}

/// Every stream of the inventory.
pub(super) fn streams(state: &State, now: Now) -> BTreeMap<StreamId, StreamView> {
    let mut found = found(state);
    let view = |stream: &Stream| {
        let seen = state.picture.streams.each.get(&stream.id);
        (stream.id.clone(), view(stream, seen, found.remove(&stream.id).unwrap_or_default(), now))
    };
    state.durable.inventory.streams.values().map(view).collect()
}

fn view(stream: &Stream, seen: Option<&StreamPicture>, findings: Vec<StreamFinding>, now: Now) -> StreamView {
    let last = seen.and_then(|stream| stream.seen.as_ref());
    let part = seen.and_then(|stream| stream.part.as_ref());
    StreamView {
        id: stream.id.clone(),
        name: stream.name.clone(),
        venue: stream.venue.clone(),
        mcu: stream.mcu.clone(),
        role: stream.role,
        watcher: stream.watcher.clone(),
        watched: stream.source.is_some(),
        fresh: seen.is_some_and(|stream| stream.fresh(now.mono)),
        age_ms: last.map(|last| now.mono.since(last.at).0 / 1_000),
        report: last.map(|last| Arc::clone(&last.report)),
        meeting: part.map(|part| part.meeting.clone()),
        phase: part.map(|part| part.phase),
        floor: part.and_then(|part| part.floor),
        findings,
    }
}

/// The raised findings of every stream that has any.
fn found(state: &State) -> BTreeMap<StreamId, Vec<StreamFinding>> {
    let mut found: BTreeMap<StreamId, Vec<StreamFinding>> = BTreeMap::new();
    let findings = state.durable.findings.values().rev();
    for finding in findings.take_while(|finding| finding.key.rule.is_stream()) {
        if let FindingKey { subject: Subject::Stream(id), .. } = &finding.key {
            found.entry(id.clone()).or_default().push(shown(finding, &state.durable.inventory));
        }
    }
    let order = |finding: &StreamFinding| (std::cmp::Reverse(finding.severity), finding.since, finding.rule);
    found.values_mut().for_each(|findings| findings.sort_by_key(order));
    found
}

fn shown(finding: &Finding, inventory: &Inventory) -> StreamFinding {
    let both = |say: &dyn Fn(Lang) -> Option<String>| Some(Text { zh: say(Lang::Zh)?, en: say(Lang::En)? });
    let words = |say: &dyn Fn(Lang) -> String| Text { zh: say(Lang::Zh), en: say(Lang::En) };
    StreamFinding {
        rule: finding.key.rule,
        severity: finding.severity,
        severity_text: words(&|lang| wording::severity(finding.severity, lang).to_owned()),
        since: finding.since,
        raised: finding.raised,
        text: words(&|lang| wording::finding(finding, lang)),
        next_step: both(&|lang| wording::finding_step(finding, lang).map(str::to_owned)),
        cause: finding.cause.clone(),
        cause_text: both(&|lang| wording::cause(finding, inventory, lang)),
        figures: finding.proof.as_ref().map(|proof| proof.figures.clone()).unwrap_or_default(),
        evidence: finding.proof.as_ref().and_then(|proof| proof.evidence.clone()),
    }
}
