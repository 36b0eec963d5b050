//! Reads one value: text, number, address, time, word. Each says exactly what was wanted.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use jiff::civil;
use jiff::tz::TimeZone;

use super::fields::Reading;
use super::mistake::Mistake;
use super::tree::{Node, Value};
use super::words::Word;
use crate::domain::lang::Text;
use crate::domain::time::Utc;

/// The port where a STAMP reflector answers when none is written (RFC 8762 §4.1).
const STAMP_PORT: u16 = 862;

/// Longest name, title or address, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// A text that says something; spaces around it are cut.
pub fn text(reading: &mut Reading, node: &Node) -> Option<String> {
    text_of(reading, node).map(str::to_owned)
}

fn text_of<'a>(reading: &mut Reading, node: &'a Node) -> Option<&'a str> {
    let wanted = Text::new("文字", "text");
    let Some(text) = node.as_text() else {
        reading.note(node.at, Mistake::wrong_kind(&wanted, &node.value.kind()));
        return None;
    };
    let text = text.trim();
    if text.is_empty() {
        reading.note(node.at, empty());
        return None;
    }
    let fits = text.len() <= TEXT_BYTES_MAX && !text.contains(char::is_control);
    reading.keep(node.at, if fits { Ok(text) } else { Err(unfit()) })
}

fn empty() -> Mistake {
    Mistake::new(
        "empty",
        Text::new("内容为空", "nothing is written"),
        Text::new("填写内容，或删去这一项", "write something or remove it"),
    )
}

fn unfit() -> Mistake {
    Mistake::new(
        "unfit_text",
        Text::new(
            format!("文字超过 {TEXT_BYTES_MAX} 字节，或含控制字符"),
            format!("the text has more than {TEXT_BYTES_MAX} bytes or holds control characters"),
        ),
        Text::new("改短，并写在一行内", "shorten it and keep it on one line"),
    )
}

/// A text that a function turns into a value.
pub fn parsed<T>(parse: impl Fn(&str) -> Result<T, Mistake>) -> impl Fn(&mut Reading, &Node) -> Option<T> {
    move |reading, node| {
        let text = text_of(reading, node)?;
        reading.keep(node.at, parse(text))
    }
}

/// A word of a closed list, in Chinese or English.
pub fn word<W: Word>(reading: &mut Reading, node: &Node) -> Option<W> {
    parsed(W::read)(reading, node)
}

/// A whole number within a range.
pub fn whole<T: TryFrom<i64>>(range: RangeInclusive<i64>) -> impl Fn(&mut Reading, &Node) -> Option<T> {
    move |reading, node| {
        let number = match &node.value {
            Value::Whole(number) => Some(*number),
            Value::Text(_) | Value::Number(_) | Value::Flag(_) => None,
            Value::Moment(_) | Value::List(_) | Value::Table(_) => None,
        };
        let found = number.ok_or_else(|| wrong(node, "整数", "a whole number")).and_then(|number| {
            let inside =
                range.contains(&number).then_some(number).and_then(|number| T::try_from(number).ok());
            let shown = format!("{} … {}", range.start(), range.end());
            inside.ok_or_else(|| Mistake::out_of_range(&number.to_string(), &shown))
        });
        reading.keep(node.at, found)
    }
}

/// A finite number, zero or more.
pub fn number(reading: &mut Reading, node: &Node) -> Option<f64> {
    let fits = |number: f64| {
        let fits = number.is_finite() && number >= 0.0;
        if fits { Ok(number) } else { Err(Mistake::out_of_range(&number.to_string(), "≥ 0")) }
    };
    reading.keep(node.at, any_number(node).and_then(fits))
}

/// A finite number, below zero too.
pub fn finite(reading: &mut Reading, node: &Node) -> Option<f64> {
    let fits = |number: f64| match number.is_finite() {
        true => Ok(number),
        false => Err(Mistake::out_of_range(&number.to_string(), "-1e308 … 1e308")),
    };
    reading.keep(node.at, any_number(node).and_then(fits))
}

fn any_number(node: &Node) -> Result<f64, Mistake> {
    match &node.value {
        Value::Number(number) => Ok(*number),
        // Limits are small: every whole number that makes sense is exact.
        Value::Whole(number) => Ok(*number as f64),
        Value::Text(_) | Value::Flag(_) => Err(wrong(node, "数", "a number")),
        Value::Moment(_) | Value::List(_) | Value::Table(_) => Err(wrong(node, "数", "a number")),
    }
}

/// Yes or no; tables and calendars may say 是 and 否.
pub fn flag(reading: &mut Reading, node: &Node) -> Option<bool> {
    let flag = match (&node.value, node.as_text().map(str::trim)) {
        (Value::Flag(flag), _) => Ok(*flag),
        (_, Some("是" | "yes" | "true")) => Ok(true),
        (_, Some("否" | "no" | "false")) => Ok(false),
        _ => Err(wrong(node, "true 或 false", "true or false")),
    };
    reading.keep(node.at, flag)
}

/// A moment: RFC 3339 with an offset, or a wall-clock time in `zone`, also as spreadsheets write it.
pub fn moment(zone: &TimeZone) -> impl Fn(&mut Reading, &Node) -> Option<Utc> + '_ {
    move |reading, node| {
        let moment = match &node.value {
            Value::Moment(text) | Value::Text(text) => read_moment(text.trim(), zone),
            Value::Whole(_) | Value::Number(_) | Value::Flag(_) => Err(wrong(node, "时间", "a time")),
            Value::List(_) | Value::Table(_) => Err(wrong(node, "时间", "a time")),
        };
        reading.keep(node.at, moment)
    }
}

fn read_moment(text: &str, zone: &TimeZone) -> Result<Utc, Mistake> {
    if let Some(utc) = Utc::parse(text) {
        return Ok(utc);
    }
    let wanted = Text::new("时间", "a time");
    let wrong = || Mistake::wrong_form(text, &wanted, "2026-11-23 10:00");
    let civil = civil_moment(text).ok_or_else(wrong)?;
    let exact = zone.to_ambiguous_timestamp(civil).unambiguous();
    exact.map(Utc::from_timestamp).map_err(|_| {
        Mistake::new(
            "unclear_time",
            Text::new(
                format!("{text} 在该时区不存在或出现两次"),
                format!("{text} does not exist, or happens twice, in this time zone"),
            ),
            Text::new(
                "写明时差，如 2026-11-23T10:00:00+08:00",
                "write the offset: 2026-11-23T10:00:00+08:00",
            ),
        )
    })
}

/// `2026-11-23 10:00`, `2026/11/23 9:00:00`, `2026年11月23日 10时00分`, `2026-11-23T10:00`.
fn civil_moment(text: &str) -> Option<civil::DateTime> {
    let sorted: String = text
        .chars()
        .map(|c| match c {
            '年' | '月' | '/' | '.' => '-',
            '日' | 'T' | 't' => ' ',
            '时' | '：' => ':',
            '分' | '秒' => ' ',
            c => c,
        })
        .collect();
    let (date, time) = sorted.trim().split_once(' ')?;
    let date: Vec<i16> = numbers(date, '-')?;
    let time: Vec<i16> = numbers(time.trim().trim_end_matches(':'), ':')?;
    let (&[year, month, day], &[hour, minute, ..]) = (date.as_slice(), time.as_slice()) else { return None };
    let second = time.get(2).copied().unwrap_or(0);
    let small = |number: i16| i8::try_from(number).ok();
    let fits = (2000..=2199).contains(&year) && time.len() <= 3;
    let date = civil::Date::new(year, small(month)?, small(day)?).ok().filter(|_| fits)?;
    let time = civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn numbers(text: &str, between: char) -> Option<Vec<i16>> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
    text.split(between).map(digits).collect()
}

/// A time zone's name.
pub fn zone(reading: &mut Reading, node: &Node) -> Option<TimeZone> {
    parsed(|text| {
        let wanted = Text::new("时区名", "a time zone's name");
        TimeZone::get(text).map_err(|_| Mistake::wrong_form(text, &wanted, "Asia/Shanghai"))
    })(reading, node)
}

/// Where a STAMP reflector answers: an IP address, with a port unless it is 862.
pub fn reflector(reading: &mut Reading, node: &Node) -> Option<SocketAddr> {
    parsed(|text| {
        let alone = || text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, STAMP_PORT));
        let found = text.parse().ok().or_else(alone).filter(|found: &SocketAddr| found.port() != 0);
        let wanted = Text::new(" IP 地址和端口", "an IP address with a port");
        found.ok_or_else(|| Mistake::wrong_form(text, &wanted, "10.43.1.2:862"))
    })(reading, node)
}

/// An IP address.
pub fn ip(reading: &mut Reading, node: &Node) -> Option<IpAddr> {
    parsed(|text| {
        let wanted = Text::new(" IP 地址", "an IP address");
        text.parse().map_err(|_| Mistake::wrong_form(text, &wanted, "10.43.1.1"))
    })(reading, node)
}

/// A telephone number. Messages do not repeat it: they may be logged.
pub fn telephone(reading: &mut Reading, node: &Node) -> Option<String> {
    parsed(|text| {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let fits = text.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
        let number = (fits && (3..=20).contains(&digits)).then(|| text.to_owned());
        number.ok_or_else(|| {
            Mistake::new(
                "bad_telephone",
                Text::new("不是电话号码", "not a telephone number"),
                Text::new(
                    "只写数字、空格、“+”、“-”和括号",
                    "use only digits, spaces, \"+\", \"-\" and brackets",
                ),
            )
        })
    })(reading, node)
}

/// A mail address, roughly: the mail server has the last word. Messages do not repeat it.
pub fn mail(reading: &mut Reading, node: &Node) -> Option<String> {
    parsed(|text| {
        let plain = text.chars().all(|c| c.is_ascii_graphic() && !"<>,;\"".contains(c)) && text.len() <= 254;
        let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty());
        parts.filter(|(_, host)| plain && !host.contains('@')).map(|_| text.to_owned()).ok_or_else(|| {
            Mistake::new(
                "bad_mail",
                Text::new("不是邮箱地址", "not a mail address"),
                Text::new("写成 name@example.gov.cn", "write it as name@example.gov.cn"),
            )
        })
    })(reading, node)
}

fn wrong(node: &Node, zh: &str, en: &str) -> Mistake {
    Mistake::wrong_kind(&Text::new(zh, en), &node.value.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let cases = [
            "2026-11-23 10:00",
            "2026-11-23T10:00",
            "2026-11-23T10:00:00+08:00",
            "2026-11-23T02:00:00Z",
            "2026/11/23 10:00:00",
            "2026年11月23日 10:00",
            "2026年11月23日10时00分",
            "2026-11-23 10：00",
        ];
        for text in cases {
            let found = read_moment(text, &zone).map(|utc| utc.to_string());
            assert_eq!(found.as_deref(), Ok("2026-11-23T02:00:00.000000Z"), "{text}");
        }
        for text in [
            "",
            "2026-11-23",
            "2026-13-01 10:00",
            "2026-11-31 10:00",
            "明天 10:00",
            "26-11-23 10:00",
            "10:00",
        ] {
            assert_eq!(read_moment(text, &zone).unwrap_err().kind, "wrong_form", "{text}");
        }
    }

    #[test]
    fn a_time_that_a_clock_change_skips_is_asked_about() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(read_moment("2026-03-29 02:30", &zone).unwrap_err().kind, "unclear_time");
        assert_eq!(read_moment("2026-10-25 02:30", &zone).unwrap_err().kind, "unclear_time");
    }
}
