//! The one place where a request is let in: set-up, other sites, session, right. Each route brings its right.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::access::{Caller, Right, Standing};
use super::account::session_user;
use super::app::App;
use super::credential::must_change;
use super::pass;
use super::problem::{Code, Problem};
use super::token::TokenHash;
use crate::domain::id::UserId;

/// The cookie's name under TLS; the prefix makes browsers insist on `Secure` and path `/`.
const COOKIE_TLS: &str = "__Host-vcops";
/// The cookie's name without TLS.
const COOKIE_PLAIN: &str = "vcops";

/// What a route demands, and what is needed to check it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) app: App,
    pub(super) right: Right,
    /// Whether the route answers others before set-up (only health does).
    pub(super) before_setup: bool,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    /// The socket's other end.
    pub(super) address: IpAddr,
    /// Whether it is this machine, speaking to itself by a loopback name: a proxy on this machine, or a page that
    /// rebinds a foreign name to loopback, does not count.
    pub(super) local: bool,
}

/// The name of the session cookie.
pub(super) fn cookie_name(tls: bool) -> &'static str {
    if tls { COOKIE_TLS } else { COOKIE_PLAIN }
}

/// The token in the session cookie, if there is one.
pub(super) fn cookie(headers: &HeaderMap, tls: bool) -> Option<TokenHash> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == cookie_name(tls)).map(|(_, value)| TokenHash::of(value))
}

/// Middleware of every route.
pub(super) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match admit(&gate, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(gate: &Gate, request: &mut Request) -> Result<(), Problem> {
    let peer = peer(request)?;
    if !peer.local && !gate.before_setup && !gate.app.is_set_up().await? {
        return Err(Problem::new(Code::SetupPending));
    }
    if cross_site(request.method(), request.headers()) {
        return Err(Problem::new(Code::CrossSite));
    }
    let caller = caller(&gate.app, request.headers()).await?;
    allowed(gate.right, caller.as_ref(), peer)?;
    request.extensions_mut().insert(peer);
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(())
}

/// Who a session cookie belongs to, if it is live.
pub(super) async fn caller(app: &App, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let Some(token) = cookie(headers, app.settings().tls) else { return Ok(None) };
    let now = app.now();
    if let Some((user, proved)) = session_user(app.store(), &token, app.settings().session.idle, now).await? {
        let standing = standing(app, &user.id).await?;
        return Ok(Some(Caller { user: user.id, name: user.name, grants: user.grants, proved, standing }));
    }
    let found = pass::good(app, &token).await?;
    Ok(found.and_then(|(pass, opens)| pass::caller(&pass, opens)))
}

/// What somebody with an account is: a password that is too old is to be changed first.
pub(super) async fn standing(app: &App, user: &UserId) -> Result<Standing, Problem> {
    let kept = app.store().credential(user).await?;
    let days = app.settings().accounts.password_days;
    let must = kept.is_some_and(|kept| must_change(&kept, days, app.now()));
    Ok(if must { Standing::MustChange } else { Standing::Account })
}

fn allowed(right: Right, caller: Option<&Caller>, peer: Peer) -> Result<(), Problem> {
    let holds = |caller: &Caller| right == Right::SignedIn || caller.has(right);
    match (right, caller) {
        (Right::Public, _) => Ok(()),
        (Right::Scrape, _) if peer.local => Ok(()),
        (_, None) => Err(Problem::new(Code::NotSignedIn)),
        (_, Some(caller)) if holds(caller) => Ok(()),
        (_, Some(Caller { standing: Standing::MustChange, .. })) => Err(Problem::new(Code::PasswordExpired)),
        (_, Some(_)) => Err(Problem::new(Code::Forbidden)),
    }
}

fn peer(request: &Request) -> Result<Peer, Problem> {
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = connected.ok_or_else(|| Problem::new(Code::Internal))?.0.ip().to_canonical();
    let headers = request.headers();
    let proxied =
        ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name));
    let named = headers.get(HOST).and_then(|host| host.to_str().ok()).is_none_or(loopback_name);
    Ok(Peer { address, local: address.is_loopback() && named && !proxied })
}

fn loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an unsafe request, or the opening of a socket, was caused by another site. Browsers always say; a tool
/// that says nothing carries no one's cookie by accident.
fn cross_site(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let socket = headers.contains_key("sec-websocket-key");
    if method.is_safe() && !socket {
        return false;
    }
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let host = text(HOST.as_str()).unwrap_or("");
    text(ORIGIN.as_str()).is_some_and(|origin| origin.split_once("://").map(|(_, rest)| rest) != Some(host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn another_site_cannot_cause_a_change() {
        let own = [("host", "v.lan:8443"), ("origin", "https://v.lan:8443")];
        let cases = [
            (Method::POST, headers(&own), false),
            (Method::POST, headers(&[("host", "v.lan")]), false),
            (Method::POST, headers(&[("host", "v.lan"), ("origin", "https://evil")]), true),
            (Method::POST, headers(&[("host", "v.lan"), ("origin", "null")]), true),
            (Method::POST, headers(&[("host", "v.lan"), ("sec-fetch-site", "cross-site")]), true),
            (Method::GET, headers(&[("host", "v.lan"), ("origin", "https://evil")]), false),
            (
                Method::GET,
                headers(&[("host", "v.lan"), ("origin", "https://evil"), ("sec-websocket-key", "x")]),
                true,
            ),
        ];
        for (method, headers, expected) in cases {
            assert_eq!(cross_site(&method, &headers), expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn only_loopback_names_are_local() {
        let cases = [
            ("localhost:80", true),
            ("127.3.0.1:9", true),
            ("[::1]:9", true),
            ("evil.example", false),
            ("", false),
        ];
        for (host, expected) in cases {
            assert_eq!(loopback_name(host), expected, "{host}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let headers = headers(&[("cookie", "a=b; vcops=tok; c=d")]);
        assert_eq!(cookie(&headers, false), Some(TokenHash::of("tok")));
        assert_eq!(cookie(&headers, true), None);
    }
}
