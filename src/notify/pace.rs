//! How often a channel may be used: at most so many in any minute, and not at all while the far side has locked it.
//!
//! A window, not a bucket: a bucket lets twice as many through in one minute after a rest, and the far side counts.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The window that providers count in.
const WINDOW: Duration = Duration::from_secs(60);

/// The pace of one channel, shared by all who use it.
#[derive(Debug)]
pub struct Pace {
    per_minute: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the newest deliveries began, oldest first.
    used: VecDeque<Instant>,
    locked_until: Option<Instant>,
}

impl Pace {
    /// At most `per_minute` deliveries in any minute, and at least one.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1) as usize, state: Mutex::default() }
    }

    /// Takes one place, or says how long until there is one.
    pub fn take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.state();
        let wait = state.wait(now, self.per_minute);
        if wait.is_zero() {
            state.used.push_back(now);
            return Ok(());
        }
        Err(wait)
    }

    /// How long until the next delivery may begin; zero when it may now.
    pub fn wait(&self) -> Duration {
        self.state().wait(Instant::now(), self.per_minute)
    }

    /// Deliveries that may begin now, one after the other.
    pub fn room(&self) -> usize {
        let now = Instant::now();
        let mut state = self.state();
        match state.wait(now, self.per_minute).is_zero() {
            true => self.per_minute - state.used.len(),
            false => 0,
        }
    }

    /// Nothing goes for so long. A shorter lock does not end a longer one.
    pub fn lock(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.state();
        state.locked_until = Some(state.locked_until.map_or(until, |before| before.max(until)));
    }

    /// Counts deliveries of an earlier run of this process, so that a restart does not use the minute twice.
    pub fn remember(&self, ages: impl IntoIterator<Item = Duration>) {
        let now = Instant::now();
        let mut times: Vec<Instant> = ages.into_iter().filter_map(|age| now.checked_sub(age)).collect();
        times.sort();
        self.state().used.extend(times);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, now: Instant, per_minute: usize) -> Duration {
        while self.used.front().is_some_and(|used| now.duration_since(*used) >= WINDOW) {
            self.used.pop_front();
        }
        let locked = self.locked_until.map(|until| until.saturating_duration_since(now)).unwrap_or_default();
        let oldest = self.used.len().checked_sub(per_minute).and_then(|over| self.used.get(over));
        let full = oldest.map(|used| (*used + WINDOW).saturating_duration_since(now)).unwrap_or_default();
        locked.max(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_minute_sees_more_than_its_number() {
        let pace = Pace::new(20);
        let mut sent = Vec::new();
        for _ in 0..100 {
            while let Err(wait) = pace.take() {
                tokio::time::advance(wait).await;
            }
            sent.push(Instant::now());
            tokio::time::advance(Duration::from_millis(700)).await;
        }
        for (at, first) in sent.iter().enumerate() {
            let within = sent[at..].iter().filter(|other| **other < *first + WINDOW).count();
            assert!(within <= 20, "{within} in one minute");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_holds_until_its_end_and_a_shorter_one_does_not_end_it() {
        let pace = Pace::new(20);
        assert_eq!(pace.room(), 20);
        pace.lock(Duration::from_secs(600));
        pace.lock(Duration::from_secs(5));
        assert_eq!((pace.take(), pace.room()), (Err(Duration::from_secs(600)), 0));
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(pace.take(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_remembers_the_minute_before() {
        tokio::time::advance(Duration::from_secs(120)).await;
        let pace = Pace::new(2);
        pace.remember([Duration::from_secs(10), Duration::from_secs(40)]);
        assert_eq!(pace.take(), Err(Duration::from_secs(20)));
    }
}
