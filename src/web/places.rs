//! How many connections a listener holds at once, in all and from one address. One for which there is no place is
//! closed before anything is read of it. Knows nothing of what a connection is for.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use prometheus::IntCounter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The places of one listener. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    all: usize,
    of_one: usize,
    /// Connections by address; none that has none.
    held: Mutex<BTreeMap<IpAddr, usize>>,
    turned_away: Option<IntCounter>,
}

impl Places {
    /// So many in all, and so many from one address. Whoever finds none is counted, if there is a counter.
    pub fn new(all: usize, of_one: usize, turned_away: Option<IntCounter>) -> Self {
        Self(Arc::new(Kept { all, of_one, held: Mutex::default(), turned_away }))
    }

    fn take(&self, from: IpAddr) -> Option<Place> {
        let from = from.to_canonical();
        let mut held = self.held();
        let own = held.get(&from).copied().unwrap_or_default();
        if own >= self.0.of_one || held.values().sum::<usize>() >= self.0.all {
            if let Some(counter) = &self.0.turned_away {
                counter.inc();
            }
            return None;
        }
        held.insert(from, own + 1);
        Some(Place { places: self.clone(), from })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Accept<TcpStream, S> for Places {
    type Stream = Held;
    type Service = S;
    type Future = Ready<io::Result<(Held, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let held = stream.peer_addr().and_then(|from| {
            let place = self.take(from.ip()).ok_or(io::ErrorKind::QuotaExceeded)?;
            Ok(Held { stream, _place: place })
        });
        ready(held.map(|held| (held, service)))
    }
}

/// A place, free again when it is dropped.
#[derive(Debug)]
struct Place {
    places: Places,
    from: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        match held.get_mut(&self.from) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => {
                held.remove(&self.from);
            }
        }
    }
}

/// A connection with its place.
#[derive(Debug)]
pub struct Held {
    stream: TcpStream,
    _place: Place,
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_held_back_before_all_are_and_what_is_free_is_given_again() {
        let refused = IntCounter::new("refused", "Refused.").unwrap();
        let places = Places::new(5, 2, Some(refused.clone()));
        let from = |last: u8| IpAddr::from([10, 0, 0, last]);
        let taken: Vec<Option<Place>> = [1, 1, 1, 2, 2, 3, 4].map(|last| places.take(from(last))).into();
        let given: Vec<bool> = taken.iter().map(Option::is_some).collect();
        assert_eq!(given, [true, true, false, true, true, true, false]);
        assert_eq!(refused.get(), 2);
        assert!(places.take("::ffff:10.0.0.1".parse().unwrap()).is_none(), "the same address");
        drop(taken);
        assert!(places.held().is_empty());
        assert!(places.take(from(1)).is_some());
    }
}
