//! A document as `.xlsx` (ECMA-376): one sheet for each heading, figures as figures, headings fixed, columns as wide
//! as their text, where a Chinese character takes two.

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};
use unicode_width::UnicodeWidthStr as _;

use super::{Block, Document, Table, Value};

/// Narrowest and widest column, characters.
const WIDTH: (usize, usize) = (8, 60);
/// Most characters in the name of a sheet.
const NAME_MAX: usize = 31;

/// The file's bytes.
pub fn xlsx(document: &Document) -> Vec<u8> {
    write(document).expect("sheets, rows and texts are held to the format's limits")
}

fn write(document: &Document) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let styles = Styles::new();
    let mut sheets: Vec<(String, Vec<&Block>)> = Vec::new();
    for block in &document.blocks {
        match block {
            Block::Heading(name) => sheets.push((name.clone(), Vec::new())),
            Block::Text(_) | Block::Facts(_) | Block::Table(_) => match sheets.last_mut() {
                Some((_, blocks)) => blocks.push(block),
                None => sheets.push((document.title.clone(), vec![block])),
            },
        }
    }
    for (name, blocks) in sheets {
        let sheet = workbook.add_worksheet();
        sheet.set_name(sheet_name(&name))?;
        fill(sheet, document, &blocks, &styles)?;
    }
    workbook.save_to_buffer()
}

struct Styles {
    title: Format,
    head: Format,
    cell: Format,
    note: Format,
}

impl Styles {
    fn new() -> Self {
        let font = |name: &str, size: f64| Format::new().set_font_name(name).set_font_size(size);
        let boxed =
            |format: Format| format.set_border(FormatBorder::Thin).set_align(FormatAlign::VerticalCenter);
        Self {
            title: font("黑体", 16.0),
            head: boxed(font("黑体", 11.0)).set_background_color(0x00ED_EDED).set_align(FormatAlign::Center),
            cell: boxed(font("宋体", 11.0)).set_text_wrap(),
            note: font("宋体", 9.0),
        }
    }
}

fn fill(
    sheet: &mut Worksheet,
    document: &Document,
    blocks: &[&Block],
    styles: &Styles,
) -> Result<(), XlsxError> {
    sheet.write_string_with_format(0, 0, &document.title, &styles.title)?;
    sheet.write_string_with_format(1, 0, &document.foot, &styles.note)?;
    sheet.set_landscape().set_print_fit_to_pages(1, 0).set_footer("&C&P / &N");
    let mut widths: Vec<usize> = Vec::new();
    let mut row = 3;
    let alone = blocks.len() == 1;
    for block in blocks {
        row = match block {
            Block::Heading(_) => row,
            Block::Text(text) => {
                sheet.write_string_with_format(row, 0, text, &styles.note)?;
                row + 1
            }
            Block::Facts(facts) => facts_at(sheet, row, facts, styles, &mut widths)? + 1,
            Block::Table(table) => {
                if alone {
                    sheet.set_freeze_panes(row + 1, 0)?.set_repeat_rows(row, row)?;
                }
                table_at(sheet, row, table, styles, &mut widths)? + 1
            }
        };
    }
    for (column, width) in (0..).zip(&widths) {
        sheet.set_column_width(column, (*width).clamp(WIDTH.0, WIDTH.1) as f64)?;
    }
    Ok(())
}

fn facts_at(
    sheet: &mut Worksheet,
    mut row: u32,
    facts: &[(String, String)],
    styles: &Styles,
    widths: &mut Vec<usize>,
) -> Result<u32, XlsxError> {
    for (label, value) in facts {
        sheet.write_string_with_format(row, 0, label, &styles.head)?;
        sheet.write_string_with_format(row, 1, value, &styles.cell)?;
        widen(widths, 0, label);
        widen(widths, 1, value);
        row += 1;
    }
    Ok(row)
}

fn table_at(
    sheet: &mut Worksheet,
    mut row: u32,
    table: &Table,
    styles: &Styles,
    widths: &mut Vec<usize>,
) -> Result<u32, XlsxError> {
    let last = u16::try_from(table.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
    if !table.rows.is_empty() {
        let rows = u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
        sheet.autofilter(row, 0, row + rows, last)?;
    }
    for (column, (title, _)) in (0..).zip(&table.columns) {
        sheet.write_string_with_format(row, column, title, &styles.head)?;
        // The button of the filter covers the end of the heading.
        widen(widths, column.into(), &format!("{title}  "));
    }
    for values in &table.rows {
        row += 1;
        for (column, value) in (0..).zip(values) {
            match value {
                Value::Number(number) => {
                    sheet.write_number_with_format(row, column, *number, &styles.cell)?
                }
                Value::Text(text) => sheet.write_string_with_format(row, column, text, &styles.cell)?,
                Value::Unknown => sheet.write_string_with_format(row, column, "–", &styles.cell)?,
            };
            widen(widths, column.into(), &value.shown());
        }
    }
    Ok(row + 1)
}

fn widen(widths: &mut Vec<usize>, column: usize, text: &str) {
    if widths.len() <= column {
        widths.resize(column + 1, 0);
    }
    let longest = text.lines().map(|line| line.width()).max().unwrap_or(0);
    widths[column] = widths[column].max(longest + 2);
}

/// A name that a sheet may have.
fn sheet_name(name: &str) -> String {
    let fit = |c: &char| !matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'');
    let name: String = name.chars().filter(fit).take(NAME_MAX).collect();
    if name.trim().is_empty() { "–".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_gets_a_name_that_it_may_have() {
        assert_eq!(sheet_name("可用率 [会场/线路]"), "可用率 会场线路");
        assert_eq!(sheet_name("::"), "–");
        assert_eq!(sheet_name(&"长".repeat(40)).chars().count(), NAME_MAX);
    }
}
