//! Why a device could not be read or told. Only two of these can mean that it is gone; the others make us blind.

use std::io;
use std::time::Duration;

use crate::observation::device::{Blindness, Signal};

/// Why a call to a device failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The connection is refused, or there is no way to the address.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing leaves our own side: no interface, no way, no address.
    #[error("our own side of the network is cut: {0}")]
    OwnSide(String),
    /// TLS could not be agreed on: an old version, an unknown certificate.
    #[error("TLS could not be agreed on: {0}")]
    Tls(String),
    /// The secret is wrong, expired beyond renewal, locked, or lacks a right.
    #[error("refused the credential: {0}")]
    Auth(AuthWhy),
    /// Asked too often.
    #[error("asked too often")]
    RateLimited {
        /// When it may be asked again, where it says so.
        retry_after: Option<Duration>,
    },
    /// Busy or overloaded, and says so.
    #[error("busy: {0}")]
    Busy(String),
    /// Answers in another shape than documented.
    #[error("answers in another shape than documented: {0}")]
    Shape(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout {
        /// Whether the request may have reached the device.
        sent: bool,
    },
    /// The device answered, and said no to this request.
    #[error("said no: {code}: {words}")]
    Said {
        /// Its code.
        code: String,
        /// Its words.
        words: String,
    },
    /// This make has no such thing.
    #[error("not provided by this make")]
    NotSupported,
    /// Our own budget of requests for this device is used up.
    #[error("our budget of requests is used up")]
    OverBudget,
    /// Others are read first: the device bears few reads, and this one comes later by itself.
    #[error("others are read first")]
    NotItsTurn,
    /// The credential that the device names is not in our settings.
    #[error("the credential is not in the settings")]
    NoCredential,
    /// The account is not written as this interface needs it.
    #[error("the account is not written as this interface needs it: {0}")]
    Account(String),
    /// Our own trouble: no socket, no right to send.
    #[error("our own trouble: {0}")]
    Ours(String),
}

/// Why a credential was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthWhy {
    /// Wrong name or secret.
    #[error("wrong name or secret")]
    Wrong,
    /// A session or token ended and could not be renewed.
    #[error("the session ended")]
    Expired,
    /// Known, and not allowed.
    #[error("not allowed")]
    Denied,
    /// Locked after too many tries.
    #[error("locked")]
    Locked,
}

impl Fault {
    /// What it means for seeing the device: a signal that it is gone, or our blindness. `None` for what is neither:
    /// the device answered.
    pub fn meaning(&self) -> Option<Result<Signal, Blindness>> {
        Some(match self {
            Self::Unreachable(_) => Ok(Signal::Interface),
            Self::OwnSide(_) => Err(Blindness::OwnSide),
            Self::Tls(_) => Err(Blindness::Tls),
            Self::Auth(_) => Err(Blindness::Auth),
            Self::RateLimited { .. } => Err(Blindness::RateLimited),
            Self::Busy(_) => Err(Blindness::Busy),
            Self::Shape(_) => Err(Blindness::Shape),
            Self::Timeout { .. } => Err(Blindness::Timeout),
            Self::OverBudget | Self::Ours(_) => Err(Blindness::Ours),
            Self::NoCredential | Self::Account(_) => Err(Blindness::NoCredential),
            Self::Said { .. } | Self::NotSupported | Self::NotItsTurn => return None,
        })
    }

    /// A stable word for counters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::OwnSide(_) => "own_side",
            Self::Tls(_) => "tls",
            Self::Auth(_) => "auth",
            Self::RateLimited { .. } => "rate_limited",
            Self::Busy(_) => "busy",
            Self::Shape(_) => "shape",
            Self::Timeout { .. } => "timeout",
            Self::Said { .. } => "said_no",
            Self::NotSupported => "not_supported",
            Self::OverBudget => "over_budget",
            Self::NotItsTurn => "not_its_turn",
            Self::NoCredential => "no_credential",
            Self::Account(_) => "account",
            Self::Ours(_) => "ours",
        }
    }

    /// Whether it comes of ourselves, so that it says nothing about the device, not even that it is silent.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::OverBudget
                | Self::NotItsTurn
                | Self::NoCredential
                | Self::Account(_)
                | Self::Ours(_)
                | Self::OwnSide(_)
        )
    }

    /// Whether the request may have had an effect although no good answer came: then nothing is sent again.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Timeout { sent: true } | Self::Shape(_))
    }
}

/// Whether an error says that it is our own side that cannot send. A router on the way that knows no way makes a
/// connection slow, and never refuses it in these words.
pub fn is_own_side(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, NetworkDown, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | NetworkDown | NetworkUnreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_reached_is_a_sign_of_death() {
        let cases = [
            (Fault::Unreachable("refused".into()), Some(Ok(Signal::Interface))),
            (Fault::OwnSide("no route".into()), Some(Err(Blindness::OwnSide))),
            (Fault::Timeout { sent: true }, Some(Err(Blindness::Timeout))),
            (Fault::Busy("503".into()), Some(Err(Blindness::Busy))),
            (Fault::Auth(AuthWhy::Wrong), Some(Err(Blindness::Auth))),
            (Fault::Said { code: "485".into(), words: "No such room".into() }, None),
        ];
        for (fault, meaning) in cases {
            assert_eq!(fault.meaning(), meaning, "{fault}");
        }
    }
}
