//! A reference model of alarms, incidents, plans and paging. It is told what goes into the engine and which findings
//! come and go, works out anew what must follow from that by the rules of the trade, and compares. It shares no code
//! with the engine: its tables are written out a second time.

mod alarm;
mod incident;
mod paging;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::actor::Actor;
use vcops::domain::id::PersonId;
use vcops::domain::incident::{IncidentId, IncidentState};
use vcops::domain::notice::NoticeKey;
use vcops::domain::time::{Mono, Now, Span, Utc};
use vcops::engine::Decision;
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::escalation::DutyChange;
use vcops::engine::event::{Durable, Event, What};
use vcops::engine::finding::{FindingKey, Severity};
use vcops::engine::input::{Command, Input};
use vcops::engine::state::RunKey;

pub(super) use alarm::{Alarm, Stage};
pub(super) use incident::Incident;
pub(super) use paging::Roster;

use incident::is_open;
use paging::{Search, searches};
use run::Run;

/// Everything that the model knows.
#[derive(Default)]
pub(super) struct Model {
    pub(super) findings: BTreeMap<FindingKey, Severity>,
    pub(super) alarms: BTreeMap<FindingKey, Alarm>,
    pub(super) incidents: BTreeMap<IncidentId, Incident>,
    runs: BTreeMap<RunKey, Run>,
    /// Runs that end with this decision.
    closing: BTreeSet<RunKey>,
    rises: BTreeMap<FindingKey, Vec<Mono>>,
    /// Findings that are nobody's, and since when.
    nobodys: BTreeMap<FindingKey, Mono>,
    pages: Vec<(PersonId, Utc)>,
    digests: BTreeMap<PersonId, (Utc, BTreeSet<IncidentId>)>,
    /// Digests that leave with this decision.
    leaving: BTreeMap<PersonId, BTreeSet<IncidentId>>,
    notices: BTreeSet<NoticeKey>,
    pub(super) rosters: Vec<Roster>,
    /// Whether the meeting has the highest support, or only routine support.
    pub(super) highest: bool,
    pub(super) routine: bool,
    /// When the meeting begins and ends.
    pub(super) meeting: (Utc, Utc),
    pub(super) counts: BTreeMap<&'static str, u64>,
}

const MINUTE: Span = Span::seconds(60);
const QUIET: Span = Span::seconds(30);

/// How long an acknowledgement lasts.
fn lasts(severity: Severity) -> Span {
    match severity {
        Severity::Critical => Span::minutes(10),
        Severity::Severe => Span::minutes(20),
        Severity::Warning | Severity::Information => Span::minutes(30),
    }
}

impl Model {
    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Only the journal is left: what was merely seen is forgotten.
    pub(super) fn restarted(&mut self) {
        self.rises.clear();
        self.nobodys.clear();
        self.incidents.values_mut().for_each(|incident| incident.disturbed = true);
        self.count("restarts");
    }

    /// Enters one decision.
    pub(super) fn enter(&mut self, now: Now, input: &Input, decision: &Decision) {
        if let Input::ClockStepped { .. } = input {
            self.incidents.values_mut().for_each(|incident| incident.disturbed = true);
        }
        if let Input::Commanded { command: Command::Alarms { alarms, ask }, .. } = input {
            let done = |effect: &Effect| matches!(effect, Effect::Reply { outcome: Outcome::Done, .. });
            if decision.effects.iter().any(done) {
                self.ask(now, alarms, ask);
                self.count("alarm commands");
            }
        }
        let events = || decision.events.iter().filter_map(durable);
        // A plan that begins with this decision gives its times to the pages of the same decision.
        self.closing.clear();
        events().for_each(|event| self.plan(event));
        let begun: BTreeMap<IncidentId, Search> = events().filter_map(searches).collect();
        let mut told: BTreeMap<(IncidentId, PersonId), i32> = BTreeMap::new();
        for event in events() {
            self.event(now, event);
            if let What::PagingChanged { incident, change } = &event.what {
                let begins = begun.get(incident).copied();
                self.paging(now, (*incident, begins), change, &mut told);
            }
        }
        self.notices(decision, told);
    }

    fn event(&mut self, now: Now, event: &Durable) {
        if let What::FindingRaised { finding, severity, .. } = &event.what {
            self.raised(now, finding, *severity);
        }
        if let What::FindingWeighed { finding, severity, .. } = &event.what {
            self.findings.insert(finding.clone(), *severity);
            self.latch(finding, *severity);
        }
        if let What::FindingCleared { finding } = &event.what {
            self.cleared(now, finding);
        }
        if let What::AlarmsChanged { alarms, change } = &event.what
            && event.by == Actor::Vcops
        {
            alarms.iter().for_each(|key| self.alarm(now, key, change));
        }
        if let What::IncidentOpened { incident, opening } = &event.what {
            self.opened(now, *incident, opening);
        }
        if let What::IncidentChanged { incident, change } = &event.what {
            self.changed(now, *incident, change, &event.by);
        }
        if let What::DutyChanged { change: DutyChange::DigestSent { to } } = &event.what {
            let (due, incidents) = self.digests.remove(to).expect("something waits for them");
            assert!(due <= now.utc, "the digest of {to} leaves too soon");
            self.leaving.insert(to.clone(), incidents);
        }
    }

    /// When everything that was due is done, nothing is overdue: no time is lost, over no start.
    pub(super) fn nothing_is_overdue(&mut self, now: Now) {
        let over = |until: Option<Utc>| until.is_some_and(|until| until <= now.utc);
        for (key, alarm) in &self.alarms {
            assert!(!over(alarm.ack_until), "the acknowledgement of {key} is never too old");
            assert!(!over(alarm.shelf.map(|(until, _)| until)), "{key} stays on the shelf");
            assert!(!over(alarm.service), "{key} stays out of service");
            assert!(!over(alarm.chatter), "{key} chatters for ever");
        }
        for (id, incident) in &self.incidents {
            let acked = incident.acked.filter(|_| incident.state == IncidentState::Acked);
            assert!(!over(acked.map(|at| at + lasts(incident.severity))), "{id} is acknowledged for ever");
            let paging = incident.paging.as_ref().unwrap_or_else(|| panic!("nobody was told of {id}"));
            assert!(!over(paging.next), "rung {} of {id} was due {:?}", paging.last + 1, paging.next);
            let matters = is_open(incident.state) && incident.state != IncidentState::Mitigated;
            let grave = matters && incident.severity >= Severity::Severe && incident.acked.is_none();
            assert!(!grave || paging.next.is_some() || paging.last == 4, "nobody climbs for {id}");
            self.over_by_itself(*id, incident, now);
        }
        for (key, run) in self.runs.iter().filter(|(_, run)| run.open) {
            assert!(!over(run.due), "the time of {key:?} ran out and nothing followed");
        }
        for (to, (due, _)) in &self.digests {
            assert!(*due > now.utc, "the digest of {to} never leaves");
        }
        self.nobodys(now);
    }
}

fn durable(event: &Event) -> Option<&Durable> {
    if let Event::Durable(durable) = event { Some(durable) } else { None }
}
