//! Whether media arrive: the watcher's own clock over the last unit, since no protocol tells of a server that hangs.
//! Pure; time is handed in.

use crate::domain::time::{Mono, Span};
use crate::observation::{BlindWhy, DownWhy, Reception};

/// No media for so long is none.
const SILENT_AFTER: Span = Span::millis(700);

/// Slides without sound, before their own rhythm is known.
const SILENT_AFTER_SLIDES: Span = Span::seconds(5);

/// No stream is waited for longer than this.
const SILENT_AFTER_MAX: Span = Span::seconds(10);

/// How long a new monitor waits for the first packet before it says that there are none.
const FIRST_AFTER: Span = Span::seconds(1);

/// Something strange explains the absence of media for so long.
const STRANGE_FOR: Span = Span::seconds(1);

/// Gaps remembered to know a stream's own rhythm.
const GAPS: usize = 15;

/// Why a receiver failed: the stream's doing, or the watcher's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The stream cannot be had.
    Down(DownWhy),
    /// The watcher cannot look.
    Blind(BlindWhy),
}

/// How one stream is received, and since when.
#[derive(Debug)]
pub(super) struct Liveness {
    state: State,
    since: Mono,
    last: Option<Mono>,
    tries: u32,
    strange: Option<(Mono, DownWhy)>,
    gaps: [u64; GAPS],
    next_gap: usize,
    silent_after: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Flowing,
    Down(DownWhy),
    Blind(BlindWhy),
}

impl Liveness {
    /// A new monitor. Slides may stand still for long.
    pub(super) fn new(now: Mono, is_slides: bool) -> Self {
        Self {
            state: State::Connecting,
            since: now,
            last: None,
            tries: 0,
            strange: None,
            gaps: [0; GAPS],
            next_gap: 0,
            silent_after: if is_slides { SILENT_AFTER_SLIDES } else { SILENT_AFTER },
        }
    }

    /// A unit arrived; gives whether media begin again with it.
    pub(super) fn media(&mut self, at: Mono) -> bool {
        if let Some(last) = self.last {
            self.gaps[self.next_gap] = at.since(last).0;
            self.next_gap = (self.next_gap + 1) % GAPS;
        }
        self.last = Some(at);
        if self.state == State::Flowing {
            return false;
        }
        self.become_(State::Flowing, at);
        self.tries = 0;
        self.strange = None;
        true
    }

    /// Something arrived that is not media.
    pub(super) fn strange(&mut self, at: Mono, why: DownWhy) {
        self.strange = Some((at, why));
    }

    /// An attempt failed, or a connection ended.
    pub(super) fn failed(&mut self, failure: Failure, now: Mono) {
        self.tries = self.tries.saturating_add(1);
        match failure {
            Failure::Down(why) => self.down(why, now),
            Failure::Blind(why) => {
                if self.state != State::Blind(why) {
                    self.become_(State::Blind(why), now);
                }
            }
        }
    }

    /// Time passes.
    pub(super) fn tick(&mut self, now: Mono) {
        match self.state {
            State::Flowing if self.is_silent(now) => self.down(DownWhy::Silent, now),
            State::Connecting if now.since(self.since) >= FIRST_AFTER.max(self.silent_after) => {
                self.down(DownWhy::Silent, now);
            }
            State::Connecting | State::Flowing | State::Down(_) | State::Blind(_) => {}
        }
        self.strange = self.strange.filter(|(at, _)| now.since(*at) <= STRANGE_FOR);
    }

    /// How the stream is received, since when.
    pub(super) fn reception(&self) -> (Reception, Mono) {
        let reception = match self.state {
            State::Connecting => Reception::Connecting,
            State::Flowing => Reception::Flowing,
            State::Down(why) => Reception::Down { why: self.explain(why), tries: self.tries },
            State::Blind(why) => Reception::Blind { why },
        };
        (reception, self.since)
    }

    pub(super) fn is_flowing(&self) -> bool {
        self.state == State::Flowing
    }

    /// What arrives instead of media explains their absence better than silence does.
    fn explain(&self, why: DownWhy) -> DownWhy {
        match (why, self.strange) {
            (DownWhy::Silent, Some((_, strange))) => strange,
            (why, _) => why,
        }
    }

    fn is_silent(&self, now: Mono) -> bool {
        self.last.is_some_and(|last| now.since(last) > self.patience())
    }

    /// Three of its own usual gaps, so that a picture a second is not taken for none.
    fn patience(&self) -> Span {
        let mut gaps = self.gaps;
        gaps.sort_unstable();
        let usual = Span(gaps[GAPS / 2] * 3);
        let known = gaps[0] > 0;
        let least = if known { SILENT_AFTER } else { self.silent_after };
        usual.clamp(least, SILENT_AFTER_MAX)
    }

    /// Down since the last media, or since it was first tried.
    fn down(&mut self, why: DownWhy, now: Mono) {
        match self.state {
            State::Flowing => {
                let since = self.last.unwrap_or(now);
                self.become_(State::Down(why), since);
            }
            State::Connecting | State::Down(_) => self.state = State::Down(why),
            State::Blind(_) => self.become_(State::Down(why), now),
        }
    }

    fn become_(&mut self, state: State, since: Mono) {
        self.state = state;
        self.since = since;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Mono {
        Mono(ms * 1000)
    }

    /// Pictures every `every` ms until `until`, then ticks each 100 ms; gives when it was found down.
    fn down_at(every: u64, until: u64, is_slides: bool) -> u64 {
        let mut liveness = Liveness::new(ms(0), is_slides);
        for at in 0..30_000 {
            if at % every == 0 && at <= until {
                liveness.media(ms(at));
            }
            if at % 100 == 0 {
                liveness.tick(ms(at));
                if !liveness.is_flowing() {
                    let (reception, since) = liveness.reception();
                    assert_eq!(reception, Reception::Down { why: DownWhy::Silent, tries: 0 });
                    assert_eq!(since, ms(until - until % every));
                    return at;
                }
            }
        }
        u64::MAX
    }

    #[test]
    fn silence_is_noticed_within_a_second_and_a_slow_stream_is_not_silent() {
        assert_eq!(down_at(40, 10_000, false), 10_800);
        assert_eq!(down_at(20, 1_000, false), 1_800);
        assert_eq!(down_at(1_000, 20_000, true), 23_100);
        assert_eq!(down_at(40, 10_000, true), 10_800);
    }

    #[test]
    fn what_failed_last_says_why_and_since_stays() {
        let mut liveness = Liveness::new(ms(0), false);
        liveness.media(ms(100));
        liveness.failed(Failure::Down(DownWhy::Closed), ms(200));
        liveness.failed(Failure::Down(DownWhy::Refused), ms(1200));
        liveness.tick(ms(3000));
        assert_eq!(liveness.reception(), (Reception::Down { why: DownWhy::Refused, tries: 2 }, ms(100)));
        assert!(liveness.media(ms(4000)));
        assert_eq!(liveness.reception(), (Reception::Flowing, ms(4000)));
    }

    #[test]
    fn a_first_attempt_that_fails_counts_from_the_start() {
        let mut liveness = Liveness::new(ms(5), false);
        liveness.failed(Failure::Down(DownWhy::Refused), ms(50));
        assert_eq!(liveness.reception(), (Reception::Down { why: DownWhy::Refused, tries: 1 }, ms(5)));
    }

    #[test]
    fn rubbish_explains_the_absence_of_media_but_never_their_presence() {
        let mut liveness = Liveness::new(ms(0), false);
        for at in (0..2000).step_by(100) {
            liveness.strange(ms(at), DownWhy::Garbage);
            liveness.tick(ms(at));
        }
        assert_eq!(liveness.reception().0, Reception::Down { why: DownWhy::Garbage, tries: 0 });
        liveness.media(ms(2000));
        liveness.strange(ms(2050), DownWhy::Garbage);
        liveness.tick(ms(2100));
        assert_eq!(liveness.reception().0, Reception::Flowing);
    }

    #[test]
    fn blindness_says_nothing_of_the_stream() {
        let mut liveness = Liveness::new(ms(0), false);
        liveness.media(ms(100));
        liveness.failed(Failure::Blind(BlindWhy::NoWorker), ms(300));
        liveness.tick(ms(5000));
        assert_eq!(liveness.reception(), (Reception::Blind { why: BlindWhy::NoWorker }, ms(300)));
    }
}
