//! The manual of all settings, made from their doc comments and defaults: `docs/CONFIG.md`.

use std::fmt::Write as _;

use super::agent::AgentSettings;
use super::controller::ControllerSettings;
use super::setting::{FieldManual, Manual, Section, join};

const OPENING: &str = "\
# 设置 Settings

本页由 `src/config/` 中各项设置的说明生成，测试保证二者一致。
This page is made from the doc comments in `src/config/`; a test keeps them the same.

设置只管进程本身；会场、线路、会议、人员属于清单，用 `vcops apply` 提交。
Settings are about processes only; venues, links, meetings and people are inventory: `vcops apply`.

文件有误时不会生效：启动时拒绝启动，重新载入时保留原设置，并一次列出全部错误。
A file with mistakes never takes effect: the start is refused, a reload keeps the old settings, and all mistakes
are listed at once. `vcops check` does the same without starting anything.

标 ↻ 的设置重新载入即生效，其余要重启进程。
Settings marked ↻ take effect on reload, the others on restart.
";

/// The whole page.
pub fn page() -> String {
    let mut page = OPENING.to_owned();
    for (file, manual) in
        [("vcops.toml", ControllerSettings::manual()), ("agent.toml", AgentSettings::manual())]
    {
        let _ = write!(page, "\n## `{file}`\n");
        section(&mut page, "", &manual);
    }
    page
}

/// Every field of both files, as `file` and dotted name.
pub fn names() -> Vec<(&'static str, String)> {
    let mut names = Vec::new();
    for (file, manual) in
        [("vcops.toml", ControllerSettings::manual()), ("agent.toml", AgentSettings::manual())]
    {
        collect(&manual, "", &mut |name| names.push((file, name)));
    }
    names
}

fn collect(manual: &Manual, prefix: &str, add: &mut impl FnMut(String)) {
    for field in &manual.fields {
        let name = join(prefix, field.spec.name);
        for (part, inner) in &field.parts {
            collect(inner, &inside(&name, part), add);
        }
        if field.parts.is_empty() {
            add(name);
        }
    }
}

fn inside(name: &str, part: &str) -> String {
    if part.is_empty() { name.to_owned() } else { join(name, part) }
}

fn section(page: &mut String, prefix: &str, manual: &Manual) {
    let _ = write!(page, "\n{}\n", prose(&manual.about));
    for field in manual.fields.iter().filter(|field| field.parts.is_empty() || field.spec.default.is_some()) {
        one(page, prefix, field);
    }
    for field in &manual.fields {
        let name = join(prefix, field.spec.name);
        for (part, inner) in &field.parts {
            let name = inside(&name, part);
            let brackets = if field.spec.default.is_some() { ("[[", "]]") } else { ("[", "]") };
            let _ = write!(page, "\n### `{}{name}{}`\n", brackets.0, brackets.1);
            section(page, &name, inner);
        }
    }
}

fn one(page: &mut String, prefix: &str, field: &FieldManual) {
    let name = join(prefix, field.spec.name);
    let live = if field.spec.live { " ↻" } else { "" };
    let default = field.spec.default.map(|text| format!("；默认 default `{text}`")).unwrap_or_default();
    let range = field.spec.range.map(|(min, max)| format!("，{min} … {max}")).unwrap_or_default();
    let (zh, en) = (field.kind.zh.trim(), &field.kind.en);
    let _ = write!(page, "\n**`{name}`**{live} — {zh} / {en}{range}{default}\n\n{}\n", prose(&field.about));
}

fn prose(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join("\n")
}
