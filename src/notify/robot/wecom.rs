//! A robot of a WeCom group 企业微信群机器人 (developer.work.weixin.qq.com, document 91770).

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
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

/// Longest text, UTF-8 bytes.
const TEXT_BYTES_MAX: usize = 2048;
/// Twenty a minute are taken from one robot; one place is left for whoever tests it by hand.
pub const PER_MINUTE: u32 = 19;
/// Rest after 45009.
const REST: Duration = Duration::from_secs(60);

/// A WeCom robot.
#[derive(Debug)]
pub struct Wecom {
    id: ChannelId,
    line: Line,
    url: SecretUrl,
    secrets: Secrets,
    pace: Pace,
}

impl Wecom {
    /// `base` is where `/cgi-bin/webhook/send` lies; `key` is the robot's secret.
    pub fn new(id: ChannelId, line: Line, base: &Url, key: Zeroizing<String>, per_minute: u32) -> Self {
        let mut url = base.clone();
        url.set_path("/cgi-bin/webhook/send");
        url.query_pairs_mut().clear().append_pair("key", &key);
        Self { id, line, url: SecretUrl(url), secrets: Secrets::new([key]), pace: Pace::new(per_minute) }
    }
}

#[async_trait]
impl Channel for Wecom {
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
        let content = compose(message, Style::Full, self.limits().text);
        let called: Vec<&str> = message.to.mobile().into_iter().collect();
        let body =
            json!({ "msgtype": "text", "text": { "content": content, "mentioned_mobile_list": called } });
        let request = self.line.post_json(&self.url.0, &body);
        let answer = self.line.send(&self.url.0, request).await;
        let said = answer.and_then(|answer| said(&answer, |code, _| meaning(code)));
        said.map_err(|fault| Fault { detail: self.secrets.redact(fault.detail), ..fault })
    }
}

/// Codes from the provider's table of return codes.
fn meaning(code: i64) -> (Class, Code) {
    match code {
        // Busy; too often; too many at once.
        -1 => (Class::Again, Code::Busy),
        45009 | 45033 => (Class::Locked(REST), Code::TooOften),
        // The key is wrong, or the robot was removed from its group.
        93000 | 93004 | 93008 | 40001 | 40014 => (Class::Final, Code::Credential),
        _ => (Class::Final, Code::Rejected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_code_says_whether_to_try_again() {
        assert_eq!(meaning(-1), (Class::Again, Code::Busy));
        assert_eq!(meaning(45009), (Class::Locked(REST), Code::TooOften));
        assert_eq!(meaning(93000), (Class::Final, Code::Credential));
        assert_eq!(meaning(40058), (Class::Final, Code::Rejected));
    }
}
