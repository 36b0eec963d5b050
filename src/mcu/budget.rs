//! How often a device is asked: one bucket of tokens per device, shared by all who read it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::fault::Fault;

/// A token bucket. Reads wait for a token, within reason; actions always get one, for they are few.
#[derive(Debug)]
pub struct Budget {
    per_minute: f64,
    burst: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
    taken: u64,
}

impl Budget {
    /// Longest wait for a token before a read gives up.
    pub const PATIENCE: Duration = Duration::from_secs(5);

    /// Allows `per_minute` requests on average and a tenth of them at once.
    pub fn new(per_minute: u32) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        let burst = (per_minute / 10.0).max(1.0);
        let state = State { tokens: burst, at: Instant::now(), taken: 0 };
        Self { per_minute, burst, state: Mutex::new(state) }
    }

    /// Requests per minute that it allows.
    pub fn per_minute(&self) -> u32 {
        // Made from a whole number of this size.
        self.per_minute as u32
    }

    /// Takes a token for a read, waiting for it at most [`Self::PATIENCE`].
    pub async fn read(&self) -> Result<(), Fault> {
        let wait = self.wait();
        if wait > Self::PATIENCE {
            return Err(Fault::OverBudget);
        }
        self.take();
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Takes a token for an action at once; the reads wait for it.
    pub fn act(&self) {
        self.take();
    }

    /// Requests since the start.
    pub fn taken(&self) -> u64 {
        self.locked(|state| state.taken)
    }

    fn wait(&self) -> Duration {
        let missing = self.locked(|state| (1.0 - state.tokens).max(0.0));
        Duration::from_secs_f64(missing * 60.0 / self.per_minute)
    }

    fn take(&self) {
        self.locked(|state| {
            state.tokens -= 1.0;
            state.taken += 1;
        });
    }

    fn locked<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.duration_since(state.at).as_secs_f64() * self.per_minute / 60.0;
        state.tokens = (state.tokens + gained).min(self.burst);
        state.at = now;
        with(&mut state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_then_reads_wait_and_then_give_up() {
        let budget = Budget::new(60);
        for _ in 0..6 {
            budget.read().await.unwrap();
        }
        let before = Instant::now();
        budget.read().await.unwrap();
        assert!(before.elapsed() >= Duration::from_millis(990), "{:?}", before.elapsed());
        for _ in 0..6 {
            budget.act();
        }
        assert_eq!(budget.read().await, Err(Fault::OverBudget));
    }
}
