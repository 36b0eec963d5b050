//! What columns of a table and lines of a calendar entry are called, in Chinese and English.

use super::tree::{Node, Value};
use crate::domain::problem::Position;

/// Each field with its names; the first is the field's own.
const COLUMNS: [(&str, &[&str]); 22] = [
    ("id", &["id", "编号", "会议编号", "标识"]),
    ("name", &["name", "会议名称", "名称", "会议", "summary"]),
    ("date", &["date", "日期", "会议日期"]),
    ("starts", &["starts", "开始", "开始时间", "会议时间", "start"]),
    ("ends", &["ends", "结束", "结束时间", "end"]),
    ("minutes", &["minutes", "时长", "时长（分钟）", "时长(分钟)"]),
    ("main_venue", &["main_venue", "主会场", "main venue"]),
    ("venues", &["venues", "分会场", "branch venues"]),
    ("agenda", &["agenda", "发言顺序"]),
    ("profile", &["profile", "规格", "会议规格"]),
    ("network", &["network", "网络"]),
    ("class", &["class", "类别", "会议类别", "密级要求"]),
    ("owner", &["owner", "归属", "会议归属"]),
    ("mcu", &["mcu", "主用mcu"]),
    ("standby_mcu", &["standby_mcu", "备用mcu", "standby mcu"]),
    ("region", &["region", "区域"]),
    ("automatic_rounds", &["automatic_rounds", "自动联调"]),
    ("operators", &["operators", "值班员", "值机员", "值班人员"]),
    ("leader", &["leader", "带班领导"]),
    ("substitutes", &["substitutes", "替班"]),
    ("support", &["support", "保障等级"]),
    ("", &["序号", "备注", "no.", "note", "notes"]),
];

/// Fields that hold several values.
const LISTS: [&str; 4] = ["venues", "agenda", "operators", "substitutes"];

/// The field that a heading means; an empty name is a column that says nothing to us.
pub(super) fn field(heading: &str) -> Option<&'static str> {
    let heading = heading.trim().to_lowercase().replace(' ', "_");
    let known = |names: &[&str]| names.iter().any(|name| name.replace(' ', "_") == heading);
    COLUMNS.iter().find(|(_, names)| known(names)).map(|(field, _)| *field)
}

/// Every heading that is understood, Chinese and English.
pub(super) fn headings() -> Vec<&'static str> {
    COLUMNS.iter().flat_map(|(_, names)| names.iter().copied()).collect()
}

/// The value of a field from its text: a list where the field holds several.
pub(super) fn node(field: &str, text: &str, at: Position) -> Node {
    let value = match (LISTS.contains(&field), field, text.trim().parse()) {
        (true, _, _) => Value::List(parts(text, at)),
        (false, "minutes", Ok(minutes)) => Value::Whole(minutes),
        (false, _, _) => Value::Text(text.trim().to_owned()),
    };
    Node { at, value }
}

/// `桂东县、资兴市; 安仁县|…`, each part with its place.
fn parts(text: &str, at: Position) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut here = at;
    let mut part = (String::new(), at);
    for c in text.chars().chain(std::iter::once('、')) {
        here = if c == '\n' { Position { line: here.line + 1, column: 1 } } else { right(here) };
        if !"、;；|，,\n\r".contains(c) {
            part.0.push(c);
            continue;
        }
        let (text, at) = std::mem::replace(&mut part, (String::new(), here));
        if !text.trim().is_empty() {
            nodes.push(Node { at, value: Value::Text(text.trim().to_owned()) });
        }
    }
    nodes
}

fn right(at: Position) -> Position {
    Position { column: at.column + 1, ..at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_known_in_either_language() {
        let cases = [
            ("主会场", Some("main_venue")),
            (" Main Venue ", Some("main_venue")),
            ("备用MCU", Some("standby_mcu")),
        ];
        for (heading, expected) in cases.into_iter().chain([("备注", Some("")), ("主席台", None)]) {
            assert_eq!(field(heading), expected, "{heading}");
        }
    }

    #[test]
    fn parts_know_their_places() {
        let nodes = parts("桂东县、资兴市;安仁县", Position { line: 2, column: 5 });
        let shown: Vec<_> = nodes.iter().map(|node| (node.as_text().unwrap(), node.at.column)).collect();
        assert_eq!(shown, [("桂东县", 5), ("资兴市", 9), ("安仁县", 13)]);
    }
}
