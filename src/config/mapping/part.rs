//! Parts that mappings have in common: names of readings, paths, numbers and comparisons.

use crate::domain::lang::Text;
use crate::domain::reading::ReadingName;
use crate::intake::fields::{Fields, Reading, list, table};
use crate::intake::mistake::Mistake;
use crate::intake::tree::{Node, Value};
use crate::intake::value::{finite, flag, parsed};
use crate::mcu::json::mapping::{Condition, Number, Test};
use crate::mcu::json::path::Path;

pub(super) fn reading_name(reading: &mut Reading, node: &Node) -> Option<ReadingName> {
    parsed(|text| {
        let wanted =
            Text::new("读数的名称（小写字母、数字、“_”）", "the name of a reading (a-z, 0-9, \"_\")");
        ReadingName::parse(text).ok_or_else(|| Mistake::wrong_form(text, &wanted, "room_temperature_c"))
    })(reading, node)
}

pub(super) fn path(reading: &mut Reading, node: &Node) -> Option<Path> {
    parsed(|text| {
        let wanted =
            Text::new("路径（名称之间用点，列表中的位置用方括号）", "a path of names, dots and places");
        Path::parse(text).ok_or_else(|| Mistake::wrong_form(text, &wanted, "state.units[0].name"))
    })(reading, node)
}

/// A single value as text: what is compared may be a word, a number or true and false.
pub(super) fn scalars(reading: &mut Reading, node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Whole(number) => Some(number.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
        Value::Moment(_) | Value::List(_) | Value::Table(_) => {
            let wanted = Text::new("文字、数或 true/false", "text, a number or true or false");
            reading.note(node.at, Mistake::wrong_kind(&wanted, &node.value.kind()));
            None
        }
    }
}

/// A path alone, or a table with what is done to the number.
pub(super) fn number(reading: &mut Reading, node: &Node) -> Option<Number> {
    if node.as_text().is_some() {
        let path = path(reading, node)?;
        return Some(Number { path, scale: 1.0, offset: 0.0, absent: Vec::new() });
    }
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let number = number_of(&mut fields);
    let clean = fields.finish();
    number.filter(|_| clean)
}

/// The fields of a number.
pub(super) fn number_of(fields: &mut Fields<'_, '_>) -> Option<Number> {
    let path = fields.need("path", path);
    let scale = fields.or("scale", 1.0, finite);
    let offset = fields.or("offset", 0.0, finite);
    let absent = fields.or("absent", Vec::new(), list(scalars));
    Some(Number { path: path?, scale, offset, absent })
}

/// Conditions of which all must hold; a single one counts as a list of one.
pub(super) fn conditions(reading: &mut Reading, node: &Node) -> Option<Vec<Condition>> {
    list(condition)(reading, node)
}

/// A comparison: a path and exactly one test.
pub(super) fn condition(reading: &mut Reading, node: &Node) -> Option<Condition> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let path = fields.need("path", path);
    let one_of = fields.maybe("one_of", list(scalars)).map(Test::OneOf);
    let none_of = fields.maybe("none_of", list(scalars)).map(Test::NoneOf);
    let present = fields.maybe("present", flag).map(Test::Present);
    let least = fields.maybe("at_least", finite);
    let most = fields.maybe("at_most", finite);
    let between = (least.is_some() || most.is_some())
        .then(|| Test::Between(least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY)));
    let written = ["one_of", "none_of", "present"].into_iter().filter(|name| fields.has(name)).count();
    let written = written + usize::from(fields.has("at_least") || fields.has("at_most"));
    if written != 1 {
        fields.refuse(fields.at, one_test());
    }
    let ordered = least.zip(most).is_none_or(|(least, most)| least <= most);
    if !ordered {
        fields.refuse(fields.place("at_most"), never());
    }
    let test = one_of.or(none_of).or(present).or(between);
    let clean = fields.finish();
    Some(Condition { path: path?, test: test? }).filter(|_| clean)
}

fn one_test() -> Mistake {
    Mistake::new(
        "one_comparison",
        Text::new("每个条件要有且只有一种比较", "a condition has exactly one comparison"),
        Text::new(
            "用 one_of、none_of、present，或 at_least 与 at_most",
            "use one_of, none_of, present, or at_least and at_most",
        ),
    )
}

fn never() -> Mistake {
    Mistake::new(
        "never_holds",
        Text::new("at_least 大于 at_most，永远不成立", "at_least is above at_most: it never holds"),
        Text::new("改正其中之一", "correct one of the two"),
    )
}
