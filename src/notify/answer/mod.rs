//! Answers from outside: one-time pages, replies by text message, alerts of others. One router for a listener of its
//! own; what an answer means is behind [`Desk`].
//!
//! A link is signed, so that nothing is looked up for one that was made up. Opening it shows a page and changes nothing,
//! because mail scanners and chat programs open links; the button on the page acts, once.

mod link;
mod page;
mod reply;
mod router;

use async_trait::async_trait;

use super::alertmanager::OutsideAlert;
use crate::domain::lang::Text;
use crate::domain::notice::{Answer, NoticeKey};

pub use link::{Links, Token};
pub use reply::{Reply, parse as parse_reply, same_number};
pub use router::{CallbackFields, Inlets, router};

/// What a link asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which notice.
    pub notice: NoticeKey,
    /// Its title.
    pub title: Text,
    /// Its text.
    pub body: Text,
}

/// How a link or an answer fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswerable {
    /// There is no such link.
    Unknown,
    /// It was answered before.
    Used,
    /// Its time is over.
    Expired,
    /// Our own trouble; it may be tried again.
    Ours,
}

/// Where answers go.
#[async_trait]
pub trait Desk: Send + Sync {
    /// What a link asks; nothing is changed.
    async fn question(&self, token: &Token) -> Result<Question, Unanswerable>;

    /// Answers by a link, once.
    async fn answer(&self, token: &Token, answer: Answer) -> Result<Question, Unanswerable>;

    /// Somebody sent a text message. Whether it was an answer is not told to the sender.
    async fn reply(&self, from: &str, text: &str);

    /// Alerts of somebody else's; `false`: not now, try again.
    async fn alerts(&self, alerts: Vec<OutsideAlert>) -> bool;
}
