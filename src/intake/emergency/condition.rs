//! Reads a condition: a part of the Common Expression Language, small enough to be total.
//!
//! `&&`, `||`, `!`, brackets, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in [ … ]`, texts, whole numbers, `true`, `false` and
//! the names of facts. Everything is checked here, so that working it out later cannot fail: names, kinds, and the
//! words that a text can be. Bounded: length, depth and number of parts.

use crate::domain::fault::{FaultClass, Severity};
use crate::domain::inventory::{NetworkAttribute, Phase, SupportLevel};
use crate::domain::lang::Text;
use crate::domain::plan::{Compare, Condition, FactKind, FactName, Operand, SubjectKind, Test};
use crate::engine::finding::RuleCode;
use crate::intake::fields::Reading;
use crate::intake::mistake::Mistake;
use crate::intake::tree::Node;
use crate::intake::value::parsed;
use crate::intake::words::Word;

/// How deep brackets and `!` may go.
const DEPTH_MAX: usize = 16;
/// Most words, numbers and signs.
const TOKENS_MAX: usize = 200;

/// Reads a condition.
pub(super) fn condition(reading: &mut Reading, node: &Node) -> Option<Condition> {
    parsed(compile)(reading, node)
}

/// Makes a condition of a text.
pub(super) fn compile(text: &str) -> Result<Condition, Mistake> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.chars().count() + 1 };
    let test = parser.any(0)?;
    match parser.peek() {
        None => Ok(Condition { text: text.to_owned(), test }),
        Some(_) => Err(parser.unexpected()),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(i64),
    Sign(&'static str),
}

/// The signs, longer ones before those that they begin with.
const SIGNS: [&str; 14] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ","];

/// The words, numbers and signs, each with the number of its first character, from 1.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Mistake> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = token(&chars[at..]).ok_or_else(|| cannot_read(at + 1, &c.to_string()))?;
        tokens.push((at + 1, token));
        at += length;
        if tokens.len() > TOKENS_MAX {
            return Err(too_long());
        }
    }
    Ok(tokens)
}

fn token(rest: &[char]) -> Option<(Token, usize)> {
    let first = *rest.first()?;
    if first == '"' || first == '\'' {
        let length = rest[1..].iter().position(|c| *c == first)?;
        return Some((Token::Text(rest[1..=length].iter().collect()), length + 2));
    }
    let run = |fits: fn(char) -> bool| rest.iter().take_while(|c| fits(**c)).count();
    if first.is_ascii_digit() {
        let length = run(|c| c.is_ascii_digit());
        let number: String = rest[..length].iter().collect();
        return number.parse().ok().map(|number| (Token::Number(number), length));
    }
    if first.is_ascii_alphabetic() {
        let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
        return Some((Token::Word(rest[..length].iter().collect()), length));
    }
    let sign = SIGNS.iter().find(|sign| sign.chars().enumerate().all(|(n, c)| rest.get(n) == Some(&c)))?;
    Some((Token::Sign(sign), sign.len()))
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    end: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(place, _)| *place)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: &str) -> Result<(), Mistake> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Mistake {
        let found = match self.peek() {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Text(text)) => format!("\"{text}\""),
            Some(Token::Number(number)) => number.to_string(),
            Some(Token::Sign(sign)) => (*sign).to_owned(),
            None => return ends_early(),
        };
        cannot_read(self.place(), &found)
    }

    fn any(&mut self, depth: usize) -> Result<Test, Mistake> {
        let mut tests = vec![self.all(depth)?];
        while self.take("||") {
            tests.push(self.all(depth)?);
        }
        Ok(single(tests, Test::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Test, Mistake> {
        let mut tests = vec![self.one(depth)?];
        while self.take("&&") {
            tests.push(self.one(depth)?);
        }
        Ok(single(tests, Test::All))
    }

    fn one(&mut self, depth: usize) -> Result<Test, Mistake> {
        if depth >= DEPTH_MAX {
            return Err(too_deep());
        }
        if self.take("!") {
            return self.one(depth + 1).map(|test| Test::Not(Box::new(test)));
        }
        if self.take("(") {
            let test = self.any(depth + 1)?;
            self.need(")")?;
            return Ok(test);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Test, Mistake> {
        let place = self.place();
        if let Some(Token::Word(word)) = self.peek()
            && let Some(flag) = flag_of(word)
        {
            self.at += 1;
            return Ok(Test::Flag(flag));
        }
        let left = self.operand()?;
        if let Some(how) = self.compare() {
            let right = self.operand()?;
            return compared(left, how, right, place);
        }
        if matches!(self.peek(), Some(Token::Word(word)) if word == "in") {
            self.at += 1;
            return self.listed(left, place);
        }
        match left {
            Operand::Fact(fact) if fact.kind() == FactKind::Flag => Ok(Test::Fact(fact)),
            Operand::Fact(_) | Operand::Text(_) | Operand::Number(_) => Err(not_a_question(place)),
        }
    }

    fn compare(&mut self) -> Option<Compare> {
        let Some(Token::Sign(sign)) = self.peek() else { return None };
        let how = match *sign {
            "==" => Compare::Equal,
            "!=" => Compare::Unequal,
            "<" => Compare::Less,
            "<=" => Compare::AtMost,
            ">" => Compare::More,
            ">=" => Compare::AtLeast,
            _ => return None,
        };
        self.at += 1;
        Some(how)
    }

    fn listed(&mut self, item: Operand, place: usize) -> Result<Test, Mistake> {
        self.need("[")?;
        let mut list = Vec::new();
        loop {
            let other = self.operand()?;
            fits(&item, &other, place)?;
            list.push(other);
            if !self.take(",") {
                break;
            }
        }
        self.need("]")?;
        Ok(Test::In(item, list))
    }

    fn operand(&mut self) -> Result<Operand, Mistake> {
        let found = match self.peek() {
            Some(Token::Text(text)) => Operand::Text(text.clone()),
            Some(Token::Number(number)) => Operand::Number(*number),
            Some(Token::Word(word)) => {
                let known: Vec<&str> = FactName::ALL.iter().map(|fact| fact.code()).collect();
                let fact = FactName::ALL.iter().find(|fact| fact.code() == word);
                Operand::Fact(*fact.ok_or_else(|| Mistake::unknown_word(word, &known))?)
            }
            Some(Token::Sign(_)) | None => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(found)
    }
}

fn single(mut tests: Vec<Test>, several: fn(Vec<Test>) -> Test) -> Test {
    match tests.len() {
        1 => tests.remove(0),
        _ => several(tests),
    }
}

fn flag_of(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn compared(left: Operand, how: Compare, right: Operand, place: usize) -> Result<Test, Mistake> {
    fits(&left, &right, place)?;
    let ordered = !matches!(how, Compare::Equal | Compare::Unequal);
    if ordered && kind(&left) != FactKind::Number {
        return Err(no_order(place));
    }
    Ok(Test::Compare(left, how, right))
}

fn kind(operand: &Operand) -> FactKind {
    match operand {
        Operand::Fact(fact) => fact.kind(),
        Operand::Text(_) => FactKind::Text,
        Operand::Number(_) => FactKind::Number,
    }
}

/// Two values of one kind, and a text that the fact can be.
fn fits(left: &Operand, right: &Operand, place: usize) -> Result<(), Mistake> {
    if kind(left) != kind(right) || kind(left) == FactKind::Flag {
        return Err(other_kinds(place));
    }
    match (left, right) {
        (Operand::Fact(fact), Operand::Text(text)) | (Operand::Text(text), Operand::Fact(fact)) => {
            let words = words(*fact);
            let there = words.is_empty() || words.contains(&text.as_str());
            if there { Ok(()) } else { Err(Mistake::unknown_word(text, &words)) }
        }
        (Operand::Fact(_) | Operand::Text(_) | Operand::Number(_), _) => Ok(()),
    }
}

/// The machine words that a fact can be.
fn words(fact: FactName) -> Vec<&'static str> {
    fn of<W: Word>() -> Vec<&'static str> {
        W::WORDS.iter().map(|(_, words)| words[0]).collect()
    }
    match fact {
        FactName::Class => of::<FaultClass>(),
        FactName::Rule => RuleCode::ALL.iter().map(|rule| rule.code()).collect(),
        FactName::Severity => of::<Severity>(),
        FactName::Subject => of::<SubjectKind>(),
        FactName::Phase => of::<Phase>(),
        FactName::Support => of::<SupportLevel>(),
        FactName::Network => of::<NetworkAttribute>(),
        FactName::Venues
        | FactName::MainHall
        | FactName::Speaker
        | FactName::McuSeen
        | FactName::StandbySeen
        | FactName::SpareDevice
        | FactName::SecondLink => Vec::new(),
    }
}

const EXAMPLE: (&str, &str) =
    ("写法如 venues > 1 && phase == \"live\"", "write it like venues > 1 && phase == \"live\"");

fn mistake(kind: &'static str, zh: String, en: String) -> Mistake {
    Mistake::new(kind, Text::new(zh, en), Text::new(EXAMPLE.0, EXAMPLE.1))
}

fn cannot_read(place: usize, found: &str) -> Mistake {
    let zh = format!("条件第 {place} 个字符处看不懂 “{found}”");
    mistake("bad_condition", zh, format!("the condition cannot be read at character {place}: \"{found}\""))
}

fn ends_early() -> Mistake {
    mistake("bad_condition", "条件没有写完".to_owned(), "the condition ends too early".to_owned())
}

fn not_a_question(place: usize) -> Mistake {
    let zh = format!("条件第 {place} 个字符处的值本身不是真假，应与另一个值比较");
    mistake(
        "bad_condition",
        zh,
        format!("at character {place} a value is neither true nor false: compare it"),
    )
}

fn other_kinds(place: usize) -> Mistake {
    let zh = format!("条件第 {place} 个字符处比较的两个值不是一类");
    mistake("other_kinds", zh, format!("at character {place} two values of different kinds are compared"))
}

fn no_order(place: usize) -> Mistake {
    let zh = format!("条件第 {place} 个字符处：只有数可以比大小");
    mistake("no_order", zh, format!("at character {place}: only numbers are less or more"))
}

fn too_deep() -> Mistake {
    let zh = format!("条件的括号和 “!” 多于 {DEPTH_MAX} 层");
    mistake("too_deep", zh, format!("brackets and \"!\" go deeper than {DEPTH_MAX}"))
}

fn too_long() -> Mistake {
    let zh = format!("条件的词和符号多于 {TOKENS_MAX} 个");
    mistake("too_long", zh, format!("the condition has more than {TOKENS_MAX} words and signs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::{FactValue, Facts, Truth};

    fn facts() -> Facts {
        let text = |text: &str| FactValue::Text(text.to_owned());
        Facts::from([
            (FactName::Class, text("endpoint_fault")),
            (FactName::Phase, text("live")),
            (FactName::Venues, FactValue::Number(3)),
            (FactName::MainHall, FactValue::Flag(false)),
        ])
    }

    #[test]
    fn a_condition_comes_to_what_it_says() {
        let cases = [
            ("true", Truth::True),
            ("venues > 1 && phase == 'live'", Truth::True),
            ("venues > 1 && !main_hall || false", Truth::True),
            ("class in [\"picture\", \"sound\"]", Truth::False),
            ("phase != \"live\"", Truth::False),
            ("speaker", Truth::Unknown),
            ("speaker && venues > 5", Truth::False),
            ("speaker || venues <= 3", Truth::True),
            ("!(speaker)", Truth::Unknown),
            ("severity == \"critical\"", Truth::Unknown),
            ("!!!!true", Truth::True),
        ];
        for (text, expected) in cases {
            assert_eq!(compile(text).unwrap().holds(&facts()), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_worked_out_is_refused_at_once() {
        let deep = format!("{}true", "!".repeat(DEPTH_MAX + 1));
        let long = vec!["true"; 130].join("||");
        let cases = [
            ("", "bad_condition"),
            ("venues >", "bad_condition"),
            ("venues > 1 &", "bad_condition"),
            ("venues", "bad_condition"),
            ("(true", "bad_condition"),
            ("true true", "bad_condition"),
            ("\"open", "bad_condition"),
            ("99999999999999999999 > venues", "bad_condition"),
            ("venue_count > 1", "unknown_word"),
            ("phase == 'meeting'", "unknown_word"),
            ("phase > 'live'", "no_order"),
            ("venues == 'three'", "other_kinds"),
            ("main_hall == speaker", "other_kinds"),
            (deep.as_str(), "too_deep"),
            (long.as_str(), "too_long"),
        ];
        for (text, expected) in cases {
            assert_eq!(compile(text).unwrap_err().kind, expected, "{text}");
        }
    }
}
