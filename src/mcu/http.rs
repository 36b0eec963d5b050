//! One bounded way to speak HTTP to a device: time limits, size limits, pinned TLS, the budget of requests, and a
//! [`Fault`] for everything that goes wrong. Knows no device.
//!
//! No redirect is followed, no proxy is used, no cookie is kept: what is sent is what the adapter wrote.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;

use super::budget::Budget;
use super::fault::{AuthWhy, Fault, is_own_side};
use crate::domain::time::Utc;
use crate::observation::device::{Absent, Given};

/// Largest reply that is read, in bytes. One party of an RMX is 40 kB, a roster of 500 under 1 MB.
pub const REPLY_BYTES_MAX: usize = 8 << 20;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest wait for a whole reply.
const REPLY: Duration = Duration::from_secs(5);

/// A reply: what every adapter's parser takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The `Location` header, if any: some makes name what they made there.
    pub location: Option<String>,
    /// The session cookie that was set, as `name=value`, if any.
    pub cookie: Option<String>,
    /// The `Date` header, for the device's clock.
    pub date: Option<String>,
    /// The body, at most [`REPLY_BYTES_MAX`].
    pub body: Vec<u8>,
}

impl Reply {
    /// Only a reply of success. A client's error is the device's no; what else remains is a shape that we do not know,
    /// and after an action leaves open whether it happened.
    pub fn success(self) -> Result<Self, Fault> {
        match self.status {
            200..=299 => Ok(self),
            400..=499 => Err(Fault::Said { code: format!("HTTP {}", self.status), words: String::new() }),
            other => Err(Fault::Shape(format!("HTTP {other}"))),
        }
    }

    /// The device's clock minus ours by the `Date` header, milliseconds. The header has whole seconds, so half of one
    /// is added; where it is missing, there is none.
    pub fn clock_skew_ms(&self, now: Utc) -> Given<f64> {
        let date = self.date.as_deref().and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let skew = date.map(|date| Utc::from_timestamp(date.timestamp()).0 - now.0);
        Given::or_absent(skew.map(|us| us as f64 / 1e3 + 500.0), Absent::NotProvided)
    }
}

/// How to speak to one device. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpLine {
    client: reqwest::Client,
    base: url::Url,
    budget: Arc<Budget>,
    /// When the certificate that was shown last ends, seconds since 1970.
    certificate_until: Arc<AtomicI64>,
}

/// No certificate was shown yet.
const NO_CERTIFICATE: i64 = i64::MIN;

/// Whether a request changes the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Reads: waits for the budget.
    Read,
    /// Changes: goes at once, and what becomes of it must be known.
    Act,
}

impl HttpLine {
    /// A line to `base`, with the budget of its device. `tls` says whom to trust.
    pub fn new(base: url::Url, tls: ClientConfig, budget: Arc<Budget>) -> Result<Self, Fault> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .tls_info(true)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(REPLY)
            .pool_idle_timeout(Duration::from_secs(20))
            .build()
            .map_err(|error| Fault::Tls(error.to_string()))?;
        let certificate_until = Arc::new(AtomicI64::new(NO_CERTIFICATE));
        Ok(Self { client, base, budget, certificate_until })
    }

    /// Days until the certificate ends that the device showed last, negative when it has ended; `None` where none was
    /// shown.
    pub fn certificate_days_left(&self, now: Utc) -> Option<f64> {
        let until = self.certificate_until.load(Ordering::Relaxed);
        (until != NO_CERTIFICATE).then(|| (until as f64 - now.0 as f64 / 1e6) / 86_400.0)
    }

    fn note_certificate(&self, response: &Response) {
        let shown = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
        if let Some(until) = shown.and_then(ends) {
            self.certificate_until.store(until, Ordering::Relaxed);
        }
    }

    /// The address that was given, without any secret.
    pub fn base(&self) -> &url::Url {
        &self.base
    }

    /// A request below the base. `path` is relative and may carry a query.
    pub fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Fault> {
        let url = self.base.join(path).map_err(|error| Fault::Shape(format!("{path}: {error}")))?;
        Ok(self.client.request(method, url))
    }

    /// Sends and reads the whole reply. Statuses that mean the same everywhere become faults: 401, 403, 429, 503.
    pub async fn send(&self, request: RequestBuilder, intent: Intent) -> Result<Reply, Fault> {
        let reply = self.send_raw(request, intent).await?;
        match StatusCode::from_u16(reply.0.status) {
            Ok(StatusCode::UNAUTHORIZED) => Err(Fault::Auth(AuthWhy::Wrong)),
            Ok(StatusCode::FORBIDDEN) => Err(Fault::Auth(AuthWhy::Denied)),
            Ok(StatusCode::TOO_MANY_REQUESTS) => Err(Fault::RateLimited { retry_after: reply.1 }),
            // A gateway that gave up does not say whether the device behind it did what it was told.
            Ok(StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) if intent == Intent::Act => {
                Err(Fault::Timeout { sent: true })
            }
            Ok(StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) => {
                Err(Fault::Busy(reply.0.status.to_string()))
            }
            _ => Ok(reply.0),
        }
    }

    /// Sends and reads the whole reply, whatever its status; beside it what `Retry-After` asks for.
    pub async fn send_raw(
        &self,
        request: RequestBuilder,
        intent: Intent,
    ) -> Result<(Reply, Option<Duration>), Fault> {
        match intent {
            Intent::Read => self.budget.read().await?,
            Intent::Act => self.budget.act(),
        }
        let response = request.send().await.map_err(|error| fault_of(&error))?;
        self.note_certificate(&response);
        let retry = header(&response, RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
        let mut reply = Reply {
            status: response.status().as_u16(),
            location: header(&response, "location"),
            cookie: header(&response, "set-cookie")
                .and_then(|text| text.split(';').next().map(str::to_owned)),
            date: header(&response, "date"),
            body: Vec::new(),
        };
        reply.body = body(response).await?;
        Ok((reply, retry.map(Duration::from_secs)))
    }
}

/// When a certificate ends (RFC 5280 §4.1.2.5), seconds since 1970.
fn ends(der: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

async fn body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    // A reply that breaks off came after the request was taken.
    while let Some(chunk) = response.chunk().await.map_err(|_| Fault::Timeout { sent: true })? {
        if body.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(Fault::Shape(format!("a reply of more than {REPLY_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong before a reply came. The causes are told apart by the whole chain, for the library hides them.
fn fault_of(error: &reqwest::Error) -> Fault {
    let mut words = Vec::new();
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = at {
        if is_tls(cause) {
            return Fault::Tls(cause.to_string());
        }
        if let Some(ours) = cause.downcast_ref::<std::io::Error>().filter(|error| is_own_side(error)) {
            return Fault::OwnSide(ours.to_string());
        }
        words.push(cause.to_string());
        at = cause.source();
    }
    let last = words.pop().unwrap_or_default();
    if error.is_timeout() {
        Fault::Timeout { sent: !error.is_connect() }
    } else if error.is_connect() {
        Fault::Unreachable(last)
    } else if error.is_builder() {
        Fault::Shape(last)
    } else {
        // The connection broke after it was made: the request may have been taken.
        Fault::Timeout { sent: true }
    }
}

/// An I/O error hides what it wraps from the chain of sources, so it is opened, however deep.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_tls(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, date: Option<&str>) -> Reply {
        let date = date.map(str::to_owned);
        Reply { status, location: None, cookie: None, date, body: Vec::new() }
    }

    #[test]
    fn a_devices_clock_is_compared_with_ours_where_it_tells_it() {
        let now = Utc::parse("2026-11-28T09:00:10.5Z").unwrap();
        let skew = |date| reply(200, date).clock_skew_ms(now);
        assert_eq!(skew(Some("Sat, 28 Nov 2026 09:00:10 GMT")), Given::Value(0.0));
        assert_eq!(skew(Some("Sat, 28 Nov 2026 09:00:40 GMT")), Given::Value(30_000.0));
        assert_eq!(skew(Some("yesterday")), Given::Absent(Absent::NotProvided));
        assert_eq!(skew(None), Given::Absent(Absent::NotProvided));
    }

    #[test]
    fn a_certificate_tells_when_it_ends_and_rubbish_tells_nothing() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec!["mcu.city".to_owned()]).unwrap();
        wanted.not_after = rcgen::date_time_ymd(2027, 1, 2);
        let der = wanted.self_signed(&key).unwrap().der().to_vec();
        assert_eq!(ends(&der), Some(1_798_848_000));
        assert_eq!(ends(&der[..40]), None);
        assert_eq!(ends(b""), None);
    }

    #[test]
    fn a_status_is_a_success_a_no_or_unknown() {
        assert!(reply(202, None).success().is_ok());
        assert!(matches!(reply(404, None).success(), Err(Fault::Said { .. })));
        assert!(matches!(reply(500, None).success(), Err(Fault::Shape(_))));
    }
}
