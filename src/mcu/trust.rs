//! Whom to trust when speaking to a device, and with which name and secret. Knows no device.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::fault::Fault;

/// Name and secret for a device. Never shown, never in the inventory.
#[derive(Clone)]
pub struct Login {
    /// User name; empty where the interface knows only a secret.
    pub user: String,
    /// Password, key or community.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Whose certificate a device may show. Nothing else is trusted: an intranet has no public authorities.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// None: only plain HTTP can be spoken.
    #[default]
    Nobody,
    /// What these authorities signed.
    Authorities(Vec<CertificateDer<'static>>),
    /// The one certificate with this SHA-256 digest, whatever its name and dates: devices sign their own.
    Pinned([u8; 32]),
}

impl Trust {
    /// The client's side of TLS. TLS 1.2 or later only; a device that speaks less is `Tls`, not down.
    pub fn client(&self) -> Result<ClientConfig, Fault> {
        let broken = |error: rustls::Error| Fault::Tls(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(broken)?;
        Ok(match self {
            Self::Nobody => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            Self::Authorities(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(certificate.clone()).map_err(broken)?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Self::Pinned(digest) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pinned { digest: *digest, provider }))
                .with_no_client_auth(),
        })
    }
}

#[derive(Debug)]
struct Pinned {
    digest: [u8; 32],
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
        let found: [u8; 32] = Sha256::digest(end_entity).into();
        if found.ct_eq(&self.digest).into() {
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
