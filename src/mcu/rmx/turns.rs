//! Whose turn it is to be read. A party costs 40 kB, so only a few are read each second, and the one that was read
//! longest ago goes first. Pure but for the instants that are handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::observation::device::ROSTER_MAX;

/// One party each half second: 80 kB/s.
const SPACING: Duration = Duration::from_millis(500);
/// How many may be read at once after a rest.
const BURST: u32 = 10;
/// Who is not asked for any more is forgotten after this long.
const FORGOTTEN: Duration = Duration::from_secs(600);

type Key = (ConferenceRef, ParticipantRef);

/// Who was read when, and how much may be read now.
#[derive(Debug)]
pub(super) struct Turns {
    parties: BTreeMap<Key, Party>,
    /// When the next read would be due if they were spaced evenly.
    next: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Party {
    asked: Instant,
    /// How long before that it was asked for.
    pause: Duration,
    read: Option<Instant>,
}

impl Turns {
    /// Nobody was read yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { parties: BTreeMap::new(), next: now }
    }

    /// Whether a party may be read now. A yes is counted as a read.
    ///
    /// The caller asks for its parties one after the other, again and again. As many reads as are free belong to those
    /// that were read longest ago, so whoever is not among them waits, and nobody waits for ever. Who has not been
    /// asked for in the last two rounds keeps nobody waiting.
    pub(super) fn may_read(
        &mut self,
        conference: &ConferenceRef,
        party: &ParticipantRef,
        now: Instant,
    ) -> bool {
        let key = (conference.clone(), party.clone());
        let noted = self.note(&key, now);
        let due = self.next.max(now);
        let owed = due.duration_since(now).as_millis().div_ceil(SPACING.as_millis());
        let free = usize::try_from(u128::from(BURST).saturating_sub(owed)).unwrap_or(0);
        if free == 0 || self.before(noted, now) >= free {
            return false;
        }
        self.next = due + SPACING;
        if let Some(party) = self.parties.get_mut(&key) {
            party.read = Some(now);
        }
        true
    }

    /// How many were read longer ago and are still asked for.
    fn before(&self, one: Party, now: Instant) -> usize {
        let patience = one.pause * 2 + Duration::from_secs(1);
        let waits = |other: &&Party| other.read < one.read && now.duration_since(other.asked) <= patience;
        self.parties.values().filter(waits).count()
    }

    /// Notes that a party is asked for.
    fn note(&mut self, key: &Key, now: Instant) -> Party {
        self.parties.retain(|_, party| now.duration_since(party.asked) < FORGOTTEN);
        let known = self.parties.get(key).copied();
        let pause = known.map_or(Duration::ZERO, |known| now.duration_since(known.asked));
        let party = Party { asked: now, pause, read: known.and_then(|known| known.read) };
        if known.is_some() || self.parties.len() < ROSTER_MAX {
            self.parties.insert(key.clone(), party);
        }
        party
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for parties in the same order again and again, as a sweep does, and counts who was read. In the second
    /// half of the sweeps only the first so many are there.
    fn swept(parties: usize, stay: usize, sweeps: u32, period: Duration) -> Vec<u32> {
        let (start, conference) = (Instant::now(), ConferenceRef::new("100"));
        let mut turns = Turns::new(start);
        let mut reads = vec![0; parties];
        for sweep in 0..sweeps {
            let there = if sweep < sweeps / 2 { parties } else { stay };
            for (party, reads) in reads.iter_mut().enumerate().take(there) {
                let name = ParticipantRef::new(&party.to_string());
                *reads += u32::from(turns.may_read(&conference, &name, start + period * sweep));
            }
        }
        reads
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_parties_are_read_each_time_they_are_asked_for() {
        assert_eq!(swept(3, 3, 10, Duration::from_secs(5)), [10, 10, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_all_get_their_turn_however_often_they_are_asked_for() {
        for seconds in [1, 5, 12, 60] {
            let reads = swept(200, 200, 100, Duration::from_secs(seconds));
            let (least, most) = (reads.iter().min().unwrap(), reads.iter().max().unwrap());
            assert!(*least >= 1 && most - least <= 1, "every {seconds} s: {reads:?}");
            let all: u32 = reads.iter().sum();
            assert!(u64::from(all) <= 2 * 100 * seconds + 10, "two each second at most: {all}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_left_keep_nobody_waiting() {
        let reads = swept(200, 20, 40, Duration::from_secs(5));
        let stayed: u32 = reads[..20].iter().sum();
        assert!(stayed >= 150, "they have the line for themselves: {reads:?}");
    }
}
