//! Emergency plans: what there is, which one an incident runs, and its steps taken by people.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::incidents::find;
use super::{Body, Done, Page, Reader};
use crate::domain::id::{PlanId, StepId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::plan::{CallTo, Plan, Step, StepKind};
use crate::domain::time::Utc;
use crate::engine::input::{Command, PlanAsk, StepAsk};
use crate::engine::state::{Incident, Left, Run};
use crate::engine::wording::{About, Report};
use crate::report::{self, Snapshot};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// A plan in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanShown {
    /// Identifier.
    #[schema(value_type = String)]
    id: PlanId,
    /// Name.
    title: String,
    /// Version.
    version: u32,
    /// Classes of faults that it is for, as machine words.
    #[schema(value_type = Vec<String>)]
    classes: Vec<crate::domain::fault::FaultClass>,
    /// Whether somebody approved it.
    approved: bool,
    /// The day by which it must be looked over again.
    #[schema(value_type = String)]
    review: jiff::civil::Date,
    /// Whether it is out of use.
    disabled: bool,
    /// Whether it came with the program.
    shipped: bool,
    /// How many steps it has.
    steps: usize,
}

/// A plan with all its steps, and the same as a text to print.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholePlan {
    /// The plan.
    #[schema(value_type = Object)]
    plan: Plan,
    /// As a text.
    text: String,
}

/// A plan that an incident runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunShown {
    /// Of which incident.
    #[schema(value_type = u64)]
    incident: IncidentId,
    /// Counts from 1 within it.
    no: u32,
    /// Which plan.
    #[schema(value_type = String)]
    plan: PlanId,
    /// Its version.
    version: u32,
    /// Its name.
    title: String,
    /// Why this plan.
    why: String,
    /// When it began.
    #[schema(value_type = String)]
    begun: Utc,
    /// The step it stands at; none when it is over.
    at: Option<StepNow>,
    /// Every step, with what became of it.
    steps: Vec<StepShown>,
    /// Why it is over, if it is.
    ended: Option<String>,
    /// 首报, 续报, 终报: ready texts to copy.
    reports: Vec<ReportShown>,
}

/// The step that a run stands at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepNow {
    /// Which.
    #[schema(value_type = String)]
    id: StepId,
    /// Since when.
    #[schema(value_type = String)]
    since: Utc,
    /// When its time runs out.
    #[schema(value_type = Option<String>)]
    due: Option<Utc>,
    /// Whether it ran out.
    overdue: bool,
    /// Who agreed.
    agreed: Vec<String>,
    /// How many must agree.
    agree: usize,
    /// Whether devices are at work on it.
    running: bool,
    /// Why it does not go on by itself.
    held: Option<String>,
    /// Whom to call: people by id, offices by name and public number.
    call: Vec<CallShown>,
}

/// Whom to call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallShown {
    /// A person; their number is asked for apart.
    person: Option<String>,
    /// An office, or a carrier's fault desk.
    office: Option<String>,
    /// A public number.
    number: Option<String>,
}

/// A step and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepShown {
    /// Identifier.
    #[schema(value_type = String)]
    id: StepId,
    /// One line.
    title: String,
    /// How it is done.
    how: Option<String>,
    /// Who does it.
    post: String,
    /// Which rung of the ladder.
    rung: Option<String>,
    /// What kind, as a machine word.
    kind: String,
    /// The step as the plan has it.
    #[schema(value_type = Object)]
    step: Step,
    /// How it was left.
    #[schema(value_type = Option<Object>)]
    left: Option<Left>,
}

/// A report to leaders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportShown {
    /// `first`, `further`, `last`.
    kind: String,
    /// The text.
    text: String,
}

/// What somebody asks of a plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct Asked(PlanAsk);

#[utoipa::path(get, path = "/api/v1/plans", tag = "plans", responses((status = 200, body = Page<PlanShown>)))]
/// Every emergency plan.
pub(in crate::web) async fn list(State(app): State<App>, Reader(lang): Reader) -> Json<Page<PlanShown>> {
    let snapshot = app.snapshot();
    let items = snapshot.inventory.plans.values().map(|plan| plan_shown(plan, lang)).collect();
    Json(Page { items, next_after: None })
}

fn plan_shown(plan: &Plan, lang: Lang) -> PlanShown {
    PlanShown {
        id: plan.id.clone(),
        title: plan.title.pick(lang).to_owned(),
        version: plan.version,
        classes: plan.trigger.classes.iter().copied().collect(),
        approved: plan.approved.is_some(),
        review: plan.review,
        disabled: plan.disabled,
        shipped: plan.shipped,
        steps: plan.steps.len(),
    }
}

#[utoipa::path(get, path = "/api/v1/plans/{id}", tag = "plans", params(("id" = String, Path)),
    responses((status = 200, body = WholePlan)))]
/// A plan with all its steps.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    Path(id): Path<String>,
) -> Result<Json<WholePlan>, Problem> {
    let snapshot = app.snapshot();
    let id = PlanId::parse(&id).map_err(|_| Problem::new(Code::NotFound))?;
    let plan = snapshot.inventory.plans.get(&id).ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(Json(WholePlan { plan: plan.clone(), text: report::plan(plan, lang) }))
}

#[utoipa::path(get, path = "/api/v1/incidents/{id}/plan", tag = "plans", params(("id" = u64, Path)),
    responses((status = 200, body = RunShown)))]
/// The plan that an incident runs, or ran last, with the reports to leaders as ready texts.
pub(in crate::web) async fn run(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<RunShown>, Problem> {
    let snapshot = app.snapshot();
    let incident = concerned(&snapshot, &caller, Right::ReadIncidents, id)?;
    let run = snapshot.run_of(incident.id).ok_or_else(|| Problem::new(Code::NotFound))?;
    let zone = app.settings().zone.clone();
    Ok(Json(run_shown(&snapshot, &incident, run, &zone, lang)))
}

#[utoipa::path(post, path = "/api/v1/incidents/{id}/plan", tag = "plans", params(("id" = u64, Path)),
    request_body = Asked, responses((status = 200, body = Done)))]
/// Chooses another plan, stops the one that runs, or does something with one of its steps.
pub(in crate::web) async fn ask(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(Asked(ask)): Body<Asked>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    let incident = concerned(&snapshot, &caller, Right::HandleIncidents, id)?.id;
    if let PlanAsk::Step { does: StepAsk::Agree, .. } = &ask {
        // What is agreed to may disturb the meeting.
        caller.demand_proof(&app)?;
    }
    app.command(caller.actor(), Command::Plan { incident, ask }).await?;
    Ok(Done::YES)
}

/// The incident, for somebody whose right reaches every venue in it; one without venues is everybody's who may act
/// everywhere.
fn concerned(snapshot: &Snapshot, caller: &Caller, right: Right, id: u64) -> Result<Arc<Incident>, Problem> {
    let found = find(snapshot, id)?;
    let venues: Vec<&VenueId> = found.venues().into_iter().collect();
    if venues.is_empty() && !caller.has_everywhere(right) {
        return Err(Problem::new(Code::Forbidden));
    }
    caller.demand(right, venues, &snapshot.inventory)?;
    Ok(found)
}

fn run_shown(
    snapshot: &Snapshot,
    incident: &Incident,
    run: &Run,
    zone: &jiff::tz::TimeZone,
    lang: Lang,
) -> RunShown {
    let inventory = &snapshot.inventory;
    let about = About { incident, run: Some(run), inventory, now: snapshot.at, zone };
    let shown =
        |which: Report| ReportShown { kind: which.code().to_owned(), text: about.report(which, lang) };
    let reports = Report::ALL.map(shown);
    RunShown {
        incident: incident.id,
        no: run.key.no,
        plan: run.plan.id.clone(),
        version: run.plan.version,
        title: run.plan.title.pick(lang).to_owned(),
        why: run.why.pick(lang).to_owned(),
        begun: run.begun,
        at: run.step().map(|step| step_now(snapshot, incident, run, step, lang)),
        steps: run.plan.steps.iter().map(|step| step_shown(run, step, lang)).collect(),
        ended: run.ended.as_ref().map(|ended| ended.why.pick(lang).to_owned()),
        reports: reports.into(),
    }
}

fn step_now(snapshot: &Snapshot, incident: &Incident, run: &Run, step: &Step, lang: Lang) -> StepNow {
    let agree = match &step.kind {
        StepKind::Automatic { confirm, .. } => confirm.people(),
        StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Decision { .. }
        | StepKind::Wait { .. }
        | StepKind::Telephone { .. }
        | StepKind::Notify { .. } => 0,
    };
    let call = match &step.kind {
        StepKind::Telephone { to, .. } => calls(snapshot, incident, to, lang),
        StepKind::Manual {}
        | StepKind::Evidence { .. }
        | StepKind::Automatic { .. }
        | StepKind::Decision { .. }
        | StepKind::Wait { .. }
        | StepKind::Notify { .. } => Vec::new(),
    };
    StepNow {
        id: step.id.clone(),
        since: run.since,
        due: run.due,
        overdue: run.overdue,
        agreed: run.agreed.iter().map(ToString::to_string).collect(),
        agree,
        running: run.attempt.is_some(),
        held: run.held.as_ref().map(|held| held.pick(lang).to_owned()),
        call,
    }
}

fn step_shown(run: &Run, step: &Step, lang: Lang) -> StepShown {
    StepShown {
        id: step.id.clone(),
        title: step.title.pick(lang).to_owned(),
        how: step.how.as_ref().map(|how| how.pick(lang).to_owned()),
        post: lang.pick(step.post.zh(), step.post.en()).to_owned(),
        rung: step.rung.map(|rung| lang.pick(rung.zh(), rung.en()).to_owned()),
        kind: step.kind.code().to_owned(),
        step: step.clone(),
        left: run.left.get(&step.id).cloned(),
    }
}

/// Whom a telephone step means here and now.
fn calls(snapshot: &Snapshot, incident: &Incident, to: &CallTo, lang: Lang) -> Vec<CallShown> {
    let inventory = &snapshot.inventory;
    let person = |person: String| CallShown { person: Some(person), office: None, number: None };
    let office =
        |office: String, number: Option<String>| CallShown { person: None, office: Some(office), number };
    let contact = |venue: &VenueId, role| {
        let venue = inventory.venues.get(venue);
        let found = venue.and_then(|venue| venue.contacts.iter().find(|contact| contact.role == role));
        found.map(|contact| person(contact.person.to_string()))
    };
    let meeting = incident.assessment.meeting.as_ref().and_then(|id| inventory.meetings.get(id));
    let duty = || meeting.map(|meeting| inventory.on_duty(&meeting.region, snapshot.at)).unwrap_or_default();
    match to {
        CallTo::Venue(role) => {
            incident.venues().into_iter().filter_map(|venue| contact(venue, *role)).collect()
        }
        CallTo::MainHall(role) => {
            meeting.and_then(|meeting| contact(&meeting.main_venue, *role)).into_iter().collect()
        }
        CallTo::OperatorB => duty().operator_b().map(|b| person(b.to_string())).into_iter().collect(),
        CallTo::Leader => duty().leader.map(|leader| person(leader.to_string())).into_iter().collect(),
        CallTo::Carrier => {
            carriers(inventory, incident).into_iter().map(|(name, number)| office(name, number)).collect()
        }
        CallTo::Office { name, number } => vec![office(name.pick(lang).to_owned(), number.clone())],
    }
}

/// The carriers of the lines of the venues in trouble, with their fault desks.
fn carriers(inventory: &Inventory, incident: &Incident) -> Vec<(String, Option<String>)> {
    let links = incident.venues().into_iter().flat_map(|venue| inventory.links_of(venue));
    let trunk = |link: &crate::domain::inventory::Link| {
        link.trunk.as_ref().and_then(|id| inventory.trunks.get(id)).and_then(|trunk| trunk.carrier.clone())
    };
    let mut ids: Vec<_> =
        links.flat_map(|link| link.carrier.clone().into_iter().chain(trunk(link))).collect();
    ids.sort();
    ids.dedup();
    let known = ids.iter().filter_map(|id| inventory.carriers.get(id));
    known.map(|carrier| (carrier.name.clone(), carrier.fault_desk.clone())).collect()
}
