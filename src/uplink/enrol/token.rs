//! The one-time token: what is printed, and what is kept of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Refusal;
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Utc;
use crate::uplink::key::{BadKey, KeyId, unhex};

const PREFIX: &str = "vcops1-";
const SECRET: usize = 20;
const CHECK: usize = 4;
const BYTES: usize = SECRET + 32 + 32 + CHECK;

/// A one-time token: `vcops1-` and 118 characters, to be copied and pasted. Shown once, kept by nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: [u8; SECRET],
    /// SHA-256 of the public key of the controller's TLS certificate (subject public key info, DER): a renewed
    /// certificate of the same key still fits.
    pub tls_pin: [u8; 32],
    /// SHA-256 of the controller's Ed25519 public key.
    pub key_pin: [u8; 32],
}

/// What is kept of a token: SHA-256 of its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TokenHash(pub [u8; 32]);

/// A token as the controller keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Of its secret.
    pub hash: TokenHash,
    /// The agent it is for.
    pub agent: AgentId,
    /// The venue it is for.
    pub venue: VenueId,
    /// It is good until then.
    pub expires: Utc,
    /// The key that has used it.
    pub used_by: Option<KeyId>,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It does not begin with `vcops1-`.
    #[error("注册令牌应以 vcops1- 开头 / an enrolment token begins with vcops1-")]
    Prefix,
    /// It is cut short, or a character is wrong.
    #[error(
        "注册令牌不完整或有误，请重新复制 / the enrolment token is incomplete or mistyped: copy it again"
    )]
    Damaged,
}

impl Token {
    /// A new token with a random secret.
    pub fn issue(tls_pin: [u8; 32], key_pin: [u8; 32]) -> Self {
        Self { secret: rand::random(), tls_pin, key_pin }
    }

    /// Reads a token as it was printed; white space around it does not matter.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let coded = text.trim().strip_prefix(PREFIX).ok_or(BadToken::Prefix)?;
        let bytes = URL_SAFE_NO_PAD.decode(coded).map_err(|_| BadToken::Damaged)?;
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| BadToken::Damaged)?;
        let (content, check) = bytes.split_at(BYTES - CHECK);
        if Sha256::digest(content)[..CHECK] != *check {
            return Err(BadToken::Damaged);
        }
        let damaged = |_| BadToken::Damaged;
        Ok(Self {
            secret: content[..SECRET].try_into().map_err(damaged)?,
            tls_pin: content[SECRET..SECRET + 32].try_into().map_err(damaged)?,
            key_pin: content[SECRET + 32..].try_into().map_err(damaged)?,
        })
    }

    /// The token as it is printed. Whoever reads it can enrol in its agent's place.
    pub fn reveal(&self) -> String {
        let mut bytes = [&self.secret[..], &self.tls_pin, &self.key_pin].concat();
        let check: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&check[..CHECK]);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What to keep of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.secret)
    }

    pub(super) fn secret_hex(&self) -> String {
        hex::encode(self.secret)
    }
}

impl TokenHash {
    /// From a secret as a request shows it.
    pub fn of_hex(secret: &str) -> Result<Self, BadKey> {
        unhex::<SECRET>(secret).map(|secret| Self::of(&secret))
    }

    fn of(secret: &[u8; SECRET]) -> Self {
        Self(Sha256::new().chain_update(b"vcops enrolment token").chain_update(secret).finalize().into())
    }

    /// As 64 hex digits.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Comparison in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl TokenRecord {
    /// Uses the token for a key. The same key may come again while the token lasts: its first answer may have been
    /// lost on the way. The caller stores the record in the same transaction as the enrolment.
    pub fn claim(&mut self, key: KeyId, now: Utc) -> Result<(), Refusal> {
        match self.used_by {
            _ if now >= self.expires => Err(Refusal::ExpiredToken),
            Some(other) if other != key => Err(Refusal::UsedToken),
            Some(_) => Ok(()),
            None => {
                self.used_by = Some(key);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a token pins of a TLS certificate; `None` when it can not be read.
pub fn tls_pin(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let parsed = rustls::server::ParsedCertificate::try_from(certificate).ok()?;
    Some(Sha256::digest(parsed.subject_public_key_info().as_ref()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::key::SecretKey;

    #[test]
    fn a_token_is_read_as_printed_and_no_other_way() {
        let token = Token::issue([1; 32], [2; 32]);
        let text = token.reveal();
        assert_eq!(Token::parse(&format!(" {text}\n")), Ok(token.clone()));
        assert_eq!(text.len(), 125);
        assert_eq!(Token::parse("vcops2-x"), Err(BadToken::Prefix));
        assert_eq!(Token::parse(&text[..text.len() - 1]), Err(BadToken::Damaged));
        let other = if text.ends_with('A') { "B" } else { "A" };
        let mistyped = format!("{}{other}{}", &text[..50], &text[51..]);
        assert!(mistyped == text || Token::parse(&mistyped) == Err(BadToken::Damaged));
        assert!(!format!("{token:?}").contains(&text[10..30]), "a token never shows in a log");
        assert!(TokenHash::of_hex(&token.secret_hex()).unwrap().matches(&token.hash()));
    }

    #[test]
    fn a_token_serves_one_key_until_it_expires() {
        let key = |seed| SecretKey::from_seed(&[seed; 32]).id();
        let mut record = TokenRecord {
            hash: TokenHash([0; 32]),
            agent: AgentId::parse("a").unwrap(),
            venue: VenueId::parse("v").unwrap(),
            expires: Utc(100),
            used_by: None,
        };
        assert_eq!(record.claim(key(1), Utc(100)), Err(Refusal::ExpiredToken));
        assert_eq!(record.claim(key(1), Utc(99)), Ok(()));
        assert_eq!(record.claim(key(1), Utc(99)), Ok(()), "a lost answer can be asked for again");
        assert_eq!(record.claim(key(2), Utc(99)), Err(Refusal::UsedToken));
        assert_eq!(record.claim(key(1), Utc(100)), Err(Refusal::ExpiredToken));
    }
}
