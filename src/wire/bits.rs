//! Single bits of a byte string, with Exp-Golomb codes and with the emulation prevention of ITU-T H.264 §7.4.1 taken
//! out on the way. Knows no syntax element.

/// Reads bits from the most significant end on. Past the end every read is `None`.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bits read ahead, right-aligned.
    window: u64,
    /// How many bits of `window` are valid.
    ready: u32,
    /// Zero bytes before `at`; `None` when the string has no emulation prevention.
    zeros: Option<u8>,
}

impl<'a> Bits<'a> {
    /// Bytes as they are.
    pub(super) fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, window: 0, ready: 0, zeros: None }
    }

    /// The payload of a NAL unit: the 3 of each 0 0 3 is left out.
    pub(super) fn escaped(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, window: 0, ready: 0, zeros: Some(0) }
    }

    /// The next `count` bits, at most 32.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32, "a read of at most 32 bits");
        while self.ready < count {
            let byte = self.next_byte()?;
            self.window = self.window << 8 | u64::from(byte);
            self.ready += 8;
        }
        self.ready -= count;
        let value = self.window >> self.ready & ((1 << count) - 1);
        Some(value as u32)
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        self.read(1).map(|bit| bit == 1)
    }

    /// Leaves out `count` bits.
    pub(super) fn skip(&mut self, count: u32) -> Option<()> {
        let mut left = count;
        while left > 32 {
            self.read(32)?;
            left -= 32;
        }
        self.read(left).map(|_| ())
    }

    /// Unsigned Exp-Golomb (ITU-T H.264 §9.1): `ue(v)`.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.read(zeros)?)
    }

    /// Signed Exp-Golomb: `se(v)`.
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) };
        i32::try_from(value).ok()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.get(self.at)?;
        self.at += 1;
        if let Some(zeros) = self.zeros {
            let mut zeros = zeros;
            if zeros >= 2 && byte == 3 {
                byte = *self.bytes.get(self.at)?;
                self.at += 1;
                zeros = 0;
            }
            self.zeros = Some(if byte == 0 { (zeros + 1).min(2) } else { 0 });
        }
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_end() {
        let mut bits = Bits::plain(&[0b1010_0000, 0xff, 0x01]);
        assert_eq!((bits.read(3), bits.read(9), bits.read(12)), (Some(5), Some(0xf), Some(0xf01)));
        assert_eq!((bits.read(0), bits.read(1)), (Some(0), None));
    }

    #[test]
    fn the_three_after_two_zeros_is_left_out() {
        let mut bits = Bits::escaped(&[0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 9]);
        let read: Vec<_> = std::iter::from_fn(|| bits.read(8)).collect();
        assert_eq!(read, [0, 0, 1, 0, 0, 0, 0, 9]);
    }

    #[test]
    fn exp_golomb_codes() {
        // 1 | 010 | 011 | 00100 | 00101 then ones.
        let mut bits = Bits::plain(&[0b1010_0110, 0b0100_0010, 0b1111_1111]);
        let unsigned: Vec<_> = (0..5).map_while(|_| bits.ue()).collect();
        assert_eq!(unsigned, [0, 1, 2, 3, 4]);
        let mut bits = Bits::plain(&[0b1010_0110, 0b0100_0010, 0b1111_1111]);
        let signed: Vec<_> = (0..5).map_while(|_| bits.se()).collect();
        assert_eq!(signed, [0, 1, -1, 2, -2]);
        assert_eq!(Bits::plain(&[0; 5]).ue(), None);
    }
}
