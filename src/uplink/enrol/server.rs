//! The controller's side of enrolment: a small router to mount on its TLS listener.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;

use super::{ENROL_PATH, EnrolRequest, REQUEST_MAX, ROTATE_PATH, Refusal, RotateRequest, TokenHash, VERSION};
use crate::domain::id::AgentId;
use crate::domain::time::{Mono, Utc};
use crate::uplink::client::Membership;
use crate::uplink::clock;
use crate::uplink::key::{KeyId, PublicKey};
use crate::uplink::quota::Quota;

/// Attempts of one address at once, and one more each second: thirteen agents behind one address are no attack.
const PER_SOURCE: u64 = 16;
/// Attempts of everybody at once, and four more each second.
const OF_ALL: u64 = 64;
/// Addresses remembered.
const SOURCES_MAX: usize = 1024;

/// Somebody with a token wants in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of the secret that was shown.
    pub token: TokenHash,
    /// The key to enrol; its holder has proved to have it.
    pub key: PublicKey,
    /// What the machine calls itself.
    pub host: String,
    /// The agent's version.
    pub version: String,
    /// When.
    pub at: Utc,
}

/// An agent replaces its key; both keys have agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The agent.
    pub agent: AgentId,
    /// The key that goes.
    pub old: KeyId,
    /// The key that comes.
    pub new: PublicKey,
    /// When.
    pub at: Utc,
}

/// Where enrolments are kept. Each method is one transaction.
pub trait Registry: Send + Sync + 'static {
    /// Finds the token, [claims](super::TokenRecord::claim) it, enrols the key, and says what the agent needs.
    fn enrol(&self, claim: Claim) -> impl Future<Output = Result<Membership, Refusal>> + Send;

    /// The enrolled key of that name, if it is this agent's and not revoked.
    fn key_of(&self, agent: &AgentId, key: KeyId) -> impl Future<Output = Option<PublicKey>> + Send;

    /// Replaces the key; the replay mark begins anew with it, the numbers of the outbox go on. When the new key is
    /// enrolled already nothing changes but the answer is the same.
    fn rotate(&self, rotation: Rotation) -> impl Future<Output = Result<Membership, Refusal>> + Send;
}

/// The routes [`ENROL_PATH`] and [`ROTATE_PATH`].
///
/// Mount them on a TLS listener whose certificate the tokens pin, with
/// connection information ([`ConnectInfo`] of a `SocketAddr`), by which attempts are limited.
pub fn router<R: Registry>(registry: Arc<R>) -> Router {
    let limits = Arc::new(Limits::new());
    Router::new()
        .route(ENROL_PATH, post(enrol::<R>))
        .route(ROTATE_PATH, post(rotate::<R>))
        .layer(DefaultBodyLimit::max(REQUEST_MAX))
        .layer(middleware::from_fn_with_state(limits, limit))
        .with_state(registry)
}

async fn enrol<R: Registry>(State(registry): State<Arc<R>>, body: Bytes) -> Response {
    answer(try_enrol(&*registry, &body).await)
}

async fn rotate<R: Registry>(State(registry): State<Arc<R>>, body: Bytes) -> Response {
    answer(try_rotate(&*registry, &body).await)
}

async fn try_enrol(registry: &impl Registry, body: &[u8]) -> Result<Membership, Refusal> {
    let request: EnrolRequest = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
    let short = request.host.len() <= 256 && request.version.len() <= 64;
    if request.v != VERSION || !short {
        return Err(Refusal::Malformed);
    }
    if !request.is_proved() {
        return Err(Refusal::BadProof);
    }
    let token = TokenHash::of_hex(&request.secret).map_err(|_| Refusal::Malformed)?;
    let EnrolRequest { key, host, version, .. } = request;
    registry.enrol(Claim { token, key, host, version, at: clock::utc_now() }).await
}

async fn try_rotate(registry: &impl Registry, body: &[u8]) -> Result<Membership, Refusal> {
    let request: RotateRequest = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
    if request.v != VERSION {
        return Err(Refusal::Malformed);
    }
    let proved = match registry.key_of(&request.agent, request.old).await {
        Some(old) => request.is_proved(&old),
        // Done before, and the answer was lost on the way: the new key may ask for it again.
        None => {
            let done = registry.key_of(&request.agent, KeyId::of(&request.new)).await;
            done.ok_or(Refusal::UnknownKey)?;
            request.is_proved_by_new()
        }
    };
    if !proved {
        return Err(Refusal::BadProof);
    }
    let RotateRequest { agent, old, new, .. } = request;
    registry.rotate(Rotation { agent, old, new, at: clock::utc_now() }).await
}

/// RFC 9457 problem with a stable code.
#[derive(Debug, Serialize)]
struct Problem {
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: String,
}

fn answer(result: Result<Membership, Refusal>) -> Response {
    match result {
        Ok(membership) => axum::Json(membership).into_response(),
        Err(refusal) => {
            tracing::warn!(code = refusal.code(), "an enrolment was refused");
            problem(&refusal)
        }
    }
}

fn problem(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::UnknownToken | Refusal::ExpiredToken | Refusal::UsedToken | Refusal::UnknownKey => {
            StatusCode::FORBIDDEN
        }
        Refusal::BadProof | Refusal::Malformed => StatusCode::BAD_REQUEST,
        Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = Problem {
        title: "enrolment refused",
        status: status.as_u16(),
        code: refusal.code(),
        detail: refusal.to_string(),
    };
    (status, [(header::CONTENT_TYPE, "application/problem+json")], axum::Json(body)).into_response()
}

/// Attempts per address and of all. Process-local: a token has 160 bits, so this only keeps the noise down.
#[derive(Debug)]
struct Limits {
    started: Instant,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    all: Quota,
    /// One token is a tenth of an attempt, so that a tenth of an attempt a second is a whole number.
    sources: BTreeMap<IpAddr, (Quota, Mono)>,
}

impl Limits {
    fn new() -> Self {
        let all = Quota::full(4, OF_ALL, Mono(0));
        Self { started: Instant::now(), inside: Mutex::new(Inside { all, sources: BTreeMap::new() }) }
    }

    fn admits(&self, source: IpAddr) -> bool {
        let now = Mono(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX));
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).admits(source, now)
    }
}

impl Inside {
    fn admits(&mut self, source: IpAddr, now: Mono) -> bool {
        if !self.sources.contains_key(&source) && self.sources.len() >= SOURCES_MAX {
            let oldest = self.sources.iter().min_by_key(|(_, (_, at))| *at).map(|(source, _)| *source);
            oldest.map(|oldest| self.sources.remove(&oldest));
        }
        let fresh = || (Quota::full(1, PER_SOURCE, now), now);
        let (quota, at) = self.sources.entry(source).or_insert_with(fresh);
        *at = now;
        // The address first: one address can not use up everybody's share.
        quota.admits(1, now) && self.all.admits(1, now)
    }
}

async fn limit(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let source = info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
    if limits.admits(source) { next.run(request).await } else { problem(&Refusal::TooMany) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_limited_per_address_and_of_all() {
        let mut inside = Inside { all: Quota::full(4, OF_ALL, Mono(0)), sources: BTreeMap::new() };
        let address = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        let mut admitted = |source, at| (0..20).filter(|_| inside.admits(address(source), Mono(at))).count();
        assert_eq!(admitted(1, 0), 16);
        assert_eq!(admitted(2, 0), 16, "another address is not hurt");
        assert_eq!(admitted(1, 10_000_000), 10);
        let flood: usize = (10..2000).map(|n| admitted(n, 10_000_000)).sum();
        assert_eq!(flood, 54);
        assert!(inside.sources.len() <= SOURCES_MAX);
    }
}
