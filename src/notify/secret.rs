//! Secrets of a channel, and texts without them.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// Shorter pieces would blacken half of every text.
const LEAST: usize = 4;

/// The secrets that a channel speaks with.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    /// These are never shown.
    pub fn new(secrets: impl IntoIterator<Item = Zeroizing<String>>) -> Self {
        Self(secrets.into_iter().filter(|secret| secret.len() >= LEAST).collect())
    }

    /// The text with every secret blackened.
    pub fn redact(&self, text: impl Into<String>) -> String {
        self.0.iter().fold(text.into(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// A URL that is a secret, for it holds one.
#[derive(Clone)]
pub struct SecretUrl(pub Url);

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_blackened_wherever_it_stands() {
        let secrets = Secrets::new(["s3cret".to_owned(), "x".to_owned()].map(Zeroizing::new));
        assert_eq!(secrets.redact("key s3cret, again s3cret x"), "key ***, again *** x");
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
    }
}
