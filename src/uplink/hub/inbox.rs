//! One agent's events, put back in order and taken once: what was delivered, what is committed, what waits for an
//! earlier one. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::uplink::message::{HELD_MAX, OutboxId};
use crate::uplink::replay::Mark;

/// What the controller keeps durably per key, in the same transaction as the event that moved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventMark {
    /// The outbox the numbers belong to.
    pub outbox: OutboxId,
    /// Every event up to this number is committed.
    pub event: u64,
    /// The mark of the message that brought it.
    pub mark: Mark,
}

/// What is to be done with an event that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was committed before: say so again.
    Known,
    /// It was delivered and is not committed yet, or it is held already: say nothing.
    Underway,
    /// It is the next: deliver it. `gap` names numbers that the agent has lost for good.
    Next {
        /// First and last number lost.
        gap: Option<(u64, u64)>,
    },
    /// It came before an earlier one and can be held.
    Early,
    /// It is too far ahead to be held: the agent will send it again.
    TooEarly,
}

/// The state of one agent's events.
#[derive(Debug)]
pub(super) struct Inbox<T> {
    outbox: Option<OutboxId>,
    committed: u64,
    delivered: u64,
    held: BTreeMap<u64, T>,
}

impl<T> Inbox<T> {
    /// Continues after what is durable.
    pub(super) fn after(mark: Option<EventMark>) -> Self {
        let event = mark.map_or(0, |mark| mark.event);
        Self {
            outbox: mark.map(|mark| mark.outbox),
            committed: event,
            delivered: event,
            held: BTreeMap::new(),
        }
    }

    /// Judges an event by its number; `first` is the oldest the agent still keeps. A new outbox begins anew: the
    /// agent's disk was replaced.
    pub(super) fn arrive(&mut self, outbox: OutboxId, event: u64, first: u64) -> Arrival {
        if self.outbox != Some(outbox) {
            *self = Self { outbox: Some(outbox), committed: 0, delivered: 0, held: BTreeMap::new() };
        }
        if event <= self.committed {
            return Arrival::Known;
        }
        if event <= self.delivered || self.held.contains_key(&event) {
            return Arrival::Underway;
        }
        let expected = self.delivered + 1;
        if event == expected {
            return Arrival::Next { gap: None };
        }
        // What the agent no longer keeps will never come: waiting for it would stop the line for good.
        if first >= event {
            return Arrival::Next { gap: Some((expected, event - 1)) };
        }
        if self.held.len() < HELD_MAX { Arrival::Early } else { Arrival::TooEarly }
    }

    /// Keeps an early event.
    pub(super) fn hold(&mut self, event: u64, content: T) {
        self.held.insert(event, content);
    }

    /// Notes that an event was handed on.
    pub(super) fn deliver(&mut self, event: u64) {
        self.delivered = event;
        self.held.retain(|number, _| *number > event);
    }

    /// The held event that is next, if it is there; its caller must [`deliver`](Self::deliver) or
    /// [`hold`](Self::hold) it.
    pub(super) fn next_held(&mut self) -> Option<(u64, T)> {
        let next = self.delivered + 1;
        self.held.remove(&next).map(|content| (next, content))
    }

    /// Notes that everything up to `event` of `outbox` is durable. Gives whether that was news.
    pub(super) fn commit(&mut self, outbox: OutboxId, event: u64) -> bool {
        let news = self.outbox == Some(outbox) && event > self.committed;
        if news {
            self.committed = event;
            self.delivered = self.delivered.max(event);
        }
        news
    }

    /// Forgets what was delivered and never committed: it will be delivered again.
    pub(super) fn rewind(&mut self) {
        self.delivered = self.committed;
        self.held.clear();
    }

    /// The outbox, how far it is committed, and what is held.
    pub(super) fn progress(&self) -> Option<(OutboxId, u64, Vec<u64>)> {
        self.outbox.map(|outbox| (outbox, self.committed, self.held.keys().copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOX: OutboxId = OutboxId(7);

    #[test]
    fn each_arrival_is_judged() {
        let mut inbox: Inbox<()> =
            Inbox::after(Some(EventMark { outbox: BOX, event: 4, mark: Mark::default() }));
        assert_eq!(inbox.arrive(BOX, 4, 1), Arrival::Known);
        assert_eq!(inbox.arrive(BOX, 6, 5), Arrival::Early);
        inbox.hold(6, ());
        assert_eq!(inbox.arrive(BOX, 6, 5), Arrival::Underway);
        assert_eq!(inbox.progress(), Some((BOX, 4, vec![6])));
        assert_eq!(inbox.arrive(BOX, 5, 5), Arrival::Next { gap: None });
        inbox.deliver(5);
        assert_eq!(inbox.next_held(), Some((6, ())));
        inbox.deliver(6);
        assert_eq!(inbox.arrive(BOX, 5, 5), Arrival::Underway);
        assert!(inbox.commit(BOX, 6));
        assert!(!inbox.commit(OutboxId(8), 9), "a receipt of another outbox moves nothing");
        assert_eq!(inbox.arrive(BOX, 20, 20), Arrival::Next { gap: Some((7, 19)) });
        assert_eq!(inbox.arrive(OutboxId(9), 1, 1), Arrival::Next { gap: None });
    }

    #[test]
    fn what_was_not_committed_is_delivered_again() {
        let mut inbox: Inbox<()> = Inbox::after(None);
        assert_eq!(inbox.arrive(BOX, 1, 1), Arrival::Next { gap: None });
        inbox.deliver(1);
        inbox.rewind();
        assert_eq!(inbox.arrive(BOX, 1, 1), Arrival::Next { gap: None });
    }

    proptest! {
        /// Whatever the order, the repetitions and the losses on the way: each event is delivered once, in order.
        #[test]
        fn every_event_is_delivered_once_and_in_order(arrivals in prop::collection::vec(1u64..30, 1..400)) {
            let mut inbox = Inbox::after(None);
            let mut delivered = Vec::new();
            let everything = arrivals.into_iter().chain((1..30).flat_map(|_| 1..30));
            for event in everything {
                match inbox.arrive(BOX, event, 1) {
                    Arrival::Next { .. } => {
                        inbox.deliver(event);
                        delivered.push(event);
                    }
                    Arrival::Early => inbox.hold(event, event),
                    Arrival::Known | Arrival::Underway | Arrival::TooEarly => {}
                }
                while let Some((number, content)) = inbox.next_held() {
                    prop_assert_eq!(number, content);
                    inbox.deliver(number);
                    delivered.push(number);
                }
            }
            prop_assert_eq!(delivered, (1..30).collect::<Vec<_>>());
        }
    }
}
