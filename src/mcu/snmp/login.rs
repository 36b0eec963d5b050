//! With which names and secrets SNMP is spoken: a community (v2c) or a user of the user-based security model (v3,
//! RFC 3414, RFC 3826, RFC 7860). Shows none of them.

use std::fmt;

use snmp2::v3::{Auth, AuthProtocol, Cipher, KeyExtension, Security};
use zeroize::Zeroizing;

use crate::mcu::fault::Fault;
use crate::mcu::trust::Login;

/// Shortest password of a user (RFC 3414 §11.2).
const PASSWORD_BYTES_MIN: usize = 8;

/// Name and secrets for one device.
#[derive(Clone)]
pub enum SnmpLogin {
    /// SNMPv2c: the community is all there is.
    Community(Zeroizing<String>),
    /// SNMPv3: always authenticated, and encrypted where a second password is given.
    User {
        /// The user's name.
        name: String,
        /// How messages are signed.
        digest: Digest,
        /// With which password.
        password: Zeroizing<String>,
        /// How they are encrypted, and with which password.
        privacy: Option<(Privacy, Zeroizing<String>)>,
    },
}

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the algorithms")]
pub enum Digest {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How messages are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the algorithms")]
pub enum Privacy {
    Des,
    Aes128,
    Aes192,
    Aes256,
}

impl SnmpLogin {
    /// Reads an account. Without a user name the secret is a community. With one it is, separated by blanks:
    /// a password; or two, to sign with SHA-256 and to encrypt with AES-128; or a digest and a password; or a digest,
    /// a password, a cipher and a password, such as `sha1 PASSWORD des PASSWORD`.
    pub fn read(login: &Login) -> Result<Self, Fault> {
        if login.user.is_empty() {
            let community = login.secret.trim();
            return match community.is_empty() {
                true => Err(Fault::NoCredential),
                false => Ok(Self::Community(Zeroizing::new(community.to_owned()))),
            };
        }
        let words: Vec<&str> = login.secret.split_whitespace().collect();
        let (digest, password, privacy) = match words.as_slice() {
            [password] => (Digest::Sha256, *password, None),
            [digest, password] => match Digest::read(digest) {
                Some(digest) => (digest, *password, None),
                None => (Digest::Sha256, *digest, Some((Privacy::Aes128, *password))),
            },
            [digest, password, privacy, second] => {
                let digest = Digest::read(digest).ok_or(Fault::NoCredential)?;
                let privacy = Privacy::read(privacy).ok_or(Fault::NoCredential)?;
                (digest, *password, Some((privacy, *second)))
            }
            _ => return Err(Fault::NoCredential),
        };
        let long_enough = |password: &str| password.len() >= PASSWORD_BYTES_MIN;
        if !long_enough(password) || privacy.is_some_and(|(_, password)| !long_enough(password)) {
            return Err(Fault::NoCredential);
        }
        Ok(Self::User {
            name: login.user.clone(),
            digest,
            password: Zeroizing::new(password.to_owned()),
            privacy: privacy.map(|(privacy, password)| (privacy, Zeroizing::new(password.to_owned()))),
        })
    }

    /// Whether it is a user's.
    pub(super) fn is_user(&self) -> bool {
        matches!(self, Self::User { .. })
    }

    /// What the library needs to speak as a user; `None` for a community.
    pub(super) fn security(&self) -> Option<Security> {
        let Self::User { name, digest, password, privacy } = self else { return None };
        let auth = match privacy {
            None => Auth::AuthNoPriv,
            Some((privacy, password)) => {
                Auth::AuthPriv { cipher: privacy.cipher(), privacy_password: password.as_bytes().to_vec() }
            }
        };
        let security = Security::new(name.as_bytes(), password.as_bytes())
            .with_auth_protocol(digest.protocol())
            .with_auth(auth)
            // Only short digests with long keys need it; this one is what net-snmp does.
            .with_key_extension_method(KeyExtension::Blumenthal);
        Some(security)
    }
}

impl fmt::Debug for SnmpLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Community(_) => f.write_str("Community"),
            Self::User { name, digest, .. } => write!(f, "User({name}, {digest:?})"),
        }
    }
}

impl Digest {
    fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "md5" => Self::Md5,
            "sha" | "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    fn protocol(self) -> AuthProtocol {
        match self {
            Self::Md5 => AuthProtocol::Md5,
            Self::Sha1 => AuthProtocol::Sha1,
            Self::Sha224 => AuthProtocol::Sha224,
            Self::Sha256 => AuthProtocol::Sha256,
            Self::Sha384 => AuthProtocol::Sha384,
            Self::Sha512 => AuthProtocol::Sha512,
        }
    }
}

impl Privacy {
    fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "des" => Self::Des,
            "aes" | "aes128" => Self::Aes128,
            "aes192" => Self::Aes192,
            "aes256" => Self::Aes256,
            _ => return None,
        })
    }

    fn cipher(self) -> Cipher {
        match self {
            Self::Des => Cipher::Des,
            Self::Aes128 => Cipher::Aes128,
            Self::Aes192 => Cipher::Aes192,
            Self::Aes256 => Cipher::Aes256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(user: &str, secret: &str) -> Result<SnmpLogin, Fault> {
        SnmpLogin::read(&Login { user: user.into(), secret: Zeroizing::new(secret.into()) })
    }

    #[test]
    fn an_account_says_how_it_signs_and_encrypts() {
        type Kind = (Digest, Option<Privacy>);
        let cases: [(&str, Option<Kind>); 9] = [
            ("geheim-eins", Some((Digest::Sha256, None))),
            ("geheim-eins geheim-zwei", Some((Digest::Sha256, Some(Privacy::Aes128)))),
            ("sha1 geheim-eins", Some((Digest::Sha1, None))),
            ("SHA1 geheim-eins des geheim-zwei", Some((Digest::Sha1, Some(Privacy::Des)))),
            ("sha512 geheim-eins aes256 geheim-zwei", Some((Digest::Sha512, Some(Privacy::Aes256)))),
            ("kurz", None),
            ("geheim-eins kurz", None),
            ("sha3 geheim-eins aes geheim-zwei", None),
            ("", None),
        ];
        for (secret, expected) in cases {
            let found = match read("watch", secret) {
                Ok(SnmpLogin::User { digest, privacy, .. }) => Some((digest, privacy.map(|(kind, _)| kind))),
                Ok(SnmpLogin::Community(_)) | Err(_) => None,
            };
            assert_eq!(found, expected, "{secret}");
        }
        assert!(matches!(read("", " public\n"), Ok(SnmpLogin::Community(name)) if name.as_str() == "public"));
        assert_eq!(read("", " ").unwrap_err(), Fault::NoCredential);
    }

    #[test]
    fn no_secret_is_shown() {
        for login in [read("", "geheim-eins"), read("watch", "geheim-eins geheim-zwei")] {
            assert!(!format!("{:?}", login.unwrap()).contains("geheim"));
        }
    }
}
