//! Figures as Huawei endpoints write them: texts with a unit, such as `962.76k`, `5ms`, `0.00%`, `720p`, and `--` where
//! there is none. Total over any text.

use crate::observation::device::{Absent, Given};

/// Most pictures per second that are believed. The documents show 41 for a codec that sends 30.
const FPS_MAX: f64 = 65.0;

/// A rate in kbit/s. The unit is k or M; a zero needs none.
pub fn kbps(text: &str) -> Given<f64> {
    let Some(text) = written(text) else { return Given::Absent(Absent::Sentinel) };
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1.0),
        Some((at, 'm' | 'M')) => (&text[..at], 1000.0),
        Some(_) | None => (text, f64::NAN),
    };
    let number = positive(digits);
    let zero = number == Some(0.0);
    Given::or_absent(
        number.map(|n| if zero { 0.0 } else { n * factor }).filter(|n| n.is_finite()),
        Absent::OutOfRange,
    )
}

/// Milliseconds: `5ms`.
pub fn ms(text: &str) -> Given<f64> {
    let Some(text) = written(text) else { return Given::Absent(Absent::Sentinel) };
    Given::or_absent(positive(text.strip_suffix("ms").unwrap_or(text)), Absent::OutOfRange)
}

/// Percent: `0.00%`, at most 100.
pub fn percent(text: &str) -> Given<f64> {
    let Some(text) = written(text) else { return Given::Absent(Absent::Sentinel) };
    let number = positive(text.strip_suffix('%').unwrap_or(text));
    Given::or_absent(number.filter(|number| *number <= 100.0), Absent::OutOfRange)
}

/// Pictures per second; a zero is written where there is no picture.
pub fn fps(number: Option<f64>) -> Given<f64> {
    match number {
        Some(number) if number > 0.0 && number <= FPS_MAX => Given::Value(number),
        Some(0.0) | None => Given::Absent(Absent::Sentinel),
        Some(_) => Given::Absent(Absent::OutOfRange),
    }
}

/// Width and height: `320x180`, `720p`, or a name of old.
pub fn size(text: &str) -> (Given<u32>, Given<u32>) {
    let none = |why| (Given::Absent(why), Given::Absent(why));
    let Some(text) = written(text).filter(|text| !text.eq_ignore_ascii_case("unknown")) else {
        return none(Absent::Sentinel);
    };
    match pair(text).or_else(|| lines(text)).or_else(|| named(text)) {
        Some((width, height)) => (Given::Value(width), Given::Value(height)),
        None => none(Absent::OutOfRange),
    }
}

fn pair(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once(['x', 'X', '*'])?;
    let side = |text: &str| text.trim().parse().ok().filter(|side| (1..=16_384).contains(side));
    Some((side(width)?, side(height)?))
}

/// `720p`, `1080P60`: lines, with pictures of 16:9.
fn lines(text: &str) -> Option<(u32, u32)> {
    let (lines, _) = text.split_once(['p', 'P'])?;
    let lines: u32 = lines.parse().ok().filter(|lines| (1..=8640).contains(lines))?;
    // Codecs code whole pairs of columns.
    Some(((lines * 16 / 9).next_multiple_of(2), lines))
}

fn named(text: &str) -> Option<(u32, u32)> {
    let sizes = [("4CIF", (704, 576)), ("QCIF", (176, 144)), ("CIF", (352, 288)), ("4K", (3840, 2160))];
    sizes.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, size)| size)
}

fn written(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty() && *text != "--")
}

fn positive(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_with_units_become_figures() {
        let (sentinel, odd) = (Given::Absent(Absent::Sentinel), Given::Absent(Absent::OutOfRange));
        assert_eq!(kbps("962.76k"), Given::Value(962.76));
        assert_eq!(kbps("1.5M"), Given::Value(1500.0));
        assert_eq!(kbps("0"), Given::Value(0.0));
        assert_eq!(kbps("0.00k"), Given::Value(0.0));
        assert_eq!([kbps("--"), kbps(""), ms("--"), percent(" ")], [sentinel; 4]);
        assert_eq!([kbps("12"), kbps("k"), kbps("-3k"), ms("soon"), percent("101%")], [odd; 5]);
        assert_eq!((ms("5ms"), ms("0ms")), (Given::Value(5.0), Given::Value(0.0)));
        assert_eq!(percent("0.35%"), Given::Value(0.35));
        assert_eq!([fps(Some(41.0)), fps(Some(0.0)), fps(Some(200.0))], [Given::Value(41.0), sentinel, odd]);
    }

    #[test]
    fn sizes_are_read_as_pairs_lines_and_names() {
        let cases =
            [("320x180", (320, 180)), ("720p", (1280, 720)), ("1080P60", (1920, 1080)), ("4cif", (704, 576))];
        for (text, (width, height)) in cases {
            assert_eq!(size(text), (Given::Value(width), Given::Value(height)), "{text}");
        }
        assert_eq!(size("Unknown").0, Given::Absent(Absent::Sentinel));
        assert_eq!(size("99999x1").0, Given::Absent(Absent::OutOfRange));
        assert_eq!(size("HD").0, Given::Absent(Absent::OutOfRange));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_no_figure_is_negative(text in ".{0,24}") {
            let all = [kbps(&text), ms(&text), percent(&text)];
            prop_assert!(all.iter().all(|given| given.value().is_none_or(|value| value >= 0.0)));
            let (width, height) = size(&text);
            prop_assert_eq!(width.value().is_some(), height.value().is_some());
        }
    }
}
