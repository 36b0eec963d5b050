//! Alarms: those that are not merely normal, what people do with many at once, their sheets, and how much they ask.
#![expect(unused_qualifications, reason = "the document's macro qualifies the type of the query")]

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Body, Done, Page, Reader};
use crate::domain::id::{RegionId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::alarm::load::{self, Load};
use crate::engine::alarm::{AlarmState, AlarmView, Suppressor, sheet};
use crate::engine::finding::{FindingKey, RuleCode, Severity};
use crate::engine::input::{AlarmAsk, Command};
use crate::engine::state::{Acked, OutOfService, Shelf};
use crate::engine::wording;
use crate::report::Snapshot;
use crate::web::access::{Caller, Right};
use crate::web::app::App;
use crate::web::problem::{Code, Problem};

/// Most alarms in one page.
const PAGE_MAX: usize = 1_000;

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// One state.
    #[param(value_type = Option<String>)]
    state: Option<AlarmState>,
    /// At this venue.
    #[param(value_type = Option<String>)]
    venue: Option<VenueId>,
    /// In this incident.
    #[param(value_type = Option<u64>)]
    incident: Option<IncidentId>,
    /// Only those that speak: raised, not acknowledged, nothing over them.
    #[serde(default)]
    speaking: bool,
    /// So many were shown already.
    #[serde(default)]
    after: u64,
    /// At most so many, 1–1000.
    limit: Option<usize>,
    /// The reader's language.
    #[serde(default, rename = "lang")]
    _lang: Option<String>,
}

/// An alarm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlarmShown {
    /// What is wrong with what.
    #[schema(value_type = Object)]
    key: FindingKey,
    /// The same as the journal writes it.
    name: String,
    /// The rule in words.
    text: String,
    /// Where it stands.
    #[schema(value_type = String)]
    state: AlarmState,
    /// The same in words.
    state_text: String,
    /// How much it matters; none while it is not raised.
    #[schema(value_type = Option<String>)]
    severity: Option<Severity>,
    /// Since when it stands there.
    #[schema(value_type = Option<String>)]
    since: Option<Utc>,
    /// Whether what it is about is seen now.
    seen: bool,
    /// Whether it speaks.
    speaks: bool,
    /// How often it came back.
    relapses: u32,
    /// The venue it is about.
    #[schema(value_type = Option<String>)]
    venue: Option<VenueId>,
    /// Its incident.
    #[schema(value_type = Option<u64>)]
    incident: Option<IncidentId>,
    /// Who takes care.
    #[schema(value_type = Option<Object>)]
    acked: Option<Acked>,
    /// 暂不提醒: until when, why, by whom.
    #[schema(value_type = Option<Object>)]
    shelf: Option<Shelf>,
    /// 停用.
    #[schema(value_type = Option<Object>)]
    service: Option<OutOfService>,
    /// 抖动, until when at least.
    #[schema(value_type = Option<String>)]
    chatters_until: Option<Utc>,
    /// What it is silent for by design.
    #[schema(value_type = Option<Object>)]
    suppressed: Option<Suppressor>,
}

/// What to do with which alarms.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handling {
    /// Which, as the list names them.
    #[schema(value_type = Vec<Object>)]
    alarms: Vec<FindingKey>,
    /// `{"ask": "ack"}`, and likewise `unack`, `reset`, `shelve`, `unshelve`, `out_of_service`, `in_service`.
    #[schema(value_type = Object)]
    handling: AlarmAsk,
}

/// How much is asked of whom.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoadShown {
    /// Of the caller's regions.
    #[schema(value_type = Object)]
    mine: Load,
    /// Since when there is a flood.
    #[schema(value_type = Option<String>)]
    flood: Option<Utc>,
}

/// The sheet of an alarm 告警处置卡.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SheetShown {
    /// Which rule.
    #[schema(value_type = String)]
    rule: RuleCode,
    /// In words.
    text: String,
    /// What is usually behind it.
    cause: String,
    /// What it leads to.
    consequence: String,
    /// What to do.
    action: String,
    /// How soon, seconds.
    respond_within_s: f64,
}

#[utoipa::path(get, path = "/api/v1/alarms", tag = "alarms", params(Which),
    responses((status = 200, body = Page<AlarmShown>)))]
/// Alarms at the caller's venues that are not merely normal.
pub(in crate::web) async fn list(
    State(app): State<App>,
    Reader(lang): Reader,
    caller: Caller,
    Query(which): Query<Which>,
) -> Json<Page<AlarmShown>> {
    let snapshot = app.snapshot();
    let fits = |view: &&AlarmView| {
        reaches(&caller, Right::ReadIncidents, view.venue.as_ref(), &snapshot)
            && which.state.is_none_or(|state| view.state == state)
            && (which.venue.is_none() || view.venue == which.venue)
            && (which.incident.is_none() || view.incident == which.incident)
            && (!which.speaking || view.annunciates())
    };
    let limit = which.limit.unwrap_or(200).clamp(1, PAGE_MAX);
    let before = usize::try_from(which.after).unwrap_or(usize::MAX);
    let mut found: Vec<&AlarmView> =
        snapshot.alarms.iter().filter(fits).skip(before).take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_after = more.then(|| which.after + limit as u64);
    Json(Page { items: found.into_iter().map(|view| shown(view, lang)).collect(), next_after })
}

#[utoipa::path(post, path = "/api/v1/alarms/handling", tag = "alarms", request_body = Handling,
    responses((status = 200, body = Done)))]
/// Does one thing with many alarms, for one reason.
pub(in crate::web) async fn handle(
    State(app): State<App>,
    caller: Caller,
    Body(Handling { alarms, handling }): Body<Handling>,
) -> Result<Json<Done>, Problem> {
    let snapshot = app.snapshot();
    for key in &alarms {
        let venue = crate::engine::incident::venue_of(&snapshot.inventory, &key.subject);
        if !reaches(&caller, Right::HandleIncidents, venue.as_ref(), &snapshot) {
            return Err(Problem::new(Code::Forbidden).items(vec![key.to_string()]));
        }
    }
    app.command(caller.actor(), Command::Alarms { alarms, ask: handling }).await?;
    Ok(Done::YES)
}

#[utoipa::path(get, path = "/api/v1/alarms/load", tag = "alarms", responses((status = 200, body = LoadShown)))]
/// How much the alarms ask of the caller: per ten minutes, peak, standing (EEMUA 191).
pub(in crate::web) async fn show_load(State(app): State<App>, caller: Caller) -> Json<LoadShown> {
    let snapshot = app.snapshot();
    let regions = (!caller.has_everywhere(Right::ReadIncidents)).then(|| regions(&caller, &snapshot));
    let open = snapshot.incidents.iter().filter(|incident| incident.state.is_open());
    let open = open.map(|incident| (incident.times.detected, incident.region(&snapshot.inventory)));
    let mine = load::of(&snapshot.annunciations, open, regions.as_ref(), snapshot.at);
    Json(LoadShown { mine, flood: snapshot.flood })
}

#[utoipa::path(get, path = "/api/v1/alarms/sheets", tag = "alarms",
    responses((status = 200, body = Page<SheetShown>)))]
/// The sheet of every alarm 告警处置卡: why it comes, what it leads to, what to do, how soon.
pub(in crate::web) async fn sheets(Reader(lang): Reader) -> Json<Page<SheetShown>> {
    let sheet = |rule: &RuleCode| {
        let sheet = sheet::of(*rule);
        SheetShown {
            rule: *rule,
            text: wording::rule(*rule, lang).to_owned(),
            cause: sheet.cause(lang).to_owned(),
            consequence: sheet.consequence(lang).to_owned(),
            action: sheet.action(lang).to_owned(),
            respond_within_s: sheet.respond_within.as_s(),
        }
    };
    Json(Page { items: RuleCode::ALL.iter().map(sheet).collect(), next_after: None })
}

/// The regions that a caller's right reaches.
fn regions(caller: &Caller, snapshot: &Snapshot) -> BTreeSet<RegionId> {
    let mine = |region: &&RegionId| caller.may(Right::ReadIncidents, region, &snapshot.inventory);
    snapshot.inventory.regions.keys().filter(mine).cloned().collect()
}

/// What is at no venue is for those whose right holds everywhere.
fn reaches(caller: &Caller, right: Right, venue: Option<&VenueId>, snapshot: &Snapshot) -> bool {
    match venue {
        Some(venue) => caller.reaches(right, venue, &snapshot.inventory),
        None => caller.has_everywhere(right),
    }
}

fn shown(view: &AlarmView, lang: Lang) -> AlarmShown {
    AlarmShown {
        key: view.key.clone(),
        name: view.key.to_string(),
        text: wording::rule(view.key.rule, lang).to_owned(),
        state: view.state,
        state_text: wording::alarm_state(view.state, lang).to_owned(),
        severity: view.severity,
        since: view.since,
        seen: view.seen,
        speaks: view.annunciates(),
        relapses: view.relapses,
        venue: view.venue.clone(),
        incident: view.incident,
        acked: view.acked.clone(),
        shelf: view.shelf.clone(),
        service: view.service.clone(),
        chatters_until: view.chatters_until,
        suppressed: view.suppressed.clone(),
    }
}
