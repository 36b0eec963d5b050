//! The one shape that every format is read into: nested values, each with its place in the file.
//!
//! Knows nothing of any format, and nothing of what the values mean.

use crate::domain::lang::Text;
use crate::domain::problem::Position;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it starts.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// What a file can say.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words; also a cell and a calendar value.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A date, a time of day or both, as written.
    Moment(String),
    /// Values in order.
    List(Vec<Node>),
    /// Named values.
    Table(Table),
}

impl Value {
    /// What kind of value it is, for a message.
    pub fn kind(&self) -> Text {
        match self {
            Self::Text(_) => Text::new("文字", "text"),
            Self::Whole(_) => Text::new("整数", "a whole number"),
            Self::Number(_) => Text::new("小数", "a decimal number"),
            Self::Flag(_) => Text::new("真/假值", "true or false"),
            Self::Moment(_) => Text::new("日期时间", "a date or time"),
            Self::List(_) => Text::new("列表", "a list"),
            Self::Table(_) => Text::new("表", "a table"),
        }
    }
}

/// Named values in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The entries; no key twice.
    pub entries: Vec<Entry>,
}

/// One named value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub at: Position,
    /// The value.
    pub node: Node,
}

impl Table {
    /// The value of that name.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }
}

impl Node {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Whole(_) | Value::Number(_) | Value::Flag(_) => None,
            Value::Moment(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    /// Every text at or below this value, with its place.
    pub fn texts(&self) -> Vec<(&str, Position)> {
        match &self.value {
            Value::Text(text) => vec![(text, self.at)],
            Value::List(nodes) => nodes.iter().flat_map(Self::texts).collect(),
            Value::Table(table) => table.entries.iter().flat_map(|entry| entry.node.texts()).collect(),
            Value::Whole(_) | Value::Number(_) | Value::Flag(_) | Value::Moment(_) => Vec::new(),
        }
    }
}
