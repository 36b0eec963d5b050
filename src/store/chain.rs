//! The hash chain: what exactly is hashed, and the signing key. Pure but for reading and making the key file.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::error::StoreError;

/// A SHA-256.
pub type Hash = [u8; 32];

/// What the first row names as its predecessor.
pub const GENESIS: Hash = [0; 32];

/// Hashes fields so that no two lists of fields share an encoding: a domain, then each field behind its length.
#[derive(Debug, Clone)]
pub(super) struct Fields(Sha256);

impl Fields {
    pub(super) fn new(domain: &str) -> Self {
        Self(Sha256::new()).bytes(domain.as_bytes())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn number(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn finish(self) -> Hash {
        self.0.finalize().into()
    }
}

/// The SHA-256 of plain bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// Signs checkpoints and states. The key lies in its own file, outside the database.
pub(super) struct Signing {
    key: SigningKey,
    /// Names the key: the first 16 hex digits of the hash of its public half.
    pub(super) fingerprint: String,
    /// Whether this opening made the key.
    pub(super) made: bool,
}

impl Signing {
    /// Reads the key, or makes one and lists its public half in `trusted`, one hex key a line.
    pub(super) fn open(secret: &Path, trusted: &Path) -> Result<Self, StoreError> {
        let (key, made) = match fs::read_to_string(secret) {
            Ok(text) => (parse_secret(&text, secret)?, false),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => (make_secret(secret)?, true),
            Err(e) => return Err(StoreError::io("reading the signing key", secret)(e)),
        };
        let signing = Self { fingerprint: fingerprint(&key.verifying_key()), key, made };
        signing.list(trusted)?;
        Ok(signing)
    }

    pub(super) fn sign(&self, message: &Hash) -> String {
        hex::encode(self.key.sign(message).to_bytes())
    }

    fn list(&self, trusted: &Path) -> Result<(), StoreError> {
        let line = hex::encode(self.key.verifying_key().as_bytes());
        let listed = fs::read_to_string(trusted).unwrap_or_default();
        if listed.lines().any(|known| known == line) {
            return Ok(());
        }
        let temporary = trusted.with_extension("new");
        write_synced(&temporary, format!("{listed}{line}\n").as_bytes(), 0o644)?;
        fs::rename(&temporary, trusted).map_err(StoreError::io("naming", trusted))?;
        sync_parent(trusted)
    }
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signing({})", self.fingerprint)
    }
}

fn parse_secret(text: &str, path: &Path) -> Result<SigningKey, StoreError> {
    let mut seed = zeroize::Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), &mut *seed)
        .map_err(|_| StoreError::damaged(format!("{} is not 64 hex digits", path.display())))?;
    Ok(SigningKey::from_bytes(&seed))
}

fn make_secret(path: &Path) -> Result<SigningKey, StoreError> {
    let seed = zeroize::Zeroizing::new(rand::random::<[u8; 32]>());
    let temporary = path.with_extension("new");
    write_synced(&temporary, zeroize::Zeroizing::new(hex::encode(*seed)).as_bytes(), 0o600)?;
    fs::rename(&temporary, path).map_err(StoreError::io("naming", path))?;
    sync_parent(path)?;
    Ok(SigningKey::from_bytes(&seed))
}

/// The public halves whose signatures count.
#[derive(Debug, Clone, Default)]
pub(super) struct Trusted(Vec<(String, VerifyingKey)>);

impl Trusted {
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let text = fs::read_to_string(path).map_err(StoreError::io("reading the public keys", path))?;
        let key = |line: &str| {
            let mut bytes = [0u8; 32];
            hex::decode_to_slice(line, &mut bytes).ok()?;
            VerifyingKey::from_bytes(&bytes).ok().filter(|_| hex::encode(bytes) == line)
        };
        let keys = text.lines().map(|line| key(line).map(|key| (fingerprint(&key), key)));
        let keys: Option<Vec<_>> = keys.collect();
        keys.map(Self).ok_or_else(|| StoreError::damaged(format!("{} holds a bad key", path.display())))
    }

    pub(super) fn fingerprints(&self) -> Vec<String> {
        self.0.iter().map(|(fingerprint, _)| fingerprint.clone()).collect()
    }

    /// Whether the named key is known; `None` when it is not, else whether it made this signature.
    pub(super) fn made(&self, key: &str, message: &Hash, signature: &str) -> Option<bool> {
        let (_, key) = self.0.iter().find(|(fingerprint, _)| fingerprint == key)?;
        let mut bytes = [0u8; 64];
        // One spelling only: capital letters would be a changed byte that nobody notices.
        let decoded = hex::decode_to_slice(signature, &mut bytes).is_ok() && hex::encode(bytes) == signature;
        Some(decoded && key.verify_strict(message, &Signature::from_bytes(&bytes)).is_ok())
    }
}

fn fingerprint(key: &VerifyingKey) -> String {
    hex::encode(&sha256(key.as_bytes())[..8])
}

/// Writes a whole new file and syncs it; an older file of that name is replaced.
pub(super) fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let io = || StoreError::io("writing", path);
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path).map_err(io())?;
    file.write_all(bytes).map_err(io())?;
    file.sync_all().map_err(io())
}

/// Makes a file's name durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let sync = || fs::File::open(parent)?.sync_all();
    sync().map_err(StoreError::io("syncing the directory", parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_hash() {
        let ab_c = Fields::new("t").bytes(b"ab").bytes(b"c").finish();
        let a_bc = Fields::new("t").bytes(b"a").bytes(b"bc").finish();
        let other_domain = Fields::new("u").bytes(b"ab").bytes(b"c").finish();
        assert!(ab_c != a_bc && ab_c != other_domain);
    }

    #[test]
    fn a_key_survives_reopening_and_only_it_signs() {
        let dir = tempfile::tempdir().unwrap();
        let (secret, trusted) = (dir.path().join("k"), dir.path().join("k.pub"));
        let first = Signing::open(&secret, &trusted).unwrap();
        let again = Signing::open(&secret, &trusted).unwrap();
        assert!(first.made && !again.made && first.fingerprint == again.fingerprint);

        let keys = Trusted::read(&trusted).unwrap();
        let message = sha256(b"message");
        let signature = again.sign(&message);
        assert_eq!(keys.made(&first.fingerprint, &message, &signature), Some(true));
        assert_eq!(keys.made(&first.fingerprint, &sha256(b"another"), &signature), Some(false));
        assert_eq!(keys.made("0000000000000000", &message, &signature), None);
    }
}
