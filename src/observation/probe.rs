//! What a probe participant found: a real call to an address with our own test media, measured both ways. Figures
//! only: whether they are good is the engine's to say.

use serde::{Deserialize, Serialize};

use super::device::{Given, StreamSample};
use crate::domain::time::{Span, Utc};

/// One probe call, from the first signal to the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeFigures {
    /// Whom it called, without any secret.
    pub address: String,
    /// When it began to call.
    pub began: Utc,
    /// How it ended.
    pub end: ProbeEnd,
    /// From the first signal until the call was taken, milliseconds.
    pub setup_ms: Given<f64>,
    /// How long both sides were connected.
    pub talked: Span,
    /// Its media. The probe is the site: what it sent, as the far side reports it, and what came to it, as it counted.
    pub streams: Vec<StreamSample>,
    /// The tones that were listened for in what came, its own first: an echo brings it back, a conference brings those
    /// of other probes.
    pub tones: Vec<ToneHeard>,
}

/// How a probe call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProbeEnd {
    /// It lasted as long as planned and was hung up.
    Talked {
        /// Whether the other side answered the BYE; if not, it may think that the call goes on.
        farewell_heard: bool,
    },
    /// The other side hung up before.
    HungUp,
    /// There was no call.
    NotPlaced {
        /// Why.
        why: NotCalled,
    },
}

/// Why a probe call was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case", deny_unknown_fields)]
pub enum NotCalled {
    /// The name leads to no address.
    NameUnknown,
    /// Nobody listens there, or no way leads there.
    Unreachable,
    /// Not a word came.
    NoAnswer,
    /// It rang and nobody took the call.
    NotTaken,
    /// Name or password is wrong or missing.
    Auth,
    /// Refused.
    Refused {
        /// With this SIP status code.
        code: u16,
    },
    /// It was taken, and no medium that we can send was agreed on.
    NoMedia,
    /// Our own trouble: no socket, no thread. Says nothing about the other side.
    Ours,
}

/// A tone in what came.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToneHeard {
    /// Its frequency.
    pub hz: u16,
    /// How loud it was while it was there, dBov: 0 is the loudest that can be coded, our own leaves at −20.
    pub level_dbov: Given<f64>,
    /// In how much of what came it was there, percent; our own sounds half of the time.
    pub share_pct: Given<f64>,
    /// From the moment at which our own tone first left until it first came back, milliseconds, to a frame of 20 ms.
    pub delay_ms: Given<f64>,
}
