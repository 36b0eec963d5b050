//! What a setting is: how it is read, what its default is, what the manual says of it.
//!
//! `settings!` makes a struct whose doc comments are the manual and whose defaults are written once, as they
//! would stand in the file: the manual shows them and the reader reads them. Knows no particular setting.

use std::path::PathBuf;

use crate::domain::lang::Text;
use crate::domain::problem::Position;
use crate::intake::document;
use crate::intake::fields::{Fields, Reading, table};
use crate::intake::mistake::Mistake;
use crate::intake::tree::{Node, Table, Value};

/// What is known of a field beside its kind.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Its name in the file.
    pub name: &'static str,
    /// Its default as it would be written; `None` when it must be given or may be absent.
    pub default: Option<&'static str>,
    /// Smallest and largest value of a number.
    pub range: Option<(i64, i64)>,
    /// Whether a changed value takes effect on reload, without a restart.
    pub live: bool,
}

/// A value that a settings file can hold.
pub trait Setting: Sized + PartialEq {
    /// What to write, Chinese and English.
    fn kind() -> Text;

    /// Reads it from what stands in the file.
    fn read(reading: &mut Reading, node: &Node, spec: &Spec) -> Option<Self>;

    /// What it is when the file does not give it and it has no default.
    fn absent(fields: &mut Fields<'_, '_>, spec: &Spec) -> Option<Self> {
        fields.refuse(fields.at, Mistake::missing_field(spec.name));
        None
    }

    /// The sections inside, each with its name below this one's.
    fn parts() -> Vec<(&'static str, Manual)> {
        Vec::new()
    }

    /// Adds the names of what differs and needs a restart.
    fn differs(&self, new: &Self, name: &str, live: bool, found: &mut Vec<String>) {
        if self != new && !live {
            found.push(name.to_owned());
        }
    }
}

/// Reads a field: from the file, from its default, or as absent.
pub fn take<S: Setting>(fields: &mut Fields<'_, '_>, spec: &Spec) -> Option<S> {
    let given = fields.maybe(spec.name, |reading, node| S::read(reading, node, spec));
    match (fields.has(spec.name), spec.default) {
        (true, _) => given,
        (false, Some(default)) => Some(from_default(default, spec)),
        (false, None) => S::absent(fields, spec),
    }
}

fn from_default<S: Setting>(text: &str, spec: &Spec) -> S {
    let mut reading = Reading::new("default", "config");
    let document = document::parse(&mut reading, &format!("value = {text}"));
    let value = document.get("value").and_then(|node| S::read(&mut reading, node, spec));
    value.filter(|_| reading.is_clean()).expect("every default is read when the shipped files are tested")
}

/// What the manual says of a section.
#[derive(Debug, Clone)]
pub struct Manual {
    /// What it is for: Chinese lines, then English ones.
    pub about: Vec<&'static str>,
    /// Its fields in order.
    pub fields: Vec<FieldManual>,
}

/// What the manual says of a field.
#[derive(Debug, Clone)]
pub struct FieldManual {
    /// Name, default, range.
    pub spec: Spec,
    /// What it is for.
    pub about: Vec<&'static str>,
    /// What to write.
    pub kind: Text,
    /// The sections inside.
    pub parts: Vec<(&'static str, Manual)>,
}

/// A group of settings, made by `settings!`.
pub trait Section: Sized + PartialEq {
    /// What the manual says of it.
    fn manual() -> Manual;

    /// Reads its fields and checks them against each other.
    fn fields(fields: &mut Fields<'_, '_>) -> Option<Self>;

    /// Adds the names of what differs and needs a restart.
    fn changes(&self, new: &Self, prefix: &str, found: &mut Vec<String>);
}

/// Reads a section from a table.
pub fn section<S: Section>(reading: &mut Reading, table: &Table, at: Position) -> Option<S> {
    let mut fields = Fields::new(reading, table, at);
    let section = S::fields(&mut fields);
    let clean = fields.finish();
    section.filter(|_| clean)
}

/// Reads a section from what stands in the file.
pub fn section_node<S: Section>(reading: &mut Reading, node: &Node) -> Option<S> {
    let table = table(reading, node)?;
    section(reading, table, node.at)
}

/// A section that the file does not give has its defaults.
pub fn section_absent<S: Section>(fields: &mut Fields<'_, '_>, spec: &Spec) -> Option<S> {
    let at = fields.at;
    let read = |reading: &mut Reading| section(reading, &Table::default(), at);
    let section = fields.reading.within(spec.name, read);
    if section.is_none() {
        fields.spoil();
    }
    section
}

/// `a.b`.
pub fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Makes a section: a struct of public fields, each with its doc comment, kind, range `[min, max]` and default.
/// `@live` marks what takes effect on reload; `check` names a function that holds fields against each other.
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        $section:ident $(check $check:path)? {
            $(
                $(#[doc = $doc:literal])+
                $(@$live:ident)? $field:ident: $kind:ty $([$min:literal, $max:literal])? $(= $default:literal)?,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $section {
            $($(#[doc = $doc])+ pub $field: $kind,)+
        }

        impl $crate::config::setting::Section for $section {
            fn manual() -> $crate::config::setting::Manual {
                use $crate::config::setting::{FieldManual, Setting, Spec};
                $crate::config::setting::Manual {
                    about: vec![$($about),+],
                    fields: vec![$(FieldManual {
                        spec: settings!(@spec $field, ($($live)?), ($($min, $max)?), ($($default)?)),
                        about: vec![$($doc),+],
                        kind: <$kind as Setting>::kind(),
                        parts: <$kind as Setting>::parts(),
                    }),+],
                }
            }

            fn fields(fields: &mut $crate::intake::fields::Fields<'_, '_>) -> Option<Self> {
                use $crate::config::setting::Spec;
                $(let $field = $crate::config::setting::take(
                    fields,
                    &settings!(@spec $field, ($($live)?), ($($min, $max)?), ($($default)?)),
                );)+
                let section = Self { $($field: $field?),+ };
                $($check(&section, fields);)?
                Some(section)
            }

            fn changes(&self, new: &Self, prefix: &str, found: &mut Vec<String>) {
                use $crate::config::setting::{Setting, join};
                $(self.$field.differs(
                    &new.$field,
                    &join(prefix, stringify!($field)),
                    settings!(@live $($live)?),
                    found,
                );)+
            }
        }

        impl $crate::config::setting::Setting for $section {
            fn kind() -> $crate::domain::lang::Text {
                $crate::domain::lang::Text::new("小节", "a section")
            }

            fn read(
                reading: &mut $crate::intake::fields::Reading,
                node: &$crate::intake::tree::Node,
                _: &$crate::config::setting::Spec,
            ) -> Option<Self> {
                $crate::config::setting::section_node(reading, node)
            }

            fn absent(
                fields: &mut $crate::intake::fields::Fields<'_, '_>,
                spec: &$crate::config::setting::Spec,
            ) -> Option<Self> {
                $crate::config::setting::section_absent(fields, spec)
            }

            fn parts() -> Vec<(&'static str, $crate::config::setting::Manual)> {
                vec![("", <Self as $crate::config::setting::Section>::manual())]
            }

            fn differs(&self, new: &Self, name: &str, _: bool, found: &mut Vec<String>) {
                $crate::config::setting::Section::changes(self, new, name, found);
            }
        }
    };
    (@spec $field:ident, ($($live:ident)?), ($($min:literal, $max:literal)?), ($($default:literal)?)) => {
        Spec {
            name: stringify!($field),
            default: settings!(@maybe $($default)?),
            range: settings!(@maybe $(($min, $max))?),
            live: settings!(@live $($live)?),
        }
    };
    (@maybe) => { None };
    (@maybe $value:expr) => { Some($value) };
    (@live) => { false };
    (@live live) => { true };
}

pub(crate) use settings;

impl<S: Setting> Setting for Option<S> {
    fn kind() -> Text {
        let kind = S::kind();
        Text::new(format!("{}，可不写", kind.zh), format!("{}, may be left out", kind.en))
    }

    fn read(reading: &mut Reading, node: &Node, spec: &Spec) -> Option<Self> {
        S::read(reading, node, spec).map(Some)
    }

    fn absent(_: &mut Fields<'_, '_>, _: &Spec) -> Option<Self> {
        Some(None)
    }

    fn parts() -> Vec<(&'static str, Manual)> {
        S::parts()
    }
}

impl<S: Setting> Setting for Vec<S> {
    fn kind() -> Text {
        let kind = S::kind();
        Text::new(format!("列表，每项为{}", kind.zh), format!("a list, each {}", kind.en))
    }

    fn read(reading: &mut Reading, node: &Node, spec: &Spec) -> Option<Self> {
        let Value::List(nodes) = &node.value else {
            reading.note(node.at, Mistake::wrong_kind(&Text::new("列表", "a list"), &node.value.kind()));
            return None;
        };
        let items: Vec<Option<S>> = nodes.iter().map(|node| S::read(reading, node, spec)).collect();
        items.into_iter().collect()
    }

    fn parts() -> Vec<(&'static str, Manual)> {
        S::parts()
    }
}

impl Setting for PathBuf {
    fn kind() -> Text {
        Text::new("路径", "a path")
    }

    fn read(reading: &mut Reading, node: &Node, _: &Spec) -> Option<Self> {
        crate::intake::value::text(reading, node).map(Self::from)
    }
}
