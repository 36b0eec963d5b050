//! Who is answered now: the rate of each source and the sessions it may have.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::memory::{Bucket, SessionMemory};

/// A session or source unheard of for so long may be forgotten when room is needed.
const FORGET_AFTER_NS: i64 = 30_000_000_000;
/// Sources whose rate is watched at once; further ones are not answered.
const SOURCES_MAX: usize = 4096;
/// One source holds at most this part of all sessions, so that none keeps the others out.
const SOURCE_PART: usize = 4;

/// Names a session: who sends, and which of its sessions.
pub(super) type SessionKey = (SocketAddr, u16);

/// Sessions and sources, both bounded.
#[derive(Debug)]
pub(super) struct Admission {
    rate: u32,
    sessions_max: usize,
    sources: HashMap<IpAddr, Bucket>,
    sessions: HashMap<SessionKey, SessionMemory>,
}

impl Admission {
    pub(super) fn new(rate: u32, sessions_max: usize) -> Self {
        Self { rate, sessions_max, sources: HashMap::new(), sessions: HashMap::new() }
    }

    /// A session that is already known.
    pub(super) fn session(&mut self, key: &SessionKey) -> Option<&mut SessionMemory> {
        self.sessions.get_mut(key)
    }

    /// The session a probe belongs to, if its source may be answered now.
    pub(super) fn admit(&mut self, from: SocketAddr, ssid: u16, at_ns: i64) -> Option<&mut SessionMemory> {
        let in_time = self.in_time(from.ip(), at_ns);
        let key = (from, ssid);
        let welcome = self.sessions.contains_key(&key) || in_time && self.room_for(from.ip(), at_ns);
        if !welcome {
            return None;
        }
        let session = self.sessions.entry(key).or_default();
        if at_ns - session.heard_ns >= FORGET_AFTER_NS {
            *session = SessionMemory::default();
        }
        session.heard_ns = at_ns;
        if !in_time {
            session.note_limited();
            return None;
        }
        Some(session)
    }

    /// Whether one more session of a source fits, after forgetting those long silent when it is tight.
    fn room_for(&mut self, source: IpAddr, at_ns: i64) -> bool {
        if self.fits(source) {
            return true;
        }
        self.sessions.retain(|_, session| at_ns - session.heard_ns < FORGET_AFTER_NS);
        self.fits(source)
    }

    fn fits(&self, source: IpAddr) -> bool {
        let own = self.sessions.keys().filter(|(from, _)| from.ip() == source).count();
        self.sessions.len() < self.sessions_max && own < (self.sessions_max / SOURCE_PART).max(1)
    }

    fn in_time(&mut self, source: IpAddr, at_ns: i64) -> bool {
        let rate = self.rate;
        if let Some(bucket) = self.sources.get_mut(&source) {
            return bucket.take(rate, at_ns);
        }
        if self.sources.len() >= SOURCES_MAX {
            self.sources.retain(|_, bucket| at_ns - bucket.asked_ns() < FORGET_AFTER_NS);
        }
        if self.sources.len() >= SOURCES_MAX {
            return false;
        }
        self.sources.entry(source).or_insert_with(|| Bucket::new(rate, at_ns)).take(rate, at_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], port))
    }

    #[test]
    fn one_source_cannot_take_every_session() {
        let mut admission = Admission::new(1_000_000, 8);
        let greedy = (0..100).filter(|ssid| admission.admit(source(1, 9), *ssid, 1).is_some()).count();
        assert_eq!(greedy, 2);
        assert!(admission.admit(source(2, 9), 0, 1).is_some());
    }

    #[test]
    fn silent_sessions_make_room_and_a_returning_one_starts_afresh() {
        let mut admission = Admission::new(1_000_000, 4);
        admission.admit(source(1, 1), 1, 0).unwrap().note(0);
        assert!(admission.admit(source(1, 2), 1, 1).is_none());
        assert!(admission.admit(source(1, 2), 1, FORGET_AFTER_NS).is_some());
        let again = admission.admit(source(1, 1), 1, 2 * FORGET_AFTER_NS).unwrap();
        assert_eq!(again.summary().received, 0);
    }

    #[test]
    fn what_is_too_fast_is_counted_in_its_session() {
        let mut admission = Admission::new(10, 8);
        let answered = (0..10).filter(|_| admission.admit(source(1, 1), 1, 0).is_some()).count();
        assert_eq!(answered, 2);
        assert_eq!(admission.session(&(source(1, 1), 1)).unwrap().summary().limited, 8);
    }
}
