//! Content lines of iCalendar (RFC 5545 §3.1): unfolded, each character with its place. Total.

use crate::domain::problem::Position;

/// One content line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Property name in capitals.
    pub(super) name: String,
    /// Parameters, names in capitals, quotes removed.
    pub(super) params: Vec<(String, String)>,
    /// The value as written.
    pub(super) value: String,
    /// Where the name starts.
    pub(super) at: Position,
    /// Where the value starts.
    pub(super) value_at: Position,
}

impl Line {
    /// A parameter's value.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value as text: `\n`, `\,`, `\;` and `\\` resolved (RFC 5545 §3.3.11).
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match (c, (c == '\\').then(|| chars.next()).flatten()) {
                (_, Some('n' | 'N')) => text.push('\n'),
                (_, Some(escaped)) => text.push(escaped),
                (c, None) => text.push(c),
            }
        }
        text
    }
}

/// All content lines; a line without a colon is given back by its place.
pub(super) fn lines(text: &str) -> Vec<Result<Line, Position>> {
    unfold(text).into_iter().filter(|chars| !chars.is_empty()).map(|chars| split(&chars)).collect()
}

type Placed = (char, Position);

fn unfold(text: &str) -> Vec<Vec<Placed>> {
    let mut unfolded: Vec<Vec<Placed>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let placed = (1..).zip(line.chars()).map(|(column, c)| (c, Position { line: number, column }));
        match unfolded.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.extend(placed.skip(1)),
            _ => unfolded.push(placed.collect()),
        }
    }
    unfolded
}

fn split(chars: &[Placed]) -> Result<Line, Position> {
    let at = chars[0].1;
    let mut quoted = false;
    let mut cuts = Vec::new();
    let mut colon = None;
    for (index, (c, _)) in chars.iter().enumerate() {
        match c {
            '"' => quoted = !quoted,
            ';' if !quoted => cuts.push(index),
            ':' if !quoted => {
                colon = Some(index);
                break;
            }
            _ => {}
        }
    }
    let colon = colon.ok_or(at)?;
    let words = |part: &[Placed]| part.iter().map(|(c, _)| *c).collect::<String>();
    let ends = cuts.iter().skip(1).copied().chain(std::iter::once(colon));
    let params = cuts.iter().zip(ends).map(|(from, until)| param(&words(&chars[from + 1..until]))).collect();
    let name = words(&chars[..cuts.first().copied().unwrap_or(colon)]).trim().to_uppercase();
    let value = words(&chars[colon + 1..]);
    let value_at = chars.get(colon + 1).map_or(chars[colon].1, |(_, at)| *at);
    Ok(Line { name, params, value, at, value_at })
}

fn param(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim().to_uppercase(), value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_lines_keep_their_places() {
        let text =
            "SUMMARY:全市\r\n 防汛\r\nDTSTART;TZID=\"Asia/Shanghai\";X=1:20261123T100000\r\nnonsense\r\n";
        let lines = lines(text);
        let summary = lines[0].as_ref().unwrap();
        assert_eq!((summary.text().as_str(), summary.value_at.column), ("全市防汛", 9));
        let start = lines[1].as_ref().unwrap();
        assert_eq!((start.param("TZID"), start.at.line), (Some("Asia/Shanghai"), 3));
        assert_eq!(lines[2], Err(Position { line: 4, column: 1 }));
    }

    #[test]
    fn escapes_are_resolved() {
        let line = lines(r"DESCRIPTION:a\, b\; c\\d\ne\");
        assert_eq!(line[0].as_ref().unwrap().text(), "a, b; c\\d\ne\\");
    }
}
