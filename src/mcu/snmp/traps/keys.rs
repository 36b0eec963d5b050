//! Who signed a version 3 message: keys made from a password for one engine (RFC 3414 §A.2), signatures (RFC 3414 §6,
//! RFC 7860), and the window of time in which they count (RFC 3414 §3.2).

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest as Hash;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use snmp2::v3::Security;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::message::{Refused, Signed};
use crate::mcu::snmp::login::{Digest, SnmpLogin};

/// How much is hashed to make a key from a password, in bytes.
const STRETCHED_BYTES: usize = 1 << 20;
/// How far a message may lag behind the newest, in seconds.
const WINDOW_S: i64 = 150;

/// One engine that a user has signed for: its keys, and the newest of its clock.
pub(super) struct Engine {
    identity: Vec<u8>,
    digest: Digest,
    key: Zeroizing<Vec<u8>>,
    security: Security,
    newest: Option<(i64, i64, Instant)>,
}

impl Engine {
    /// Makes the keys for an engine: some milliseconds of work. `None` for a community.
    pub(super) fn new(login: &SnmpLogin, identity: &[u8]) -> Option<Self> {
        let SnmpLogin::User { digest, password, .. } = login else { return None };
        let security = login.security()?.with_engine_id(identity).ok()?;
        let key = Zeroizing::new(localised(*digest, password.as_bytes(), identity));
        Some(Self { identity: identity.to_vec(), digest: *digest, key, security, newest: None })
    }

    /// Whether it is the engine of that identity.
    pub(super) fn is(&self, identity: &[u8]) -> bool {
        self.identity == identity
    }

    /// Whether the message is signed with the key and not older than the window allows.
    pub(super) fn accept(&mut self, bytes: &[u8], signed: &Signed<'_>) -> Result<(), Refused> {
        let mut zeroed = bytes.to_vec();
        let end = signed.signature_at + signed.signature.len();
        zeroed.get_mut(signed.signature_at..end).ok_or(Refused::Shape)?.fill(0);
        if !verified(self.digest, &self.key, &zeroed, signed.signature) {
            return Err(Refused::Account);
        }
        let now = Instant::now();
        let fresh = self.newest.is_none_or(|(boots, time_s, at)| {
            let since = i64::try_from(at.elapsed().as_secs()).unwrap_or(i64::MAX);
            match signed.boots.cmp(&boots) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Greater => true,
                std::cmp::Ordering::Equal => signed.time_s >= time_s.saturating_add(since) - WINDOW_S,
            }
        });
        if !fresh {
            return Err(Refused::Old);
        }
        let newer =
            self.newest.is_none_or(|(boots, time_s, _)| (signed.boots, signed.time_s) > (boots, time_s));
        if newer {
            self.newest = Some((signed.boots, signed.time_s, now));
        }
        Ok(())
    }

    /// What the library needs to decrypt a message that was accepted.
    pub(super) fn security(&self, signed: &Signed<'_>) -> Security {
        self.security.clone().with_engine_boots_and_time(signed.boots, signed.time_s)
    }
}

fn localised(digest: Digest, password: &[u8], engine: &[u8]) -> Vec<u8> {
    match digest {
        Digest::Md5 => localise::<Md5>(password, engine),
        Digest::Sha1 => localise::<Sha1>(password, engine),
        Digest::Sha224 => localise::<Sha224>(password, engine),
        Digest::Sha256 => localise::<Sha256>(password, engine),
        Digest::Sha384 => localise::<Sha384>(password, engine),
        Digest::Sha512 => localise::<Sha512>(password, engine),
    }
}

fn localise<H: Hash>(password: &[u8], engine: &[u8]) -> Vec<u8> {
    let mut hash = H::new();
    let mut left = STRETCHED_BYTES;
    // A login has no empty password; one would leave nothing to repeat.
    while left > 0 && !password.is_empty() {
        let piece = left.min(password.len());
        hash.update(&password[..piece]);
        left -= piece;
    }
    let key = hash.finalize();
    H::new().chain_update(&key).chain_update(engine).chain_update(&key).finalize().to_vec()
}

/// Compares in constant time, and only signatures of the one length that the digest has.
fn verified(digest: Digest, key: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
    macro_rules! check {
        ($hash:ty, $length:literal) => {{
            let mac = Hmac::<$hash>::new_from_slice(key);
            signature.len() == $length
                && mac.is_ok_and(|mac| mac.chain_update(bytes).verify_truncated_left(signature).is_ok())
        }};
    }
    match digest {
        Digest::Md5 => check!(Md5, 12),
        Digest::Sha1 => check!(Sha1, 12),
        Digest::Sha224 => check!(Sha224, 16),
        Digest::Sha256 => check!(Sha256, 24),
        Digest::Sha384 => check!(Sha384, 32),
        Digest::Sha512 => check!(Sha512, 48),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_standard() {
        let engine = hex::decode("000000000000000000000002").unwrap();
        // RFC 3414 §A.3.1 and §A.3.2.
        let md5 = localised(Digest::Md5, b"maplesyrup", &engine);
        assert_eq!(hex::encode(md5), "526f5eed9fcce26f8964c2930787d82b");
        let sha1 = localised(Digest::Sha1, b"maplesyrup", &engine);
        assert_eq!(hex::encode(sha1), "6695febc9288e36282235fc7151f128497b38f3f");
    }

    fn login(digest: Digest, privacy: bool) -> SnmpLogin {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        let privacy = privacy.then(|| (crate::mcu::snmp::login::Privacy::Aes128, secret("hide-secret")));
        SnmpLogin::User { name: "watch".into(), digest, password: secret("sign-secret"), privacy }
    }

    #[test]
    fn recorded_signatures_hold_and_damaged_ones_do_not() {
        let recordings = [
            (include_str!("../../../../tests/data/mcu/snmp/trap_v3_sha256_aes.hex"), Digest::Sha256, true),
            (include_str!("../../../../tests/data/mcu/snmp/trap_v3_md5.hex"), Digest::Md5, false),
        ];
        for (text, digest, privacy) in recordings {
            let bytes = hex::decode(text.trim()).unwrap();
            let Ok(crate::mcu::snmp::traps::Opened::User(signed)) = super::super::open(&bytes) else {
                panic!("no version 3")
            };
            let mut engine = Engine::new(&login(digest, privacy), signed.engine).unwrap();
            assert_eq!(engine.accept(&bytes, &signed), Ok(()), "{digest:?}");
            let mut damaged = bytes.clone();
            *damaged.last_mut().unwrap() ^= 1;
            assert_eq!(engine.accept(&damaged, &signed), Err(Refused::Account));
            let short = Signed { signature: &signed.signature[..4], ..signed.clone() };
            assert_eq!(engine.accept(&bytes, &short), Err(Refused::Account), "a short signature");
            // A clock that has gone on makes the same message a repetition.
            engine.newest = Some((signed.boots, signed.time_s + WINDOW_S + 1, Instant::now()));
            assert_eq!(engine.accept(&bytes, &signed), Err(Refused::Old));
            engine.newest = Some((signed.boots + 1, 0, Instant::now()));
            assert_eq!(engine.accept(&bytes, &signed), Err(Refused::Old));
        }
    }
}
