//! One bounded way to speak HTTP to a provider: time and size limits, a guard over addresses, and a [`Fault`] for
//! everything that goes wrong. Knows no provider.
//!
//! No redirect is followed, no proxy is used, no cookie is kept. What an error says is without the URL, which may be
//! a secret.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::fault::{Class, Code, Fault};
use super::guard::Guard;

/// Longest time of one exchange.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest time for which a provider's `Retry-After` is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// Rest after 429 when the provider names none.
const TOO_OFTEN_REST: Duration = Duration::from_secs(60);

/// Authorities whose certificates count.
#[derive(Debug, Clone, Default)]
pub struct Trust(pub Vec<CertificateDer<'static>>);

impl Trust {
    /// The client's side of TLS: 1.2 or later.
    pub fn client(&self) -> Result<ClientConfig, Fault> {
        let broken = |error: rustls::Error| Fault::new(Class::Final, Code::Tls, error.to_string());
        let mut roots = RootCertStore::empty();
        // A bundle of a system may hold one that rustls does not read; the others count.
        roots.add_parsable_certificates(self.0.iter().cloned());
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(broken)?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body, at most 64 KiB.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// How to speak HTTP. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Line {
    client: reqwest::Client,
    guard: Guard,
}

impl Line {
    /// A line that connects where the guard permits and believes whom `trust` says.
    pub fn new(guard: &Guard, trust: &Trust) -> Result<Self, Fault> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(trust.client()?)
            .dns_resolver(Arc::new(Names(guard.clone())))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .pool_idle_timeout(Duration::from_secs(20))
            .build()
            .map_err(|error| Fault::new(Class::Final, Code::Ours, error.to_string()))?;
        Ok(Self { client, guard: guard.clone() })
    }

    /// Makes requests.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// A JSON body to post.
    pub fn post_json(&self, url: &Url, body: &serde_json::Value) -> RequestBuilder {
        self.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    /// Sends, reads the whole answer. A status that means the same everywhere becomes a fault; the others are the
    /// caller's to read.
    pub async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Answer, Fault> {
        if let Some(host) = url.host() {
            self.guard.permits_host(&host)?;
        }
        let response = request.send().await.map_err(fault_of)?;
        let status = response.status().as_u16();
        let rest = retry_after(&response);
        let body = body(response).await?;
        by_status(status, rest).map_or(Ok(Answer { status, body }), Err)
    }
}

/// Faults that every provider's status means.
fn by_status(status: u16, rest: Option<Duration>) -> Option<Fault> {
    let fault = |class, code| Some(Fault::new(class, code, format!("HTTP {status}")));
    match status {
        401 | 403 => fault(Class::Final, Code::Credential),
        408 => fault(Class::Again, Code::Timeout),
        429 => fault(Class::Locked(rest.unwrap_or(TOO_OFTEN_REST)), Code::TooOften),
        500..=599 => fault(rest.map_or(Class::Again, Class::Locked), Code::Busy),
        300..=399 | 404 | 405 | 410 => fault(Class::Final, Code::Rejected),
        _ => None,
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_secs).map(|rest| rest.min(RETRY_AFTER_MAX))
}

async fn body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fault_of)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            let most = format!("an answer of more than {ANSWER_BYTES_MAX} bytes");
            return Err(Fault::new(Class::Again, Code::Shape, most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What went wrong before an answer was whole. The causes are told apart by the whole chain, for the library hides them.
fn fault_of(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut last = String::new();
    let mut at: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(cause) = at {
        if let Some(fault) = inside::<Fault>(cause) {
            return fault.clone();
        }
        if let Some(tls) = inside::<rustls::Error>(cause) {
            return Fault::new(Class::Again, Code::Tls, tls.to_string());
        }
        last = cause.to_string();
        at = cause.source();
    }
    let code = if error.is_timeout() {
        Code::Timeout
    } else if error.is_connect() {
        Code::Unreachable
    } else if error.is_builder() {
        return Fault::new(Class::Final, Code::Ours, last);
    } else {
        // The connection broke after it was made: the request may have been taken.
        Code::Timeout
    };
    Fault::new(Class::Again, code, last)
}

/// An I/O error hides what it wraps from the chain of sources, so it is opened, however deep.
pub(super) fn inside<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.downcast_ref::<E>().or_else(|| wrapped.and_then(|inner| inside::<E>(inner)))
}

/// Names are looked up through the guard.
#[derive(Debug)]
struct Names(Guard);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            // The port is put in by the library.
            let found = guard.resolve(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_to_try_again() {
        let cases = [
            (200, None, None),
            (400, None, None),
            (302, None, Some((Class::Final, Code::Rejected))),
            (403, None, Some((Class::Final, Code::Credential))),
            (408, None, Some((Class::Again, Code::Timeout))),
            (429, None, Some((Class::Locked(TOO_OFTEN_REST), Code::TooOften))),
            (429, Some(7), Some((Class::Locked(Duration::from_secs(7)), Code::TooOften))),
            (503, None, Some((Class::Again, Code::Busy))),
            (503, Some(9), Some((Class::Locked(Duration::from_secs(9)), Code::Busy))),
        ];
        for (status, rest, expected) in cases {
            let found = by_status(status, rest.map(Duration::from_secs));
            assert_eq!(found.map(|fault| (fault.class, fault.code)), expected, "{status}");
        }
    }
}
