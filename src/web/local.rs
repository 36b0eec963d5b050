//! The daemon's own socket, for commands on this machine. The kernel says who speaks; only root and the account that
//! the daemon runs under are heard, and the journal names them.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path as FilePath;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::serve::IncomingStream;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::api::agents::{InvitationShown, invitation};
use super::api::devices::{ActionShown, DeviceShown, NewAction, order, parse, report, shown};
use super::api::events::{EventShown, read};
use super::api::incidents::{
    IncidentDetail, IncidentShown, Which, detail, find, page, shown as incident_shown,
};
use super::api::notices::{NewChannelTest, TestShown, tested};
use super::api::statistics::{Period, computed};
use super::api::users::{NewUser, create};
use super::api::{Body, Done, Page, Reader};
use super::app::App;
use super::ports::ChannelShown;
use super::problem::{Code, Problem, localised};
use super::routes::timed;
use crate::domain::actor::Actor;
use crate::domain::check::RoundId;
use crate::domain::id::{AgentId, ChannelId, MeetingId, UserId};
use crate::domain::inventory::{Inventory, PersonDetails, TelephoneKind};
use crate::domain::lang::Lang;
use crate::domain::time::{Span, Utc};
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::engine::state::Incident;
use crate::observation::device::DeviceReport;
use crate::report::statistics::{Statistics, statistics_text};
use crate::report::{
    Matrix, RehearsalJson, device_roster, device_status, device_streams, incident_list, incident_text, json,
    matrix, table,
};
use crate::store::backup::Manifest;
use crate::store::people::{MAIL, Person, PersonNumber};
use crate::store::verify::Verification;

/// Verification reads everything; the rest is quick.
const PATIENCE: Duration = Duration::from_secs(600);
/// So long the journal may be read for statistics.
const READ_ALL: Duration = Duration::from_secs(500);
/// Longest life of a one-time link.
const LINK_LIFE_MAX_S: u64 = 24 * 3600;

/// Who speaks, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAccount {
    /// Unix user id; `None` when the kernel would not say.
    uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for PeerAccount {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|peer| peer.uid()) }
    }
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// When the newest snapshot was taken.
    pub at: Utc,
    /// Snapshots so far; 0: the engine has not started.
    pub seq: u64,
    /// Whether the journal takes no writes at the moment.
    pub unrecorded: bool,
    /// Version of the inventory.
    pub inventory: u64,
    /// Agents heard now.
    pub agents_online: usize,
    /// Agents known.
    pub agents: usize,
    /// Rounds that run.
    pub rounds_open: Vec<RoundId>,
    /// Raised findings.
    pub findings: usize,
}

/// Whose newest round.
#[derive(Debug, Clone, Deserialize)]
struct Whose {
    meeting: Option<MeetingId>,
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

/// A one-time link to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// For whom.
    pub user: UserId,
    /// For how many seconds, at most a day.
    pub seconds: u64,
}

/// A one-time link's token.
#[derive(Serialize, Deserialize)]
pub struct LinkShown {
    /// To be put behind `?login=`.
    pub token: String,
}

impl std::fmt::Debug for LinkShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkShown(…)")
    }
}

/// Serves the socket until `stop`. Who owns the socket's file may speak, and root.
pub async fn serve(
    listener: UnixListener,
    path: &FilePath,
    app: App,
    stop: CancellationToken,
) -> io::Result<()> {
    let owner = std::fs::metadata(path)?.uid();
    let service = router(app, owner).into_make_service_with_connect_info::<PeerAccount>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

/// The routes of the socket. Every one acts as the account that speaks.
pub fn router(app: App, owner: u32) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/command", post(command))
        .route("/v1/inventory", get(inventory))
        .route("/v1/people", get(people).put(put_people))
        .route("/v1/rounds/{id}/matrix", get(show_matrix))
        .route("/v1/rounds/{id}/table", get(show_table))
        .route("/v1/rounds/{id}/json", get(show_json))
        .route("/v1/newest-round", get(newest_round))
        .route("/v1/agents/{id}/invitation", post(invite))
        .route("/v1/devices", get(devices))
        .route("/v1/devices/{kind}/{id}", get(device))
        .route("/v1/devices/{kind}/{id}/actions", post(act))
        .route("/v1/devices/{kind}/{id}/{what}", get(device_table))
        .route("/v1/channels", get(channels))
        .route("/v1/channels/{id}/test", post(test_channel))
        .route("/v1/incidents", get(incidents))
        .route("/v1/incidents-table", get(incidents_table))
        .route("/v1/incidents/{id}", get(incident))
        .route("/v1/incidents/{id}/table", get(incident_table))
        .route("/v1/statistics", get(show_statistics))
        .route("/v1/statistics-table", get(statistics_table))
        .route("/v1/users", post(add_user))
        .route("/v1/login-link", put(login_link))
        .route("/v1/events", get(events))
        .route("/v1/journal/verify", post(verify))
        .route("/v1/backup", post(back_up))
        .fallback(|| async { Problem::new(Code::NotFound) })
        .layer(from_fn_with_state(owner, admit))
        .layer(DefaultBodyLimit::max(64 << 20))
        .layer(from_fn_with_state(PATIENCE, timed))
        .layer(from_fn(localised))
        .with_state(app)
}

/// Lets in root and the owner, and nobody whom the kernel does not name.
async fn admit(State(owner): State<u32>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<PeerAccount>>().and_then(|info| info.0.uid);
    match peer.filter(|uid| *uid == 0 || *uid == owner) {
        Some(uid) => {
            request.extensions_mut().insert(Actor::Local { uid, name: account_name(uid) });
            next.run(request).await
        }
        None => Problem::new(Code::Forbidden).into_response(),
    }
}

/// The account's name in `/etc/passwd`, or the number.
fn account_name(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    accounts.lines().find_map(name).unwrap_or_else(|| uid.to_string())
}

type Speaker = axum::Extension<Actor>;

async fn status(State(app): State<App>) -> Json<Status> {
    let snapshot = app.snapshot();
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: snapshot.at,
        seq: snapshot.seq,
        unrecorded: snapshot.unrecorded,
        inventory: snapshot.inventory.version,
        agents_online: snapshot.agents.values().filter(|agent| agent.online).count(),
        agents: snapshot.agents.len(),
        rounds_open: snapshot.rounds.iter().filter(|round| round.is_open()).map(|round| round.id).collect(),
        findings: snapshot.findings.len(),
    })
}

async fn command(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Body(command): Body<Command>,
) -> Result<Json<Outcome>, Problem> {
    app.command(actor, command).await.map(Json)
}

async fn inventory(State(app): State<App>) -> Json<Inventory> {
    Json((*app.snapshot().inventory).clone())
}

async fn people(State(app): State<App>) -> Result<Json<Vec<PersonDetails>>, Problem> {
    let people = app.store().people().await?;
    Ok(Json(people.into_iter().map(details).collect()))
}

async fn channels(State(app): State<App>) -> Json<Vec<ChannelShown>> {
    Json(app.ports().notices.channels.to_vec())
}

async fn test_channel(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Path(id): Path<ChannelId>,
    Body(new): Body<NewChannelTest>,
) -> Result<Json<TestShown>, Problem> {
    tested(&app, actor, id, new).await.map(Json)
}

async fn put_people(
    State(app): State<App>,
    Body(people): Body<Vec<PersonDetails>>,
) -> Result<Json<Done>, Problem> {
    for person in people {
        app.store().put_person(&row(person), app.now()).await?;
    }
    Ok(Done::YES)
}

async fn show_matrix(
    State(app): State<App>,
    Reader(lang): Reader,
    Path(id): Path<u64>,
) -> Result<Json<Matrix>, Problem> {
    whole(&app, id, lang).map(Json)
}

async fn show_table(
    State(app): State<App>,
    Reader(lang): Reader,
    Path(id): Path<u64>,
) -> Result<String, Problem> {
    whole(&app, id, lang).map(|matrix| table(&matrix, lang))
}

async fn show_json(
    State(app): State<App>,
    Reader(lang): Reader,
    Path(id): Path<u64>,
) -> Result<Json<RehearsalJson>, Problem> {
    whole(&app, id, lang).map(|matrix| Json(json(&matrix, Vec::new())))
}

async fn newest_round(State(app): State<App>, Query(whose): Query<Whose>) -> Result<Json<RoundId>, Problem> {
    let snapshot = app.snapshot();
    let round = match &whose.meeting {
        Some(meeting) => snapshot.newest_round(meeting),
        None => snapshot.rounds.last(),
    };
    round.map(|round| Json(round.id)).ok_or_else(|| Problem::new(Code::NotFound))
}

fn whole(app: &App, id: u64, lang: Lang) -> Result<Matrix, Problem> {
    matrix(&app.snapshot(), RoundId(id), lang, |_| true).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn devices(State(app): State<App>, Reader(lang): Reader) -> Json<Vec<DeviceShown>> {
    Json(shown(&app, &app.snapshot(), lang))
}

async fn device(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<DeviceReport>, Problem> {
    report(&app, &parse(&kind, &id)?).map(Json)
}

async fn device_table(
    State(app): State<App>,
    Reader(lang): Reader,
    Path((kind, id, what)): Path<(String, String, String)>,
) -> Result<String, Problem> {
    let report = report(&app, &parse(&kind, &id)?)?;
    match what.as_str() {
        "status" => Ok(device_status(&id, &report, lang)),
        "roster" => Ok(device_roster(&report, lang)),
        "streams" => Ok(device_streams(&report, None, lang)),
        _ => Err(Problem::new(Code::NotFound)),
    }
}

async fn incidents(
    State(app): State<App>,
    Reader(lang): Reader,
    Query(which): Query<Which>,
) -> Result<Json<Page<IncidentShown>>, Problem> {
    let snapshot = app.snapshot();
    page(&snapshot, &which, |_| true, |incident| incident_shown(&snapshot, incident, None, lang)).map(Json)
}

async fn incidents_table(
    State(app): State<App>,
    Reader(lang): Reader,
    Query(which): Query<Which>,
) -> Result<String, Problem> {
    let snapshot = app.snapshot();
    let found = page(&snapshot, &which, |_| true, Incident::clone)?;
    Ok(incident_list(found.items.iter(), &snapshot.inventory, &app.settings().zone, lang))
}

async fn incident(
    State(app): State<App>,
    Reader(lang): Reader,
    Path(id): Path<u64>,
) -> Result<Json<IncidentDetail>, Problem> {
    let snapshot = app.snapshot();
    let found = find(&snapshot, id)?;
    Ok(Json(detail(&snapshot, &found, None, lang)))
}

async fn incident_table(
    State(app): State<App>,
    Reader(lang): Reader,
    Path(id): Path<u64>,
) -> Result<String, Problem> {
    let snapshot = app.snapshot();
    let found = find(&snapshot, id)?;
    Ok(incident_text(&snapshot, &found, &app.settings().zone, lang))
}

async fn show_statistics(
    State(app): State<App>,
    Reader(lang): Reader,
    Query(period): Query<Period>,
) -> Result<Json<Statistics>, Problem> {
    computed(&app, None, &period, READ_ALL, lang).await.map(Json)
}

async fn statistics_table(
    State(app): State<App>,
    Reader(lang): Reader,
    Query(period): Query<Period>,
) -> Result<String, Problem> {
    let found = computed(&app, None, &period, READ_ALL, lang).await?;
    Ok(statistics_text(&found, &app.settings().zone, lang))
}

async fn act(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Path((kind, id)): Path<(String, String)>,
    Body(new): Body<NewAction>,
) -> Result<Json<ActionShown>, Problem> {
    order(&app, actor, parse(&kind, &id)?, new, None).await.map(Json)
}

async fn invite(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Path(id): Path<AgentId>,
) -> Result<Json<InvitationShown>, Problem> {
    invitation(&app, actor, id).await.map(Json)
}

async fn add_user(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Body(new): Body<NewUser>,
) -> Result<Json<Done>, Problem> {
    create(&app, actor, new).await?;
    Ok(Done::YES)
}

async fn login_link(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Body(link): Body<NewLink>,
) -> Result<Json<LinkShown>, Problem> {
    if app.store().user(&link.user).await?.is_none() {
        return Err(Problem::new(Code::NotFound).items(vec![link.user.to_string()]));
    }
    app.record_identity(actor, "login_link_made", link.user.as_str()).await;
    let life = Span::seconds(link.seconds.min(LINK_LIFE_MAX_S));
    let token = app.one_time_link(link.user, life).await;
    Ok(Json(LinkShown { token: token.reveal().to_owned() }))
}

async fn events(
    State(app): State<App>,
    Query(page): Query<Whose>,
) -> Result<Json<Page<EventShown>>, Problem> {
    read(&app, page.after, page.limit.unwrap_or(100)).await.map(Json)
}

async fn verify(State(app): State<App>) -> Result<Json<Verification>, Problem> {
    Ok(Json(app.store().verify(&[]).await?))
}

/// Copies the store into a new directory that the daemon's account may write.
async fn back_up(
    State(app): State<App>,
    axum::Extension(actor): Speaker,
    Body(dest): Body<std::path::PathBuf>,
) -> Result<Json<Manifest>, Problem> {
    let manifest = app.store().backup(&dest, app.now()).await?;
    app.record_identity(actor, "backed_up", &manifest.seq.to_string()).await;
    Ok(Json(manifest))
}

fn details(person: Person) -> PersonDetails {
    let kind = |word: &str| if word == "mobile" { TelephoneKind::Mobile } else { TelephoneKind::Landline };
    let (mail, numbers): (Vec<PersonNumber>, Vec<_>) =
        person.numbers.into_iter().partition(|number| number.kind == MAIL);
    let telephones = numbers.into_iter().map(|number| crate::domain::inventory::Telephone {
        kind: kind(&number.kind),
        number: number.number,
    });
    let mail = mail.into_iter().next().map(|mail| mail.number);
    PersonDetails { telephones: telephones.collect(), mail, id: person.id, name: person.name }
}

fn row(details: PersonDetails) -> Person {
    let kind = |kind| match kind {
        TelephoneKind::Landline => "landline",
        TelephoneKind::Mobile => "mobile",
    };
    let numbers = details
        .telephones
        .into_iter()
        .map(|telephone| PersonNumber { kind: kind(telephone.kind).to_owned(), number: telephone.number });
    let mail = details.mail.map(|mail| PersonNumber { kind: MAIL.to_owned(), number: mail });
    Person { numbers: numbers.chain(mail).collect(), id: details.id, name: details.name }
}
