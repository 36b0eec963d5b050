//! Which incident each finding is in, by which anchor incidents draw findings, and what is to be looked at.
//!
//! Indices over the durable half, so that no finding is ever looked for in all incidents.

use std::collections::{BTreeMap, BTreeSet};

use super::durable::DurableState;
use super::incident::{Correction, Incident};
use crate::domain::incident::{IncidentId, IncidentState};
use crate::domain::time::{Mono, Utc};
use crate::engine::alarm::ack_lasts;
use crate::engine::event::{Durable, What};
use crate::engine::finding::FindingKey;
use crate::engine::incident::{Anchor, IncidentChange};

/// Which incident each finding is in, and what is to be looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::engine) struct IncidentsPicture {
    /// The incident that draws each anchor, while it is open.
    pub(in crate::engine) by_anchor: BTreeMap<Anchor, IncidentId>,
    /// The incident that each finding is in, or was in last.
    pub(in crate::engine) of: BTreeMap<FindingKey, IncidentId>,
    /// Findings to look at; one that waits for others stands at the moment when it no longer does.
    pub(in crate::engine) unsettled: BTreeMap<FindingKey, Mono>,
    /// Findings whose cause is over, and they are not.
    pub(in crate::engine) parted: BTreeSet<FindingKey>,
    /// Where members of an incident went last.
    pub(in crate::engine) went: BTreeMap<IncidentId, IncidentId>,
    /// When acknowledgements of incidents that nobody does anything about are too old.
    pub(in crate::engine) ack_due: BTreeSet<(Utc, IncidentId)>,
    /// When owners of what is to be put right are to be told of it.
    pub(in crate::engine) reminders: BTreeSet<(Utc, IncidentId)>,
    /// Incidents to look at; one in which nothing is raised stands at the moment when it is over.
    pub(in crate::engine) stirred: BTreeMap<IncidentId, Mono>,
}

/// When the acknowledgement of an incident is too old; a mitigation under way keeps it.
pub(in crate::engine) fn ack_due(incident: &Incident) -> Option<Utc> {
    let acked = incident.times.acked.filter(|_| incident.state == IncidentState::Acked)?;
    Some(acked + ack_lasts(incident.assessment.severity))
}

impl IncidentsPicture {
    /// Makes the indices anew: everything is to be looked at.
    pub(in crate::engine) fn of(durable: &DurableState) -> Self {
        let mut picture = Self::default();
        durable.incidents.values().for_each(|incident| picture.file(incident));
        for finding in durable.findings.values() {
            picture.of.extend(finding.incident.map(|id| (finding.key.clone(), id)));
            picture.look_at(&finding.key);
        }
        durable.incidents.keys().for_each(|id| picture.stir(Some(*id)));
        picture
    }

    fn file(&mut self, incident: &Incident) {
        self.of.extend(incident.members.keys().map(|finding| (finding.clone(), incident.id)));
        self.draw(incident);
    }

    /// An open incident draws what has its anchor; an acknowledged one is to show something in time.
    fn draw(&mut self, incident: &Incident) {
        self.ack_due.retain(|(_, id)| *id != incident.id);
        self.ack_due.extend(ack_due(incident).map(|at| (at, incident.id)));
        self.reminders.retain(|(_, id)| *id != incident.id);
        let next = incident.corrections.iter().filter_map(Correction::remind_at).min();
        self.reminders.extend(next.map(|at| (at, incident.id)));
        let Some(anchor) = &incident.anchor else { return };
        if incident.state.is_open() {
            self.by_anchor.insert(anchor.clone(), incident.id);
        } else if self.by_anchor.get(anchor) == Some(&incident.id) {
            self.by_anchor.remove(anchor);
        }
    }

    /// Keeps step with an event about findings or incidents that was just applied.
    pub(in crate::engine) fn follow(&mut self, durable: &DurableState, event: &Durable) {
        if let What::FindingRaised { finding, .. } = &event.what {
            self.look_at(finding);
        }
        if let What::FindingWeighed { finding, .. } = &event.what {
            self.look_at(finding);
            self.stir(self.of.get(finding).copied());
        }
        if let What::CauseFound { members, .. } = &event.what {
            members.iter().for_each(|member| self.look_at(member));
        }
        if let What::CauseParted { members, .. } = &event.what {
            self.parted.extend(members.iter().cloned());
            members.iter().for_each(|member| self.look_at(member));
        }
        if let What::AlarmsChanged { alarms, .. } = &event.what {
            // What was put aside may be told again, what chattered may be over.
            for alarm in alarms.iter().filter(|alarm| durable.findings.contains_key(*alarm)) {
                self.look_at(alarm);
            }
            alarms.iter().for_each(|alarm| self.stir(self.of.get(alarm).copied()));
        }
        if let What::FindingCleared { finding } = &event.what {
            self.unsettled.remove(finding);
            self.stir(self.of.get(finding).copied());
        }
        if let What::IncidentOpened { incident, opening } = &event.what {
            self.moved(durable, *incident, &opening.members);
        }
        if let What::IncidentChanged { incident, change } = &event.what {
            match change {
                IncidentChange::Joined { members } => self.moved(durable, *incident, members),
                IncidentChange::Merged { into, .. } => {
                    let members: Vec<FindingKey> = durable
                        .incidents
                        .get(into)
                        .into_iter()
                        .flat_map(|known| known.raised())
                        .cloned()
                        .collect();
                    self.moved(durable, *into, &members);
                }
                IncidentChange::Assessed { .. }
                | IncidentChange::Acked
                | IncidentChange::Unacked { .. }
                | IncidentChange::Mitigating { .. }
                | IncidentChange::Mitigated { .. }
                | IncidentChange::Resolved { .. }
                | IncidentChange::Reopened { .. }
                | IncidentChange::FalseAlarm { .. }
                | IncidentChange::Marked { .. }
                | IncidentChange::Assigned { .. }
                | IncidentChange::Noted { .. }
                | IncidentChange::Reviewed { .. }
                | IncidentChange::CorrectionAsked { .. }
                | IncidentChange::CorrectionReminded { .. }
                | IncidentChange::CorrectionDone { .. } => {}
            }
            durable.incidents.get(incident).into_iter().for_each(|incident| self.draw(incident));
            self.stir(Some(*incident));
        }
    }

    fn moved(&mut self, durable: &DurableState, id: IncidentId, members: &[FindingKey]) {
        for member in members {
            let before = self.of.insert(member.clone(), id);
            let before = before.filter(|before| *before != id);
            self.stir(before);
            self.went.extend(before.map(|before| (before, id)));
        }
        self.stir(Some(id));
        durable.incidents.get(&id).into_iter().for_each(|incident| self.draw(incident));
    }

    /// Whether something is to be looked at.
    pub(in crate::engine) fn waits(&self) -> bool {
        !self.unsettled.is_empty() || !self.stirred.is_empty()
    }

    /// Everything was looked at, and these wait.
    pub(in crate::engine) fn settled(
        &mut self,
        findings: &[(FindingKey, Mono)],
        incidents: &[(IncidentId, Mono)],
    ) {
        self.unsettled = findings.iter().cloned().collect();
        self.stirred = incidents.iter().copied().collect();
        self.parted.clear();
        self.went.clear();
    }

    /// An incident is looked at, at once.
    fn stir(&mut self, id: Option<IncidentId>) {
        self.stirred.extend(id.map(|id| (id, Mono(0))));
    }

    fn look_at(&mut self, finding: &FindingKey) {
        self.unsettled.entry(finding.clone()).or_insert(Mono(0));
    }
}
