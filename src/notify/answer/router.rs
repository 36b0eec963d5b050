//! The routes of the listener for answers.
//!
//! `/a/TOKEN` shows and takes an answer, `/sms/NAME/KEY` takes what a gateway hands on, `/alertmanager` takes alerts.
//! Each address may ask so often and no more.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Desk, Links, Unanswerable, page};
use crate::domain::notice::Answer;
use crate::notify::alertmanager;

/// Largest post: a message of Alertmanager.
const POST_BYTES_MAX: usize = 1 << 20;
/// Requests of one address in a minute. A gateway hands on the answers of everybody.
const PER_MINUTE: u32 = 60;
/// Addresses that are counted; beyond it the oldest count is forgotten.
const ADDRESSES_MAX: usize = 4096;
const MINUTE: Duration = Duration::from_secs(60);

/// How a gateway hands an answer on: names of fields in its query, form or JSON.
#[derive(Clone)]
pub struct CallbackFields {
    /// The number of the sender.
    pub from: String,
    /// The text.
    pub text: String,
    /// What the gateway is answered, so that it counts the message as taken.
    pub answer: String,
    /// The last part of the address that the gateway posts to; nobody else knows it.
    pub key: Zeroizing<String>,
}

impl std::fmt::Debug for CallbackFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackFields")
            .field("from", &self.from)
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

/// What is let in.
#[derive(Debug, Clone)]
pub struct Inlets {
    /// Reads links.
    pub links: Links,
    /// Gateways that hand answers on, by the name of their channel.
    pub callbacks: BTreeMap<String, CallbackFields>,
    /// What an Alertmanager must show as its bearer token; without one none is let in.
    pub alerts_token: Option<Zeroizing<String>>,
}

struct Shared {
    desk: Arc<dyn Desk>,
    inlets: Inlets,
    asked: Mutex<BTreeMap<IpAddr, (Instant, u32)>>,
}

type Inside = State<Arc<Shared>>;

/// The routes; to be served with the address of the peer.
pub fn router(desk: Arc<dyn Desk>, inlets: Inlets) -> Router {
    let shared = Arc::new(Shared { desk, inlets, asked: Mutex::default() });
    Router::new()
        .route("/a/{token}", get(show).post(act))
        .route("/sms/{channel}/{key}", get(handed_on_by_get).post(handed_on))
        .route("/alertmanager", post(alerts))
        .layer(from_fn_with_state(Arc::clone(&shared), limit))
        .layer(DefaultBodyLimit::max(POST_BYTES_MAX))
        .with_state(shared)
}

async fn limit(State(shared): Inside, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match peer {
        Some(peer) if !shared.may_ask(peer) => page::too_often(),
        Some(_) | None => next.run(request).await,
    }
}

impl Shared {
    fn may_ask(&self, peer: IpAddr) -> bool {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= ADDRESSES_MAX && !asked.contains_key(&peer) {
            asked.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
            if asked.len() >= ADDRESSES_MAX {
                asked.pop_first();
            }
        }
        let count = asked.entry(peer).or_insert((now, 0));
        if now.duration_since(count.0) >= MINUTE {
            *count = (now, 0);
        }
        count.1 += 1;
        count.1 <= PER_MINUTE
    }
}

async fn show(State(shared): Inside, Path(token): Path<String>) -> Response {
    let Some(token) = shared.inlets.links.read(&token) else {
        return page::unanswerable(Unanswerable::Unknown);
    };
    match shared.desk.question(&token).await {
        Ok(question) => page::question(&question),
        Err(why) => page::unanswerable(why),
    }
}

async fn act(State(shared): Inside, Path(token): Path<String>, body: Bytes) -> Response {
    let Some(token) = shared.inlets.links.read(&token) else {
        return page::unanswerable(Unanswerable::Unknown);
    };
    let given = url::form_urlencoded::parse(&body).find(|(name, _)| name == "answer").map(|(_, value)| value);
    let answer = match given.as_deref() {
        Some("acknowledged") => Answer::Acknowledged,
        Some("declined") => Answer::Declined,
        Some(_) | None => return StatusCode::BAD_REQUEST.into_response(),
    };
    match shared.desk.answer(&token, answer).await {
        Ok(question) => page::answered(&question, answer),
        Err(why) => page::unanswerable(why),
    }
}

async fn handed_on_by_get(
    State(shared): Inside,
    Path((channel, key)): Path<(String, String)>,
    Query(fields): Query<BTreeMap<String, String>>,
) -> Response {
    shared.take(&channel, &key, &fields).await
}

async fn handed_on(
    State(shared): Inside,
    Path((channel, key)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    body: Bytes,
) -> Response {
    let mut fields = query;
    match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(object)) => {
            fields.extend(object.into_iter().map(|(name, value)| (name, said(&value))))
        }
        Ok(_) | Err(_) => fields.extend(url::form_urlencoded::parse(&body).into_owned()),
    }
    shared.take(&channel, &key, &fields).await
}

fn said(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

impl Shared {
    async fn take(&self, channel: &str, key: &str, fields: &BTreeMap<String, String>) -> Response {
        let known = self.inlets.callbacks.get(channel).filter(|it| same(key, &it.key));
        let Some(callback) = known else { return StatusCode::NOT_FOUND.into_response() };
        let (Some(from), Some(text)) = (fields.get(&callback.from), fields.get(&callback.text)) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        self.desk.reply(from, text).await;
        callback.answer.clone().into_response()
    }
}

async fn alerts(State(shared): Inside, headers: HeaderMap, body: Bytes) -> Response {
    let Some(wanted) = &shared.inlets.alerts_token else { return StatusCode::NOT_FOUND.into_response() };
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !given.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|token| same(token, wanted)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match alertmanager::parse(&body) {
        Ok(alerts) => match shared.desk.alerts(alerts).await {
            true => StatusCode::OK.into_response(),
            // Alertmanager tries again after 5xx and forgets after 4xx.
            false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

fn same(given: &str, wanted: &str) -> bool {
    given.as_bytes().ct_eq(wanted.as_bytes()).into()
}
