//! Conditions for experts: a closed, total language over named facts, three-valued.
//!
//! What is not known is neither true nor false: UNKNOWN and FALSE are false together, UNKNOWN and TRUE are unknown,
//! as in the Common Expression Language, of whose grammar the written form is a part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A condition as it was written and as it is worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// As written.
    pub text: String,
    /// As worked out.
    pub test: Test,
}

impl Condition {
    /// What it comes to.
    pub fn holds(&self, facts: &Facts) -> Truth {
        self.test.holds(facts)
    }
}

/// What a condition asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// One of them at least.
    Any(Vec<Test>),
    /// Every one.
    All(Vec<Test>),
    /// The opposite.
    Not(Box<Test>),
    /// Two values compared.
    Compare(Operand, Compare, Operand),
    /// Whether a value is one of a list.
    In(Operand, Vec<Operand>),
    /// A fact that is true or false by itself.
    Fact(FactName),
    /// `true` or `false`, as written.
    Flag(bool),
}

impl Test {
    /// What it comes to. Total: a fact that is not known makes it unknown, and nothing else can go wrong.
    pub fn holds(&self, facts: &Facts) -> Truth {
        match self {
            Self::Any(tests) => tests.iter().map(|test| test.holds(facts)).fold(Truth::False, Truth::or),
            Self::All(tests) => tests.iter().map(|test| test.holds(facts)).fold(Truth::True, Truth::and),
            Self::Not(test) => test.holds(facts).not(),
            Self::Compare(left, how, right) => match (left.value(facts), right.value(facts)) {
                (Some(left), Some(right)) => how.holds(&left, &right),
                (None, _) | (_, None) => Truth::Unknown,
            },
            Self::In(item, list) => {
                let Some(item) = item.value(facts) else { return Truth::Unknown };
                let same = |other: &Operand| match other.value(facts) {
                    Some(other) => Compare::Equal.holds(&item, &other),
                    None => Truth::Unknown,
                };
                list.iter().map(same).fold(Truth::False, Truth::or)
            }
            Self::Fact(name) => match facts.get(name) {
                Some(FactValue::Flag(flag)) => Truth::of(*flag),
                Some(FactValue::Text(_) | FactValue::Number(_)) | None => Truth::Unknown,
            },
            Self::Flag(flag) => Truth::of(*flag),
        }
    }
}

/// True, false, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Certainly so.
    True,
    /// Certainly not.
    False,
    /// Not known.
    Unknown,
}

impl Truth {
    /// Of what is known.
    pub fn of(flag: bool) -> Self {
        if flag { Self::True } else { Self::False }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operand {
    /// A fact.
    Fact(FactName),
    /// A text, as written.
    Text(String),
    /// A whole number, as written.
    Number(i64),
}

impl Operand {
    fn value(&self, facts: &Facts) -> Option<FactValue> {
        match self {
            Self::Fact(name) => facts.get(name).cloned(),
            Self::Text(text) => Some(FactValue::Text(text.clone())),
            Self::Number(number) => Some(FactValue::Number(*number)),
        }
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Compare {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Compare {
    /// Values of two kinds cannot be compared: that is not known.
    fn holds(self, left: &FactValue, right: &FactValue) -> Truth {
        let order = match (left, right) {
            (FactValue::Text(a), FactValue::Text(b)) => a.cmp(b),
            (FactValue::Number(a), FactValue::Number(b)) => a.cmp(b),
            (FactValue::Flag(a), FactValue::Flag(b)) => a.cmp(b),
            (FactValue::Text(_) | FactValue::Number(_) | FactValue::Flag(_), _) => return Truth::Unknown,
        };
        Truth::of(match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        })
    }
}

/// What is known of an incident when a condition is worked out.
pub type Facts = BTreeMap<FactName, FactValue>;

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactValue {
    /// A stable word.
    Text(String),
    /// A count.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// What kind of value a fact has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `FactValue`")]
pub enum FactKind {
    Text,
    Number,
    Flag,
}

macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $kind:ident,)+) => {
        /// The facts that a condition may ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FactName {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl FactName {
            /// Every fact.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word that a condition writes.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// What kind of value it has.
            pub fn kind(self) -> FactKind {
                match self { $(Self::$name => FactKind::$kind,)+ }
            }
        }
    };
}

facts! {
    /// The class of the fault, such as `endpoint_fault`.
    Class "class" Text,
    /// The rule of its first finding, such as `site.missing`.
    Rule "rule" Text,
    /// How much it weighs: `information`, `warning`, `severe`, `critical`.
    Severity "severity" Text,
    /// What is in trouble: `venue`, `mcu`, `trunk` …
    Subject "subject" Text,
    /// Where the meeting stands: `hour_before`, `roll_call`, `live`, `over` …
    Phase "phase" Text,
    /// The level of support: `routine`, `important`, `highest`.
    Support "support" Text,
    /// The network of the meeting: `intranet`, `extranet`, `internet`, `vpdn`.
    Network "network" Text,
    /// How many venues are in trouble.
    Venues "venues" Number,
    /// Whether the main venue is among them.
    MainHall "main_hall" Flag,
    /// Whether a venue among them speaks now.
    Speaker "speaker" Flag,
    /// Whether the meeting's MCU can be seen.
    McuSeen "mcu_seen" Flag,
    /// Whether a standby MCU of the same network is there and can be seen.
    StandbySeen "standby_seen" Flag,
    /// Whether every venue in trouble has another endpoint.
    SpareDevice "spare_device" Flag,
    /// Whether every venue in trouble has a backup line of the meeting's network.
    SecondLink "second_link" Flag,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_neither_true_nor_false() {
        let unknown = || Test::Fact(FactName::Speaker);
        let (yes, no) = (|| Test::Flag(true), || Test::Flag(false));
        let cases = [
            (Test::All(vec![unknown(), no()]), Truth::False),
            (Test::All(vec![unknown(), yes()]), Truth::Unknown),
            (Test::Any(vec![unknown(), yes()]), Truth::True),
            (Test::Any(vec![unknown(), no()]), Truth::Unknown),
            (Test::Not(Box::new(unknown())), Truth::Unknown),
            (
                Test::Compare(Operand::Fact(FactName::Venues), Compare::More, Operand::Number(1)),
                Truth::Unknown,
            ),
            (Test::Compare(Operand::Text("a".into()), Compare::Equal, Operand::Number(1)), Truth::Unknown),
            (
                Test::In(Operand::Number(2), vec![Operand::Fact(FactName::Venues), Operand::Number(2)]),
                Truth::True,
            ),
        ];
        for (test, expected) in cases {
            assert_eq!(test.holds(&Facts::new()), expected, "{test:?}");
        }
    }

    #[test]
    fn a_word_is_the_one_that_is_stored() {
        for name in FactName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.code());
        }
    }
}
