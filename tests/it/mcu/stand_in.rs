//! A stand-in for a device over HTTP: an axum router that keeps state, behind a layer that makes trouble on command
//! and writes down what was asked. Every adapter's stand-in is a router of its own, served by this.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vcops::mcu::budget::Budget;
use vcops::mcu::http::HttpLine;
use vcops::mcu::trust::Trust;

/// Trouble of the transport, the same for every make. What needs the make's own knowledge (an expired login, a page
/// that shrinks, a pushed event twice, a gap in its numbers) is the router's business.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trouble {
    /// 503, as an overloaded device answers.
    Busy,
    /// 429 with `Retry-After: 7`.
    RateLimited,
    /// The answer comes after this long.
    Slow(Duration),
    /// The request is carried out, and the answer never comes: the connection is dropped.
    SilentAfter,
    /// The request is carried out, and the answer comes this much later.
    Held(Duration),
    /// Half of the body, under the full length, then the connection breaks.
    Truncated,
    /// A field is called otherwise than documented.
    Renamed(&'static str, &'static str),
}

/// A line to a stand-in, with a budget that is never used up.
pub(crate) fn line_to(base: url::Url) -> HttpLine {
    line_with(base, &Arc::new(Budget::new(60_000)))
}

/// A line to a stand-in with that budget.
pub(crate) fn line_with(base: url::Url, budget: &Arc<Budget>) -> HttpLine {
    HttpLine::new(base, Trust::Nobody.client().unwrap(), Arc::clone(budget)).unwrap()
}

/// One request as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: String,
}

#[derive(Debug, Clone, Default)]
struct Desk {
    trouble: Arc<Mutex<Option<Trouble>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    answered: Arc<AtomicUsize>,
}

/// A served stand-in; ends with its value.
#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) address: SocketAddr,
    desk: Desk,
    server: JoinHandle<()>,
}

impl StandIn {
    /// Serves a router on a free port of the loopback.
    pub(crate) async fn serve(router: Router) -> Self {
        let desk = Desk::default();
        let app = router.layer(from_fn_with_state(desk.clone(), meddle));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, desk, server }
    }

    /// Where it is, as a base with a slash at its end.
    pub(crate) fn base(&self) -> url::Url {
        format!("http://{}/", self.address).parse().unwrap()
    }

    /// Makes trouble from now on, or none.
    pub(crate) fn trouble(&self, trouble: Option<Trouble>) {
        *self.desk.trouble.lock().unwrap() = trouble;
    }

    /// How many requests came so far, and how many were answered.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.desk.asked.lock().unwrap().len(), self.desk.answered.load(Ordering::Relaxed))
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.desk.asked.lock().unwrap().clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn meddle(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let response = answer(&desk, request, next).await;
    desk.answered.fetch_add(1, Ordering::Relaxed);
    response
}

async fn answer(desk: &Desk, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 8 << 20).await.unwrap();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let text = String::from_utf8_lossy(&body).into_owned();
    desk.asked.lock().unwrap().push(Asked { method: parts.method.clone(), path, body: text });
    let trouble = desk.trouble.lock().unwrap().clone();
    let request = Request::from_parts(parts, Body::from(body));
    match trouble {
        None => next.run(request).await,
        Some(Trouble::Busy) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Trouble::RateLimited) => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")]).into_response()
        }
        Some(Trouble::Slow(wait)) => {
            tokio::time::sleep(wait).await;
            next.run(request).await
        }
        Some(Trouble::Held(wait)) => {
            let response = next.run(request).await;
            tokio::time::sleep(wait).await;
            response
        }
        Some(Trouble::SilentAfter) => {
            next.run(request).await;
            broken(&Bytes::new(), 100)
        }
        Some(Trouble::Truncated) => {
            let response = next.run(request).await;
            let body = to_bytes(response.into_body(), 8 << 20).await.unwrap();
            broken(&body.slice(..body.len() / 2), body.len() + 1)
        }
        Some(Trouble::Renamed(from, to)) => {
            let (mut parts, body) = next.run(request).await.into_parts();
            let body = to_bytes(body, 8 << 20).await.unwrap();
            parts.headers.remove(header::CONTENT_LENGTH);
            let text = String::from_utf8_lossy(&body).replace(from, to);
            Response::from_parts(parts, Body::from(text))
        }
    }
}

/// A response that promises more than it brings and then breaks off.
fn broken(half: &Bytes, promised: usize) -> Response {
    let pieces = [Ok(half.clone()), Err(std::io::Error::other("the connection breaks"))];
    let mut response = Response::new(Body::from_stream(futures_util::stream::iter(pieces)));
    let length = HeaderValue::from_str(&promised.to_string()).unwrap();
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    response
}
