//! A file as its author sees it: its name, its text, and where in it an offset lies.

use crate::domain::problem::Position;

/// Largest file that is read, in bytes: a province's inventory is far below it.
pub const FILE_BYTES_MAX: usize = 8 << 20;

/// A text with the starts of its lines, so that offsets become positions.
#[derive(Debug)]
pub struct Source<'a> {
    /// The whole text.
    pub text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Notes where each line starts.
    pub fn new(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The position of a byte offset; offsets past the end are the end.
    pub fn at(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[line - 1];
        let before = self.text.as_bytes()[start..offset].iter();
        // Bytes that do not continue a character: this also holds for an offset inside one.
        let column = before.filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        Position { line: small(line), column: small(column) }
    }
}

/// Counts of lines and columns fit: [`FILE_BYTES_MAX`] does.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Bytes as text: UTF-8 with or without its mark, else GB18030, which Chinese spreadsheets export.
/// `None` when they are neither, or hold a zero byte.
pub fn decode(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes)?.into_owned()
        }
    };
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let source = Source::new("桂东 x\nab\n");
        let at = |offset| (source.at(offset).line, source.at(offset).column);
        assert_eq!(
            [at(0), at(1), at(7), at(9), at(11), at(99)],
            [(1, 1), (1, 2), (1, 4), (2, 1), (2, 3), (3, 1)]
        );
    }

    #[test]
    fn a_spreadsheet_export_is_read_in_either_encoding() {
        let gbk = b"\xB9\xF0\xB6\xAB,1";
        assert_eq!(decode(gbk).as_deref(), Some("桂东,1"));
        assert_eq!(decode("\u{feff}桂东,1".as_bytes()).as_deref(), Some("桂东,1"));
        assert_eq!(decode(b"\x00\x01"), None);
        assert_eq!(decode(b"\xFF\xFF\xFF"), None);
    }
}
