//! Reads and checks the process settings, and hands each area its own.
//!
//! Settings are values that never change; a reload makes new ones. Nothing below this module imports it, and it
//! must not know what any setting is used for beyond what two of them mean together.

pub mod setting;
pub mod value;
pub mod period;
pub mod accounts;
pub mod controller;
mod guard;
pub mod streams;
pub mod mapping;
pub mod devices;
pub mod notify;
mod device_files;
pub mod pushes;
pub mod agent;
pub mod manual;

use std::path::{Path, PathBuf};

use crate::domain::lang::Text;
use crate::domain::problem::{Position, Problem};
use crate::intake::fields::Reading;
use crate::intake::mistake::Mistake;
use crate::intake::tree::{Node, Table, Value};
use crate::intake::{self, document};

pub use agent::AgentSettings;
pub use controller::ControllerSettings;

use setting::{Section, section};

/// The result of a reload.
#[derive(Debug, Clone, PartialEq)]
pub struct Reloaded<S> {
    /// The new settings.
    pub settings: S,
    /// Names of the settings that differ but take effect only on restart, such as `web.listen`.
    pub needs_restart: Vec<String>,
}

/// Reads the controller's settings from a file; files they name must be there.
pub fn load_controller(path: &Path) -> Result<ControllerSettings, Vec<Problem>> {
    load(path)
}

/// Reads the agent's settings from a file.
pub fn load_agent(path: &Path) -> Result<AgentSettings, Vec<Problem>> {
    load(path)
}

/// Reads the controller's settings from a text, without looking at the files they name.
pub fn read_controller(file: &str, text: &str) -> Result<ControllerSettings, Vec<Problem>> {
    read(file, text).map(|(settings, _)| settings)
}

/// Reads the agent's settings from a text.
pub fn read_agent(file: &str, text: &str) -> Result<AgentSettings, Vec<Problem>> {
    read(file, text).map(|(settings, _)| settings)
}

/// Reads the controller's settings again. With problems the caller keeps what it has.
pub fn reload_controller(
    old: &ControllerSettings,
    path: &Path,
) -> Result<Reloaded<ControllerSettings>, Vec<Problem>> {
    load(path).map(|new| compare(old, new))
}

/// Reads the agent's settings again. With problems the caller keeps what it has.
pub fn reload_agent(old: &AgentSettings, path: &Path) -> Result<Reloaded<AgentSettings>, Vec<Problem>> {
    load(path).map(|new| compare(old, new))
}

fn compare<S: Section>(old: &S, new: S) -> Reloaded<S> {
    let mut needs_restart = Vec::new();
    old.changes(&new, "", &mut needs_restart);
    Reloaded { settings: new, needs_restart }
}

/// Settings of one file.
trait Settings: Section {
    /// The files that must be there.
    fn files(&self) -> Vec<(&'static str, &PathBuf)>;

    /// What stands in them and is of no use, by the name of the field that names the file.
    fn unfit_files(&self) -> Vec<(&'static str, Mistake)> {
        Vec::new()
    }

    /// Mistakes in files that have lines of their own.
    fn mistakes_inside(&self) -> Vec<Problem> {
        Vec::new()
    }
}

impl Settings for ControllerSettings {
    fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        ControllerSettings::files(self)
    }

    fn unfit_files(&self) -> Vec<(&'static str, Mistake)> {
        self.devices.unfit_files()
    }

    fn mistakes_inside(&self) -> Vec<Problem> {
        self.devices.bad_mappings()
    }
}

impl Settings for AgentSettings {
    fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        self.streams.files()
    }
}

fn load<S: Settings>(path: &Path) -> Result<S, Vec<Problem>> {
    let file = path.display().to_string();
    let refuse = |at, mistake| {
        let mut reading = Reading::new(&file, "config");
        reading.note(at, mistake);
        reading.into_problems()
    };
    let bytes =
        std::fs::read(path).map_err(|error| refuse(Position::START, unreadable(&error.to_string())))?;
    let text = intake::source::decode(&bytes).ok_or_else(|| refuse(Position::START, not_text()))?;
    let (settings, document) = read::<S>(&file, &text)?;
    let mut reading = Reading::new(&file, "config");
    for (field, named) in settings.files() {
        if let Err(error) = std::fs::File::open(named) {
            let mistake = no_file(field, named, &error.to_string());
            reading.note(place(&document, field), mistake);
        }
    }
    // A file that cannot be opened was named already.
    if reading.is_clean() {
        for (field, mistake) in settings.unfit_files() {
            reading.note(place(&document, field), mistake);
        }
    }
    let inside = if reading.is_clean() { settings.mistakes_inside() } else { Vec::new() };
    let problems: Vec<Problem> = reading.into_problems().into_iter().chain(inside).collect();
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn read<S: Section>(file: &str, text: &str) -> Result<(S, Table), Vec<Problem>> {
    let mut reading = Reading::new(file, "config");
    let mut document = document::parse(&mut reading, text);
    document.entries.retain(|entry| {
        let inventory = intake::NOUNS.contains(&entry.key.as_str());
        if inventory {
            reading.note(entry.at, inventory_here(&entry.key));
        }
        !inventory
    });
    let settings = section(&mut reading, &document, Position::START);
    match settings.filter(|_| reading.is_clean()) {
        Some(settings) => Ok((settings, document)),
        None => Err(reading.into_problems()),
    }
}

fn inventory_here(noun: &str) -> Mistake {
    let what = Text::new(
        format!("“{noun}” 属于清单，不是进程设置"),
        format!("\"{noun}\" is inventory, not a process setting"),
    );
    let remedy = Text::new(
        "移到清单文件，用 vcops apply 提交",
        "move it to an inventory file and submit it with vcops apply",
    );
    Mistake::new("inventory_here", what, remedy)
}

/// Where a dotted name's value stands.
fn place(document: &Table, name: &str) -> Position {
    let mut at = Position::START;
    let mut table = Some(document);
    for part in name.split('.') {
        let Some(node) = table.and_then(|table| table.get(part)) else { return at };
        at = node.at;
        table = inner(node);
    }
    at
}

fn inner(node: &Node) -> Option<&Table> {
    match &node.value {
        Value::Table(table) => Some(table),
        Value::Text(_) | Value::Whole(_) | Value::Number(_) | Value::Flag(_) => None,
        Value::Moment(_) | Value::List(_) => None,
    }
}

fn unreadable(error: &str) -> Mistake {
    let what =
        Text::new(format!("读不到设置文件（{error}）"), format!("the settings cannot be read ({error})"));
    Mistake::new("unreadable", what, Text::new("检查路径与权限", "check the path and its permissions"))
}

fn not_text() -> Mistake {
    let what = Text::new("不是文本文件", "not a text file");
    Mistake::new("not_text", what, Text::new("另存为 UTF-8 文本", "save it as UTF-8 text"))
}

fn no_file(field: &str, path: &Path, error: &str) -> Mistake {
    let path = path.display();
    let what = Text::new(
        format!("{field}：读不到文件 {path}（{error}）"),
        format!("{field}: the file {path} cannot be read ({error})"),
    );
    Mistake::new("no_file", what, Text::new("检查路径与权限", "check the path and its permissions"))
}
