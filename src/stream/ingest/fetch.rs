//! Protocols that foreign code receives, in a worker: SRT, RTMP, HLS. What comes back is read here like everything
//! else.

use super::place::FetchPlace;
use crate::observation::{BlindWhy, DownWhy};
use crate::stream::clock::StreamClock;
use crate::stream::headers::{Begin, Headers};
use crate::stream::liveness::Failure;
use crate::wire::coding::{AudioFormat, Coding};
use crate::worker::fetched::{FetchEnd, Fetched, FetchedKind};
use crate::worker::pool::Pool;
use crate::worker::session::FetchSession;

/// A fetching session.
#[derive(Debug)]
pub(in crate::stream) struct FetchIngest {
    session: FetchSession,
    /// What came first, before anybody asked for it: the proof that the server serves.
    first: Option<Fetched>,
    clock: StreamClock,
}

impl FetchIngest {
    /// Opens a session and waits for its first unit.
    pub(super) async fn open(
        place: &FetchPlace,
        pool: Option<&Pool>,
        clock: StreamClock,
    ) -> Result<(Self, Begin), Failure> {
        let pool = pool.ok_or(Failure::Blind(BlindWhy::NoWorker))?;
        let mut session = pool.fetch(place.kind.clone()).map_err(|_| Failure::Blind(BlindWhy::NoCapacity))?;
        let first = session.next().await.map_err(|end| why(&end))?;
        let begin = match first.what {
            FetchedKind::Transport => Begin::Transport,
            FetchedKind::Video(_) | FetchedKind::Audio { .. } => Begin::Units,
        };
        Ok((Self { session, first: Some(first), clock }, begin))
    }

    /// Waits for a unit.
    pub(super) async fn receive(&mut self, headers: &mut Headers) -> Result<(), Failure> {
        let fetched = match self.first.take() {
            Some(first) => first,
            None => self.session.next().await.map_err(|end| why(&end))?,
        };
        let at = self.clock.now().mono;
        let coding = match fetched.what {
            FetchedKind::Transport => {
                headers.transport(&fetched.data, at);
                return Ok(());
            }
            FetchedKind::Video(codec) => Coding::Video(codec),
            FetchedKind::Audio { codec, rate_hz, channels, config } => {
                Coding::Audio(AudioFormat { codec, rate_hz, channels, config: config.to_vec() })
            }
        };
        headers.unit(&coding, fetched.pts_us, fetched.data, at);
        Ok(())
    }
}

fn why(end: &FetchEnd) -> Failure {
    match end {
        FetchEnd::Unreachable(_) => Failure::Down(DownWhy::Unreachable),
        FetchEnd::Ended => Failure::Down(DownWhy::Closed),
        FetchEnd::Silent => Failure::Down(DownWhy::Silent),
        FetchEnd::Unreadable(_) => Failure::Down(DownWhy::Codec),
        FetchEnd::WorkerGone => Failure::Blind(BlindWhy::NoWorker),
    }
}
