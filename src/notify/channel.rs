//! What every channel can do, whatever it speaks.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::fault::{Class, Code, Fault};
use super::message::Message;
use super::pace::Pace;
use crate::domain::id::ChannelId;
use crate::domain::time::Utc;

/// A way by which notices leave.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync {
    /// Its name in the settings.
    fn id(&self) -> &ChannelId;

    /// What it can carry.
    fn limits(&self) -> Limits;

    /// How often it may be used, and until when the far side has locked it.
    fn pace(&self) -> &Pace;

    /// Hands one message over, once. `Ok`: the far side took it (平台已受理), which does not prove that anybody read it.
    /// Ends within [`Limits::patience`]; after a fault of another class than [`Class::Final`] it may have arrived all
    /// the same, so the same key is sent again.
    async fn deliver(&self, message: &Message) -> Result<(), Fault>;

    /// Says that this process lives, to something outside the host that alarms on silence.
    async fn beat(&self, beat: &Beat) -> Result<(), Fault> {
        let _ = beat;
        Err(Fault::new(Class::Final, Code::Unsupported, "this kind of channel carries no heartbeat"))
    }
}

/// What a channel can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest text.
    pub text: TextLimit,
    /// Longest time of one delivery.
    pub patience: Duration,
    /// Whether it reaches one person by a number or address of theirs.
    pub personal: bool,
    /// Whether several notices may be put into one text when there are too many.
    pub digests: bool,
}

/// Longest text, in what the far side counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextLimit {
    /// Bytes of UTF-8.
    Bytes(usize),
    /// UTF-16 units, as text messages count them.
    Units(usize),
}

impl TextLimit {
    /// Length of a text in the unit of this limit.
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Bytes(_) => text.len(),
            Self::Units(_) => text.encode_utf16().count(),
        }
    }

    /// Most that is permitted.
    pub fn most(self) -> usize {
        match self {
            Self::Bytes(most) | Self::Units(most) => most,
        }
    }
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// Name of this installation.
    pub site: String,
    /// When.
    pub at: Utc,
    /// The next one comes within this time; its silence after that is the alarm.
    pub every: Duration,
}
