//! What a relay has really done, packet by packet.

use std::collections::BTreeMap;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It went on.
    Delivered,
    /// Lost by chance.
    Lost,
    /// Dropped before the bottleneck.
    QueueFull,
    /// Swallowed: nothing gets through.
    Blackout,
    /// The system refused to send it on.
    Unsent,
}

/// One packet. Times are nanoseconds since 1970, the kernel's at the relay's own sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketTruth {
    /// When it came in.
    pub in_ns: i64,
    /// When its first copy went out; `None` while it is held, and for packets that never do.
    pub out_ns: Option<i64>,
    /// When it was due to go out.
    pub due_ns: i64,
    /// What became of it.
    pub fate: Fate,
    /// Copies sent beyond the first.
    pub extra_copies: u8,
    /// UDP payload, bytes.
    pub bytes: u16,
}

impl PacketTruth {
    /// How long the relay held it.
    pub fn held_ns(&self) -> Option<i64> {
        Some(self.out_ns? - self.in_ns)
    }
}

/// One direction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectionTruth {
    /// Packets in the order they came in, up to the limit of the relay.
    pub packets: Vec<PacketTruth>,
    /// Index of each packet that went out, in that order, copies included.
    pub left: Vec<u32>,
    /// Packets that came in beyond the limit and are not written down.
    pub beyond: u64,
}

impl DirectionTruth {
    /// The same, as if only the first packets had ever come.
    pub fn first(&self, packets: usize) -> Self {
        Self {
            packets: self.packets.iter().take(packets).copied().collect(),
            left: self.left.iter().filter(|index| (**index as usize) < packets).copied().collect(),
            beyond: 0,
        }
    }

    /// Packets that never went out.
    pub fn lost(&self) -> u64 {
        self.packets.iter().filter(|packet| packet.fate != Fate::Delivered).count() as u64
    }

    /// Copies beyond the first.
    pub fn duplicates(&self) -> u64 {
        self.packets.iter().map(|packet| u64::from(packet.extra_copies)).sum()
    }

    /// Packets whose first copy went out after a later packet (RFC 4737 §3).
    pub fn reordered(&self) -> u64 {
        let mut gone = vec![false; self.packets.len()];
        let (mut highest, mut count) = (None, 0);
        for &index in &self.left {
            let first = gone.get_mut(index as usize).is_some_and(|gone| !std::mem::replace(gone, true));
            if first && highest > Some(index) {
                count += 1;
            }
            highest = highest.max(Some(index));
        }
        count
    }

    /// Lengths of the runs of lost packets, with how often each occurred.
    pub fn bursts(&self) -> BTreeMap<u32, u32> {
        let (mut counts, mut length) = (BTreeMap::new(), 0);
        for lost in self.packets.iter().map(|packet| packet.fate != Fate::Delivered).chain([false]) {
            if lost {
                length += 1;
            } else if length > 0 {
                *counts.entry(length).or_insert(0) += 1;
                length = 0;
            }
        }
        counts
    }

    /// Mean absolute difference of the holding times of consecutive packets that both went out, milliseconds: what this
    /// direction adds to delay variation (RFC 3393).
    pub fn ipdv_mean_ms(&self) -> Option<f64> {
        let pairs = self.packets.windows(2).filter_map(|pair| Some((pair[0].held_ns()?, pair[1].held_ns()?)));
        let (count, sum) =
            pairs.fold((0_u32, 0.0), |(n, sum), (a, b)| (n + 1, sum + (b - a).abs() as f64 / 1e6));
        (count > 0).then(|| sum / f64::from(count))
    }
}

/// Both directions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truth {
    /// From clients to the target.
    pub to_target: DirectionTruth,
    /// From the target to clients.
    pub to_client: DirectionTruth,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(in_ns: i64, out_ns: Option<i64>) -> PacketTruth {
        let fate = if out_ns.is_some() { Fate::Delivered } else { Fate::Lost };
        PacketTruth { in_ns, out_ns, due_ns: 0, fate, extra_copies: 0, bytes: 172 }
    }

    #[test]
    fn figures_follow_from_the_packets() {
        let mut packets: Vec<_> =
            (0..6).map(|at| packet(at * 20_000_000, Some(at * 20_000_000 + at * at * 1_000_000))).collect();
        packets[2] = packet(40_000_000, None);
        packets[3] = packet(60_000_000, None);
        packets[5].extra_copies = 1;
        let truth = DirectionTruth { packets, left: vec![1, 0, 5, 4, 5], beyond: 0 };
        assert_eq!((truth.lost(), truth.duplicates(), truth.reordered()), (2, 1, 2));
        assert_eq!(truth.bursts(), [(2, 1)].into());
        assert_eq!(truth.ipdv_mean_ms(), Some(5.0));
        assert_eq!(truth.first(3).bursts(), [(1, 1)].into());
        assert_eq!(truth.first(1).left, [0]);
    }
}
