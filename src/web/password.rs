//! Passwords: the policy, and argon2id off the async threads with a bounded number at once.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use super::token::Secret;
use crate::domain::id::UserId;

/// Fewest characters.
pub const CHARACTERS_MIN: usize = 10;
/// Most bytes: longer is a mistake or an attack on the hash.
pub const BYTES_MAX: usize = 256;
/// From this length on, one kind of character is enough.
const PHRASE_CHARACTERS: usize = 16;

/// Why a password is not good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    /// Fewer than [`CHARACTERS_MIN`] characters.
    TooShort,
    /// More than [`BYTES_MAX`] bytes.
    TooLong,
    /// Fewer than three of: lower case, upper case, digits, other; and shorter than a phrase.
    TooPlain,
    /// Holds the user's name.
    HoldsName,
    /// Well known, or one pattern over and over.
    Guessable,
}

/// Checks a password against the policy.
pub fn check(password: &str, user: &UserId) -> Result<(), Weak> {
    let characters = password.chars().count();
    let lower = password.to_lowercase();
    match () {
        () if characters < CHARACTERS_MIN => Err(Weak::TooShort),
        () if password.len() > BYTES_MAX => Err(Weak::TooLong),
        () if user.as_str().len() >= 3 && lower.contains(user.as_str()) => Err(Weak::HoldsName),
        () if guessable(&lower) => Err(Weak::Guessable),
        () if characters < PHRASE_CHARACTERS && kinds(password) < 3 => Err(Weak::TooPlain),
        () => Ok(()),
    }
}

fn kinds(password: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_lowercase(),
        |c| c.is_uppercase(),
        |c| c.is_ascii_digit(),
        |c| !c.is_alphanumeric() || (c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase()),
    ];
    kinds.iter().filter(|kind| password.chars().any(**kind)).count()
}

fn guessable(lower: &str) -> bool {
    const KNOWN: [&str; 8] =
        ["password", "passw0rd", "p@ssw0rd", "123456", "qwerty", "admin123", "abc123", "vcops"];
    let distinct: std::collections::BTreeSet<char> = lower.chars().collect();
    distinct.len() < 5 || KNOWN.iter().any(|known| lower.contains(known))
}

/// All the places are taken and stayed so, or the hash could not be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at once")]
pub struct Busy;

/// Computes and verifies hashes. One costs ~20 MiB and tens of milliseconds, so few run at once and a flood of
/// sign-ins waits here instead of taking the machine.
#[derive(Debug, Clone)]
pub struct Hasher {
    places: Arc<Semaphore>,
}

impl Hasher {
    /// How long a caller waits for a place.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// A hasher that runs at most `at_once` hashes.
    pub fn new(at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)) }
    }

    /// The argon2id hash of a password, PHC form, with the crate's defaults (19 MiB, 2 passes: OWASP 2023).
    pub async fn hash(&self, password: Secret) -> Result<String, Busy> {
        self.off_thread(move || hash(password.reveal())).await
    }

    /// Whether a password fits a hash. `None` for the hash costs the same and never fits, so that an unknown name
    /// answers no faster than a known one.
    pub async fn verify(&self, password: Secret, against: Option<String>) -> Result<bool, Busy> {
        self.off_thread(move || {
            let known = against.is_some();
            let against = against.unwrap_or_else(|| NOBODY.clone());
            known & Argon2::default().verify_password(password.reveal().as_bytes(), against.as_str()).is_ok()
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = tokio::time::timeout(Self::PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| Busy)?.expect("the semaphore is never closed");
        // The place travels with the work: a caller that gives up does not free it early.
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody has this password"));

fn hash(password: &str) -> String {
    Argon2::default()
        .hash_password(password.as_bytes())
        .expect("the parameters are the crate's own and the length is bounded")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_refuses_what_is_guessed_first() {
        let user = UserId::parse("wang.li").unwrap();
        let cases = [
            ("Ab1!", Err(Weak::TooShort)),
            ("abcdefghij", Err(Weak::TooPlain)),
            ("Wang.Li-2026x", Err(Weak::HoldsName)),
            ("Password-2026", Err(Weak::Guessable)),
            ("aA1aA1aA1aA1", Err(Weak::Guessable)),
            ("会场调试小组每周二例会Ok", Ok(())),
            ("zhe shi yi ju hen chang de hua", Ok(())),
            ("Rb7-kuT9wq", Ok(())),
        ];
        for (password, expected) in cases {
            assert_eq!(check(password, &user), expected, "{password}");
        }
        assert_eq!(check(&"aB3-".repeat(65), &user), Err(Weak::TooLong));
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let hasher = Hasher::new(2);
        let word = |text: &str| Secret::new(text.to_owned());
        let hash = hasher.hash(word("Rb7-kuT9wq")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert_eq!(hasher.verify(word("Rb7-kuT9wq"), Some(hash.clone())).await, Ok(true));
        assert_eq!(hasher.verify(word("Rb7-kuT9wr"), Some(hash)).await, Ok(false));
        assert_eq!(hasher.verify(word("nobody has this password"), None).await, Ok(false));
    }
}
