//! Text messages by a provider's HTTP gateway 短信网关, whatever its shape: request and answer are described by the
//! settings, not by code.

mod template;
mod expect;

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use expect::{BadExpect, Expect};
pub use template::{BadTemplate, Charset, Digesting, Kind, Template, TemplateText};

use super::channel::{Channel, Limits, TextLimit};
use super::fault::{Class, Code, Fault};
use super::line::{self, Answer, Line};
use super::message::{Addressee, Message};
use super::pace::Pace;
use super::secret::Secrets;
use super::text::{Style, compose};
use crate::domain::id::ChannelId;
use template::Fill;

/// How the gateway's answers are read. What is none of these is a no for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// It took the message.
    pub success: Expect,
    /// It was asked too often.
    pub too_often: Option<Expect>,
    /// It may take the message later.
    pub again: Option<Expect>,
}

/// Name and secret at the gateway.
#[derive(Clone, Default)]
pub struct Account {
    /// `{user}`.
    pub user: String,
    /// `{secret}`.
    pub secret: Zeroizing<String>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({})", self.user)
    }
}

/// How much a gateway bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Longest text, UTF-16 units; 70 are one message, each further 67 another.
    pub units_max: usize,
    /// Messages a minute.
    pub per_minute: u32,
}

/// A gateway.
#[derive(Debug)]
pub struct Gateway {
    id: ChannelId,
    line: Line,
    template: Template,
    reading: Reading,
    account: Account,
    secrets: Secrets,
    units_max: usize,
    pace: Pace,
}

impl Gateway {
    /// A gateway as its settings describe it.
    pub fn new(
        id: ChannelId,
        line: Line,
        (template, reading): (Template, Reading),
        account: Account,
        measure: Measure,
    ) -> Self {
        let secrets = Secrets::new([account.secret.clone()]);
        let pace = Pace::new(measure.per_minute);
        Self { id, line, template, reading, account, secrets, units_max: measure.units_max, pace }
    }

    async fn send(&self, mobile: &str, message: &Message) -> Result<(), Fault> {
        let text = compose(message, Style::Short, self.limits().text);
        let fill = Fill {
            mobile,
            text: &text,
            key: &message.key.0,
            account: &self.account,
            now: jiff::Timestamp::now(),
        };
        let filled = self.template.fill(&fill)?;
        let mut request = self.line.client().request(filled.method, filled.url.clone());
        for (name, value) in filled.headers {
            request = request.header(name, value);
        }
        let answer = self.line.send(&filled.url, request.body(filled.body)).await?;
        self.read(&answer)
    }

    fn read(&self, answer: &Answer) -> Result<(), Fault> {
        let said = |class, code| {
            let words: String = answer.text().chars().take(120).collect();
            Err(Fault::new(class, code, format!("HTTP {}: {words}", answer.status)))
        };
        let is = |expect: &Option<Expect>| expect.as_ref().is_some_and(|expect| expect.holds(answer));
        if self.reading.success.holds(answer) {
            Ok(())
        } else if is(&self.reading.too_often) {
            said(Class::Locked(std::time::Duration::from_secs(60)), Code::TooOften)
        } else if is(&self.reading.again) {
            said(Class::Again, Code::Busy)
        } else {
            said(Class::Final, Code::Rejected)
        }
    }
}

#[async_trait]
impl Channel for Gateway {
    fn id(&self) -> &ChannelId {
        &self.id
    }

    fn limits(&self) -> Limits {
        let text = TextLimit::Units(self.units_max);
        Limits { text, patience: line::PATIENCE, personal: true, digests: true }
    }

    fn pace(&self) -> &Pace {
        &self.pace
    }

    async fn deliver(&self, message: &Message) -> Result<(), Fault> {
        let mobile = mobile(&message.to)?;
        let sent = self.send(mobile, message).await;
        sent.map_err(|fault| Fault {
            detail: self.secrets.redact(fault.detail).replace(mobile, "***"),
            ..fault
        })
    }
}

/// The number to which a text message goes.
pub(super) fn mobile(to: &Addressee) -> Result<&str, Fault> {
    to.mobile().ok_or_else(|| Fault::new(Class::Final, Code::NoAddress, "no mobile number"))
}
