//! Which channel is tried next, and when: a notice's way through its list of channels. Pure, so that it can be told in
//! tables; what it decides is stored with the delivery and goes on after a restart.
//!
//! A channel is tried a few times with growing pauses, then the next one; after the last the first again, until the
//! notice expires. A channel that said no for good is left out. A locked one is not waited for when another may do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::{Class, Fault};
use crate::domain::notice::Urgency;

/// An urgent notice does not wait for its turn longer than this when another channel is free.
pub const URGENT_WAIT_MAX: Duration = Duration::from_secs(3);
/// Others do not wait longer than this.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Longest pause between two rounds over all channels.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// How far a notice has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Place of the channel that is tried now, in the notice's list.
    pub step: usize,
    /// Attempts on it since it came to it.
    pub tries: u32,
    /// Rounds over the whole list.
    pub rounds: u32,
    /// Places that said no for good.
    pub closed: Vec<usize>,
    /// What the last attempt said: stable word and detail.
    pub last: Option<(String, String)>,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Try what [`Progress::step`] names, after this pause.
    Try(Duration),
    /// Nothing is left to try.
    GiveUp,
}

impl Progress {
    /// Takes a fault in. `free` says whether a channel of the list could be used now.
    pub fn failed(
        &mut self,
        fault: &Fault,
        (channels, urgency): (usize, Urgency),
        free: impl Fn(usize) -> bool,
    ) -> Next {
        self.last = Some((fault.code.word().to_owned(), fault.detail.clone()));
        match fault.class {
            Class::Final => {
                self.closed.push(self.step);
                self.advance(channels)
            }
            Class::Again => {
                self.tries += 1;
                let (most, pause) = patience(urgency);
                if self.tries < most {
                    return Next::Try(pause * 2u32.saturating_pow(self.tries - 1));
                }
                self.advance(channels)
            }
            Class::Locked(rest) => self.blocked(rest, (channels, urgency), free),
        }
    }

    /// The channel cannot be used for so long: another one that is free, or a wait.
    pub fn blocked(
        &mut self,
        rest: Duration,
        (channels, urgency): (usize, Urgency),
        free: impl Fn(usize) -> bool,
    ) -> Next {
        let most = if urgency == Urgency::Urgent { URGENT_WAIT_MAX } else { WAIT_MAX };
        let others = (1..channels).map(|ahead| (self.step + ahead) % channels);
        let other = others.into_iter().find(|place| !self.closed.contains(place) && free(*place));
        match other.filter(|_| rest > most) {
            Some(place) => {
                self.go(place);
                Next::Try(Duration::ZERO)
            }
            None => Next::Try(rest),
        }
    }

    fn advance(&mut self, channels: usize) -> Next {
        let ahead = (1..=channels).map(|ahead| (self.step + ahead) % channels.max(1));
        let Some(place) = ahead.into_iter().find(|place| !self.closed.contains(place)) else {
            return Next::GiveUp;
        };
        let again = place <= self.step;
        self.go(place);
        if !again {
            return Next::Try(Duration::ZERO);
        }
        self.rounds += 1;
        let pause = Duration::from_secs(5).saturating_mul(2u32.saturating_pow(self.rounds));
        Next::Try(pause.min(PAUSE_MAX))
    }

    fn go(&mut self, place: usize) {
        (self.step, self.tries) = (place, 0);
    }
}

/// Attempts on one channel before the next, and the first pause between them.
fn patience(urgency: Urgency) -> (u32, Duration) {
    match urgency {
        Urgency::Urgent => (2, Duration::from_secs(1)),
        Urgency::Important => (3, Duration::from_secs(3)),
        Urgency::Routine => (4, Duration::from_secs(15)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Code;
    use super::*;
    use proptest::prelude::*;

    fn fault(class: Class) -> Fault {
        Fault::new(class, Code::Busy, "x")
    }

    fn seconds(next: Next) -> Option<u64> {
        match next {
            Next::Try(pause) => Some(pause.as_secs()),
            Next::GiveUp => None,
        }
    }

    #[test]
    fn an_urgent_notice_goes_through_its_channels_and_round_again() {
        let mut at = Progress::default();
        let all = (3, Urgency::Urgent);
        let mut told = Vec::new();
        for _ in 0..9 {
            let pause = seconds(at.failed(&fault(Class::Again), all, |_| true));
            told.push((at.step, pause.unwrap()));
        }
        let expected = [(0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (0, 10), (0, 1), (1, 0), (1, 1)];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_channel_that_said_no_for_good_is_left_out_and_the_last_one_ends_it() {
        let mut at = Progress::default();
        let all = (2, Urgency::Important);
        assert_eq!(at.failed(&fault(Class::Final), all, |_| true), Next::Try(Duration::ZERO));
        for _ in 0..3 {
            at.failed(&fault(Class::Again), all, |_| true);
        }
        assert_eq!((at.step, at.rounds), (1, 1), "the closed one is not tried again");
        assert_eq!(at.failed(&fault(Class::Final), all, |_| true), Next::GiveUp);
        assert_eq!(at.last, Some(("notify.busy".into(), "x".into())));
    }

    #[test]
    fn a_locked_channel_is_left_when_another_is_free_and_waited_for_when_none_is() {
        let locked = fault(Class::Locked(Duration::from_secs(600)));
        let mut at = Progress::default();
        assert_eq!(at.failed(&locked, (2, Urgency::Routine), |_| true), Next::Try(Duration::ZERO));
        assert_eq!(at.step, 1);
        let mut at = Progress::default();
        assert_eq!(seconds(at.failed(&locked, (2, Urgency::Urgent), |_| false)), Some(600));
        assert_eq!(at.step, 0);
        let short = Duration::from_secs(5);
        assert_eq!(at.blocked(short, (2, Urgency::Routine), |_| true), Next::Try(short), "worth waiting for");
        assert_eq!(at.blocked(short, (2, Urgency::Urgent), |_| true), Next::Try(Duration::ZERO));
    }

    proptest! {
        #[test]
        fn every_way_ends_or_names_a_channel_of_the_list(
            channels in 1usize..5,
            faults in proptest::collection::vec(0u8..3, 0..60),
        ) {
            let mut at = Progress::default();
            for kind in faults {
                let class = [Class::Final, Class::Again, Class::Locked(Duration::from_secs(60))][usize::from(kind)];
                let next = at.failed(&fault(class), (channels, Urgency::Urgent), |_| kind != 1);
                if next == Next::GiveUp {
                    prop_assert_eq!(at.closed.len(), channels);
                    break;
                }
                prop_assert!(at.step < channels && !at.closed.contains(&at.step));
            }
        }
    }
}
