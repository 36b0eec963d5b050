//! A login that is made once, shared by all who ask, and made anew when the device has forgotten it. Knows no device.
//!
//! A name or secret that was refused is tried again after ten seconds, then after twice as long each time, at most
//! after five minutes: devices lock an account after a few wrong tries.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fault::{AuthWhy, Fault};

/// How long a login that was refused once is not tried again.
const PAUSE_FIRST: Duration = Duration::from_secs(10);
/// How long one that was refused again and again is not.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The one session with a device. What a session is, its adapter knows; it is never shown.
pub struct Sessions<S> {
    state: Mutex<State<S>>,
}

struct State<S> {
    held: Option<Arc<S>>,
    refused: Option<Refusal>,
}

/// The last refusal of a login, and how long it is not tried again.
#[derive(Clone, Copy)]
struct Refusal {
    since: Instant,
    why: AuthWhy,
    pause: Duration,
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Self { state: Mutex::new(State { held: None, refused: None }) }
    }
}

impl<S> fmt::Debug for Sessions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(..)")
    }
}

impl<S> Sessions<S> {
    /// The session; `login` makes it where there is none. Others wait meanwhile, so that one login serves all.
    pub async fn held(&self, login: impl Future<Output = Result<S, Fault>>) -> Result<Arc<S>, Fault> {
        let mut state = self.state.lock().await;
        if let Some(held) = &state.held {
            return Ok(Arc::clone(held));
        }
        if let Some(refused) = state.refused
            && refused.since.elapsed() < refused.pause
        {
            return Err(Fault::Auth(refused.why));
        }
        let made = login.await;
        let pause = state.refused.map_or(PAUSE_FIRST, |before| (before.pause * 2).min(PAUSE_MAX));
        state.refused = refusal(&made).map(|why| Refusal { since: Instant::now(), why, pause });
        // What came to nothing here was the login: the request that it was for was never sent.
        let made = Arc::new(made.map_err(unsent)?);
        state.held = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Gives a session up that the device no longer knows. One that was made since is kept.
    pub async fn forget(&self, old: &Arc<S>) {
        let mut state = self.state.lock().await;
        if state.held.as_ref().is_some_and(|held| Arc::ptr_eq(held, old)) {
            state.held = None;
        }
    }
}

fn unsent(fault: Fault) -> Fault {
    if fault == (Fault::Timeout { sent: true }) { Fault::Timeout { sent: false } } else { fault }
}

fn refusal<S>(made: &Result<S, Fault>) -> Option<AuthWhy> {
    if let Err(Fault::Auth(why)) = made { Some(*why) } else { None }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_login_serves_all_and_a_refused_one_waits_longer_each_time() {
        let sessions = Sessions::default();
        let tries = AtomicU32::new(0);
        let wrong = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<u8, _>(Fault::Auth(AuthWhy::Wrong))
        };
        for _ in 0..300 {
            assert_eq!(sessions.held(wrong()).await, Err(Fault::Auth(AuthWhy::Wrong)));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(tries.load(Ordering::Relaxed), 5, "at 0, 10, 30, 70 and 150 s");
        tokio::time::advance(PAUSE_MAX).await;
        let first = sessions.held(async { Ok(1) }).await.unwrap();
        assert_eq!(*sessions.held(async { Ok(2) }).await.unwrap(), 1);
        sessions.forget(&first).await;
        let second = sessions.held(async { Ok(3) }).await.unwrap();
        sessions.forget(&first).await;
        assert_eq!(*sessions.held(async { Ok(4) }).await.unwrap(), *second, "only the old one is forgotten");
    }
}
