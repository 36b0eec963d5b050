//! A custom robot of a DingTalk group 钉钉群自定义机器人, with its signature where it has one.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::said;
use crate::domain::id::ChannelId;
use crate::notify::channel::{Channel, Limits, TextLimit};
use crate::notify::fault::{Class, Code, Fault};
use crate::notify::line::{self, Line};
use crate::notify::message::Message;
use crate::notify::pace::Pace;
use crate::notify::secret::{SecretUrl, Secrets};
use crate::notify::text::{Style, compose};

/// Longest text that is sent; the provider takes 20,000 bytes, people do not read them.
const TEXT_BYTES_MAX: usize = 4096;
/// Twenty a minute are taken; the twenty-first locks the robot for ten minutes, so one place is left.
pub const PER_MINUTE: u32 = 19;
/// How long the robot takes nothing after it was asked too often.
const LOCKED: Duration = Duration::from_secs(600);

/// A DingTalk robot.
#[derive(Debug)]
pub struct Dingtalk {
    id: ChannelId,
    line: Line,
    url: SecretUrl,
    signing: Option<Signing>,
    keyword: String,
    secrets: Secrets,
    pace: Pace,
}

/// What a robot is guarded with; the provider wants at least one of them, or a list of addresses.
#[derive(Default)]
pub struct Security {
    /// The secret of the signature 加签, `SEC…`.
    pub secret: Option<Zeroizing<String>>,
    /// The word that every text must hold 关键词; put before a text that lacks it.
    pub keyword: String,
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Security(…)")
    }
}

impl Dingtalk {
    /// `base` is where `/robot/send` lies; `token` is the robot's access token.
    pub fn new(
        id: ChannelId,
        line: Line,
        base: &Url,
        (token, security): (Zeroizing<String>, Security),
        per_minute: u32,
    ) -> Self {
        let mut url = base.clone();
        url.set_path("/robot/send");
        url.query_pairs_mut().clear().append_pair("access_token", &token);
        let secrets = Secrets::new([Some(token), security.secret.clone()].into_iter().flatten());
        let signing = security.secret.map(Signing);
        let (url, pace) = (SecretUrl(url), Pace::new(per_minute));
        Self { id, line, url, signing, keyword: security.keyword, secrets, pace }
    }

    fn signed_url(&self, now_ms: i64) -> Url {
        let mut url = self.url.0.clone();
        if let Some(signing) = &self.signing {
            let sign = signing.sign(now_ms);
            url.query_pairs_mut().append_pair("timestamp", &now_ms.to_string()).append_pair("sign", &sign);
        }
        url
    }

    fn content(&self, message: &Message) -> String {
        let content = compose(message, Style::Full, self.limits().text);
        if self.keyword.is_empty() || content.contains(&self.keyword) {
            return content;
        }
        format!("{} {content}", self.keyword)
    }
}

#[async_trait]
impl Channel for Dingtalk {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Bytes(TEXT_BYTES_MAX);
        Limits { text, patience: line::PATIENCE, personal: false, digests: true }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        let mut content = self.content(message);
        let called: Vec<&str> = message.to.mobile().into_iter().collect();
        // The number must stand in the text as well, or nobody is called.
        called.iter().for_each(|mobile| content.push_str(&format!("\n@{mobile}")));
        let body = json!({
            "msgtype": "text", "text": { "content": content },
            "at": { "atMobiles": called, "isAtAll": false },
        });
        let url = self.signed_url(jiff::Timestamp::now().as_millisecond());
        let request = self.line.post_json(&url, &body);
        let answer = self.line.send(&url, request).await;
        let said = answer.and_then(|answer| said(&answer, meaning));
        said.map_err(|fault| Fault { detail: self.secrets.redact(fault.detail), ..fault })
    }
}

/// The secret of a signature.
struct Signing(Zeroizing<String>);

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing(…)")
    }
}

impl Signing {
    /// HMAC-SHA256 of `timestamp "\n" secret`, base64; the URL escapes it.
    fn sign(&self, now_ms: i64) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(format!("{now_ms}\n{}", self.0.as_str()).as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// The provider has no one table of these; a limit is recognised by its words as well.
fn meaning(code: i64, words: &str) -> (Class, Code) {
    let too_often =
        ["too fast", "限流", "流控", "over limit", "exceed"].iter().any(|sign| words.contains(sign));
    match code {
        -1 => (Class::Again, Code::Busy),
        130_101 | 130_102 | 410_100 | 90_030 => (Class::Locked(LOCKED), Code::TooOften),
        // The signature's time is more than an hour off: our clock may be set right meanwhile.
        310_000 if words.contains("timestamp") => (Class::Again, Code::Credential),
        310_000 | 300_001 | 400_101 | 400_102 | 40_035 => (Class::Final, Code::Credential),
        _ if too_often => (Class::Locked(LOCKED), Code::TooOften),
        _ => (Class::Final, Code::Rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_provider() {
        // echo -ne '1573489567000\nSECtest' | openssl dgst -sha256 -hmac SECtest -binary | base64
        let signing = Signing(Zeroizing::new("SECtest".into()));
        assert_eq!(signing.sign(1_573_489_567_000), "hBFoz2xTxcs2POxdDfQ2CKpFHWNYq9E5fsLnzU3fZHs=");
    }

    #[test]
    fn a_return_code_says_whether_to_try_again() {
        let cases = [
            (-1, "system busy", (Class::Again, Code::Busy)),
            (130_101, "send too fast, exceed 20 times per minute", (Class::Locked(LOCKED), Code::TooOften)),
            (660_026, "发送速度太快而限流", (Class::Locked(LOCKED), Code::TooOften)),
            (310_000, "invalid timestamp", (Class::Again, Code::Credential)),
            (310_000, "keywords not in content", (Class::Final, Code::Credential)),
            (40_035, "token is not exist", (Class::Final, Code::Credential)),
            (430_104, "不合适的内容", (Class::Final, Code::Rejected)),
        ];
        for (code, words, expected) in cases {
            assert_eq!(meaning(code, words), expected, "{code} {words}");
        }
    }
}
