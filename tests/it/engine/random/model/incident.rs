//! Incidents in the model: which step may follow which, and what may not be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::actor::Actor;
use vcops::domain::id::MeetingId;
use vcops::domain::incident::{IncidentId, IncidentState, Moment};
use vcops::domain::time::{Mono, Now, Span, Utc};
use vcops::engine::finding::{FindingKey, Severity};
use vcops::engine::incident::{Assessment, IncidentChange, Opening};

use super::alarm::Alarm;
use super::paging::Paging;
use super::{Model, QUIET, lasts};

#[derive(Debug)]
pub(in crate::engine::random) struct Incident {
    pub(in crate::engine::random) state: IncidentState,
    /// Members, and whether each is raised.
    pub(in crate::engine::random) members: BTreeMap<FindingKey, bool>,
    pub(super) quiet: Option<(Utc, Mono)>,
    /// Whether the clock was stepped or the process started while it was quiet.
    pub(super) disturbed: bool,
    pub(in crate::engine::random) acked: Option<Utc>,
    pub(super) acted: bool,
    pub(in crate::engine::random) severity: Severity,
    pub(super) meeting: Option<MeetingId>,
    pub(super) paging: Option<Paging>,
}

pub(super) fn is_open(state: IncidentState) -> bool {
    use IncidentState::{Acked, Mitigated, Mitigating, Open};
    [Open, Acked, Mitigating, Mitigated].contains(&state)
}

impl Incident {
    fn open(severity: Severity, meeting: Option<MeetingId>) -> Self {
        Self {
            state: IncidentState::Open,
            members: BTreeMap::new(),
            quiet: None,
            disturbed: false,
            acked: None,
            acted: false,
            severity,
            meeting,
            paging: None,
        }
    }

    pub(in crate::engine::random) fn raised(&self) -> impl Iterator<Item = &FindingKey> {
        self.members.iter().filter(|(_, raised)| **raised).map(|(key, _)| key)
    }

    /// A member is gone: when it was the last, all is quiet from now on.
    pub(super) fn settle(&mut self, now: Now) {
        if self.raised().next().is_none() {
            (self.quiet, self.disturbed) = (Some((now.utc, now.mono)), false);
        }
    }
}

impl Model {
    pub(super) fn opened(&mut self, now: Now, id: IncidentId, opening: &Opening) {
        let Assessment { reason, severity, meeting, .. } = &opening.assessment;
        assert!(!reason.zh.is_empty() && !reason.en.is_empty(), "incident {id} does not explain itself");
        let newest = self.incidents.keys().next_back().map_or(0, |id| id.0);
        assert_eq!(id.0, newest + 1, "numbers of incidents rise by one");
        let severity = (*severity).max(Severity::Information);
        self.incidents.insert(id, Incident::open(severity, meeting.clone()));
        self.joined(now, id, &opening.members);
        self.count("incidents");
    }

    /// Members are one incident's and nobody else's.
    pub(super) fn joined(&mut self, now: Now, id: IncidentId, members: &[FindingKey]) {
        for key in members.iter().filter(|key| self.findings.contains_key(*key)) {
            for (other, incident) in &mut self.incidents {
                if *other != id && incident.members.get(key) == Some(&true) {
                    incident.members.remove(key);
                    incident.settle(now);
                }
            }
            let incident = self.incidents.get_mut(&id).expect("known");
            incident.members.insert(key.clone(), true);
            incident.quiet = None;
        }
    }

    pub(super) fn changed(&mut self, now: Now, id: IncidentId, change: &IncidentChange, by: &Actor) {
        use IncidentState as S;
        let own = *by == Actor::Vcops;
        let incident = self.incidents.get_mut(&id).expect("known");
        let state = incident.state;
        match change {
            IncidentChange::Joined { members } => {
                assert!(own && state != S::Merged && state != S::Reviewed, "{id} is over and takes more in");
                self.joined(now, id, members);
            }
            IncidentChange::Assessed { assessment } => {
                assert!(assessment.severity >= incident.severity, "{id} is made less of while it lasts");
                assert!(!assessment.reason.zh.is_empty(), "{id} does not explain itself");
                incident.severity = assessment.severity;
                incident.meeting.clone_from(&assessment.meeting);
            }
            IncidentChange::Acked => {
                assert!(!own && incident.acked.is_none() && state != S::Merged, "{id} is acknowledged twice");
                incident.acked = Some(now.utc);
                if state == S::Open {
                    incident.state = S::Acked;
                }
                self.members(id).iter().for_each(|key| self.each(key, |alarm| alarm.ack(None)));
                self.count("acked");
            }
            IncidentChange::Unacked { .. } => {
                assert!(is_open(state) && incident.acked.is_some(), "{id} was not acknowledged");
                let forgotten = state == S::Acked;
                let due = incident.acked.filter(|_| forgotten).map(|at| at + lasts(incident.severity));
                assert!(
                    !own || due.is_some_and(|due| due <= now.utc),
                    "{id} is taken from somebody too soon"
                );
                incident.acked = None;
                if state == S::Acked {
                    incident.state = S::Open;
                }
                self.members(id).iter().for_each(|key| self.each(key, Alarm::unack));
                self.count("unacked");
            }
            IncidentChange::Mitigating { .. } => {
                assert!(is_open(state) && state != S::Mitigating, "{id} from {state:?}");
                (incident.state, incident.acted) = (S::Mitigating, true);
            }
            IncidentChange::Mitigated { .. } => {
                assert!(is_open(state) && state != S::Mitigated, "{id} from {state:?}");
                incident.state = S::Mitigated;
                self.count("mitigated");
            }
            IncidentChange::Resolved { .. }
            | IncidentChange::Reopened { .. }
            | IncidentChange::FalseAlarm { .. }
            | IncidentChange::Merged { .. }
            | IncidentChange::Reviewed { .. } => self.ended(now, id, change, own),
            IncidentChange::Marked { moment: Moment::FirstAction } => incident.acted = true,
            IncidentChange::Marked { .. }
            | IncidentChange::Assigned { .. }
            | IncidentChange::Noted { .. }
            | IncidentChange::CorrectionAsked { .. }
            | IncidentChange::CorrectionReminded { .. }
            | IncidentChange::CorrectionDone { .. } => {}
        }
    }

    /// It is over, told elsewhere, signed, or not over after all.
    fn ended(&mut self, now: Now, id: IncidentId, change: &IncidentChange, own: bool) {
        use IncidentState as S;
        let chatters = self.incidents[&id].members.keys().any(|key| {
            self.alarms.get(key).and_then(|alarm| alarm.chatter).is_some_and(|until| until > now.utc)
        });
        let heaviest = self.incidents[&id].raised().filter_map(|key| self.findings.get(key)).max().copied();
        let incident = self.incidents.get_mut(&id).expect("known");
        let (state, raised) = (incident.state, incident.raised().count());
        if let IncidentChange::Resolved { .. } = change {
            assert!(is_open(state) && raised == 0, "{id} is called over with {raised} raised");
            let waited = incident.quiet.is_none_or(|(_, since)| now.mono.since(since) >= QUIET);
            let fair = incident.members.is_empty() || incident.disturbed || waited;
            assert!(!own || (fair && !chatters), "{id} is called over too soon");
            assert!(!own || state != S::Mitigated, "{id} runs on a makeshift and is called over");
            incident.state = S::Resolved;
            return self.count("resolved");
        }
        if let IncidentChange::Reopened { .. } = change {
            assert!(matches!(state, S::Resolved | S::FalseAlarm), "{id} from {state:?}");
            let worse = heaviest > Some(incident.severity);
            // It may have gone again in the very moment.
            let now_quiet = incident.quiet.is_some_and(|(_, at)| at == now.mono);
            assert!(!own || raised > 0 || now_quiet, "{id} is opened again for nothing");
            assert!(!own || state == S::Resolved || worse, "{id} was called a false alarm");
            (incident.state, incident.acked, incident.acted) = (S::Open, None, false);
            // Opened by a person while all is quiet, it is quiet from now on.
            incident.quiet = incident.quiet.map(|_| (now.utc, now.mono));
            return self.count("reopened");
        }
        if let IncidentChange::FalseAlarm { .. } = change {
            assert!(!own && (is_open(state) || state == S::Resolved), "{id} from {state:?}");
            incident.state = S::FalseAlarm;
        }
        if let IncidentChange::Merged { into, .. } = change {
            assert!(is_open(state) && *into != id, "{id} from {state:?}");
            let left: Vec<FindingKey> = incident.raised().cloned().collect();
            assert!(!own || left.is_empty(), "{id} is merged with members of its own");
            incident.state = S::Merged;
            self.joined(now, *into, &left);
            return self.count("merged");
        }
        if let IncidentChange::Reviewed { .. } = change {
            assert!(matches!(state, S::Resolved | S::FalseAlarm) && raised == 0, "{id} from {state:?}");
            incident.state = S::Reviewed;
        }
    }

    fn members(&self, id: IncidentId) -> Vec<FindingKey> {
        self.incidents[&id].members.keys().cloned().collect()
    }

    fn each(&mut self, key: &FindingKey, does: impl Fn(&mut Alarm)) {
        self.alarms.get_mut(key).into_iter().for_each(does);
    }

    pub(super) fn over_by_itself(&self, id: IncidentId, incident: &Incident, now: Now) {
        use IncidentState::{Acked, Mitigating, Open};
        let Some((_, since)) = incident.quiet.filter(|_| [Open, Acked, Mitigating].contains(&incident.state))
        else {
            return;
        };
        let chattered = incident.members.keys().any(|key| self.alarms[key].chatter.is_some());
        let long = now.mono.since(since) > Span::seconds(31);
        assert!(
            !long || chattered || incident.disturbed,
            "{id} is over since {since:?} and nobody says so at {now:?}"
        );
    }

    /// What matters and was not put aside is in an incident within a second.
    pub(super) fn nobodys(&mut self, now: Now) {
        let owned: BTreeSet<&FindingKey> = self.incidents.values().flat_map(Incident::raised).collect();
        let aside = |key: &FindingKey| self.alarms.get(key).is_some_and(Alarm::is_aside);
        let matters = self.findings.iter().filter(|(_, severity)| **severity > Severity::Information);
        let left = matters.map(|(key, _)| key).filter(|key| !owned.contains(key) && !aside(key));
        let left: BTreeSet<FindingKey> = left.cloned().collect();
        self.nobodys.retain(|key, _| left.contains(key));
        for key in left {
            let since = *self.nobodys.entry(key.clone()).or_insert(now.mono);
            assert!(now.mono.since(since) < Span::seconds(1), "{key} is nobody's to take care of");
        }
    }
}
