//! Why a delivery failed, and what that means for trying again.

use std::fmt;
use std::time::Duration;

/// Longest detail, in characters.
const DETAIL_MAX: usize = 200;

/// A failed delivery. Its detail holds no secret: adapters pass it through [`super::secret::Secrets`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Fault {
    /// What it means for trying again.
    pub class: Class,
    /// What it is.
    pub code: Code,
    /// In words, at most 200 characters.
    pub detail: String,
}

impl Fault {
    /// A fault; a detail that is too long is cut.
    pub fn new(class: Class, code: Code, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        let plain = detail.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { class, code, detail: plain.take(DETAIL_MAX).collect() }
    }
}

/// What a fault means for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// This message will never go by this channel.
    Final,
    /// It may go later.
    Again,
    /// Nothing goes by this channel for so long.
    Locked(Duration),
}

/// What a fault is. The words are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The name of the far side cannot be resolved.
    Dns,
    /// There is no way to it, or it refuses the connection.
    Unreachable,
    /// TLS could not be agreed on: an expired or unknown certificate, another name.
    Tls,
    /// No answer in time.
    Timeout,
    /// The address is not permitted by the settings.
    NotPermitted,
    /// The far side refuses our key, name or password.
    Credential,
    /// Asked too often.
    TooOften,
    /// The far side is busy or broken and says so.
    Busy,
    /// The far side took it and says no.
    Rejected,
    /// An answer in another shape than documented.
    Shape,
    /// The person has no number or address for this channel.
    NoAddress,
    /// The settings know no channel of that name, or none at all.
    UnknownChannel,
    /// Nothing worked before the notice expired.
    Expired,
    /// This kind of channel cannot do it.
    Unsupported,
    /// Our own trouble: a device that cannot be opened, a message that cannot be built.
    Ours,
}

impl Code {
    /// The stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "notify.dns",
            Self::Unreachable => "notify.unreachable",
            Self::Tls => "notify.tls",
            Self::Timeout => "notify.timeout",
            Self::NotPermitted => "notify.not_permitted",
            Self::Credential => "notify.credential",
            Self::TooOften => "notify.too_often",
            Self::Busy => "notify.busy",
            Self::Rejected => "notify.rejected",
            Self::Shape => "notify.shape",
            Self::NoAddress => "notify.no_address",
            Self::UnknownChannel => "notify.unknown_channel",
            Self::Expired => "notify.expired",
            Self::Unsupported => "notify.unsupported",
            Self::Ours => "notify.ours",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_short_line() {
        let fault = Fault::new(Class::Again, Code::Busy, format!("a\nb{}", "长".repeat(300)));
        assert!(fault.detail.starts_with("a b长"));
        assert_eq!(fault.detail.chars().count(), DETAIL_MAX);
    }
}
