//! Ed25519 keys (RFC 8032), their short names, and the counter of starts that goes with them.
//! Knows nothing of envelopes or of who owns which key.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::metrics::failpoint::{Failpoint, hit};
use crate::uplink::durable;

const KEY_FILE: &str = "key";
const NEXT_KEY_FILE: &str = "key.next";
const BOOT_FILE: &str = "boot";
const LOCK_FILE: &str = "lock";

/// The name of a key: the first eight bytes of the SHA-256 of the public key, written as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// A public key, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A secret key that signs. It never shows itself in a log.
pub struct SecretKey {
    signing: SigningKey,
    public: PublicKey,
    id: KeyId,
}

/// A key on disk together with its counter of starts, held by one process at a time.
#[derive(Debug)]
pub struct Identity {
    key: SecretKey,
    boot: u64,
    directory: PathBuf,
    // Dropping the file gives the lock back.
    _lock: File,
}

/// Why a text is not a key or a key's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not the wanted number of hex digits.
    #[error("应为 {0} 个十六进制字符 / expected {0} hex digits")]
    Hex(usize),
    /// The 32 bytes are no point of the curve, or a weak one.
    #[error("不是有效的 Ed25519 公钥 / not a valid Ed25519 public key")]
    Point,
}

/// Why the identity could not be read or made. Every kind has a stable [`code`](Self::code).
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The directory or a file could not be read or written.
    #[error("无法读写身份文件 {path} / cannot read or write identity file {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The key file does not hold a key; making a new one silently would orphan the venue.
    #[error(
        "身份文件 {0} 已损坏，请删除后重新注册 / identity file {0} is damaged: remove it and enrol again"
    )]
    Damaged(PathBuf),
    /// Others may read the key.
    #[error("密钥文件 {0} 可被他人读取，请 chmod 600 / key file {0} is readable by others: chmod 600")]
    Exposed(PathBuf),
    /// Another process holds the identity; two would burn each other's sequence numbers.
    #[error("身份目录 {0} 正被另一进程使用 / identity directory {0} is in use by another process")]
    Busy(PathBuf),
}

impl IdentityError {
    /// Stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "identity.io",
            Self::Damaged(_) => "identity.damaged",
            Self::Exposed(_) => "identity.exposed",
            Self::Busy(_) => "identity.busy",
        }
    }
}

impl KeyId {
    /// The name of a public key.
    pub fn of(key: &PublicKey) -> Self {
        let digest = Sha256::digest(key.bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }

    /// From 16 hex digits.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        unhex(text).map(Self)
    }
}

impl PublicKey {
    /// From 32 bytes; weak points are refused, so that a signature binds to one message.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::Point)?;
        if key.is_weak() { Err(BadKey::Point) } else { Ok(Self(key)) }
    }

    /// From 64 hex digits.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        Self::from_bytes(&unhex(text)?)
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// SHA-256 of the 32 bytes: what an enrolment token pins.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.bytes()).into()
    }

    /// Whether `signature` is this key's over `message` (strict verification: one signature form only).
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl SecretKey {
    /// A new key from the system's randomness.
    pub fn generate() -> Self {
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        Self::from_seed(&seed)
    }

    /// The key of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = PublicKey(signing.verifying_key());
        Self { signing, public, id: KeyId::of(&public) }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

impl Identity {
    /// Opens the identity in `directory`, making directory and key at first use, and counts this start durably
    /// before anything can be signed with it.
    pub fn open(directory: &Path) -> Result<Self, IdentityError> {
        let fail = |source| IdentityError::Io { path: directory.to_path_buf(), source };
        durable::make_directory(directory).map_err(fail)?;
        let lock = lock(directory)?;
        let fresh = !directory.join(KEY_FILE).exists();
        let key = if fresh { make_key(directory)? } else { read_key(&directory.join(KEY_FILE))? };
        let boot = count_start(directory, fresh)?;
        Ok(Self { key, boot, directory: directory.to_path_buf(), _lock: lock })
    }

    /// The key.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// How many times this identity has been opened; grows with every start.
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// Where the identity lives.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps the key to come on the disk before anybody is told of it: a rotation that is cut short goes on with it.
    pub fn prepare(&self, next: SecretKey) -> Result<SecretKey, IdentityError> {
        write_key(&self.directory.join(NEXT_KEY_FILE), &next)?;
        Ok(next)
    }

    /// The key to come of a rotation that was cut short.
    pub fn next_key(&self) -> Result<Option<SecretKey>, IdentityError> {
        let path = self.directory.join(NEXT_KEY_FILE);
        if path.exists() { read_key(&path).map(Some) } else { Ok(None) }
    }

    /// Replaces the key durably, after the controller has accepted the [prepared](Self::prepare) one.
    pub fn adopt(&mut self, key: SecretKey) -> Result<(), IdentityError> {
        write_key(&self.directory.join(KEY_FILE), &key)?;
        let path = self.directory.join(NEXT_KEY_FILE);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(IdentityError::Io { path, source });
            }
            Ok(()) | Err(_) => {}
        }
        self.key = key;
        Ok(())
    }
}

fn lock(directory: &Path) -> Result<File, IdentityError> {
    let path = directory.join(LOCK_FILE);
    let file = File::create(&path).map_err(|source| IdentityError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IdentityError::Busy(directory.to_path_buf())),
        Err(TryLockError::Error(source)) => Err(IdentityError::Io { path, source }),
    }
}

fn make_key(directory: &Path) -> Result<SecretKey, IdentityError> {
    let key = SecretKey::generate();
    hit(Failpoint::UplinkKeyBeforeWrite);
    write_key(&directory.join(KEY_FILE), &key)?;
    Ok(key)
}

fn write_key(path: &Path, key: &SecretKey) -> Result<(), IdentityError> {
    let text = Zeroizing::new(hex::encode(key.signing.as_bytes()));
    let fail = |source| IdentityError::Io { path: path.to_path_buf(), source };
    durable::replace(path, text.as_bytes(), 0o600).map_err(fail)
}

fn read_key(path: &Path) -> Result<SecretKey, IdentityError> {
    let fail = |source| IdentityError::Io { path: path.to_path_buf(), source };
    let mode = std::fs::metadata(path).map_err(fail)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(IdentityError::Exposed(path.to_path_buf()));
    }
    let text = Zeroizing::new(durable::read(path, 128).map_err(fail)?.unwrap_or_default());
    let seed = std::str::from_utf8(&text).ok().and_then(|text| unhex::<32>(text.trim()).ok());
    let seed = Zeroizing::new(seed.ok_or(IdentityError::Damaged(path.to_path_buf()))?);
    Ok(SecretKey::from_seed(&seed))
}

/// A lost counter must not start again below what the other side has seen: then it continues from the seconds
/// of the wall clock, which no honest counter of starts has reached.
fn count_start(directory: &Path, fresh: bool) -> Result<u64, IdentityError> {
    let path = directory.join(BOOT_FILE);
    let fail = |source| IdentityError::Io { path: path.clone(), source };
    let stored = durable::read(&path, 32).map_err(fail)?;
    let last = stored.and_then(|text| std::str::from_utf8(&text).ok()?.trim().parse::<u64>().ok());
    let boot = match last {
        Some(last) => last.saturating_add(1),
        None if fresh => 1,
        None => u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(1),
    };
    hit(Failpoint::UplinkBootBeforeCount);
    durable::replace(&path, format!("{boot}\n").as_bytes(), 0o600).map_err(fail)?;
    Ok(boot)
}

pub(crate) fn unhex<const N: usize>(text: &str) -> Result<[u8; N], BadKey> {
    let mut bytes = [0; N];
    // `decode_to_slice` would also take capitals: one key has one written form.
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if lower => Ok(bytes),
        Ok(()) | Err(_) => Err(BadKey::Hex(2 * N)),
    }
}

macro_rules! as_hex {
    ($($name:ident => $bytes:expr),+ $(,)?) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let bytes: fn(&$name) -> &[u8] = $bytes;
                f.write_str(&hex::encode(bytes(self)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    )+};
}

as_hex! {
    KeyId => |id| &id.0,
    PublicKey => |key| key.bytes(),
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_keeps_its_key_and_counts_every_start() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("identity");
        let first = Identity::open(&path).unwrap();
        let (id, boot) = (first.key().id(), first.boot());
        assert_eq!(Identity::open(&path).unwrap_err().code(), "identity.busy");
        drop(first);
        let second = Identity::open(&path).unwrap();
        assert_eq!((second.key().id(), second.boot()), (id, boot + 1));
        let mode = std::fs::metadata(path.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_lost_counter_continues_above_what_was_ever_used() {
        let directory = tempfile::tempdir().unwrap();
        drop(Identity::open(directory.path()).unwrap());
        std::fs::remove_file(directory.path().join(BOOT_FILE)).unwrap();
        assert!(Identity::open(directory.path()).unwrap().boot() > 1_600_000_000);
    }

    #[test]
    fn a_damaged_or_exposed_key_is_never_replaced_silently() {
        let directory = tempfile::tempdir().unwrap();
        drop(Identity::open(directory.path()).unwrap());
        let key = directory.path().join(KEY_FILE);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Identity::open(directory.path()).unwrap_err().code(), "identity.exposed");
        durable::replace(&key, b"00ff", 0o600).unwrap();
        assert_eq!(Identity::open(directory.path()).unwrap_err().code(), "identity.damaged");
    }

    #[test]
    fn keys_and_names_have_one_written_form() {
        let key = SecretKey::from_seed(&[7; 32]);
        let text = key.public().to_string();
        assert_eq!(PublicKey::parse(&text).unwrap(), *key.public());
        assert_eq!(PublicKey::parse(&text.to_uppercase()), Err(BadKey::Hex(64)));
        assert_eq!(PublicKey::parse(&"0".repeat(64)), Err(BadKey::Point), "a weak point");
        assert_eq!(KeyId::parse(&key.id().to_string()).unwrap(), key.id());
        assert_eq!(KeyId::parse("ab"), Err(BadKey::Hex(16)));
        assert!(!format!("{key:?}").contains(&hex::encode([7; 32])));
    }
}
