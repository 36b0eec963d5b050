//! 《视频会议系统调试情况记录表》 as a page to print: plain HTML, no script, styles inside.

use std::fmt::Write as _;

use jiff::tz::TimeZone;

use super::matrix::{Matrix, Row};
use super::words::verdict_sign;
use crate::domain::lang::Lang;

/// The record form of a round. Times are shown in `zone`.
pub fn record_form(matrix: &Matrix, zone: &TimeZone, lang: Lang) -> String {
    let title = lang.pick("视频会议系统调试情况记录表", "Record of the video-conference rehearsal");
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/assets/form.css\"></head><body>\n<h1>{title}</h1>\n",
        lang.pick("zh-CN", "en"),
    );
    head(&mut html, matrix, zone, lang);
    html.push_str("<table class=\"venues\"><thead><tr>");
    let fixed = [lang.pick("会场", "Venue"), lang.pick("结论", "Verdict")];
    for title in fixed.into_iter().chain(matrix.columns.iter().map(|column| column.title.as_str())) {
        let _ = write!(html, "<th>{}</th>", escaped(title));
    }
    let _ =
        writeln!(html, "<th>{}</th></tr></thead><tbody>", lang.pick("问题与处理", "Problems and remedies"));
    matrix.rows.iter().for_each(|row| venue(&mut html, row));
    html.push_str("</tbody></table>\n");
    signatures(&mut html, matrix, zone, lang);
    html.push_str("</body></html>\n");
    html
}

fn head(html: &mut String, matrix: &Matrix, zone: &TimeZone, lang: Lang) {
    let ended = matrix.ended.map_or_else(|| lang.pick("进行中", "running").to_owned(), |at| at.minute(zone));
    let lines = [
        (lang.pick("会议", "Meeting"), matrix.meeting.name.clone()),
        (lang.pick("开会时间", "Starts"), matrix.meeting.starts.minute(zone)),
        (lang.pick("主会场", "Main venue"), matrix.meeting.main_venue.clone()),
        (lang.pick("规格", "Profile"), matrix.meeting.profile.clone()),
        (lang.pick("调试方式", "Kind"), format!("{} #{}", matrix.kind_text, matrix.round)),
        (lang.pick("开始", "Began"), matrix.opened.minute(zone)),
        (lang.pick("结束", "Ended"), ended),
    ];
    html.push_str("<table class=\"head\">");
    for (label, value) in lines {
        let _ = write!(html, "<tr><th>{label}</th><td>{}</td></tr>", escaped(&value));
    }
    html.push_str("</table>\n");
}

fn venue(html: &mut String, row: &Row) {
    let sign = row.verdict.map_or("", verdict_sign);
    let _ = write!(html, "<tr><th>{}</th><td>{sign} {}</td>", escaped(&row.name), escaped(&row.verdict_text));
    for cell in &row.cells {
        let word = cell.as_ref().map_or("–", |cell| cell.verdict_text.as_str());
        let _ = write!(html, "<td>{}</td>", escaped(word));
    }
    let told: Vec<String> = row.cells.iter().flatten().filter_map(told).collect();
    let _ = writeln!(html, "<td>{}</td></tr>", told.join("<br>"));
}

/// What the form says of a cell: a problem with its reason, or why it was not tested.
fn told(cell: &super::cell::Cell) -> Option<String> {
    let what = cell.link.as_deref().unwrap_or(&cell.check);
    match &cell.waived {
        Some(waived) => Some(format!("{}：{}({})", escaped(what), escaped(&waived.why), escaped(&waived.by))),
        None if cell.verdict? > crate::engine::verdict::Verdict::Pass => {
            Some(format!("{}：{}", escaped(what), escaped(&cell.text)))
        }
        None => None,
    }
}

fn signatures(html: &mut String, matrix: &Matrix, zone: &TimeZone, lang: Lang) {
    let _ =
        write!(html, "<h2>{}</h2>\n<table class=\"signatures\"><tr>", lang.pick("三方会签", "Signatures"));
    for signature in &matrix.signatures {
        let at = signature.at.map_or_else(String::new, |at| at.minute(zone));
        let person = signature.person.as_deref().unwrap_or("");
        let _ = write!(html, "<td>{}<br><b>{}</b><br>{at}</td>", signature.party_text, escaped(person));
    }
    html.push_str("</tr></table>\n");
}

/// Text for an element or a quoted attribute.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escaped("<b a=\"x\">&'"), "&lt;b a=&quot;x&quot;&gt;&amp;&#39;");
    }
}
