//! A signed webhook after the Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! The signature covers id, time and body. A receiver refuses a time more than five minutes off and an id that it has
//! seen: then nothing can be replayed. The id is the notice's name, so a repetition is recognised as one.

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use url::Url;
use zeroize::Zeroizing;

use super::channel::{Beat, Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::line::{self, Line};
use super::message::Message;
use super::pace::Pace;
use super::secret::Secrets;
use crate::domain::id::ChannelId;

/// How far a receiver lets the time of a message be off, in seconds.
pub const TOLERANCE_S: i64 = 300;
/// Longest text.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// A signed webhook.
#[derive(Debug)]
pub struct Webhook {
    id: ChannelId,
    line: Line,
    url: Url,
    signer: Signer,
    secrets: Secrets,
    pace: Pace,
}

impl Webhook {
    /// Posts to `url`, signed with `secret`.
    pub fn new(id: ChannelId, line: Line, url: Url, secret: Zeroizing<String>, per_minute: u32) -> Self {
        let signer = Signer::new(&secret);
        Self { id, line, url, signer, secrets: Secrets::new([secret]), pace: Pace::new(per_minute) }
    }

    async fn post(&self, id: &str, body: &Value) -> Result<(), Fault> {
        let now_s = jiff::Timestamp::now().as_second();
        let text = body.to_string();
        let request = self
            .line
            .client()
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now_s.to_string())
            .header("webhook-signature", self.signer.sign(id, now_s, text.as_bytes()))
            .body(text);
        let answer = self.line.send(&self.url, request).await.and_then(|answer| match answer.status {
            200..=299 => Ok(()),
            status => Err(Fault::new(Class::Final, Code::Rejected, format!("HTTP {status}"))),
        });
        answer.map_err(|fault| Fault { detail: self.secrets.redact(fault.detail), ..fault })
    }
}

#[async_trait]
impl Channel for Webhook {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Bytes(TEXT_BYTES_MAX);
        Limits { text, patience: line::PATIENCE, personal: false, digests: false }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        self.post(&message.key.0, &json!(message.json())).await
    }

    async fn beat(&self, beat: &Beat) -> Result<(), Fault> {
        let body = json!({
            "v": 1, "kind": "heartbeat", "site": beat.site, "at": beat.at, "every_s": beat.every.as_secs(),
        });
        self.post(&format!("heartbeat-{}", beat.at.0), &body).await
    }
}

/// Signs and verifies.
#[derive(Clone)]
pub struct Signer(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// Why a message is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBelieved {
    /// No signature of ours is among those given.
    #[error("the signature is wrong")]
    Signature,
    /// Its time is more than [`TOLERANCE_S`] off.
    #[error("the time is too far off")]
    Time,
}

impl Signer {
    /// `whsec_` and base64 as the specification writes it, or any other text as it stands.
    pub fn new(secret: &str) -> Self {
        let decoded = secret.strip_prefix("whsec_").and_then(|text| BASE64_STANDARD.decode(text).ok());
        Self(Zeroizing::new(decoded.unwrap_or_else(|| secret.as_bytes().to_vec())))
    }

    /// `v1,` and the base64 of HMAC-SHA256 over `id.time.body`.
    pub fn sign(&self, id: &str, time_s: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{time_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// As a receiver checks it; `signatures` may hold several, parted by spaces. That the id is new is the receiver's
    /// to see to.
    pub fn verify(
        &self,
        (id, time_s, signatures): (&str, i64, &str),
        body: &[u8],
        now_s: i64,
    ) -> Result<(), NotBelieved> {
        if now_s.abs_diff(time_s) > TOLERANCE_S.unsigned_abs() {
            return Err(NotBelieved::Time);
        }
        let ours = self.sign(id, time_s, body);
        let same = |given: &str| bool::from(given.as_bytes().ct_eq(ours.as_bytes()));
        if signatures.split(' ').any(same) { Ok(()) } else { Err(NotBelieved::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let signer = Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signed = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_was_changed_replayed_late_or_signed_by_others_is_not_believed() {
        let signer = Signer::new("one");
        let signed = signer.sign("12-3", 1000, b"{}");
        let both = format!("v1,AAAA {signed}");
        assert_eq!(signer.verify(("12-3", 1000, &both), b"{}", 1200), Ok(()));
        assert_eq!(signer.verify(("12-4", 1000, &signed), b"{}", 1200), Err(NotBelieved::Signature));
        assert_eq!(signer.verify(("12-3", 1000, &signed), b"{ }", 1200), Err(NotBelieved::Signature));
        assert_eq!(signer.verify(("12-3", 1000, &signed), b"{}", 1301), Err(NotBelieved::Time));
        let other = Signer::new("two");
        assert_eq!(other.verify(("12-3", 1000, &signed), b"{}", 1000), Err(NotBelieved::Signature));
    }
}
