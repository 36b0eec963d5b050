//! Any bytes as NAL units, behind parameter sets of real encoders and without: never a panic, facts within their
//! bounds, and parameter sets kept within theirs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::domain::stream::VideoCodec;
use vcops::wire::nal::{self, PictureReader};

/// Access units of real encoders: parameter sets and the beginnings of slices.
const H264: &[u8] = include_bytes!("../../tests/data/wire/x264.h264");
const H265: &[u8] = include_bytes!("../../tests/data/wire/x265.h265");

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let (codec, good) =
        if choice & 1 == 0 { (VideoCodec::H264, H264) } else { (VideoCodec::H265, H265) };
    let mut reader = PictureReader::new(codec);
    if choice & 2 != 0 {
        reader.read(good);
    }
    for access_unit in rest.split(|byte| *byte == 0xfe) {
        if let Some(facts) = reader.read(access_unit) {
            assert!(facts.slice_bytes <= facts.bytes && facts.bytes <= access_unit.len());
            assert!(facts.qp.is_none_or(|qp| (-48..=51).contains(&qp)));
            assert!(facts.effort().is_none_or(f64::is_finite));
        }
        if let Some(format) = reader.format() {
            assert!(format.width > 0 && format.height > 0 && format.width <= 16_888);
        }
        reader.learn(access_unit);
        let lengths = nal::annex_b_to_avcc(access_unit);
        assert_eq!(nal::annex_b_to_avcc(&nal::avcc_to_annex_b(&lengths, 4)), lengths);
        nal::avcc(access_unit, choice >> 2 & 3).for_each(|unit| reader.learn(unit));
    }
    assert!(reader.parameter_sets().len() <= (16 + 32 + 256) * 2052);
});
