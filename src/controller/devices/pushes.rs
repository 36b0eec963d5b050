//! The listener to which devices push. Lets in whoever pushes for a device that is watched, from where that device
//! pushes and with its account, and hands the request to the device's adapter. Knows no maker's interface.
//!
//! What comes is bounded on every side: connections and requests of one source and of all, the time each may take, and
//! its size by the adapter. Paths are not logged, for some hold a key.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;

use crate::link::reflector::Network;
use crate::mcu::trust::Login;
use crate::metrics::Counters;
use crate::web::places::Places;

/// Longest time that a push may take, its body included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pushes that are taken at once.
const AT_ONCE: usize = 64;
/// Connections that are held at once, and of one address: a platform keeps some open for its next events.
const CONNECTIONS_MAX: usize = 512;
const CONNECTIONS_OF_ONE: usize = 64;
/// Pushes of one address that are taken at once, and per second on average: a platform of 500 sites reports some
/// dozens a second when a meeting begins.
const BURST: f64 = 400.0;
const PER_SECOND: f64 = 100.0;
/// Addresses whose pushes are counted.
const SOURCES_MAX: usize = 1024;
/// How long the addresses of a name count, and the longest wait for them.
const RESOLVED_FOR: Duration = Duration::from_secs(60);
const RESOLVE: Duration = Duration::from_secs(2);

/// Where the pushes of one device go.
pub(super) struct Entrance {
    router: Router,
    sources: Sources,
    /// The header that must be shown.
    account: Option<String>,
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl Entrance {
    /// To `router`, from `networks` or, when there are none, from the addresses of `hosts`; with `account`, if the
    /// device shows one.
    pub(super) fn new(
        router: Router,
        networks: Vec<Network>,
        hosts: Vec<String>,
        account: Option<&Login>,
    ) -> Self {
        let account = account.map(|login| {
            format!("Basic {}", STANDARD.encode(format!("{}:{}", login.user, login.secret.as_str())))
        });
        Self { router, sources: Sources { networks, hosts, resolved: AsyncMutex::default() }, account }
    }

    fn shows_account(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        self.account.as_ref().is_none_or(|wanted| wanted.as_bytes().ct_eq(shown).into())
    }
}

/// From where a device pushes.
#[derive(Debug)]
struct Sources {
    networks: Vec<Network>,
    hosts: Vec<String>,
    /// The addresses of its names, and when they were asked for.
    resolved: AsyncMutex<Option<(Instant, Vec<IpAddr>)>>,
}

impl Sources {
    async fn contain(&self, from: IpAddr) -> bool {
        if !self.networks.is_empty() {
            return self.networks.iter().any(|network| network.contains(from));
        }
        let mut resolved = self.resolved.lock().await;
        let known = resolved.as_ref().filter(|(at, _)| at.elapsed() < RESOLVED_FOR);
        if known.is_none() {
            *resolved = Some((Instant::now(), addresses(&self.hosts).await));
        }
        resolved.as_ref().is_some_and(|(_, known)| known.contains(&from))
    }
}

async fn addresses(hosts: &[String]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for host in hosts {
        if let Ok(Ok(all)) = timeout(RESOLVE, tokio::net::lookup_host((host.as_str(), 0))).await {
            found.extend(all.map(|at| at.ip().to_canonical()));
        }
    }
    found
}

/// The entrances of all devices, by their path such as `mcus/prov-mcu`. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lobby {
    entrances: Arc<Mutex<BTreeMap<String, Arc<Entrance>>>>,
    allowances: Arc<Mutex<Allowances>>,
    open: Arc<Semaphore>,
    counters: Arc<Counters>,
}

/// Why a push is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turned {
    TooMany,
    Unknown,
    Source,
    Account,
    Late,
}

impl Turned {
    fn word(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::Unknown => "unknown",
            Self::Source => "source",
            Self::Account => "account",
            Self::Late => "late",
        }
    }

    /// A source that is not the device's is told nothing about what is there.
    fn status(self) -> StatusCode {
        match self {
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unknown | Self::Source => StatusCode::NOT_FOUND,
            Self::Account => StatusCode::UNAUTHORIZED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

impl Lobby {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self {
            entrances: Arc::default(),
            allowances: Arc::default(),
            open: Arc::new(Semaphore::new(AT_ONCE)),
            counters,
        }
    }

    /// From now on exactly these devices may push.
    pub(super) fn keep(&self, entrances: BTreeMap<String, Arc<Entrance>>) {
        *locked(&self.entrances) = entrances;
    }

    /// What the listener serves.
    pub(super) fn router(&self) -> Router {
        Router::new().fallback(receive).with_state(self.clone())
    }

    /// How many may be connected to it.
    pub(super) fn places(&self) -> Places {
        let turned_away = self.counters.device.pushes.with_label_values(&["no_place"]);
        Places::new(CONNECTIONS_MAX, CONNECTIONS_OF_ONE, Some(turned_away))
    }

    async fn take(&self, from: IpAddr, request: Request) -> Result<Response, Turned> {
        let from = from.to_canonical();
        if !locked(&self.allowances).may(from, Instant::now()) {
            return Err(Turned::TooMany);
        }
        let _place = self.open.try_acquire().map_err(|_| Turned::TooMany)?;
        let (device, rest) = parted(request.uri()).ok_or(Turned::Unknown)?;
        let entrance = locked(&self.entrances).get(&device).cloned().ok_or(Turned::Unknown)?;
        if !entrance.sources.contain(from).await {
            return Err(Turned::Source);
        }
        if !entrance.shows_account(request.headers()) {
            return Err(Turned::Account);
        }
        let (mut parts, body) = request.into_parts();
        parts.uri = rest;
        let answer = entrance.router.clone().oneshot(Request::from_parts(parts, body));
        let answer = timeout(PATIENCE, answer).await.map_err(|_| Turned::Late)?;
        Ok(answer.unwrap_or_else(|never| match never {}))
    }
}

async fn receive(
    State(lobby): State<Lobby>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let from = from.ip();
    let (word, response) = match lobby.take(from, request).await {
        Ok(response) if response.status().is_success() => ("taken", response),
        Ok(response) => ("refused", response),
        Err(why) => {
            tracing::debug!(%from, why = why.word(), "a push was not taken");
            (why.word(), why.status().into_response())
        }
    };
    lobby.counters.device.pushes.with_label_values(&[word]).inc();
    response
}

/// `mcus/prov-mcu` of `/mcus/prov-mcu/events`, and `/events` for its adapter.
fn parted(uri: &Uri) -> Option<(String, Uri)> {
    let mut parts = uri.path().strip_prefix('/')?.splitn(3, '/');
    let (kind, id, rest) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some((format!("{kind}/{id}"), format!("/{rest}{query}").parse().ok()?))
}

/// How much each source may still push.
#[derive(Debug, Default)]
struct Allowances {
    by: BTreeMap<IpAddr, (f64, Instant)>,
}

impl Allowances {
    fn may(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.by.len() >= SOURCES_MAX && !self.by.contains_key(&from) {
            self.by.retain(|_, (left, at)| *left + gained(*at, now) < BURST);
            if self.by.len() >= SOURCES_MAX {
                return false;
            }
        }
        let (left, at) = self.by.entry(from).or_insert((BURST, now));
        *left = (*left + gained(*at, now)).min(BURST);
        *at = now;
        let may = *left >= 1.0;
        *left -= if may { 1.0 } else { 0.0 };
        may
    }
}

fn gained(since: Instant, now: Instant) -> f64 {
    now.duration_since(since).as_secs_f64() * PER_SECOND
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use axum::routing::post;
    use zeroize::Zeroizing;

    use super::*;

    const HOME: &str = "10.0.0.1";

    fn lobby(entrance: Entrance) -> Lobby {
        let lobby = Lobby::new(Arc::new(Counters::new()));
        lobby.keep([("mcus/prov".to_owned(), Arc::new(entrance))].into());
        lobby
    }

    fn adapter() -> Router {
        let taken = async |body: Bytes| if body.len() > 8 { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        Router::new().route("/events", post(taken)).route("/", post(async || StatusCode::OK))
    }

    fn account() -> Login {
        Login { user: "sink".into(), secret: Zeroizing::new("word".into()) }
    }

    async fn push(lobby: &Lobby, from: &str, path: &str, authorization: &str) -> u16 {
        let request = axum::http::Request::post(path).header("authorization", authorization);
        let request = request.body(Body::from("{}")).unwrap();
        let taken = lobby.take(from.parse().unwrap(), request).await;
        taken.map_or_else(|why| why.status(), |response| response.status()).as_u16()
    }

    #[tokio::test]
    async fn only_the_device_is_let_in_from_where_it_is_and_with_its_account() {
        let own = vec![HOME.to_owned()];
        let lobby = lobby(Entrance::new(adapter(), Vec::new(), own, Some(&account())));
        let good = "Basic c2luazp3b3Jk";
        for (from, path, authorization, status) in [
            (HOME, "/mcus/prov/events", good, 200),
            (HOME, "/mcus/prov/", good, 200),
            (HOME, "/mcus/prov", good, 200),
            (HOME, "/mcus/prov/events?a=1", good, 200),
            (HOME, "/mcus/prov/cdr", good, 404),
            (HOME, "/mcus/other/events", good, 404),
            (HOME, "/", good, 404),
            (HOME, "/mcus/prov/events", "", 401),
            (HOME, "/mcus/prov/events", "Basic c2luazp3b3Jl", 401),
            ("10.0.0.2", "/mcus/prov/events", good, 404),
            ("::ffff:10.0.0.1", "/mcus/prov/events", good, 200),
        ] {
            assert_eq!(push(&lobby, from, path, authorization).await, status, "{from} {path}");
        }
        lobby.keep(BTreeMap::new());
        assert_eq!(push(&lobby, HOME, "/mcus/prov/events", good).await, 404, "it left the inventory");
    }

    #[tokio::test]
    async fn networks_that_are_named_count_instead_of_its_own_address() {
        let networks = vec!["10.1.0.0/16".parse().unwrap()];
        let lobby = lobby(Entrance::new(adapter(), networks, vec![HOME.to_owned()], None));
        assert_eq!(push(&lobby, "10.1.2.3", "/mcus/prov/events", "").await, 200);
        assert_eq!(push(&lobby, HOME, "/mcus/prov/events", "").await, 404);
    }

    #[tokio::test(start_paused = true)]
    async fn one_source_is_held_back_and_the_others_are_not() {
        let everybody = vec!["0.0.0.0/0".parse().unwrap()];
        let lobby = lobby(Entrance::new(adapter(), everybody, Vec::new(), None));
        for _ in 0..BURST as usize {
            assert_eq!(push(&lobby, HOME, "/mcus/prov/events", "").await, 200);
        }
        assert_eq!(push(&lobby, HOME, "/mcus/prov/events", "").await, 429);
        assert_eq!(push(&lobby, "10.0.0.2", "/mcus/prov/events", "").await, 200);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(push(&lobby, HOME, "/mcus/prov/events", "").await, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn many_sources_fill_no_memory() {
        let mut allowances = Allowances::default();
        let now = Instant::now();
        let sources = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
        for n in 0..SOURCES_MAX {
            assert!(allowances.may(sources(n), now));
        }
        assert!(!allowances.may(sources(SOURCES_MAX), now), "no room for another one at once");
        assert!(allowances.may(sources(SOURCES_MAX), now + Duration::from_secs(1)), "the quiet make room");
        assert!(allowances.by.len() <= SOURCES_MAX);
    }
}
