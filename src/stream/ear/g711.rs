//! G.711 (ITU-T G.711, 1988): one byte per sample, expanded to 16 bits. Two formulas need no worker.

/// A-law, table 1 of the recommendation; even bits are inverted on the line.
pub fn alaw(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let segment = (code >> 4) & 0x07;
    let step = i16::from(code & 0x0f) << 4;
    let size = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 == 0 { -size } else { size }
}

/// µ-law, table 2 of the recommendation; all bits are inverted on the line.
pub fn ulaw(byte: u8) -> i16 {
    let code = !byte;
    let segment = (code >> 4) & 0x07;
    let step = (i16::from(code & 0x0f) << 3) + 0x84;
    let size = (step << segment) - 0x84;
    if code & 0x80 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bytes() {
        let laws: [(fn(u8) -> i16, &[(u8, i16)]); 2] = [
            (alaw, &[(0xd5, 8), (0x55, -8), (0xaa, 32256), (0x2a, -32256), (0xc5, 264)]),
            (ulaw, &[(0xff, 0), (0x7f, 0), (0x80, 32124), (0x00, -32124), (0xfe, 8)]),
        ];
        for (law, cases) in laws {
            for &(byte, sample) in cases {
                assert_eq!(law(byte), sample, "{byte:#x}");
            }
        }
    }

    #[test]
    fn both_laws_are_odd_and_grow() {
        for law in [alaw, ulaw] {
            let mut samples: Vec<i16> = (0..=255).map(law).collect();
            samples.sort_unstable();
            let sum: i32 = samples.iter().map(|&sample| i32::from(sample)).sum();
            assert_eq!(sum, 0);
            samples.dedup();
            assert!(samples.len() >= 255);
        }
    }
}
