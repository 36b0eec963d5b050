//! What a user must know beside the name: how old a password may be, which must not come back, one-time passwords
//! (RFC 6238). Judges; keeps nothing.

use totp_rs::{Builder, Secret as TotpSecret, Totp};

use super::app::App;
use super::password::Hasher;
use super::problem::{Code, Problem};
use super::token::Secret;
use crate::domain::id::UserId;
use crate::domain::time::{Span, Utc};
use crate::store::credential::Credential;

/// Bytes of a secret: as long as the output of the hash (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;
/// Steps before and after the present one that are good as well: clocks of telephones are off.
const SKEW: u16 = 1;
/// Seconds of a step.
pub(super) const STEP_S: u64 = 30;
/// What an authenticator shows beside the name.
const ISSUER: &str = "vcops";

/// A day.
const DAY: Span = Span::minutes(24 * 60);

/// The secrets of a user; those of one of whom none are kept.
pub(super) async fn of(app: &App, user: &UserId) -> Result<Credential, Problem> {
    Ok(app.store().credential(user).await?.unwrap_or_else(|| none(user, app.now())))
}

/// Nothing but a password that counts as new.
pub(super) fn none(user: &UserId, now: Utc) -> Credential {
    Credential {
        user: user.clone(),
        password_at: now,
        history: Vec::new(),
        totp_secret: String::new(),
        totp_active: false,
        totp_step: 0,
        break_glass: false,
    }
}

/// Whether a password must be changed: somebody else set it, or it is too old. `days` of zero is no limit.
pub(super) fn must_change(credential: &Credential, days: u32, now: Utc) -> bool {
    let by_another = credential.password_at == Utc(0);
    let too_old = days > 0 && now.since(credential.password_at) >= Span(DAY.0 * u64::from(days));
    by_another || too_old
}

/// Refuses a password that is the present one or among those before it.
pub(super) async fn not_used_before(
    hasher: &Hasher,
    new: &Secret,
    present: Option<&String>,
    history: &[String],
) -> Result<(), Problem> {
    for hash in present.into_iter().chain(history) {
        let typed = Secret::new(new.reveal().to_owned());
        if hasher.verify(typed, Some(hash.clone())).await? {
            return Err(Problem::new(Code::WeakPassword)
                .detail("不得与最近用过的口令相同", "It was used before, not long ago"));
        }
    }
    Ok(())
}

/// The history after a change: the password until now comes first.
pub(super) fn remembered(history: Vec<String>, until_now: Option<String>, kept: u32) -> Vec<String> {
    until_now.into_iter().chain(history).take(kept as usize).collect()
}

/// A new secret of a second factor, base32.
pub(super) fn new_secret() -> String {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    TotpSecret::from(bytes.to_vec()).to_base32()
}

/// The address that an authenticator reads: `otpauth://totp/…`.
pub(super) fn uri(user: &UserId, secret: &str) -> Option<String> {
    totp(user, secret)?.to_url().ok()
}

/// The time step of a code that is good now; none for a wrong one.
pub(super) fn step_of(user: &UserId, secret: &str, code: &str, now: Utc) -> Option<u64> {
    let now_s = u64::try_from(now.0 / 1_000_000).ok()?;
    let totp = totp(user, secret)?;
    let steps = (now_s / STEP_S).saturating_sub(SKEW.into())..=now_s / STEP_S + u64::from(SKEW);
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let fits = |step: &u64| {
        let good = totp.generate(step * STEP_S).to_string();
        bool::from(subtle::ConstantTimeEq::ct_eq(good.as_bytes(), digits.as_bytes()))
    };
    // The latest that fits, so that a step is used up together with those before it.
    steps.rev().find(fits)
}

fn totp(user: &UserId, secret: &str) -> Option<Totp> {
    let secret = TotpSecret::try_from_base32(secret).ok()?;
    let builder = Builder::new().with_secret(secret).with_step_duration(STEP_S).with_skew(SKEW);
    builder.with_account_name(user.as_str()).with_issuer(Some(ISSUER)).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserId {
        UserId::parse("wang.li").unwrap()
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, SHA-1: the last six of its eight digits.
        let secret = TotpSecret::from(b"12345678901234567890".to_vec()).to_base32();
        let at = |seconds: i64| Utc(seconds * 1_000_000);
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let step = step_of(&user(), &secret, code, at(seconds));
            assert_eq!(step, Some(seconds as u64 / STEP_S), "{code}");
            assert_eq!(step_of(&user(), &secret, code, at(seconds + 30)), step, "a clock that is off");
            assert_eq!(step_of(&user(), &secret, code, at(seconds + 90)), None, "too late");
        }
        assert_eq!(step_of(&user(), &secret, "000000", at(59)), None);
        assert_eq!(step_of(&user(), &secret, "287 082", at(59)), Some(1), "as people write it");
    }

    #[test]
    fn a_secret_is_long_and_its_address_names_user_and_issuer() {
        let secret = new_secret();
        assert_eq!(secret.len(), 32);
        let uri = uri(&user(), &secret).unwrap();
        assert!(
            uri.starts_with("otpauth://totp/") && uri.contains("wang.li") && uri.contains(&secret),
            "{uri}"
        );
    }

    #[test]
    fn a_password_ages_and_one_that_another_set_is_to_be_changed() {
        let now = Utc(0) + Span(DAY.0 * 100);
        let aged = |days: u64| Credential { password_at: now - Span(DAY.0 * days), ..none(&user(), now) };
        assert!(!must_change(&aged(89), 90, now) && must_change(&aged(90), 90, now));
        assert!(!must_change(&aged(99), 0, now), "without a limit");
        assert!(must_change(&Credential { password_at: Utc(0), ..none(&user(), now) }, 0, now));
    }

    #[test]
    fn no_more_is_remembered_than_asked_for() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(remembered(texts(&["b", "c"]), Some("a".into()), 2), texts(&["a", "b"]));
        assert!(remembered(texts(&["b"]), Some("a".into()), 0).is_empty());
    }
}
