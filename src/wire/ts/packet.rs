//! One packet of 188 bytes (ISO/IEC 13818-1 §2.4.3).

use super::PACKET_BYTES;

/// A packet's head and what it carries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    pub(super) transport_error: bool,
    /// A PES packet or a table begins here.
    pub(super) start: bool,
    pub(super) scrambled: bool,
    pub(super) counter: u8,
    pub(super) adaptation: Adaptation,
    /// `None` when there is only an adaptation field.
    pub(super) payload: Option<&'a [u8]>,
}

/// What an adaptation field says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Adaptation {
    pub(super) discontinuity: bool,
    pub(super) random_access: bool,
    /// Programme clock, ticks of 27 MHz.
    pub(super) pcr: Option<u64>,
}

/// Follows the continuity counter of one PID.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Continuity {
    last: Option<u8>,
    repeated: bool,
}

/// How a packet follows the one before on its PID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    Closely,
    Gap,
    Repeats,
}

impl<'a> Packet<'a> {
    pub(super) fn parse(bytes: &'a [u8; PACKET_BYTES]) -> Self {
        let control = bytes[3] >> 4 & 3;
        let rest = &bytes[4..];
        let length = if control & 2 == 0 { 0 } else { usize::from(rest[0]) + 1 };
        let field = rest.get(1..length).unwrap_or(&[]);
        // A field that is longer than its packet leaves nothing to be read.
        let payload = rest.get(length..).filter(|payload| control & 1 == 1 && !payload.is_empty());
        Self {
            pid: u16::from_be_bytes([bytes[1] & 0x1f, bytes[2]]),
            transport_error: bytes[1] & 0x80 != 0,
            start: bytes[1] & 0x40 != 0,
            scrambled: bytes[3] & 0xc0 != 0,
            counter: bytes[3] & 0x0f,
            adaptation: Adaptation::parse(field),
            payload,
        }
    }
}

impl Adaptation {
    fn parse(field: &[u8]) -> Self {
        let Some((flags, rest)) = field.split_first() else { return Self::default() };
        let clock = rest.first_chunk::<6>().filter(|_| flags & 0x10 != 0);
        Self {
            discontinuity: flags & 0x80 != 0,
            random_access: flags & 0x40 != 0,
            pcr: clock.map(|clock| {
                let bits = clock.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
                (bits >> 15) * 300 + (bits & 0x1ff)
            }),
        }
    }
}

impl Continuity {
    /// Takes the next packet of the PID.
    pub(super) fn follow(&mut self, packet: &Packet<'_>) -> Follows {
        if packet.payload.is_none() {
            return Follows::Closely;
        }
        let last = self.last.replace(packet.counter).filter(|_| !packet.adaptation.discontinuity);
        let follows = match last {
            // One repetition is allowed (§2.4.3.3).
            Some(last) if last == packet.counter && !self.repeated => Follows::Repeats,
            Some(last) if (last + 1) & 15 != packet.counter => Follows::Gap,
            Some(_) | None => Follows::Closely,
        };
        self.repeated = follows == Follows::Repeats;
        follows
    }
}
