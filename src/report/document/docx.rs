//! A document as `.docx` (ECMA-376), as Word, WPS and LibreOffice read it.
//!
//! WPS takes column widths from the table's grid, Word from its cells: both are written. Fonts are named for Chinese
//! and Latin text apart, or naming one changes nothing. They are the ones of GB/T 9704 and are not embedded: the
//! reader's machine has them, or falls back.

use std::io::Cursor;

use docx_rs::{
    AlignmentType, Docx, Footer, LineSpacing, LineSpacingType, PageMargin, PageNum, PageOrientationType,
    Paragraph, Run, RunFonts, Shading, ShdType, Table as DocxTable, TableCell, TableLayoutType, TableRow,
    WidthType,
};

use super::{Block, Document, Table, Value};

/// Twentieths of a point in a millimetre.
const PER_MM: f64 = 56.692_9;
/// A4, millimetres.
const A4_MM: (u32, u32) = (210, 297);
/// Margins of GB/T 9704, but even on both sides, millimetres: top, right, bottom, left.
const MARGINS_MM: [u32; 4] = [30, 22, 25, 22];

/// Sizes in half points, the unit of the format.
const TITLE: usize = 44;
const HEADING: usize = 28;
const BODY: usize = 24;
const IN_TABLE: usize = 21;
const FOOT: usize = 15;

/// The faces of official documents.
#[derive(Debug, Clone, Copy)]
enum Face {
    Title,
    Heading,
    Body,
}

impl Face {
    fn fonts(self) -> RunFonts {
        let east = match self {
            Self::Title => "方正小标宋简体",
            Self::Heading => "黑体",
            Self::Body => "仿宋",
        };
        RunFonts::new()
            .ascii("Times New Roman")
            .hi_ansi("Times New Roman")
            .cs("Times New Roman")
            .east_asia(east)
    }
}

/// The file's bytes.
pub fn docx(document: &Document) -> Vec<u8> {
    let page = Page::of(document.landscape);
    let mut file = Docx::new()
        .page_size(page.width, page.height)
        .page_margin(page.margin())
        .default_fonts(Face::Body.fonts())
        .default_size(BODY)
        .footer(foot(&document.foot))
        .add_paragraph(line(&document.title, Face::Title, TITLE).align(AlignmentType::Center));
    if document.landscape {
        file = file.page_orient(PageOrientationType::Landscape);
    }
    for block in &document.blocks {
        file = match block {
            Block::Heading(text) => file.add_paragraph(line(text, Face::Heading, HEADING).keep_next(true)),
            Block::Text(text) => file.add_paragraph(paragraph(text)),
            Block::Facts(facts) => file.add_table(facts_table(facts, page.inner())).add_paragraph(gap()),
            Block::Table(table) => file.add_table(ruled(table, page.inner())).add_paragraph(gap()),
        };
    }
    let mut bytes = Cursor::new(Vec::new());
    file.build().pack(&mut bytes).expect("writing to memory does not fail");
    bytes.into_inner()
}

/// A page, twentieths of a point.
struct Page {
    width: u32,
    height: u32,
}

impl Page {
    fn of(landscape: bool) -> Self {
        let (short, long) = (twips(A4_MM.0), twips(A4_MM.1));
        if landscape { Self { width: long, height: short } } else { Self { width: short, height: long } }
    }

    fn margin(&self) -> PageMargin {
        let [top, right, bottom, left] = MARGINS_MM.map(|mm| i32::try_from(twips(mm)).unwrap_or(0));
        PageMargin::new().top(top).right(right).bottom(bottom).left(left).footer(bottom / 2)
    }

    /// Between the margins.
    fn inner(&self) -> usize {
        (self.width - twips(MARGINS_MM[1]) - twips(MARGINS_MM[3])) as usize
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a page is a few hundred millimetres"
)]
fn twips(mm: u32) -> u32 {
    (f64::from(mm) * PER_MM).round() as u32
}

fn run(text: &str, face: Face, size: usize) -> Run {
    let mut run = Run::new().fonts(face.fonts()).size(size);
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            run = run.add_break(docx_rs::BreakType::TextWrapping);
        }
        run = run.add_text(line);
    }
    run
}

fn line(text: &str, face: Face, size: usize) -> Paragraph {
    let spacing = LineSpacing::new().before(120).after(120);
    Paragraph::new().add_run(run(text, face, size)).line_spacing(spacing)
}

/// Body text: two characters in, lines 28 points apart.
fn paragraph(text: &str) -> Paragraph {
    let spacing = LineSpacing::new().line_rule(LineSpacingType::Exact).line(560);
    Paragraph::new().add_run(run(text, Face::Body, BODY)).first_line_chars(200).line_spacing(spacing)
}

fn gap() -> Paragraph {
    Paragraph::new().add_run(run("", Face::Body, FOOT))
}

fn foot(text: &str) -> Footer {
    let seal = Paragraph::new().add_run(run(text, Face::Body, FOOT)).align(AlignmentType::Center);
    Footer::new().add_paragraph(seal).add_paragraph(
        Paragraph::new().add_page_num(PageNum::new()).align(AlignmentType::Center).fonts(Face::Body.fonts()),
    )
}

/// Label and value, twice in a row.
fn facts_table(facts: &[(String, String)], width: usize) -> DocxTable {
    let widths = shares(&[3, 7, 3, 7], width);
    let rows = facts.chunks(2).map(|pair| {
        let nothing = (String::new(), String::new());
        let second = pair.get(1).unwrap_or(&nothing);
        let [first, second] = [&pair[0], second];
        let cells = [(&first.0, true), (&first.1, false), (&second.0, true), (&second.1, false)];
        let cell = |((text, label), width): ((&String, bool), &usize)| {
            cell(text, *width, label, AlignmentType::Left)
        };
        TableRow::new(cells.into_iter().zip(&widths).map(cell).collect()).cant_split()
    });
    table_of(rows.collect(), widths)
}

fn ruled(table: &Table, width: usize) -> DocxTable {
    let widths = shares(&table.columns.iter().map(|(_, share)| *share).collect::<Vec<_>>(), width);
    let heads = table.columns.iter().zip(&widths);
    let heads = heads.map(|((title, _), width)| cell(title, *width, true, AlignmentType::Center)).collect();
    let row = |row: &Vec<Value>| {
        let cells = row.iter().zip(&widths).map(|(value, width)| {
            let align = if let Value::Text(_) = value { AlignmentType::Left } else { AlignmentType::Right };
            cell(&value.shown(), *width, false, align)
        });
        TableRow::new(cells.collect()).cant_split()
    };
    let rows = std::iter::once(TableRow::new(heads).cant_split()).chain(table.rows.iter().map(row));
    table_of(rows.collect(), widths)
}

fn table_of(rows: Vec<TableRow>, widths: Vec<usize>) -> DocxTable {
    let width = widths.iter().sum();
    DocxTable::new(rows).set_grid(widths).width(width, WidthType::Dxa).layout(TableLayoutType::Fixed)
}

fn cell(text: &str, width: usize, head: bool, align: AlignmentType) -> TableCell {
    let face = if head { Face::Heading } else { Face::Body };
    let paragraph = Paragraph::new().add_run(run(text, face, IN_TABLE)).align(align);
    let cell = TableCell::new().width(width, WidthType::Dxa).add_paragraph(paragraph);
    if head { cell.shading(Shading::new().shd_type(ShdType::Clear).fill("EDEDED")) } else { cell }
}

/// Parts of a width, by shares; what rounding leaves goes to the last.
fn shares(shares: &[u16], width: usize) -> Vec<usize> {
    let all: usize = shares.iter().map(|share| usize::from(*share)).sum::<usize>().max(1);
    let mut parts: Vec<usize> = shares.iter().map(|share| width * usize::from(*share) / all).collect();
    let left = width - parts.iter().sum::<usize>();
    if let Some(last) = parts.last_mut() {
        *last += left;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fill_the_width_exactly() {
        assert_eq!(shares(&[1, 1, 1], 100), [33, 33, 34]);
        assert_eq!(shares(&[3, 7], 9411).iter().sum::<usize>(), 9411);
        assert!(shares(&[], 100).is_empty());
    }
}
