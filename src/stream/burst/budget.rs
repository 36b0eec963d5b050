//! The budget of processor time and its fair queue. A value: time is handed in, nothing waits here.
//!
//! Tokens are microseconds of processor time. A request may be granted while any are left and may overdraw them: what
//! it costs is only known afterwards. Whoever has spent least since it began to wait is next (start-time fair
//! queueing, Goyal 1996), so that one stream with much to decode delays the others by one request at most.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::time::{Mono, Span};

/// Tokens that may be saved up, as a share of one second's: enough for a dozen bursts that begin together.
const SAVED_S: f64 = 1.5;

/// One stream in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane(pub(super) u64);

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Ticket(pub(super) u64);

/// Tokens, and who waits for them.
#[derive(Debug)]
pub(super) struct Budget {
    rate: f64,
    tokens_us: f64,
    at: Mono,
    /// What each lane has spent, in microseconds, on an axis on which nobody gains by idling.
    spent_us: BTreeMap<Lane, u64>,
    /// Where on that axis the last grant was.
    front_us: u64,
    waiting: BTreeSet<Waiting>,
}

/// A request that waits, ordered by its start on the axis of spending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    start_us: u64,
    grant: Grant,
}

/// A request that may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    pub(super) ticket: Ticket,
    lane: Lane,
    cost_us: u64,
}

impl Budget {
    /// A full budget of that many processor seconds per second, at least a hundredth.
    pub(super) fn new(cores: f64) -> Self {
        let rate = if cores.is_finite() { cores.max(0.01) } else { 1.0 };
        Self {
            rate,
            tokens_us: rate * SAVED_S * 1e6,
            at: Mono(0),
            spent_us: BTreeMap::new(),
            front_us: 0,
            waiting: BTreeSet::new(),
        }
    }

    /// A lane asks for processor time.
    pub(super) fn ask(&mut self, lane: Lane, ticket: Ticket, cost_us: u64) {
        let start_us = self.spent_us.get(&lane).copied().unwrap_or(0).max(self.front_us);
        self.spent_us.insert(lane, start_us.saturating_add(cost_us));
        self.waiting.insert(Waiting { start_us, grant: Grant { ticket, lane, cost_us } });
    }

    /// The request that is granted now, if any is.
    pub(super) fn next(&mut self, now: Mono) -> Option<Grant> {
        self.refill(now);
        if self.tokens_us <= 0.0 {
            return None;
        }
        let next = self.waiting.pop_first()?;
        self.front_us = self.front_us.max(next.start_us);
        self.tokens_us -= next.grant.cost_us as f64;
        Some(next.grant)
    }

    /// A granted request is not wanted any more.
    pub(super) fn refund(&mut self, grant: Grant) {
        self.settle(grant.lane, grant.cost_us, 0);
    }

    /// What was really spent instead of the estimate.
    pub(super) fn settle(&mut self, lane: Lane, estimated_us: u64, spent_us: u64) {
        self.tokens_us += estimated_us as f64 - spent_us as f64;
        if let Some(spent) = self.spent_us.get_mut(&lane) {
            *spent = (*spent + spent_us).saturating_sub(estimated_us);
        }
    }

    /// A lane is gone; its requests with it.
    pub(super) fn leave(&mut self, lane: Lane) {
        self.spent_us.remove(&lane);
        self.waiting.retain(|waiting| waiting.grant.lane != lane);
    }

    /// How long until something can be granted; `None` while nobody waits.
    pub(super) fn wait(&mut self, now: Mono) -> Option<Span> {
        self.refill(now);
        if self.waiting.is_empty() {
            return None;
        }
        let missing_us = (-self.tokens_us).max(0.0) / self.rate;
        Some(Span(missing_us as u64 + 1))
    }

    fn refill(&mut self, now: Mono) {
        let earned_us = now.since(self.at).0 as f64 * self.rate;
        self.at = self.at.max(now);
        self.tokens_us = (self.tokens_us + earned_us).min(self.rate * SAVED_S * 1e6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(budget: &mut Budget, ms: u64) -> Vec<u64> {
        std::iter::from_fn(|| budget.next(Mono(ms * 1000)).map(|grant| grant.ticket.0)).collect()
    }

    #[test]
    fn tokens_run_out_and_come_back() {
        let mut budget = Budget::new(1.0);
        for ticket in 0..4 {
            budget.ask(Lane(ticket), Ticket(ticket), 1_000_000);
        }
        assert_eq!(granted(&mut budget, 0), [0, 1]);
        assert_eq!(budget.wait(Mono(0)), Some(Span(500_001)));
        assert_eq!(granted(&mut budget, 499), [0_u64; 0]);
        assert_eq!(granted(&mut budget, 501), [2]);
        assert_eq!(granted(&mut budget, 1_600), [3]);
        assert_eq!(budget.wait(Mono(2_000_000)), None);
    }

    #[test]
    fn a_greedy_stream_delays_others_by_one_request() {
        let mut budget = Budget::new(1.0);
        for ticket in 0..10 {
            budget.ask(Lane(1), Ticket(ticket), 1_000_000);
        }
        budget.ask(Lane(2), Ticket(20), 1_000_000);
        budget.ask(Lane(3), Ticket(30), 1_000_000);
        let mut order = Vec::new();
        for second in 0..5 {
            order.extend(granted(&mut budget, second * 1_000));
        }
        assert_eq!(order[..4], [0, 20, 30, 1]);
    }

    #[test]
    fn idling_saves_nothing_over_others() {
        let mut budget = Budget::new(1.0);
        budget.ask(Lane(1), Ticket(1), 1_000_000);
        assert_eq!(granted(&mut budget, 0), [1]);
        for ticket in 10..13 {
            budget.ask(Lane(1), Ticket(ticket), 100_000);
            budget.ask(Lane(2), Ticket(ticket + 10), 100_000);
        }
        let order = granted(&mut budget, 1_000);
        assert!(order.contains(&10), "{order:?}");
    }

    #[test]
    fn what_was_not_spent_comes_back() {
        let mut budget = Budget::new(1.0);
        budget.ask(Lane(1), Ticket(1), 3_000_000);
        assert_eq!(granted(&mut budget, 0), [1]);
        budget.settle(Lane(1), 3_000_000, 100_000);
        budget.ask(Lane(1), Ticket(2), 1_000);
        let grant = budget.next(Mono(0)).unwrap();
        assert_eq!(grant.ticket, Ticket(2));
        budget.refund(grant);
        budget.ask(Lane(1), Ticket(3), 1_000);
        budget.leave(Lane(1));
        assert_eq!(granted(&mut budget, 10), [0_u64; 0]);
    }
}
