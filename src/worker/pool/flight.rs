//! Orders that wait for a child and those in its hands. Knows order and age; must not know processes or payload.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::line::{Done, Order};
use super::watch::{Doing, Effort, Patience, judge};
use crate::worker::kind::{Lane, SessionKind};
use crate::worker::session::WorkerError;

/// In a child's hands at once: the next is there when one is done, and yet little is lost with it.
const WINDOW: usize = 2;
/// Orders that wait before new ones are refused.
const WAITING_MAX: usize = 1024;
/// After this many prompt orders in a row a burst gets its turn.
const PROMPT_RUN_MAX: u32 = 4;
/// A child may always take this long, whatever is asked.
const BASE_LIMIT: Duration = Duration::from_millis(500);
/// A child reads its list of plugins first.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// No request, however large, may take longer.
const LONGEST_LIMIT: Duration = Duration::from_secs(20);

type Answer = oneshot::Sender<Result<Done, WorkerError>>;

/// What a child has in its hands.
#[derive(Debug)]
pub(super) struct Held {
    /// Its number; an answer names it.
    pub(super) request: u32,
    /// For which counter.
    pub(super) word: &'static str,
    limit: Duration,
    /// Nobody waits for a greeting or a sign of life.
    answer: Option<Answer>,
    /// When the watch first saw it at the head, and the child's processor time then.
    seen: Option<(Instant, Duration)>,
}

/// Orders that wait, by lane, and what is in the child's hands, oldest first.
#[derive(Debug, Default)]
pub(super) struct Flight {
    prompt: VecDeque<Order>,
    burst: VecDeque<Order>,
    prompt_run: u32,
    held: VecDeque<Held>,
    requests: u32,
    ready: bool,
}

impl Held {
    /// Tells whoever waits.
    pub(super) fn answer(self, result: Result<Done, WorkerError>) {
        if let Some(answer) = self.answer {
            // Whoever asked may have gone.
            let _ = answer.send(result);
        }
    }
}

impl Flight {
    /// Nothing waits; a new child's greeting is expected.
    pub(super) fn new() -> Self {
        let mut flight = Self::default();
        flight.hold("hello", HELLO_LIMIT, None);
        flight
    }

    /// The greeting came: orders may go.
    pub(super) fn greeted(&mut self) {
        self.ready = true;
        self.held.retain(|held| held.answer.is_some());
    }

    /// Puts an order into its lane.
    pub(super) fn wait(&mut self, order: Order) {
        if self.prompt.len() + self.burst.len() >= WAITING_MAX {
            let _ = order.answer.send(Err(WorkerError::Busy));
            return;
        }
        match order.opening.kind.lane() {
            Lane::Prompt => self.prompt.push_back(order),
            Lane::Burst => self.burst.push_back(order),
        }
    }

    /// The next order to give to the child, if it may have one more. Those that waited too long are answered; those
    /// whose asker has gone are forgotten.
    pub(super) fn next(&mut self, now: Instant) -> Option<Order> {
        if !self.ready || self.held.len() >= WINDOW {
            return None;
        }
        loop {
            let order = self.pop()?;
            if order.answer.is_closed() {
                continue;
            }
            if order.begin_by < now {
                let _ = order.answer.send(Err(WorkerError::Late));
                continue;
            }
            return Some(order);
        }
    }

    fn pop(&mut self) -> Option<Order> {
        let burst_turn = self.prompt_run >= PROMPT_RUN_MAX && !self.burst.is_empty();
        if !burst_turn && let Some(order) = self.prompt.pop_front() {
            self.prompt_run = self.prompt_run.saturating_add(1);
            return Some(order);
        }
        self.prompt_run = 0;
        self.burst.pop_front()
    }

    /// Notes that the child got an order of so many chunks, and gives its number.
    pub(super) fn give(&mut self, kind: &SessionKind, chunks: usize, answer: Answer) -> u32 {
        let work = kind.time_per_chunk() * u32::try_from(chunks).unwrap_or(u32::MAX);
        self.hold(kind.word(), (BASE_LIMIT + work).min(LONGEST_LIMIT), Some(answer))
    }

    /// Notes that the child was asked for a sign of life, if it has nothing else in its hands.
    pub(super) fn ping(&mut self) -> Option<u32> {
        self.held.is_empty().then(|| self.hold("ping", BASE_LIMIT, None))
    }

    fn hold(&mut self, word: &'static str, limit: Duration, answer: Option<Answer>) -> u32 {
        self.requests = self.requests.wrapping_add(1);
        self.held.push_back(Held { request: self.requests, word, limit, answer, seen: None });
        self.requests
    }

    /// Takes what the child says it has done; `None` if it was never given that.
    pub(super) fn finish(&mut self, request: u32) -> Option<Held> {
        let at = self.held.iter().position(|held| held.request == request)?;
        self.held.remove(at)
    }

    /// What to think of the child, which does `doing` and has used `cpu` in all.
    pub(super) fn look(&mut self, now: Instant, doing: Doing, cpu: Duration) -> Patience {
        let Some(head) = self.held.front_mut() else {
            return Patience::Wait;
        };
        let (since, cpu_then) = *head.seen.get_or_insert((now, cpu));
        let effort = Effort { doing, cpu: cpu.saturating_sub(cpu_then), elapsed: now - since };
        judge(effort, head.limit)
    }

    /// The child is gone: what it had begun was its end, the rest may be asked again.
    pub(super) fn abandon(&mut self) {
        let mut blame = self.ready;
        for held in self.held.drain(..) {
            let was_asked = held.answer.is_some();
            held.answer(Err(if blame && was_asked { WorkerError::Crashed } else { WorkerError::Gone }));
            blame = false;
        }
        for order in self.prompt.drain(..).chain(self.burst.drain(..)) {
            let _ = order.answer.send(Err(WorkerError::Gone));
        }
    }
}
