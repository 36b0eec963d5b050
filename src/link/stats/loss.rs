//! Where each lost packet was lost, bursts, reordering, duplicates, and how much a loss ratio can be relied on.

use std::collections::{BTreeMap, BTreeSet};

use super::super::raw::{FarSide, RawRun, Remembered};
use super::has_direction;

/// What became of one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A reply came back.
    Answered,
    /// It never reached the reflector.
    LostOut,
    /// It did; the reply was lost.
    LostBack,
    /// No telling.
    Unplaced,
}

impl Fate {
    pub(super) fn lost_out(self) -> bool {
        self == Self::LostOut
    }
}

/// All probes and replies with their fates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) fates: Vec<Fate>,
    pub(super) unplaced: u64,
    pub(super) duplicates_out: u64,
    pub(super) reordered_out: u64,
    pub(super) back: Back,
}

/// The way back, by the reflector's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Back {
    pub(super) arrived: Vec<bool>,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
}

impl Placed {
    pub(super) fn lost_out(&self) -> u64 {
        self.fates.iter().filter(|fate| fate.lost_out()).count() as u64
    }
}

/// Gives every packet its fate, as exactly as the reflector allows.
pub(super) fn place(run: &RawRun) -> Placed {
    let answered = answered(run);
    let reordered_seen = reordered(replies_by_number(run).into_values().map(u64::from));
    let (fates, duplicates_out, reordered_out) = match &run.far_side {
        FarSide::Remembered(memory) => {
            (remembered_fates(&answered, memory), u64::from(memory.duplicates), u64::from(memory.reordered))
        }
        FarSide::Stateless => (unplaced_fates(&answered), 0, 0),
        FarSide::Silent => (inferred_fates(run, &answered, None), duplicates_seen(run), reordered_seen),
        FarSide::Counted { low, .. } => {
            (inferred_fates(run, &answered, Some(*low)), duplicates_seen(run), reordered_seen)
        }
    };
    let mut unplaced = fates.iter().filter(|fate| **fate == Fate::Unplaced).count() as u64;
    if let FarSide::Counted { low, high } = run.far_side {
        unplaced +=
            u64::from(high.saturating_sub(low)).min(fates.iter().filter(|f| f.lost_out()).count() as u64);
    }
    Placed { back: back(run, &answered), fates, unplaced, duplicates_out, reordered_out }
}

fn answered(run: &RawRun) -> Vec<bool> {
    let mut answered = vec![false; run.sent.len()];
    for reply in &run.replies {
        if let Some(slot) = answered.get_mut(reply.probe as usize) {
            *slot = true;
        }
    }
    answered
}

fn remembered_fates(answered: &[bool], memory: &Remembered) -> Vec<Fate> {
    let reached = |seq: usize| memory.bitmap.get(seq / 8).is_some_and(|byte| byte >> (seq % 8) & 1 == 1);
    let fate = |(seq, answered): (usize, &bool)| match (answered, reached(seq)) {
        (true, _) => Fate::Answered,
        (false, true) => Fate::LostBack,
        (false, false) => Fate::LostOut,
    };
    answered.iter().enumerate().map(fate).collect()
}

fn unplaced_fates(answered: &[bool]) -> Vec<Fate> {
    answered.iter().map(|answered| if *answered { Fate::Answered } else { Fate::Unplaced }).collect()
}

/// The reflector's numbers with the probes they answer.
fn replies_by_number(run: &RawRun) -> BTreeMap<u32, u32> {
    run.replies.iter().map(|reply| (reply.seq, reply.probe)).collect()
}

/// Between two replies, the reflector's number has grown by the probes that reached it; what is missing beyond them
/// never did. Inside such a gap the order is not known, and the way out is taken to have lost first.
/// Behind the last reply, only a later count can tell.
fn inferred_fates(run: &RawRun, answered: &[bool], counted: Option<u32>) -> Vec<Fate> {
    let mut fates = unplaced_fates(answered);
    let mut first: BTreeMap<u32, u32> = BTreeMap::new();
    for (number, probe) in replies_by_number(run) {
        first.entry(probe).or_insert(number);
    }
    let (mut probe_before, mut number_before) = (-1_i64, -1_i64);
    for (&probe, &number) in &first {
        let reached = i64::from(number) - number_before - 1;
        fill_gap(&mut fates, probe_before + 1, i64::from(probe), reached);
        (probe_before, number_before) = (i64::from(probe), number_before.max(i64::from(number)));
    }
    if let Some(counted) = counted {
        fill_gap(&mut fates, probe_before + 1, answered.len() as i64, i64::from(counted) - number_before - 1);
    }
    fates
}

fn fill_gap(fates: &mut [Fate], from: i64, until: i64, reached: i64) {
    let length = (until - from).max(0);
    let lost_out = length - reached.clamp(0, length);
    for (at, fate) in fates.iter_mut().skip(from.max(0) as usize).take(length as usize).enumerate() {
        *fate = if (at as i64) < lost_out { Fate::LostOut } else { Fate::LostBack };
    }
}

fn duplicates_seen(run: &RawRun) -> u64 {
    let numbers = replies_by_number(run);
    let probes: BTreeSet<u32> = numbers.values().copied().collect();
    (numbers.len() - probes.len()) as u64
}

fn back(run: &RawRun, answered: &[bool]) -> Back {
    if !has_direction(&run.far_side) {
        return Back {
            arrived: vec![true; answered.iter().filter(|a| **a).count()],
            ..stateless_copies(run)
        };
    }
    let highest = run.replies.iter().map(|reply| reply.seq + 1).max().unwrap_or(0);
    let total = match &run.far_side {
        FarSide::Remembered(memory) => memory.replies.max(highest),
        FarSide::Counted { low, .. } => (*low).max(highest),
        FarSide::Silent | FarSide::Stateless => highest,
    };
    // A reflector cannot have answered more than twice what was sent by much; a wild number is not worth its memory.
    let mut arrived = vec![false; (total as usize).min(answered.len() * 4 + 64)];
    let mut duplicates = 0;
    for reply in &run.replies {
        match arrived.get_mut(reply.seq as usize) {
            Some(true) => duplicates += 1,
            Some(slot) => *slot = true,
            None => {}
        }
    }
    Back { arrived, duplicates, reordered: reordered(first_copies(run)) }
}

fn stateless_copies(run: &RawRun) -> Back {
    let probes: BTreeSet<u32> = run.replies.iter().map(|reply| reply.probe).collect();
    Back { arrived: Vec::new(), duplicates: (run.replies.len() - probes.len()) as u64, reordered: 0 }
}

/// The reflector's numbers in the order they came, second copies left out.
fn first_copies(run: &RawRun) -> impl Iterator<Item = u64> {
    let mut seen = BTreeSet::new();
    run.replies.iter().filter(move |reply| seen.insert(reply.seq)).map(|reply| u64::from(reply.seq))
}

/// Type-P-reordered packets (RFC 4737 §3): those that come after a higher number.
pub(super) fn reordered(numbers: impl Iterator<Item = u64>) -> u64 {
    let (mut highest, mut count) = (None, 0);
    for number in numbers {
        if highest.is_some_and(|highest| number < highest) {
            count += 1;
        } else {
            highest = Some(number);
        }
    }
    count
}

/// Lengths of the runs of lost packets, with how often each occurred.
pub fn bursts(lost: impl Iterator<Item = bool>) -> BTreeMap<u32, u32> {
    let (mut counts, mut length) = (BTreeMap::new(), 0);
    for lost in lost.chain([false]) {
        if lost {
            length += 1;
        } else if length > 0 {
            *counts.entry(length).or_insert(0) += 1;
            length = 0;
        }
    }
    counts
}
