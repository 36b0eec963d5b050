//! Escalation 升级: who is told of an incident, by which rung, when, and when it stops.
//!
//! The times are those of the incident's plan, counted from its opening, stored by the wall clock. An
//! acknowledgement stops the search for somebody who takes care; that the meeting goes on stops the rest. What would
//! become a storm for one person becomes a digest. Every notice says why it was sent.

mod answer;
mod ask;
mod change;
mod notice;
mod rungs;

pub(super) use answer::{hear, telephoned};
pub(super) use ask::answer;
pub use change::{DutyChange, PagingChange};
pub(super) use notice::{overdue_notice, remind, step_notice};
pub use rungs::{RUNGS, Rung, Unless, Whom};

use super::draft::Draft;
use super::effect::Effect;
use super::event::{Event, What};
use super::incident::{Assessment, IncidentChange};
use super::input::Input;
use super::plan::{Trouble, choose, incident_news};
use super::state::{Incident, Paging, State, Told};
use crate::domain::fault::Severity;
use crate::domain::id::{PersonId, RegionId};
use crate::domain::incident::{IncidentId, IncidentState, Moment};
use crate::domain::inventory::{OnDuty, Phase};
use crate::domain::lang::Text;
use crate::domain::notice::NoticeKey;
use crate::domain::plan::Targets;
use crate::domain::time::Utc;

/// Notices to one person within a minute before what follows goes into a digest.
const STORM: usize = 3;

/// Follows incidents, takes rungs and sends digests.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    let by_time = matches!(input, Input::Woke | Input::ClockStepped { .. });
    let due = by_time && draft.state.durable.duty.next().is_some_and(|at| at <= draft.now.utc);
    // First: what this decision adds waits for the next digest, and is not taken for sent with this one.
    if due {
        send_digests(draft);
    }
    follow_incidents(draft);
    if due {
        climb_all(draft);
    }
}

fn send_digests(draft: &mut Draft<'_>) {
    let (state, now) = (draft.state, draft.now.utc);
    for digest in state.durable.duty.digests.values().filter(|digest| digest.due <= now) {
        notice::digest(draft, digest);
        let to = digest.to.clone();
        draft.conclude(What::DutyChanged { change: DutyChange::DigestSent { to } });
    }
}

fn climb_all(draft: &mut Draft<'_>) {
    let (state, now) = (draft.state, draft.now.utc);
    let due = state.durable.duty.paging.values().filter(|paging| paging.next.is_some_and(|at| at <= now));
    for paging in due {
        // One that this decision began anew, or stopped, climbs no further by its old times.
        if !is_moved(draft, paging.incident) {
            climb(draft, paging);
        }
    }
}

/// The earliest moment at which somebody is to be told.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    state.durable.duty.next()
}

/// Whether this decision changes the paging of an incident already.
fn is_moved(draft: &Draft<'_>, id: IncidentId) -> bool {
    draft.events.iter().any(|event| {
        let Event::Durable(durable) = event else { return false };
        let What::PagingChanged { incident, change } = &durable.what else { return false };
        *incident == id && matches!(change, PagingChange::Paged { .. } | PagingChange::Stopped { .. })
    })
}

fn follow_incidents(draft: &mut Draft<'_>) {
    for what in &incident_news(draft) {
        if let What::IncidentOpened { incident, opening } = what {
            let (state, now) = (draft.state, draft.now);
            let findings = opening.members.iter().collect();
            let trouble = Trouble::new(state, now, *incident, &opening.assessment, findings);
            page(draft, &trouble, 0, now.utc);
        }
        if let What::IncidentChanged { incident, change } = what {
            changed(draft, *incident, change);
        }
    }
}

fn changed(draft: &mut Draft<'_>, id: IncidentId, change: &IncidentChange) {
    let why = match change {
        IncidentChange::Resolved { .. } => Text::new("故障排除", "it is resolved"),
        IncidentChange::FalseAlarm { .. } => Text::new("判为误报", "it is a false alarm"),
        IncidentChange::Merged { into, .. } => {
            Text::new(format!("并入事件 {into}"), format!("told under incident {into}"))
        }
        // Who acknowledged and did nothing does not take care of it: somebody is looked for again.
        IncidentChange::Reopened { .. } | IncidentChange::Unacked { .. } => return again(draft, id),
        IncidentChange::Assessed { assessment } => return worsened(draft, id, assessment),
        IncidentChange::Joined { .. }
        | IncidentChange::Acked
        | IncidentChange::Mitigating { .. }
        | IncidentChange::Mitigated { .. }
        | IncidentChange::Marked { .. }
        | IncidentChange::Assigned { .. }
        | IncidentChange::Noted { .. }
        | IncidentChange::Reviewed { .. }
        | IncidentChange::CorrectionAsked { .. }
        | IncidentChange::CorrectionReminded { .. }
        | IncidentChange::CorrectionDone { .. } => return,
    };
    let Some(paging) = draft.state.durable.duty.paging.get(&id).filter(|paging| paging.stopped.is_none())
    else {
        return;
    };
    let head = if matches!(change, IncidentChange::Merged { .. }) {
        Text::new("已并入", "merged")
    } else {
        Text::new("已解除", "all clear")
    };
    notice::all_clear(draft, paging, &head, &why);
    draft.conclude(What::PagingChanged { incident: id, change: PagingChange::Stopped { why } });
}

fn again(draft: &mut Draft<'_>, id: IncidentId) {
    let (state, now) = (draft.state, draft.now);
    if let Some(incident) = state.durable.incidents.get(&id) {
        let trouble = Trouble::of(state, now, incident);
        page(draft, &trouble, 0, now.utc);
    }
}

/// Judged anew, it is worth more than the one notice that it was worth before: somebody is looked for from the first
/// rung. Who takes care already is not called again; that nobody restores it in time is told all the same.
fn worsened(draft: &mut Draft<'_>, id: IncidentId, assessment: &Assessment) {
    let (state, now) = (draft.state, draft.now);
    let paging = state.durable.duty.paging.get(&id);
    let rests = paging.is_some_and(|paging| {
        paging.next.is_none() && paging.stopped.is_none() && usize::from(paging.rung) < RUNGS.len()
    });
    let Some(incident) = state.durable.incidents.get(&id).filter(|_| rests) else { return };
    let trouble = Trouble::new(state, now, id, assessment, incident.raised().collect());
    if !climbs(assessment, trouble.phase) {
        return;
    }
    if incident.times.acked.is_some() {
        taken(draft, &trouble, (0, now.utc), (Vec::new(), None));
    } else {
        page(draft, &trouble, 0, now.utc);
    }
}

/// The time of a rung has come.
fn climb(draft: &mut Draft<'_>, paging: &Paging) {
    let (state, now) = (draft.state, draft.now);
    let Some(incident) = state.durable.incidents.get(&paging.incident) else {
        let why = Text::new("事件已不在", "its incident is no more");
        let incident = paging.incident;
        return draft.conclude(What::PagingChanged { incident, change: PagingChange::Stopped { why } });
    };
    let trouble = Trouble::of(state, now, incident);
    page(draft, &trouble, paging.rung, paging.begun);
}

/// Takes one rung: tells whom it names, unless it is not needed any more, and sets the time of the next.
fn page(draft: &mut Draft<'_>, trouble: &Trouble<'_>, rung: u8, begun: Utc) {
    let (state, now) = (draft.state, draft.now.utc);
    let Some(what) = RUNGS.get(usize::from(rung)) else { return };
    let incident = state.durable.incidents.get(&trouble.incident);
    let unless = what.unless(trouble.support());
    let quiet = incident.is_some_and(|incident| needless(incident, unless))
        || is_needless_now(draft, trouble.incident, unless);
    let duty = duty(state, trouble, now);
    let people = if quiet { Vec::new() } else { what.people(&duty, trouble.support()) };
    let leader = duty.leader.as_ref();
    let told = |to: PersonId| {
        // The leader is told seldom and at once, on whichever rung.
        let digest = leader != Some(&to) && is_storm(draft, &to);
        let why = what.why(trouble.incident);
        Told { to, at: now, rung, why, digest, notice: None, delivery: None, answered: None }
    };
    let mut told: Vec<Told> = people.into_iter().map(told).collect();
    for told in told.iter_mut().filter(|told| !told.digest) {
        told.notice = Some(notice::page(draft, trouble, told));
    }
    let group = (rung == 0).then(|| notice::group(draft, trouble));
    taken(draft, trouble, (rung, begun), (told, group));
}

/// Notes that a rung was taken, by whom it was told, and when the next one is due.
fn taken(
    draft: &mut Draft<'_>,
    trouble: &Trouble<'_>,
    (rung, begun): (u8, Utc),
    (told, group): (Vec<Told>, Option<NoticeKey>),
) {
    let targets = targets(draft, trouble);
    let next = RUNGS.get(usize::from(rung) + 1).filter(|_| climbs(trouble.assessment, trouble.phase));
    let next = next.map(|next| begun + next.after(&targets));
    let incident = trouble.incident;
    draft.conclude(What::PagingChanged { incident, change: PagingChange::Paged { rung, told, group, next } });
}

/// Whether somebody was told so much within a minute, and in this decision, that what follows goes into a digest.
fn is_storm(draft: &Draft<'_>, to: &PersonId) -> bool {
    let now = draft.pages.iter().filter(|(_, told)| told == to).count();
    draft.state.durable.duty.told_lately(to, draft.now.utc) + now >= STORM
}

/// Whether a rung is not needed any more.
fn needless(incident: &Incident, unless: Unless) -> bool {
    let restored = matches!(
        incident.state,
        IncidentState::Mitigated
            | IncidentState::Resolved
            | IncidentState::Reviewed
            | IncidentState::FalseAlarm
            | IncidentState::Merged
    );
    match unless {
        Unless::Never => false,
        Unless::Acked => restored || incident.times.acked.is_some(),
        Unless::Acted => restored || incident.times.first_action.is_some(),
        Unless::Restored => restored,
    }
}

/// Whether this decision itself makes a rung needless: a step that is taken in the moment in which it is missed.
fn is_needless_now(draft: &Draft<'_>, id: IncidentId, unless: Unless) -> bool {
    draft.events.iter().any(|event| {
        let Event::Durable(durable) = event else { return false };
        let What::IncidentChanged { incident, change } = &durable.what else { return false };
        let restored = matches!(change, IncidentChange::Mitigated { .. }) && unless != Unless::Never;
        let acted = matches!(
            change,
            IncidentChange::Mitigating { .. } | IncidentChange::Marked { moment: Moment::FirstAction }
        );
        *incident == id && (restored || (acted && unless == Unless::Acted))
    })
}

/// Whether an incident is worth more than one notice: it is severe, or the meeting is on or about to begin.
fn climbs(assessment: &Assessment, phase: Option<Phase>) -> bool {
    let on = matches!(phase, Some(Phase::RollCall | Phase::Live));
    assessment.severity >= Severity::Severe || on
}

/// Who is on duty for a trouble: for the region of its meeting, else of its first venue, else of the whole city.
fn duty(state: &State, trouble: &Trouble<'_>, now: Utc) -> OnDuty {
    let inventory = &state.durable.inventory;
    let venue = trouble.venues.first().and_then(|venue| inventory.venues.get(venue));
    let region: Option<&RegionId> =
        trouble.meeting.map(|meeting| &meeting.region).or(venue.map(|venue| &venue.region));
    let top = || inventory.regions.values().find(|region| region.parent.is_none()).map(|region| &region.id);
    region.or_else(top).map(|region| inventory.on_duty(region, now)).unwrap_or_default()
}

/// The target times of the plan that is for it: the one that begins with this decision, or is carried out.
fn targets(draft: &Draft<'_>, trouble: &Trouble<'_>) -> Targets {
    let state = draft.state;
    let begun = draft.events.iter().rev().find_map(|event| {
        let Event::Durable(durable) = event else { return None };
        let What::PlanBegun { run, plan, .. } = &durable.what else { return None };
        (run.incident == trouble.incident).then_some(plan.targets)
    });
    let run = state.durable.run_of(trouble.incident).filter(|run| run.is_open());
    let chosen = || choose(&state.durable.inventory, trouble).map(|(plan, _)| plan.targets);
    begun.or_else(|| run.map(|run| run.plan.targets)).or_else(chosen).unwrap_or_default()
}

fn send(draft: &mut Draft<'_>, notice: crate::domain::notice::Notice) {
    draft.effect(Effect::Notify { notice: Box::new(notice) });
}
