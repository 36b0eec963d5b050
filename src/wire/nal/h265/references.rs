//! Reference picture sets (ITU-T H.265 §7.3.7, §7.4.8) and which of their pictures have come (§8.3.1, §8.3.2).

use super::UnitHead;
use super::parameter::Sps;
use super::slice::Slice;
use crate::wire::bits::Bits;

/// Most pictures a set may name.
const PICTURES_MAX: usize = 16;

/// One short-term reference picture set: those before the picture, nearest first, then those after.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Set {
    entries: [Entry; PICTURES_MAX],
    before: usize,
    count: usize,
}

/// Where a set stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Sequence,
    Slice,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Difference in picture order.
    delta: i32,
    /// The picture itself refers to it, not only later ones.
    used: bool,
}

/// Picture orders of the pictures that can be referred to, and of the last that counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffer {
    begun: bool,
    pictures: Vec<i32>,
    last: i32,
}

impl Set {
    /// Reads the set after `sets`, the last of a sequence or one of a slice.
    pub(super) fn read(bits: &mut Bits<'_>, sets: &[Self], place: Place) -> Option<Self> {
        if sets.is_empty() || !bits.flag()? {
            return Self::listed(bits);
        }
        let back = if place == Place::Slice { bits.ue()? as usize + 1 } else { 1 };
        Self::predicted(bits, sets.get(sets.len().checked_sub(back)?)?)
    }

    /// How many pictures the picture itself refers to.
    pub(super) fn used(&self) -> u32 {
        self.entries().iter().filter(|entry| entry.used).count() as u32
    }

    fn listed(bits: &mut Bits<'_>) -> Option<Self> {
        let (before, after) = (bits.ue()? as usize, bits.ue()? as usize);
        if before.checked_add(after)? > PICTURES_MAX {
            return None;
        }
        let mut set = Self::default();
        for (count, sign) in [(before, -1), (after, 1)] {
            let mut delta = 0;
            for _ in 0..count {
                let step = bits.ue().filter(|step| *step < 1 << 15)? as i32 + 1;
                delta += sign * step;
                set.push(Entry { delta, used: bits.flag()? })?;
            }
        }
        set.before = before;
        Some(set)
    }

    /// Another set moved by a difference (§7.4.8, equations 7-61 and 7-62).
    fn predicted(bits: &mut Bits<'_>, from: &Self) -> Option<Self> {
        let negative = bits.flag()?;
        let size = bits.ue().filter(|size| *size < 1 << 15)? as i32 + 1;
        let moved = if negative { -size } else { size };
        // Each old picture, and the old picture itself at the end, may be kept and may be used.
        let mut kept = [None; PICTURES_MAX + 1];
        for kept in &mut kept[..=from.count] {
            let used = bits.flag()?;
            *kept = (used || bits.flag()?).then_some(used);
        }
        let (before, after) = from.entries().split_at(from.before);
        let at_start = |(place, entry): (usize, &Entry)| (place, entry.delta);
        let earlier: Vec<_> = before.iter().enumerate().map(at_start).collect();
        let later: Vec<_> =
            after.iter().enumerate().map(|(place, entry)| (from.before + place, entry.delta)).collect();
        let itself = [(from.count, 0)];
        let mut set = Self::default();
        let order_before = later.iter().rev().chain(&itself).chain(&earlier);
        set.take(order_before, &kept, |delta| delta.checked_add(moved).filter(|delta| *delta < 0))?;
        set.before = set.count;
        let order_after = earlier.iter().rev().chain(&itself).chain(&later);
        set.take(order_after, &kept, |delta| delta.checked_add(moved).filter(|delta| *delta > 0))?;
        Some(set)
    }

    fn take<'a>(
        &mut self,
        order: impl Iterator<Item = &'a (usize, i32)>,
        kept: &[Option<bool>],
        placed: impl Fn(i32) -> Option<i32>,
    ) -> Option<()> {
        for (place, delta) in order {
            if let (Some(delta), Some(used)) = (placed(*delta), kept[*place]) {
                self.push(Entry { delta, used })?;
            }
        }
        Some(())
    }

    fn push(&mut self, entry: Entry) -> Option<()> {
        *self.entries.get_mut(self.count)? = entry;
        self.count += 1;
        Some(())
    }

    fn entries(&self) -> &[Entry] {
        &self.entries[..self.count]
    }
}

impl Buffer {
    /// Takes the next picture in: its picture order, and how many of its references have not come.
    pub(super) fn picture(&mut self, unit: UnitHead, sps: &Sps, slice: &Slice) -> (i32, u32) {
        let order = self.order(unit, sps, slice);
        if unit.temporal == 0 && !unit.is_leading() && unit.is_reference() {
            self.last = order;
        }
        let named = slice.set.entries().iter().map(|entry| order.wrapping_add(entry.delta));
        let named: Vec<i32> = named.collect();
        let excused = !self.begun || unit.is_random_access() || unit.is_skipped_leading();
        let gone = named.iter().filter(|picture| !self.pictures.contains(picture)).count();
        self.begun = true;
        // A set names everything that is kept, and long-term pictures stand apart; what is missing is reported once.
        self.pictures = named;
        self.pictures.push(order);
        (order, if excused { 0 } else { gone as u32 })
    }

    /// §8.3.1.
    fn order(&self, unit: UnitHead, sps: &Sps, slice: &Slice) -> i32 {
        if unit.restarts() {
            return slice.order_lsb as i32;
        }
        let modulus = 1_i32 << sps.order_bits;
        let ahead = (slice.order_lsb as i32).wrapping_sub(self.last) & (modulus - 1);
        self.last.wrapping_add(if ahead < modulus / 2 { ahead } else { ahead - modulus })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deltas(set: &Set) -> Vec<i32> {
        set.entries().iter().map(|entry| entry.delta).collect()
    }

    #[test]
    fn a_set_is_listed_or_moved_from_another() {
        // Two before (1 and 3 back), one after (2 ahead), all used: ue 2, 1; 0,1 1,1; 1,1.
        // 011 010 1 1 010 1 010 1
        let listed = Set::read(&mut Bits::plain(&[0b0110_1011, 0b0101_0101]), &[], Place::Sequence).unwrap();
        assert_eq!((deltas(&listed), listed.before, listed.used()), (vec![-1, -3, 2], 2, 3));
        // Predicted, moved by -1, everything used: 1, sign 1, ue 0, then four ones.
        let moved = Set::read(&mut Bits::plain(&[0b1111_1111]), &[listed], Place::Sequence).unwrap();
        assert_eq!((deltas(&moved), moved.before), (vec![-1, -2, -4, 1], 3));
        // In a slice the set is named: 1, ue 0, then as before but +1.
        let moved = Set::read(&mut Bits::plain(&[0b1101_1111, 0x80]), &[listed], Place::Slice).unwrap();
        assert_eq!((deltas(&moved), moved.before), (vec![-2, 1, 3], 1));
    }
}
