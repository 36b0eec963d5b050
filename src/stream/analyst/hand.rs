//! A session at a worker together with the request that is under way. Knows futures, not what they are for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

type Job<S, A> = Pin<Box<dyn Future<Output = (S, A)> + Send>>;

/// Does one thing at a time with a session of kind `S`; each ends with an answer of kind `A`. Dropping it abandons
/// what is under way.
pub(super) enum Hand<S, A> {
    /// Nothing is under way.
    Free(S),
    /// A request is.
    Busy(Job<S, A>),
    /// Between the two; never seen from outside.
    Moving,
}

impl<S, A> Hand<S, A> {
    /// Whether a request can be given.
    pub(super) fn is_free(&self) -> bool {
        matches!(self, Self::Free(_))
    }

    /// Begins a request. One that is given while another is under way is not begun.
    pub(super) fn give<F>(&mut self, request: impl FnOnce(S) -> F)
    where
        F: Future<Output = (S, A)> + Send + 'static,
    {
        *self = match std::mem::replace(self, Self::Moving) {
            Self::Free(session) => Self::Busy(Box::pin(request(session))),
            busy @ (Self::Busy(_) | Self::Moving) => busy,
        };
    }

    /// The answer of the request under way, once it has come; pending while there is none.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<A> {
        let Self::Busy(job) = self else { return Poll::Pending };
        match job.as_mut().poll(context) {
            Poll::Ready((session, answer)) => {
                *self = Self::Free(session);
                Poll::Ready(answer)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S, A> fmt::Debug for Hand<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Free(_) => "Free",
            Self::Busy(_) => "Busy",
            Self::Moving => "Moving",
        })
    }
}
