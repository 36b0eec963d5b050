//! The agent's side of enrolment: TLS to exactly the certificate that the token pins.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{ENROL_PATH, EnrolRequest, ROTATE_PATH, RotateRequest, Token, tls_pin};
use crate::uplink::client::Membership;
use crate::uplink::key::SecretKey;

/// Longest time for the whole of it.
const TIME_MAX: Duration = Duration::from_secs(20);
const RESPONSE_MAX: usize = 64 * 1024;

/// What pins the controller: from the token at first, kept for later rotations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolAddress {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// SHA-256 of the subject public key info of its TLS certificate.
    pub tls_pin: [u8; 32],
}

/// Why enrolment failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The controller does not answer.
    #[error("无法连接主控 {host}:{port}：{source} / cannot reach the controller at {host}:{port}: {source}")]
    Unreachable {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else answers, or the token is another controller's.
    #[error(
        "主控证书与令牌不符，可能有人冒充 / the controller's certificate is not the token's: perhaps an impostor"
    )]
    WrongCertificate,
    /// The answer names another signing key than the token.
    #[error("主控签名密钥与令牌不符 / the controller's signing key is not the token's")]
    WrongKey,
    /// The controller refused.
    #[error("主控拒绝 / refused by the controller ({code}): {detail}")]
    Refused {
        /// The controller's code.
        code: String,
        /// Its words.
        detail: String,
    },
    /// Something went wrong on the way.
    #[error("注册未完成：{0} / enrolment not completed: {0}")]
    Broken(String),
}

/// Enrols `key` with a token. Trying again with the same key is harmless.
pub async fn enrol(
    host: &str,
    port: u16,
    token: &Token,
    key: &SecretKey,
) -> Result<(Membership, EnrolAddress), EnrolError> {
    let address = EnrolAddress { host: host.into(), port, tls_pin: token.tls_pin };
    let request = EnrolRequest::new(token, key, machine_name());
    let membership: Membership = exchange(&address, ENROL_PATH, &request).await?;
    let pinned: bool = membership.controller.fingerprint().ct_eq(&token.key_pin).into();
    if pinned { Ok((membership, address)) } else { Err(EnrolError::WrongKey) }
}

/// Replaces the agent's key. The caller stores the new key when this returns `Ok`, and keeps both until then.
pub async fn rotate(
    address: &EnrolAddress,
    membership: &Membership,
    old: &SecretKey,
    new: &SecretKey,
) -> Result<Membership, EnrolError> {
    let request = RotateRequest::new(membership.agent.clone(), old, new);
    let answer: Membership = exchange(address, ROTATE_PATH, &request).await?;
    if answer.controller == membership.controller { Ok(answer) } else { Err(EnrolError::WrongKey) }
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

async fn exchange<T: for<'de> Deserialize<'de>>(
    address: &EnrolAddress,
    path: &str,
    request: &impl Serialize,
) -> Result<T, EnrolError> {
    let body = serde_json::to_vec(request).map_err(|e| EnrolError::Broken(e.to_string()))?;
    let late = |_| EnrolError::Broken("timed out".into());
    let (status, body) = tokio::time::timeout(TIME_MAX, post(address, path, body)).await.map_err(late)??;
    let broken = |e: serde_json::Error| EnrolError::Broken(e.to_string());
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(broken);
    }
    let Problem { code, detail } =
        serde_json::from_slice(&body).map_err(|_| EnrolError::Broken(format!("HTTP {status}")))?;
    Err(EnrolError::Refused { code, detail })
}

async fn post(address: &EnrolAddress, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), EnrolError> {
    let stream = connect(address).await?;
    let broken = |e: hyper::Error| EnrolError::Broken(e.to_string());
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let request = Request::post(path)
        .header(header::HOST, format!("{}:{}", address.host, address.port))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| EnrolError::Broken(e.to_string()))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), RESPONSE_MAX).collect().await;
    driver.abort();
    Ok((status, body.map_err(|e| EnrolError::Broken(e.to_string()))?.to_bytes()))
}

/// A connection to exactly the certificate that is pinned.
pub(in crate::uplink) async fn connect(
    address: &EnrolAddress,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, EnrolError> {
    let EnrolAddress { host, port, tls_pin } = address.clone();
    let unreachable = |source| EnrolError::Unreachable { host: host.clone(), port, source };
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned { pin: tls_pin, provider: Arc::clone(&provider) });
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| EnrolError::Broken(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from(host.clone()).map_err(|e| EnrolError::Broken(e.to_string()))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(_)) => EnrolError::WrongCertificate,
            Some(_) | None => unreachable(error),
        }
    })
}

/// Accepts one public key, whatever the name, the dates and the issuer of its certificate: the token is the trust.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = tls_pin(end_entity).ok_or(CertificateError::BadEncoding)?;
        if found.ct_eq(&self.pin).into() {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn machine_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "unknown".into(), |s| s.trim().into())
}
