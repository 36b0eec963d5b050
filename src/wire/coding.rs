//! How one track of a stream is coded, as SDP, a transport stream or a packetiser says it. Knows no packets.

use crate::domain::stream::{AudioCodec, VideoCodec};

/// Ticks per second of every video track in RTP and of every timestamp in a transport stream.
pub const VIDEO_CLOCK_HZ: u32 = 90_000;

/// What one track carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coding {
    /// Pictures.
    Video(VideoCodec),
    /// Sound.
    Audio(AudioFormat),
}

/// How sound is coded, with what a decoder needs to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFormat {
    /// Codec.
    pub codec: AudioCodec,
    /// Samples per second of the decoded sound. For G.722 16 000, though its RTP clock says 8 000 (RFC 3551 §4.5.2).
    pub rate_hz: u32,
    /// Channels; 0 when the stream does not say.
    pub channels: u8,
    /// AudioSpecificConfig of AAC (ISO/IEC 14496-3 §1.6.2.1); empty for the other codecs.
    pub config: Vec<u8>,
}

impl Coding {
    /// Ticks per second of the track's RTP timestamps.
    pub fn rtp_clock_hz(&self) -> u32 {
        match self {
            Self::Video(_) => VIDEO_CLOCK_HZ,
            Self::Audio(format) => format.rtp_clock_hz(),
        }
    }
}

impl AudioFormat {
    /// Opus: always 48 kHz on the wire (RFC 7587 §4.1).
    pub fn opus(channels: u8) -> Self {
        Self { codec: AudioCodec::Opus, rate_hz: 48_000, channels, config: Vec::new() }
    }

    /// G.711 or G.722, one channel.
    pub fn telephone(codec: AudioCodec) -> Self {
        let rate_hz = if codec == AudioCodec::G722 { 16_000 } else { 8_000 };
        Self { codec, rate_hz, channels: 1, config: Vec::new() }
    }

    /// AAC-LC.
    pub fn aac(rate_hz: u32, channels: u8) -> Self {
        Self { codec: AudioCodec::Aac, rate_hz, channels, config: aac_config(rate_hz, channels) }
    }

    /// AAC as its AudioSpecificConfig says; `None` when that is not one.
    pub fn from_aac_config(config: &[u8]) -> Option<Self> {
        let (rate_hz, channels) = read_aac_config(config)?;
        Some(Self { codec: AudioCodec::Aac, rate_hz, channels, config: config.to_vec() })
    }

    /// Ticks per second of RTP timestamps.
    pub fn rtp_clock_hz(&self) -> u32 {
        if self.codec == AudioCodec::G722 { 8_000 } else { self.rate_hz }
    }
}

/// Sampling rates by index (ISO/IEC 14496-3 table 1.18).
pub(super) const AAC_RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

fn aac_config(rate_hz: u32, channels: u8) -> Vec<u8> {
    let lc = 2_u64;
    let channels = u64::from(channels.min(7));
    match AAC_RATES_HZ.iter().position(|rate| *rate == rate_hz) {
        Some(index) => {
            let bits = lc << 11 | (index as u64) << 7 | channels << 3;
            vec![(bits >> 8) as u8, bits as u8]
        }
        None => {
            let bits = lc << 35 | 15 << 31 | u64::from(rate_hz & 0xff_ffff) << 7 | channels << 3;
            bits.to_be_bytes()[3..].to_vec()
        }
    }
}

/// Sampling rate and channels. With explicit SBR the extension's rate counts, for that is what is heard.
fn read_aac_config(config: &[u8]) -> Option<(u32, u8)> {
    let mut bits = super::bits::Bits::plain(config);
    let object = object_type(&mut bits)?;
    let rate = sampling_rate(&mut bits)?;
    let channels = bits.read(4)?;
    let rate = if object == 5 || object == 29 { sampling_rate(&mut bits)? } else { rate };
    let channels = match channels {
        7 => 8,
        channels => u8::try_from(channels).ok()?,
    };
    (1..=192_000).contains(&rate).then_some((rate, channels))
}

fn object_type(bits: &mut super::bits::Bits<'_>) -> Option<u32> {
    match bits.read(5)? {
        31 => Some(32 + bits.read(6)?),
        object => Some(object),
    }
}

fn sampling_rate(bits: &mut super::bits::Bits<'_>) -> Option<u32> {
    match bits.read(4)? {
        15 => bits.read(24),
        index => AAC_RATES_HZ.get(index as usize).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aac_config_says_rate_and_channels() {
        let cases = [
            (&[0x11, 0x90][..], Some((48_000, 2))),
            (&[0x14, 0x08], Some((16_000, 1))),
            (&[0x2b, 0x11, 0x88, 0x00], Some((48_000, 2))),
            (&[0x17, 0x80, 0x1f, 0x40, 0x08], Some((16_000, 1))),
            (&[0x16, 0x90], None),
            (&[], None),
        ];
        for (config, expected) in cases {
            let read = AudioFormat::from_aac_config(config).map(|format| (format.rate_hz, format.channels));
            assert_eq!(read, expected, "{config:02x?}");
        }
    }

    #[test]
    fn a_written_aac_config_is_read_again() {
        for (rate_hz, channels) in [(48_000, 2), (44_100, 1), (8_000, 6), (37_000, 2)] {
            let format = AudioFormat::aac(rate_hz, channels);
            assert_eq!(AudioFormat::from_aac_config(&format.config), Some(format));
        }
    }
}
