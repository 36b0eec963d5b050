//! Comma-separated text into cells with their places (RFC 4180, with `;` and tab as spreadsheets write them).
//!
//! Total: any text has rows. Knows nothing of what the cells mean.

use super::source::Source;
use crate::domain::problem::Position;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// Its text without quotes.
    pub(super) text: String,
    /// Where its text starts.
    pub(super) at: Position,
}

/// The rows that hold anything, and where a quote was opened that never closes.
pub(super) fn rows(text: &str) -> (Vec<Vec<Cell>>, Option<Position>) {
    let source = Source::new(text);
    let separator = separator(text);
    let (mut rows, mut row, mut at) = (Vec::new(), Vec::new(), 0);
    let mut open = None;
    while at < text.len() {
        let cell = cell(text, at, separator);
        open = open.or(cell.open.then(|| source.at(at)));
        row.push(Cell { text: cell.text, at: source.at(cell.starts) });
        let rest = &text[cell.ends..];
        at = cell.ends + rest.chars().next().map_or(0, char::len_utf8);
        if !rest.starts_with(separator) {
            rows.push(std::mem::take(&mut row));
        }
    }
    rows.push(row);
    rows.retain(|row| row.iter().any(|cell| !cell.text.trim().is_empty()));
    (rows, open)
}

/// The one that stands most often in the first line.
fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: &char| first.matches(*separator).count();
    [';', '\t', ','].into_iter().max_by_key(count).unwrap_or(',')
}

struct Raw {
    text: String,
    starts: usize,
    /// At the separator, the line's end, or the end of all.
    ends: usize,
    open: bool,
}

fn cell(text: &str, at: usize, separator: char) -> Raw {
    let rest = &text[at..];
    if !rest.starts_with('"') {
        let ends = rest.find([separator, '\n']).unwrap_or(rest.len());
        let plain = rest[..ends].trim_end_matches('\r').to_owned();
        return Raw { text: plain, starts: at, ends: at + ends, open: false };
    }
    let mut found = String::new();
    let mut inside = at + 1;
    loop {
        let Some(quote) = text[inside..].find('"') else {
            found.push_str(&text[inside..]);
            return Raw { text: found, starts: at + 1, ends: text.len(), open: true };
        };
        found.push_str(&text[inside..inside + quote]);
        inside += quote + 1;
        if !text[inside..].starts_with('"') {
            break;
        }
        found.push('"');
        inside += 1;
    }
    // What stands between the closing quote and the separator belongs to nothing but is kept.
    let after = text[inside..].find([separator, '\n']).unwrap_or(text.len() - inside);
    found.push_str(text[inside..inside + after].trim_end());
    Raw { text: found, starts: at + 1, ends: inside + after, open: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<Vec<String>> {
        rows(text).0.iter().map(|row| row.iter().map(|cell| cell.text.clone()).collect()).collect()
    }

    #[test]
    fn cells_are_found_however_they_are_quoted() {
        let cases: [(&str, &[&[&str]]); 6] = [
            ("a,b\r\n1,2\r\n", &[&["a", "b"], &["1", "2"]]),
            ("a;b\n\"x;y\";\"say \"\"hi\"\"\"", &[&["a", "b"], &["x;y", "say \"hi\""]]),
            ("a\tb\n\n1\t", &[&["a", "b"], &["1"]]),
            ("a,b\n\"two\nlines\",c", &[&["a", "b"], &["two\nlines", "c"]]),
            ("\"a\"x,b", &[&["ax", "b"]]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_open_quote_is_placed() {
        let (_, open) = rows("a,b\n1,\"2\n");
        assert_eq!(open, Some(Position { line: 2, column: 3 }));
    }
}
