//! TOML text into the tree, with every syntax error the parser can tell apart.

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::fields::Reading;
use super::mistake::Mistake;
use super::source::Source;
use super::tree::{Entry, Node, Table, Value};
use crate::domain::lang::Text;

/// How many syntax errors are named: what follows the first few is mostly their consequence.
const SYNTAX_ERRORS_MAX: usize = 8;

/// Reads a document. With syntax errors the table holds what could be read around them.
pub fn parse(reading: &mut Reading, text: &str) -> Table {
    let source = Source::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors.iter().take(SYNTAX_ERRORS_MAX) {
        let at = source.at(error.span().map_or(0, |span| span.start));
        reading.note_syntax(at, syntax(error.message()));
    }
    Walk { source, reading }.table(document.get_ref())
}

struct Walk<'a> {
    source: Source<'a>,
    reading: &'a mut Reading,
}

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>) -> Table {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            let at = self.source.at(key.span().start);
            Some(Entry { key: key.get_ref().to_string(), at, node: self.node(value)? })
        };
        Table { entries: table.iter().filter_map(entry).collect() }
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Node> {
        let at = self.source.at(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => self.reading.keep(at, whole(number))?,
            DeValue::Float(number) => Value::Number(self.reading.keep(at, float(number.as_str()))?),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
            DeValue::Array(nodes) => Value::List(nodes.iter().filter_map(|node| self.node(node)).collect()),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Some(Node { at, value })
    }
}

fn whole(number: &DeInteger<'_>) -> Result<Value, Mistake> {
    let value = i64::from_str_radix(number.as_str(), number.radix());
    value.map(Value::Whole).map_err(|_| Mistake::out_of_range(number.as_str(), "-2^63 … 2^63-1"))
}

fn float(text: &str) -> Result<f64, Mistake> {
    let number = text.parse().map_err(|_| text);
    number.map_err(|text| Mistake::wrong_form(text, &Text::new("数", "a number"), "1.5"))
}

/// The parser speaks English only, and of its grammar rather than of the file: the usual causes have own words.
fn syntax(message: &str) -> Mistake {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let (what, remedy) = match () {
        () if says(&["duplicate key"]) => {
            (("同一个名字写了两次", "one name stands there twice"), ("只留一处", "keep one of the two"))
        }
        () if says(&["unclosed table", "unclosed array table"]) => {
            (("方括号没有闭合", "a square bracket is not closed"), ("补上 ]", "add ]"))
        }
        () if says(&["string", "quote", "invalid float", "invalid boolean", "missing value"]) => (
            (
                "值的写法不对：引号不成对，或文字没有加引号",
                "this is no value: quotes do not pair or are missing",
            ),
            ("文字两端都加英文双引号 \"", "put straight double quotes at both ends of a text"),
        ),
        () => (
            ("不合 TOML 语法", message),
            (
                "检查这一行的引号、等号和方括号（都用英文半角）",
                "check this line's quotes, equals sign and brackets",
            ),
        ),
    };
    Mistake::new("syntax", Text::new(what.0, what.1), Text::new(remedy.0, remedy.1))
}
