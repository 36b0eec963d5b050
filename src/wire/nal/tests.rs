//! Real units: x264 with a constant rate (two slices a picture, B pictures, delimiters, filler), x264 with intra refresh,
//! x265 with open groups of pictures. Quantisers and numbers were compared with another reader of the same headers.

use super::*;
use crate::domain::stream::VideoCodec;
use crate::domain::stream::VideoCodec::{H264, H265};

const CONSTANT_RATE: &[u8] = include_bytes!("../../../tests/data/wire/x264.h264");
const REFRESH: &[u8] = include_bytes!("../../../tests/data/wire/x264_refresh.h264");
const OPEN: &[u8] = include_bytes!("../../../tests/data/wire/x265.h265");

/// Access units as a sender would cut them: a picture ends before whatever is not its slice.
fn access_units(codec: VideoCodec, bytes: &[u8]) -> Vec<Vec<u8>> {
    let head_bytes = if codec == H264 { 1 } else { 2 };
    let mut out: Vec<Vec<u8>> = vec![Vec::new()];
    let mut has_slice = false;
    for unit in annex_b(bytes) {
        let slice = unit_kind(codec, unit) == UnitKind::Slice;
        let filler = unit_kind(codec, unit) == UnitKind::Filler;
        let first = slice && unit[head_bytes] & 0x80 != 0;
        if has_slice && !filler && (first || !slice) {
            out.push(Vec::new());
            has_slice = false;
        }
        has_slice |= slice;
        push_unit(unit, out.last_mut().unwrap());
    }
    out
}

fn facts(codec: VideoCodec, access_units: &[Vec<u8>]) -> Vec<PictureFacts> {
    let mut reader = PictureReader::new(codec);
    access_units.iter().filter_map(|access_unit| reader.read(access_unit)).collect()
}

fn all(codec: VideoCodec, bytes: &[u8]) -> Vec<PictureFacts> {
    facts(codec, &access_units(codec, bytes))
}

#[test]
fn the_first_slice_says_quantiser_and_number() {
    let heads = |codec, bytes| {
        let read = all(codec, bytes).into_iter();
        read.map(|facts| (facts.qp.unwrap(), facts.number.unwrap(), facts.slices)).collect::<Vec<_>>()
    };
    let constant: Vec<_> = [31, 32, 32, 33, 34, 32, 32, 33, 34, 36]
        .into_iter()
        .zip((0..5).chain(0..5))
        .map(|(qp, at)| (qp, at, 2))
        .collect();
    assert_eq!(heads(H264, CONSTANT_RATE), constant);
    let refresh: Vec<_> =
        [44, 48, 45, 43, 42, 41, 40, 39, 39, 39].into_iter().zip(0..).map(|(qp, at)| (qp, at, 1)).collect();
    assert_eq!(heads(H264, REFRESH), refresh);
}

#[test]
fn formats_are_those_of_the_encoders() {
    for (codec, bytes, reorder) in [(H264, CONSTANT_RATE, 1), (H264, REFRESH, 0), (H265, OPEN, 2)] {
        let mut reader = PictureReader::new(codec);
        reader.read(&access_units(codec, bytes)[0]);
        let format = reader.format().unwrap();
        assert_eq!((format.width, format.height, format.fps), (66, 50, Some(25.0)), "{codec:?}");
        assert_eq!((format.reorder, format.bit_depth, format.interlaced), (Some(reorder), 8, false));
    }
}

#[test]
fn decoding_begins_where_the_headers_say() {
    let at = |codec, bytes, what: fn(&PictureFacts) -> bool| {
        let read = all(codec, bytes);
        read.iter().enumerate().filter(|(_, facts)| what(facts)).map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(at(H264, CONSTANT_RATE, |facts| facts.idr), [0, 5]);
    assert_eq!(at(H264, CONSTANT_RATE, |facts| facts.intra), [0, 5]);
    assert_eq!(at(H264, REFRESH, |facts| facts.idr), [0]);
    assert_eq!(at(H264, REFRESH, |facts| facts.random_access && facts.recovery_pictures > Some(0)).len(), 2);
    assert_eq!(at(H265, OPEN, |facts| facts.idr), [0]);
    assert_eq!(at(H265, OPEN, |facts| facts.random_access).len(), 2);
    assert_eq!(at(H265, OPEN, |facts| facts.intra), at(H265, OPEN, |facts| facts.random_access));
}

#[test]
fn nothing_is_missing_until_a_reference_is() {
    for (codec, bytes) in [(H264, CONSTANT_RATE), (H264, REFRESH), (H265, OPEN)] {
        let whole = access_units(codec, bytes);
        let read = facts(codec, &whole);
        assert!(read.iter().all(|facts| facts.missing == 0 && !facts.headless), "{codec:?}");
        for lost in 1..whole.len() - 1 {
            let kept = [&whole[..lost], &whole[lost + 1..]].concat();
            let missing: u32 = facts(codec, &kept).iter().map(|facts| facts.missing).sum();
            // What was lost shows with the next picture, unless that is a new beginning.
            let shows = read[lost].reference && !read[lost + 1].idr;
            assert!(codec == H265 || missing == u32::from(shows), "{codec:?} without {lost}: {missing}");
        }
    }
    let mut whole = access_units(H265, OPEN);
    whole.remove(1);
    assert!(facts(H265, &whole).iter().any(|facts| facts.missing > 0));
}

#[test]
fn filler_and_supplements_are_no_effort() {
    let units = access_units(H264, CONSTANT_RATE);
    let with_filler = units.iter().position(|unit| annex_b(unit).any(|unit| unit[0] & 0x1f == 12)).unwrap();
    let filler: usize =
        annex_b(&units[with_filler]).filter(|unit| unit[0] & 0x1f == 12).map(<[u8]>::len).sum();
    let read = facts(H264, &units);
    let sum: usize = annex_b(&units[with_filler]).map(<[u8]>::len).sum();
    assert_eq!(read[with_filler].bytes, sum - filler);
    assert!(read[with_filler].slice_bytes < read[with_filler].bytes);
    // The user data of the encoder stands in the first access unit.
    assert!(user_data(H264, &units[0])[0].data.starts_with(b"x264 - core"));
}

#[test]
fn effort_doubles_with_the_bits_and_with_six_steps_of_the_quantiser() {
    let facts = |slice_bytes, qp| PictureFacts { slice_bytes, qp, ..PictureFacts::default() };
    let cases = [
        ((512, Some(0)), Some(12.0)),
        ((1024, Some(30)), Some(18.0)),
        ((0, Some(6)), Some(4.0)),
        ((9, None), None),
    ];
    for ((bytes, qp), expected) in cases {
        assert_eq!(facts(bytes, qp).effort(), expected, "{bytes} bytes at {qp:?}");
    }
}

#[test]
fn without_parameter_sets_the_rest_is_known() {
    for (codec, bytes) in [(H264, REFRESH), (H265, OPEN)] {
        let mut bare = Vec::new();
        let kept = annex_b(bytes).filter(|unit| unit_kind(codec, unit) != UnitKind::ParameterSet);
        kept.for_each(|unit| push_unit(unit, &mut bare));
        let mut reader = PictureReader::new(codec);
        let first = reader.read(&access_units(codec, &bare)[0]).unwrap();
        assert_eq!((first.qp, first.number, first.idr, first.intra), (None, None, true, true));
        assert_eq!((reader.format(), reader.parameter_sets().len()), (None, 0));
        // They may come beside the pictures.
        annex_b(bytes).for_each(|unit| reader.learn(unit));
        assert!(reader.read(&access_units(codec, &bare)[0]).unwrap().qp.is_some());
        let sets = reader.parameter_sets();
        assert!(annex_b(&sets).all(|unit| unit_kind(codec, unit) == UnitKind::ParameterSet));
    }
}

#[test]
fn a_picture_without_its_first_slice_is_headless() {
    let units = access_units(H264, CONSTANT_RATE);
    let mut reader = PictureReader::new(H264);
    reader.read(&units[0]);
    let mut rest = Vec::new();
    let second = annex_b(&units[1]).filter(|unit| unit_kind(H264, unit) == UnitKind::Slice).nth(1).unwrap();
    push_unit(second, &mut rest);
    let read = reader.read(&rest).unwrap();
    assert_eq!((read.headless, read.slices, read.number), (true, 1, Some(1)));
}

/// Bytes out of bits; blanks are for the eye.
fn bits(head: &[u8], text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    let bytes =
        bits.chunks(8).map(|eight| (0..8).fold(0, |byte, at| byte << 1 | eight.get(at).unwrap_or(&0)));
    [head.to_vec(), bytes.collect()].concat()
}

#[test]
fn a_field_picture_with_cropping() {
    // Ids 0, four bits of frame_num, order as coded, one reference, 4 x 2 macroblocks of fields, cropped by 6 and 4.
    let sps = bits(&[0x67, 77, 0, 30], "1 1 011 010 0 00100 010 0 0 1 1 1 00100 1 010 0 1");
    let pps = bits(&[0x68], "1 1 0 0 1 1 1 0 00 1 1 1 0 0 0 1");
    // A P slice of the bottom field, frame_num 5, quantiser two below 26.
    let slice = bits(&[0x21], "1 1 1 0101 1 1 0 0 0 00101 1");
    let mut access_unit = Vec::new();
    [&sps, &pps, &slice].into_iter().for_each(|unit| push_unit(unit, &mut access_unit));
    let mut reader = PictureReader::new(H264);
    let read = reader.read(&access_unit).unwrap();
    assert_eq!((read.field, read.number, read.qp, read.reference), (true, Some(5), Some(24), true));
    let format = reader.format().unwrap();
    assert_eq!((format.width, format.height, format.interlaced), (58, 60, true));
}
