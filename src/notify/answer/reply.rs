//! What people answer by text message: `3817`, `3817 0`, `收到3817`, `３８１７　无法处理`. Total: any text is an answer or
//! nothing.

use crate::domain::notice::Answer;

/// Digits of a reply code.
const CODE_DIGITS: usize = 4;
/// Longest reply that is read, in characters.
const REPLY_CHARS_MAX: usize = 100;
/// Words that decline.
const DECLINES: &[&str] = &["无法", "不能", "不行", "处理不了", "没法", "cannot", "can't", "no"];

/// A reply with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code.
    pub code: String,
    /// What it says.
    pub answer: Answer,
}

/// Reads a reply. The first group of four digits is the code; a 0 of its own or a word of refusal behind it declines.
pub fn parse(text: &str) -> Option<Reply> {
    let plain: String = text.chars().take(REPLY_CHARS_MAX).map(half_width).collect();
    let lower = plain.to_lowercase();
    let mut groups = lower.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let code = groups.find(|group| group.len() == CODE_DIGITS)?.to_owned();
    let zero = groups.next().is_some_and(|group| group == "0");
    let word = DECLINES.iter().any(|word| match word.is_ascii() {
        true => lower.split(|c: char| !c.is_ascii_alphabetic() && c != '\'').any(|found| found == *word),
        false => lower.contains(word),
    });
    let answer = if zero || word { Answer::Declined } else { Answer::Acknowledged };
    Some(Reply { code, answer })
}

/// Digits and blanks of Chinese keyboards.
fn half_width(c: char) -> char {
    match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        '　' => ' ',
        _ => c,
    }
}

/// Whether two numbers are one, with or without the country's code and signs between digits.
pub fn same_number(a: &str, b: &str) -> bool {
    let bare = |number: &str| {
        let digits: String = number.chars().map(half_width).filter(char::is_ascii_digit).collect();
        let international = number.trim_start().starts_with('+') || digits.starts_with("0086");
        let digits = digits.strip_prefix("00").unwrap_or(&digits);
        // Gateways give 86138… without a plus; a mobile number of China has eleven digits and begins with 1.
        let mobile = digits.len() == 13 && digits.starts_with("861");
        let national = if international || mobile { digits.strip_prefix("86") } else { None };
        national.unwrap_or(digits).to_owned()
    };
    let (a, b) = (bare(a), bare(b));
    !a.is_empty() && a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_are_read_as_people_write_them() {
        use Answer::{Acknowledged, Declined};
        let cases = [
            ("3817", Some(("3817", Acknowledged))),
            (" 3817\r\n", Some(("3817", Acknowledged))),
            ("收到3817", Some(("3817", Acknowledged))),
            ("３８１７", Some(("3817", Acknowledged))),
            ("OK 3817 thanks", Some(("3817", Acknowledged))),
            ("3817 0", Some(("3817", Declined))),
            ("３８１７　０", Some(("3817", Declined))),
            ("3817,0", Some(("3817", Declined))),
            ("3817无法处理", Some(("3817", Declined))),
            ("3817 no", Some(("3817", Declined))),
            ("3817 now", Some(("3817", Acknowledged))),
            ("38170", None),
            ("收到", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = parse(text);
            assert_eq!(found.as_ref().map(|reply| (reply.code.as_str(), reply.answer)), expected, "{text}");
        }
    }

    #[test]
    fn a_number_is_known_however_it_is_written() {
        for other in ["13800000001", "+8613800000001", "8613800000001", "008613800000001", "138-0000-0001"] {
            assert!(same_number("13800000001", other), "{other}");
        }
        assert!(same_number("0735-1234567", "07351234567"));
        for other in ["13800000002", "3800000001", "", "+113800000001"] {
            assert!(!same_number("13800000001", other), "{other}");
        }
        assert!(!same_number("", ""));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), other in any::<String>()) {
            let _ = parse(&text);
            prop_assert_eq!(same_number(&text, &other), same_number(&other, &text));
        }
    }
}
