//! Incidents: lists, one with its timeline, and what people do with them.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Body, Page, Reader};
use crate::domain::fault::FaultClass;
use crate::domain::id::{MeetingId, PersonId, VenueId};
use crate::domain::incident::{Confidence, IncidentId, IncidentState};
use crate::domain::inventory::{Inventory, Phase, Resource};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::effect::Outcome;
use crate::engine::finding::Severity;
use crate::engine::input::{Command, IncidentAsk};
use crate::engine::state::{Correction, Incident, Member, Note, Review, Times};
use crate::engine::wording;
use crate::report::{Happened, Snapshot, story};
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Most incidents in one page.
const PAGE_MAX: usize = 200;

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `open` for all that are not over, `closed` for the others, or one state.
    state: Option<String>,
    /// One class of faults.
    #[param(value_type = Option<String>)]
    class: Option<FaultClass>,
    /// At least this severity.
    #[param(value_type = Option<String>)]
    severity: Option<Severity>,
    /// Of this meeting.
    #[param(value_type = Option<String>)]
    meeting: Option<MeetingId>,
    /// That concern this venue.
    #[param(value_type = Option<String>)]
    venue: Option<VenueId>,
    /// Older than this number; the newest first.
    after: Option<u64>,
    /// At most so many, 1–200.
    limit: Option<usize>,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// An incident in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IncidentShown {
    /// Its number.
    #[schema(value_type = u64)]
    pub(in crate::web) id: IncidentId,
    /// How far it is.
    #[schema(value_type = String)]
    state: IncidentState,
    /// The same in words.
    state_text: String,
    /// One line: what and where.
    title: String,
    /// What kind of trouble.
    #[schema(value_type = String)]
    class: FaultClass,
    /// How much it matters.
    #[schema(value_type = String)]
    severity: Severity,
    /// The same in words.
    severity_text: String,
    /// What failed, where one thing is behind it all.
    #[schema(value_type = Option<Object>)]
    cause: Option<Resource>,
    /// How sure that is.
    #[schema(value_type = String)]
    confidence: Confidence,
    /// The same in words.
    confidence_text: String,
    /// Why vcops thinks so.
    reason: String,
    /// The meeting that suffers.
    #[schema(value_type = Option<String>)]
    meeting: Option<MeetingId>,
    /// Where that meeting stood.
    #[schema(value_type = Option<String>)]
    phase: Option<Phase>,
    /// When what happened.
    #[schema(value_type = Object)]
    times: Times,
    /// The venues of the caller that it concerns.
    #[schema(value_type = Vec<String>)]
    venues: Vec<VenueId>,
    /// Alarms in it that are raised.
    raised: u32,
    /// How often it was opened again.
    reopened: u32,
    /// Who is to take care.
    #[schema(value_type = Option<String>)]
    owner: Option<PersonId>,
    /// Who acknowledged it.
    acked_by: Option<String>,
    /// The incident it was split or parted from.
    #[schema(value_type = Option<u64>)]
    from: Option<IncidentId>,
    /// The number under which it is told.
    #[schema(value_type = Option<u64>)]
    into: Option<IncidentId>,
    /// 整改 that is still to be done.
    corrections_open: usize,
}

/// An incident with everything that happened to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IncidentDetail {
    /// Its head.
    #[serde(flatten)]
    head: IncidentShown,
    /// Its alarms at the caller's venues, those that are over as well.
    #[schema(value_type = Vec<Object>)]
    members: Vec<Member>,
    /// What happened, oldest first.
    timeline: Vec<EntryShown>,
    /// Notes.
    #[schema(value_type = Vec<Object>)]
    notes: Vec<Note>,
    /// Its review.
    #[schema(value_type = Option<Object>)]
    review: Option<Review>,
    /// 整改.
    #[schema(value_type = Vec<Object>)]
    corrections: Vec<Correction>,
}

/// Something that happened to an incident.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EntryShown {
    /// When.
    #[schema(value_type = String)]
    at: Utc,
    /// By whom.
    by: String,
    /// A stable word.
    step: String,
    /// In words.
    text: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Handled {
    /// The incident that a split opened; else the one that was asked about.
    #[schema(value_type = u64)]
    incident: IncidentId,
}

/// A review 审签.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReview {
    /// What it was in the end.
    #[schema(value_type = String)]
    root_cause: FaultClass,
    /// In words; must not be empty.
    text: String,
}

#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(Which),
    responses((status = 200, body = Page<IncidentShown>)))]
/// Incidents that concern a venue of the caller, the newest first.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<Page<IncidentShown>>, Problem> {
    let snapshot = app.snapshot();
    let seen = |incident: &&Arc<Incident>| sees(&caller, incident, &snapshot.inventory);
    page(&snapshot, &which, seen, |incident| shown(&snapshot, incident, Some(&caller), lang)).map(Json)
}

/// One page of what `seen` lets through.
pub(in crate::web) fn page<T>(
    snapshot: &Snapshot,
    which: &Which,
    seen: impl Fn(&&Arc<Incident>) -> bool,
    show: impl Fn(&Incident) -> T,
) -> Result<Page<T>, Problem> {
    let limit = which.limit.unwrap_or(50).clamp(1, PAGE_MAX);
    let found = fitting(snapshot, which)?.filter(seen);
    let mut found: Vec<&Arc<Incident>> = found.take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_after = found.last().filter(|_| more).map(|incident| incident.id.0);
    Ok(Page { items: found.into_iter().map(|incident| show(incident)).collect(), next_after })
}

/// What a question asks for, the newest first.
fn fitting<'a>(
    snapshot: &'a Snapshot,
    which: &'a Which,
) -> Result<impl Iterator<Item = &'a Arc<Incident>>, Problem> {
    let state = which.state.as_deref().map(StateFilter::parse).transpose()?;
    let fits = move |incident: &&Arc<Incident>| {
        let assessment = &incident.assessment;
        state.is_none_or(|state| state.lets(incident.state))
            && which.class.is_none_or(|class| assessment.class == class)
            && which.severity.is_none_or(|severity| assessment.severity >= severity)
            && (which.meeting.is_none() || assessment.meeting == which.meeting)
            && which.venue.as_ref().is_none_or(|venue| incident.venues().contains(venue))
            && which.after.is_none_or(|after| incident.id.0 < after)
    };
    Ok(snapshot.incidents.iter().rev().filter(fits))
}

/// All that the caller sees of what is asked for, whatever the page.
pub(in crate::web) fn all(
    caller: &Caller,
    snapshot: &Snapshot,
    which: &Which,
) -> Result<Vec<Arc<Incident>>, Problem> {
    let seen = |incident: &&Arc<Incident>| sees(caller, incident, &snapshot.inventory);
    Ok(fitting(snapshot, which)?.filter(seen).cloned().collect())
}

/// The incident of that number, if it concerns a venue of the caller.
pub(in crate::web) fn seen(caller: &Caller, snapshot: &Snapshot, id: u64) -> Result<Arc<Incident>, Problem> {
    let incident = find(snapshot, id)?;
    if !sees(caller, &incident, &snapshot.inventory) {
        return Err(Problem::new(Code::NotFound));
    }
    Ok(incident)
}

/// Which states.
#[derive(Debug, Clone, Copy)]
enum StateFilter {
    Open,
    Closed,
    One(IncidentState),
}

impl StateFilter {
    fn parse(word: &str) -> Result<Self, Problem> {
        match word {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            one => serde_json::from_value(serde_json::Value::String(one.to_owned()))
                .map(Self::One)
                .map_err(|_| Problem::new(Code::BadRequest).items(vec![format!("state={one}")])),
        }
    }

    fn lets(self, state: IncidentState) -> bool {
        match self {
            Self::Open => state.is_open(),
            Self::Closed => !state.is_open(),
            Self::One(one) => state == one,
        }
    }
}

#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = u64, Path)),
    responses((status = 200, body = IncidentDetail)))]
/// One incident: its alarms, its timeline, notes, review and what is to be put right.
pub(in crate::web) async fn show(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Path(id): Path<u64>,
) -> Result<Json<IncidentDetail>, Problem> {
    let snapshot = app.snapshot();
    let incident = seen(&caller, &snapshot, id)?;
    Ok(Json(detail(&snapshot, &incident, Some(&caller), lang)))
}

#[utoipa::path(post, path = "/api/v1/incidents/{id}/handling", tag = "incidents", params(("id" = u64, Path)),
    request_body = Object, responses((status = 200, body = Handled)))]
/// Does something with an incident: `{"ask": "ack"}`, and likewise `unack`, `saw`, `assign`, `note`, `mitigating`,
/// `mitigated`, `resolve`, `false_alarm`, `merge`, `split`, `reopen`, `correct`, `corrected`.
pub(in crate::web) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(ask): Body<IncidentAsk>,
) -> Result<Json<Handled>, Problem> {
    if let IncidentAsk::Review { .. } = ask {
        // A review is a manager's and has its own route.
        return Err(Problem::new(Code::Forbidden));
    }
    if let IncidentAsk::Merge { into, .. } = &ask {
        demand(&app, &caller, Right::HandleIncidents, into.0)?;
    }
    demand(&app, &caller, Right::HandleIncidents, id)?;
    tell(&app, &caller, id, ask).await
}

#[utoipa::path(post, path = "/api/v1/incidents/{id}/review", tag = "incidents", params(("id" = u64, Path)),
    request_body = NewReview, responses((status = 200, body = Handled)))]
/// 审签: reviews and signs an incident that is over.
pub(in crate::web) async fn review(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<u64>,
    Body(new): Body<NewReview>,
) -> Result<Json<Handled>, Problem> {
    demand(&app, &caller, Right::ReviewIncidents, id)?;
    let ask = IncidentAsk::Review { root_cause: new.root_cause, text: new.text };
    tell(&app, &caller, id, ask).await
}

async fn tell(app: &App, caller: &Caller, id: u64, ask: IncidentAsk) -> Result<Json<Handled>, Problem> {
    let command = Command::Incident { incident: IncidentId(id), ask };
    let incident = match app.command(caller.actor(), command).await? {
        Outcome::Incident(opened) => opened,
        Outcome::Done
        | Outcome::Round(_)
        | Outcome::Version(_)
        | Outcome::Ordered(_)
        | Outcome::WouldDo(_)
        | Outcome::Refused(_) => IncidentId(id),
    };
    Ok(Json(Handled { incident }))
}

/// The incident of that number.
pub(in crate::web) fn find(snapshot: &Snapshot, id: u64) -> Result<Arc<Incident>, Problem> {
    let index = snapshot.incidents.binary_search_by_key(&IncidentId(id), |incident| incident.id);
    let found = index.ok().and_then(|index| snapshot.incidents.get(index)).cloned();
    found.ok_or_else(|| Problem::new(Code::NotFound).items(vec![format!("incident {id}")]))
}

/// Whether an incident concerns a venue of the caller.
fn sees(caller: &Caller, incident: &Incident, inventory: &Inventory) -> bool {
    caller.has_everywhere(Right::ReadIncidents)
        || incident.venues().into_iter().any(|venue| caller.reaches(Right::ReadIncidents, venue, inventory))
}

/// Refuses unless the right reaches every venue of the incident, and everything where it is about none.
fn demand(app: &App, caller: &Caller, right: Right, id: u64) -> Result<(), Problem> {
    let snapshot = app.snapshot();
    let incident = find(&snapshot, id)?;
    if !sees(caller, &incident, &snapshot.inventory) {
        return Err(Problem::new(Code::NotFound));
    }
    let venues = incident.venues();
    let all = venues.iter().all(|venue| caller.reaches(right, venue, &snapshot.inventory));
    if caller.has_everywhere(right) || (all && !venues.is_empty()) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden))
}

/// An incident as a caller may see it; as the local account may without one.
pub(in crate::web) fn shown(
    snapshot: &Snapshot,
    incident: &Incident,
    caller: Option<&Caller>,
    lang: Lang,
) -> IncidentShown {
    let assessment = &incident.assessment;
    let reaches = |venue: &&VenueId| reaches(snapshot, caller, Some(venue));
    IncidentShown {
        id: incident.id,
        state: incident.state,
        state_text: wording::incident_state(incident.state, lang).to_owned(),
        title: wording::incident_title(incident, &snapshot.inventory, lang),
        class: assessment.class,
        severity: assessment.severity,
        severity_text: wording::severity(assessment.severity, lang).to_owned(),
        cause: assessment.cause.clone(),
        confidence: assessment.confidence,
        confidence_text: wording::confidence(assessment.confidence, lang).to_owned(),
        reason: assessment.reason.pick(lang).to_owned(),
        meeting: assessment.meeting.clone(),
        phase: assessment.phase,
        times: incident.times,
        venues: incident.venues().into_iter().filter(reaches).cloned().collect(),
        raised: incident.raised,
        reopened: incident.reopened,
        owner: incident.owner.clone(),
        acked_by: incident.acked_by.as_ref().map(ToString::to_string),
        from: incident.from,
        into: incident.into,
        corrections_open: incident.corrections.iter().filter(|correction| correction.done.is_none()).count(),
    }
}

fn reaches(snapshot: &Snapshot, caller: Option<&Caller>, venue: Option<&VenueId>) -> bool {
    match (caller, venue) {
        (None, _) => true,
        (Some(caller), Some(venue)) => caller.reaches(Right::ReadIncidents, venue, &snapshot.inventory),
        (Some(caller), None) => caller.has(Right::ReadIncidents),
    }
}

/// The same with everything that happened.
pub(in crate::web) fn detail(
    snapshot: &Snapshot,
    incident: &Incident,
    caller: Option<&Caller>,
    lang: Lang,
) -> IncidentDetail {
    let mine = |member: &&Member| reaches(snapshot, caller, member.venue.as_ref());
    // Who was told is for those who see the duty roster.
    let everywhere = caller.is_none_or(|caller| caller.has_everywhere(Right::ReadIncidents));
    let told = |happened: &Happened| everywhere || !matches!(happened.step, "told" | "answered");
    let timeline = story(snapshot, incident, lang);
    IncidentDetail {
        head: shown(snapshot, incident, caller, lang),
        members: incident.members.values().filter(mine).cloned().collect(),
        timeline: timeline.into_iter().filter(told).map(entry_shown).collect(),
        notes: incident.notes.clone(),
        review: incident.review.clone(),
        corrections: incident.corrections.clone(),
    }
}

fn entry_shown(happened: Happened) -> EntryShown {
    let Happened { at, by, step, text } = happened;
    EntryShown { at, by, step: step.to_owned(), text }
}
