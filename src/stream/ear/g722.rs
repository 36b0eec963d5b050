//! G.722 (ITU-T G.722, 2012) at 64 kbit/s: two bands of ADPCM, one byte for two samples at 16 kHz. Integer arithmetic
//! that needs no worker. Names follow the recommendation's blocks.

/// Inverse of the lower band's 6 bit quantiser (table 17).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// Inverse of the lower band's 4 bit quantiser, for adaptation.
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Inverse of the higher band's quantiser.
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Multipliers of the lower band's scale, and which code takes which.
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
/// Multipliers of the higher band's scale, and which code takes which.
const WH: [i32; 3] = [0, -214, 798];
const RH2: [usize; 4] = [2, 1, 2, 1];
/// Logarithm to linear, 32 steps per octave.
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Half of the symmetric filter that joins the bands.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// A decoder; its state follows the bytes.
#[derive(Debug, Clone)]
pub struct Decoder {
    low: Band,
    high: Band,
    joined: [i32; 24],
}

/// One band's adaptive predictor and scale.
#[derive(Debug, Clone, Default)]
struct Band {
    /// Prediction: of poles and zeros together, of zeros alone.
    s: i32,
    sz: i32,
    /// Scale, as logarithm and linear.
    nb: i32,
    det: i32,
    /// Reconstructed, partly reconstructed and quantised difference signals, newest first.
    r: [i32; 3],
    p: [i32; 3],
    d: [i32; 7],
    /// Coefficients of poles and zeros; index 0 is unused.
    a: [i32; 3],
    b: [i32; 7],
}

impl Decoder {
    /// A decoder before its first byte.
    pub fn new() -> Self {
        let band = |det: i32| Band { det, ..Band::default() };
        Self { low: band(32), high: band(8), joined: [0; 24] }
    }

    /// The two samples of a byte.
    pub fn push(&mut self, byte: u8) -> [i16; 2] {
        let low = self.low_band(usize::from(byte & 0x3f));
        let high = self.high_band(usize::from(byte >> 6));
        self.join(low, high)
    }

    fn low_band(&mut self, code: usize) -> i32 {
        let band = &mut self.low;
        let sample = (band.s + ((band.det * QM6[code]) >> 15)).clamp(-16384, 16383);
        let coarse = code >> 2;
        let difference = (band.det * QM4[coarse]) >> 15;
        band.scale(WL[RL42[coarse]], 18432, 8);
        band.adapt(difference);
        sample
    }

    fn high_band(&mut self, code: usize) -> i32 {
        let band = &mut self.high;
        let difference = (band.det * QM2[code]) >> 15;
        let sample = (band.s + difference).clamp(-16384, 16383);
        band.scale(WH[RH2[code]], 22528, 10);
        band.adapt(difference);
        sample
    }

    fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        self.joined.copy_within(2.., 0);
        self.joined[22] = low + high;
        self.joined[23] = low - high;
        let (mut odd, mut even) = (0, 0);
        for (index, pair) in self.joined.chunks_exact(2).enumerate() {
            even += pair[0] * QMF[index];
            odd += pair[1] * QMF[11 - index];
        }
        [odd >> 11, even >> 11].map(|sample| saturate(sample) as i16)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Band {
    /// LOGSCL, SCALEL and their like of the higher band.
    fn scale(&mut self, multiplier: i32, most: i32, shift: i32) {
        self.nb = (((self.nb * 127) >> 7) + multiplier).clamp(0, most);
        let mantissa = ILB[((self.nb >> 6) & 31) as usize];
        let down = shift - (self.nb >> 11);
        let linear = if down < 0 { mantissa << -down } else { mantissa >> down };
        self.det = linear << 2;
    }

    /// Block 4: moves the predictor on by one quantised difference.
    fn adapt(&mut self, difference: i32) {
        self.d[0] = difference;
        self.r[0] = saturate(self.s + difference);
        self.p[0] = saturate(self.sz + difference);
        let poles = self.next_poles();
        let zeros = self.next_zeros();
        self.d.copy_within(..6, 1);
        self.r.copy_within(..2, 1);
        self.p.copy_within(..2, 1);
        (self.a, self.b) = (poles, zeros);
        self.predict();
    }

    /// UPPOL1 and UPPOL2.
    fn next_poles(&self) -> [i32; 3] {
        let sign = |value: i32| value >> 15;
        let [p0, p1, p2] = self.p.map(sign);
        let first = saturate(self.a[1] << 2);
        let swing = if p0 == p1 { -first } else { first }.min(32767);
        let lean = if p0 == p2 { 128 } else { -128 };
        let second = (lean + (swing >> 7) + ((self.a[2] * 32512) >> 15)).clamp(-12288, 12288);
        let drift = if p0 == p1 { 192 } else { -192 };
        let room = saturate(15360 - second);
        let first = saturate(drift + ((self.a[1] * 32640) >> 15)).clamp(-room, room);
        [0, first, second]
    }

    /// UPZERO.
    fn next_zeros(&self) -> [i32; 7] {
        let step = if self.d[0] == 0 { 0 } else { 128 };
        let mut zeros = [0; 7];
        for (index, zero) in zeros.iter_mut().enumerate().skip(1) {
            let same = self.d[index] >> 15 == self.d[0] >> 15;
            *zero = saturate(if same { step } else { -step } + ((self.b[index] * 32640) >> 15));
        }
        zeros
    }

    /// FILTEP, FILTEZ and PREDIC.
    fn predict(&mut self) {
        let tap = |coefficient: i32, value: i32| (coefficient * saturate(value + value)) >> 15;
        let poles = saturate(tap(self.a[1], self.r[1]) + tap(self.a[2], self.r[2]));
        self.sz = saturate((1..7).map(|index| tap(self.b[index], self.d[index])).sum());
        self.s = saturate(poles + self.sz);
    }
}

fn saturate(value: i32) -> i32 {
    value.clamp(-32768, 32767)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 ms of a 1 kHz tone at −6 dBFS peak, coded at 64 kbit/s by another implementation.
    const TONE: &str = concat!(
        "b78c21882290a0a020afc8c6c9dae864e6f8ccc8cbdde865e8facd8a8ddfea66eafdcf8bcfbeec68ebffce8ccfbdec68",
        "ecffcfcd91beee6aeefed1ce93bb6f6befffd39093fb6fec6efdd390937bf1eb71fcd590d4feefed70fa94d196fbf16d",
        "70fb94d197faf36ff2fbd694d6bb72eef17ad796d7bc72f070fcd79397fef77171ffd693d7bef96ff57bd592d8dbf2f3",
        "73ffd99398dbf2f273fcda9493fcf6f172fddb93d69cf86ef6fad795d29e77f470fd97d2d3dcfef473dbd98e94d5fcf4",
        "79dcd1908fdadd7cf9d8d08dd2955bfadedad28fd4d0de79dfdd91d292977dfd79dd94d1d39c5cf7f7dfdc8ed9d7f874",
    );

    #[test]
    fn a_tone_of_another_coder_comes_out_as_it_decodes_it() {
        let mut decoder = Decoder::new();
        let bytes = hex::decode(TONE).unwrap();
        let samples: Vec<i16> = bytes.iter().flat_map(|&byte| decoder.push(byte)).collect();
        assert_eq!(
            samples[464..],
            [
                -11727, -15188, -16290, -14954, -11476, -6321, -70, 6340, 11688, 15104, 16305, 15130, 11606,
                6249, 12, -6193
            ]
        );
    }

    #[test]
    fn any_bytes_decode() {
        let mut decoder = Decoder::new();
        for byte in (0..=255_u8).cycle().take(20_000) {
            decoder.push(byte);
        }
        for byte in [0x00, 0xff, 0x3f, 0xc0].into_iter().flat_map(|byte| std::iter::repeat_n(byte, 5_000)) {
            decoder.push(byte);
        }
    }
}
