//! The one table of routes: method, path, the right it demands, its handler. What is not here does not exist.

use std::fmt;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Method};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::access::Right;
use super::api::{
    agents, alarms, checklist, devices, duty, events, health, incidents, inventory, live, media, meetings,
    notices, passes, people, plans, records, replay, rounds, second_factor, session, setup, statistics,
    streams, users, wall,
};
use super::app::App;
use super::guard::{Gate, guard};
use super::problem::{Code, Problem, localised};
use super::{openapi, page};

/// One route.
pub struct Route {
    /// HTTP method.
    pub method: Method,
    /// Path, parameters in braces.
    pub path: &'static str,
    /// What it demands of its caller; the region is the handler's to check.
    pub right: Right,
    handler: MethodRouter<App>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({:?})", self.method, self.path, self.right)
    }
}

/// Every route.
pub fn table() -> Vec<Route> {
    let mut table = machines();
    table.extend(identity());
    table.extend(rehearsal());
    table.extend(watching());
    table.extend(telling());
    table.extend(alarming());
    table.extend(emergency());
    table.extend(keeping());
    table
}

fn machines() -> Vec<Route> {
    vec![
        get("/", Right::Public, page::index),
        get("/assets/{file}", Right::Public, page::asset),
        get("/healthz", Right::Public, health::healthz),
        get("/readyz", Right::Public, health::readyz),
        get("/metrics", Right::Scrape, health::metrics),
        get("/api/v1/openapi.json", Right::SignedIn, openapi::show),
    ]
}

fn identity() -> Vec<Route> {
    vec![
        get("/api/v1/setup", Right::Public, setup::show),
        post("/api/v1/setup", Right::Public, setup::complete),
        get("/api/v1/session", Right::SignedIn, session::show),
        post("/api/v1/session", Right::Public, session::open),
        route(Method::DELETE, "/api/v1/session", Right::SignedIn, session::close),
        post("/api/v1/session/link", Right::Public, session::open_link),
        route(Method::PUT, "/api/v1/session/password", Right::SignedIn, session::change_password),
        post("/api/v1/session/pass", Right::Public, passes::enter),
        post("/api/v1/session/proof", Right::SignedIn, session::prove),
        post("/api/v1/session/second-factor", Right::SignedIn, second_factor::make),
        route(Method::PUT, "/api/v1/session/second-factor", Right::SignedIn, second_factor::confirm),
        get("/api/v1/users", Right::ManageUsers, users::list),
        post("/api/v1/users", Right::ManageUsers, users::add),
        route(Method::PATCH, "/api/v1/users/{id}", Right::ManageUsers, users::change),
        route(Method::PUT, "/api/v1/users/{id}/password", Right::ManageUsers, users::set_password),
        get("/api/v1/users/{id}/sessions", Right::ManageUsers, users::sessions),
        delete("/api/v1/users/{id}/sessions", Right::ManageUsers, users::end_sessions),
        delete("/api/v1/users/{id}/second-factor", Right::ManageUsers, second_factor::take_off),
        get("/api/v1/wallboards", Right::ManageUsers, passes::wallboards),
        post("/api/v1/wallboards", Right::ManageUsers, passes::hang),
        delete("/api/v1/wallboards/{id}", Right::ManageUsers, passes::take_down),
    ]
}

fn rehearsal() -> Vec<Route> {
    vec![
        get("/api/v1/meetings", Right::ReadRehearsal, meetings::list),
        get("/api/v1/meetings/{id}", Right::ReadRehearsal, meetings::show),
        post("/api/v1/meetings/{id}/rollcall", Right::RollCall, meetings::roll_call),
        post("/api/v1/venues/{id}/consent", Right::WorkAtVenue, meetings::consent),
        get("/api/v1/rounds", Right::ReadRehearsal, rounds::list),
        post("/api/v1/rounds", Right::RunRehearsal, rounds::open),
        get("/api/v1/rounds/{id}", Right::ReadRehearsal, rounds::show),
        get("/api/v1/rounds/{id}/matrix", Right::ReadRehearsal, rounds::show_matrix),
        get("/api/v1/rounds/{id}/form", Right::ReadRehearsal, rounds::form),
        get("/api/v1/rounds/{id}/record.docx", Right::ReadRehearsal, records::round),
        get("/api/v1/meetings/{id}/record.docx", Right::ReadRehearsal, records::meeting),
        post("/api/v1/rounds/{id}/retest", Right::WorkAtVenue, rounds::retest),
        post("/api/v1/rounds/{id}/close", Right::RunRehearsal, rounds::close),
        post("/api/v1/rounds/{id}/waive", Right::Waive, rounds::waive),
        post("/api/v1/rounds/{id}/room", Right::WorkAtVenue, rounds::room),
        post("/api/v1/rounds/{id}/confirm", Right::WorkAtVenue, rounds::confirm),
        post("/api/v1/rounds/{id}/signoff", Right::SignOff, rounds::sign_off),
        get("/api/v1/live", Right::ReadRehearsal, live::follow),
        get("/api/v1/meetings/{id}/links", Right::RunRehearsal, passes::links),
        post("/api/v1/meetings/{id}/links", Right::RunRehearsal, passes::link),
        delete("/api/v1/links/{id}", Right::RunRehearsal, passes::unlink),
        get("/api/v1/checklist", Right::Checklist, checklist::show),
        post("/api/v1/checklist", Right::Checklist, checklist::record),
        post("/api/v1/checklist/retest", Right::Checklist, checklist::retest),
    ]
}

fn watching() -> Vec<Route> {
    vec![
        get("/api/v1/streams", Right::WatchStreams, streams::list),
        get("/api/v1/streams/live", Right::WatchStreams, wall::follow),
        get("/api/v1/streams/{id}/thumbnail", Right::WatchStreams, streams::thumbnail),
        get("/api/v1/streams/{id}/media", Right::ViewStreams, media::view),
        get("/api/v1/streams/{id}/stills", Right::WatchStreams, replay::stills),
        get("/api/v1/streams/{id}/stills/{at}", Right::WatchStreams, replay::still),
        get("/api/v1/streams/{id}/samples", Right::WatchStreams, replay::samples),
    ]
}

fn telling() -> Vec<Route> {
    vec![
        get("/api/v1/devices", Right::WatchStreams, devices::list),
        get("/api/v1/devices/{kind}/{id}", Right::WatchStreams, devices::show),
        post("/api/v1/devices/{kind}/{id}/actions", Right::ActOnDevices, devices::act),
        post("/api/v1/actions/{key}/decision", Right::ActOnDevices, devices::decide),
    ]
}

fn alarming() -> Vec<Route> {
    vec![
        get("/api/v1/incidents", Right::ReadIncidents, incidents::list),
        get("/api/v1/incidents/{id}", Right::ReadIncidents, incidents::show),
        post("/api/v1/incidents/{id}/handling", Right::HandleIncidents, incidents::handle),
        post("/api/v1/incidents/{id}/review", Right::ReviewIncidents, incidents::review),
        get("/api/v1/alarms", Right::ReadIncidents, alarms::list),
        post("/api/v1/alarms/handling", Right::HandleIncidents, alarms::handle),
        get("/api/v1/alarms/load", Right::ReadIncidents, alarms::show_load),
        get("/api/v1/alarms/sheets", Right::ReadIncidents, alarms::sheets),
        get("/api/v1/statistics", Right::ReadIncidents, statistics::show),
        get("/api/v1/statistics.xlsx", Right::ReadIncidents, records::statistics),
        get("/api/v1/incidents.xlsx", Right::ReadIncidents, records::incident_list),
        get("/api/v1/incidents/{id}/review.docx", Right::ReadIncidents, records::incident),
    ]
}

fn emergency() -> Vec<Route> {
    vec![
        get("/api/v1/plans", Right::ReadIncidents, plans::list),
        get("/api/v1/plans/{id}", Right::ReadIncidents, plans::show),
        get("/api/v1/incidents/{id}/plan", Right::ReadIncidents, plans::run),
        post("/api/v1/incidents/{id}/plan", Right::HandleIncidents, plans::ask),
        get("/api/v1/duty", Right::ReadIncidents, duty::show),
        post("/api/v1/duty", Right::HandleIncidents, duty::ask),
    ]
}

fn keeping() -> Vec<Route> {
    vec![
        get("/api/v1/inventory", Right::ReadInventory, inventory::show),
        post("/api/v1/inventory", Right::WriteInventory, inventory::change),
        get("/api/v1/agents", Right::ReadInventory, agents::list),
        post("/api/v1/agents/{id}/invitation", Right::WriteInventory, agents::invite),
        post("/api/v1/agents/{id}/revoke", Right::WriteInventory, agents::revoke),
        get("/api/v1/people", Right::ReadPeople, people::list),
        get("/api/v1/events", Right::ReadJournal, events::list),
        get("/api/v1/channels", Right::TestChannels, notices::list),
        post("/api/v1/channels/{id}/test", Right::TestChannels, notices::test),
    ]
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(Method::GET, path, right, handler)
}

fn post<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(Method::POST, path, right, handler)
}

fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, right: Right, handler: H) -> Route {
    route(Method::DELETE, path, right, handler)
}

fn route<H: Handler<T, App>, T: 'static>(
    method: Method,
    path: &'static str,
    right: Right,
    handler: H,
) -> Route {
    let filter = MethodFilter::try_from(method.clone()).expect("the table names standard methods");
    Route { method, path, right, handler: on(filter, handler) }
}

/// The router for browsers and programs. Serve it with the peer's address as `ConnectInfo<SocketAddr>`.
pub fn router(app: &App) -> Router {
    let mut router = Router::new();
    for Route { path, right, handler, .. } in table() {
        let before_setup = path == "/healthz";
        let gate = Gate { app: app.clone(), right, before_setup };
        router = router.route(path, handler.route_layer(from_fn_with_state(gate, guard)));
    }
    let settings = app.settings();
    router
        .fallback(|| async { Problem::new(Code::NotFound) })
        .layer(DefaultBodyLimit::max(settings.body_bytes_max))
        .layer(from_fn_with_state(settings.request_timeout, timed))
        .layer(from_fn_with_state(app.clone(), counted))
        .layer(from_fn(localised))
        .layer(from_fn(hardened))
        .with_state(app.clone())
}

/// No request waits longer than its time.
pub(super) async fn timed(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Timeout).into_response(),
    }
}

async fn counted(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    app.ports().counters.http(response.status().as_u16(), began.elapsed().as_secs_f64());
    response
}

/// What browsers must not do with our answers. The socket is named by host because older browsers do not count it
/// under `'self'`.
async fn hardened(request: Request, next: Next) -> Response {
    let policy = policy(request.headers().get(header::HOST));
    let api = request.uri().path().starts_with("/api/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let fixed: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

fn policy(host: Option<&HeaderValue>) -> HeaderValue {
    let plain = |host: &&str| {
        host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '[' | ']'))
    };
    let host = host.and_then(|host| host.to_str().ok()).filter(plain);
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src blob:; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("the host was checked")
}
