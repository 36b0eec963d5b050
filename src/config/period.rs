//! No-test periods 禁测时段 that an agent keeps by itself: every week, or on one day, in local time.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::setting::{Setting, Spec, settings};
use crate::domain::lang::Text;
use crate::domain::time::Utc;
use crate::intake::fields::{Fields, Reading};
use crate::intake::mistake::Mistake;
use crate::intake::tree::{Node, Value};
use crate::intake::value::parsed;
use crate::intake::words::Word;

settings! {
    /// 一段禁测时段：`days` 与 `date` 都不写为每天。`until` 不晚于 `from` 时延续到次日。
    /// A no-test period: every day without `days` and `date`. When `until` is not after `from` it ends the next day.
    Period check one_kind {
        /// 每周的哪几天。
        /// On which days of the week.
        days: Option<Vec<Day>>,
        /// 只在这一天。
        /// On this day only.
        date: Option<Date>,
        /// 开始时刻。
        /// When it begins.
        from: Time,
        /// 结束时刻。
        /// When it ends.
        until: Time,
    }
}

/// A day of the week as files name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day(pub Weekday);

impl Period {
    /// Whether a moment lies inside.
    pub fn holds(&self, at: Utc, zone: &TimeZone) -> bool {
        let local = at.timestamp().to_zoned(zone.clone()).datetime();
        let overnight = self.until <= self.from;
        let today = self.begins_on(local.date());
        let yesterday = local.date().yesterday().is_ok_and(|date| self.begins_on(date));
        match overnight {
            false => today && (self.from..self.until).contains(&local.time()),
            true => (today && local.time() >= self.from) || (yesterday && local.time() < self.until),
        }
    }

    fn begins_on(&self, date: Date) -> bool {
        let on_day = |days: &Vec<Day>| days.contains(&Day(date.weekday()));
        self.date.is_none_or(|only| only == date) && self.days.as_ref().is_none_or(on_day)
    }
}

fn one_kind(period: &Period, fields: &mut Fields<'_, '_>) {
    if period.date.is_some() && period.days.is_some() {
        let what = Text::new("days 与 date 只能写一个", "days and date exclude each other");
        let remedy = Text::new("每周重复用 days，只一天用 date", "use days for every week, date for one day");
        fields.refuse(fields.place("date"), Mistake::new("conflict", what, remedy));
    }
}

impl Word for Day {
    const WORDS: &'static [(Self, &'static [&'static str])] = &[
        (Self(Weekday::Monday), &["mon", "周一"]),
        (Self(Weekday::Tuesday), &["tue", "周二"]),
        (Self(Weekday::Wednesday), &["wed", "周三"]),
        (Self(Weekday::Thursday), &["thu", "周四"]),
        (Self(Weekday::Friday), &["fri", "周五"]),
        (Self(Weekday::Saturday), &["sat", "周六"]),
        (Self(Weekday::Sunday), &["sun", "周日"]),
    ];
}

impl Setting for Day {
    fn kind() -> Text {
        Text::new("`\"mon\"` 至 `\"sun\"`（或 `\"周一\"` 至 `\"周日\"`）", "`\"mon\"` to `\"sun\"`")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        crate::intake::value::word(reading, node)
    }
}

impl Setting for Date {
    fn kind() -> Text {
        Text::new("日期", "a date")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let read =
            |text: &str| text.parse().map_err(|_| Mistake::wrong_form(text, &Self::kind(), "2026-11-23"));
        parsed(read)(reading, &as_text(node))
    }
}

impl Setting for Time {
    fn kind() -> Text {
        Text::new("时刻", "a time of day")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        let wrong = |text: &str| Mistake::wrong_form(text, &Self::kind(), "\"12:30\"");
        let read = |text: &str| {
            let whole = format!("2000-01-01T{text}");
            let fits = text.len() >= 5 && !text.contains('.');
            let at = whole.parse::<DateTime>().ok().filter(|_| fits);
            at.map(DateTime::time).ok_or_else(|| wrong(text))
        };
        parsed(read)(reading, &as_text(node))
    }
}

/// TOML has dates and times of its own; both ways of writing are read.
fn as_text(node: &Node) -> Node {
    match &node.value {
        Value::Moment(text) => Node { at: node.at, value: Value::Text(text.clone()) },
        Value::Text(_) | Value::Whole(_) | Value::Number(_) | Value::Flag(_) => node.clone(),
        Value::List(_) | Value::Table(_) => node.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(days: Option<&[Weekday]>, date: Option<Date>, from: i8, until: i8) -> Period {
        let days = days.map(|days| days.iter().copied().map(Day).collect());
        let clock = |hour| Time::constant(hour, 0, 0, 0);
        Period { days, date, from: clock(from), until: clock(until) }
    }

    #[test]
    fn periods_hold_where_they_say() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        // 2026-11-23 is a Monday.
        let monday = Date::constant(2026, 11, 23);
        let weekly = period(Some(&[Weekday::Monday]), None, 12, 14);
        let dated = period(None, Some(monday), 12, 14);
        let overnight = period(Some(&[Weekday::Sunday]), None, 22, 6);
        let daily = period(None, None, 0, 0);
        let cases = [
            ("2026-11-23T12:00:00+08:00", [true, true, false, true]),
            ("2026-11-23T14:00:00+08:00", [false, false, false, true]),
            ("2026-11-30T13:00:00+08:00", [true, false, false, true]),
            ("2026-11-23T05:59:00+08:00", [false, false, true, true]),
            ("2026-11-23T22:00:00+08:00", [false, false, false, true]),
            ("2026-11-22T22:00:00+08:00", [false, false, true, true]),
        ];
        for (at, expected) in cases {
            let at = Utc::parse(at).unwrap();
            assert_eq!(
                [&weekly, &dated, &overnight, &daily].map(|period| period.holds(at, &zone)),
                expected,
                "{at}"
            );
        }
    }
}
