//! Enrolment: how an agent's key becomes known to the controller, and the controller's to the agent.
//!
//! The controller prints a one-time token that holds a secret and the fingerprints of its TLS key and of its signing
//! key. The agent makes its own key, connects by TLS to exactly that certificate, shows the secret and proves its
//! key; the controller answers with what the agent needs. Nothing of this ever goes over MQTT. It must not know how
//! tokens are stored or who may issue one.

pub mod client;
pub mod server;
mod token;

use serde::{Deserialize, Serialize};

pub use token::{BadToken, Token, TokenHash, TokenRecord, tls_pin};

use crate::domain::id::AgentId;
use crate::uplink::key::{KeyId, PublicKey, SecretKey, unhex};

/// Version of the bodies.
pub const VERSION: u32 = 1;
/// Where to POST an [`EnrolRequest`].
pub const ENROL_PATH: &str = "/enrol/v1";
/// Where to POST a [`RotateRequest`].
pub const ROTATE_PATH: &str = "/enrol/v1/rotate";
/// Longest request body, in bytes.
pub const REQUEST_MAX: usize = 4 * 1024;

/// An agent asks to be enrolled.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// [`VERSION`].
    pub v: u32,
    /// The token's secret, 40 hex digits.
    pub secret: String,
    /// The agent's public key.
    pub key: PublicKey,
    /// What the agent's machine calls itself: shown to the administrator, believed by nobody.
    pub host: String,
    /// The agent's version.
    pub version: String,
    /// Signature of the key over secret and key, 128 hex digits: the sender has the key it shows.
    pub proof: String,
}

/// An agent asks to replace its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateRequest {
    /// [`VERSION`].
    pub v: u32,
    /// The agent.
    pub agent: AgentId,
    /// Its present key.
    pub old: KeyId,
    /// The key to come.
    pub new: PublicKey,
    /// Signature of the present key over agent, old and new, 128 hex digits.
    pub by_old: String,
    /// Signature of the key to come over the same.
    pub by_new: String,
}

/// Why enrolment or rotation was refused. Each has a stable [`code`](Self::code).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such token.
    #[error("注册令牌无效 / unknown enrolment token")]
    UnknownToken,
    /// Its time is over.
    #[error("注册令牌已过期，请重新签发 / enrolment token has expired: issue a new one")]
    ExpiredToken,
    /// Another key has used it.
    #[error("注册令牌已被使用 / enrolment token has been used")]
    UsedToken,
    /// The request's signature does not fit.
    #[error("密钥持有证明不符 / proof of the key does not fit")]
    BadProof,
    /// The key to be replaced is not enrolled for that agent.
    #[error("密钥未注册或已吊销 / key is not enrolled or is revoked")]
    UnknownKey,
    /// The body is not what it should be.
    #[error("请求格式不对 / malformed request")]
    Malformed,
    /// Too many attempts.
    #[error("尝试过于频繁，请稍后再试 / too many attempts: try again later")]
    TooMany,
    /// The controller could not store it.
    #[error("主控暂时不可用 / the controller is not available")]
    Unavailable,
}

impl Refusal {
    /// Stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownToken => "enrol.unknown_token",
            Self::ExpiredToken => "enrol.expired_token",
            Self::UsedToken => "enrol.used_token",
            Self::BadProof => "enrol.bad_proof",
            Self::UnknownKey => "enrol.unknown_key",
            Self::Malformed => "enrol.malformed",
            Self::TooMany => "enrol.too_many",
            Self::Unavailable => "enrol.unavailable",
        }
    }
}

impl std::fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolRequest")
            .field("key", &self.key)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl EnrolRequest {
    /// Asks with a token for a key.
    pub fn new(token: &Token, key: &SecretKey, host: String) -> Self {
        let secret = token.secret_hex();
        let proof = hex::encode(key.sign(&Self::proved(&secret, key.public())));
        let version = env!("CARGO_PKG_VERSION").into();
        Self { v: VERSION, secret, key: *key.public(), host, version, proof }
    }

    /// Whether the sender has the key it shows.
    pub fn is_proved(&self) -> bool {
        let message = Self::proved(&self.secret, &self.key);
        unhex(&self.proof).is_ok_and(|proof| self.key.verifies(&message, &proof))
    }

    fn proved(secret: &str, key: &PublicKey) -> Vec<u8> {
        format!("vcops enrol v1 {secret} {key}").into_bytes()
    }
}

impl RotateRequest {
    /// Asks to replace `old` by `new`.
    pub fn new(agent: AgentId, old: &SecretKey, new: &SecretKey) -> Self {
        let message = Self::proved(&agent, old.id(), new.public());
        let by = |key: &SecretKey| hex::encode(key.sign(&message));
        Self { v: VERSION, agent, old: old.id(), new: *new.public(), by_old: by(old), by_new: by(new) }
    }

    /// Whether both keys agree to it. It needs no time: once done, the old key is gone and a replay is refused.
    pub fn is_proved(&self, old: &PublicKey) -> bool {
        KeyId::of(old) == self.old && self.is_signed(old, &self.by_old) && self.is_proved_by_new()
    }

    /// Whether the key to come has signed it.
    pub fn is_proved_by_new(&self) -> bool {
        self.is_signed(&self.new, &self.by_new)
    }

    fn is_signed(&self, key: &PublicKey, signature: &str) -> bool {
        let message = Self::proved(&self.agent, self.old, &self.new);
        unhex(signature).is_ok_and(|signature| key.verifies(&message, &signature))
    }

    fn proved(agent: &AgentId, old: KeyId, new: &PublicKey) -> Vec<u8> {
        format!("vcops rotate v1 {agent} {old} {new}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_prove_their_keys() {
        let (old, new) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
        let token = Token::issue([3; 32], [4; 32]);
        let request = EnrolRequest::new(&token, &old, "host".into());
        assert!(request.is_proved());
        assert!(!EnrolRequest { key: *new.public(), ..request.clone() }.is_proved());
        assert!(!format!("{request:?}").contains(&token.secret_hex()));
        let rotate = RotateRequest::new(AgentId::parse("a").unwrap(), &old, &new);
        assert!(rotate.is_proved(old.public()));
        assert!(!rotate.is_proved(new.public()));
        assert!(
            !RotateRequest { agent: AgentId::parse("b").unwrap(), ..rotate.clone() }.is_proved(old.public())
        );
        assert!(!RotateRequest { by_new: rotate.by_old.clone(), ..rotate }.is_proved(old.public()));
    }
}
