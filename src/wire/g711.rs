//! ITU-T G.711 as tables. Pure.

/// A-law codes as 16-bit samples.
pub static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0u8;
    loop {
        table[code as usize] = alaw(code);
        if code == u8::MAX {
            break table;
        }
        code += 1;
    }
};

/// µ-law codes as 16-bit samples.
pub static MULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0u8;
    loop {
        table[code as usize] = mulaw(code);
        if code == u8::MAX {
            break table;
        }
        code += 1;
    }
};

/// Every second bit is inverted; 13 bits, scaled to 16.
const fn alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let step = ((code & 0x0f) as i16) << 4;
    let size = match (code & 0x70) >> 4 {
        0 => step + 8,
        segment => (step + 0x108) << (segment - 1),
    };
    if code & 0x80 == 0 { -size } else { size }
}

/// Every bit is inverted; 14 bits, scaled to 16.
const fn mulaw(code: u8) -> i16 {
    let code = !code;
    let size = ((((code & 0x0f) as i16) << 3) + 0x84) << ((code & 0x70) >> 4);
    if code & 0x80 == 0 { size - 0x84 } else { 0x84 - size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_recommendation() {
        let alaw = [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0x80, 5504)];
        let mulaw = [(0xff, 0), (0x7f, 0), (0x80, 32_124), (0x00, -32_124), (0xf0, 120)];
        for (code, sample) in alaw {
            assert_eq!(ALAW[code], sample, "A-law {code:#x}");
        }
        for (code, sample) in mulaw {
            assert_eq!(MULAW[code], sample, "µ-law {code:#x}");
        }
    }

    #[test]
    fn both_laws_are_odd_and_each_code_is_a_sample_of_its_own() {
        for law in [ALAW, MULAW] {
            let mut samples = law.to_vec();
            samples.sort_unstable();
            let sum: i32 = samples.iter().map(|&sample| i32::from(sample)).sum();
            assert_eq!(sum, 0);
            samples.dedup();
            // µ-law has a zero of either sign.
            assert!(samples.len() >= 255);
        }
    }
}
