//! Digest authentication as cameras do it: RFC 2617 §3 with MD5 and without `qop`, the form every player speaks.
//!
//! The algorithm protects nothing worth protecting today; it is here because what is monitored uses it.

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use super::request::{Method, Request};

/// What players are asked to log in to.
const REALM: &str = "vcops";

/// Who may look. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account(..)")
    }
}

impl Account {
    /// The `WWW-Authenticate` header that asks for it.
    pub(super) fn challenge(nonce: &str) -> String {
        format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\"")
    }

    /// Whether a request proves the password for this nonce.
    pub(super) fn admits(&self, request: &Request, nonce: &str) -> bool {
        let Some(claim) = request.header("Authorization").and_then(|header| header.strip_prefix("Digest "))
        else {
            return false;
        };
        let value = |name| field(claim, name);
        let known = value("username") == Some(&self.user) && value("nonce") == Some(nonce);
        let (Some(uri), Some(response)) = (value("uri"), value("response")) else { return false };
        let wanted = self.response(request.method, uri, nonce);
        known && bool::from(wanted.as_bytes().ct_eq(response.to_ascii_lowercase().as_bytes()))
    }

    fn response(&self, method: Method, uri: &str, nonce: &str) -> String {
        let who = hashed(&format!("{}:{REALM}:{}", self.user, self.password));
        let what = hashed(&format!("{}:{uri}", method.word()));
        hashed(&format!("{who}:{nonce}:{what}"))
    }
}

fn hashed(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// A field's value, with or without quotes.
fn field<'a>(claim: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = claim;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value.trim());
        }
        rest = left;
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Begin, begin};
    use super::*;

    fn request(authorization: &str) -> Request {
        let text =
            format!("DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 2\r\nAuthorization: {authorization}\r\n\r\n");
        let Begin::Request(request, _) = begin(text.as_bytes()) else { panic!() };
        request
    }

    #[test]
    fn only_the_password_for_this_nonce_admits() {
        let account = Account { user: "watcher".into(), password: "right".into() };
        let response = account.response(Method::Describe, "rtsp://h/a", "n1");
        let claim = |user: &str, nonce: &str, response: &str| {
            format!(
                "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"rtsp://h/a\", response={response}"
            )
        };
        assert!(account.admits(&request(&claim("watcher", "n1", &response)), "n1"));
        assert!(account.admits(&request(&claim("watcher", "n1", &format!("\"{response}\""))), "n1"));
        let wrong = Account { password: "wrong".into(), ..account.clone() };
        let guess = wrong.response(Method::Describe, "rtsp://h/a", "n1");
        for bad in [
            claim("watcher", "n1", &guess),
            claim("other", "n1", &response),
            claim("watcher", "n0", &response),
            "Digest username=\"watcher".into(),
            "Basic d2F0Y2hlcjpyaWdodA==".into(),
        ] {
            assert!(!account.admits(&request(&bad), "n1"), "{bad}");
        }
        assert!(!format!("{account:?}").contains("right"));
    }

    #[test]
    fn the_response_is_that_of_rfc_2617() {
        // Computed by another implementation of MD5.
        let account = Account { user: "watcher".into(), password: "right".into() };
        let response = account.response(Method::Describe, "rtsp://h/a", "n1");
        assert_eq!(response, "932e054424e638840091619c1db88696");
    }
}
