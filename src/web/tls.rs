//! TLS for the page and the API: the given certificate, or one of our own made at the first start.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

/// Where certificate and key are, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, our own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A certificate ready to serve with.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// What the listener needs.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of our own certificate, hex in pairs: to print, and to compare in the browser.
    pub fingerprint: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no certificate or no key.
    #[error("{}: {why}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key do not fit each other.
    #[error("certificate and key cannot be used: {0}")]
    Unfit(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Makes a self-signed certificate for `names` (host names and addresses) in `dir`, unless there is one.
pub fn ensure_own(dir: &Path, names: &[String]) -> Result<CertificateFiles, TlsError> {
    let files = CertificateFiles { certificate: dir.join("web.crt"), key: dir.join("web.key") };
    if files.certificate.exists() && files.key.exists() {
        return Ok(files);
    }
    let made = rcgen::generate_simple_self_signed(names.to_vec())?;
    // The key first: a certificate is there only when its key is.
    write(&files.key, made.signing_key.serialize_pem().as_bytes(), 0o600)?;
    write(&files.certificate, made.cert.pem().as_bytes(), 0o644)?;
    Ok(files)
}

/// Reads certificate and key.
pub fn load(files: &CertificateFiles) -> Result<Certificate, TlsError> {
    let content = |path: &Path| {
        let path = path.to_owned();
        move |error: rustls::pki_types::pem::Error| TlsError::Content { path, why: error.to_string() }
    };
    let pem = read(&files.certificate)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(content(&files.certificate))?;
    let Some(own) = chain.first() else {
        return Err(TlsError::Content {
            path: files.certificate.clone(),
            why: "holds no certificate".to_owned(),
        });
    };
    let fingerprint = fingerprint(own);
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(content(&files.key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate { config: Arc::new(config), fingerprint })
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let pairs: Vec<String> = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// Writes a file whole: under another name first, synced, then renamed.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    let draft = path.with_extension("new");
    let written = || {
        let mut file =
            fs::OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_certificate_is_made_once_and_its_key_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let files = ensure_own(dir.path(), &["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let first = load(&files).unwrap().fingerprint;
        let again = load(&ensure_own(dir.path(), &["other".to_owned()]).unwrap()).unwrap().fingerprint;
        assert_eq!(first, again);
        assert_eq!(first.len(), 95);
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&files.certificate, "nothing").unwrap();
        assert!(matches!(load(&files), Err(TlsError::Content { .. })));
    }
}
