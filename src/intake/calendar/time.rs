//! Times of iCalendar: `20261123T100000Z`, with a zone's name, or floating (RFC 5545 §3.3.5).

use jiff::civil;
use jiff::tz::TimeZone;

use super::line::Line;
use crate::domain::lang::Text;
use crate::domain::time::{Span, Utc};
use crate::intake::mistake::Mistake;

/// What Outlook calls China's time zone.
const OUTLOOK_CHINA: &str = "China Standard Time";

/// The moment of a DTSTART or DTEND.
pub(super) fn moment(line: &Line, zone: &TimeZone) -> Result<Utc, Mistake> {
    let text = line.value.trim();
    let date_alone = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if line.param("VALUE") == Some("DATE") || date_alone {
        return Err(all_day());
    }
    let wanted = Text::new("日历时间", "a calendar time");
    let wrong = || Mistake::wrong_form(text, &wanted, "20261123T100000");
    let (digits, zone) = match (text.strip_suffix('Z'), line.param("TZID")) {
        (Some(digits), _) => (digits, TimeZone::UTC),
        (None, Some(OUTLOOK_CHINA)) => (text, named("Asia/Shanghai")?),
        (None, Some(name)) => (text, named(name)?),
        (None, None) => (text, zone.clone()),
    };
    let civil = civil_time(digits).ok_or_else(wrong)?;
    let exact = zone.to_ambiguous_timestamp(civil).unambiguous();
    exact.map(Utc::from_timestamp).map_err(|_| wrong())
}

/// The length of a DURATION such as `PT1H30M`.
pub(super) fn length(line: &Line) -> Result<Span, Mistake> {
    let wanted = Text::new("时长", "a length of time");
    let wrong = || Mistake::wrong_form(&line.value, &wanted, "PT1H30M");
    let span: jiff::Span = line.value.trim().parse().map_err(|_| wrong())?;
    let seconds = span.total((jiff::Unit::Second, jiff::SpanRelativeTo::days_are_24_hours()));
    let seconds = seconds.ok().filter(|seconds| (1.0..=31e6).contains(seconds)).ok_or_else(wrong)?;
    Ok(Span::seconds(seconds as u64))
}

fn named(name: &str) -> Result<TimeZone, Mistake> {
    let wanted = Text::new("时区名", "a time zone's name");
    TimeZone::get(name).map_err(|_| Mistake::wrong_form(name, &wanted, "Asia/Shanghai"))
}

fn civil_time(text: &str) -> Option<civil::DateTime> {
    let plain = text.len() == 15 && text.as_bytes()[8] == b'T' && text.is_ascii();
    let number = |from: usize, until: usize| text.get(from..until)?.parse::<i16>().ok();
    let small = |from, until| number(from, until).and_then(|number| i8::try_from(number).ok());
    let year = number(0, 4).filter(|year| plain && (2000..=2199).contains(year))?;
    let date = civil::Date::new(year, small(4, 6)?, small(6, 8)?).ok()?;
    let time = civil::Time::new(small(9, 11)?, small(11, 13)?, small(13, 15)?, 0).ok()?;
    Some(date.to_datetime(time))
}

fn all_day() -> Mistake {
    Mistake::new(
        "all_day",
        Text::new("全天日程没有开会时刻", "an all-day entry does not say when the meeting starts"),
        Text::new("写明开始和结束的时刻", "give the time of day of start and end"),
    )
}
