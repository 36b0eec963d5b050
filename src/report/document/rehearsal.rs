//! 《视频会议系统调试情况记录表》: a round, venue by venue, with what was wrong and what came of it.

use super::{Document, Setting, Value, minute};
use crate::domain::lang::Lang;
use crate::engine::verdict::Verdict;
use crate::report::cell::Cell;
use crate::report::matrix::{Counts, Matrix, Row};
use crate::report::words::verdict_sign;

/// The record of a round.
pub fn rehearsal_record(matrix: &Matrix, setting: &Setting<'_>) -> Document {
    let lang = setting.lang;
    let title = lang.pick("视频会议系统调试情况记录表", "Record of the video-conference rehearsal");
    let mut document = Document::new(title, setting);
    let running = || lang.pick("进行中", "running").to_owned();
    document.facts([
        (lang.pick("会议", "Meeting"), matrix.meeting.name.clone()),
        (lang.pick("开会时间", "Starts"), minute(matrix.meeting.starts, setting.zone)),
        (lang.pick("主会场", "Main venue"), matrix.meeting.main_venue.clone()),
        (lang.pick("规格", "Profile"), matrix.meeting.profile.clone()),
        (lang.pick("调试方式", "Kind"), format!("{} #{}", matrix.kind_text, matrix.round)),
        (lang.pick("会场数", "Venues"), matrix.rows.len().to_string()),
        (lang.pick("开始", "Began"), minute(matrix.opened, setting.zone)),
        (lang.pick("结束", "Ended"), matrix.ended.map_or_else(running, |at| minute(at, setting.zone))),
    ]);
    document.text(&conclusion(matrix.counts, lang));
    document.heading(lang.pick("一、各会场情况", "1. Venues"));
    let rows = (1u32..).zip(&matrix.rows).map(|(n, row)| venue(n, row, lang)).collect();
    let titles = match lang {
        Lang::Zh => [("序号", 6), ("会场", 18), ("结论", 12), ("通过/项", 10), ("问题、原因与处理", 54)],
        Lang::En => {
            [("No.", 6), ("Venue", 18), ("Verdict", 12), ("Passed", 10), ("Problems, why, remedy", 54)]
        }
    };
    document.table(titles, rows);
    document.heading(lang.pick("二、三方会签", "2. Signatures"));
    let titles = match lang {
        Lang::Zh => [("单位", 30), ("签字", 40), ("时间", 30)],
        Lang::En => [("Party", 30), ("Signed", 40), ("When", 30)],
    };
    let signed = matrix.signatures.iter().map(|signature| {
        let at = signature.at.map_or_else(String::new, |at| minute(at, setting.zone));
        let person = signature.person.clone().unwrap_or_default();
        [signature.party_text.clone(), person, at].map(Value::text)
    });
    document.table(titles, signed.collect());
    document
}

/// One sentence that says how it went.
pub(super) fn conclusion(counts: Counts, lang: Lang) -> String {
    let bad = counts.fail + counts.no_answer;
    match lang {
        Lang::Zh => format!(
            "通过 {} 个会场，告警 {} 个，不通过 {} 个，未应答 {} 个，测试未完成 {} 个，免测 {} 个，未测 {} 个。{}",
            counts.pass,
            counts.warn,
            counts.fail,
            counts.no_answer,
            counts.test_broke,
            counts.waived,
            counts.open,
            if bad == 0 { "没有不通过的会场。" } else { "不通过的会场须处理后重测。" },
        ),
        Lang::En => format!(
            "{} venues passed, {} with warnings, {} failed, {} did not answer, {} tests broke, {} waived, {} not tested.",
            counts.pass,
            counts.warn,
            counts.fail,
            counts.no_answer,
            counts.test_broke,
            counts.waived,
            counts.open,
        ),
    }
}

fn venue(n: u32, row: &Row, lang: Lang) -> [Value; 5] {
    let sign = row.verdict.map_or("", verdict_sign);
    let passed = |cell: &&Cell| cell.verdict.is_some_and(|verdict| verdict <= Verdict::Warn);
    let cells = row.cells.iter().flatten();
    let (done, all) = (cells.clone().filter(passed).count(), cells.clone().count());
    let told: Vec<String> = cells.filter_map(|cell| told(cell, lang)).collect();
    let told = if told.is_empty() { lang.pick("无", "none").to_owned() } else { told.join("\n") };
    [
        Value::count(n),
        Value::text(row.name.clone()),
        Value::text(format!("{sign} {}", row.verdict_text).trim_start()),
        Value::text(format!("{done}/{all}")),
        Value::text(told),
    ]
}

/// What is said of a check: a problem with its reason and what to do, or why it was not tested.
fn told(cell: &Cell, lang: Lang) -> Option<String> {
    let what = cell.link.as_deref().unwrap_or(&cell.check);
    let colon = lang.pick("：", ": ");
    if let Some(waived) = &cell.waived {
        let by = lang.pick("免测", "waived");
        return Some(format!("{what}{colon}{by} {} ({})", waived.why, waived.by));
    }
    if cell.verdict? <= Verdict::Pass {
        return None;
    }
    let next = if cell.next_step.is_empty() {
        String::new()
    } else {
        format!(" {}{}", lang.pick("处理：", "Next: "), cell.next_step)
    };
    Some(format!("{what}{colon}{}{next}", cell.text))
}
