//! Paging in the model: whom a rung tells, when, and when it is of no use any more.

use std::collections::{BTreeMap, BTreeSet};

use vcops::domain::id::PersonId;
use vcops::domain::incident::{IncidentId, IncidentState};
use vcops::domain::notice::{NoticeKind, Recipient};
use vcops::domain::time::{Now, Span, Utc};
use vcops::engine::Decision;
use vcops::engine::effect::Effect;
use vcops::engine::escalation::PagingChange;
use vcops::engine::event::{Durable, What};
use vcops::engine::finding::Severity;
use vcops::engine::incident::IncidentChange;

use super::incident::{Incident, is_open};
use super::{MINUTE, Model};

/// Three who can be on duty, and when.
#[derive(Debug, Clone)]
pub(in crate::engine::random) struct Roster {
    pub(in crate::engine::random) from: Utc,
    pub(in crate::engine::random) until: Utc,
    pub(in crate::engine::random) operators: Vec<PersonId>,
    pub(in crate::engine::random) leader: PersonId,
}

#[derive(Debug, Clone)]
pub(super) struct Paging {
    pub(super) begun: Utc,
    pub(super) last: u8,
    pub(super) next: Option<Utc>,
    pub(super) stopped: bool,
}

const RUNG_NAMES: [&str; 5] = ["rung 0", "rung 1", "rung 2", "rung 3", "rung 4"];

/// Why vcops looks for somebody from the first rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// It must.
    Begins,
    /// It may: what is judged anew may matter more than before.
    Worsens,
}

pub(super) fn searches(event: &Durable) -> Option<(IncidentId, Search)> {
    if let What::IncidentOpened { incident, .. } = &event.what {
        return Some((*incident, Search::Begins));
    }
    let What::IncidentChanged { incident, change } = &event.what else { return None };
    let begins = matches!(change, IncidentChange::Reopened { .. } | IncidentChange::Unacked { .. });
    let worsens = matches!(change, IncidentChange::Assessed { .. });
    let search = begins.then_some(Search::Begins).or(worsens.then_some(Search::Worsens));
    search.map(|search| (*incident, search))
}

impl Model {
    /// Whom a rung tells: a, then b, then both, then both, then the leader.
    fn whom(&self, rung: u8, at: Utc, highest: bool) -> Vec<PersonId> {
        let on = self.rosters.iter().filter(|roster| roster.from <= at && at < roster.until);
        let Some(on) = on.max_by_key(|roster| roster.from) else { return Vec::new() };
        let (a, b) = (on.operators.first().cloned(), on.operators.get(1).cloned());
        let mut people: Vec<PersonId> = match rung {
            0 => a.into_iter().collect(),
            1 => b.or(a).into_iter().collect(),
            2 | 3 => a.into_iter().chain(b).collect(),
            _ => vec![on.leader.clone()],
        };
        if rung == 1 && highest {
            people.push(on.leader.clone());
        }
        people
    }

    /// Whether a rung is of use to somebody: nobody is called from bed for what somebody takes care of.
    fn needed(&self, incident: &Incident, rung: u8) -> bool {
        let restored = !is_open(incident.state) || incident.state == IncidentState::Mitigated;
        let acked = incident.acked.is_some();
        match rung {
            0 => true,
            1 => !restored && !acked,
            2 => !restored && !incident.acted,
            3 => !restored,
            _ => !restored && !(acked && (self.routine || incident.meeting.is_none())),
        }
    }

    pub(super) fn paging(
        &mut self,
        now: Now,
        (id, begins): (IncidentId, Option<Search>),
        change: &PagingChange,
        told: &mut BTreeMap<(IncidentId, PersonId), i32>,
    ) {
        if let PagingChange::Delivered { .. } | PagingChange::Answered { .. } = change {
            return;
        }
        let PagingChange::Paged { rung, told: people, next, .. } = change else {
            let paging = self.incidents.get_mut(&id).and_then(|known| known.paging.as_mut());
            let paging = paging.expect("somebody was told of it");
            assert!(!paging.stopped, "the paging of {id} stops twice");
            (paging.stopped, paging.next) = (true, None);
            return;
        };
        let (rung, next) = (*rung, *next);
        let incident = &self.incidents[&id];
        let before = incident.paging.clone();
        let begun = if rung == 0 { now.utc } else { before.as_ref().expect("a first rung").begun };
        if rung == 0 {
            assert!(begins.is_some(), "somebody is told of {id} again, for nothing");
        } else {
            let before = before.expect("a first rung");
            assert_ne!(begins, Some(Search::Begins), "{id} goes on climbing where it begins again");
            assert!(!before.stopped, "somebody is told of {id} after the all-clear");
            assert_eq!(rung, before.last + 1, "the rungs of {id} are taken one by one");
            assert!(before.next.is_some_and(|due| due <= now.utc), "rung {rung} of {id} is taken too soon");
        }
        let worsened = rung == 0 && incident.acked.is_some();
        let expected = if self.needed(incident, rung) && !worsened {
            // What is no meeting's has no meeting's support.
            self.whom(rung, now.utc, self.highest && incident.meeting.is_some())
        } else {
            Vec::new()
        };
        let names: Vec<PersonId> = people.iter().map(|told| told.to.clone()).collect();
        assert_eq!(names, expected, "rung {rung} of {id} at {}", now.utc);
        let climbs = self.climbs(incident, now.utc);
        let after = self.after(id, rung + 1).filter(|_| climbs);
        // Where no plan is carried out, which one's times count is the engine's choice.
        let due = if climbs && self.targets(id).is_none() { next } else { after.map(|after| begun + after) };
        assert_eq!(next, due, "rung {} of {id}, {:?}", rung + 1, incident.severity);
        for person in people {
            assert!(!person.why.zh.is_empty(), "{id} does not say why {} is told", person.to);
            // What lies ahead was told before the clock was put back.
            let lately = self
                .pages
                .iter()
                .filter(|(to, at)| *to == person.to && *at <= now.utc && now.utc.since(*at) < MINUTE);
            let leader = self.rosters.iter().any(|roster| roster.leader == person.to);
            assert_eq!(person.digest, lately.count() >= 3 && !leader, "rung {rung} of {id} to {}", person.to);
            if person.digest {
                let due = now.utc + MINUTE;
                self.digests.entry(person.to.clone()).or_insert((due, BTreeSet::new())).1.insert(id);
                *self.counts.entry("digested").or_default() += 1;
            } else {
                self.pages.push((person.to.clone(), now.utc));
                *told.entry((id, person.to.clone())).or_default() += 1;
                *self.counts.entry(RUNG_NAMES[usize::from(rung)]).or_default() += 1;
            }
        }
        let paging = Paging { begun, last: rung, next, stopped: false };
        self.incidents.get_mut(&id).expect("known").paging = Some(paging);
    }

    fn climbs(&self, incident: &Incident, at: Utc) -> bool {
        let (starts, ends) = self.meeting;
        let on = incident.meeting.is_some() && at >= starts - Span::minutes(30) && at < ends;
        incident.severity >= Severity::Severe || on
    }

    /// What leaves for people: each with a name of its own, what the journal says, and why.
    pub(super) fn notices(&mut self, decision: &Decision, told: BTreeMap<(IncidentId, PersonId), i32>) {
        let mut told = told;
        for effect in &decision.effects {
            let Effect::Notify { notice } = effect else { continue };
            assert!(!notice.why.zh.is_empty() && !notice.drill, "{notice:?}");
            if notice.to != Recipient::Channel || notice.kind != NoticeKind::Incident {
                let new = self.notices.insert(notice.key.clone());
                assert!(new, "two notices are called {:?}: the second would never leave", notice.key);
            }
            match (&notice.to, notice.kind, notice.incident) {
                (Recipient::Person(person), NoticeKind::Digest, _) => {
                    let incidents = self.leaving.remove(person).expect("something waited for them");
                    for id in incidents {
                        assert!(notice.body.zh.contains(&id.to_string()), "{id} is lost in a digest");
                    }
                    self.count("digests");
                }
                (Recipient::Person(person), NoticeKind::Incident | NoticeKind::Escalation, Some(id))
                    if notice.answer && notice.why.zh.starts_with("事件") =>
                {
                    *told.entry((id, person.clone())).or_default() -= 1;
                }
                _ => {}
            }
        }
        assert!(self.leaving.is_empty(), "{:?} were put into a digest and not told", self.leaving);
        assert!(told.values().all(|left| *left == 0), "told and not sent, or sent and not told: {told:?}");
    }
}
