//! XML replies of devices as a small tree, read without order, without case and without surprise. Knows no device.
//!
//! Nothing is expanded but the five entities of XML and characters by number; document types are refused, so no reply
//! can ask for a file or blow up. Depth and number of elements are bounded, memory by the length of the reply.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_xml_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::fault::Fault;

/// Deepest nesting that is read.
pub const DEPTH_MAX: usize = 64;
/// Most elements that are read of one reply.
pub const ELEMENTS_MAX: usize = 400_000;

/// An element. Names are without their namespace's prefix and compared without case; text is trimmed and joined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    /// Its name as written.
    pub name: String,
    /// Its attributes as written; one that cannot be read is left out.
    pub attributes: Vec<(String, String)>,
    /// Its elements in their order.
    pub children: Vec<Element>,
    /// Its own text, trimmed.
    pub text: String,
}

impl Element {
    /// The first element within with that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.is(name))
    }

    /// Every element within with that name.
    pub fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> + 'a {
        self.children.iter().filter(move |child| child.is(name))
    }

    /// The element at the end of a path of names, each the first of its kind.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |at, name| at.child(name))
    }

    /// The text at the end of a path; absent where the element is absent or empty.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|at| at.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The first element with that name at any depth, the nearest to the root of a branch first.
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.child(name).or_else(|| self.children.iter().find_map(|child| child.find(name)))
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut found = self.attributes.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_str())
    }

    /// Whether it has that name.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// Reads a reply. Bytes that are no UTF-8 are replaced, for a name in a foreign encoding is no reason to see nothing.
pub fn parse(bytes: &[u8]) -> Result<Element, Fault> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    // A site called "A & B" is written so by some devices.
    reader.config_mut().allow_dangling_amp = true;
    let mut open: Vec<Element> = Vec::new();
    let mut count = 0_usize;
    loop {
        let closed = match reader.read_event().map_err(|error| broken(&error.to_string()))? {
            Event::Start(start) => {
                open.push(element(&start));
                None
            }
            Event::Empty(start) => {
                open.push(element(&start));
                open.pop()
            }
            Event::End(_) => open.pop(),
            Event::Text(text) => add(&mut open, text.into_inner()),
            Event::CData(text) => add(&mut open, text.into_inner()),
            Event::GeneralRef(reference) => add(&mut open, Cow::Owned(resolved(&reference))),
            Event::DocType(_) => return Err(broken("a document type")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
            Event::Eof => return Err(broken("it ends too early")),
        };
        count += usize::from(closed.is_some());
        if open.len() > DEPTH_MAX || count > ELEMENTS_MAX {
            return Err(broken("too deep or too many elements"));
        }
        let Some(mut closed) = closed else { continue };
        closed.text = closed.text.trim().to_owned();
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => return Ok(closed),
        }
    }
}

/// A value for the inside of an element or attribute that we write ourselves: markup is escaped, and control
/// characters and what else XML cannot carry are left out.
pub fn escaped(text: &str) -> String {
    let fit = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let clean: String = text.chars().filter(fit).collect();
    escape(clean).into_owned()
}

fn element(start: &BytesStart<'_>) -> Element {
    let name = start.local_name().as_ref().to_owned();
    let mut attributes = start.html_attributes();
    // Looking for doubles takes time with the square of their number.
    attributes.with_checks(false);
    let read = attributes.flatten().map(|attribute| {
        let value = unescape(&attribute.value).map(Cow::into_owned);
        let value = value.unwrap_or_else(|_| attribute.value.to_string());
        (attribute.key.local_name().as_ref().to_owned(), value)
    });
    Element { name, attributes: read.collect(), ..Element::default() }
}

fn add(open: &mut [Element], text: Cow<'_, str>) -> Option<Element> {
    if let Some(last) = open.last_mut() {
        last.text.push_str(&text);
    }
    None
}

/// What a reference stands for; an unknown one stands for itself.
fn resolved(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(found)) = reference.resolve_char_ref() {
        return found.to_string();
    }
    let name: &str = reference;
    resolve_xml_entity(name).map_or_else(|| format!("&{name};"), str::to_owned)
}

fn broken(why: &str) -> Fault {
    Fault::Shape(format!("XML: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_without_order_case_prefix_or_surprise() {
        let reply = "\u{feff}<?xml version='1.0'?><!-- x --><x:Call ID='7'><new><a/></new>\
                     <NAME> A&amp;B &#21439; <![CDATA[<c>]]> D & E &foo; </NAME><name>2</name></x:Call>";
        let call = parse(reply.as_bytes()).unwrap();
        assert!(call.is("CALL"));
        assert_eq!(call.attribute("id"), Some("7"));
        assert_eq!(call.text_at(&["name"]), Some("A&B 县 <c> D & E &foo;"));
        assert_eq!(call.children("Name").map(|name| name.text.as_str()).last(), Some("2"));
        assert_eq!(call.at(&["new", "a"]).map(|a| a.children.len()), Some(0));
        assert_eq!(call.find("A").map(|a| a.name.as_str()), Some("a"));
        assert_eq!(call.text_at(&["new"]), None, "empty is absent");
    }

    #[test]
    fn what_is_no_whole_document_is_another_shape() {
        let deep = "<a>".repeat(DEPTH_MAX + 1) + &"</a>".repeat(DEPTH_MAX + 1);
        let bomb = "<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>";
        for reply in ["", "{\"a\":1}", "<a><b></a>", "<a><b></b>", "<a", "</a>", deep.as_str(), bomb] {
            let read = parse(reply.as_bytes());
            assert!(matches!(read, Err(Fault::Shape(_))), "{reply}: {read:?}");
        }
        let within = "<a>".repeat(DEPTH_MAX) + &"</a>".repeat(DEPTH_MAX);
        assert!(parse(within.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_text_we_escape_is_read_as_one_text(text in "\\PC{0,64}") {
            let read = parse(format!("<a b=\"{0}\">{0}</a>", escaped(&text)).as_bytes()).unwrap();
            prop_assert_eq!(read.text.as_str(), text.trim());
            prop_assert_eq!(read.attribute("b"), Some(text.as_str()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn any_pieces_of_markup_are_read_or_refused(
            pieces in proptest::collection::vec(
                prop_oneof!["<[a-c]( [a-c]='.')?>", "</[a-c]>", "<[a-c]/>", "&[a-z#0-9]{0,4};?", ".{0,4}"], 0..40),
        ) {
            let _ = parse(pieces.concat().as_bytes());
        }
    }
}
