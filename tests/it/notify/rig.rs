//! What the tests of channels share: messages, guards, a stand-in over HTTP or HTTPS that keeps what it was sent and makes
//! trouble on command, certificates.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vcops::domain::id::ChannelId;
use vcops::domain::incident::IncidentId;
use vcops::domain::lang::Lang;
use vcops::domain::notice::{NoticeKey, NoticeKind, Urgency};
use vcops::domain::time::{Span, Utc};
use vcops::notify::guard::{Guard, Listed};
use vcops::notify::line::{Line, Trust};
use vcops::notify::message::{Addressee, Message};

/// Longest time anything here may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn id(text: &str) -> ChannelId {
    ChannelId::parse(text).unwrap()
}

pub(crate) fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}

/// An urgent notice for a person with every number.
pub(crate) fn message(key: &str) -> Message {
    let at = now();
    Message {
        key: NoticeKey(key.into()),
        incident: Some(IncidentId(12)),
        kind: NoticeKind::Incident,
        urgency: Urgency::Urgent,
        drill: false,
        unrecorded: false,
        at,
        expires: at + Span::minutes(60),
        lang: Lang::Zh,
        site: "市视联".into(),
        title: "主用 MCU 失联".into(),
        body: "13 个分会场无图像无声音".into(),
        why: "您是今天的值班员".into(),
        to: Addressee::Person { mobile: Some("13800000001".into()), mail: Some("duty@example.org".into()) },
        answer: None,
    }
}

/// A guard that lets everything of this machine in.
pub(crate) fn here() -> Guard {
    let listed: Listed = Arc::new(|ip| ip.is_loopback());
    Guard::new(Some(listed), vec!["localhost".into(), "nothing.invalid".into()])
}

/// The guard of an installation without lists.
pub(crate) fn nowhere_near() -> Guard {
    Guard::new(None, Vec::new())
}

pub(crate) fn line(guard: &Guard, trust: &Trust) -> Line {
    Line::new(guard, trust).unwrap()
}

/// What the stand-in answers next.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// This status and body.
    Body(u16, String),
    /// This status with `Retry-After`.
    Wait(u16, u32),
}

/// One request as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Book {
    asked: Vec<Asked>,
    /// Said once each, in order, before the usual.
    next: VecDeque<Says>,
    usual: Option<Says>,
}

/// A provider that answers what it is told to. It ends with its value.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
    server: JoinHandle<()>,
}

impl Provider {
    /// Says `usual` to everything.
    pub(crate) async fn start(usual: Says) -> Self {
        let (listener, address) = bound().await;
        let book = Arc::new(Mutex::new(Book { usual: Some(usual), ..Book::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&book));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, book, server }
    }

    pub(crate) fn url(&self) -> url::Url {
        format!("http://{}/", self.address).parse().unwrap()
    }

    /// Says this once, before what was said so far.
    pub(crate) fn next(&self, says: Says) {
        self.book.lock().unwrap().next.push_back(says);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.book.lock().unwrap().asked.clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn bound() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port on which nobody listens.
pub(crate) async fn closed_port() -> SocketAddr {
    bound().await.1
}

async fn answer(State(book): State<Arc<Mutex<Book>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = to_bytes(body, 8 << 20).await.unwrap();
    let says = {
        let mut book = book.lock().unwrap();
        let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        book.asked.push(Asked { path, headers: parts.headers, body });
        book.next.pop_front().or_else(|| book.usual.clone()).unwrap()
    };
    match says {
        Says::Body(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Says::Wait(status, seconds) => {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

/// A certificate for `localhost`, good or long expired, and its key; PEM of both for servers that read files.
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
}

impl Certificate {
    pub(crate) fn new(expired: bool) -> Self {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        Self {
            der: made.der().clone(),
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            pem: made.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust(vec![self.der.clone()])
    }
}

/// Speaks TLS with that certificate and closes each connection after the handshake.
pub(crate) async fn tls_port(certificate: &Certificate) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der.clone()], certificate.key.clone_key())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, address) = bound().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let _ = acceptor.accept(stream).await;
            });
        }
    });
    address
}

/// Accepts connections and never says a word.
pub(crate) async fn silent_port() -> SocketAddr {
    let (listener, address) = bound().await;
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}

/// A program that ends with its value.
#[derive(Debug)]
pub(crate) struct Program(std::process::Child);

impl Program {
    /// Starts one of Debian's programs; what is missing is installed by the script.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let child = std::process::Command::new(program)
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn();
        match child {
            Ok(child) => Self(child),
            Err(error) => panic!("{program}: {error}: scripts/system-packages.sh test installs it"),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something listens there.
pub(crate) async fn listening(at: SocketAddr) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(at).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "nothing listens on {at}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until `done` holds.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
