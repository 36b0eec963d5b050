//! Signed one-time tokens of links.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Random bytes of a token.
const RANDOM: usize = 12;
/// Bytes of its signature: half of HMAC-SHA256 (RFC 2104 §5).
const SIGNATURE: usize = 16;

/// A token whose signature was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// What is stored instead of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

/// Makes and reads links.
#[derive(Clone)]
pub struct Links {
    key: Zeroizing<[u8; 32]>,
    /// Where the pages are, without a slash at the end; `None`: there are no links.
    base: Option<String>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Links {
    /// Links below `base`, signed with `key`.
    pub fn new(key: [u8; 32], base: Option<&str>) -> Self {
        let base = base.map(|base| base.trim_end_matches('/').to_owned());
        Self { key: Zeroizing::new(key), base }
    }

    /// A new token and its link, if there are links.
    pub fn make(&self) -> Option<(Token, String)> {
        let base = self.base.as_ref()?;
        let mut bytes = rand::random::<[u8; RANDOM]>().to_vec();
        let signature = self.signature(&bytes);
        bytes.extend_from_slice(&signature);
        let link = format!("{base}/a/{}", BASE64_URL_SAFE_NO_PAD.encode(&bytes));
        Some((Token(bytes), link))
    }

    /// Reads the token of a link; `None` when it was not signed here.
    pub fn read(&self, text: &str) -> Option<Token> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (random, signature) = bytes.split_at_checked(RANDOM)?;
        let ours = self.signature(random);
        bool::from(signature.ct_eq(&ours)).then_some(Token(bytes))
    }

    fn signature(&self, random: &[u8]) -> [u8; SIGNATURE] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC takes a key of any length");
        mac.update(b"vcops.answer.v1");
        mac.update(random);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; SIGNATURE];
        half.copy_from_slice(&whole[..SIGNATURE]);
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_back_and_a_made_up_one_is_not() {
        let links = Links::new([7; 32], Some("https://hub.example:8446/"));
        let (token, link) = links.make().unwrap();
        let text = link.strip_prefix("https://hub.example:8446/a/").unwrap();
        assert_eq!(text.len(), 38, "short enough for a text message");
        assert_eq!(links.read(text), Some(token));
        assert_eq!(Links::new([8; 32], None).read(text), None);
        let changed = format!("{}A", &text[..37]);
        assert!(changed == text || links.read(&changed).is_none());
        for bad in ["", "A", "????", &"A".repeat(38), &"A".repeat(5000)] {
            assert_eq!(links.read(bad), None, "{bad}");
        }
        assert_eq!(Links::new([7; 32], None).make(), None);
    }
}
