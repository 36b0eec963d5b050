//! What can be wrong with one value, said in both languages with what to do about it.

use crate::domain::id::{BadId, ID_BYTES_MAX};
use crate::domain::lang::Text;

/// A mistake before it is known where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The machine word behind the dot of a problem's code.
    pub kind: &'static str,
    /// What is wrong.
    pub what: Text,
    /// What to do about it.
    pub remedy: Text,
}

impl Mistake {
    /// A mistake of a kind.
    pub fn new(kind: &'static str, what: Text, remedy: Text) -> Self {
        Self { kind, what, remedy }
    }

    /// A value of another kind than the field takes.
    pub fn wrong_kind(wanted: &Text, found: &Text) -> Self {
        Self::new(
            "wrong_kind",
            Text::new(
                format!("应为{}，写的是{}", wanted.zh, found.zh),
                format!("{} is wanted, {} is written", wanted.en, found.en),
            ),
            Text::new(format!("改写为{}", wanted.zh), format!("write {}", wanted.en)),
        )
    }

    /// A text that is not an identifier.
    pub fn bad_id(text: &str, why: &BadId) -> Self {
        let zh = match why {
            BadId::Empty => "标识不能为空".to_owned(),
            BadId::TooLong => format!("标识最长 {ID_BYTES_MAX} 字节"),
            BadId::Character(c) => format!("标识 “{text}” 中不能有 “{c}”"),
        };
        let en = match why {
            BadId::Empty => "an identifier must not be empty".to_owned(),
            BadId::TooLong => format!("an identifier has at most {ID_BYTES_MAX} bytes"),
            BadId::Character(c) => format!("the identifier \"{text}\" must not hold \"{c}\""),
        };
        Self::new(
            "bad_id",
            Text::new(zh, en),
            Text::new(
                "只用小写字母 a-z、数字、“-”、“_”、“.”，如 guidong",
                "use only a-z, 0-9, \"-\", \"_\" and \".\", such as guidong",
            ),
        )
    }

    /// A number outside its range.
    pub fn out_of_range(value: &str, range: &str) -> Self {
        Self::new(
            "out_of_range",
            Text::new(format!("{value} 不在允许的范围内"), format!("{value} is out of range")),
            Text::new(format!("取值范围 {range}"), format!("the range is {range}")),
        )
    }

    /// A text that is not in the form wanted, with an example.
    pub fn wrong_form(text: &str, wanted: &Text, example: &str) -> Self {
        Self::new(
            "wrong_form",
            Text::new(format!("“{text}” 不是{}", wanted.zh), format!("\"{text}\" is not {}", wanted.en)),
            Text::new(format!("写法如 {example}"), format!("write it like {example}")),
        )
    }

    /// A field that must be there.
    pub fn missing_field(field: &str) -> Self {
        Self::new(
            "missing_field",
            Text::new(format!("缺少字段 “{field}”"), format!("the field \"{field}\" is missing")),
            Text::new(format!("补上 “{field}”"), format!("add \"{field}\"")),
        )
    }

    /// A span that ends before it begins, or at once.
    pub fn ends_before_start() -> Self {
        Self::new(
            "ends_before_start",
            Text::new("结束不晚于开始", "does not end after it starts"),
            Text::new("改正开始或结束时间", "correct the start or the end"),
        )
    }

    /// A name that nothing has.
    pub fn unknown_field(field: &str, known: &[&str]) -> Self {
        Self::new(
            "unknown_field",
            Text::new(format!("没有名为 “{field}” 的字段"), format!("there is no field \"{field}\"")),
            suggestion(field, known),
        )
    }

    /// A word outside a closed list.
    pub fn unknown_word(word: &str, known: &[&str]) -> Self {
        Self::new(
            "unknown_word",
            Text::new(format!("不认识 “{word}”"), format!("\"{word}\" is not known here")),
            suggestion(word, known),
        )
    }
}

/// “Did you mean …?” when one of the known words is near, else the known words.
pub fn suggestion(word: &str, known: &[&str]) -> Text {
    match nearest(word, known) {
        Some(near) => Text::new(format!("是不是 “{near}”？"), format!("did you mean \"{near}\"?")),
        None if known.is_empty() => Text::new("删去它，或先登记它", "remove it, or register it first"),
        None => {
            let shown: Vec<&str> = known.iter().take(10).copied().collect();
            let more = if known.len() > shown.len() { "…" } else { "" };
            Text::new(
                format!("可以写：{}{more}", shown.join("、")),
                format!("known here: {}{more}", shown.join(", ")),
            )
        }
    }
}

/// The known word closest to `word`, if it is close: one edit in three characters.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    let best = known.iter().map(|known| (edits(&word, known), *known)).min_by_key(|(edits, _)| *edits)?;
    let shortest = word.len().min(best.1.chars().count());
    let close = best.0 <= shortest.div_ceil(3) && best.0 < shortest;
    close.then_some(best.1)
}

/// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment), case ignored.
fn edits(word: &[char], known: &str) -> usize {
    let known: Vec<char> = known.to_lowercase().chars().take(64).collect();
    let mut rows = vec![(0..=known.len()).collect::<Vec<usize>>()];
    for (i, a) in word.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, b) in known.iter().enumerate() {
            let plain = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && word[i - 1] == *b && known[j - 1] == *a;
            row.push(if swapped { plain.min(rows[i - 1][j - 1] + 1) } else { plain });
        }
        rows.push(row);
    }
    rows[word.len()][known.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let known = ["region", "name", "main_venue", "专线"];
        let cases = [
            ("regoin", Some("region")),
            ("Region", Some("region")),
            ("main_veneu", Some("main_venue")),
            ("colour", None),
            ("专缐", Some("专线")),
            ("nmae", Some("name")),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
