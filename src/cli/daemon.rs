//! The client of the daemon's local socket: JSON over HTTP on a Unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

/// Longest answer accepted, in bytes: a 3,000-venue matrix with room to spare.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Longest wait for one answer; a backup or a verification reads everything there is.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// Why the daemon did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DaemonError {
    /// Nobody listens.
    #[error(
        "控制端未应答 the controller does not answer on {path}: {why} (vcops serve 是否已启动? is it running?)"
    )]
    Unreachable {
        /// Where.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// It answered with a refusal.
    #[error("{code}: {detail}")]
    Refused {
        /// Stable code.
        code: String,
        /// In words.
        detail: String,
    },
    /// It answered with something else.
    #[error("unexpected answer of the controller: {0}")]
    Protocol(String),
}

/// A client; each call opens its own connection.
#[derive(Debug, Clone)]
pub(super) struct Client {
    path: PathBuf,
    accept_language: &'static str,
}

impl Client {
    pub(super) fn new(path: &Path, lang: crate::domain::lang::Lang) -> Self {
        Self { path: path.to_owned(), accept_language: lang.pick("zh-CN", "en") }
    }

    /// Reads a resource.
    pub(super) async fn get<T: DeserializeOwned>(&self, uri: &str) -> Result<T, DaemonError> {
        decode(&self.exchange(Method::GET, uri, Bytes::new()).await?)
    }

    /// Sends a command and reads its answer.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        uri: &str,
        body: &impl Serialize,
    ) -> Result<T, DaemonError> {
        let body = serde_json::to_vec(body).map_err(|error| DaemonError::Protocol(error.to_string()))?;
        decode(&self.exchange(Method::POST, uri, body.into()).await?)
    }

    /// Replaces a resource.
    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        uri: &str,
        body: &impl Serialize,
    ) -> Result<T, DaemonError> {
        let body = serde_json::to_vec(body).map_err(|error| DaemonError::Protocol(error.to_string()))?;
        decode(&self.exchange(Method::PUT, uri, body.into()).await?)
    }

    /// Reads a resource that is text.
    pub(super) async fn text(&self, uri: &str) -> Result<String, DaemonError> {
        let bytes = self.exchange(Method::GET, uri, Bytes::new()).await?;
        String::from_utf8(bytes.into()).map_err(|error| DaemonError::Protocol(error.to_string()))
    }

    async fn exchange(&self, method: Method, uri: &str, body: Bytes) -> Result<Bytes, DaemonError> {
        tokio::time::timeout(ANSWER_WITHIN, self.exchange_unbounded(method, uri, body))
            .await
            .unwrap_or_else(|_| Err(self.unreachable("no answer within 600 s")))
    }

    async fn exchange_unbounded(&self, method: Method, uri: &str, body: Bytes) -> Result<Bytes, DaemonError> {
        let stream =
            UnixStream::connect(&self.path).await.map_err(|error| self.unreachable(&error.to_string()))?;
        let lost = |error: hyper::Error| self.unreachable(&error.to_string());
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "vcops")
            .header("content-type", "application/json")
            .header("accept-language", self.accept_language)
            .body(Full::new(body))
            .map_err(|error| DaemonError::Protocol(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(lost)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        connection.abort();
        let bytes = body.map_err(|error| DaemonError::Protocol(error.to_string()))?.to_bytes();
        if status.is_success() { Ok(bytes) } else { Err(refusal(status, &bytes)) }
    }

    fn unreachable(&self, why: &str) -> DaemonError {
        DaemonError::Unreachable { path: self.path.clone(), why: why.to_owned() }
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DaemonError> {
    serde_json::from_slice(bytes).map_err(|error| DaemonError::Protocol(error.to_string()))
}

/// Reads an RFC 9457 problem; an answer without one is named by its status.
fn refusal(status: StatusCode, bytes: &[u8]) -> DaemonError {
    let problem: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |field: &str| problem.get(field).and_then(|value| value.as_str()).map(ToOwned::to_owned);
    DaemonError::Refused {
        code: text("code").unwrap_or_else(|| status.as_u16().to_string()),
        detail: text("detail").or_else(|| text("title")).unwrap_or_else(|| status.to_string()),
    }
}
