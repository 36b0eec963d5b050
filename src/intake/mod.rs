//! Files, imports and forms become inventory changes, all mistakes at once.
//!
//! Pure: a name and bytes come in, values go out. It knows neither who submits nor where changes are kept.
//!
//! Every format is read into one [`tree`] whose values know their place; [`fields`] walks it and keeps every
//! mistake; `check` holds the result against the rest of the inventory; [`plan`] is the difference.
//! Good rows are kept, bad ones are named, and whatever refers to a bad one is named as well.

pub mod source;
pub mod tree;
pub mod mistake;
pub mod fields;
pub mod document;
pub mod value;
pub mod words;
mod names;
mod draft;
mod meeting;
mod emergency;
mod city;
mod columns;
mod cells;
mod sheet;
mod calendar;
mod check;
mod plan;
mod show;
pub mod shipped;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::domain::inventory::{Clash, Inventory, Item, ItemRef, PersonDetails};
use crate::domain::lang::Text;
use crate::domain::problem::{Position, Problem};

pub use city::NOUNS;
pub use draft::Place;
pub use names::Known;
pub use plan::{Mode, Plan, plan};
pub use show::{line, lines};

use draft::Draft;
use fields::Reading;
use mistake::Mistake;
use names::Names;

/// What a file asks for, after checking.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// The file's name.
    pub file: String,
    /// Items that hold together with everything else, in the order of the file.
    pub items: Vec<Item>,
    /// Names and numbers of people that differ from what is known; never journalled.
    pub people: Vec<PersonDetails>,
    /// Items the file cancels.
    pub removals: Vec<ItemRef>,
    /// Every mistake, in the order of the file.
    pub problems: Vec<Problem>,
    /// Venues and MCUs that the file's meetings share with others at the same time: named, not refused.
    pub clashes: Vec<Clash>,
    /// Where each item stands.
    pub places: BTreeMap<ItemRef, Place>,
}

/// Reads a file against what is there. The format is told by the name: `.toml`, `.ics` or `.csv`. Times without
/// an offset are in `zone` unless the file names one.
pub fn read(name: &str, bytes: &[u8], known: &Known<'_>, zone: &TimeZone) -> Submission {
    let mut reading = Reading::new(name, "intake");
    let mut draft = Draft::default();
    let mut names = Names::of(known);
    if let Some(text) = reading.keep(Position::START, text_of(bytes)) {
        draft = draft_of(name, &text, &mut reading, known, zone);
    }
    draft.items.iter().for_each(|placed| names.learn(&placed.item));
    let result = check::settle(&mut reading, &mut draft, known.inventory, &names);
    finish(name, reading, draft, known, &result)
}

/// Takes items that are values already, as a form submits them, and checks them like a file's. `name` says where
/// they come from.
pub fn form(name: &str, items: Vec<Item>, removals: Vec<ItemRef>, known: &Known<'_>) -> Submission {
    let mut reading = Reading::new(name, "intake");
    let mut draft = Draft { removals, ..Draft::default() };
    let mut names = Names::of(known);
    for item in items {
        names.learn(&item);
        draft.add(&mut reading, item, Place::unknown());
    }
    let result = check::settle(&mut reading, &mut draft, known.inventory, &names);
    finish(name, reading, draft, known, &result)
}

fn text_of(bytes: &[u8]) -> Result<String, Mistake> {
    if bytes.len() > source::FILE_BYTES_MAX {
        return Err(too_large());
    }
    source::decode(bytes).ok_or_else(|| {
        Mistake::new(
            "not_text",
            Text::new("不是 UTF-8 或 GB18030 编码的文本", "neither UTF-8 nor GB18030 text"),
            Text::new("另存为 UTF-8 文本；.xlsx 请另存为 .csv", "save it as UTF-8 text; save .xlsx as .csv"),
        )
    })
}

fn too_large() -> Mistake {
    let mib = source::FILE_BYTES_MAX >> 20;
    Mistake::new(
        "too_large",
        Text::new(format!("文件大于 {mib} MiB"), format!("the file is larger than {mib} MiB")),
        Text::new("分成几个文件提交", "submit it in several files"),
    )
}

fn draft_of(name: &str, text: &str, reading: &mut Reading, known: &Known<'_>, zone: &TimeZone) -> Draft {
    match name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).as_deref() {
        Some("toml") => city::read(reading, text, known, zone),
        Some("ics") => calendar::read(reading, text, known, zone),
        Some("csv") => sheet::read(reading, text, known, zone),
        _ => {
            reading.note(
                Position::START,
                Mistake::new(
                    "unknown_format",
                    Text::new("不认识这种文件", "this kind of file is not known"),
                    Text::new("提交 .toml、.ics 或 .csv 文件", "submit a .toml, .ics or .csv file"),
                ),
            );
            Draft::default()
        }
    }
}

fn finish(name: &str, reading: Reading, draft: Draft, known: &Known<'_>, result: &Inventory) -> Submission {
    let kept = |details: &PersonDetails| {
        result.people.contains_key(&details.id)
            && !draft.left_out.contains(&ItemRef::Person(details.id.clone()))
    };
    let people = draft.people.iter().filter(|details| kept(details) && !known.people.contains(details));
    let people = people.cloned().collect();
    let places: BTreeMap<ItemRef, Place> =
        draft.items.iter().map(|placed| (placed.item.reference(), placed.place.clone())).collect();
    let ours = |clash: &Clash| {
        [&clash.first, &clash.second].into_iter().any(|id| places.contains_key(&ItemRef::Meeting(id.clone())))
    };
    Submission {
        file: name.to_owned(),
        people,
        removals: draft.removals,
        problems: reading.into_problems(),
        clashes: result.clashes().into_iter().filter(ours).collect(),
        items: draft.items.into_iter().map(|placed| placed.item).collect(),
        places,
    }
}
