//! One way to one channel, with one notice or several.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Bag, Channels, Courier, Saying, ended};
use crate::controller::clock::wall;
use crate::domain::id::ChannelId;
use crate::domain::notice::{Delivery, Notice, NoticeKey};
use crate::domain::time::{Span, Utc};
use crate::metrics::failpoint::{Failpoint, hit};
use crate::notify::channel::Channel;
use crate::notify::fault::{Class, Code, Fault};
use crate::notify::message::Message;
use crate::notify::route::{Next, Progress};
use crate::store::outbox::Attempt;

/// A row of the outbox that is due.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) row: u64,
    pub(super) notice: Notice,
    pub(super) progress: Progress,
    /// The notice's channels, or those of the settings.
    pub(super) list: Vec<ChannelId>,
}

/// What hangs on a way.
#[derive(Debug)]
pub(super) enum Parcel {
    Row(Box<Work>),
    /// A notice that could not be recorded.
    Beside(NoticeKey),
    /// A test of the channel, and who waits for what came of it.
    Test(oneshot::Sender<Result<(), (String, String)>>),
}

/// What came of a way.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) channel: ChannelId,
    pub(super) parcels: Vec<Parcel>,
    pub(super) result: Result<(), Fault>,
}

/// Goes one way. A channel that takes longer than it says is left.
pub(super) async fn carry(channel: Arc<dyn Channel>, message: Message, parcels: Vec<Parcel>) -> Carried {
    hit(Failpoint::NotifyBeforeSend);
    let most = channel.limits().patience + Duration::from_secs(2);
    let late = |_| Fault::new(Class::Again, Code::Timeout, "the channel took too long");
    let delivering = channel.deliver(&message);
    let result = tokio::time::timeout(most, delivering).await.map_err(late).and_then(|result| result);
    hit(Failpoint::NotifyAfterSend);
    if let Err(Fault { class: Class::Locked(rest), .. }) = &result {
        channel.pace().lock(*rest);
    }
    Carried { channel: channel.id().clone(), parcels, result }
}

impl Courier {
    /// What a way's end means for one row.
    pub(super) fn outcome_of(&self, work: Work, channel: &ChannelId, result: &Result<(), Fault>) -> Saying {
        match result {
            Ok(()) => self.accepted(work, channel),
            Err(fault) => self.failed(work, channel, fault),
        }
    }

    fn accepted(&self, work: Work, channel: &ChannelId) -> Saying {
        self.counters.notice.accepted_seconds.observe(wall().since(work.notice.at).as_s());
        let delivery = Delivery::Accepted { channel: channel.clone() };
        // The channel's name stands in the progress for the paces of the next start.
        let progress = format!("{{\"accepted\":\"{channel}\"}}");
        let fact = Some(ended(work.notice.key, delivery));
        Saying { row: work.row, fact, attempt: Attempt::Delivered { progress } }
    }

    /// Another attempt, another channel, or the end.
    pub(super) fn failed(&self, mut work: Work, channel: &ChannelId, fault: &Fault) -> Saying {
        let (notice, list) = (&work.notice, &work.list);
        let free = |place: usize| is_free(&self.channels, list, place);
        let next = work.progress.failed(fault, (list.len(), notice.urgency), free);
        let now = wall();
        match next {
            Next::Try(pause) if now + span(pause) < notice.expires => again(&work, now + span(pause), fault),
            Next::Try(_) => {
                let detail = format!("expired; last: {fault}");
                self.given_up(work, channel, &Fault::new(Class::Final, Code::Expired, detail))
            }
            Next::GiveUp => self.given_up(work, channel, fault),
        }
    }

    /// The end: nothing took it.
    pub(super) fn given_up(&self, work: Work, channel: &ChannelId, fault: &Fault) -> Saying {
        self.counters.notice.given_up.with_label_values(&[channel.as_str()]).inc();
        tracing::error!(notice = work.notice.key.0, %channel, %fault, "a notice was given up");
        let (code, detail) = (fault.code.word().to_owned(), fault.detail.clone());
        let delivery = Delivery::Failed { channel: channel.clone(), code, detail };
        let attempt = Attempt::Abandoned { detail: fault.to_string(), progress: stored(&work.progress) };
        Saying { row: work.row, fact: Some(ended(work.notice.key, delivery)), attempt }
    }

    /// The end before the beginning: there is no channel. It was said in the log when the courier began.
    pub(super) fn nowhere(&self, work: Work) -> Saying {
        self.counters.notice.given_up.with_label_values(&["none"]).inc();
        let attempt =
            Attempt::Abandoned { detail: "no channel".to_owned(), progress: stored(&work.progress) };
        Saying { row: work.row, fact: Some(ended(work.notice.key, Delivery::Nowhere)), attempt }
    }

    /// A row whose notice went out unrecorded and is recorded now.
    pub(super) fn known(&self, bag: &Bag, work: &Work) -> Option<Saying> {
        let channel = bag.beside.get(&work.notice.key)?.taken.clone()?;
        let progress = format!("{{\"accepted\":\"{channel}\"}}");
        let fact = Some(ended(work.notice.key.clone(), Delivery::Accepted { channel }));
        Some(Saying { row: work.row, fact, attempt: Attempt::Delivered { progress } })
    }
}

/// To be tried again then.
pub(super) fn again(work: &Work, next: Utc, fault: &Fault) -> Saying {
    let progress = stored(&work.progress);
    Saying {
        row: work.row,
        fact: None,
        attempt: Attempt::Again { next, detail: fault.to_string(), progress },
    }
}

/// Whether the channel at a place of the list could be used at once.
pub(super) fn is_free(channels: &Channels, list: &[ChannelId], place: usize) -> bool {
    super::channel_at(channels, list, place).is_some_and(|channel| channel.pace().wait().is_zero())
}

pub(super) fn stored(progress: &Progress) -> String {
    serde_json::to_string(progress).expect("numbers and texts are JSON")
}

pub(super) fn span(time: Duration) -> Span {
    Span(u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 4))
}
